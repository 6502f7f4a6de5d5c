//go:build faults

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// filesystem is a kind of disk to cut the power of.
type filesystem string

const (
	ext4 filesystem = "ext4"
	xfs  filesystem = "xfs"
)

// volume is a file system on an image, or a tmpfs, mounted for one round.
type volume struct {
	t       testing.TB
	at      string // the mount point
	image   string // "": a tmpfs
	kind    filesystem
	mounted bool
}

func mount(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command("mount", args...).CombinedOutput(); err != nil {
		t.Fatalf("mount %v: %v: %s(this fault needs root, loop devices and the file system in the kernel; %s leaves it out)", args, err, out, testsWithout)
	}
	at := args[len(args)-1]
	t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
}

// newTmpfs mounts a tmpfs below dir.
func newTmpfs(t testing.TB, dir, options string) *volume {
	t.Helper()
	v := &volume{t: t, at: dir, mounted: true}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mount(t, "-t", "tmpfs", "-o", options, "faults", dir)
	return v
}

// newVolume makes a file system in a sparse image in dir and mounts it on dir/mnt.
func newVolume(t testing.TB, dir string, kind filesystem) *volume {
	t.Helper()
	v := &volume{t: t, at: filepath.Join(dir, "mnt"), image: filepath.Join(dir, "image"), kind: kind}
	if err := os.MkdirAll(v.at, 0o755); err != nil {
		t.Fatal(err)
	}
	// xfs wants 300 MB; on a full disk ext4's journal has to be small.
	size, mkfs := "320M", []string{"mkfs.xfs", "-q", "-f", v.image}
	if kind == ext4 {
		size, mkfs = "100M", []string{"mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=4", "-N", "2000", "-E", "nodiscard,lazy_itable_init=0", v.image}
	}
	v.command("truncate", "-s", size, v.image)
	v.command(mkfs...)
	v.mount()
	return v
}

func (v *volume) command(args ...string) {
	v.t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		v.t.Fatalf("%v: %v: %s", args, err, out)
	}
}

func (v *volume) mount() {
	v.t.Helper()
	options := "loop,nodiscard"
	if v.kind == ext4 {
		options += ",errors=remount-ro"
	}
	mount(v.t, "-t", string(v.kind), "-o", options, v.image, v.at)
	v.mounted = true
}

// unmount waits for everything that the volume still has under way.
func (v *volume) unmount() {
	v.t.Helper()
	if !v.mounted {
		return
	}
	v.mounted = false
	if err := unmountWhenFree(v.at); err != nil {
		v.t.Fatalf("unmount %s: %v", v.at, err)
	}
}

// unmountWhenFree tries for a while: a process that is just being started beside us has our files open until its exec.
func unmountWhenFree(at string) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if err := unix.Unmount(at, 0); !errors.Is(err, unix.EBUSY) {
			return err
		}
		<-tick.C
	}
	return unix.EBUSY
}

// close unmounts at the end of a round, so that its loop device is free for another one.
func (v *volume) close() {
	if v.mounted && unmountWhenFree(v.at) != nil {
		_ = unix.Unmount(v.at, unix.MNT_DETACH)
	}
	v.mounted = false
	if v.image != "" {
		_ = os.Remove(v.image)
	}
}

// again mounts the volume anew: what was not on the disk is gone, the file system's own log is replayed.
func (v *volume) again() {
	v.t.Helper()
	v.unmount()
	v.mount()
}

// repair is again with a check of the file system in between, as after an error of the disk.
func (v *volume) repair() {
	v.t.Helper()
	v.unmount()
	out, err := exec.Command("e2fsck", "-fy", v.image).CombinedOutput()
	if code := exitCode(err); code != 0 && code != 1 {
		v.t.Fatalf("e2fsck: status %d: %s", code, out)
	}
	v.t.Logf("e2fsck: %s", out)
	v.mount()
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := err.(*exec.ExitError); ok {
		return e.ExitCode()
	}
	return -1
}

// readOnly remounts it so. It is busy as long as a process that another round has just forked holds what this one has
// closed, until it executes its program.
func (v *volume) readOnly() {
	v.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		err := unix.Mount("", v.at, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
		if err == nil {
			return
		}
		if !errors.Is(err, unix.EBUSY) {
			v.t.Fatalf("remount %s read-only: %v", v.at, err)
		}
		<-tick.C
	}
	v.t.Fatalf("remount %s read-only: it was busy for 10 seconds", v.at)
}

// loop is the number of the device that the file system lies on.
func (v *volume) loop() uint32 {
	v.t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(v.at, &st); err != nil {
		v.t.Fatal(err)
	}
	return unix.Minor(st.Dev)
}

// honest makes the device fail a write whole. Of several pages of which the first could be written and the next no
// more, a loop device says that all is well (lo_complete_rq in drivers/block/loop.c): no disk does that to a program.
func (v *volume) honest() {
	v.t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/sys/block/loop%d/queue/max_sectors_kb", v.loop()), []byte("4"), 0); err != nil {
		v.t.Fatal(err)
	}
}

// cutter has the file system open, so that the power can be cut at once.
type cutter struct{ f *os.File }

func (v *volume) cutter() *cutter {
	v.t.Helper()
	f, err := os.Open(v.at)
	if err != nil {
		v.t.Fatal(err)
	}
	return &cutter{f}
}

func (c *cutter) close() { _ = c.f.Close() }

// cut is FS_IOC_SHUTDOWN without flushing the log, which is what `xfs_io -x -c shutdown` does: from now on every
// operation fails, and what was not on the disk will not be there when it is mounted again.
func (c *cutter) cut() error {
	const shutdown, noLogFlush = 0x8004587d, 2
	if err := unix.IoctlSetPointerInt(int(c.f.Fd()), shutdown, noLogFlush); err != nil {
		return fmt.Errorf("shut %s down: %w", c.f.Name(), err)
	}
	return nil
}

// fillUp writes a file that leaves about so many bytes free in dir's file system, and returns its name.
func fillUp(t testing.TB, dir string, leave int64) string {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n := int64(st.Bavail)*st.Bsize - leave; n > 0 {
		if err := unix.Fallocate(int(f.Fd()), 0, 0, n); err != nil {
			t.Fatalf("fill %s: %v", dir, err)
		}
	}
	return ballast
}
