package save

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"pricefetch/internal/atomicfile"
	"pricefetch/internal/mail"
)

func TestPublishOnAFailingDisk(t *testing.T) {
	for name, fault := range map[string]func(d *Dir){
		"rename":  func(d *Dir) { d.disk.renameNew = failRename(syscall.EIO, "price.xls") },
		"replace": func(d *Dir) { d.disk.rename = failRename(syscall.EIO, "price.xls") },
		"mkdir":   func(d *Dir) { d.disk.renameNew = failRename(syscall.ENOSPC, "a") },
		"sync":    func(d *Dir) { d.disk.sync = func(*os.Root) error { return syscall.EIO } },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDir(t)
			f := stage(t, d, "x", "a", "price.xls")
			f.Replace = name == "replace"
			fault(d)
			_, err := d.Publish(t.Context(), f, nil)
			wantClass(t, err, mail.Storage, d.o.ImportDir)
			d.disk = realDisk()
			wantPublished(t, d, f, mail.PublishedNow)
			wantStaged(t, d, 0)
		})
	}
}

// failRename fails where name is the new name.
func failRename(fault error, name string) func(*os.Root, string, *os.Root, string) error {
	return func(from *os.Root, oldName string, to *os.Root, newName string) error {
		if newName == name {
			return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: fault}
		}
		return atomicfile.RenameNew(from, oldName, to, newName)
	}
}

func TestASyncThatFailsAfterTheRenameIsNotPublished(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "x", "", "price.xls")
	d.disk.sync = func(*os.Root) error { return syscall.EIO }
	for range 2 { // renamed, then found gone: without a sync it is evidence of nothing
		_, err := d.Publish(t.Context(), f, nil)
		wantClass(t, err, mail.Storage, "price.xls")
	}
	d.disk = realDisk()
	wantPublished(t, d, f, mail.PublishedBefore)
}

// TestASyncThatWasNotTrueIsNotPublished: ext4 says that it has synced what it has dropped.
func TestASyncThatWasNotTrueIsNotPublished(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "x", "", "price.xls")
	d.disk.confirm = func(*os.Root) error { return syscall.EROFS }
	for range 2 {
		_, err := d.Publish(t.Context(), f, nil)
		wantClass(t, err, mail.Storage, "price.xls", "read-only")
	}
	d.disk = realDisk()
	wantPublished(t, d, f, mail.PublishedBefore)
}

func TestAnotherFileSystem(t *testing.T) {
	for _, name := range []string{"price.xls", "a"} {
		d := newDir(t)
		f := stage(t, d, "x", "a", "price.xls")
		d.disk.renameNew = failRename(syscall.EXDEV, name)
		_, err := d.Publish(t.Context(), f, nil)
		wantClass(t, err, mail.Storage, `"a"`, "another file system", "save_to")
		wantStaged(t, d, 1)
	}
}

// An importer that removes empty directories may do so between our opening one and the rename.
func TestADirectoryRemovedUnderOurHands(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "x", "a/b", "price.xls")
	removals := 2
	d.disk.renameNew = func(from *os.Root, oldName string, to *os.Root, newName string) error {
		if removals--; newName == "price.xls" && removals >= 0 {
			if err := os.RemoveAll(d.at("a")); err != nil {
				t.Error(err)
			}
		}
		return atomicfile.RenameNew(from, oldName, to, newName)
	}
	wantPublished(t, d, f, mail.PublishedNow)
	wantContent(t, d.at("a", "b", "price.xls"), "x")
}

func TestADirectoryThatIsAlwaysRemoved(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "x", "a", "price.xls")
	d.disk.renameNew = failRename(syscall.ENOENT, "price.xls")
	_, err := d.Publish(t.Context(), f, nil)
	wantClass(t, err, mail.Storage, "vanished")
	wantStaged(t, d, 1)
}

func TestADamagedStagedFileIsNotPublished(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "whole", "", "price.xls")
	if err := os.Truncate(filepath.Join(d.stagingDir(), f.Staged.Name), 2); err != nil {
		t.Fatal(err)
	}
	_, err := d.Publish(t.Context(), f, nil)
	wantClass(t, err, mail.Message, "2 bytes", "5 were staged")
	if !errors.Is(err, mail.ErrStagedLost) {
		t.Errorf("got %v, want mail.ErrStagedLost", err)
	}
	if _, err := os.Lstat(d.at("price.xls")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("half a file was published")
	}
}
