//go:build faults

package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// inNamespace marks the process that may mount: it has a mount namespace of its own, so that everything it mounts, and
// every loop device under it, is gone with it, however it ends.
const inNamespace = "PRICEFETCH_FAULTS_IN_NAMESPACE"

// leftOut names faults, separated by commas, that this machine is not to be tried with.
const leftOut = "FAULTS_WITHOUT"

// fault is one thing that a machine does to a program, in many rounds.
type fault struct {
	name string
	run  func(t *testing.T, l *lab, sum *tally)
}

// faults are all of them, in the order of the table.
func faults() []fault {
	var all []fault
	for _, call := range killCalls {
		all = append(all, fault{"kill -9 at " + call.name, call.rounds})
	}
	for _, e := range callErrors {
		all = append(all, fault{e.name(), e.rounds})
	}
	return append(all,
		fault{"slow fsync", slowFsync},
		fault{"commit fails, then kill -9", failedCommit},
		fault{"full tmpfs", fullTmpfs},
		fault{"no inodes", noInodes},
		fault{"read-only remount", readOnlyRemount},
		fault{"read-only after a disk error", diskError},
		fault{"failing fsync (disk below ext4 full)", failingFsync},
		fault{"power cut, ext4", func(t *testing.T, l *lab, sum *tally) { powerCut(t, l, sum, ext4) }},
		fault{"power cut, xfs", func(t *testing.T, l *lab, sum *tally) { powerCut(t, l, sum, xfs) }},
	)
}

// TestFaults does to the real program what machines do, and holds it to the promises: after a restart every file that
// `history` lists was published whole and once, and what it does not list is still on the server.
func TestFaults(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		again(t)
		return
	}
	all, without := faults(), strings.FieldsFunc(os.Getenv(leftOut), func(r rune) bool { return r == ',' })
	for i, name := range without {
		without[i] = strings.TrimSpace(name)
		if !slices.ContainsFunc(all, func(f fault) bool { return f.name == without[i] }) {
			t.Fatalf("%s names %q, which is no fault; see the table for their names", leftOut, without[i])
		}
	}
	l := newLab(t)
	var table []row
	for _, f := range all {
		if slices.Contains(without, f.name) {
			table = append(table, row{name: f.name, notRun: true})
			continue
		}
		sum, began, chosen := &tally{}, time.Now(), false
		ok := t.Run(f.name, func(t *testing.T) {
			chosen = true
			f.run(t, l, sum)
		})
		table = append(table, row{name: f.name, tally: sum, failed: !ok, notRun: !chosen, took: time.Since(began)})
		if chosen && ok && (sum.rounds == 0 || sum.acknowledged == 0) {
			t.Errorf("%s: %d rounds, %d files acknowledged: nothing was shown", f.name, sum.rounds, sum.acknowledged)
		}
	}
	printTable(os.Stdout, table)
}

// again runs this test in a mount namespace of its own.
func again(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("make faults mounts file systems and needs root: run it as root")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run="+flag.Lookup("test.run").Value.String(), "-test.parallel=4", fmt.Sprintf("-test.v=%v", testing.Verbose()))
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is about the thread that starts it
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		t.Fatalf("faults in a mount namespace of their own: %v", err)
	}
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
	notRun bool
	took   time.Duration
}

func printTable(w io.Writer, rows []row) {
	fmt.Fprintf(w, "\n%-40s %7s %13s %5s %8s %6s  %s\n", "FAULT", "ROUNDS", "ACKNOWLEDGED", "LOST", "DOUBLED", "TOOK", "PROGRAM UNDER THE FAULT")
	total := tally{}
	for _, r := range rows {
		if r.notRun {
			fmt.Fprintf(w, "%-40s not run (%s or -run leaves it out)\n", r.name, leftOut)
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
