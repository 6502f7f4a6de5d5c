package retain

import (
	"fmt"
	"time"
)

const (
	clockSlack = 5 * time.Minute
	clockJump  = 24 * time.Hour
	longGap    = 14 * day
)

// Clock judges the machine's clock by the newest reading that an earlier pass of the mailbox saw and by when the
// program was built; either may be zero, unknown. hold tells why nothing may be deleted, suspend why ages are
// doubtful until a person has looked; both are "" for a clock that can be trusted.
func Clock(now, newest, build time.Time) (hold, suspend string) {
	back := newest.Sub(now)
	switch {
	case !build.IsZero() && now.Before(build):
		hold = fmt.Sprintf("the clock says %s, but this program was built %s: set the clock", stamp(now), stamp(build))
	case back > clockSlack:
		hold = fmt.Sprintf("the clock says %s, but an earlier pass ran at %s", stamp(now), stamp(newest))
	}
	if back > clockJump {
		suspend = fmt.Sprintf("an earlier pass ran at %s, more than a day ahead of the clock's %s: one of them is wrong",
			stamp(newest), stamp(now))
	}
	return hold, suspend
}

// Gap tells why ages are doubtful after a long time without a finished pass: more than 14 days and more than three
// intervals. It is "" after a short one, and for a mailbox that never finished a pass (lastFinished zero).
func Gap(now, lastFinished time.Time, interval time.Duration) string {
	since := now.Sub(lastFinished)
	if lastFinished.IsZero() || since <= longGap || since/3 <= interval {
		return ""
	}
	return fmt.Sprintf("the last finished pass was %s, %s ago: the clock may have jumped", stamp(lastFinished), days(int(since/day)))
}

func stamp(t time.Time) string { return t.Format("2006-01-02 15:04 MST") }
