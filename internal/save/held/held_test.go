package held

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"

	"pricefetch/internal/atomicfile"
	"pricefetch/internal/mail"
)

func newStore(t *testing.T, maxBytes int64) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "held"), maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keep(t *testing.T, s *Store, id mail.RecordID, content string) string {
	t.Helper()
	name, err := s.Keep(t.Context(), id, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestMissing(t *testing.T) {
	s := newStore(t, 1000)
	there := keep(t, s, 1, "x")
	if got := s.Missing([]string{there, "2-gone.eml"}); len(got) != 1 || got[0] != "2-gone.eml" {
		t.Errorf("missing %q", got)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	if got := s.Missing([]string{there}); got != nil {
		t.Errorf("without the directory nothing can be told, got %q", got)
	}
}

func wantFiles(t *testing.T, s *Store, n int, size int64) {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != n || s.Size() != size {
		t.Errorf("%d files, Size %d: %v; want %d files, %d bytes", len(entries), s.Size(), entries, n, size)
	}
}

func wantStorage(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil || mail.ClassOf(err) != mail.Storage {
		t.Fatalf("got %v, want an error of class storage", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}

func TestKeep(t *testing.T) {
	s := newStore(t, 1<<20)
	for id, content := range []string{"", "From: a@b.ru\r\n\r\nтекст", strings.Repeat("x", 3*copyBuffer+1)} {
		name := keep(t, s, mail.RecordID(id), content)
		if !strings.HasPrefix(name, fmt.Sprint(id, "-")) || !isKept(name) {
			t.Errorf("name %q does not tell record %d", name, id)
		}
		r, err := s.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != content {
			t.Errorf("read %d bytes, %v; want the %d kept", len(got), err, len(content))
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil || info.Mode() != fileMode {
			t.Errorf("%s: %v, %v; want 0600", name, info.Mode(), err)
		}
	}
	if info, err := os.Stat(s.dir); err != nil || info.Mode().Perm() != dirMode {
		t.Errorf("directory: %v, %v; want 0700", info.Mode(), err)
	}
}

func TestOneRecordMayBeKeptTwice(t *testing.T) {
	s := newStore(t, 100)
	if a, b := keep(t, s, 7, "first"), keep(t, s, 7, "second"); a == b {
		t.Errorf("both are %s", a)
	}
	wantFiles(t, s, 2, 11)
}

func TestTheBound(t *testing.T) {
	s := newStore(t, 10)
	first := keep(t, s, 1, "123456")
	for size, want := range map[int64]bool{-1: true, 0: true, 4: true, 5: false, 1 << 62: false} {
		if got := s.Room(size); got != want {
			t.Errorf("Room(%d) is %v with 4 of 10 left", size, got)
		}
	}
	_, err := s.Keep(t.Context(), 2, strings.NewReader("12345"))
	wantStorage(t, err, "message 2", "held/ is full (6 of 10 bytes)", "retry or dismiss")
	if !errors.Is(err, mail.ErrTooLarge) {
		t.Errorf("got %v, want mail.ErrTooLarge", err)
	}
	wantFiles(t, s, 1, 6)
	keep(t, s, 3, "1234")
	if s.Room(1) || s.Room(-1) {
		t.Error("there is room in a full store")
	}
	if err := s.Remove(first); err != nil {
		t.Fatal(err)
	}
	if !s.Room(6) || s.Room(7) {
		t.Error("removing made no room, or too much")
	}
	keep(t, s, 2, "12345")
	wantFiles(t, s, 2, 9)
}

func TestAPersonMakesRoom(t *testing.T) {
	s := newStore(t, 10)
	name := keep(t, s, 1, "1234567890")
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
		t.Fatal(err)
	}
	keep(t, s, 2, "123456")
	wantFiles(t, s, 1, 6)
}

func TestReopenedStoreCountsWhatIsThere(t *testing.T) {
	s := newStore(t, 10)
	keep(t, s, 1, "123456")
	if err := os.WriteFile(filepath.Join(s.dir, "notes.txt"), make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.dir, 10)
	if err != nil {
		t.Fatal(err)
	}
	if again.Size() != 6 || again.Room(5) || !again.Room(4) {
		t.Errorf("Size is %d, want 6 of 10 and a person's file left out", again.Size())
	}
}

func TestManyKeepWithinTheBound(t *testing.T) {
	const each = copyBuffer + 100
	s := newStore(t, 10*each)
	var kept, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			_, err := s.Keep(t.Context(), mail.RecordID(i), strings.NewReader(strings.Repeat("x", each)))
			switch {
			case err == nil:
				kept.Add(1)
			case errors.Is(err, mail.ErrTooLarge):
				refused.Add(1)
			default:
				t.Error(err)
			}
			s.Room(each)
		})
	}
	wg.Wait()
	if kept.Load() > 10 || kept.Load()+refused.Load() != 30 {
		t.Errorf("%d kept, %d refused", kept.Load(), refused.Load())
	}
	wantFiles(t, s, int(kept.Load()), int64(kept.Load())*each)
	if len(s.writing) > 0 {
		t.Errorf("still counted as being written: %v", s.writing)
	}
}

func TestKeepReturnsTheReadersErrorAsItIs(t *testing.T) {
	s := newStore(t, 1<<20)
	want := errors.New("connection reset")
	r := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(want))
	if _, err := s.Keep(t.Context(), 1, r); err != want {
		t.Errorf("got %v, want %v itself", err, want)
	}
	stop := errors.New("stopping now")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := s.Keep(ctx, 1, strings.NewReader("x")); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
	wantFiles(t, s, 0, 0)
}

// failing is a disk file one of whose calls fails.
type failing struct {
	file
	write, sync, close error
}

func (f *failing) Write(b []byte) (int, error) {
	if f.write != nil {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, f.write
	}
	return f.file.Write(b)
}
func (f *failing) Sync() error  { return errors.Join(f.file.Sync(), f.sync) }
func (f *failing) Close() error { return errors.Join(f.file.Close(), f.close) }

func TestKeepOnAFailingDisk(t *testing.T) {
	broken := func(f failing) func(*disk) {
		return func(d *disk) {
			d.create = func(dir *os.Root, name string, perm fs.FileMode) (file, error) {
				real, err := atomicfile.Create(dir, name, perm)
				f.file = real
				return &f, err
			}
		}
	}
	for name, fault := range map[string]func(*disk){
		"write": broken(failing{write: syscall.ENOSPC}),
		"sync":  broken(failing{sync: syscall.EIO}),
		"close": broken(failing{close: syscall.EDQUOT}),
		"create": func(d *disk) {
			d.create = func(*os.Root, string, fs.FileMode) (file, error) { return nil, syscall.EROFS }
		},
		"rename": func(d *disk) {
			d.rename = func(*os.Root, string, *os.Root, string) error { return syscall.EIO }
		},
		"directory": func(d *disk) { d.sync = func(*os.Root) error { return syscall.EIO } },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, 100)
			fault(&s.disk)
			_, err := s.Keep(t.Context(), 17, strings.NewReader("raw message"))
			wantStorage(t, err, "keep message 17")
			wantFiles(t, s, 0, 0)
			if s.Room(101) || !s.Room(100) {
				t.Error("the room was not given back")
			}
		})
	}
}

func TestNamesThatAreNotOurs(t *testing.T) {
	s := newStore(t, 100)
	for _, name := range []string{"", "..", "../journal.db", "a/1-X.eml", "x-Y.eml", "1-.eml", "1.eml", "1-a/../../x.eml", "1-X.txt"} {
		if r, err := s.Open(name); err == nil {
			t.Errorf("Open(%q) gave %v", name, r)
		}
		if err := s.Remove(name); err == nil {
			t.Errorf("Remove(%q) gave no error", name)
		}
	}
	_, err := s.Open("1-ABC.eml")
	wantStorage(t, err, "1-ABC.eml")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	if err := s.Remove("1-ABC.eml"); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
}

func TestSweep(t *testing.T) {
	s := newStore(t, 100)
	named, orphan := keep(t, s, 1, "named"), keep(t, s, 2, "orphan")
	for _, name := range []string{atomicfile.TempPrefix + "LEFT", "a person's.txt"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := s.Sweep(map[string]bool{named: true})
	if removed != 2 || err != nil {
		t.Errorf("removed %d, %v; want the orphan and what was left unfinished", removed, err)
	}
	if _, err := s.Open(orphan); err == nil {
		t.Error("the orphan is still there")
	}
	wantFiles(t, s, 2, 5)
}

func TestSweepSparesWhatIsBeingWritten(t *testing.T) {
	s := newStore(t, 100)
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := s.Keep(t.Context(), 1, r)
		done <- err
	}()
	if _, err := io.WriteString(w, "half "); err != nil {
		t.Fatal(err)
	}
	if removed, err := s.Sweep(nil); removed != 0 || err != nil {
		t.Errorf("removed %d, %v", removed, err)
	}
	if _, err := io.WriteString(w, "whole"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), <-done); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, s, 1, 10)
}

func TestOpenFaults(t *testing.T) {
	if _, err := Open(t.TempDir(), 0); err == nil {
		t.Error("no bound was accepted")
	}
	_, err := Open(filepath.Join(t.TempDir(), "absent", "held"), 1)
	wantStorage(t, err, "absent")
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path, 1)
	wantStorage(t, err, "file")
}

func TestAMissingDirectory(t *testing.T) {
	s := newStore(t, 100)
	if err := os.Remove(s.dir); err != nil {
		t.Fatal(err)
	}
	_, err := s.Keep(t.Context(), 1, strings.NewReader("x"))
	wantStorage(t, err, "message 1")
	_, err = s.Sweep(nil)
	wantStorage(t, err)
	wantStorage(t, s.Remove("1-X.eml"))
}
