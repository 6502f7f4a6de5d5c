//go:build faults

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// journalLog is no arrangement of directories: only syncing the journal's log fails.
const journalLog arrangement = "journal.db-wal"

// failedCommit: the journal's log cannot be synced from some commit on, and the program is killed as soon as it removes
// a staged file. What the program took for refused stands in the log all the same and counts at the next start: an
// intent whose staged file is gone reads as published.
func failedCommit() []round {
	var all []round
	for n := 1; n <= 14; n++ {
		all = append(all, round{fmt.Sprint(n), func(x *trial) {
			r := newRig(x, "", "")
			r.alone = true // of one that both have, the second copy is removed as a matter of course
			r.must(0, "once")
			r.deliver()
			newTaker(r, false)
			removed := watchStaging(r)
			r.importer.start()
			effect := r.under(
				// Writing is slow, so that the kill comes before the next commit overwrites the failed one.
				r.traced(journalLog, fmt.Sprintf("fsync:error=EIO:when=%d+", n), "pwrite64:delay_enter=5ms"),
				func(cmd *exec.Cmd) func(string) {
					program := 0
					for program == 0 && cmd.ProcessState == nil && syscall.Kill(cmd.Process.Pid, 0) == nil {
						program = traced(cmd.Process.Pid)
					}
					removed(func() {
						if program != 0 {
							_ = syscall.Kill(program, syscall.SIGKILL)
						}
					})
					return func(string) {}
				})
			r.importer.stop()
			r.settle(effect)
		}})
	}
	return all
}

// watchStaging returns what calls f, once, when a staged file is removed; a rename is none.
func watchStaging(r *rig) func(f func()) {
	t := r.t
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	staging, err := filepath.Glob(filepath.Join(r.importDir(), ".pricefetch", "*"))
	if err != nil || len(staging) != 1 {
		t.Fatalf("staging directories: %v, %v", staging, err)
	}
	if _, err := unix.InotifyAddWatch(fd, staging[0], unix.IN_DELETE); err != nil {
		t.Fatal(err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	var reading sync.WaitGroup
	t.Cleanup(func() {
		_ = events.Close()
		reading.Wait()
	})
	return func(f func()) {
		reading.Go(func() {
			buf := make([]byte, 4096)
			for {
				n, err := events.Read(buf)
				if err != nil {
					return // closed
				}
				if strings.Contains(string(buf[:n]), "staged-") {
					f()
					return
				}
			}
		})
	}
}

// traced finds the program that an strace runs; 0 where it has ended.
func traced(strace int) int {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// Process, name in parentheses, state, parent (proc_pid_stat(5)).
		var pid, parent int
		var state string
		end := bytes.LastIndex(stat, []byte(") "))
		if end < 0 {
			continue
		}
		_, _ = fmt.Sscan(string(stat), &pid)
		_, _ = fmt.Sscan(string(stat[end+2:]), &state, &parent)
		if parent == strace {
			return pid
		}
	}
	return 0
}
