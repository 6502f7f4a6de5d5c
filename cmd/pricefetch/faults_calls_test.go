//go:build faults

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// killCall is a system call at whose nth occurrence the program is killed.
type killCall struct {
	name         string
	most, stride int
}

// killCalls are those by which the program changes what others see; census holds them against what it makes.
var killCalls = []killCall{
	{"openat", 120, 5}, {"write", 30, 2}, {"pwrite64", 160, 5}, {"fsync", 40, 2}, {"renameat2", 9, 1},
	{"unlinkat", 9, 2}, {"mkdirat", 3, 1}, {"ftruncate", 3, 1}, {"fchmod", 13, 3}, {"fchown", 9, 3}, {"fchmodat", 2, 1},
	{"utimensat", 16, 3}, {"renameat", 1, 1}, {"open", 19, 3}, {"unlink", 4, 1}, // the last two are SQLite's
}

func (c killCall) rounds() []round {
	var all []round
	for n := 1; n <= c.most; n += c.stride {
		all = append(all, round{fmt.Sprint(n), func(x *trial) {
			r := newRig(x, "", "")
			if n/c.stride%4 != 3 {
				r.firstRun() // otherwise the program is killed in its very first run
			}
			r.deliver()
			newTaker(r, false)
			r.settle(r.round(r.traced("", fmt.Sprintf("%s:signal=KILL:when=%d", c.name, n))))
		}})
	}
	return all
}

// changing are all system calls by which a program can change files or directories, or make that last. Locks are not
// among them: they end with the program.
var changing = strings.Fields("openat open creat openat2 write writev pwrite64 pwritev pwritev2 fsync fdatasync sync " +
	"syncfs sync_file_range msync rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat rmdir mkdir mkdirat " +
	"mknod mknodat truncate ftruncate fallocate chmod fchmod fchmodat chown lchown fchown fchownat utime utimes futimesat " +
	"utimensat setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr copy_file_range sendfile splice io_uring_enter")

// census shows that the program is killed at every kind of call by which it changes the disk: of those it makes in a
// first run, in a pass that saves, holds and deletes, and in commands, none is missing in killCalls.
func census(t *testing.T, l *lab) {
	if l.lacks(withStrace) {
		t.Log("not run: it needs strace, which " + testsWithout + " excludes")
		return
	}
	r := newRig(&trial{TB: t, lab: l, bin: l.bin, sum: &tally{}}, "", "")
	newTaker(r, false)
	counts := map[string]int{}
	r.counted(counts, func() { r.firstRun() })
	r.deliver()
	r.counted(counts, func() { r.run("once") })
	r.counted(counts, func() { r.run("history") })
	t.Logf("calls: %v", counts)
	for call := range counts {
		if !slices.ContainsFunc(killCalls, func(k killCall) bool { return k.name == call }) {
			t.Errorf("the program makes %d calls of %s, and no round kills it there: add it to killCalls", counts[call], call)
		}
	}
	for _, k := range killCalls {
		if counts[k.name] == 0 {
			t.Errorf("the program makes no call of %s: its rounds show nothing", k.name)
		}
	}
}

// callName finds the name of a call in a line of strace -f.
var callName = regexp.MustCompile(`^\d+ +([a-z0-9_]+)\(`)

// counted adds up the changing calls that the program makes in what do runs.
func (r *rig) counted(counts map[string]int, do func()) {
	r.t.Helper()
	log := filepath.Join(r.dir, "calls")
	r.wrap = func(cmd *exec.Cmd) {
		cmd.Args = append([]string{r.x.lab.strace, "-f", "-qq", "-o", log, "-e", "signal=none", "-e", "trace=" + strings.Join(changing, ",")}, cmd.Args...)
		cmd.Path = r.x.lab.strace
	}
	defer func() { r.wrap = nil }()
	do()
	text, err := os.ReadFile(log)
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if m := callName.FindStringSubmatch(line); m != nil {
			counts[m[1]]++
		}
	}
}

// traced runs the program under strace with the given injections; where names the arrangement whose paths they are
// limited to ("": all).
func (r *rig) traced(where arrangement, injections ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		args := []string{r.x.lab.strace, "-f", "-qq", "-o", os.DevNull}
		for _, path := range r.paths(where) {
			args = append(args, "-P", path)
		}
		for _, injection := range injections {
			args = append(args, "-e", "inject="+injection)
		}
		cmd.Args = append(append(args, cmd.Path), cmd.Args[1:]...)
		cmd.Path = r.x.lab.strace
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
		return []string{r.stateDir(), filepath.Join(r.stateDir(), "held"), db, db + "-wal", db + "-shm"}
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
	{"fsync", "ENOSPC", []int{1, 4, 9}},
	{"write", "ENOSPC", []int{1, 2, 4, 7, 11, 16}},
	{"write", "EIO", []int{1, 5, 9}},
	{"pwrite64", "ENOSPC", []int{1, 2, 4, 8, 16, 24, 32, 48}},
	{"pwrite64", "EIO", []int{1, 3, 9, 27}},
	{"pread64", "EIO", []int{1, 3, 9, 27}},
	{"openat", "EMFILE", []int{5, 10, 15, 20, 30, 40, 60, 80}},
	{"openat", "ENOSPC", []int{8, 13, 21, 34, 55}},
	{"openat", "EIO", []int{7, 25, 50}},
	{"renameat2", "EIO", []int{1, 2, 3, 4, 6}},
	{"renameat2", "ENOSPC", []int{1, 3}},
	{"unlinkat", "EIO", []int{1, 2, 3, 5}},
	{"mkdirat", "ENOSPC", []int{1, 2}},
	{"ftruncate", "EIO", []int{1, 2}},
	{"fchmod", "EIO", []int{1, 4}},
	{"utimensat", "EROFS", []int{1, 2, 5}},
}

func (e callError) name() string { return e.errno + " from " + e.call }

func (e callError) rounds() []round {
	var all []round
	for _, a := range arrangements {
		for _, n := range e.at {
			for _, when := range []string{fmt.Sprint(n), fmt.Sprintf("%d+", n)} {
				all = append(all, round{fmt.Sprintf("%s-%s", a, when), func(x *trial) {
					r := prepared(x, "", "")
					r.settle(r.round(r.traced(a, fmt.Sprintf("%s:error=%s:when=%s", e.call, e.errno, when))))
				}})
			}
		}
	}
	return all
}

// slowFsync makes the time between a rename and its sync long, and kills the program in some of it.
func slowFsync() []round {
	var all []round
	for n := range 10 {
		all = append(all, round{fmt.Sprint(n), func(x *trial) {
			r := prepared(x, "", "")
			slow := []string{"fsync:delay_enter=20ms"}
			if n > 1 {
				slow = append(slow, fmt.Sprintf("pwrite64:signal=KILL:when=%d", 3*n))
			}
			r.settle(r.round(r.traced("", slow...)))
		}})
	}
	return all
}
