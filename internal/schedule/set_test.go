package schedule

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{})
		down := Result{Err: errBusy, Ladder: []time.Duration{4 * time.Minute, 30 * time.Minute}}
		same, changed := b.job("same", "h", 10*time.Minute, 0), b.job("changed", "h", 10*time.Minute, 0)
		failing, gone := b.job("failing", "h", time.Hour, 0, down), b.job("gone", "h", 3*time.Minute, 0)
		b.Set([]Job{same, changed, failing})
		end := b.begin(t)
		synctest.Wait()
		b.Set([]Job{same, changed, failing, gone})
		time.Sleep(7 * time.Minute)
		changed.Interval = 20 * time.Minute
		b.Set([]Job{same, changed, failing})
		time.Sleep(30 * time.Minute)
		end()
		sameTimes(t, "same", b.started("same"), 0, 10*time.Minute, 20*time.Minute, 30*time.Minute)
		sameTimes(t, "changed", b.started("changed"), 0, 20*time.Minute)
		sameTimes(t, "failing", b.started("failing"), 0, 4*time.Minute, 34*time.Minute)
		sameTimes(t, "gone", b.started("gone"), 0, 3*time.Minute, 6*time.Minute)
	})
}

func TestSetWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{})
		old, renewed := b.job("a", "h", 10*time.Minute, 5*time.Minute), b.job("a", "other", 10*time.Minute, time.Minute)
		b.Set([]Job{old})
		end := b.begin(t)
		time.Sleep(time.Minute)
		done, err := b.Poll("a")
		if err != nil {
			t.Fatal(err)
		}
		b.Set(nil)
		if r := <-done; !errors.Is(r.Err, ErrRemoved) {
			t.Errorf("poll of a removed job: %v", r.Err)
		}
		if _, err := b.Poll("a"); !errors.Is(err, ErrUnknown) {
			t.Errorf("poll after removal: %v", err)
		}
		time.Sleep(time.Minute)
		b.Set([]Job{renewed}) // back before its old run has ended
		time.Sleep(time.Minute)
		if got := len(b.started("a")); got != 1 {
			t.Errorf("%d runs at once", got)
		}
		time.Sleep(20 * time.Minute)
		end()
		if b.overlap {
			t.Error("the job ran twice at once")
		}
		if b.most["host:other"] != 1 || len(b.started("a")) < 2 {
			t.Errorf("the new job never ran: %v", b.started("a"))
		}
	})
}

func TestRemovedJobEndsWithItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{})
		b.Set([]Job{b.job("a", "h", time.Minute, 30*time.Second)})
		end := b.begin(t)
		time.Sleep(10 * time.Second)
		b.Set(nil)
		time.Sleep(time.Hour)
		sameTimes(t, "a", b.started("a"), 0)
		if len(b.ended["a"]) != 1 {
			t.Error("the run was not allowed to end")
		}
		end()
	})
}

func TestStopWaitsAndStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{Sessions: 1})
		var seen error
		b.Set([]Job{{Name: "running", Interval: time.Hour, Run: func(ctx context.Context) Result {
			b.enter("running", "")
			time.Sleep(10 * time.Minute)
			seen = ctx.Err()
			b.leave("running", "")
			return Result{}
		}}, b.job("queued", "h", time.Hour, time.Minute)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		time.AfterFunc(30*time.Second, func() {
			done, err := b.Poll("queued")
			if err != nil {
				t.Error(err)
				return
			}
			if r := <-done; !errors.Is(r.Err, ErrStopped) {
				t.Errorf("poll that stopping overtook: %v", r.Err)
			}
		})
		if err := b.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(b.start); took != 10*time.Minute {
			t.Errorf("Run returned after %v, want it to wait for the running job", took)
		}
		if seen != nil {
			t.Errorf("the running job's context ended: %v", seen)
		}
		sameTimes(t, "queued", b.started("queued"))
		if _, err := b.Poll("queued"); !errors.Is(err, ErrStopped) {
			t.Errorf("poll after the end: %v", err)
		}
		if err := b.Run(t.Context()); err == nil {
			t.Error("a second Run was allowed")
		}
	})
}

func TestPlanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var planned []time.Duration
		var b *bench
		b = newBench(Options{Planned: func(name string, next time.Time) {
			b.Kick("nobody") // must not deadlock
			mu.Lock()
			defer mu.Unlock()
			planned = append(planned, next.Sub(start))
		}})
		job := b.job("a", "h", 10*time.Minute, time.Minute)
		b.Set([]Job{job})
		end := b.begin(t)
		time.Sleep(11*time.Minute + time.Second)
		job.Interval = 30 * time.Minute
		b.Set([]Job{job})
		end()
		want := []time.Duration{10 * time.Minute, 20 * time.Minute, 40 * time.Minute}
		if !slices.Equal(planned, want) {
			t.Errorf("planned %v, want %v", planned, want)
		}
	})
}
