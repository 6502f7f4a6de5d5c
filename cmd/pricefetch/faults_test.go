//go:build faults

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inNamespace marks the process that may mount: it has a mount namespace of its own, so that everything it mounts, and
// every loop device under it, is gone with it, however it ends.
const inNamespace = "PRICEFETCH_FAULTS_IN_NAMESPACE"

// mostRounds bounds the rounds of each fault: they are then spread evenly over all there are. Default: all.
const mostRounds = "FAULTS_ROUNDS"

// Means of the machine that only some faults need. .ci/can looks for them by these names, testsWithout takes them.
const (
	withStrace = "strace" // it must be allowed to trace
	withExt4   = "ext4"   // the kernel mounts one from a loop device
	withXFS    = "xfs"
)

var allMeans = []string{withStrace, withExt4, withXFS}

// fault is one thing that a machine does to a program, in many rounds.
type fault struct {
	name   string
	needs  []string
	rounds []round
}

// round is one try of a fault.
type round struct {
	name string
	run  func(x *trial)
}

// faults are all of them, in the order of the table.
func faults() []fault {
	traced, onExt4, onXFS := []string{withStrace}, []string{withExt4}, []string{withXFS}
	var all []fault
	for _, call := range killCalls {
		all = append(all, fault{"kill -9 at " + call.name, traced, call.rounds()})
	}
	for _, e := range callErrors {
		all = append(all, fault{e.name(), traced, e.rounds()})
	}
	return append(all,
		fault{"slow fsync", traced, slowFsync()},
		fault{"commit fails, then kill -9", traced, failedCommit()},
		fault{"kill -9 in a migration", traced, killedMigration()},
		fault{"full tmpfs", nil, fullTmpfs()},
		fault{"no inodes", nil, noInodes()},
		fault{"read-only remount", onExt4, readOnlyRemount()},
		fault{"read-only after a disk error", onExt4, diskError()},
		fault{"failing fsync (disk below ext4 full)", onExt4, failingFsync()},
		fault{"power cut on ext4", onExt4, powerCut(ext4)},
		fault{"power cut on xfs", onXFS, powerCut(xfs)},
	)
}

// TestFaults does to the real program what machines do, and holds it to the promises: after a restart every file that
// `history` lists was published whole and once, and what it does not list is still on the server. First it shows that
// programs which break a promise are caught by these very rounds.
func TestFaults(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		again(t)
		return
	}
	missing, most := missingMeans(t), roundsWanted(t)
	l := newLab(t, missing)
	all := faults()
	t.Run("calls", func(t *testing.T) { census(t, l) })
	var wrong []wrongRow
	t.Run("wrong programs", func(t *testing.T) { wrong = catch(t, l, all) })
	var table []row
	for _, f := range all {
		if l.lacks(f.needs...) {
			table = append(table, row{name: f.name, notRun: fmt.Sprintf("%s=%s", testsWithout, strings.Join(missing, ","))})
			continue
		}
		sum, began, chosen := &tally{}, time.Now(), false
		ok := t.Run(f.name, func(t *testing.T) {
			chosen = true
			f.try(t, l, sum, most)
		})
		if !chosen {
			table = append(table, row{name: f.name, notRun: "-run"})
			continue
		}
		table = append(table, row{name: f.name, tally: sum, failed: !ok, took: time.Since(began)})
		if ok && (sum.rounds == 0 || sum.acknowledged == 0) {
			t.Errorf("%s: %d rounds, %d files acknowledged: nothing was shown", f.name, sum.rounds, sum.acknowledged)
		}
	}
	printWrong(os.Stdout, wrong)
	printTable(os.Stdout, table)
}

// try runs the fault's rounds, a few at a time.
func (f fault) try(t *testing.T, l *lab, sum *tally, most int) {
	t.Run("rounds", func(t *testing.T) {
		for _, r := range spread(f.rounds, most) {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				r.run(&trial{TB: t, lab: l, bin: l.bin, sum: sum})
			})
		}
	})
}

// spread chooses at most so many rounds, evenly; 0 is all.
func spread(rounds []round, most int) []round {
	if most == 0 || most >= len(rounds) {
		return rounds
	}
	out := make([]round, most)
	for i := range out {
		out[i] = rounds[i*len(rounds)/most]
	}
	return out
}

func missingMeans(t *testing.T) []string {
	t.Helper()
	missing := meansLacking()
	for _, name := range missing {
		if !slices.Contains(allMeans, name) {
			t.Fatalf("%s names %q: expected some of %v", testsWithout, name, allMeans)
		}
	}
	return missing
}

func roundsWanted(t *testing.T) int {
	t.Helper()
	text := os.Getenv(mostRounds)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: expected how many rounds of each fault to run at most, 1 or more", mostRounds, text)
	}
	return n
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
