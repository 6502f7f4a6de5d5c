package daemon

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

// everyRule wants, besides the usual lists, what a disabled rule wants too and lists that replace each other.
const everyRule = "rules:\n- {name: autoparts, from: [price@autoparts.example], files: ['*.xls']}\n" +
	"- {name: off, from: [price@off.example], files: ['*'], enabled: false}\n" +
	"- {name: one, from: [price@one.example], files: ['*.xls'], on_conflict: replace}\n"

// everything are the letters of the mailbox that everyOutcome makes, by outcome, with their age in days.
const everything = "baseline-110 dismissed-40 failed-14 held-40 leftover-10 leftover-40 near-10 near-40 newest-40 paused-40 " +
	"saved-0 saved-10 saved-40 superseded-40 unmatched-0 unmatched-10 unmatched-40"

// everyOutcome lives forty days on leave_copy: true; then a letter of each outcome lies in the mailbox.
func (l *life) everyOutcome() {
	l.t.Helper()
	l.rules, l.box, l.head = everyRule, ", first_run: 60d", "limits: {min_free: 1MB, message_size: 5KB}\n"
	start := l.now
	at := func(day float64) { l.now = start.Add(time.Duration(day * 24 * float64(time.Hour))) }
	l.sends("saved-40", "price@autoparts.example", "a.xls")
	l.sends("leftover-40", "price@autoparts.example", "b.xls", "b.pdf")
	l.sends("near-40", "price@autoparts.example", "c.pdf")
	l.sends("dismissed-40", "price@autoparts.example", "d.pdf")
	l.sends("unmatched-40", "news@novosti.example", "e.xls")
	l.sends("paused-40", "price@off.example", "f.xls")
	l.sends("newest-40", "price@one.example", "list.xls")
	l.sends("held-40", "price@autoparts.example", strings.Repeat("long ", 1000)+".xls")
	l.putRaw(start.AddDate(0, 0, -70), lifeLetter("baseline-110", start.AddDate(0, 0, -70)))
	l.mustPass()
	l.do(Request{Action: ActDismiss, IDs: []mail.RecordID{l.records()["dismissed-40"].ID}})
	at(-1)
	l.sends("superseded-40", "price@one.example", "list.xls") // an older list that comes late
	at(0.01)
	l.mustPass()
	at(13)
	l.mustPass()
	at(26)
	l.putRaw(l.now, damaged("failed-14"))
	l.mustPass()
	at(30)
	l.sends("saved-10", "price@autoparts.example", "g.xls")
	l.sends("leftover-10", "price@autoparts.example", "h.xls", "h.pdf")
	l.sends("near-10", "price@autoparts.example", "i.pdf")
	l.sends("unmatched-10", "news@novosti.example", "j.xls")
	l.mustPass()
	at(39.5)
	l.sends("saved-0", "price@autoparts.example", "k.xls")
	l.sends("unmatched-0", "news@novosti.example", "l.xls")
	l.mustPass()
	at(40.02)
	for name, rec := range l.records() {
		outcome, _, _ := strings.Cut(name, "-")
		got := string(rec.Outcome)
		if rec.Leftover {
			got = "leftover"
		}
		if want := map[string]string{"near": "near_miss", "newest": "saved"}[outcome]; got != outcome && got != want {
			l.t.Fatalf("%s is %s: %s", name, got, rec.Reason)
		}
	}
	if got := strings.Join(l.left(), " "); got != everything {
		l.t.Fatalf("on the server are %q", got)
	}
}

// sends delivers a letter with files of those names, all with the letter's name as their content.
func (l *life) sends(name, from string, files ...string) {
	l.t.Helper()
	o := mailtest.MessageOptions{From: from, Subject: "Letter " + name, ID: name + "@life.example", Date: l.now, Received: l.now}
	for _, f := range files {
		o.Files = append(o.Files, mailtest.Attachment{Name: f, Content: []byte(f + " of " + name)})
	}
	l.putRaw(l.now, mailtest.Message(o))
}

// policies are retention options, each with every letter of everything that they delete. What is failed, held or paused
// is in none of them. The others are the table of the README, read by a person.
func policies() map[string]string {
	const saved, unmatched = "saved-0 saved-10 saved-40 newest-40", "unmatched-0 unmatched-10 unmatched-40"
	const old = "baseline-110 dismissed-40 leftover-40 near-40 newest-40 saved-40 superseded-40 unmatched-40"
	const dayOld = old + " leftover-10 near-10 saved-10 unmatched-10"
	return map[string]string{
		"leave_copy: true": "",
		"leave_copy: true, delete_unmatched: false, delete_after_days: off": "",
		"leave_copy: false":                                                           saved,
		"leave_copy: false, delete_unmatched: true":                                   saved + " " + unmatched,
		"delete_after_days: 365":                                                      "",
		"delete_after_days: 30":                                                       old,
		"delete_after_days: 1, brake: off":                                            dayOld,
		"delete_after_days: 30, delete_scope: saved":                                  "saved-40 newest-40 leftover-40",
		"leave_copy: false, delete_after_days: 1, delete_scope: saved":                saved + " leftover-10 leftover-40",
		"leave_copy: false, delete_unmatched: true, delete_after_days: 30, brake: 1%": saved + " " + unmatched + " " + old,
	}
}

// without are the letters of all that are not in gone, sorted.
func without(all string, gone ...string) string {
	var left []string
	for _, name := range strings.Fields(all) {
		if !slices.ContainsFunc(gone, func(g string) bool { return slices.Contains(strings.Fields(g), name) }) {
			left = append(left, name)
		}
	}
	return strings.Join(left, " ")
}

// Options changed in every direction, and back: what one policy and then the other name goes, nothing else ever does.
// The mailbox is too small for the brake; see TestBrakeInEveryDirection.
func TestOptionsInEveryDirection(t *testing.T) {
	all := policies()
	names := slices.Sorted(maps.Keys(all))
	for i, first := range names {
		for k, second := range names[:i] {
			if (i+k)%2 == 1 { // so that each policy is now the first, now the second
				first, second = second, first
			}
			t.Run(first+" → "+second, func(t *testing.T) {
				overBoth(t, func(t *testing.T, l *life) {
					if l.protocol == "imap" && first != "leave_copy: true" && second != "leave_copy: true" {
						return // policies know no protocol: the others show that the sessions delete alike
					}
					l.everyOutcome()
					l.follow(everything, first, second, second, first)
				})
			})
		}
	}
}

// follow applies policies one after the other and wants exactly what each of them names to go.
func (l *life) follow(left string, order ...string) {
	l.t.Helper()
	for _, policy := range order {
		l.policy = policy
		left = without(left, policies()[policy])
		for range 2 { // over POP3 a pass that reads what is damaged deletes nothing, the next one does
			l.now = l.now.Add(time.Minute)
			l.mustPass()
		}
		if got := strings.Join(l.left(), " "); got != left {
			l.t.Fatalf("after %s:\nleft %s\nwant %s\n%s", policy, got, left, l.log)
		}
	}
}

// A new policy neither settles nor deletes in a pass whose listing is not complete: the count is not what STAT says.
func TestNewPolicyWaitsForACompleteListing(t *testing.T) {
	l := newLife(t, "pop3")
	l.put(l.now, numbered("w", 3)...)
	l.mustPass()
	l.policy = "leave_copy: false"
	l.now = l.now.Add(time.Minute)
	l.onPOP3(func(x *mailtest.Exchange) {
		if x.Verb == "STAT" {
			x.Reply = []byte("+OK 4 99999\r\n")
		}
	})
	for range 3 {
		l.mustPass()
	}
	l.wantLeft("w0 w1 w2")
	l.script.Store(nil)
	l.mustPass()
	l.wantLeft("")
}

// Never deleted is what is not verified in the very session: another letter under a used UIDL, of the same size.
func TestAnotherLetterUnderTheUIDL(t *testing.T) {
	l := newLife(t, "pop3")
	l.put(l.now, "w1", "x1")
	l.mustPass()
	l.policy = "leave_copy: false, delete_unmatched: true"
	all := l.drops["prices"].Messages()
	all[0].Raw = lifeLetter("w2", l.now)
	l.drops["prices"].Set(all)
	l.mustPass()
	l.wantLeft("w2")
	l.mustPass()
	l.mustPass()
	l.wantLeft("")
	l.imported("autoparts/w1.xls", "autoparts/w2.xls")
}

// fileCount is how many files were imported so far.
func (l *life) fileCount() int {
	l.t.Helper()
	files, err := l.daemon().journal.RuleStats(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	n := 0
	for _, s := range files {
		n += s.Count
	}
	return n
}

// Changes of all that is no retention option, on the most eager policy but one: what goes within the next passes, and
// how many files come.
func TestOtherOptionsChanged(t *testing.T) {
	const policy = "leave_copy: false, delete_unmatched: true, delete_after_days: 30"
	goes := policies()[policy+", brake: 1%"]
	for name, c := range map[string]struct {
		change func(l *life)
		stays  string // of goes
		files  int    // imported because of it
	}{
		"nothing":           {func(*life) {}, "", 0},
		"first_run longer":  {func(l *life) { l.box = ", first_run: all" }, "", 0},
		"first_run shorter": {func(l *life) { l.box = ", first_run: none" }, "", 0},
		"rule renamed":      {func(l *life) { l.rules = strings.Replace(everyRule, "autoparts,", "renamed,", 1) }, "", 0},
		"rule disabled": {func(l *life) {
			l.rules = strings.Replace(everyRule, "'*.xls']}", "'*.xls'], enabled: false}", 1)
		}, "near-40 leftover-40", 0}, // judged before they go: they are the disabled rule's mail, which is left alone
		"rule for what was unmatched": {func(l *life) {
			l.rules = everyRule + "- {name: news, from: [news@novosti.example], files: ['*.xls']}\n"
		},
			"", 3}, // saved first
		"disabled rule for what was unmatched": {func(l *life) {
			l.rules = everyRule + "- {name: news, from: [news@novosti.example], files: ['*.xls'], enabled: false}\n"
		}, "unmatched-0 unmatched-10 unmatched-40", 0},
		"mask for the near misses": {func(l *life) { l.rules = strings.Replace(everyRule, "'*.xls'", "'*.xls', '*.pdf'", 1) }, "", 2}, // of what goes
		"message_size raised":      {func(l *life) { l.head = "limits: {min_free: 1MB, message_size: 50MB}\n" }, "", 0},
		"message_size lowered":     {func(l *life) { l.head = "limits: {min_free: 1MB, message_size: 1KB}\n" }, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, l *life) {
				l.everyOutcome()
				l.policy = policy
				c.change(l)
				files := l.fileCount()
				for range 4 {
					l.now = l.now.Add(time.Minute)
					l.mustPass()
				}
				if want := without(everything, without(goes, c.stays)); strings.Join(l.left(), " ") != want {
					t.Errorf("left %s\nwant %s\n%s", l.left(), want, l.log)
				}
				if got := l.fileCount() - files; got != c.files {
					t.Errorf("%d files were imported, want %d\n%s", got, c.files, l.log)
				}
			})
		})
	}
}

// The brake: a mailbox of 30 saved and 30 unmatched letters forty days old, on leave_copy: true. policy is new; plan is
// what waits; then come mail and an answer.
func TestBrakeInEveryDirection(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		waits  int    // after the first pass
		left   int    // after the first pass
		then   string // what is changed instead of approving; "": approve
		after  int    // letters left at the end, 10 new saved and 10 new unmatched ones among what was there
	}{
		"a copy no longer":             {"leave_copy: false", 30, 60, "", 40},                        // the new saved ones are not braked
		"nothing at all":               {"leave_copy: false, delete_unmatched: true", 60, 60, "", 0}, // approved is approved
		"by age":                       {"delete_after_days: 30", 60, 60, "", 20},                    // the new ones are young
		"by age, saved only":           {"delete_after_days: 30, delete_scope: saved", 30, 60, "", 50},
		"a high brake":                 {"leave_copy: false, brake: 50%", 0, 30, "none", 40}, // 50 % are not more than 50 %
		"just above":                   {"leave_copy: false, brake: 49%", 30, 60, "", 40},
		"no brake":                     {"leave_copy: false, delete_unmatched: true, brake: off", 0, 0, "none", 0},
		"withdrawn":                    {"delete_after_days: 30", 60, 60, "leave_copy: true", 80},
		"made milder":                  {"delete_after_days: 30", 60, 60, "delete_after_days: 300", 80},
		"made another":                 {"delete_after_days: 30", 60, 60, "leave_copy: false", 70}, // braked anew; the new saved ones go
		"the brake off":                {"delete_after_days: 30", 60, 60, "delete_after_days: 30, brake: off", 20},
		"the brake wide":               {"delete_after_days: 30", 60, 60, "delete_after_days: 30, brake: 100%", 20},
		"never approved":               {"leave_copy: false", 30, 60, "none", 70}, // the new saved ones go meanwhile
		"too little for the brake":     {"delete_after_days: 50", 0, 60, "none", 80},
		"the way of deletion is new":   {"leave_copy: true, imap_delete: expunge", 0, 60, "none", 80},
		"age beside a copy no longer":  {"leave_copy: false, delete_after_days: 30", 60, 60, "", 10}, // 10 new unmatched ones
		"age off beside a copy, later": {"leave_copy: false, delete_after_days: 30", 60, 60, "leave_copy: false, delete_after_days: off", 70},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, l *life) {
				if l.protocol == "pop3" && strings.Contains(c.policy, "imap_delete") {
					return // a key of the other protocol
				}
				l.box = ", first_run: all"
				received := l.now.AddDate(0, 0, -40)
				l.put(received, numbered("w", 30)...)
				l.put(received, numbered("x", 30)...)
				l.mustPass()
				l.policy = c.policy
				step := func() Outcome { l.now = l.now.Add(time.Minute); return l.mustPass() }
				if out := step(); out.Report.Waiting != c.waits || len(l.left()) != c.left {
					t.Fatalf("%d wait, %d are left; want %d and %d\n%s", out.Report.Waiting, len(l.left()), c.waits, c.left, l.log)
				}
				if c.waits > 0 && !l.said("deletions wait for: pricefetch approve prices", fmt.Sprintf("count=%d", c.waits)) {
					t.Errorf("the log:\n%s", l.log)
				}
				l.now = l.now.Add(time.Minute)
				l.put(l.now, numbered("w1x", 10)...)
				l.put(l.now, numbered("x1x", 10)...)
				switch c.then {
				case "":
					lines := l.approve()
					if want := fmt.Sprintf("prices: %d messages may be deleted now", c.waits); !strings.HasPrefix(lines[0], want) {
						t.Errorf("answer %q, want %q", lines, want)
					}
					// Exactly the plan: in the pass that carries it out nothing else that the brake counts goes.
					if step(); len(l.left()) < 80-c.waits-10 {
						t.Errorf("%d are left after a plan of %d", len(l.left()), c.waits)
					}
				case "none":
				default:
					l.policy = c.then
				}
				for range 4 {
					step()
				}
				if got := len(l.left()); got != c.after {
					t.Errorf("%d are left in the end, want %d\n%s", got, c.after, l.log)
				}
			})
		})
	}
}
