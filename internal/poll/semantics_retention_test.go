package poll_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
)

// age delivers n messages that no rule wants, received so many days ago.
func (h *house) age(prefix string, n, days int) {
	for i := range n {
		h.server.add(letter(fmt.Sprint(prefix, i), "x@y.ru", "p.csv", "x"), h.now.AddDate(0, 0, -days))
	}
}

func (h *house) approve(want int) {
	h.t.Helper()
	got, err := h.journal.Approve(h.t.Context(), "prices", h.now)
	if err != nil || len(got) != 1 || got[0].Count != want {
		h.t.Fatalf("approve gives %v, %v; want %d messages", got, err, want)
	}
}

func (h *house) wantLeft(n int) {
	h.t.Helper()
	if got := len(h.server.messages); got != n {
		h.t.Fatalf("%d messages are left, want %d\n%s", got, n, h.output.String())
	}
}

// A new policy that would delete much deletes nothing until somebody approves, then exactly the plan; what has become
// due since goes in the pass after it.
func TestBrakeOverSeveralPasses(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.age("a", 30, 40)
		h.age("b", 30, 1)
		h.mustRun()
		h.pass.Retention.AfterDays = 30
		for range 3 {
			if report := h.mustRun(); report.Waiting != 30 {
				t.Errorf("%d deletions wait, want 30", report.Waiting)
			}
			h.wantLeft(60)
		}
		h.age("late", 5, 50) // moved in later: counts from today
		h.mustRun()
		h.approve(30)
		h.mustRun()
		h.wantLeft(35)
		h.now = h.now.AddDate(0, 0, 10)
		for range 19 { // never 14 days without a pass
			h.mustRun()
			h.now = h.now.AddDate(0, 0, 1)
		}
		h.mustRun() // once approved it is not braked again
		h.wantLeft(5)
	})
}

// More than 20 baseline messages wait even where they are a small share; a policy that settled itself asks once.
func TestBaselineAsksOnce(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.FirstRun = mail.FirstRun{Age: 7 * 24 * time.Hour}
		h.pass.Retention.AfterDays = 30
		h.age("a", 21, 25)
		h.age("b", 3, 40)
		h.age("c", 100, 1)
		h.mustRun()
		h.wantLeft(121) // the three went, and settled the policy
		h.now = h.now.AddDate(0, 0, 6)
		if report := h.mustRun(); report.Waiting != 21 {
			t.Errorf("%d wait", report.Waiting)
		}
		h.wantLeft(121)
		h.approve(21)
		h.mustRun()
		h.wantLeft(100)
		h.now = h.now.AddDate(0, 0, 13)
		h.mustRun()
		h.now = h.now.AddDate(0, 0, 13)
		h.mustRun()
		h.wantLeft(0)
	})
}

// Mail that is moved in is not deleted on sight, mail of the first poll may be.
func TestMailMovedIn(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.AfterDays = 10
		h.age("old", 1, 100)
		h.mustRun()
		h.wantLeft(0)
		h.age("moved", 1, 100)
		h.mustRun()
		h.wantLeft(1)
		h.now = h.now.AddDate(0, 0, 10)
		h.mustRun()
		h.wantLeft(0)
	})
}

// delete_scope: saved spares what people keep in the mailbox; wanted mail is saved before its age takes it.
func TestDeleteScope(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.AfterDays, h.pass.Retention.SavedOnly = 10, true
		wanted := h.server.add(letter("w", supplier, "w.csv", "w"), h.now.AddDate(0, 0, -20))
		h.age("x", 1, 100)
		h.mustRun()
		h.wantFiles("autoparts/w.csv")
		h.wantOnServer(false, wanted)
		h.wantLeft(1)
	})
}

// No outcome that needs somebody is deleted by age, however old; a dismissed one is.
func TestAgeSparesWhatNeedsSomebody(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.AfterDays, h.pass.Retention.BrakeOff, h.pass.MessageSize = 1, true, 5000
		h.rules = append(h.rules, match.Rule{Name: "off", From: []string{"off.ru"}, Files: []string{"*"}, Disabled: true})
		failed := h.server.add(broken("1", supplier), h.now)
		held := h.server.add(letter("2", supplier, "h.csv", strings.Repeat("x", 6000)), h.now)
		paused := h.server.add(letter("3", "a@off.ru", "p.csv", "3"), h.now)
		for range 8 {
			h.mustRun()
			h.now = h.now.AddDate(0, 0, 3)
		}
		h.wantOnServer(true, failed, held, paused)
		if _, err := h.journal.Dismiss(t.Context(), h.record(held).ID, h.now); err != nil {
			t.Fatal(err)
		}
		h.mustRun()
		h.wantOnServer(false, held)
		h.wantOnServer(true, failed, paused)
		h.wantFiles("autoparts/good.csv")
	})
}

// After more than 14 days without a finished pass deletion by age waits for approve --clock, which releases no plan.
func TestFifteenDaysWithoutAPass(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.age("a", 30, 1)
		h.mustRun()
		h.pass.Retention.AfterDays = 10
		h.now = h.now.AddDate(0, 0, 15)
		for range 2 {
			h.mustRun()
			h.wantLeft(30)
		}
		if _, err := h.journal.ApproveClock(t.Context(), "prices", h.now); err != nil {
			t.Fatal(err)
		}
		h.mustRun()
		h.wantLeft(30) // the brake
		h.approve(30)
		h.mustRun()
		h.wantLeft(0)
	})
}

// A clock that was ahead in one pass deletes nothing when it is right again, until somebody says so.
func TestClockAheadOnce(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.AfterDays = 10
		h.age("a", 3, 1)
		h.mustRun()
		right := h.now
		h.now = h.now.AddDate(3, 0, 0)
		h.mustRun()
		h.wantLeft(3) // three years without a pass
		h.now = right
		h.mustRun()
		if !strings.Contains(h.output.String(), "approve --clock") {
			t.Error("a newest pass in the future is not reported")
		}
		h.age("b", 1, 0)
		if _, err := h.journal.ApproveClock(t.Context(), "prices", h.now); err != nil {
			t.Fatal(err)
		}
		h.now = h.now.AddDate(0, 0, 9)
		h.mustRun()
		h.wantLeft(1)
	})
}

// refusing is a session that answers deletions as it is told.
type refusing struct {
	*session
	answer mail.DeleteState
}

func (c refusing) Delete(_ context.Context, doomed []mail.Doomed) ([]mail.Deleted, error) {
	var out []mail.Deleted
	for _, d := range doomed {
		c.s.log = append(c.s.log, "delete")
		out = append(out, mail.Deleted{Ref: d.Ref, State: c.answer, Err: fmt.Errorf("not today")})
	}
	return out, nil
}

// Deletions that the server refuses, or whose answer is lost, are tried again and told of; nothing is fetched twice.
func TestDeletionNotCarriedOut(t *testing.T) {
	for _, state := range []mail.DeleteState{mail.DeleteRefused, mail.DeleteUnknown, mail.DeleteAbsent, mail.DeleteMismatch} {
		both2(t, fmt.Sprint(state), func(t *testing.T, h *house) {
			h.pass.Retention.LeaveCopy = false
			ids := h.lists("a", 2)
			h.connect = func() poll.Session { return refusing{&session{s: h.server}, state} }
			for range 4 {
				h.mustRun()
			}
			h.wantLeft(2)
			if h.server.fetched[ids[0]] != 1 {
				t.Errorf("fetched %d times", h.server.fetched[ids[0]])
			}
			h.connect = nil
			h.mustRun()
			h.mustRun()
			h.wantLeft(0)
			for _, rec := range h.records() {
				if rec.Deletion != mail.DeletionGone || rec.Outcome != mail.Saved {
					t.Errorf("message %s is %s, %s", rec.Ref.ID, rec.Outcome, rec.Deletion)
				}
			}
		})
	}
}

// A clock that was two days back leaves its doubt on record also where no pass came as far as retention meanwhile.
func TestADoubtfulClockIsRememberedByAPassThatEndsEarly(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.AfterDays, h.pass.Retention.BrakeOff = 3, true
		h.age("a", 1, 1)
		h.mustRun()
		h.now = h.now.AddDate(0, 0, -2)
		h.server.fail = func(op string) error {
			if op == "list" {
				return errCut
			}
			return nil
		}
		if _, err := h.run(); err == nil {
			t.Fatal("a pass that could not list succeeded")
		}
		h.server.fail = nil
		h.now = h.now.AddDate(0, 0, 6)
		h.mustRun()
		h.wantLeft(1)
		if _, err := h.journal.ApproveClock(t.Context(), "prices", h.now); err != nil {
			t.Fatal(err)
		}
		h.mustRun()
		h.wantLeft(0)
	})
}
