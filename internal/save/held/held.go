// Package held keeps the raw messages that wait for a person, in one directory and within a bound. What is kept is
// whole and durable, or not there.
package held

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"pricefetch/internal/atomicfile"
	"pricefetch/internal/mail"
)

const (
	suffix     = ".eml"
	dirMode    = 0o700 // mail is private
	fileMode   = 0o600
	copyBuffer = 128 << 10 // bytes read from a message at a time
)

// Store is the directory of kept messages. It is safe for concurrent use; one process at a time may write to it.
type Store struct {
	dir  string
	max  int64 // bytes
	disk disk

	mu      sync.Mutex
	kept    map[string]int64 // bytes by name
	writing map[string]int64 // bytes that Keep has taken so far, by name of the temporary file
}

// disk is what can fail for reasons of its own. Tests put failing ones in its place.
type disk struct {
	create func(dir *os.Root, name string, perm fs.FileMode) (file, error)
	rename func(from *os.Root, oldName string, to *os.Root, newName string) error
	sync   func(dir *os.Root) error
}

type file interface {
	io.WriteCloser
	Sync() error
}

func realDisk() disk {
	return disk{
		create: func(dir *os.Root, name string, perm fs.FileMode) (file, error) {
			f, err := atomicfile.Create(dir, name, perm)
			if err != nil {
				return nil, err // not f: a nil *os.File in an interface is not nil
			}
			return f, nil
		},
		rename: atomicfile.RenameNew,
		sync:   atomicfile.Sync,
	}
}

// Open opens the directory, makes its last level if it is missing, and counts what it holds. maxBytes bounds the sum of
// the messages' sizes.
func Open(dir string, maxBytes int64) (*Store, error) {
	if maxBytes <= 0 {
		return nil, fmt.Errorf("open held messages %s: bound of %d bytes: expected more than 0", dir, maxBytes)
	}
	s := &Store{dir: dir, max: maxBytes, disk: realDisk(), writing: map[string]int64{}}
	if err := s.make(); err != nil {
		return nil, mail.Errorf(mail.Storage, "open held messages %s: %w", dir, err)
	}
	if err := s.count(); err != nil {
		return nil, mail.Errorf(mail.Storage, "open held messages: %w", err)
	}
	return s, nil
}

func (s *Store) make() error {
	if err := os.Mkdir(s.dir, dirMode); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	parent, err := os.OpenRoot(filepath.Dir(s.dir))
	if err != nil {
		return err
	}
	defer func() { _ = parent.Close() }()
	return s.disk.sync(parent)
}

// count reads the sizes anew: a person may have removed files. The caller holds s.mu, or is alone.
func (s *Store) count() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	kept := map[string]int64{}
	for _, e := range entries {
		if !isKept(e.Name()) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		kept[e.Name()] = info.Size()
	}
	s.kept = kept
	return nil
}

// Keep stores a raw message durably and returns its name. Errors of r, and of ctx, are returned as they are, the
// disk's have class mail.Storage, and so has the bound: mail.ErrTooLarge. After any error nothing is kept.
func (s *Store) Keep(ctx context.Context, id mail.RecordID, r io.Reader) (string, error) {
	dir, err := os.OpenRoot(s.dir)
	if err != nil {
		return "", keepError(id, err)
	}
	defer func() { _ = dir.Close() }()
	random := rand.Text()
	temp := atomicfile.TempPrefix + random
	name := strconv.FormatInt(int64(id), 10) + "-" + random[:10] + suffix

	s.begin(temp)
	defer s.end(temp)
	if err := s.write(ctx, dir, id, temp, r); err != nil {
		return "", cleaned(err, dir, temp)
	}
	if err := s.finish(dir, temp, name); err != nil {
		return "", cleaned(keepError(id, err), dir, temp)
	}
	if err := s.disk.sync(dir); err != nil {
		return "", errors.Join(keepError(id, err), s.Remove(name))
	}
	return name, nil
}

func (s *Store) write(ctx context.Context, dir *os.Root, id mail.RecordID, temp string, r io.Reader) error {
	f, err := s.disk.create(dir, temp, fileMode)
	if err != nil {
		return keepError(id, err)
	}
	_, err = io.CopyBuffer(&writer{s, f, id, temp}, reader{ctx, r}, make([]byte, copyBuffer))
	if err == nil {
		if err = f.Sync(); err != nil {
			err = keepError(id, err)
		}
	}
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = keepError(id, closeErr)
	}
	return err
}

// cleaned returns err after the unfinished file was removed.
func cleaned(err error, dir *os.Root, name string) error {
	if removeErr := dir.Remove(name); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
		return fmt.Errorf("%w (its file %s could not be removed: %w)", err, name, removeErr)
	}
	return err
}

func keepError(id mail.RecordID, err error) error {
	return mail.Errorf(mail.Storage, "keep message %d: %w", id, err)
}

// writer takes room for every piece before it writes it. It gives the disk's errors their class, so that what comes
// back from a copy without one is the reader's own.
type writer struct {
	s    *Store
	f    io.Writer
	id   mail.RecordID
	temp string
}

func (w *writer) Write(b []byte) (int, error) {
	if err := w.s.take(w.temp, int64(len(b))); err != nil {
		return 0, keepError(w.id, err)
	}
	n, err := w.f.Write(b)
	if err != nil {
		return n, keepError(w.id, err)
	}
	return n, nil
}

// reader stops reading when ctx ends.
type reader struct {
	ctx context.Context // of the one call that the reader lives in
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(b)
}

// Open opens a kept message for reading.
func (s *Store) Open(name string) (io.ReadCloser, error) {
	if !isKept(name) {
		return nil, fmt.Errorf("open held message %q: no such name is given to one", name)
	}
	dir, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, mail.Errorf(mail.Storage, "open held message %s: %w", name, err)
	}
	defer func() { _ = dir.Close() }()
	f, err := dir.Open(name)
	if err != nil {
		return nil, mail.Errorf(mail.Storage, "open held message %s: %w", name, err)
	}
	return f, nil
}

// Missing returns those of names that are not there: a person removed them, or the directory was restored without. Where
// that cannot be told none is missing.
func (s *Store) Missing(names []string) []string {
	dir, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	var missing []string
	for _, name := range names {
		if _, err := dir.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, name)
		}
	}
	return missing
}

// Remove removes a kept message; one that is not there is no error.
func (s *Store) Remove(name string) error {
	if !isKept(name) {
		return fmt.Errorf("remove held message %q: no such name is given to one", name)
	}
	return s.remove(name)
}

func (s *Store) remove(name string) error {
	dir, err := os.OpenRoot(s.dir)
	if err != nil {
		return mail.Errorf(mail.Storage, "remove held message %s: %w", name, err)
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return mail.Errorf(mail.Storage, "remove held message %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, name)
	return nil
}

// Sweep removes every kept message that keep does not name, and what a killed process left unfinished. It is for the
// start, before anything is kept that the journal does not know yet, and returns how many it removed.
func (s *Store) Sweep(keep map[string]bool) (int, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return 0, mail.Errorf(mail.Storage, "sweep held messages: %w", err)
	}
	removed := 0
	var faults []error
	for _, e := range entries {
		name := e.Name()
		unfinished := strings.HasPrefix(name, atomicfile.TempPrefix) && !s.isWriting(name)
		if !unfinished && (!isKept(name) || keep[name]) {
			continue
		}
		if err := s.remove(name); err != nil {
			faults = append(faults, err)
			continue
		}
		removed++
	}
	return removed, errors.Join(faults...)
}

// isKept tells our names ("17-ABCDEFGHIJ.eml") from what a person put there.
func isKept(name string) bool {
	stem, ok := strings.CutSuffix(name, suffix)
	id, random, dash := strings.Cut(stem, "-")
	_, err := strconv.ParseInt(id, 10, 64)
	return ok && dash && err == nil && random != "" && !strings.ContainsAny(random, "/\\\x00")
}
