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

// takingNewest makes the rules of those names, or all, take the newest letter only.
func (h *house) takingNewest(rules ...string) {
	h.pass.Destination = func(rule string) poll.Destination {
		to := poll.Destination{Dir: rule, Newest: len(rules) == 0}
		for _, name := range rules {
			to.Newest = to.Newest || name == rule
		}
		return to
	}
}

// waiting puts letters of one supplier on the server, the last one the newest, and returns their ids.
func (h *house) waiting(n int) []string {
	var ids []string
	for i := range n {
		name := fmt.Sprint(i)
		ids = append(ids, h.server.add(letter("w"+name, supplier, name+".csv", name), h.now.Add(time.Duration(i-n)*time.Hour)))
	}
	return ids
}

// Of the letters that wait for a rule with take: newest the last one is saved, and nothing of the others is read. They go
// by age alone.
func TestTakeNewest(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.takingNewest()
		h.pass.Retention.LeaveCopy = false
		h.pass.Retention.AfterDays = 3
		ids := h.waiting(3)
		h.mustRun()
		h.wantFiles("autoparts/2.csv")
		late := h.server.add(letter("late", supplier, "late.csv", "late"), h.now.Add(-24*time.Hour))
		h.mustRun()
		for _, id := range []string{ids[0], ids[1], late} {
			h.wantOutcome(id, mail.Superseded)
			if h.server.fetched[id] != 0 {
				t.Errorf("message %s was read", id)
			}
		}
		h.wantOnServer(false, ids[2])
		h.wantOnServer(true, ids[0], ids[1], late)
		next := h.server.add(letter("next", supplier, "next.csv", "next"), h.now)
		h.mustRun()
		h.wantFiles("autoparts/2.csv", "autoparts/next.csv")
		h.now = h.now.Add(72 * time.Hour)
		h.mustRun()
		h.wantOnServer(false, ids[0], ids[1], late, next)
		h.wantFiles("autoparts/2.csv", "autoparts/next.csv")
	})
}

// Where the newest letter brings nothing for the rule, the next one does.
func TestNewestWithoutAList(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.takingNewest()
		ids := h.waiting(3)
		answer := h.server.add(letter("answer", supplier, "answer.doc", "?"), h.now)
		h.mustRun()
		h.wantFiles("autoparts/2.csv")
		h.wantOutcome(answer, mail.NearMiss)
		h.wantOutcome(ids[1], mail.Superseded)
	})
}

// While the newest letter is damaged the one before it is the newest that can be had; later it is the damaged one.
func TestNewestIsDamaged(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.takingNewest()
		h.rules[0].Exclude = []string{"good.csv"}
		ids := h.waiting(2)
		damaged := h.server.add(broken("d", supplier), h.now)
		h.mustRun()
		h.wantFiles("autoparts/1.csv")
		h.wantOutcome(damaged, mail.Failed)
		h.wantOutcome(ids[0], mail.Superseded)
		m := h.server.find(damaged)
		m.raw = []byte(letter("d", supplier, "bad.csv", "sound"))
		h.now = h.now.Add(time.Hour)
		h.mustRun()
		h.mustRun()
		h.wantFiles("autoparts/1.csv", "autoparts/bad.csv")
	})
}

// A letter that another rule wants too is read, and of the rule whose newer list is out nothing is saved.
func TestNewestOfOneRuleOnly(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.takingNewest("autoparts")
		h.rules = append(h.rules, match.Rule{Name: "stock", From: []string{"autoparts.ru"}, Files: []string{"*.xls"}})
		h.rules[0].Files = []string{"*.csv"}
		h.pass.Retention.LeaveCopy = false
		var ids, order []string
		h.disk = func(i poll.Import) poll.Import {
			return hookedDisk{Import: i, publish: func(f mail.File) error { order = append(order, f.Original); return nil }}
		}
		for i := range 4 {
			name := fmt.Sprint(i)
			ids = append(ids, h.server.add(second(letter(name, supplier, name+".csv", name), name+".xls", "x"+name), h.now.Add(time.Duration(i-4)*time.Hour)))
		}
		onlyStock := h.server.add(letter("s", supplier, "s.xls", "s"), h.now)
		damaged := h.server.add(second(strings.Replace(broken("d", supplier), "bad.csv", "bad.xls", 1), "d.xls", "xd"), h.now.Add(-5*time.Hour))
		for range 3 {
			h.mustRun()
		}
		h.wantFiles("autoparts/3.csv", "stock/0.xls", "stock/1.xls", "stock/2.xls", "stock/3.xls", "stock/d.xls", "stock/s.xls")
		if got := strings.Join(order, " "); got != "d.xls 0.xls 1.xls 2.xls 3.xls s.xls 3.csv" {
			t.Errorf("published in the order %s", got)
		}
		for _, id := range ids[:3] {
			h.wantOutcome(id, mail.Superseded)
			h.wantOnServer(true, id)
			if h.server.fetched[id] != 1 {
				t.Errorf("message %s was read %d times", id, h.server.fetched[id])
			}
		}
		h.wantOutcome(damaged, mail.Failed)
		h.wantOnServer(false, ids[3], onlyStock)
		older := h.server.add(second(letter("o", supplier, "o.csv", "o"), "o.xls", "xo"), h.now.Add(-3*time.Hour))
		h.mustRun()
		h.wantFiles("autoparts/3.csv", "stock/0.xls", "stock/1.xls", "stock/2.xls", "stock/3.xls", "stock/d.xls", "stock/o.xls", "stock/s.xls")
		h.wantOutcome(older, mail.Superseded)
		h.wantOnServer(true, older)
	})
}

// A disabled rule's mail is left alone, whatever else wants it.
func TestNewestAndPaused(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.takingNewest()
		h.rules = append(h.rules, match.Rule{Name: "off", From: []string{"autoparts.ru"}, Files: []string{"*"}, Disabled: true})
		ids := h.waiting(2)
		h.mustRun()
		h.wantOutcome(ids[0], mail.Paused)
		h.wantOutcome(ids[1], mail.Paused)
	})
}

// beatenJournal is a journal in which something newer of every rule came out after the intent.
type beatenJournal struct {
	poll.Journal
	h *house
}

func (j beatenJournal) Latest(context.Context, string) (time.Time, error) { return j.h.now, nil }

// What something newer came out of between the intent and a crash is not published by the start after it.
func TestNewestSurvivesACrash(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.takingNewest()
		h.pass.Retention.LeaveCopy = false
		id := h.server.add(letter("1", supplier, "1.csv", "1"), h.now.Add(-time.Hour))
		h.wrap = func(j poll.Journal) poll.Journal { return dyingAfterIntend{j} }
		if !dies(h) {
			t.Fatal("no crash")
		}
		h.wrap = func(j poll.Journal) poll.Journal { return beatenJournal{j, h} }
		h.mustRun()
		h.wantFiles()
		h.wantOutcome(id, mail.Superseded)
		h.wantOnServer(true, id)
	})
}

// With first_run: newest each rule gets its most recent letter, what is older becomes baseline unread, and all that comes
// later is imported.
func TestFirstRunNewest(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.FirstRun = mail.FirstRun{Newest: true}
		h.rules = append(h.rules, match.Rule{Name: "tools", From: []string{"tools.ru"}, Files: []string{"*.csv"}})
		h.pass.Retention.LeaveCopy = false
		ids := h.waiting(4)
		old := h.server.add(letter("t1", "a@tools.ru", "old.csv", "old"), h.now.AddDate(-2, 0, 0))
		last := h.server.add(letter("t2", "a@tools.ru", "last.csv", "last"), h.now.AddDate(-1, 0, 0))
		first := h.mustRun()
		h.wantFiles("autoparts/3.csv", "tools/last.csv")
		if first.Baseline != 4 {
			t.Errorf("%d messages are baseline, want 4", first.Baseline)
		}
		for _, id := range append(ids[:3:3], old) {
			h.wantOutcome(id, mail.Baseline)
			h.wantOnServer(true, id)
			if h.server.fetched[id] != 0 {
				t.Errorf("message %s was read", id)
			}
		}
		h.wantOnServer(false, ids[3], last)
		h.server.add(letter("n1", supplier, "n1.csv", "n1"), h.now)
		h.server.add(letter("n2", supplier, "n2.csv", "n2"), h.now.Add(-time.Second))
		h.mustRun()
		h.wantFiles("autoparts/3.csv", "autoparts/n1.csv", "autoparts/n2.csv", "tools/last.csv")
	})
}

// What a person asks for is imported, though something newer is out; so is what came between two passes when ids change.
func TestFirstRunNewestAskedFor(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.FirstRun = mail.FirstRun{Newest: true}
		h.waiting(3)
		h.mustRun()
		h.wantFiles("autoparts/2.csv")
		if _, err := h.journal.Rescan(t.Context(), "prices", h.now.Add(-48*time.Hour), nil, h.now); err != nil {
			t.Fatal(err)
		}
		h.mustRun()
		h.wantFiles("autoparts/0.csv", "autoparts/1.csv", "autoparts/2.csv")
		h.server.add(letter("n1", supplier, "n1.csv", "n1"), h.now)
		h.server.add(letter("n2", supplier, "n2.csv", "n2"), h.now)
		h.server.add(letter("n3", supplier, "n3.csv", "n3"), h.now.Add(-48*time.Hour)) // brought from elsewhere
		h.server.renumber(0)
		h.mustRun()
		h.wantFiles("autoparts/0.csv", "autoparts/1.csv", "autoparts/2.csv", "autoparts/n1.csv", "autoparts/n2.csv")
	})
}

// A first poll that is cut while it reads the newest letters goes on with them.
func TestFirstRunNewestIsCut(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.FirstRun = mail.FirstRun{Newest: true}
		ids := h.waiting(4)
		h.server.cut[ids[3]] = true
		_ = h.tryRun()
		h.wantFiles()
		h.server.cut = map[string]bool{}
		h.mustRun()
		h.wantFiles("autoparts/3.csv")
		h.wantOutcome(ids[2], mail.Baseline)
	})
}
