package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

func openRoot(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func put(t *testing.T, root *os.Root, name, content string) {
	t.Helper()
	if err := root.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, root *os.Root, name, content string) {
	t.Helper()
	got, err := root.ReadFile(name)
	if err != nil || string(got) != content {
		t.Errorf("%s holds %q, %v; want %q", name, got, err, content)
	}
}

func wantAbsent(t *testing.T, root *os.Root, name string) {
	t.Helper()
	if _, err := root.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v; want it absent", name, err)
	}
}

// refusing stands for a file system without RENAME_NOREPLACE.
func refusing(err error) renameCall {
	return func(int, string, int, string) error { return err }
}

func TestRenameNew(t *testing.T) {
	for _, way := range []struct {
		name string
		call renameCall
	}{
		{"native", renameNoReplace},
		{"EINVAL", refusing(syscall.EINVAL)},
		{"ENOSYS", refusing(syscall.ENOSYS)},
		{"EOPNOTSUPP", refusing(syscall.EOPNOTSUPP)},
	} {
		t.Run(way.name, func(t *testing.T) {
			from, to := openRoot(t, t.TempDir()), openRoot(t, t.TempDir())
			put(t, from, "staged", "прайс")
			if err := renameNew(way.call, from, "staged", to, "Прайс.xls"); err != nil {
				t.Fatal(err)
			}
			wantFile(t, to, "Прайс.xls", "прайс")
			wantAbsent(t, from, "staged")

			put(t, from, "staged", "second")
			if err := renameNew(way.call, from, "staged", to, "Прайс.xls"); !errors.Is(err, fs.ErrExist) {
				t.Errorf("onto a taken name: %v, want fs.ErrExist", err)
			}
			wantFile(t, to, "Прайс.xls", "прайс")
			wantFile(t, from, "staged", "second")

			if err := renameNew(way.call, from, "absent", to, "other"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("of an absent file: %v, want fs.ErrNotExist", err)
			}
		})
	}
}

func TestRenameNewSeesASymlinkAsTaken(t *testing.T) {
	for _, call := range []renameCall{renameNoReplace, refusing(syscall.EINVAL)} {
		dir := openRoot(t, t.TempDir())
		put(t, dir, "staged", "x")
		if err := dir.Symlink("nowhere", "taken"); err != nil {
			t.Fatal(err)
		}
		if err := renameNew(call, dir, "staged", dir, "taken"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("onto a dangling symlink: %v, want fs.ErrExist", err)
		}
	}
}

func TestRenameNewReturnsOtherErrors(t *testing.T) {
	dir := openRoot(t, t.TempDir())
	put(t, dir, "staged", "x")
	err := renameNew(refusing(syscall.EXDEV), dir, "staged", dir, "final")
	if !errors.Is(err, syscall.EXDEV) {
		t.Errorf("got %v, want EXDEV", err)
	}
	if _, ok := errors.AsType[*os.LinkError](err); !ok {
		t.Errorf("got %T, want an error that names both paths", err)
	}
	wantFile(t, dir, "staged", "x")
	wantAbsent(t, dir, "final")
}

func TestRenameIsRepeatedAfterASignal(t *testing.T) {
	dir := openRoot(t, t.TempDir())
	put(t, dir, "staged", "x")
	interrupted := 3
	call := func(fromDir int, oldName string, toDir int, newName string) error {
		if interrupted--; interrupted >= 0 {
			return syscall.EINTR
		}
		return renameNoReplace(fromDir, oldName, toDir, newName)
	}
	if err := renameNew(call, dir, "staged", dir, "final"); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dir, "final", "x")
}

func TestRenameNewLetsOneOfManyWin(t *testing.T) {
	from, to := openRoot(t, t.TempDir()), openRoot(t, t.TempDir())
	const many = 50
	for i := range many {
		put(t, from, strconv.Itoa(i), strconv.Itoa(i))
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			switch err := RenameNew(from, strconv.Itoa(i), to, "price.xls"); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	left, err := fs.ReadDir(from.FS(), ".")
	if err != nil {
		t.Fatal(err)
	}
	if won.Load() != 1 || len(left) != many-1 {
		t.Errorf("%d won and %d files are left; want 1 and %d", won.Load(), len(left), many-1)
	}
}

func TestRename(t *testing.T) {
	dir := openRoot(t, t.TempDir())
	put(t, dir, "outside", "untouched")
	put(t, dir, "old", "first")
	put(t, dir, "new", "second")
	if err := Rename(dir, "new", dir, "old"); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dir, "old", "second")

	if err := dir.Symlink("outside", "link"); err != nil {
		t.Fatal(err)
	}
	if err := Rename(dir, "old", dir, "link"); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dir, "link", "second")
	wantFile(t, dir, "outside", "untouched")

	if err := dir.Mkdir("dir", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Rename(dir, "link", dir, "dir"); err == nil {
		t.Error("a directory was replaced")
	}
}

func TestExclusive(t *testing.T) {
	dir := openRoot(t, t.TempDir())
	put(t, dir, "a", "a")
	native, err := Exclusive(dir, "a", dir, "b")
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "a", "a")
	handle, err := dir.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = handle.Close() }()
	want := !unsupported(renameNoReplace(int(handle.Fd()), "a", int(handle.Fd()), "c"))
	if native != want {
		t.Errorf("native is %v, the call itself says %v", native, want)
	}
	wantFile(t, dir, "b", "a")
}

func TestCreate(t *testing.T) {
	dir := openRoot(t, t.TempDir())
	if err := dir.Symlink("target", "link"); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "file", "x")
	for _, taken := range []string{"file", "link"} {
		if _, err := Create(dir, taken, 0o600); !errors.Is(err, fs.ErrExist) {
			t.Errorf("create %s: %v, want fs.ErrExist", taken, err)
		}
	}
	wantAbsent(t, dir, "target")
}

func TestPathsAreRefused(t *testing.T) {
	top := t.TempDir()
	if err := os.Mkdir(filepath.Join(top, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	in := openRoot(t, filepath.Join(top, "in"))
	put(t, in, "file", "x")
	for _, name := range []string{"", ".", "..", "../out", "/out", "a/b", "a\x00b"} {
		if err := RenameNew(in, "file", in, name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("rename to %q: %v, want fs.ErrInvalid", name, err)
		}
		if err := Rename(in, name, in, "other"); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("rename of %q: %v, want fs.ErrInvalid", name, err)
		}
		if f, err := Create(in, name, 0o600); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("create %q: %v, %v, want fs.ErrInvalid", name, f, err)
		}
	}
	wantFile(t, in, "file", "x")
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	old := syscall.Umask(0o077) // no test of this package runs in parallel with another
	defer syscall.Umask(old)
	for _, content := range []string{"first", "a longer second", ""} {
		if err := WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("holds %q, %v; want %q", got, err, content)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v; want 0640", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%d entries beside it, want none", len(entries)-1)
	}
}

func TestWriteFileLeavesNothingBehindWhenItFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "token"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "token"), []byte("x"), 0o600); err == nil {
		t.Error("a directory was replaced")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d entries, want the directory alone", len(entries))
	}
	if err := WriteFile(filepath.Join(dir, "absent", "x"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into an absent directory: %v", err)
	}
}

func TestSync(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := openRoot(t, path)
	if err := Sync(dir); err != nil {
		t.Error(err)
	}
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Sync(dir); err == nil {
		t.Error("a closed directory was synced")
	}
}

func TestConfirm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := openRoot(t, path)
	if err := Confirm(dir); err != nil {
		t.Error(err)
	}
	if after, err := os.Stat(path); err != nil || !after.ModTime().Equal(before.ModTime()) || after.Mode() != before.Mode() {
		t.Errorf("confirming changed more than the time of access: %v, %v, was %v (%v)", after.ModTime(), after.Mode(), before.ModTime(), err)
	}
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Confirm(dir); err == nil {
		t.Error("a closed directory was confirmed")
	}
}
