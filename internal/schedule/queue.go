package schedule

import (
	"container/heap"
	"time"
)

// entry is a job and where it stands. It is in exactly one place: waiting, ready in its host's queue, or running.
type entry struct {
	job     Job
	at      time.Time // when it is, or was, due
	seq     uint64    // order among equals
	index   int       // in the heap that holds it; -1: in none
	host    *host     // whose ready queue holds it; nil: it is not ready
	running bool
	removed bool // running for the last time
	urgent  bool // somebody waits for it
	again   bool // a fresh run is to follow the present one

	last      time.Time // start of the latest run; zero: never
	notBefore time.Time // stated by the server
	ladder    []time.Duration
	step      int // failures in a row with ladder
	waiters   []chan<- Result
}

func (e *entry) before(o *entry) bool {
	switch {
	case e.urgent != o.urgent:
		return e.urgent
	case !e.at.Equal(o.at):
		return e.at.Before(o.at)
	default:
		return e.seq < o.seq
	}
}

// entries is a heap by before. The waiting heap never holds urgent entries for long: they are due at once.
type entries []*entry

func (q entries) Len() int           { return len(q) }
func (q entries) Less(i, j int) bool { return q[i].before(q[j]) }
func (q entries) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *entries) Push(x any) {
	e := x.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop implements heap.Interface.
func (q *entries) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.index = -1
	return e
}

// host has the due jobs of one server. One at its limit waits outside freeHosts, so that it blocks nobody.
type host struct {
	name    string
	running int
	ready   entries
	index   int // in freeHosts; -1: not there
}

// freeHosts is a heap of hosts by their first due job.
type freeHosts []*host

func (q freeHosts) Len() int           { return len(q) }
func (q freeHosts) Less(i, j int) bool { return q[i].ready[0].before(q[j].ready[0]) }
func (q freeHosts) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *freeHosts) Push(x any) {
	h := x.(*host)
	h.index = len(*q)
	*q = append(*q, h)
}

// Pop implements heap.Interface.
func (q *freeHosts) Pop() any {
	old := *q
	h := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	h.index = -1
	return h
}

// makeReady moves a waiting entry into its host's queue. s.mu is held.
func (s *Scheduler) makeReady(e *entry) {
	heap.Remove(&s.waiting, e.index)
	h := s.hosts[e.job.Host]
	if h == nil {
		h = &host{name: e.job.Host, index: -1}
		s.hosts[h.name] = h
	}
	e.host = h
	heap.Push(&h.ready, e)
	s.hostChanged(h)
}

// detach takes e out of whatever heap holds it. s.mu is held.
func (s *Scheduler) detach(e *entry) {
	switch h := e.host; {
	case h != nil:
		heap.Remove(&h.ready, e.index)
		e.host = nil
		s.hostChanged(h)
	case e.index >= 0:
		heap.Remove(&s.waiting, e.index)
	}
}

// hostChanged puts h where its queue and its slots want it, and forgets it when it is idle. It must follow every
// change of either at once: heap.Remove does not compare what it removes, so one outdated host does no harm. s.mu is
// held.
func (s *Scheduler) hostChanged(h *host) {
	if h.index >= 0 {
		heap.Remove(&s.free, h.index)
	}
	limit := 0
	if s.o.PerHost != nil {
		limit = s.o.PerHost(h.name)
	}
	switch {
	case len(h.ready) > 0 && (limit <= 0 || h.running < limit):
		heap.Push(&s.free, h)
	case len(h.ready) == 0 && h.running == 0:
		delete(s.hosts, h.name)
	}
}
