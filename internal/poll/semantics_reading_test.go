package poll_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

// P3: a message whose header the server does not give, or that costs the connection, keeps no other mail from being
// imported, is reported, and is not deleted.
func TestHeaderThatCannotBeRead(t *testing.T) {
	for _, how := range []string{"withheld", "odd", "cuts"} {
		t.Run(how, func(t *testing.T) {
			for _, first := range []bool{true, false} {
				both2(t, map[bool]string{true: "first poll", false: "later"}[first], func(t *testing.T, h *house) {
					h.pass.FirstRun = mail.FirstRun{Age: 7 * 24 * time.Hour}
					var files []string
					if !first {
						h.server.add(letter("0", supplier, "0.csv", "0"), h.now)
						h.mustRun()
						files = append(files, "autoparts/0.csv")
					}
					bad := h.server.add(letter("1", supplier, "1.csv", "1"), h.now)
					h.server.add(letter("2", supplier, "2.csv", "2"), h.now)
					h.server.headless = map[string]string{bad: how}
					files = append(files, "autoparts/2.csv")
					soon := 1 // passes until the other message is saved, also where every pass finds the bad one due
					if how == "cuts" {
						soon = 2
					}
					if how == "cuts" && first {
						soon = 3 // nothing is known of a message that cost one session: it may be older than first_run
					}
					for n := range 13 {
						err := h.tryRun()
						if how == "odd" && err != nil {
							t.Errorf("a header that is known to be unreadable ended the pass: %v", err)
						}
						if n+1 == soon {
							h.wantFiles(files...)
						}
						h.now = h.now.Add(25 * time.Hour)
					}
					h.wantFiles(files...)
					h.wantOutcome(bad, mail.Held)
					h.wantOnServer(true, bad)
				})
			}
		})
	}
}

// A first poll does not wait for a header that cannot be had; when it can be after all, what is older than first_run is
// baseline, as it would have been, and what is not is imported.
func TestHeaderThatComesLate(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.FirstRun = mail.FirstRun{Age: 7 * 24 * time.Hour}
		old := h.server.add(letter("1", supplier, "1.csv", "1"), h.now.AddDate(0, 0, -30))
		young := h.server.add(letter("2", supplier, "2.csv", "2"), h.now.AddDate(0, 0, -3))
		h.server.add(letter("3", supplier, "3.csv", "3"), h.now)
		h.server.headless = map[string]string{old: "withheld", young: "withheld"}
		h.mustRun()
		h.wantFiles("autoparts/3.csv")
		h.server.headless = nil
		h.now = h.now.AddDate(0, 0, 5) // what was young at the first poll is so still
		h.mustRun()
		h.wantFiles("autoparts/2.csv", "autoparts/3.csv")
		h.wantOutcome(old, mail.Baseline)
		h.wantOutcome(young, mail.Saved)
	})
}

func both2(t *testing.T, name string, f func(t *testing.T, h *house)) {
	t.Run(name, func(t *testing.T) { both(t, f) })
}

// A kept raw message that somebody removed is reported, and does not wait in silence for ever.
func TestKeptMessageThatIsGone(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		id := h.server.add(broken("1", supplier), h.now)
		for range 6 {
			h.mustRun()
			h.now = h.now.Add(25 * time.Hour)
		}
		rec := h.record(id)
		if err := os.Remove(filepath.Join(h.dir, "state/held", rec.Kept)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.journal.Retry(t.Context(), rec.ID, h.now); err != nil {
			t.Fatal(err)
		}
		h.output.Reset()
		h.mustRun()
		if got := h.record(id).Outcome; got == mail.Pending || !strings.Contains(h.output.String(), "level=WARN") {
			t.Errorf("the message is %s\n%s", got, h.output.String())
		}
	})
}

// A message that never ends uses up the pass's total limit once or twice; then the others come first.
func TestMessageThatOutlastsThePass(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		slow := h.server.add(letter("1", supplier, "slow.csv", "1"), h.now.Add(-time.Hour))
		h.server.add(letter("2", supplier, "2.csv", "2"), h.now)
		var expire context.CancelCauseFunc
		h.disk = func(i poll.Import) poll.Import {
			return hookedDisk{Import: i, stage: func() error {
				if h.server.fetched[slow] > 0 && expire != nil && h.server.inHand == slow {
					expire(context.DeadlineExceeded)
				}
				return nil
			}}
		}
		for range 3 {
			p, _ := h.boot()
			ctx, cancel := context.WithCancelCause(t.Context())
			expire = cancel
			_, _ = p.Run(&deadline{ctx})
			cancel(nil)
			h.now = h.now.Add(time.Minute)
		}
		defer h.shut()
		h.wantFiles("autoparts/2.csv")
	})
}

// deadline is a context whose end is that of its time.
type deadline struct{ context.Context }

func (d *deadline) Err() error {
	if d.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

// The headers of a POP3 server without TOP come by RETR: the session is committed only if those messages are saved,
// unmatched or kept.
func TestRetrievedForTheHeader(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "pop3")
	h.pass.FirstRun = mail.FirstRun{None: true}
	h.server.noTOP = true
	h.server.add(letter("1", supplier, "p.csv", "1"), h.now.Add(-time.Hour))
	h.mustRun()
	if slices.Contains(h.server.log, "quit") {
		t.Errorf("a session that retrieved a baseline message was committed: %v", h.server.log)
	}
	h.server.add(letter("2", "x@y.ru", "p.csv", "1"), h.now)
	h.mustRun()
	if !slices.Contains(h.server.log, "quit") {
		t.Errorf("a session that retrieved an unmatched message only was not committed: %v", h.server.log)
	}
}

// An approval that comes while a pass is under way holds.
func TestApprovalDuringAPass(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.oldMail(30)
		h.pass.Retention.AfterDays = 5
		h.mustRun()
		h.mustRun()
		h.wrap = func(j poll.Journal) poll.Journal { return approving{j, h} }
		h.mustRun()
		h.wrap = nil
		h.mustRun()
		if n := len(h.server.messages); n != 0 {
			t.Errorf("%d messages are left although the plan was approved", n)
		}
	})
}

// oldMail delivers messages of nobody that a rule wants, received ten days ago.
func (h *house) oldMail(n int) {
	for i := range n {
		h.server.add(letter("old"+strings.Repeat("i", i), "x@y.ru", "p.csv", "x"), h.now.AddDate(0, 0, -10))
	}
}

// approving has a person approve between the pass's reading of the policy and its storing.
type approving struct {
	poll.Journal
	h *house
}

func (j approving) SetPolicy(ctx context.Context, s mail.FolderState) error {
	if _, err := j.h.journal.Approve(ctx, "prices", j.h.now); err != nil {
		return err
	}
	return j.Journal.SetPolicy(ctx, s)
}

// A policy settles itself only in a pass in which nothing held deletions back: not in one whose session is dropped.
func TestDroppedSessionSettlesNoPolicy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "pop3")
	h.pass.Retention.AfterDays = 5
	h.oldMail(3)
	h.server.add(broken("1", supplier), h.now)
	h.mustRun()
	state, err := h.journal.Folder(t.Context(), "prices", "")
	if err != nil || state.Settled != mail.SettledNot || len(h.server.messages) != 4 {
		t.Errorf("policy is settled %q, %d messages, %v", state.Settled, len(h.server.messages), err)
	}
	h.mustRun()
	if state, err = h.journal.Folder(t.Context(), "prices", ""); err != nil || state.Settled != mail.SettledSelf || len(h.server.messages) != 1 {
		t.Errorf("after the next pass the policy is settled %q, %d messages, %v", state.Settled, len(h.server.messages), err)
	}
}

// Nor in one that breaks off among its deletions.
func TestBrokenDeletionsSettleNoPolicy(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.AfterDays = 5
		h.oldMail(3)
		h.server.fail = func(op string) error {
			if strings.HasPrefix(op, "delete") {
				return mail.Errorf(mail.Temporary, "connection reset")
			}
			return nil
		}
		_ = h.tryRun()
		state, err := h.journal.Folder(t.Context(), "prices", h.server.folder)
		if err != nil || state.Settled != mail.SettledNot || state.PolicyHash == "" {
			t.Errorf("policy is settled %q, %v", state.Settled, err)
		}
		h.server.fail = nil
		h.mustRun()
		if state, err = h.journal.Folder(t.Context(), "prices", h.server.folder); err != nil || state.Settled != mail.SettledSelf {
			t.Errorf("after the next pass the policy is settled %q, %v", state.Settled, err)
		}
	})
}
