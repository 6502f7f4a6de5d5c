package model

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mimepart"
)

// TestRuns makes a few runs; `make model` makes many.
func TestRuns(t *testing.T) {
	r, err := Run(Options{Runs: 60, Seed: 1, Shown: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Violations {
		t.Errorf("seed %d: %s\n%s", v.Seed, v.Text, v.Story)
	}
	if r.Runs != 60 || r.Faulted < 30 || r.Deletions == 0 || r.Starts <= r.Runs {
		t.Errorf("%d runs, %d hit by faults, %d deletions, %d starts: too little happened", r.Runs, r.Faulted, r.Deletions, r.Starts)
	}
	for kind, least := range map[string]int{"deletion": 2, "fault": 10, "letter": 10, "outcome": 4, "server": 8, "step": 15} {
		if n := len(r.Covered[kind]); n < least {
			t.Errorf("%s: %d of a kind, want at least %d: %v", kind, n, least, slices.Sorted(maps.Keys(r.Covered[kind])))
		}
	}
}

// TestTheSameScheduleTakesTheSameCourse: otherwise no violation could be looked into.
func TestTheSameScheduleTakesTheSameCourse(t *testing.T) {
	dir := t.TempDir()
	for seed := range uint64(12) {
		var twice [2]*World
		for i := range twice {
			r := &runner{dir: dir}
			w, err := r.one(draw(seed), nil)
			if err != nil {
				t.Fatal(err)
			}
			twice[i] = w
		}
		a, b := twice[0], twice[1]
		if !reflect.DeepEqual(a.Covered, b.Covered) || a.schedule.String() != b.schedule.String() || !a.now.Equal(b.now) || a.deletions != b.deletions {
			t.Errorf("seed %d took two courses:\n%s\n%s", seed, a.schedule, b.schedule)
		}
	}
}

// TestShortest lets every schedule with a death and a second mailbox break a promise.
func TestShortest(t *testing.T) {
	r := &runner{}
	r.try = func(s Schedule, _ *strings.Builder) (*World, error) {
		w := &World{schedule: s}
		deadly := slices.ContainsFunc(s.Steps, func(s Step) bool {
			return slices.ContainsFunc(s.Faults, func(f fault) bool { return f.kind == dieAfter })
		})
		if deadly && len(s.Servers) == 2 {
			w.Violation = "broken"
		}
		return w, nil
	}
	found := 0
	for seed := range uint64(200) {
		w, _ := r.try(draw(seed), nil)
		if w.Violation == "" {
			continue
		}
		found++
		sh := &shrinking{r: r, best: clone(w.schedule), left: attempts}
		for sh.round() {
		}
		if len(sh.best.Steps) != 1 || len(sh.best.Steps[0].Faults) != 1 || len(sh.best.Servers) != 2 || sh.best.Policy != 0 {
			t.Errorf("seed %d: the shortest schedule is\n%s", seed, sh.best)
		}
	}
	if found < 3 {
		t.Errorf("only %d schedules of 200 had a death and two mailboxes", found)
	}
}

// TestFingerprints holds what the model reckons against what the program reads.
func TestFingerprints(t *testing.T) {
	for n, kind := range letterKinds {
		for _, received := range []time.Time{epoch, {}} {
			l := newLetter(n, kind, received, n)
			head, _, _ := strings.Cut(l.raw, "\r\n\r\n")
			e := mimepart.Envelope([]byte(head + "\r\n\r\n"))
			if e.Fingerprint != l.print || !e.Received.Equal(received) || len(e.From) != 1 || e.From[0] != l.from {
				t.Errorf("%s: %+v", l, e)
			}
		}
	}
}

func TestSets(t *testing.T) {
	for _, tt := range []struct {
		set  string
		n    int
		last bool
		want bool
	}{
		{"3", 3, false, true}, {"3", 4, true, false}, {"1:3,7", 7, false, true}, {"1:3,7", 5, false, false}, {"5:*", 9, false, true},
		{"5:*", 4, false, false}, {"5:*", 4, true, true}, {"*", 4, true, true}, {"*", 4, false, false},
	} {
		if got := within(tt.set, tt.n, tt.last); got != tt.want {
			t.Errorf("%d (last: %v) in %s: %v", tt.n, tt.last, tt.set, got)
		}
	}
}
