package poll_test

import (
	"slices"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

// What enabled and disabled rules both want is saved for the former and paused for deletion; once nothing is disabled
// it is saved, and not twice.
func TestPausedThoughSaved(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.LeaveCopy = false
		h.rules = append(h.rules, match.Rule{Name: "off", From: []string{"*@autoparts.ru"}, Files: []string{"*.csv"}, Disabled: true})
		id := h.server.add(letter("1", supplier, "p.csv", "1"), h.now)
		for range 3 {
			h.mustRun()
			if slices.Contains(h.server.log, "retr") && slices.Contains(h.server.log, "quit") && h.server.protocol == "pop3" {
				t.Error("a session that read a paused message was committed")
			}
		}
		h.wantFiles("autoparts/p.csv")
		h.wantOutcome(id, mail.Paused)
		h.wantOnServer(true, id)
		h.rules[1].Disabled = false
		h.mustRun()
		h.mustRun()
		h.wantFiles("autoparts/p.csv")
		h.wantOutcome(id, mail.Saved)
		h.wantOnServer(false, id)
	})
}

// Before an unmatched or near_miss message is deleted it is judged by the current rules.
func TestJudgedByTodaysRulesBeforeDeletion(t *testing.T) {
	tests := map[string]struct {
		before, after match.Rule
		want          mail.Outcome
		stays         bool
	}{
		"wanted now": {
			before: match.Rule{Name: "a", From: []string{"other.ru"}, Files: []string{"*"}},
			after:  match.Rule{Name: "a", From: []string{"autoparts.ru"}, Files: []string{"*"}}, want: mail.Saved,
		},
		"wanted by a disabled rule": {
			before: match.Rule{Name: "a", From: []string{"other.ru"}, Files: []string{"*"}},
			after:  match.Rule{Name: "a", From: []string{"autoparts.ru"}, Files: []string{"*"}, Disabled: true}, want: mail.Paused, stays: true,
		},
		"a near miss now": {
			before: match.Rule{Name: "a", From: []string{"autoparts.ru"}, Files: []string{"*.xls"}, Exclude: []string{"*.csv"}},
			after:  match.Rule{Name: "a", From: []string{"autoparts.ru"}, Files: []string{"*.xls"}}, want: mail.NearMiss, stays: true,
		},
		"unmatched as before": {
			before: match.Rule{Name: "a", From: []string{"other.ru"}, Files: []string{"*"}},
			after:  match.Rule{Name: "a", From: []string{"third.ru"}, Files: []string{"*"}}, want: mail.Unmatched,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, h *house) {
				h.rules = []match.Rule{test.before}
				id := h.server.add(letter("1", supplier, "p.csv", "1"), h.now)
				h.mustRun()
				h.wantOutcome(id, mail.Unmatched)
				h.now = h.now.Add(10 * 24 * time.Hour) // further back than rescan
				h.pass.Retention.LeaveCopy, h.pass.Retention.DeleteUnmatched = false, true
				h.rules = []match.Rule{test.after}
				for range 3 {
					h.mustRun()
				}
				h.wantOutcome(id, test.want)
				h.wantOnServer(test.stays, id)
				if got := len(h.files()); (got == 1) != (test.want == mail.Saved) {
					t.Errorf("%d files", got)
				}
			})
		})
	}
}

// A leftover keeps its message until a mask takes the rest, an exclude says that it is not wanted, the rule goes, or a
// person dismisses it.
func TestLeftoverIsSettled(t *testing.T) {
	ways := map[string]struct {
		settle func(h *house)
		files  []string
	}{
		"mask added": {func(h *house) { h.rules[0].Files = append(h.rules[0].Files, "*.7z") }, []string{"autoparts/p.csv", "autoparts/rest.7z"}},
		"excluded":   {func(h *house) { h.rules[0].Exclude = []string{"*.7z"} }, []string{"autoparts/p.csv"}},
		"rule gone":  {func(h *house) { h.rules[0] = match.Rule{Name: "x", From: []string{"x.ru"}} }, []string{"autoparts/p.csv"}},
		"dismissed": {func(h *house) {
			if _, err := h.journal.Dismiss(h.t.Context(), h.records()[0].ID, h.now); err != nil {
				h.t.Fatal(err)
			}
		}, []string{"autoparts/p.csv"}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, h *house) {
				h.pass.Retention.LeaveCopy = false
				id := h.server.add(second(letter("1", supplier, "p.csv", "1"), "rest.7z", "7z"), h.now)
				h.mustRun()
				h.mustRun()
				if rec := h.record(id); rec.Outcome != mail.Saved || !rec.Leftover {
					t.Fatalf("record is %s, leftover %v", rec.Outcome, rec.Leftover)
				}
				h.wantOnServer(true, id)
				way.settle(h)
				h.mustRun()
				h.mustRun()
				h.wantFiles(way.files...)
				h.wantOnServer(false, id)
			})
		})
	}
}

// A near miss is not deleted as unmatched; its age takes it.
func TestNearMissGoesByAgeOnly(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.LeaveCopy, h.pass.Retention.DeleteUnmatched, h.pass.Retention.AfterDays = false, true, 2
		id := h.server.add(letter("1", supplier, "p.7z", "1"), h.now)
		h.mustRun()
		h.mustRun()
		h.wantOnServer(true, id)
		h.now = h.now.Add(48 * time.Hour)
		h.mustRun()
		h.wantOnServer(false, id)
	})
}
