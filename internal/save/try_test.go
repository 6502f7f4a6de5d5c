package save

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pricefetch/internal/atomicfile"
	"pricefetch/internal/mail"
)

// tree lists what is below dir, with modes.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		fmt.Fprintln(&b, path, info.Mode())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTryLeavesNothingBehind(t *testing.T) {
	for name, d := range map[string]*Dir{
		"first start": openDir(t, options(t), ""),
		"established": newDir(t),
	} {
		t.Run(name, func(t *testing.T) {
			mkdir(t, d.at("there"))
			before := tree(t, filepath.Dir(d.o.ImportDir))
			if faults := d.Try([]string{"", "there", "поставщики/новый", "поставщики/другой", "there/deeper"}); len(faults) > 0 {
				t.Errorf("faults: %v", faults)
			}
			if after := tree(t, filepath.Dir(d.o.ImportDir)); after != before {
				t.Errorf("before:\n%safter:\n%s", before, after)
			}
		})
	}
}

func TestTryMakesImportDirAndTakesItBack(t *testing.T) {
	o := options(t)
	o.ImportDir = filepath.Join(o.ImportDir, "new")
	before := tree(t, filepath.Dir(o.ImportDir))
	if faults := openDir(t, o, "").Try([]string{"a"}); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	if after := tree(t, filepath.Dir(o.ImportDir)); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
	o.ImportDir = filepath.Join(o.ImportDir, "deeper")
	faults := openDir(t, o, "").Try([]string{"a"})
	if len(faults) != 1 {
		t.Fatalf("faults: %v, want one", faults)
	}
	wantClass(t, faults[0], mail.Storage, o.ImportDir, "parent directory")
}

func TestTryNamesEveryFault(t *testing.T) {
	d := newDir(t)
	if err := os.WriteFile(d.at("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), d.at("out")); err != nil {
		t.Fatal(err)
	}
	d.disk.exclusive = func(from *os.Root, oldName string, to *os.Root, newName string) (bool, error) {
		if strings.HasSuffix(to.Name(), "mounted") {
			return true, syscall.EXDEV
		}
		return atomicfile.Exclusive(from, oldName, to, newName)
	}
	before := tree(t, d.o.ImportDir)
	faults := d.Try([]string{"file", "good", "out", "mounted", "../up", hiddenDir})
	for i, words := range [][]string{
		{`"file"`, "not a directory"}, {`"out"`, "escapes"}, {`"mounted"`, "another file system"},
		{`"../up"`, "save_to"}, {hiddenDir, "save_to"},
	} {
		if i >= len(faults) {
			t.Fatalf("only %d faults: %v", len(faults), faults)
		}
		wantClass(t, faults[i], mail.Storage, words...)
	}
	if len(faults) != 5 {
		t.Errorf("%d faults, want 5: %v", len(faults), faults)
	}
	if after := tree(t, d.o.ImportDir); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
}

func TestTryTellsADiskThatFails(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(d *Dir)
		words []string
	}{
		"group":            {func(d *Dir) { d.o.GID = os.Getgid(); d.breakFiles(failing{chown: syscall.EPERM}) }, []string{"group"}},
		"mode":             {func(d *Dir) { d.breakFiles(failing{chmod: syscall.EPERM}) }, []string{"file_mode"}},
		"mode not obeyed":  {func(d *Dir) { d.breakFiles(failing{deaf: true}) }, []string{"file_mode", "-rw-r-----", "-rw-------"}},
		"group not obeyed": {func(d *Dir) { d.o.GID = os.Getgid() + 1; d.o.FileMode = tokenMode; d.breakFiles(failing{deaf: true}) }, []string{"group"}},
		"full":             {func(d *Dir) { d.breakFiles(failing{write: syscall.ENOSPC}) }, []string{"no space"}},
		"replaced":         {func(d *Dir) { d.disk.renameNew = atomicfile.Rename }, []string{"replaced"}},
		"sync":             {func(d *Dir) { d.disk.sync = func(*os.Root) error { return syscall.EIO } }, []string{"input/output"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDir(t)
			before := tree(t, d.o.ImportDir)
			tt.fault(d)
			faults := d.Try([]string{"", "a/b"})
			if len(faults) != 2 {
				t.Fatalf("faults: %v, want one for each directory", faults)
			}
			wantClass(t, faults[0], mail.Storage, tt.words...)
			if after := tree(t, d.o.ImportDir); after != before {
				t.Errorf("before:\n%safter:\n%s", before, after)
			}
		})
	}
}

func TestTryLeavesADirectoryThatIsInUseByNow(t *testing.T) {
	d := newDir(t)
	d.disk.sync = func(dir *os.Root) error {
		if filepath.Base(dir.Name()) == "b" {
			mkdir(t, d.at("a", "somebody's"))
		}
		return nil
	}
	if faults := d.Try([]string{"a/b"}); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	if _, err := os.Stat(d.at("a", "somebody's")); err != nil {
		t.Error(err)
	}
}

func TestUnexclusive(t *testing.T) {
	d := newDir(t)
	d.disk.exclusive = func(from *os.Root, oldName string, to *os.Root, newName string) (bool, error) {
		native := !strings.HasSuffix(to.Name(), "nfs")
		return native, atomicfile.RenameNew(from, oldName, to, newName)
	}
	if got := d.Unexclusive([]string{"a", "nfs", ""}); !slices.Equal(got, []string{"nfs"}) {
		t.Errorf("got %q, want nfs alone", got)
	}
	if faults := d.Try([]string{"nfs"}); len(faults) > 0 {
		t.Errorf("a check before the rename is no fault: %v", faults)
	}
}
