// Package schedule decides when each job runs: at its interval with jitter, after a failure at the steps of a
// back-off ladder, never twice at once, and never more than so many at a time, in all and to one host. It knows
// nothing of mail. Idle jobs cost a heap entry each, no goroutine and no timer of their own.
package schedule

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

var (
	// ErrStopped: the scheduler has ended, or ended before the pass that was asked for could start.
	ErrStopped = errors.New("scheduler has stopped")
	// ErrRemoved: the job was taken out before the pass that was asked for could start.
	ErrRemoved = errors.New("job was removed")
	// ErrUnknown: there is no job of that name.
	ErrUnknown = errors.New("no such job")
)

// Result is how one run of a job ended.
type Result struct {
	Err       error
	Ladder    []time.Duration // back-off steps for this kind of failure; empty: the normal interval
	NotBefore time.Time       // a delay that the server stated; kept up to 24 h, whatever the interval and the ladder say
}

// Job is something to be run again and again.
type Job struct {
	Name     string // unique
	Host     string // whose PerHost limit it counts against
	Interval time.Duration
	// Run gets a context that does not end when the scheduler stops: a running job is to come to its end, and how
	// fast is for whoever made the job to say.
	Run func(ctx context.Context) Result
}

// Options are the limits, and the sources of time and chance.
type Options struct {
	Sessions int                   // jobs at the same time, see SetSessions; 0: no limit
	PerHost  func(host string) int // of them to one host; nil or 0: no limit. Must not call the scheduler
	Now      func() time.Time      // nil: time.Now
	Rand     func() float64        // in [0,1); never called twice at once. nil: math/rand/v2
	// Planned is told when a job's next run was set, but for first runs, which come within moments. It is called
	// without locks held. May be nil.
	Planned func(name string, next time.Time)
}

// Scheduler runs jobs. Its methods are safe for concurrent use.
type Scheduler struct {
	o    Options
	wake chan struct{} // capacity 1: something became due
	wg   sync.WaitGroup

	mu      sync.Mutex
	jobs    map[string]*entry
	waiting entries // idle jobs by when they are due
	hosts   map[string]*host
	free    freeHosts // hosts with a due job and a free slot
	running int
	seq     uint64
	started bool
	stopped bool
}

// New makes a scheduler without jobs. It starts nothing before Run.
func New(o Options) *Scheduler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return &Scheduler{o: o, wake: make(chan struct{}, 1), jobs: map[string]*entry{}, hosts: map[string]*host{}}
}

// Run starts jobs as they become due until ctx ends; then it starts nothing new and returns once the running jobs
// have. It can be called once.
func (s *Scheduler) Run(ctx context.Context) error {
	s.mu.Lock()
	again := s.started
	s.started = true
	s.mu.Unlock()
	if again {
		return errors.New("run scheduler: it was run before")
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if wait, ok := s.dispatch(ctx); ok {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
	}
	s.stop()
	s.wg.Wait()
	return nil
}

// dispatch starts what is due and within the limits. It returns how long until the next job becomes due; not ok if
// none will by itself.
func (s *Scheduler) dispatch(ctx context.Context) (wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	for len(s.waiting) > 0 && (s.waiting[0].urgent || !s.waiting[0].at.After(now)) {
		s.makeReady(s.waiting[0])
	}
	for len(s.free) > 0 && (s.o.Sessions <= 0 || s.running < s.o.Sessions) {
		s.start(ctx, s.free[0].ready[0], now)
	}
	if len(s.waiting) == 0 {
		return 0, false
	}
	return s.waiting[0].at.Sub(now), true
}

// start runs e in a goroutine of its own. s.mu is held.
func (s *Scheduler) start(ctx context.Context, e *entry, now time.Time) {
	h := e.host
	h.running++ // first: a host without due and running jobs is forgotten
	s.running++
	s.detach(e)
	e.running, e.urgent, e.again, e.last = true, false, false, now
	asked, run := e.waiters, e.job.Run
	e.waiters = nil
	s.wg.Go(func() {
		result := run(context.WithoutCancel(ctx))
		s.finish(e, h, result)
		answer(asked, result)
	})
}

// finish frees e's slot and plans its next run.
func (s *Scheduler) finish(e *entry, h *host, result Result) {
	s.mu.Lock()
	e.running = false
	h.running--
	s.running--
	s.hostChanged(h)
	removed, name := e.removed, e.job.Name
	if removed {
		delete(s.jobs, name)
	} else {
		s.planNext(e, result)
	}
	next := e.at
	s.mu.Unlock()
	s.signal()
	if !removed && s.o.Planned != nil {
		s.o.Planned(name, next)
	}
}

// stop answers whoever waits for a run that will not come.
func (s *Scheduler) stop() {
	s.mu.Lock()
	s.stopped = true
	var waiters []chan<- Result
	for _, e := range s.jobs {
		waiters = append(waiters, e.waiters...)
		e.waiters = nil
	}
	s.mu.Unlock()
	answer(waiters, Result{Err: ErrStopped})
}

// Set replaces the jobs, also while they run. A job whose name stays keeps its next time and its back-off unless its
// Interval changed; a running one is not disturbed and its new Run counts from the next time on. Removed jobs come
// to the end of their present run.
func (s *Scheduler) Set(jobs []Job) {
	s.mu.Lock()
	keep := make(map[string]bool, len(jobs))
	for _, j := range jobs {
		keep[j.Name] = true
	}
	waiters := s.remove(keep)
	replanned := map[string]time.Time{}
	fresh := 0
	for _, j := range jobs {
		e := s.jobs[j.Name]
		if e == nil {
			s.add(j, fresh)
			fresh++
		} else if s.change(e, j) {
			replanned[j.Name] = e.at
		}
	}
	for _, h := range s.hosts { // PerHost may know other limits now
		s.hostChanged(h)
	}
	s.mu.Unlock()
	s.signal()
	answer(waiters, Result{Err: ErrRemoved})
	if s.o.Planned != nil {
		for name, next := range replanned {
			s.o.Planned(name, next)
		}
	}
}

// SetSessions changes how many jobs may run at the same time; 0: no limit. Running ones are not disturbed.
func (s *Scheduler) SetSessions(n int) {
	s.mu.Lock()
	s.o.Sessions = n
	s.mu.Unlock()
	s.signal()
}

// remove takes out every job that is not to be kept and returns who waits for a run of one of them.
func (s *Scheduler) remove(keep map[string]bool) []chan<- Result {
	var waiters []chan<- Result
	for name, e := range s.jobs {
		if keep[name] {
			continue
		}
		waiters = append(waiters, e.waiters...)
		e.waiters, e.removed = nil, true
		if !e.running {
			s.detach(e)
			delete(s.jobs, name)
		}
	}
	return waiters
}

// change gives an entry its new job and reports whether that moved its next run.
func (s *Scheduler) change(e *entry, j Job) bool {
	old := e.job
	e.job, e.removed = j, false
	switch {
	case e.running: // planned at its end
		return false
	case j.Interval != old.Interval && !e.again:
		s.planAnew(e)
		return true
	case j.Host != old.Host && e.host != nil:
		s.enqueue(e, e.at) // from the queue of one host to that of another
	}
	return false
}

// Poll asks for a run now, whatever the interval, the back-off and the server's stated delay; the limits hold, but it
// goes before what is merely due. If the job is running, a fresh run follows. done gets the result of that run.
func (s *Scheduler) Poll(name string) (done <-chan Result, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.jobs[name]
	switch {
	case s.stopped:
		return nil, fmt.Errorf("poll %s: %w", name, ErrStopped)
	case e == nil || e.removed:
		return nil, fmt.Errorf("poll %s: %w", name, ErrUnknown)
	}
	result := make(chan Result, 1)
	e.waiters = append(e.waiters, result)
	e.again = true
	if !e.running {
		e.urgent = true
		s.enqueue(e, s.o.Now())
		s.signal()
	}
	return result, nil
}

// Kick forgets a job's back-off and makes it due now, because what made it fail (its secret) has changed. While the
// job is running a fresh run follows. An unknown name does nothing.
func (s *Scheduler) Kick(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.jobs[name]
	if e == nil || e.removed {
		return
	}
	e.step, e.again = 0, true
	if !e.running && e.host == nil {
		s.enqueue(e, s.o.Now())
		s.signal()
	}
}

// signal wakes Run.
func (s *Scheduler) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// answer never blocks: each channel has room for its one result.
func answer(waiters []chan<- Result, r Result) {
	for _, w := range waiters {
		w <- r
	}
}

// enqueue lets e wait for a time. s.mu is held.
func (s *Scheduler) enqueue(e *entry, at time.Time) {
	s.detach(e)
	s.seq++
	e.at, e.seq = at, s.seq
	heap.Push(&s.waiting, e)
}
