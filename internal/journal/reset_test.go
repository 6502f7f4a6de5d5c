package journal

import (
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

func TestResetReason(t *testing.T) {
	here := folder{FolderState: mail.FolderState{Scope: "7"}, account: account}
	moved := account
	moved.Host = "mail.example.ru"
	upper := account
	upper.Host = "IMAP.Example.ru"
	tests := map[string]struct {
		account mail.Account
		scope   string
		recall  recall
		want    string
	}{
		"nothing happened":               {account, "7", recall{30, 30, 0, true}, ""},
		"host in another case":           {upper, "7", recall{30, 30, 0, true}, ""},
		"another host":                   {moved, "7", recall{30, 30, 0, true}, "account"},
		"another host, incomplete":       {moved, "7", recall{30, 0, 0, false}, "account"},
		"another UIDVALIDITY":            {account, "8", recall{}, "UIDVALIDITY changed from 7 to 8"},
		"a fifth of 20 left":             {account, "7", recall{20, 4, 50, true}, ""},
		"less than a fifth of 20 left":   {account, "7", recall{20, 3, 50, true}, "only 3 of the 20"},
		"less than a fifth, no others":   {account, "7", recall{21, 4, 0, true}, "only 4 of the 21"},
		"none of 20, mailbox empty":      {account, "7", recall{20, 0, 0, true}, "only 0 of the 20"},
		"one of 19 left":                 {account, "7", recall{19, 1, 50, true}, ""},
		"none of 19 left, others listed": {account, "7", recall{19, 0, 1, true}, "only 0 of the 19"},
		"none of 19 left, mailbox empty": {account, "7", recall{19, 0, 0, true}, ""},
		"nothing was known":              {account, "7", recall{0, 0, 9, true}, ""},
		"incomplete listing":             {account, "7", recall{90, 0, 9, false}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := resetReason(here, tt.account, tt.scope, tt.recall)
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("reason %q, want %q", got, tt.want)
			}
		})
	}
}

// TestReset lists 25 ids of which some were judged, has them reset, and looks at the pass that follows.
func TestReset(t *testing.T) {
	renumbered := func(scope string, ids ...string) mail.Listing {
		l := listing(ids...)
		l.Scope, l.Next.Scope = scope, scope
		for i := range l.Refs {
			l.Refs[i].Scope = scope
		}
		return l
	}
	tests := map[string]struct {
		list    mail.Listing
		moved   bool
		reset   string
		inspect int
		contact time.Duration // since the last finished pass
	}{
		"UIDVALIDITY":           {renumbered("2", numbered(1, 25)...), false, "UIDVALIDITY changed from 1 to 2", 25, -mail.ClockSkew},
		"new ids, four left":    {listing(numbered(22, 60)...), false, "only 4 of the 25", 39, -mail.ClockSkew},
		"another account":       {listing(numbered(1, 25)...), true, "account changed", 25, time.Hour},
		"five left is no reset": {listing(numbered(21, 60)...), false, "", 35, 0},
		"mailbox emptied":       {listing(), false, "only 0 of the 25", 0, -mail.ClockSkew},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			x := polled(t, numbered(1, 25)...)
			old := x.all()
			finished := x.time
			x.ok(x.SetPolicy(t.Context(), mail.FolderState{Mailbox: box, Folder: "INBOX", PolicyHash: "p", PolicySince: start, Settled: mail.SettledApproved, Released: []mail.RecordID{1}}))
			x.pass(time.Hour)
			o := x.options()
			if tt.moved {
				o.Account.Host = "mail.example.ru"
				_, err := x.Started(t.Context(), box, o.Account, x.time)
				x.ok(err)
				cursors, err := x.Cursors(t.Context(), box)
				x.ok(err)
				if len(cursors) != 0 {
					t.Errorf("cursors of the old account: %+v", cursors)
				}
			}
			w, err := x.SortOut(t.Context(), box, tt.list, o)
			x.ok(err)
			if (w.Reset == "") != (tt.reset == "") || !strings.Contains(w.Reset, tt.reset) || w.FirstPoll != (tt.reset != "") {
				t.Errorf("reset %q, first poll %v, want %q", w.Reset, w.FirstPoll, tt.reset)
			}
			if len(w.Inspect) != tt.inspect {
				t.Errorf("%d to inspect, want %d", len(w.Inspect), tt.inspect)
			}
			if len(x.all()) < len(old) {
				t.Errorf("%d records of %d left", len(x.all()), len(old))
			}
			f, err := x.Folder(t.Context(), box, "INBOX")
			x.ok(err)
			if tt.reset == "" {
				return
			}
			if len(x.work())+len(w.Rejudge) != 0 || f.FirstPollDone {
				t.Errorf("the pass goes on before the first poll ended: %+v", f)
			}
			for _, r := range x.all() {
				if r.Deletion != mail.DeletionNone {
					t.Errorf("message %s is %s by a reset", r.Ref.ID, r.Deletion)
				}
			}
			if !f.Contact.Equal(finished.Add(tt.contact)) {
				t.Errorf("contact %v, want %v after %v", f.Contact, tt.contact, finished)
			}
			if f.Settled != mail.SettledNot || len(f.Released) != 0 || !f.PolicySince.Equal(x.time) || (f.PolicyHash == "") != tt.moved {
				t.Errorf("policy %+v, want a new one", f)
			}
			w, err = x.SortOut(t.Context(), box, tt.list, o)
			x.ok(err)
			if w.Reset == "" {
				t.Error("the reset is forgotten before its first poll ended")
			}
		})
	}
}

// TestAfterReset: what was pending goes on, what is new is judged like a first poll, and the next pass is ordinary.
func TestAfterReset(t *testing.T) {
	x := polled(t, numbered(1, 25)...)
	for _, id := range numbered(1, 24) {
		x.judge(id, mail.Unmatched)
	}
	x.pass(30 * 24 * time.Hour)
	w := x.sort(listing(append(numbered(25, 25), numbered(101, 102)...)...))
	var in []mail.Inspection
	for _, r := range w.Inspect {
		e := header(r, "m-"+r.Ref.ID, map[string]time.Time{"101": start.Add(-9 * 24 * time.Hour), "102": start.Add(-6 * 24 * time.Hour)}[r.Ref.ID])
		in = append(in, mail.Inspection{Record: r, Envelope: e})
	}
	_, err := x.Inspected(t.Context(), in, x.time)
	x.ok(err)
	equal(t, "baseline", x.endFirstPoll(), 1)
	if got := x.by("101"); got.Outcome != mail.Baseline || !got.AtFirstPoll {
		t.Errorf("mail older than first_run before the last finished pass: %+v", got)
	}
	work, err := x.Work(t.Context(), box, "INBOX", x.time)
	x.ok(err)
	equal(t, "work", ids(work), "102 25")
	if w := x.sort(listing("25", "101", "102")); w.Reset != "" || w.FirstPoll || len(w.Inspect) != 0 {
		t.Errorf("the pass after: %+v", w)
	}
}

// What was pending before the reset is not taken for old mail, however old it is.
func TestPendingOutlivesReset(t *testing.T) {
	x := polled(t, numbered(1, 25)...)
	x.pass(time.Hour)
	x.inspect(x.sort(listing("25", "101")))
	n, err := x.EndFirstPoll(t.Context(), box, "INBOX", mail.FirstRun{Since: x.time.Add(time.Hour)}, x.time)
	x.ok(err)
	if n.Baseline != 1 || x.by("25").Outcome != mail.Pending || x.by("101").Outcome != mail.Baseline {
		t.Errorf("%d baseline, known message %s, new message %s", n.Baseline, x.by("25").Outcome, x.by("101").Outcome)
	}
}

// A reset in the middle of the first poll goes on with that first poll: what it found before is still to be judged.
func TestResetDuringFirstPoll(t *testing.T) {
	x := newFixture(t)
	x.pass(0)
	x.inspect(x.sort(listing(numbered(1, 25)...)))
	x.pass(time.Hour)
	w := x.sort(listing("25", "101"))
	if w.Reset == "" || !w.FirstPoll {
		t.Fatalf("worklist %+v", w)
	}
	x.inspect(w)
	n, err := x.EndFirstPoll(t.Context(), box, "INBOX", mail.FirstRun{Since: x.time.Add(time.Hour)}, x.time)
	x.ok(err)
	equal(t, "baseline", n.Baseline, 2)
	f, err := x.Folder(t.Context(), box, "INBOX")
	x.ok(err)
	if !f.Contact.Equal(start) {
		t.Errorf("contact %v: no pass has finished, so it stays the first poll's start", f.Contact)
	}
}

// Our own deletions do not make a mailbox look reset.
func TestOwnDeletionsAreNoReset(t *testing.T) {
	x := polled(t, numbered(1, 40)...)
	var ids []mail.RecordID
	for _, id := range numbered(1, 39) {
		ids = append(ids, x.judge(id, mail.Unmatched))
	}
	x.ok(x.Deleting(t.Context(), ids, x.time))
	for _, id := range ids[:20] {
		x.ok(x.Deleted(t.Context(), []mail.DeleteAnswer{{ID: id, State: mail.DeleteDone, Why: ""}}, x.time))
	}
	x.pass(time.Hour)
	if w := x.sort(listing("40", "41")); w.Reset != "" {
		t.Errorf("reset: %s", w.Reset)
	}
	for _, id := range []string{"1", "39"} {
		if r := x.by(id); r.Deletion != mail.DeletionGone || r.Outcome != mail.Unmatched || r.Listed {
			t.Errorf("deleted message: %+v", r)
		}
		equal(t, "step", x.lastStep(x.by(id).ID), "gone from the server after its deletion")
	}
}

// New ids that an incomplete listing showed first are no less others than the last complete listing had: the reset is
// recognised by the next listing that is complete.
func TestAResetSeenFirstByAnIncompleteListing(t *testing.T) {
	x := polled(t, "1", "2")
	short := listing("8", "9")
	short.Complete = false
	x.pass(time.Hour)
	if w := x.sort(short); w.Reset != "" {
		t.Errorf("an incomplete listing proves a reset: %s", w.Reset)
	}
	x.pass(time.Hour)
	if w := x.sort(listing("8", "9")); !strings.Contains(w.Reset, "only 0 of the 2") {
		t.Errorf("reset %q, want that none of the 2 known ids is left", w.Reset)
	}
}

// TestResetMakesThePolicyNewAtOnce: a pass that dies before it has stored its policy must not leave the approval of an
// earlier one, which was about ids that nobody knows any more.
func TestResetMakesThePolicyNewAtOnce(t *testing.T) {
	x := polled(t, numbered(1, 30)...)
	f, err := x.Folder(t.Context(), box, "INBOX")
	x.ok(err)
	f.PolicyHash, f.PolicySince, f.Settled, f.Released = "policy", x.time, mail.SettledApproved, []mail.RecordID{1}
	x.ok(x.SetPolicy(t.Context(), f))
	x.pass(time.Hour)
	x.identified(x.sort(renumber("2", numbered(101, 130)...)), shifted)
	x.endFirstPoll()
	f, err = x.Folder(t.Context(), box, "INBOX")
	x.ok(err)
	equal(t, "first poll ended", f.FirstPollDone, true)
	equal(t, "new since", f.PolicySince, x.time)
	equal(t, "settled", f.Settled, mail.SettledNot)
	equal(t, "released", len(f.Released), 0)
}

// TestIdsMadeFromHeadersAreNotReset: of a server without UIDL the last message went and another came.
func TestIdsMadeFromHeadersAreNotReset(t *testing.T) {
	x := polled(t, "fp:v1:old:100:1")
	x.pass(time.Hour)
	if w := x.sort(listing("fp:v1:new:100:1")); w.Reset != "" || w.FirstPoll {
		t.Errorf("reset %q", w.Reset)
	}
	equal(t, "the old one", x.by("fp:v1:old:100:1").Deletion, mail.DeletionGone)
}

// TestNeverIdentifiedAndBack: a message whose header could not be had vanished and came back.
func TestNeverIdentifiedAndBack(t *testing.T) {
	x := polled(t, "1")
	x.pass(time.Hour)
	x.sort(listing("1", "2")) // its header is not asked for
	x.pass(time.Hour)
	x.sort(listing("1"))
	equal(t, "not listed", x.by("2").Deletion, mail.DeletionGone)
	x.pass(time.Hour)
	x.inspect(x.sort(listing("1", "2")))
	if r := x.by("2"); r.Deletion != mail.DeletionNone || !r.Listed || !r.Inspected {
		t.Errorf("back on the server: %+v", r)
	}
}
