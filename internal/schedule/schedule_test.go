package schedule

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestIntervalCountsFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{})
		b.Set([]Job{b.job("prices", "h", 5*time.Minute, time.Minute)})
		b.runFor(t, 16*time.Minute)
		sameTimes(t, "prices", b.started("prices"), 0, 5*time.Minute, 10*time.Minute, 15*time.Minute)
	})
}

func TestLongRunLeavesAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{})
		b.Set([]Job{b.job("slow", "h", 10*time.Minute, 30*time.Minute), b.job("zero", "h", 0, 0)})
		b.runFor(t, time.Hour)
		sameTimes(t, "slow", b.started("slow"), 0, 31*time.Minute)
		if n := len(b.started("zero")); n > 3601 {
			t.Errorf("a job without interval ran %d times in an hour", n)
		}
	})
}

func TestBackOffLadder(t *testing.T) {
	ladder := []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute}
	auth := []time.Duration{7 * time.Minute}
	failed, ok := Result{Err: errBusy, Ladder: ladder}, Result{}
	denied, odd := Result{Err: errBusy, Ladder: auth}, Result{Err: errBusy}
	m := func(minutes ...int) (list []time.Duration) {
		for _, n := range minutes {
			list = append(list, time.Duration(n)*time.Minute)
		}
		return list
	}
	for _, tt := range []struct {
		name    string
		results []Result
		want    []time.Duration
	}{
		{"steps up and stays on the last", []Result{failed}, m(0, 1, 3, 8, 13, 18)},
		{"success resets", []Result{failed, failed, ok, failed, ok}, m(0, 1, 3, 13, 14)},
		{"another ladder starts anew", []Result{failed, failed, denied, failed, ok}, m(0, 1, 3, 10, 11)},
		{"no ladder: the interval, and it resets", []Result{failed, odd, failed, ok}, m(0, 1, 11, 12)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(Options{})
				b.Set([]Job{b.job("a", "h", 10*time.Minute, 0, tt.results...)})
				b.runFor(t, 20*time.Minute)
				sameTimes(t, "a", b.started("a"), tt.want...)
			})
		})
	}
}

func TestStatedDelayIsKeptButBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{})
		start := time.Now()
		polite := Result{NotBefore: start.Add(15 * time.Minute)}
		lying := Result{Err: errBusy, Ladder: []time.Duration{time.Minute}, NotBefore: start.AddDate(10, 0, 0)}
		b.Set([]Job{b.job("polite", "h", 5*time.Minute, 0, polite, Result{}), b.job("lying", "h", 5*time.Minute, 0, lying)})
		b.runFor(t, 49*time.Hour)
		if got := b.started("polite")[:3]; !slices.Equal(got, []time.Duration{0, 15 * time.Minute, 20 * time.Minute}) {
			t.Errorf("polite: runs at %v", got)
		}
		sameTimes(t, "lying", b.started("lying"), 0, 24*time.Hour, 48*time.Hour)
	})
}

func TestJitterStaysWithinTenPercent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		b := newBench(Options{Rand: random.Float64})
		b.Set([]Job{b.job("a", "h", 100*time.Second, 0)})
		b.runFor(t, 24*time.Hour)
		runs := b.started("a")
		low, high := time.Hour, time.Duration(0)
		for i := 1; i < len(runs); i++ {
			low, high = min(low, runs[i]-runs[i-1]), max(high, runs[i]-runs[i-1])
		}
		if low < 90*time.Second || high > 110*time.Second || high-low < 15*time.Second {
			t.Errorf("intervals from %v to %v, want them spread over 90s to 110s", low, high)
		}
	})
}

func TestFirstRunsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(3, 4))
		b := newBench(Options{Rand: random.Float64})
		var jobs []Job
		for i := range 100 {
			jobs = append(jobs, b.job(fmt.Sprint(i), "h", time.Hour, 0))
		}
		b.Set(jobs)
		b.runFor(t, firstWait+time.Second)
		early, at := 0, map[time.Duration]int{}
		for i := range 100 {
			runs := b.started(fmt.Sprint(i))
			if len(runs) != 1 {
				t.Fatalf("job %d ran at %v within the first %v", i, runs, firstWait)
			}
			at[runs[0]]++
			if runs[0] < firstWait/2 {
				early++
			}
		}
		if at[0] != firstBatch || early < 30 || early > 70 {
			t.Errorf("%d at once (want %d), %d of 100 in the first half", at[0], firstBatch, early)
		}
	})
}

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{})
		down := Result{Err: errBusy, Ladder: []time.Duration{time.Hour}, NotBefore: time.Now().Add(2 * time.Hour)}
		b.Set([]Job{b.job("a", "h", time.Hour, time.Minute, down, Result{}, Result{Err: errBusy})})
		end := b.begin(t)
		defer end()

		time.Sleep(10 * time.Minute)
		done, err := b.Poll("a")
		if err != nil {
			t.Fatal(err)
		}
		if r := <-done; r.Err != nil {
			t.Errorf("polled run: %v", r.Err)
		}
		sameTimes(t, "in back-off", b.started("a"), 0, 10*time.Minute)

		again, err := b.Poll("a")
		if err != nil {
			t.Fatal(err)
		}
		if r := <-again; !errors.Is(r.Err, errBusy) {
			t.Errorf("second polled run: %v, want its own result", r.Err)
		}
		if _, err := b.Poll("nobody"); !errors.Is(err, ErrUnknown) {
			t.Errorf("poll of an unknown job: %v", err)
		}
	})
}

func TestPollDuringARunGetsAFreshOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{})
		b.Set([]Job{b.job("a", "h", time.Hour, 10*time.Minute, Result{Err: errBusy}, Result{})})
		end := b.begin(t)
		defer end()
		time.Sleep(4 * time.Minute)
		first, err1 := b.Poll("a")
		second, err2 := b.Poll("a")
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		r1, r2 := <-first, <-second
		if r1.Err != nil || r2.Err != nil {
			t.Errorf("results %v, %v: they are those of the run that was under way", r1.Err, r2.Err)
		}
		sameTimes(t, "a", b.started("a"), 0, 10*time.Minute)
		if b.overlap {
			t.Error("the job ran twice at once")
		}
	})
}

func TestPollGoesBeforeWhatIsMerelyDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{Sessions: 1})
		var jobs []Job
		for i := range 50 {
			jobs = append(jobs, b.job(fmt.Sprint(i), "h", 24*time.Hour, time.Minute))
		}
		b.Set(jobs)
		end := b.begin(t)
		defer end()
		time.Sleep(90 * time.Second)
		done, err := b.Poll("49")
		if err != nil {
			t.Fatal(err)
		}
		<-done
		sameTimes(t, "polled", b.started("49"), 2*time.Minute)
	})
}

func TestKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{})
		denied := Result{Err: errBusy, Ladder: []time.Duration{10 * time.Minute, time.Hour}}
		b.Set([]Job{b.job("a", "h", 24*time.Hour, 2*time.Minute, denied)})
		end := b.begin(t)
		defer end()
		time.Sleep(5 * time.Minute)
		b.Kick("a")
		b.Kick("nobody")
		time.Sleep(time.Minute) // now at 6 min, running since 5
		b.Kick("a")             // a fresh run at 7, which ends at 9 and has its first step ahead
		time.Sleep(20 * time.Minute)
		sameTimes(t, "a", b.started("a"), 0, 5*time.Minute, 7*time.Minute, 19*time.Minute)
	})
}

// TestHeapsStayTrue drives the scheduler at random and checks after each step that every job is in exactly one place.

func TestKickForgetsTheBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{})
		denied := Result{Err: errBusy, Ladder: []time.Duration{10 * time.Minute, time.Hour}}
		b.Set([]Job{b.job("a", "h", 24*time.Hour, 0, denied)})
		end := b.begin(t)
		defer end()
		time.Sleep(5 * time.Minute)
		b.Kick("a")
		time.Sleep(30 * time.Minute)
		sameTimes(t, "a", b.started("a"), 0, 5*time.Minute, 15*time.Minute)
	})
}

func TestJitterIsTheDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{})
		b.Scheduler = New(Options{})
		b.Set([]Job{b.job("a", "h", time.Hour, 0)})
		b.runFor(t, 24*time.Hour)
		even := 0
		for _, at := range b.started("a")[1:] {
			if at%time.Hour == 0 {
				even++
			}
		}
		if even > 0 {
			t.Errorf("%d of %d runs on the hour", even, len(b.started("a")))
		}
	})
}
