//go:build faults

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// moment is the nth time that something of that kind comes by: a file that appears in the import directory, which is
// between its rename and the sync of its directory, or a command to a server.
type moment struct {
	kind string
	n    int
}

func (m moment) String() string {
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(m.kind, " ", "-"), m.n)
}

// moments are where what is acknowledged on one side is least sure to be so on the other.
var moments = []moment{
	{"FILE", 1}, {"FILE", 2}, {"FILE", 3}, {"FILE", 4}, {"FILE", 5}, {"FILE", 6}, {"FILE", 7}, {"FILE", 8}, {"FILE", 9},
	{"RETR ", 1}, {"RETR ", 2}, {"RETR ", 4}, {"DELE ", 1}, {"DELE ", 3}, {"QUIT", 1},
	{"UID FETCH ", 1}, {"UID FETCH ", 2}, {"UID STORE ", 1}, {"UID EXPUNGE ", 1}, {"LOGOUT", 1},
}

// at runs the program with the importer beside it and does something to them at that moment.
func (r *rig) at(m moment, do func(cmd *exec.Cmd)) string {
	r.t.Helper()
	var mu sync.Mutex
	seen, done := 0, false
	r.importer.start()
	defer r.importer.stop()
	effect := r.under(nil, func(cmd *exec.Cmd) func(string) {
		return func(event string) {
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(event+" ", m.kind) {
				return
			}
			if seen++; seen == m.n {
				done = true
				do(cmd)
			}
		}
	})
	mu.Lock()
	defer mu.Unlock()
	if !done {
		effect += " (not at its moment)"
	}
	return effect
}

// frozen does something to the disk while the program is between two system calls. An fsync that is under way while ext4
// takes itself out of service may answer that all is well although nothing was written: ext4 aborts its log first and
// refuses fsync later. Whoever goes on after that, as a program does that loses one disk and not its life, was lied to.
func frozen(cmd *exec.Cmd, do func()) error {
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for range 50_000 {
		if stopped(cmd.Process.Pid) {
			do()
			return cmd.Process.Signal(syscall.SIGCONT)
		}
		<-tick.C
	}
	return errors.New("the program did not stop within 5 seconds of SIGSTOP")
}

// stopped reports whether no thread of the process is running or in a system call.
func stopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // that thread has ended
		}
		// The state follows the name, which is in parentheses (proc_pid_stat(5)).
		if end := bytes.LastIndex(stat, []byte(") ")); end < 0 || !bytes.ContainsAny(stat[end+2:end+3], "TZX") {
			return false
		}
	}
	return true
}
