package daemon

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Two years of a mailbox: each day a wanted and an unwanted letter, a pass every other day, thirty days of age. Meanwhile
// the machine rests for a week, is off for a month, its clock goes ten years back, a year ahead and through every
// change to summer time, the daemon restarts each month, and the policy changes and changes back. After each pass it
// holds that no letter went before its age or while something forbade it, and that each went at its age where nothing
// did; in the end every wanted one came out once. Over IMAP the first ten months will do.
func TestTwoYears(t *testing.T) {
	overBoth(t, func(t *testing.T, l *life) {
		where, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		y := &years{life: l, start: l.now, where: where, letters: map[string]*aging{}, clock: map[int]int{200: -10, 202: -10, 300: 1}}
		l.policy, l.box = "delete_after_days: 30", ", first_run: all"
		days := map[string]int{"pop3": 731, "imap": 301}[l.protocol]
		for day := range days {
			y.morning(day)
			resting := day > 100 && day < 108 || day > 400 && day < 431
			if day%2 == 1 || resting {
				continue
			}
			l.now = y.real.AddDate(y.clock[day], 0, 0).In(where)
			y.operate(day)
			out := l.mustPass()
			y.suspended = y.suspended || y.clock[day] != 0 || day == 432
			y.check(day)
			if y.suspended && out.Report.Deleted > 0 {
				t.Fatalf("day %d: %d deleted while ages are in doubt\n%s", day, out.Report.Deleted, l.log)
			}
			if out.Report.Waiting > 0 {
				l.approve()
			}
		}
		l.imported(y.files...)
	})
}

// years is what TestTwoYears knows by itself of the mailbox.
type years struct {
	*life
	start, real time.Time
	where       *time.Location
	letters     map[string]*aging // those on the server
	files       []string          // that came out
	clock       map[int]int       // years by which the clock is wrong on a day
	suspended   bool              // deletion by age
}

// aging is a letter on its way to its end.
type aging struct {
	received time.Time
	seen     time.Time // by a pass; or the approval of the clock, if it was seen in doubt of that
	doubtful bool
}

// morning brings the day's letters.
func (y *years) morning(day int) {
	y.real = y.start.AddDate(0, 0, day)
	for _, name := range []string{fmt.Sprint("w", day), fmt.Sprint("x", day)} {
		y.letters[name] = &aging{received: y.real}
		y.put(y.real, name)
	}
	y.files = append(y.files, fmt.Sprintf("autoparts/w%d.xls", day))
}

// operate is what a person does that day.
func (y *years) operate(day int) {
	switch day {
	case 220, 330, 450:
		y.approveClock()
		y.suspended = false
		for _, a := range y.letters {
			if a.doubtful {
				a.seen = y.real
			}
		}
	case 500:
		y.policy = "delete_after_days: 60" // milder
	case 530:
		y.policy = "delete_after_days: 30" // and back: thirty days' worth is braked
	}
	if day%30 == 0 {
		y.shut()
		y.log.reset()
	}
}

// check holds what is left against the letters' ages.
func (y *years) check(day int) {
	y.t.Helper()
	const age = 30 * 24 * time.Hour
	doubt := y.clock[day] != 0 || day > 300 && day < 330
	certain := !y.suspended && (day < 500 || day > 532)
	left := y.left()
	for name, a := range y.letters {
		if a.seen.IsZero() {
			a.seen, a.doubtful = y.real, doubt
		}
		_, there := slices.BinarySearch(left, name)
		switch {
		case !there && y.real.Before(a.received.Add(age)):
			y.t.Fatalf("day %d: %s is gone at the age of %s\n%s", day, name, y.real.Sub(a.received), y.log)
		case there && certain && !y.real.Before(a.seen.Add(age)):
			y.t.Fatalf("day %d: %s is there at the age of %s\n%s", day, name, y.real.Sub(a.received), y.log)
		case !there:
			delete(y.letters, name)
		}
	}
}
