package save

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"pricefetch/internal/atomicfile"
	"pricefetch/internal/mail"
)

func wantPublished(t *testing.T, d *Dir, f mail.File, want mail.Published) {
	t.Helper()
	if got, err := d.Publish(t.Context(), f, nil); got != want || err != nil {
		t.Errorf("publish %s/%s: %v, %v; want %v", f.Dir, f.Name, got, err, want)
	}
}

func (d *Dir) at(elem ...string) string {
	return filepath.Join(append([]string{d.o.ImportDir}, elem...)...)
}

func TestPublish(t *testing.T) {
	for _, dir := range []string{"", "autoparts", "поставщики/Автозапчасти/2026"} {
		d := newDir(t)
		f := stage(t, d, "прайс", dir, "Прайс.xls")
		wantPublished(t, d, f, mail.PublishedNow)
		wantContent(t, d.at(dir, "Прайс.xls"), "прайс")
		wantPublished(t, d, f, mail.PublishedBefore)
		wantStaged(t, d, 0)

		second := stage(t, d, "second", dir, "Прайс.xls")
		wantPublished(t, d, second, mail.PublishTaken)
		wantContent(t, d.at(dir, "Прайс.xls"), "прайс")
		wantStaged(t, d, 1)
		second.Name = "Прайс (2).xls"
		wantPublished(t, d, second, mail.PublishedNow)
		wantContent(t, d.at(dir, "Прайс (2).xls"), "second")
	}
}

func TestPublishedBeforeThoughTheImporterTookAll(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "x", "a/b", "price.xls")
	wantPublished(t, d, f, mail.PublishedNow)
	if err := os.RemoveAll(d.at("a")); err != nil {
		t.Fatal(err)
	}
	wantPublished(t, d, f, mail.PublishedBefore)
	if _, err := os.Stat(d.at("a")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the directory was made again for nothing")
	}
}

// After a new import directory was accepted, what was staged in the former one proves nothing by its absence.
func TestNothingIsPublishedBeforeInAFormerDirectory(t *testing.T) {
	d := newDir(t)
	gone, there := stage(t, d, "x", "", "gone.xls"), stage(t, d, "x", "", "there.xls")
	if err := d.Discard(gone.Staged.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Establish(); err != nil {
		t.Fatal(err)
	}
	_, err := d.Publish(t.Context(), gone, nil)
	wantClass(t, err, mail.Message, "gone.xls", "approve --import-dir")
	if !errors.Is(err, mail.ErrStagedLost) {
		t.Errorf("got %v, want mail.ErrStagedLost", err)
	}
	wantPublished(t, d, there, mail.PublishedNow)
}

func TestPublishReplace(t *testing.T) {
	d := newDir(t)
	for _, content := range []string{"first", "second"} {
		f := stage(t, d, content, "a", "price.xls")
		f.Replace = true
		wantPublished(t, d, f, mail.PublishedNow)
		wantContent(t, d.at("a", "price.xls"), content)
	}
	if entries, _ := os.ReadDir(d.at("a")); len(entries) != 1 {
		t.Errorf("directory holds %v", entries)
	}
}

func TestPublishOntoWhatIsNoFile(t *testing.T) {
	d := newDir(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	mkdir(t, d.at("dir.xls"))
	for _, link := range []string{"link.xls", "dangling.xls"} {
		if err := os.Symlink(map[string]string{"link.xls": outside, "dangling.xls": outside + "2"}[link], d.at(link)); err != nil {
			t.Fatal(err)
		}
	}
	f := stage(t, d, "new", "", "")
	for _, name := range []string{"dir.xls", "link.xls", "dangling.xls"} {
		f.Name = name
		wantPublished(t, d, f, mail.PublishTaken)
	}
	f.Replace, f.Name = true, "dir.xls"
	_, err := d.Publish(t.Context(), f, nil)
	wantClass(t, err, mail.Message, d.at("dir.xls"), "is a directory")

	f.Name = "link.xls"
	wantPublished(t, d, f, mail.PublishedNow)
	wantContent(t, d.at("link.xls"), "new")
	wantContent(t, outside, "untouched")
	if _, err := os.Lstat(outside + "2"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a dangling symlink was followed")
	}
}

func TestSuperseded(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "old", "a", "price.xls")
	f.Replace = true
	broken := errors.New("journal is locked")
	for _, tt := range []struct {
		older bool
		err   error
		want  mail.Published
	}{{false, broken, 0}, {true, nil, mail.PublishSuperseded}, {false, nil, mail.PublishedNow}} {
		got, err := d.Publish(t.Context(), f, func() (bool, error) { return tt.older, tt.err })
		if err != tt.err || err == nil && got != tt.want {
			t.Errorf("older %v, %v: got %v, %v", tt.older, tt.err, got, err)
		}
		there, _ := d.Staged(f.Staged.Name)
		if want := tt.want != mail.PublishedNow || tt.err != nil; there != want {
			t.Errorf("older %v, %v: staged file there is %v", tt.older, tt.err, there)
		}
	}
	asked := false
	_, err := d.Publish(t.Context(), f, func() (bool, error) { asked = true; return true, nil })
	if asked || err != nil {
		t.Errorf("asked %v, %v of a file that is out already", asked, err)
	}
}

// The newest wins whatever the order: the question is asked and the rename done under one mutex.
func TestSupersededIsAskedUnderTheMutex(t *testing.T) {
	d := newDir(t)
	var files []mail.File
	for i := range 30 {
		f := stage(t, d, fmt.Sprint(i), "a", "price.xls")
		f.Replace = true
		files = append(files, f)
	}
	newest, inside := -1, 0 // guarded by the directory's mutex: the race detector watches them
	d.disk.rename = func(from *os.Root, oldName string, to *os.Root, newName string) error {
		defer func() { inside-- }()
		return atomicfile.Rename(from, oldName, to, newName)
	}
	var wg sync.WaitGroup
	for i, f := range files {
		wg.Go(func() {
			_, err := d.Publish(t.Context(), f, func() (bool, error) {
				if newest > i {
					return true, nil
				}
				newest = i
				if inside++; inside != 1 {
					t.Errorf("%d between question and rename", inside)
				}
				runtime.Gosched()
				return false, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantContent(t, d.at("a", "price.xls"), "29")
}

func TestOneOfManyPublishesAName(t *testing.T) {
	for name, renameNew := range map[string]func(*os.Root, string, *os.Root, string) error{
		"native":  atomicfile.RenameNew,
		"checked": checkedRename,
	} {
		t.Run(name, func(t *testing.T) {
			d := newDir(t)
			d.disk.renameNew = renameNew
			var files []mail.File
			for i := range 50 {
				files = append(files, stage(t, d, fmt.Sprint(i), "a/b", "price.xls"))
			}
			var now, taken atomic.Int32
			var wg sync.WaitGroup
			for _, f := range files {
				wg.Go(func() {
					switch got, err := d.Publish(t.Context(), f, nil); {
					case err != nil:
						t.Error(err)
					case got == mail.PublishedNow:
						now.Add(1)
					case got == mail.PublishTaken:
						taken.Add(1)
					}
				})
			}
			wg.Wait()
			if now.Load() != 1 || taken.Load() != 49 {
				t.Errorf("%d published, %d taken; want 1 and 49", now.Load(), taken.Load())
			}
			wantStaged(t, d, 49)
		})
	}
}

// checkedRename is what atomicfile does where the file system knows no RENAME_NOREPLACE.
func checkedRename(from *os.Root, oldName string, to *os.Root, newName string) error {
	if _, err := to.Lstat(newName); err == nil {
		return syscall.EEXIST
	}
	return atomicfile.Rename(from, oldName, to, newName)
}

func TestManyDirectoriesAtOnce(t *testing.T) {
	d := newDir(t)
	var files []mail.File
	for i := range 40 {
		files = append(files, stage(t, d, "x", fmt.Sprintf("a/b/%d/c", i%8), fmt.Sprintf("%d.xls", i)))
	}
	var wg sync.WaitGroup
	for _, f := range files {
		wg.Go(func() { wantPublished(t, d, f, mail.PublishedNow) })
	}
	wg.Wait()
	wantStaged(t, d, 0)
}

func TestADirectoryThatSomebodyElseMakesMeanwhile(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "x", "a", "price.xls")
	d.disk.renameNew = func(from *os.Root, oldName string, to *os.Root, newName string) error {
		if newName == "a" {
			mkdir(t, d.at("a", "theirs"))
		}
		return atomicfile.RenameNew(from, oldName, to, newName)
	}
	wantPublished(t, d, f, mail.PublishedNow)
	wantContent(t, d.at("a", "price.xls"), "x")
	wantStaged(t, d, 0)
}

func TestPublishSyncsWhatItChanged(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "x", "a/b", "price.xls")
	var synced []string
	d.disk.sync = func(dir *os.Root) error {
		rel, _ := filepath.Rel(d.o.ImportDir, dir.Name())
		synced = append(synced, rel)
		return atomicfile.Sync(dir)
	}
	for _, want := range []string{
		"[. a a/b .pricefetch/j1]", // made, then renamed
		"[a/b .pricefetch/j1]",     // found gone: the rename may be in memory only
	} {
		synced = nil
		if _, err := d.Publish(t.Context(), f, nil); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(synced); got != want {
			t.Errorf("synced %s, want %s", got, want)
		}
	}
	next := stage(t, d, "x", "a/b", "next.xls")
	synced = nil
	wantPublished(t, d, next, mail.PublishedNow)
	if got := fmt.Sprint(synced); got != "[a/b .pricefetch/j1]" {
		t.Errorf("later synced %s, want the two directories alone", got)
	}
}

func TestADirectoryMadeByAKilledProcessIsSynced(t *testing.T) {
	d := newDir(t)
	mkdir(t, d.at("a", "b"))
	for _, name := range []string{"1.xls", "after a new directory was accepted.xls"} {
		f := stage(t, d, "x", "a/b", name)
		count := 0
		d.disk.sync = func(dir *os.Root) error { count++; return atomicfile.Sync(dir) }
		wantPublished(t, d, f, mail.PublishedNow)
		if count != 4 {
			t.Errorf("%d directories synced, want import_dir, a, a/b and staging", count)
		}
		if _, err := d.Establish(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPublishStaysInside(t *testing.T) {
	d := newDir(t)
	outside := t.TempDir()
	inside := d.at("inside")
	mkdir(t, inside)
	for link, target := range map[string]string{"out": outside, "up": "../state", "in": "inside"} {
		if err := os.Symlink(target, d.at(link)); err != nil {
			t.Fatal(err)
		}
	}
	f := stage(t, d, "x", "", "price.xls")
	for _, dir := range []string{
		"out", "out/a", "up", "..", "../x", "/tmp", "a/../..", ".", "a//b", "a/", hiddenDir, hiddenDir + "/j1", "a\x00",
	} {
		f.Dir = dir
		_, err := d.Publish(t.Context(), f, nil)
		wantClass(t, err, mail.Storage)
		if _, err := d.Free(dir, "price.xls", false, nil); dir != "out/a" && err == nil {
			t.Errorf("Free in %q gave no error", dir)
		}
	}
	f.Dir = ""
	for _, name := range []string{"", ".", "..", "../x", "/x", "a/b", ".hidden", hiddenDir, "a\x00"} {
		f.Name = name
		_, err := d.Publish(t.Context(), f, nil)
		wantClass(t, err, mail.Message)
	}
	for _, dir := range []string{outside, d.o.StateDir} {
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("%s holds %v", dir, entries)
		}
	}
	f.Dir, f.Name = "in", "price.xls"
	wantPublished(t, d, f, mail.PublishedNow)
	wantContent(t, filepath.Join(inside, "price.xls"), "x")
}

func TestPublishIntoAFile(t *testing.T) {
	d := newDir(t)
	if err := os.WriteFile(d.at("a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"a", "a/b"} {
		_, err := d.Publish(t.Context(), stage(t, d, "x", dir, "price.xls"), nil)
		wantClass(t, err, mail.Storage, dir, "not a directory")
	}
}

func TestPublishStartsNothingAfterItsContext(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "x", "", "price.xls")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Publish(ctx, f, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	wantStaged(t, d, 1)
}
