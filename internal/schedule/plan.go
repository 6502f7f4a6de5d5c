package schedule

import (
	"slices"
	"time"
)

const (
	jitter     = 0.1              // of an interval or a back-off step, either way
	firstWait  = 30 * time.Second // within which first runs are spread
	firstBatch = 3                // new jobs that start at once
	maxStated  = 24 * time.Hour   // a server may ask for this much delay
	minPause   = time.Second      // between two runs of one job that nobody asked for
)

// add takes in a new job, the n-th of its batch. s.mu is held.
func (s *Scheduler) add(j Job, n int) {
	e := &entry{job: j, index: -1}
	s.jobs[j.Name] = e
	at := s.o.Now()
	if n >= firstBatch {
		at = at.Add(s.fraction(min(j.Interval, firstWait)))
	}
	s.enqueue(e, at)
}

// planNext sets the next run after one that ended with r. An interval counts from the start of the run, but at least
// a tenth of it is left between two runs; a back-off step counts from the end. s.mu is held.
func (s *Scheduler) planNext(e *entry, r Result) {
	now := s.o.Now()
	e.notBefore = r.NotBefore
	if limit := now.Add(maxStated); e.notBefore.After(limit) {
		e.notBefore = limit
	}
	if e.again {
		e.step, e.urgent = 0, len(e.waiters) > 0
		s.enqueue(e, now)
		return
	}
	var at time.Time
	if r.Err != nil && len(r.Ladder) > 0 {
		at = now.Add(s.around(e.backOff(r.Ladder)))
	} else {
		e.ladder, e.step = nil, 0
		at = later(e.last.Add(s.around(e.job.Interval)), now.Add(e.job.Interval/10))
	}
	at = later(at, now.Add(minPause))
	s.enqueue(e, later(at, e.notBefore))
}

// backOff returns the present step of ladder and goes on to the next. Another ladder is another kind of failure and
// starts from its first step.
func (e *entry) backOff(ladder []time.Duration) time.Duration {
	if !slices.Equal(ladder, e.ladder) {
		e.ladder, e.step = slices.Clone(ladder), 0
	}
	step := ladder[min(e.step, len(ladder)-1)]
	e.step++
	return step
}

// planAnew sets the next run of an idle job whose interval changed. s.mu is held.
func (s *Scheduler) planAnew(e *entry) {
	e.ladder, e.step = nil, 0
	now := s.o.Now()
	if e.last.IsZero() {
		s.enqueue(e, now.Add(s.fraction(min(e.job.Interval, firstWait))))
		return
	}
	at := later(e.last.Add(s.around(e.job.Interval)), now)
	s.enqueue(e, later(at, e.notBefore))
}

// around returns d with jitter.
func (s *Scheduler) around(d time.Duration) time.Duration {
	return d + time.Duration((2*s.o.Rand()-1)*jitter*float64(d))
}

// fraction returns some part of d.
func (s *Scheduler) fraction(d time.Duration) time.Duration {
	return time.Duration(s.o.Rand() * float64(d))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
