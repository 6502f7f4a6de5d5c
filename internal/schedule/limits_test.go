package schedule

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		perHost := map[string]int{"a": 3, "b": 1, "c": 0}
		b := newBench(Options{Sessions: 7, PerHost: func(h string) int { return perHost[h] }})
		var jobs []Job
		for i := range 90 {
			jobs = append(jobs, b.job(fmt.Sprint(i), string("abc"[i%3]), time.Minute, 10*time.Second))
		}
		b.Set(jobs)
		b.runFor(t, 30*time.Minute)
		if b.overlap {
			t.Error("a job ran twice at once")
		}
		for key, want := range map[string]int{"all": 7, "host:a": 3, "host:b": 1} {
			if b.most[key] != want {
				t.Errorf("at most %d at once for %s, want %d", b.most[key], key, want)
			}
		}
		for i := range 90 {
			if len(b.started(fmt.Sprint(i))) < 2 {
				t.Errorf("job %d of host %c ran %v: it is starved", i, "abc"[i%3], b.started(fmt.Sprint(i)))
			}
		}
	})
}

func TestSetSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{Sessions: 1})
		var jobs []Job
		for i := range 3 {
			jobs = append(jobs, b.job(fmt.Sprint(i), "h", 20*time.Minute, 10*time.Minute))
		}
		b.Set(jobs)
		end := b.begin(t)
		time.Sleep(time.Minute)
		b.SetSessions(2)
		time.Sleep(time.Minute)
		b.SetSessions(1)
		time.Sleep(10 * time.Minute)
		end()
		sameTimes(t, "0", b.started("0"), 0)
		sameTimes(t, "1", b.started("1"), time.Minute)
		sameTimes(t, "2", b.started("2"), 11*time.Minute) // not at 10: one is still running
	})
}

func TestFullHostBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{Sessions: 2, PerHost: func(string) int { return 1 }})
		jobs := []Job{b.job("busy1", "busy", time.Hour, 20*time.Minute), b.job("busy2", "busy", time.Hour, 20*time.Minute),
			b.job("other", "free", 5*time.Minute, time.Second)}
		b.Set(jobs)
		b.runFor(t, 19*time.Minute)
		sameTimes(t, "other", b.started("other"), 0, 5*time.Minute, 10*time.Minute, 15*time.Minute)
		sameTimes(t, "busy2", b.started("busy2"))
	})
}

func TestDueFirstServedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		s := New(Options{Sessions: 1})
		var jobs []Job
		for _, name := range []string{"c", "a", "b"} { // one batch: at once, in the order given
			jobs = append(jobs, Job{Name: name, Host: "host of " + name, Interval: time.Hour, Run: func(context.Context) Result {
				order = append(order, name)
				time.Sleep(time.Minute)
				return Result{}
			}})
		}
		s.Set(jobs)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(order, []string{"c", "a", "b"}) {
			t.Errorf("order %v", order)
		}
	})
}

func TestNewHostLimitHoldsAfterSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		limit := 1
		b := newBench(Options{PerHost: func(string) int { mu.Lock(); defer mu.Unlock(); return limit }})
		jobs := []Job{b.job("a", "h", time.Hour, 10*time.Minute), b.job("b", "h", time.Hour, 10*time.Minute)}
		b.Set(jobs)
		end := b.begin(t)
		defer end()
		time.Sleep(time.Minute)
		mu.Lock()
		limit = 2
		mu.Unlock()
		b.Set(jobs)
		synctest.Wait()
		sameTimes(t, "b", b.started("b"), time.Minute)
	})
}

func TestQueuedJobMovesToItsNewHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{PerHost: func(string) int { return 1 }})
		long, short := b.job("long", "full", time.Hour, time.Hour), b.job("short", "full", time.Hour, time.Minute)
		b.Set([]Job{long, short})
		end := b.begin(t)
		defer end()
		time.Sleep(time.Minute)
		short.Host = "empty"
		b.Set([]Job{long, short})
		synctest.Wait()
		sameTimes(t, "short", b.started("short"), time.Minute)
	})
}

func TestThousandsOfJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 4000
		b := newBench(Options{Sessions: 20, PerHost: func(string) int { return 3 }, Rand: rand.New(rand.NewPCG(5, 6)).Float64})
		jobs := make([]Job, n)
		for i := range jobs {
			jobs[i] = b.job(fmt.Sprint(i), fmt.Sprint("host", i%700), time.Hour, 10*time.Second)
		}
		b.Set(jobs)
		b.runFor(t, 90*time.Minute)
		if b.overlap || b.most["all"] != 20 {
			t.Errorf("overlap %v, at most %d at once", b.overlap, b.most["all"])
		}
		for i := range jobs {
			name := fmt.Sprint(i)
			if b.most[fmt.Sprint("host:host", i%700)] > 3 {
				t.Fatalf("host%d had %d sessions", i%700, b.most[fmt.Sprint("host:host", i%700)])
			}
			if len(b.started(name)) == 0 {
				t.Fatalf("job %s never ran", name)
			}
		}
	})
}

func TestHeapsStayTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(7, 8))
		b := newBench(Options{Sessions: 4, PerHost: func(string) int { return 2 }})
		pool := make([]Job, 20)
		for i := range pool {
			takes := time.Duration(1+i) * time.Second
			pool[i] = b.job(fmt.Sprint(i), fmt.Sprint("h", i%5), time.Minute, takes, Result{}, Result{Err: errBusy, Ladder: []time.Duration{5 * time.Second}})
		}
		end := b.begin(t)
		for range 1000 {
			switch random.IntN(6) {
			case 0:
				var some []Job
				for _, j := range pool {
					if random.IntN(3) > 0 {
						j.Interval = time.Duration(20+20*random.IntN(2)) * time.Second
						some = append(some, j)
					}
				}
				b.Set(some)
			case 1:
				_, _ = b.Poll(fmt.Sprint(random.IntN(25))) // unknown names are part of it
			case 2:
				b.Kick(fmt.Sprint(random.IntN(25)))
			default:
				time.Sleep(time.Duration(random.IntN(4000)) * time.Millisecond)
			}
			synctest.Wait()
			checkPlaces(t, b.Scheduler)
		}
		end()
		if b.overlap || b.most["all"] > 4 {
			t.Errorf("overlap %v, at most %d at once", b.overlap, b.most["all"])
		}
		for i := range 5 {
			if most := b.most[fmt.Sprint("host:h", i)]; most > 2 {
				t.Errorf("host h%d: %d at once", i, most)
			}
		}
	})
}

func checkPlaces(t *testing.T, s *Scheduler) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	running := 0
	for name, e := range s.jobs {
		waiting := e.index >= 0 && e.index < len(s.waiting) && s.waiting[e.index] == e
		ready := e.host != nil && e.index < len(e.host.ready) && e.host.ready[e.index] == e && s.hosts[e.job.Host] == e.host
		if places := btoi(waiting) + btoi(ready) + btoi(e.running); places != 1 {
			t.Fatalf("job %s: waiting %v, ready %v, running %v", name, waiting, ready, e.running)
		}
		running += btoi(e.running)
	}
	if running != s.running {
		t.Fatalf("%d entries run, the scheduler counts %d", running, s.running)
	}
	for name, h := range s.hosts {
		free := h.index >= 0 && s.free[h.index] == h
		if free != (len(h.ready) > 0 && h.running < 2) {
			t.Fatalf("host %s: free %v with %d ready and %d running", name, free, len(h.ready), h.running)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
