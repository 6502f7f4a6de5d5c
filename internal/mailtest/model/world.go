package model

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
)

const (
	day    = 24 * time.Hour
	rescan = 7 * day // of every schedule
)

// epoch is when every schedule begins, and when the program was built.
var epoch = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// World is one run of one schedule.
type World struct {
	dir      string
	schedule Schedule
	now      time.Time     // true time, by which others act and date their mail
	skew     time.Duration // how far the program's clock is ahead of it
	skewed   bool          // it ever was
	boxes    []*box
	letters  []*letter
	house    *house
	polled   *box
	log      *slog.Logger
	trace    *strings.Builder // nil: nobody wants to know

	rules      ruleset
	rulesSince time.Time
	history    []ruleset
	eager      bool // the importer takes at once

	faults []fault
	events []event
	calls  int
	hits   int
	calm   bool // no faults, no lies

	files      map[string]seen
	contents   map[string][]slotKey
	sums       map[string][]slotKey // by SHA-256
	published  map[slotKey]time.Time
	promised   map[slotKey]bool      // staged, and named in a committed intent
	judgedAt   map[slotKey]time.Time // when that was committed
	outs       map[outKey]int
	newestList map[string]time.Time // by rule
	dismissed  map[mail.RecordID]bool
	kept       map[mail.RecordID]bool
	printOf    map[mail.RecordID]string
	deletions  int
	starts     int

	Violation string // the first one
	Covered   map[string]map[string]int
}

// newWorld makes the world that a schedule begins with.
func newWorld(dir string, s Schedule, trace *strings.Builder) *World {
	w := &World{
		dir: dir, schedule: s, now: epoch, trace: trace, eager: s.Eager, rulesSince: epoch,
		rules: ruleset{mask: "price*.csv"}, files: map[string]seen{}, contents: map[string][]slotKey{}, sums: map[string][]slotKey{}, promised: map[slotKey]bool{},
		judgedAt:  map[slotKey]time.Time{},
		published: map[slotKey]time.Time{}, outs: map[outKey]int{}, newestList: map[string]time.Time{}, dismissed: map[mail.RecordID]bool{},
		kept: map[mail.RecordID]bool{}, printOf: map[mail.RecordID]string{}, Covered: map[string]map[string]int{},
	}
	w.history = []ruleset{w.rules}
	w.log = w.newLog()
	for i, t := range s.Servers {
		b := &box{w: w, traits: t, name: string(rune('A' + i)), user: "user", valid: 1, policy: policies[s.Policy], firstRun: firstRuns[s.FirstRun]}
		if b.protocol == "pop3" {
			b.policy.Way = ""
		}
		b.law.b, b.law.asked, b.law.gone = b, map[string]bool{}, map[string]bool{}
		w.boxes = append(w.boxes, b)
	}
	return w
}

// box finds a mailbox by its name.
func (w *World) box(name string) *box {
	for _, b := range w.boxes {
		if b.name == name {
			return b
		}
	}
	return w.boxes[0]
}

// clock is the time that the program is given. It never stands still.
func (w *World) clock() time.Time {
	w.now = w.now.Add(time.Millisecond)
	return w.machine()
}

// machine is what the program's clock says.
func (w *World) machine() time.Time { return w.now.Add(w.skew) }

// violate notes the first violation.
func (w *World) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.note("   VIOLATION: %s", text)
	if w.Violation == "" {
		w.Violation = text
	}
}

// note is a line of the story, if anybody wants to read it.
func (w *World) note(format string, args ...any) {
	if w.trace == nil {
		return
	}
	line := fmt.Sprintf(format, args...)
	w.trace.WriteString(strings.TrimRight(line, "\n") + "\n")
}

// cover counts that a run came to something.
func (w *World) cover(kind, what string) {
	if w.Covered[kind] == nil {
		w.Covered[kind] = map[string]int{}
	}
	w.Covered[kind][what]++
}

// run carries a schedule out. The error is trouble of the model itself.
func (w *World) run() (err error) {
	defer func() {
		if cerr := w.shut(); err == nil {
			err = cerr
		}
		if rerr := os.RemoveAll(w.dir); err == nil {
			err = rerr
		}
	}()
	if err := w.prepare(); err != nil {
		return err
	}
	for i, step := range w.schedule.Steps {
		w.note("%d. %s", i+1, step.words())
		if err := w.do(&w.schedule.Steps[i]); err != nil {
			return err
		}
		if w.Violation != "" {
			return nil
		}
	}
	return w.quiesce()
}

// records are all that the journal has of a mailbox.
func (w *World) records(b *box) []mail.Record {
	list, err := w.house.journal.Records(context.Background(), journal.Filter{Mailbox: b.name})
	if err != nil {
		w.violate("read records: %v", err)
	}
	return list
}

// ready makes sure that a process runs.
func (w *World) ready() error {
	if w.house == nil || w.house.life.dead {
		return w.start()
	}
	return nil
}

// poll makes a pass, with a new process if the last one is dead.
func (w *World) poll(b *box) error {
	if err := w.ready(); err != nil {
		return err
	}
	if w.house.life.dead {
		return nil // it died again while it started
	}
	report, err := w.pass(b)
	w.note("   pass over %s: %d listed, %d read, %d files, %d deleted, error %v", b.name, report.Listed, report.Read, len(report.Files), report.Deleted, err)
	w.look()
	return nil
}
