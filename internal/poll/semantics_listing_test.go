package poll_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

// lists delivers n wanted messages received a little ago and returns their ids.
func (h *house) lists(prefix string, n int) []string {
	var ids []string
	for i := range n {
		name := fmt.Sprintf("%s%02d", prefix, i)
		ids = append(ids, h.server.add(letter(name, supplier, name+".csv", name), h.now.Add(-time.Hour)))
	}
	return ids
}

// renumber gives every message another id, the first keep ones aside, as a server does that was restored.
func (s *server) renumber(keep int) {
	for i, m := range s.messages {
		if i >= keep {
			m.id = fmt.Sprint(1000 + i)
		}
	}
}

// What counts as a reset of the ids, and that such a pass deletes nothing (semantics 3).
func TestResetByTheNumbers(t *testing.T) {
	tests := []struct {
		known, kept int
		reset       bool
	}{
		{21, 4, true}, {21, 5, false}, {20, 3, true}, {20, 4, false}, {19, 0, true}, {19, 1, false}, {1, 0, true},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%d_of_%d", test.kept, test.known), func(t *testing.T) {
			both(t, func(t *testing.T, h *house) {
				h.age("a", test.known, 1)
				h.mustRun()
				h.pass.Retention.LeaveCopy, h.pass.Retention.DeleteUnmatched, h.pass.Retention.BrakeOff = false, true, true
				h.server.renumber(test.kept)
				report := h.mustRun()
				if deleted := report.Deleted > 0; deleted == test.reset {
					t.Errorf("a reset is %v, deleted %d", test.reset, report.Deleted)
				}
				if told := strings.Contains(h.output.String(), "message ids changed"); told != test.reset {
					t.Errorf("a reset is %v, told %v", test.reset, told)
				}
				h.mustRun()
				if n := len(h.server.messages); n != 0 {
					t.Errorf("%d messages are left in the pass after", n)
				}
			})
		})
	}
}

// After a reset mail that is older than first_run, counted back from the last finished pass, is not imported; what
// came since is.
func TestResetJudgesLikeAFirstPoll(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.FirstRun = mail.FirstRun{Age: 7 * 24 * time.Hour}
		h.lists("a", 3)
		h.mustRun()
		h.server.messages = nil
		old := h.server.add(letter("o", supplier, "old.csv", "old"), h.now.AddDate(0, 0, -20))
		fresh := h.server.add(letter("f", supplier, "fresh.csv", "f"), h.now)
		h.server.renumber(0)
		h.mustRun()
		if len(h.files()) != 4 || !slices.Contains(h.files(), "autoparts/fresh.csv") {
			t.Errorf("files %q", h.files())
		}
		_, _ = old, fresh
	})
}

// Another account under the same name: other ids, even if they look the same.
func TestAccountChange(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.FirstRun = mail.FirstRun{Age: 7 * 24 * time.Hour}
		h.lists("a", 3)
		h.mustRun()
		h.pass.Retention.LeaveCopy, h.pass.Retention.BrakeOff = false, true
		h.user = "another"
		h.server.messages, h.server.nextUID = nil, 1
		h.lists("b", 2)
		old := h.server.add(letter("o", supplier, "old.csv", "old"), h.now.AddDate(0, 0, -8))
		if report := h.mustRun(); report.Deleted != 0 {
			t.Errorf("the pass that reconciles deleted %d", report.Deleted)
		}
		h.wantFiles("autoparts/a00.csv", "autoparts/a01.csv", "autoparts/a02.csv", "autoparts/b00.csv", "autoparts/b01.csv")
		h.wantOutcome(old, mail.Baseline)
		h.mustRun()
		h.wantOnServer(true, old)
		if n := len(h.server.messages); n != 1 {
			t.Errorf("%d messages left", n)
		}
	})
}

// A server that shows an empty mailbox once: nothing is deleted, nothing comes again, what was waiting goes on.
func TestEmptyOnce(t *testing.T) {
	for _, n := range []int{3, 25} {
		both2(t, fmt.Sprint(n), func(t *testing.T, h *house) {
			h.lists("a", n)
			damaged := h.server.add(broken("d", supplier), h.now)
			h.mustRun()
			files := h.files()
			all := h.server.messages
			h.server.messages = nil
			h.mustRun()
			h.server.messages = all
			h.server.fetched = map[string]int{}
			h.now = h.now.Add(time.Hour)
			h.mustRun()
			h.wantFiles(files...)
			if h.server.fetched[damaged] != 1 || len(h.server.fetched) != 1 {
				t.Errorf("fetched again: %v", h.server.fetched)
			}
			h.wantOutcome(damaged, mail.Failed)
		})
	}
}

// Incomplete listings for days: what they show is imported, from what they lack nothing is concluded.
func TestIncompleteForDays(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.lists("a", 4)
		h.mustRun()
		h.server.partial = true
		h.lists("b", 4)
		for range 5 {
			h.mustRun()
			h.now = h.now.Add(24 * time.Hour)
		}
		if n := len(h.files()); n != 6 {
			t.Errorf("%d files, want 4 and the 2 that were shown", n)
		}
		for _, rec := range h.records() {
			if rec.Deletion != mail.DeletionNone {
				t.Errorf("message %s is %s", rec.Ref.ID, rec.Deletion)
			}
		}
		h.server.partial = false
		h.mustRun()
		if n := len(h.files()); n != 8 {
			t.Errorf("%d files, want 8", n)
		}
	})
}

// A first poll that sees only parts of the folder imports and deletes nothing.
func TestFirstPollWaitsForACompleteListing(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.AfterDays, h.pass.Retention.BrakeOff = 1, true
		h.lists("a", 4)
		h.server.partial = true
		for range 3 {
			h.mustRun()
			h.now = h.now.Add(48 * time.Hour)
		}
		h.wantFiles()
		if n := len(h.server.messages); n != 4 {
			t.Errorf("%d messages left", n)
		}
	})
}

// first_run none, all, a date and an age; the folder is empty at first contact or not (semantics 3).
func TestFirstRun(t *testing.T) {
	start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		first mail.FirstRun
		want  []string
	}{
		"none":  {mail.FirstRun{None: true}, []string{"autoparts/later.csv"}},
		"all":   {mail.FirstRun{All: true}, []string{"autoparts/day.csv", "autoparts/later.csv", "autoparts/year.csv"}},
		"since": {mail.FirstRun{Since: start.AddDate(0, 0, -2)}, []string{"autoparts/day.csv", "autoparts/later.csv"}},
		"age":   {mail.FirstRun{Age: 48 * time.Hour}, []string{"autoparts/day.csv", "autoparts/later.csv"}},
	}
	for name, test := range tests {
		for _, empty := range []bool{false, true} {
			both2(t, fmt.Sprintf("%s/empty=%v", name, empty), func(t *testing.T, h *house) {
				h.pass.FirstRun = test.first
				if empty {
					h.mustRun()
				}
				h.server.add(letter("y", supplier, "year.csv", "y"), start.AddDate(-1, 0, 0))
				h.server.add(letter("d", supplier, "day.csv", "d"), start.AddDate(0, 0, -1))
				h.mustRun()
				h.server.add(letter("l", supplier, "later.csv", "l"), h.now)
				h.mustRun()
				h.mustRun()
				h.wantFiles(test.want...)
			})
		}
	}
}

// An id that the server uses again for another message makes a new record; the same message with another size stays
// itself.
func TestIDUsedAgain(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		id := h.server.add(letter("1", supplier, "1.csv", "1"), h.now)
		same := h.server.add(letter("2", supplier, "2.csv", "2"), h.now)
		h.mustRun()
		h.server.find(id).raw = []byte(letter("3", supplier, "3.csv", "longer than before"))
		h.server.find(same).raw = []byte(letter("2", supplier, "2.csv", "2") + "\r\nby a virus scanner\r\n")
		h.mustRun()
		h.wantFiles("autoparts/1.csv", "autoparts/2.csv", "autoparts/3.csv")
		if n := len(h.records()); n != 3 {
			t.Errorf("%d records, want 3", n)
		}
		if n := h.server.fetched[same]; n != 1 {
			t.Errorf("the same message was fetched %d times", n)
		}
		// Gone, and another one under its id.
		m := h.server.find(id)
		h.server.remove(id)
		h.mustRun()
		h.server.messages = append(h.server.messages, &message{id, []byte(letter("4", supplier, "4.csv", "4")), h.now})
		h.mustRun()
		h.server.find(id).raw, h.server.find(id).received = m.raw, m.received
		h.mustRun()
		h.wantFiles("autoparts/1.csv", "autoparts/2.csv", "autoparts/3.csv", "autoparts/4.csv")
	})
}

// The message under an id became another one of the same size: the deletion is refused and it is imported.
func TestDeletionMeetsAnotherMessage(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		id := h.server.add(letter("1", supplier, "1.csv", "1"), h.now)
		h.mustRun()
		h.pass.Retention.LeaveCopy = false
		h.server.find(id).raw = []byte(letter("2", supplier, "2.csv", "2"))
		h.mustRun()
		h.wantOnServer(true, id)
		h.mustRun()
		h.wantFiles("autoparts/1.csv", "autoparts/2.csv")
		h.mustRun()
		h.wantOnServer(false, id)
	})
}

// A message that vanishes between the listing and the fetch harms nobody.
func TestVanishesBeforeTheFetch(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		ids := h.lists("a", 3)
		h.server.fail = func(op string) error {
			if op == "retr" {
				h.server.remove(ids[1])
			}
			return nil
		}
		h.mustRun()
		h.wantFiles("autoparts/a00.csv", "autoparts/a02.csv")
		h.mustRun()
		if rec := h.record(ids[1]); rec.Deletion != mail.DeletionGone {
			t.Errorf("the message that vanished is %s, deletion %s", rec.Outcome, rec.Deletion)
		}
	})
}

// A server gives the id, and by chance the size, of a message that was inspected and not yet read to another one, from
// another sender. What comes must not be saved by the rule that wanted the first one's sender, and only once by its own.
func TestAnIdUsedAgainBeforeItsMessageWasRead(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.rules = append(h.rules, match.Rule{Name: "other", From: []string{"*@othersite.ru"}, Files: []string{"*.csv"}})
		first := letter("a1", "x@autoparts.ru", "p.csv", "old")
		second := letter("b1", "x@othersite.ru", "q.csv", "new")
		if len(first) != len(second) {
			t.Fatalf("the letters have %d and %d bytes, want the same", len(first), len(second))
		}
		h.server.add(first, h.now)
		h.server.fail = func(op string) error {
			if op == "retr" {
				return errCut
			}
			return nil
		}
		if _, err := h.run(); err == nil {
			t.Fatal("a pass that could not read succeeded")
		}
		h.server.fail, h.server.messages[0].raw = nil, []byte(second)
		for range 3 {
			h.mustRun()
		}
		h.wantFiles("other/q.csv")
	})
}
