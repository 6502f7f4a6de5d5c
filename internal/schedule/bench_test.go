package schedule

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// bench runs a scheduler inside a synctest bubble and notes every run.
type bench struct {
	*Scheduler
	start time.Time

	mu      sync.Mutex
	runs    map[string][]time.Duration // starts since the bench began
	ended   map[string][]time.Duration
	now     map[string]int // running at the moment, by name and by "host:…"
	most    map[string]int
	overlap bool
}

// newBench makes a scheduler without jitter, unless o has some.
func newBench(o Options) *bench {
	if o.Rand == nil {
		o.Rand = func() float64 { return 0.5 }
	}
	b := &bench{start: time.Now(), runs: map[string][]time.Duration{}, ended: map[string][]time.Duration{},
		now: map[string]int{}, most: map[string]int{}}
	b.Scheduler = New(o)
	return b
}

// job makes a job whose run takes a time and gives results in turn, the last one for ever.
func (b *bench) job(name, host string, interval, takes time.Duration, results ...Result) Job {
	n := 0
	return Job{Name: name, Host: host, Interval: interval, Run: func(ctx context.Context) Result {
		b.enter(name, host)
		defer b.leave(name, host)
		time.Sleep(takes)
		if len(results) == 0 {
			return Result{}
		}
		n++
		return results[min(n, len(results))-1]
	}}
}

func (b *bench) enter(name, host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runs[name] = append(b.runs[name], time.Since(b.start))
	for _, key := range []string{name, "host:" + host, "all"} {
		b.now[key]++
		b.most[key] = max(b.most[key], b.now[key])
	}
	b.overlap = b.overlap || b.now[name] > 1
}

func (b *bench) leave(name, host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended[name] = append(b.ended[name], time.Since(b.start))
	for _, key := range []string{name, "host:" + host, "all"} {
		b.now[key]--
	}
}

func (b *bench) started(name string) []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.runs[name])
}

// runFor lets the scheduler run for a time and stops it.
func (b *bench) runFor(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := b.Run(ctx); err != nil {
		t.Fatalf("Run: %v", err)
	}
}

// begin runs the scheduler until the test ends it.
func (b *bench) begin(t *testing.T) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func sameTimes(t *testing.T, what string, got []time.Duration, want ...time.Duration) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: runs at %v, want %v", what, got, want)
	}
}

var errBusy = errors.New("server is busy")
