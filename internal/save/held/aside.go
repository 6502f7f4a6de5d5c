package held

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"pricefetch/internal/atomicfile"
	"pricefetch/internal/mail"
)

// Has tells whether a message is kept under that name.
func (s *Store) Has(name string) bool {
	if !isKept(name) {
		return false
	}
	_, err := os.Lstat(filepath.Join(s.dir, name))
	return err == nil
}

// SetAside moves every kept message that keep does not name into a directory below this one, where nothing counts or
// sweeps it, and returns how many. It is for a journal that does not know what an earlier one has kept.
func (s *Store) SetAside(keep map[string]bool, into string) (int, error) {
	moved, err := s.setAside(keep, into)
	if err != nil {
		return moved, mail.Errorf(mail.Storage, "set held messages aside: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.count(); err != nil {
		return moved, mail.Errorf(mail.Storage, "count held messages: %w", err)
	}
	return moved, nil
}

func (s *Store) setAside(keep map[string]bool, into string) (moved int, err error) {
	dir, err := os.OpenRoot(s.dir)
	if err != nil {
		return 0, err
	}
	defer func() { _ = dir.Close() }()
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return 0, err
	}
	var target *os.Root
	for _, e := range entries {
		if !isKept(e.Name()) || keep[e.Name()] {
			continue
		}
		if target == nil {
			if target, err = makeBelow(dir, into); err != nil {
				return 0, err
			}
			defer func() { _ = target.Close() }()
		}
		if err := atomicfile.RenameNew(dir, e.Name(), target, e.Name()); err != nil {
			return moved, err
		}
		moved++
	}
	if moved == 0 {
		return 0, nil
	}
	return moved, errors.Join(s.disk.sync(target), s.disk.sync(dir))
}

func makeBelow(dir *os.Root, name string) (*os.Root, error) {
	if err := dir.Mkdir(name, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return dir.OpenRoot(name)
}
