package model

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what to run.
type Options struct {
	Runs  int
	Seed  uint64 // run i has the seed Seed+i
	Dir   string // for the runs' files; "": a directory in memory, if there is one
	First bool   // end at the first violation
	Shown int    // violations that are made as short as they can be; the others are only told. 0: none
	Log   io.Writer
}

// Result is what came of it.
type Result struct {
	Runs       int
	Faulted    int // runs that a fault, or a death, hit
	Faults     int
	Deletions  int
	Starts     int
	Violations []Violation
	Covered    map[string]map[string]int // runs that came to it
	Took       time.Duration
}

// Violation is a broken promise with the shortest schedule found that breaks one.
type Violation struct {
	Seed  uint64
	Text  string
	Story string // of the shortest schedule that was found to break a promise
}

// Run makes runs on every processor. Its error is trouble of the model itself.
func Run(o Options) (Result, error) {
	dir, err := workspace(o.Dir)
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	r := &runner{o: o, dir: dir, total: Result{Covered: map[string]map[string]int{}}}
	r.try = r.one
	began := time.Now()
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(r.work)
	}
	wg.Wait()
	r.total.Took = time.Since(began)
	slices.SortFunc(r.total.Violations, func(a, b Violation) int { return int(a.Seed - b.Seed) })
	return r.total, r.err
}

// workspace makes a directory where syncing costs nothing.
func workspace(dir string) (string, error) {
	if dir == "" {
		dir = "/dev/shm"
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			dir = ""
		}
	}
	return os.MkdirTemp(dir, "pricefetch-model-")
}

// runner shares out the runs.
type runner struct {
	o      Options
	dir    string
	try    func(Schedule, *strings.Builder) (*World, error) // one, but in a test
	next   atomic.Int64
	stop   atomic.Bool
	serial atomic.Int64 // of worlds
	shown  atomic.Int64

	mu    sync.Mutex
	total Result
	err   error
}

func (r *runner) work() {
	for !r.stop.Load() {
		i := r.next.Add(1) - 1
		if i >= int64(r.o.Runs) {
			return
		}
		seed := r.o.Seed + uint64(i)
		w, err := r.try(draw(seed), nil)
		var v *Violation
		if err == nil && w.Violation != "" {
			if r.o.First {
				r.stop.Store(true)
			}
			if v = (&Violation{Seed: seed, Text: w.Violation}); r.shown.Add(1) <= int64(r.o.Shown) {
				v, err = r.shortest(w)
			}
		}
		r.add(w, v, err)
	}
}

// one runs a schedule.
func (r *runner) one(s Schedule, trace *strings.Builder) (*World, error) {
	w := newWorld(filepath.Join(r.dir, strconv.FormatInt(r.serial.Add(1), 10)), s, trace)
	if err := w.run(); err != nil {
		return w, fmt.Errorf("run schedule of seed %d: %w", s.Seed, err)
	}
	return w, nil
}

func (r *runner) add(w *World, v *Violation, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.total
	t.Runs++
	t.Faults += w.hits
	t.Deletions += w.deletions
	t.Starts += w.starts
	if w.hits > 0 {
		t.Faulted++
	}
	for kind, all := range w.Covered {
		if t.Covered[kind] == nil {
			t.Covered[kind] = map[string]int{}
		}
		for what := range all {
			t.Covered[kind][what]++
		}
	}
	if v != nil {
		t.Violations = append(t.Violations, *v)
		if r.o.Log != nil {
			fmt.Fprintf(r.o.Log, "seed %d: %s\n%s", v.Seed, v.Text, v.Story)
		}
	}
	if err != nil && r.err == nil {
		r.err = err
		r.stop.Store(true)
	}
}

// Table shows how many runs came to what.
func (r Result) Table() string {
	var b strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(r.Covered)) {
		for _, what := range slices.Sorted(maps.Keys(r.Covered[kind])) {
			fmt.Fprintf(&b, "  %-9s %-60s %8d\n", kind, what, r.Covered[kind][what])
		}
	}
	return b.String()
}
