package poll_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

// planned is a plan or a pass in terms that can be compared.
type planned struct {
	files   []string
	left    []string
	waiting int
}

// TestPlanAgreesWithThePass makes a plan, which writes nothing and asks for nothing that leaves a trace, and then the
// pass that it speaks of.
func TestPlanAgreesWithThePass(t *testing.T) {
	old := match.Rule{Name: "autoparts", From: []string{"autoparts.ru"}, Files: []string{"*.csv"}}
	tests := map[string]func(h *house){
		"fresh mailbox": func(h *house) { h.lists("a", 2); h.age("x", 2, 100) },
		"first_run": func(h *house) {
			h.pass.FirstRun = mail.FirstRun{Age: 24 * time.Hour}
			h.age("x", 2, 100)
			h.server.add(letter("o", supplier, "o.csv", "o"), h.now.AddDate(0, 0, -3))
			h.lists("a", 1)
		},
		"leave_copy false": func(h *house) { h.pass.Retention.LeaveCopy = false; h.lists("a", 2); h.age("x", 2, 1) },
		"braked":           func(h *house) { h.age("x", 30, 100); h.mustRun(); h.pass.Retention.AfterDays = 5 },
		"known mail":       func(h *house) { h.lists("a", 2); h.mustRun(); h.lists("b", 1) },
		"rules changed": func(h *house) {
			h.rules = []match.Rule{{Name: "autoparts", From: []string{"autoparts.ru"}, Files: []string{"*.7z"}}}
			h.lists("a", 2)
			h.server.add(letter("n", "a@new.ru", "n.csv", "n"), h.now)
			h.mustRun()
			h.rules = []match.Rule{old, {Name: "new", From: []string{"new.ru"}, Files: []string{"*"}}}
		},
		"leftover taken now": func(h *house) {
			h.pass.Retention.LeaveCopy = false
			h.server.add(second(letter("1", supplier, "p.csv", "1"), "rest.7z", "7"), h.now)
			h.mustRun()
			h.rules[0].Files = append(h.rules[0].Files, "*.7z")
		},
		"paused": func(h *house) {
			h.pass.Retention.LeaveCopy = false
			h.rules[0].Disabled = true
			h.lists("a", 1)
			h.mustRun()
			h.rules[0].Disabled = false
		},
		"rule disabled before deletion": func(h *house) {
			h.pass.Retention.LeaveCopy, h.pass.Retention.DeleteUnmatched = false, true
			h.pass.Rescan = time.Minute
			h.server.add(letter("1", "a@new.ru", "n.csv", "n"), h.now)
			h.pass.Insecure = true
			h.mustRun()
			h.pass.Insecure = false
			h.rules = append(h.rules, match.Rule{Name: "new", From: []string{"new.ru"}, Files: []string{"*"}, Disabled: true})
		},
		"not due yet": func(h *house) {
			h.server.add(broken("1", supplier), h.now)
			h.mustRun()
			h.now = h.now.Add(-time.Minute)
		},
		"retry of a damaged one": func(h *house) {
			h.server.add(broken("1", supplier), h.now)
			h.mustRun()
			h.now = h.now.Add(time.Hour)
		},
		"long gap": func(h *house) {
			h.pass.Retention.AfterDays = 10
			h.age("x", 2, 1)
			h.mustRun()
			h.now = h.now.AddDate(0, 0, 20)
		},
		"incomplete first poll": func(h *house) {
			h.pass.Retention.AfterDays = 10
			h.lists("a", 2)
			h.age("x", 2, 100)
			h.server.partial = true
		},
		"ids reset": func(h *house) {
			h.pass.FirstRun = mail.FirstRun{Age: 7 * 24 * time.Hour}
			h.lists("a", 25)
			h.mustRun()
			h.pass.Retention.LeaveCopy = false
			h.server.renumber(0)
		},
		"imported before": func(h *house) {
			h.lists("a", 1)
			h.mustRun()
			h.server.add(string(h.server.messages[0].raw), h.now)
		},
		"server that ignores": func(h *house) {
			h.pass.Retention.LeaveCopy = false
			h.server.lies = true
			h.lists("a", 1)
			for range 5 {
				h.mustRun()
			}
		},
		"take newest": func(h *house) {
			h.takingNewest()
			h.pass.Retention.AfterDays = 1
			h.waiting(40)
		},
		"take newest of one rule": func(h *house) {
			h.takingNewest("autoparts")
			h.rules[0].Files = []string{"*.csv"}
			h.rules = append(h.rules, match.Rule{Name: "stock", From: []string{"autoparts.ru"}, Files: []string{"*.xls"}})
			for i := range 3 {
				name := fmt.Sprint(i)
				h.server.add(second(letter(name, supplier, name+".csv", name), name+".xls", "x"+name), h.now.Add(time.Duration(i-3)*time.Hour))
			}
		},
		"take newest, something newer is out": func(h *house) {
			h.takingNewest("autoparts")
			h.rules[0].Files = []string{"*.csv"}
			h.rules = append(h.rules, match.Rule{Name: "stock", From: []string{"autoparts.ru"}, Files: []string{"*.xls"}})
			h.lists("a", 1)
			h.mustRun()
			h.server.add(second(letter("1", supplier, "1.csv", "1"), "1.xls", "x1"), h.now.Add(-time.Hour))
			h.server.add(second(letter("2", supplier, "2.csv", "2"), "2.xls", "x2"), h.now.Add(-2*time.Hour))
		},
		"first_run newest": func(h *house) {
			h.pass.FirstRun = mail.FirstRun{Newest: true}
			h.pass.Retention.AfterDays = 1
			h.waiting(40)
		},
		"insecure": func(h *house) { h.pass.Retention.LeaveCopy, h.pass.Insecure = false, true; h.lists("a", 1) },
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, h *house) {
				prepare(h)
				plan, before := h.plan()
				if after := h.state(); !maps.Equal(before, after) {
					t.Errorf("the plan changed the disk: %v, before %v", after, before)
				}
				known := h.files()
				_, _ = h.run()
				got := planned{waiting: 0}
				for _, file := range h.files() {
					if !slices.Contains(known, file) {
						got.files = append(got.files, file)
					}
				}
				for _, m := range h.server.messages {
					got.left = append(got.left, m.id)
				}
				if !slices.Equal(plan.files, got.files) || !slices.Equal(plan.left, got.left) {
					t.Errorf("planned files %q, left %v;\nthe pass made %q, left %v\n%s", plan.files, plan.left, got.files, got.left, h.output.String())
				}
			})
		})
	}
}

// plan makes a dry run and tells what it says, and the state of the disk before it.
func (h *house) plan() (planned, map[string]string) {
	h.t.Helper()
	h.server.log = nil
	p, _ := h.boot()
	before := h.state()
	got, err := p.Plan(h.t.Context(), h.journal)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, op := range []string{"delete", "quit"} {
		if slices.Contains(h.server.log, op) {
			h.t.Errorf("a plan did %v", h.server.log)
		}
	}
	clear(h.server.fetched)
	var out planned
	gone := map[string]bool{}
	for _, f := range got.Folders {
		for _, s := range f.Save {
			out.files = append(out.files, s.Dir+"/"+s.File)
		}
		for _, d := range f.Delete {
			gone[d.Subject] = true
		}
	}
	slices.Sort(out.files)
	for _, m := range h.server.messages {
		if !gone[(&session{s: h.server}).envelope(mail.Ref{}, m).Subject] {
			out.left = append(out.left, m.id)
		}
	}
	return out, before
}

// state is every file below the house, by its content: the journal's by its records.
func (h *house) state() map[string]string {
	h.t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "journal.db") {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = string(b)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, rec := range h.records() {
		steps, err := h.journal.Steps(h.t.Context(), rec.ID)
		if err != nil {
			h.t.Fatal(err)
		}
		out[fmt.Sprint("record ", rec.ID)] = fmt.Sprint(rec, steps)
	}
	return out
}
