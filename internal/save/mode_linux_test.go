package save

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"pricefetch/internal/mail"
)

// umask sets the process's umask for one test. No test of this package runs in parallel with another.
func umask(t *testing.T, mask int) {
	t.Helper()
	old := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(old) })
}

func wantMode(t *testing.T, path string, mode fs.FileMode, gid int) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != mode || gid >= 0 && gidOf(info) != gid {
		t.Errorf("%s has mode %v and group %d, want %v and %d", path, info.Mode(), gidOf(info), mode, gid)
	}
}

// someGroup is a group that files can be given here: any for root, else one of ours.
func someGroup(t *testing.T) int {
	t.Helper()
	if os.Geteuid() == 0 {
		return 12345
	}
	groups, err := os.Getgroups()
	if err != nil || len(groups) == 0 {
		return os.Getgid()
	}
	return groups[len(groups)-1]
}

func TestModesWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077} {
		umask(t, mask)
		d := newDir(t)
		d.o.GID = someGroup(t)
		f := stage(t, d, "x", "a/b", "price.xls")
		wantMode(t, filepath.Join(d.stagingDir(), f.Staged.Name), 0o640, d.o.GID)
		wantPublished(t, d, f, mail.PublishedNow)
		wantMode(t, d.at("a", "b", "price.xls"), 0o640, d.o.GID)
		wantMode(t, d.at("a"), fs.ModeDir|fs.ModeSetgid|0o750, d.o.GID)
		wantMode(t, d.at("a", "b"), fs.ModeDir|fs.ModeSetgid|0o750, d.o.GID)
		wantMode(t, d.at(hiddenDir), fs.ModeDir|0o700, -1)
		wantMode(t, filepath.Join(d.stagingDir(), tokenFile), 0o600, -1)
	}
}

func TestADirectoryThatIsThereKeepsItsLooks(t *testing.T) {
	d := newDir(t)
	if err := os.Mkdir(d.at("a"), 0o711); err != nil {
		t.Fatal(err)
	}
	wantPublished(t, d, stage(t, d, "x", "a", "price.xls"), mail.PublishedNow)
	wantMode(t, d.at("a"), fs.ModeDir|0o711, -1)
}

// A rename does not do what creating in a setgid directory does: the group has to be set.
func TestTheGroupOfASetgidDirectory(t *testing.T) {
	d := newDir(t)
	gid := someGroup(t)
	mkdir(t, d.at("a"))
	if err := os.Chown(d.at("a"), -1, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(d.at("a"), fs.ModeSetgid|0o770); err != nil {
		t.Fatal(err)
	}
	wantPublished(t, d, stage(t, d, "x", "a", "price.xls"), mail.PublishedNow)
	wantMode(t, d.at("a", "price.xls"), 0o640, gid)
	wantPublished(t, d, stage(t, d, "x", "a/new", "price.xls"), mail.PublishedNow)
	wantMode(t, d.at("a", "new"), fs.ModeDir|fs.ModeSetgid|0o750, gid)
	wantMode(t, d.at("a", "new", "price.xls"), 0o640, gid)
	if faults := d.Try([]string{"a"}); len(faults) > 0 {
		t.Error(faults)
	}
}

// asNobody runs f without root's right to everything, where it has it.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := syscall.Setfsuid(65534); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

func TestReadyWhereTheUserMayNotWrite(t *testing.T) {
	for _, key := range []string{"import_dir", "state_dir"} {
		t.Run(key, func(t *testing.T) {
			d := newDir(t)
			for dir := d.stagingDir(); dir != filepath.Dir(d.o.ImportDir); dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			for _, dir := range []string{d.o.StateDir, filepath.Dir(d.o.StateDir), filepath.Dir(filepath.Dir(d.o.StateDir))} {
				if err := os.Chmod(dir, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(filepath.Join(d.stagingDir(), tokenFile), 0o644); err != nil {
				t.Fatal(err)
			}
			asNobody(t, func() {
				if err := d.Ready(t.Context()); err != nil {
					t.Errorf("not ready before: %v", err)
				}
			})
			closed := map[string]string{"import_dir": d.o.ImportDir, "state_dir": d.o.StateDir}[key]
			if err := os.Chmod(closed, 0o555); err != nil {
				t.Fatal(err)
			}
			var err error
			asNobody(t, func() { err = d.Ready(t.Context()) })
			wantClass(t, err, mail.Storage, key, closed, "permission denied")
		})
	}
}

// A group that we are not in cannot be handed down. That is no reason to publish nothing, but Try says it.
func TestTryTellsOfAGroupThatCannotBeSet(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can make a directory of a group it is not in
	}
	d := newDir(t)
	for _, dir := range []string{d.stagingDir(), d.at(hiddenDir), d.o.ImportDir} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	mkdir(t, d.at("a"))
	if err := os.Chown(d.at("a"), -1, 12345); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(d.at("a"), fs.ModeSetgid|0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(d.stagingDir(), tokenFile), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Dir(d.o.ImportDir), filepath.Dir(filepath.Dir(d.o.ImportDir))} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	f := stage(t, d, "x", "a", "price.xls")
	if err := os.Chmod(filepath.Join(d.stagingDir(), f.Staged.Name), 0o666); err != nil {
		t.Fatal(err)
	}
	var published mail.Published
	var err error
	var faults []error
	asNobody(t, func() {
		published, err = d.Publish(t.Context(), f, nil)
		faults = d.Try([]string{"a"})
	})
	if published != mail.PublishedNow || err != nil {
		t.Errorf("got %v, %v; want it published", published, err)
	}
	if len(faults) != 1 {
		t.Fatalf("faults: %v, want one", faults)
	}
	wantClass(t, faults[0], mail.Storage, `"a"`, "group")
}
