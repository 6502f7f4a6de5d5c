package save

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"pricefetch/internal/atomicfile"
	"pricefetch/internal/mail"
)

// failing is a disk file whose n-th call of one kind fails.
type failing struct {
	file
	write, sync, close, chmod, chown error
	deaf                             bool // takes mode and group and obeys neither
	after                            int  // writes that still succeed, the one after being cut in half
}

func (f *failing) Write(b []byte) (int, error) {
	if f.write == nil {
		return f.file.Write(b)
	}
	if f.after--; f.after >= 0 {
		return f.file.Write(b)
	}
	n, _ := f.file.Write(b[:len(b)/2])
	return n, f.write
}

func (f *failing) Chown(uid, gid int) error {
	if f.deaf {
		return nil
	}
	return errors.Join(f.file.Chown(uid, gid), f.chown)
}

func (f *failing) Sync() error  { return errors.Join(f.file.Sync(), f.sync) }
func (f *failing) Close() error { return errors.Join(f.file.Close(), f.close) }
func (f *failing) Chmod(m fs.FileMode) error {
	if f.deaf {
		return nil
	}
	return errors.Join(f.file.Chmod(m), f.chmod)
}
func (d *Dir) breakFiles(f failing) { d.disk.create = f.create }
func (f failing) create(dir *os.Root, name string, perm fs.FileMode) (file, error) {
	real, err := atomicfile.Create(dir, name, perm)
	f.file = real
	return &f, err
}

func TestStage(t *testing.T) {
	d := newDir(t)
	for _, size := range []int{0, 1, copyBuffer - 1, copyBuffer, 3*copyBuffer + 17} {
		content := bytes.Repeat([]byte("прайс;"), size/6+1)[:size]
		got, err := d.Stage(t.Context(), iotest.HalfReader(bytes.NewReader(content)), 0)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		if got.Size != int64(size) || got.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%d bytes: got %+v", size, got)
		}
		wantContent(t, filepath.Join(d.stagingDir(), got.Name), string(content))
		if there, err := d.Staged(got.Name); !there || err != nil {
			t.Errorf("Staged(%s) is %v, %v", got.Name, there, err)
		}
	}
}

func TestStageLimit(t *testing.T) {
	d := newDir(t)
	for _, tt := range []struct {
		size  int
		limit int64
		fits  bool
	}{
		{10, 10, true}, {11, 10, false}, {0, 1, true}, {copyBuffer + 1, copyBuffer, false},
		{2 * copyBuffer, 2 * copyBuffer, true}, {3 * copyBuffer, copyBuffer + 1, false}, {100, 0, true},
	} {
		got, err := d.Stage(t.Context(), strings.NewReader(strings.Repeat("x", tt.size)), tt.limit)
		if tt.fits {
			if err != nil || got.Size != int64(tt.size) {
				t.Errorf("%d of %d: %+v, %v", tt.size, tt.limit, got, err)
			}
			if err := d.Discard(got.Name); err != nil {
				t.Error(err)
			}
			continue
		}
		wantClass(t, err, mail.Message)
		if !errors.Is(err, mail.ErrTooLarge) {
			t.Errorf("%d of %d: %v, want mail.ErrTooLarge", tt.size, tt.limit, err)
		}
	}
	wantStaged(t, d, 0)
}

func TestStageReturnsTheReadersErrorAsItIs(t *testing.T) {
	d := newDir(t)
	damaged := mail.Errorf(mail.Message, "part 2: %w", mail.ErrDamaged)
	for _, want := range []error{io.ErrUnexpectedEOF, damaged, errors.New("connection reset")} {
		r := io.MultiReader(strings.NewReader(strings.Repeat("x", copyBuffer+5)), iotest.ErrReader(want))
		if _, err := d.Stage(t.Context(), r, 0); err != want {
			t.Errorf("got %v, want %v itself", err, want)
		}
	}
	wantStaged(t, d, 0)
}

func TestStageEndsWithItsContext(t *testing.T) {
	d := newDir(t)
	stop := errors.New("second signal")
	ctx, cancel := context.WithCancelCause(t.Context())
	endless := reader{t.Context(), readerFunc(func(b []byte) (int, error) {
		cancel(stop)
		return len(b), nil
	})}
	if _, err := d.Stage(ctx, endless, 0); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
	wantStaged(t, d, 0)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestStageOnAFailingDisk(t *testing.T) {
	for name, tt := range map[string]struct {
		f    failing
		want error
	}{
		"full at once":    {failing{write: syscall.ENOSPC}, syscall.ENOSPC},
		"full in between": {failing{write: syscall.ENOSPC, after: 2}, syscall.ENOSPC},
		"quota":           {failing{write: syscall.EDQUOT}, syscall.EDQUOT},
		"read-only":       {failing{write: syscall.EROFS}, syscall.EROFS},
		"sync":            {failing{sync: syscall.EIO}, syscall.EIO},
		"close":           {failing{close: syscall.ENOSPC}, syscall.ENOSPC},
		"mode refused":    {failing{chmod: syscall.EPERM}, syscall.EPERM},
		"group refused":   {failing{chown: syscall.EPERM}, syscall.EPERM},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDir(t)
			d.o.GID = os.Getgid()
			d.breakFiles(tt.f)
			_, err := d.Stage(t.Context(), strings.NewReader(strings.Repeat("x", 3*copyBuffer)), 0)
			wantClass(t, err, mail.Storage, d.o.ImportDir)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			wantStaged(t, d, 0)
		})
	}
}

func TestStageWantsItsDirectorySynced(t *testing.T) {
	d := newDir(t)
	synced := ""
	d.disk.sync = func(dir *os.Root) error { synced = dir.Name(); return atomicfile.Sync(dir) }
	stage(t, d, "x", "", "")
	if !strings.HasSuffix(synced, d.stagingPath()) {
		t.Errorf("synced %q, want staging", synced)
	}
	d.disk.sync = func(*os.Root) error { return syscall.EIO }
	_, err := d.Stage(t.Context(), strings.NewReader("x"), 0)
	wantClass(t, err, mail.Storage)
	wantStaged(t, d, 1)
}

func TestStageWithoutAFile(t *testing.T) {
	d := newDir(t)
	d.disk.create = func(*os.Root, string, fs.FileMode) (file, error) { return nil, syscall.EROFS }
	_, err := d.Stage(t.Context(), strings.NewReader("x"), 0)
	wantClass(t, err, mail.Storage, "read-only")
}

func TestDiscard(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "x", "", "")
	for range 2 {
		if err := d.Discard(f.Staged.Name); err != nil {
			t.Error(err)
		}
	}
	if there, err := d.Staged(f.Staged.Name); there || err != nil {
		t.Errorf("Staged is %v, %v after Discard", there, err)
	}
	for _, name := range []string{"", tokenFile, "..", "../j1/token", stagedPrefix + "/../" + tokenFile} {
		wantClass(t, d.Discard(name), mail.Storage)
		if _, err := d.Staged(name); err == nil {
			t.Errorf("Staged(%q) gave no error", name)
		}
	}
	if err := d.Known(); err != nil {
		t.Errorf("the token is gone: %v", err)
	}
}

func TestSweep(t *testing.T) {
	d := newDir(t)
	named, orphan := stage(t, d, "named", "", ""), stage(t, d, "orphan", "", "")
	for _, left := range []string{newDirPrefix + "A", atomicfile.TempPrefix + "A"} {
		mkdir(t, filepath.Join(d.stagingDir(), left))
	}
	removed, err := d.Sweep(map[string]bool{named.Staged.Name: true})
	if removed != 3 || err != nil {
		t.Errorf("removed %d, %v; want 3", removed, err)
	}
	for f, want := range map[*mail.File]bool{&named: true, &orphan: false} {
		if there, err := d.Staged(f.Staged.Name); there != want || err != nil {
			t.Errorf("%s: there is %v, %v; want %v", f.Staged.Name, there, err, want)
		}
	}
	wantStaged(t, d, 1)
}

func TestSweepGoesOnAfterAFault(t *testing.T) {
	d := newDir(t)
	mkdir(t, filepath.Join(d.stagingDir(), stagedPrefix+"0", "not empty"))
	stage(t, d, "x", "", "")
	removed, err := d.Sweep(nil)
	wantClass(t, err, mail.Storage, stagedPrefix+"0")
	if removed != 1 {
		t.Errorf("removed %d, want 1", removed)
	}
}

func TestReopen(t *testing.T) {
	d := newDir(t)
	staged, err := d.Stage(t.Context(), strings.NewReader("0123456789"), 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Reopen(staged.Name)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if n, err := c.ReadAt(b, 3); n != 4 || err != nil || string(b) != "3456" || c.Size() != 10 {
		t.Errorf("read %q of %d bytes: %v", b[:n], c.Size(), err)
	}
	if _, err := c.ReadAt(b, 8); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.ReadAt(b, 0); mail.ClassOf(err) != mail.Storage {
		t.Errorf("after closing: %v", err)
	}
	for _, name := range []string{"token", "../" + staged.Name, "staged-none"} {
		if _, err := d.Reopen(name); mail.ClassOf(err) != mail.Storage {
			t.Errorf("reopen %s: %v", name, err)
		}
	}
}
