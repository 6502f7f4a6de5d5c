//go:build faults

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// killCall is a system call at whose nth occurrence the program is killed.
type killCall struct {
	name         string
	most, stride int
}

var killCalls = []killCall{
	{"openat", 120, 5}, {"write", 30, 2}, {"pwrite64", 160, 5}, {"fsync", 40, 2}, {"renameat2", 9, 1},
	{"unlinkat", 9, 2}, {"mkdirat", 3, 1}, {"ftruncate", 3, 1},
}

func (c killCall) rounds(t *testing.T, l *lab, sum *tally) {
	t.Run("rounds", func(t *testing.T) {
		for n := 1; n <= c.most; n += c.stride {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, l, "", "")
				if n/c.stride%4 != 3 {
					r.must(0, "once") // otherwise the program is killed in its very first run
				}
				r.deliver()
				newTaker(r, false)
				r.settle(sum, r.round(r.traced("", fmt.Sprintf("%s:signal=KILL:when=%d", c.name, n))))
			})
		}
	})
}

// traced runs the program under strace with the given injections; where names the arrangement whose paths they are
// limited to ("": all).
func (r *rig) traced(where arrangement, injections ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		args := []string{r.lab.strace, "-f", "-qq", "-o", os.DevNull}
		for _, path := range r.paths(where) {
			args = append(args, "-P", path)
		}
		for _, injection := range injections {
			args = append(args, "-e", "inject="+injection)
		}
		cmd.Args = append(append(args, cmd.Path), cmd.Args[1:]...)
		cmd.Path = r.lab.strace
	}
}

// paths are what strace knows an arrangement by: it compares whole paths, so a staged file counts by its directory.
func (r *rig) paths(where arrangement) []string {
	switch where {
	case imports:
		staging, _ := filepath.Glob(filepath.Join(r.importDir(), ".pricefetch", "*"))
		return append(staging, r.importDir(), filepath.Join(r.importDir(), "autoparts"))
	case state:
		db := filepath.Join(r.stateDir(), "journal.db")
		return []string{r.stateDir(), db, db + "-wal", db + "-shm"}
	case journalLog:
		return []string{filepath.Join(r.stateDir(), "journal.db-wal")}
	default:
		return nil
	}
}

// callError is an error that a system call returns, once or from then on.
type callError struct {
	call, errno string
	at          []int // in which occurrences
}

var callErrors = []callError{
	{"fsync", "EIO", []int{1, 2, 3, 5, 8, 12, 17, 23}},
	{"write", "ENOSPC", []int{1, 2, 4, 7, 11, 16}},
	{"pwrite64", "ENOSPC", []int{1, 2, 4, 8, 16, 24, 32, 48}},
	{"pwrite64", "EIO", []int{1, 3, 9, 27}},
	{"pread64", "EIO", []int{1, 3, 9, 27}},
	{"openat", "EMFILE", []int{5, 10, 15, 20, 30, 40, 60, 80}},
	{"openat", "ENOSPC", []int{8, 13, 21, 34, 55}},
	{"renameat2", "EIO", []int{1, 2, 3, 4, 6}},
	{"unlinkat", "EIO", []int{1, 2, 3, 5}},
	{"mkdirat", "ENOSPC", []int{1, 2}},
}

func (e callError) name() string { return e.errno + " from " + e.call }

func (e callError) rounds(t *testing.T, l *lab, sum *tally) {
	t.Run("rounds", func(t *testing.T) {
		for _, a := range arrangements {
			for _, n := range e.at {
				for _, when := range []string{fmt.Sprint(n), fmt.Sprintf("%d+", n)} {
					t.Run(fmt.Sprintf("%s-%s", a, when), func(t *testing.T) {
						t.Parallel()
						r := prepared(t, l, "", "")
						r.settle(sum, r.round(r.traced(a, fmt.Sprintf("%s:error=%s:when=%s", e.call, e.errno, when))))
					})
				}
			}
		}
	})
}

// slowFsync makes the time between a rename and its sync long, and kills the program in some of it.
func slowFsync(t *testing.T, l *lab, sum *tally) {
	t.Run("rounds", func(t *testing.T) {
		for n := range 10 {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				r := prepared(t, l, "", "")
				slow := []string{"fsync:delay_enter=20ms"}
				if n > 1 {
					slow = append(slow, fmt.Sprintf("pwrite64:signal=KILL:when=%d", 3*n))
				}
				r.settle(sum, r.round(r.traced("", slow...)))
			})
		}
	})
}
