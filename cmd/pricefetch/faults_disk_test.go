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
func prepared(x *trial, importParent, stateParent string) *rig {
	x.Helper()
	r := newRig(x, importParent, stateParent)
	r.firstRun()
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

// each makes a round for every arrangement and step.
func each(steps []int, f func(x *trial, a arrangement, step int)) []round {
	var all []round
	for _, a := range arrangements {
		for _, step := range steps {
			all = append(all, round{fmt.Sprintf("%s-%d", a, step), func(x *trial) { f(x, a, step) }})
		}
	}
	return all
}

// fullTmpfs leaves more and more room, so that the disk fills up at another point each time.
func fullTmpfs() []round {
	return each([]int{0, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256}, func(x *trial, a arrangement, kb int) {
		disk := x.lab.disk()
		v := newTmpfs(x, disk, "size=16m")
		defer v.close()
		r := prepared(x, first(a.place(disk)), second(a.place(disk)))
		ballast := fillUp(x, disk, int64(kb)<<10)
		effect := r.round(nil)
		r.judge("under the fault", nil)
		effect += ", " + r.round(nil)
		if err := os.Remove(ballast); err != nil {
			x.Fatal(err)
		}
		r.settle(effect)
	})
}

// noInodes leaves a few of them.
func noInodes() []round {
	return each([]int{0, 1, 2, 3, 4, 5, 6, 8}, func(x *trial, a arrangement, free int) {
		disk := x.lab.disk()
		v := newTmpfs(x, disk, "size=16m,nr_inodes=60")
		defer v.close()
		r := prepared(x, first(a.place(disk)), second(a.place(disk)))
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
				x.Fatal(err)
			}
		}
		r.settle(effect)
	})
}

// readOnlyRemount: nothing is fetched, nothing is deleted, and all is made up for later.
func readOnlyRemount() []round {
	return each([]int{1}, func(x *trial, a arrangement, _ int) {
		v := newVolume(x, x.lab.disk(), ext4)
		defer v.close()
		r := prepared(x, first(a.place(v.at)), second(a.place(v.at)))
		before := len(r.served())
		v.readOnly()
		effect := r.round(nil)
		if after := len(r.served()); after != before {
			x.complain("%d of %d messages are left after a pass on a read-only disk", after, before)
		}
		if !strings.Contains(r.last.err, "read-only") {
			x.complain("the program does not say that the disk is read-only:\n%s", r.last.err)
		}
		v.command("mount", "-o", "remount,rw", v.at)
		r.settle(effect)
	})
}

// diskError makes ext4 find an error of its own in mid-pass: it goes read-only at once and drops what its journal has
// not committed. step is the file that the importer sees then, or the command to a server.
func diskError() []round {
	return each(stepsTo(len(moments)), func(x *trial, a arrangement, step int) {
		v := newVolume(x, x.lab.disk(), ext4)
		defer v.close()
		r := prepared(x, first(a.place(v.at)), second(a.place(v.at)))
		trigger := fmt.Sprintf("/sys/fs/ext4/loop%d/trigger_fs_error", v.loop())
		effect := r.at(moments[step-1], func(cmd *exec.Cmd) {
			if err := frozen(cmd, func() {
				if err := os.WriteFile(trigger, []byte("1"), 0); err != nil {
					x.Error(err)
				}
			}); err != nil {
				x.Error(err)
			}
		})
		v.repair()
		r.settle(effect)
	})
}

// failingFsync: the disk below a thinly provisioned ext4 is full, so that writing succeeds and syncing fails.
func failingFsync() []round {
	return each([]int{0, 16, 32, 64, 96, 128, 192, 256, 384, 512}, func(x *trial, a arrangement, kb int) {
		disk := x.lab.disk()
		under := newTmpfs(x, disk, "size=24m")
		defer under.close()
		v := newVolume(x, disk, ext4)
		defer v.close()
		v.honest()
		r := prepared(x, first(a.place(v.at)), second(a.place(v.at)))
		syncFS(x, v.at)
		ballast := fillUp(x, disk, int64(kb)<<10)
		effect := r.round(nil)
		if err := os.Remove(ballast); err != nil {
			x.Fatal(err)
		}
		v.repair()
		r.settle(effect)
	})
}

// powerCut cuts at every moment, in every arrangement. When the power of the whole machine fails the program is killed
// too; when only one disk is lost it goes on.
func powerCut(kind filesystem) []round {
	var all []round
	for k, a := range append(arrangements[:3:3], apart) {
		for i, m := range moments {
			n := i + k
			c := cut{kill: n%2 == 0, firstRun: n%5 == 4, syncs: n%3 == 0}
			all = append(all, round{fmt.Sprintf("%s-%s", a, m), func(x *trial) { cutAt(x, kind, a, m, c) }})
		}
	}
	return all
}

// cut is how the power goes away.
type cut struct {
	kill     bool // the program dies with it
	firstRun bool // the program has never run before
	syncs    bool // the importer syncs what it takes, which syncs much of what the program did
}

func cutAt(x *trial, kind filesystem, a arrangement, m moment, c cut) {
	volumes := []*volume{newVolume(x, x.lab.disk(), kind)}
	importParent, stateParent := a.place(volumes[0].at)
	if a == apart {
		volumes = append(volumes, newVolume(x, x.lab.disk(), kind))
		stateParent = volumes[1].at
	}
	var cutters []*cutter
	for _, v := range volumes {
		defer v.close()
		cutters = append(cutters, v.cutter())
	}
	r := newRig(x, importParent, stateParent)
	if !c.firstRun {
		r.firstRun()
	}
	r.deliver()
	newTaker(r, c.syncs)
	for _, v := range volumes {
		syncFS(x, v.at)
	}
	effect := r.at(m, func(cmd *exec.Cmd) {
		off := func() {
			for _, cutter := range cutters {
				if err := cutter.cut(); err != nil {
					x.Error(err)
				}
			}
		}
		if c.kill {
			// It comes first: a system call that is under way is cut, and nobody acts upon its answer.
			_ = cmd.Process.Signal(syscall.SIGKILL)
			off()
		} else if err := frozen(cmd, off); err != nil {
			x.Error(err)
		}
	})
	for i, v := range volumes {
		cutters[i].close()
		v.again()
	}
	r.settle(effect)
}

func syncFS(t testing.TB, at string) {
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
