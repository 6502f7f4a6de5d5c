package poll_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// everyOutcome leaves a mailbox with a message of each outcome on record, and returns what they are by subject.
func (h *house) everyOutcome() map[string]mail.Outcome {
	h.t.Helper()
	h.pass.FirstRun = mail.FirstRun{Age: 7 * 24 * time.Hour}
	h.server.add(letter("baseline", supplier, "baseline.csv", "b"), h.now.AddDate(0, 0, -60))
	h.lists("a", 3)
	h.server.add(letter("near_miss", supplier, "near.7z", "7"), h.now)
	h.server.add(letter("unmatched", "x@y.ru", "u.csv", "u"), h.now)
	h.server.add(broken("failed", supplier), h.now)
	dismissed := h.server.add(letter("dismissed", supplier, "dismissed.7z", "7"), h.now)
	h.mustRun()
	if _, err := h.journal.Dismiss(h.t.Context(), h.record(dismissed).ID, h.now); err != nil {
		h.t.Fatal(err)
	}
	h.now = h.now.Add(-4 * time.Minute) // the failed one is not due yet
	return h.bySubject()
}

func (h *house) bySubject() map[string]mail.Outcome {
	h.t.Helper()
	out := map[string]mail.Outcome{}
	for _, rec := range h.records() {
		out[fmt.Sprint(rec.ID, " ", rec.Subject)] = rec.Outcome
	}
	return out
}

func (h *house) wantSame(want map[string]mail.Outcome) {
	h.t.Helper()
	if got := h.bySubject(); fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("records %v,\nwant %v\n%s", got, want, h.output.String())
	}
}

// After a reset of the ids every message is known again by its header: none is read, imported, judged or deleted, and
// the pass after it is an ordinary one. What is new beside them is imported.
func TestResetTakesRecordsOver(t *testing.T) {
	resets := map[string]func(h *house){
		"all ids": func(h *house) { h.server.renumber(0) },
		"UIDVALIDITY, same UIDs": func(h *house) {
			if h.server.protocol == "imap" {
				h.server.validity = "8"
			} else {
				h.server.renumber(0)
			}
		},
		"account, same ids": func(h *house) { h.user = "another" },
		"account, new ids":  func(h *house) { h.user = "another"; h.server.renumber(0) },
	}
	for name, reset := range resets {
		both2(t, name, func(t *testing.T, h *house) {
			known := h.everyOutcome()
			files := h.files()
			h.pass.Retention.LeaveCopy, h.pass.Retention.BrakeOff = false, true
			reset(h)
			h.server.nextUID = 5000
			clear(h.server.fetched)
			fresh := h.server.add(letter("fresh", supplier, "fresh.csv", "f"), h.now)
			before := len(h.server.messages)
			report := h.mustRun()
			if report.Deleted != 0 || len(h.server.messages) != before {
				t.Errorf("the pass that reconciles deleted %d", report.Deleted)
			}
			if n := h.server.fetched; len(n) != 1 || n[fresh] != 1 {
				t.Errorf("content was asked for: %v", n)
			}
			h.wantFiles(slices.Sorted(slices.Values(append(files, "autoparts/fresh.csv")))...)
			known[fmt.Sprint(h.record(fresh).ID, " Prices fresh")] = mail.Saved
			h.wantSame(known)

			h.now = h.now.Add(-4 * time.Minute)
			report = h.mustRun()
			if report.Deleted != 4 { // the saved ones
				t.Errorf("the pass after deleted %d\n%s", report.Deleted, h.output.String())
			}
			h.wantSame(known)
		})
	}
}

// A mailbox that is moved from POP3 to IMAP, and back.
func TestMailboxMovesBetweenProtocols(t *testing.T) {
	h := newHouse(t, "pop3")
	known := h.everyOutcome()
	files := h.files()
	for i, protocol := range []string{"imap", "pop3", "imap"} {
		h.now = time.Date(2026, 11, 20, 12, 1+i, 0, 0, time.UTC) // the failed one is not due
		h.server.protocol, h.server.folder, h.server.validity = protocol, "", ""
		if protocol == "imap" {
			h.server.folder, h.server.validity = "INBOX", "7"
		}
		h.server.renumber(0)
		clear(h.server.fetched)
		plan, _ := h.plan()
		if len(plan.files) != 0 || len(plan.left) != len(h.server.messages) {
			t.Errorf("planned after the move to %s: %+v", protocol, plan)
		}
		if report := h.mustRun(); report.Deleted+len(report.Files) != 0 || len(h.server.fetched) != 0 {
			t.Errorf("after the move to %s: %+v, asked for %v", protocol, report, h.server.fetched)
		}
		h.wantFiles(files...)
		h.wantSame(known)
	}
	for range 2 {
		h.mustRun()
		h.wantFiles(files...)
		h.wantSame(known)
	}
}

// A reset is seen through by the passes after it where the first one is cut.
func TestResetIsSeenThrough(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		known := h.everyOutcome()
		files := h.files()
		h.pass.Retention.LeaveCopy, h.pass.Retention.DeleteUnmatched, h.pass.Retention.BrakeOff = false, true, true
		h.server.renumber(0)
		tops := 0
		h.server.fail = func(op string) error {
			if op == "top" {
				if tops++; tops == 4 {
					return errCut
				}
			}
			return nil
		}
		if err := h.tryRun(); err == nil {
			t.Fatal("the pass was not cut")
		}
		h.server.fail = nil
		h.now = h.now.Add(-4 * time.Minute)
		clear(h.server.fetched)
		if plan, _ := h.plan(); len(plan.files) != 0 || len(plan.left) != len(h.server.messages) {
			t.Errorf("planned: %+v", plan)
		}
		if report := h.mustRun(); report.Deleted != 0 || len(h.server.fetched) != 0 {
			t.Errorf("the second pass deleted %d, asked for %v", report.Deleted, h.server.fetched)
		}
		h.wantFiles(files...)
		h.wantSame(known)
	})
}

// Two letters that nothing tells apart cannot be taken over; what was imported of them is not imported again.
func TestResetOfTwins(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.lists("a", 2)
		for range 2 {
			h.server.add(letter("twin", supplier, "twin.csv", "t"), h.now)
		}
		h.mustRun()
		files := h.files()
		h.server.renumber(0)
		h.mustRun()
		h.wantFiles(files...)
		for _, m := range h.server.messages {
			h.wantOutcome(m.id, mail.Saved)
		}
	})
}

// A message that somebody moves away and back between two passes, or whose UIDL the server suddenly gives twice, is
// the one on record: old mail is not imported because its id changed.
func TestSomeIDsChange(t *testing.T) {
	changes := map[string]func(h *house){
		"moved away and back": func(h *house) {
			for i := range h.server.messages[:4] {
				h.server.messages[i].id = fmt.Sprint(2000 + i)
			}
		},
		"given twice": func(h *house) {
			if h.server.protocol == "pop3" {
				h.server.messages[0].id = h.server.messages[4].id
			}
		},
	}
	for name, change := range changes {
		both2(t, name, func(t *testing.T, h *house) {
			known := h.everyOutcome()
			files := h.files()
			change(h)
			clear(h.server.fetched)
			if plan, _ := h.plan(); len(plan.files) != 0 {
				t.Errorf("planned %q", plan.files)
			}
			h.mustRun()
			h.wantFiles(files...)
			h.wantSame(known)
			if len(h.server.fetched) != 0 {
				t.Errorf("content was asked for: %v", h.server.fetched)
			}
			if strings.Contains(h.output.String(), "message ids changed") {
				t.Error("taken for a reset")
			}
		})
	}
}

// Where the few messages of a mailbox are all gone and another has come, the ids may have been reset. What is not known by
// its header is new then, although a slow server dates it before our last pass and first_run takes nothing that is there.
func TestNewMailOfASlowServerAfterAReset(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.FirstRun = mail.FirstRun{None: true}
		h.server.add(letter("old", supplier, "old.csv", "o"), h.now.Add(-time.Hour))
		h.mustRun()
		h.wantFiles()
		h.server.messages = nil
		h.server.add(letter("new", supplier, "new.csv", "n"), h.now.Add(-7*time.Minute))
		if plan, _ := h.plan(); len(plan.files) != 1 {
			t.Errorf("planned: %+v", plan)
		}
		h.mustRun()
		h.wantFiles("autoparts/new.csv")
	})
}
