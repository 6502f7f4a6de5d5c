//go:build faults

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// arrangement says which of the two directories lie on the faulty disk.
type arrangement string

const (
	together arrangement = "together"
	imports  arrangement = "import_dir"
	state    arrangement = "state_dir"
	apart    arrangement = "each on its own" // both disks faulty
)

var arrangements = []arrangement{together, imports, state}

// place gives the parents of import_dir and state_dir, "" for the lab's good disk.
func (a arrangement) place(disk string) (importParent, stateParent string) {
	if a != state {
		importParent = disk
	}
	if a != imports {
		stateParent = disk
	}
	return importParent, stateParent
}

// prepared is an installation whose journal and directories are made, with mail waiting and an importer ready.
func prepared(t *testing.T, l *lab, importParent, stateParent string) *rig {
	t.Helper()
	r := newRig(t, l, importParent, stateParent)
	r.must(0, "once")
	r.deliver()
	newTaker(r, false)
	return r
}

// round runs the program once under a fault that is on already.
func (r *rig) round(change func(*exec.Cmd)) string {
	r.t.Helper()
	r.importer.start()
	defer r.importer.stop()
	return r.under(change, nil)
}

// each runs f for every arrangement and step, as parallel tests.
func each(t *testing.T, steps []int, f func(t *testing.T, a arrangement, step int)) {
	t.Run("rounds", func(t *testing.T) {
		for _, a := range arrangements {
			for _, step := range steps {
				t.Run(fmt.Sprintf("%s-%d", a, step), func(t *testing.T) {
					t.Parallel()
					f(t, a, step)
				})
			}
		}
	})
}

// fullTmpfs leaves more and more room, so that the disk fills up at another point each time.
func fullTmpfs(t *testing.T, l *lab, sum *tally) {
	each(t, []int{0, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256}, func(t *testing.T, a arrangement, kb int) {
		disk := filepath.Join(t.TempDir(), "disk")
		v := newTmpfs(t, disk, "size=16m")
		defer v.close()
		r := prepared(t, l, first(a.place(disk)), second(a.place(disk)))
		ballast := fillUp(t, disk, int64(kb)<<10)
		effect := r.round(nil)
		r.judge("under the fault", nil)
		effect += ", " + r.round(nil)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		r.settle(sum, effect)
	})
}

// noInodes leaves a few of them.
func noInodes(t *testing.T, l *lab, sum *tally) {
	each(t, []int{0, 1, 2, 3, 4, 5, 6, 8}, func(t *testing.T, a arrangement, free int) {
		disk := filepath.Join(t.TempDir(), "disk")
		v := newTmpfs(t, disk, "size=16m,nr_inodes=60")
		defer v.close()
		r := prepared(t, l, first(a.place(disk)), second(a.place(disk)))
		var taken []string
		for {
			name := filepath.Join(disk, fmt.Sprintf("taken-%d", len(taken)))
			f, err := os.Create(name)
			if err != nil {
				break
			}
			_ = f.Close()
			taken = append(taken, name)
		}
		for i, name := range taken {
			if i < free {
				_ = os.Remove(name)
			}
		}
		effect := r.round(nil)
		r.judge("under the fault", nil)
		for _, name := range taken[free:] {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		r.settle(sum, effect)
	})
}

// readOnlyRemount: nothing is fetched, nothing is deleted, and all is made up for later.
func readOnlyRemount(t *testing.T, l *lab, sum *tally) {
	each(t, []int{1}, func(t *testing.T, a arrangement, _ int) {
		dir := filepath.Join(l.dir, fmt.Sprintf("ro-%s", a))
		v := newVolume(t, dir, ext4)
		defer v.close()
		r := prepared(t, l, first(a.place(v.at)), second(a.place(v.at)))
		before := len(r.served())
		v.command("mount", "-o", "remount,ro", v.at)
		effect := r.round(nil)
		if after := len(r.served()); after != before {
			t.Errorf("%d of %d messages are left after a pass on a read-only disk", after, before)
		}
		if !strings.Contains(r.last.err, "read-only") {
			t.Errorf("the program does not say that the disk is read-only:\n%s", r.last.err)
		}
		v.command("mount", "-o", "remount,rw", v.at)
		r.settle(sum, effect)
	})
}

// diskError makes ext4 find an error of its own in mid-pass: it goes read-only at once and drops what its journal has
// not committed. step is the file that the importer sees then, or the command to a server.
func diskError(t *testing.T, l *lab, sum *tally) {
	each(t, stepsTo(len(moments)), func(t *testing.T, a arrangement, step int) {
		dir := filepath.Join(l.dir, fmt.Sprintf("error-%s-%d", a, step))
		v := newVolume(t, dir, ext4)
		defer v.close()
		r := prepared(t, l, first(a.place(v.at)), second(a.place(v.at)))
		var st unix.Stat_t
		if err := unix.Stat(v.at, &st); err != nil {
			t.Fatal(err)
		}
		trigger := fmt.Sprintf("/sys/fs/ext4/loop%d/trigger_fs_error", unix.Minor(st.Dev))
		effect := r.at(moments[step-1], func(cmd *exec.Cmd) {
			if err := frozen(cmd, func() {
				if err := os.WriteFile(trigger, []byte("1"), 0); err != nil {
					t.Error(err)
				}
			}); err != nil {
				t.Error(err)
			}
		})
		v.repair()
		r.settle(sum, effect)
	})
}

// failingFsync: the disk below a thinly provisioned ext4 is full, so that writing succeeds and syncing fails.
func failingFsync(t *testing.T, l *lab, sum *tally) {
	each(t, []int{0, 16, 32, 64, 96, 128, 192, 256, 384, 512}, func(t *testing.T, a arrangement, kb int) {
		disk := filepath.Join(l.dir, fmt.Sprintf("thin-%s-%d", a, kb))
		under := newTmpfs(t, disk, "size=24m")
		defer under.close()
		v := newVolume(t, disk, ext4)
		defer v.close()
		r := prepared(t, l, first(a.place(v.at)), second(a.place(v.at)))
		syncFS(t, v.at)
		ballast := fillUp(t, disk, int64(kb)<<10)
		effect := r.round(nil)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		v.repair()
		r.settle(sum, effect)
	})
}

// powerCut cuts at every moment, in every arrangement. When the power of the whole machine fails the program is killed
// too; when only one disk is lost it goes on.
func powerCut(t *testing.T, l *lab, sum *tally, kind filesystem) {
	t.Run("rounds", func(t *testing.T) {
		for k, a := range append(arrangements[:3:3], apart) {
			for i, m := range moments {
				t.Run(fmt.Sprintf("%s-%s", a, m), func(t *testing.T) {
					t.Parallel()
					n := i + k
					cutAt(t, l, sum, kind, a, m, cut{kill: n%2 == 0, firstRun: n%5 == 4, syncs: n%3 == 0})
				})
			}
		}
	})
}

// cut is how the power goes away.
type cut struct {
	kill     bool // the program dies with it
	firstRun bool // the program has never run before
	syncs    bool // the importer syncs what it takes, which syncs much of what the program did
}

func cutAt(t *testing.T, l *lab, sum *tally, kind filesystem, a arrangement, m moment, c cut) {
	dir := filepath.Join(l.dir, fmt.Sprintf("cut-%s-%s-%s", kind, a, m))
	volumes := []*volume{newVolume(t, filepath.Join(dir, "1"), kind)}
	importParent, stateParent := a.place(volumes[0].at)
	if a == apart {
		volumes = append(volumes, newVolume(t, filepath.Join(dir, "2"), kind))
		stateParent = volumes[1].at
	}
	var cutters []*cutter
	for _, v := range volumes {
		defer v.close()
		cutters = append(cutters, v.cutter())
	}
	r := newRig(t, l, importParent, stateParent)
	if !c.firstRun {
		r.must(0, "once")
	}
	r.deliver()
	newTaker(r, c.syncs)
	for _, v := range volumes {
		syncFS(t, v.at)
	}
	effect := r.at(m, func(cmd *exec.Cmd) {
		off := func() {
			for _, cutter := range cutters {
				if err := cutter.cut(); err != nil {
					t.Error(err)
				}
			}
		}
		if c.kill {
			// It comes first: a system call that is under way is cut, and nobody acts upon its answer.
			_ = cmd.Process.Signal(syscall.SIGKILL)
			off()
		} else if err := frozen(cmd, off); err != nil {
			t.Error(err)
		}
	})
	for i, v := range volumes {
		cutters[i].close()
		v.again()
	}
	r.settle(sum, effect)
}

func syncFS(t *testing.T, at string) {
	t.Helper()
	f, err := os.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		t.Fatal(err)
	}
}

func first(a, _ string) string  { return a }
func second(_, b string) string { return b }

func stepsTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i + 1
	}
	return out
}
