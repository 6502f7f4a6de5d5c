package model

import (
	"fmt"
	"slices"
	"strings"
)

// attempts bounds how often a schedule is run to make it shorter.
const attempts = 300

// shortest looks for the shortest schedule that still breaks a promise, and tells its story.
func (r *runner) shortest(w *World) (*Violation, error) {
	sh := &shrinking{r: r, best: clone(w.schedule), left: attempts}
	for changed := true; changed && sh.err == nil; {
		changed = sh.round()
	}
	if sh.err != nil {
		return nil, sh.err
	}
	var story strings.Builder
	fmt.Fprint(&story, sh.best)
	last, err := r.try(clone(sh.best), &story)
	if err != nil {
		return nil, err
	}
	v := &Violation{Seed: w.schedule.Seed, Text: last.Violation, Story: story.String()}
	if v.Text == "" {
		v.Text = w.Violation + " (not in every run of the schedule)"
	}
	return v, nil
}

// shrinking is the search for it.
type shrinking struct {
	r    *runner
	best Schedule
	left int
	err  error
}

// round tries every way to make the best schedule simpler.
func (sh *shrinking) round() bool {
	changed := false
	for size := max(1, len(sh.best.Steps)/2); size >= 1; size /= 2 {
		for i := len(sh.best.Steps) - size; i >= 0; i -= size {
			if i+size > len(sh.best.Steps) {
				continue
			}
			changed = sh.try(func(s *Schedule) { s.Steps = slices.Delete(s.Steps, i, i+size) }) || changed
		}
	}
	for i := range sh.best.Steps {
		for j := len(sh.best.Steps[i].Faults) - 1; j >= 0; j-- {
			changed = sh.try(func(s *Schedule) { s.Steps[i].Faults = slices.Delete(s.Steps[i].Faults, j, j+1) }) || changed
		}
		for j := len(sh.best.Steps[i].Events) - 1; j >= 0; j-- {
			changed = sh.try(func(s *Schedule) { s.Steps[i].Events = slices.Delete(s.Steps[i].Events, j, j+1) }) || changed
		}
		changed = sh.plainer(i) || changed
	}
	return sh.traits() || changed
}

// plainer tries the usual in place of the special in one step.
func (sh *shrinking) plainer(i int) bool {
	step := sh.best.Steps[i]
	changed := false
	if step.Op == "arrive" && step.Kind != "price" {
		changed = sh.try(func(s *Schedule) { s.Steps[i].Kind = "price" }) || changed
	}
	if step.Op == "arrive" && step.Span != 0 {
		changed = sh.try(func(s *Schedule) { s.Steps[i].Span = 0 }) || changed
	}
	if step.Box > 0 {
		changed = sh.try(func(s *Schedule) { s.Steps[i].Box = 0 }) || changed
	}
	return changed
}

// traits tries a plainer server and plainer options.
func (sh *shrinking) traits() bool {
	changed := false
	if len(sh.best.Servers) > 1 && !slices.ContainsFunc(sh.best.Steps, func(s Step) bool { return s.Box > 0 }) {
		changed = sh.try(func(s *Schedule) { s.Servers = s.Servers[:1] })
	}
	for i := range sh.best.Servers {
		for _, plain := range []func(t *traits){
			func(t *traits) { t.noTOP = false }, func(t *traits) { t.noUIDL = false }, func(t *traits) { t.noCAPA = false },
			func(t *traits) { t.pipelining = false }, func(t *traits) { t.gmail = false }, func(t *traits) { t.deaf = false },
			func(t *traits) { t.noUIDPLUS = false }, func(t *traits) { t.noMOVE = false }, func(t *traits) { t.noUIDNEXT = false },
			func(t *traits) { t.trash = false },
		} {
			changed = sh.try(func(s *Schedule) { plain(&s.Servers[i]) }) || changed
		}
	}
	for _, plain := range []func(s *Schedule){
		func(s *Schedule) { s.Eager = true }, func(s *Schedule) { s.Rescan = false }, func(s *Schedule) { s.Rival = false }, func(s *Schedule) { s.Newest = false }, func(s *Schedule) { s.Policy = 0 },
		func(s *Schedule) { s.FirstRun = 1 },
	} {
		changed = sh.try(plain) || changed
	}
	return changed
}

// try runs a changed schedule, and keeps it if it is another one and still breaks a promise.
func (sh *shrinking) try(change func(*Schedule)) bool {
	if sh.left <= 0 || sh.err != nil {
		return false
	}
	s := clone(sh.best)
	change(&s)
	if s.String() == sh.best.String() {
		return false
	}
	sh.left--
	w, err := sh.r.try(s, nil)
	if err != nil {
		sh.err = err
		return false
	}
	if w.Violation == "" {
		return false
	}
	sh.best = clone(w.schedule)
	return true
}

// clone copies a schedule, so that its steps can be changed.
func clone(s Schedule) Schedule {
	s.Servers = slices.Clone(s.Servers)
	s.Steps = slices.Clone(s.Steps)
	for i := range s.Steps {
		s.Steps[i].Faults = slices.Clone(s.Steps[i].Faults)
		s.Steps[i].Events = slices.Clone(s.Steps[i].Events)
	}
	return s
}
