//go:build faults

package main

import (
	"fmt"
	"io"
	"sync"
	"testing"
	"time"
)

// trial is one round under way: which program it tries, where it is counted, and where its complaints go.
type trial struct {
	testing.TB
	lab *lab
	bin string
	sum *tally

	mu     sync.Mutex
	listen bool     // the program is a wrong one: complaints are what is looked for
	heard  []string // complaints
}

// complain says that the program broke a promise.
func (x *trial) complain(format string, args ...any) {
	x.Helper()
	x.mu.Lock()
	x.heard = append(x.heard, fmt.Sprintf(format, args...))
	listen := x.listen
	x.mu.Unlock()
	if !listen {
		x.Errorf(format, args...)
	}
}

// complaints are what the program was blamed for so far.
func (x *trial) complaints() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.heard
}

// tally adds up the rounds of one fault.
type tally struct {
	mu                                  sync.Mutex
	rounds, acknowledged, lost, doubled int
	effects                             map[string]int // how the program ended under the fault
}

func (s *tally) add(acknowledged, lost, doubled int, effect string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rounds++
	s.acknowledged += acknowledged
	s.lost += lost
	s.doubled += doubled
	if s.effects == nil {
		s.effects = map[string]int{}
	}
	s.effects[effect]++
}

// row is one line of the table.
type row struct {
	name   string
	tally  *tally
	failed bool
	notRun string // what left it out
	took   time.Duration
}

func printTable(w io.Writer, rows []row) {
	fmt.Fprintf(w, "\n%-40s %7s %13s %5s %8s %6s  %s\n", "FAULT", "ROUNDS", "ACKNOWLEDGED", "LOST", "DOUBLED", "TOOK", "PROGRAM UNDER THE FAULT")
	total := tally{}
	for _, r := range rows {
		if r.notRun != "" {
			fmt.Fprintf(w, "%-40s NOT RUN (%s leaves it out)\n", r.name, r.notRun)
			continue
		}
		s := r.tally
		verdict := ""
		if r.failed {
			verdict = "FAILED; "
		}
		fmt.Fprintf(w, "%-40s %7d %13d %5d %8d %5.0fs  %s%v\n", r.name, s.rounds, s.acknowledged, s.lost, s.doubled, r.took.Seconds(), verdict, s.effects)
		total.rounds, total.acknowledged = total.rounds+s.rounds, total.acknowledged+s.acknowledged
		total.lost, total.doubled = total.lost+s.lost, total.doubled+s.doubled
	}
	fmt.Fprintf(w, "%-40s %7d %13d %5d %8d\n", "all", total.rounds, total.acknowledged, total.lost, total.doubled)
}
