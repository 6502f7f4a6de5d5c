package save

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"pricefetch/internal/atomicfile"
	"pricefetch/internal/mail"
)

// Staged tells whether a staged file is still there.
func (d *Dir) Staged(name string) (bool, error) {
	p, err := d.open()
	if err != nil {
		return false, err
	}
	defer p.close()
	return d.staged(p, name)
}

func (d *Dir) staged(p *place, name string) (bool, error) {
	if !isStaged(name) {
		return false, mail.Errorf(mail.Storage, "look for staged file %q: no such name is given to one", name)
	}
	switch _, err := p.staging.Lstat(name); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, mail.Errorf(mail.Storage, "look for staged file: %w", err)
	}
}

func isStaged(name string) bool {
	return strings.HasPrefix(name, stagedPrefix) && !strings.ContainsAny(name, "/\\\x00")
}

// Reopen gives what was staged, to be read. Its errors have class mail.Storage.
func (d *Dir) Reopen(name string) (mail.Content, error) {
	p, err := d.open()
	if err != nil {
		return nil, err
	}
	defer p.close()
	if !isStaged(name) {
		return nil, mail.Errorf(mail.Storage, "read staged file %q: no such name is given to one", name)
	}
	f, err := p.staging.Open(name)
	if err != nil {
		return nil, mail.Errorf(mail.Storage, "read staged file: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, mail.Errorf(mail.Storage, "read staged file: %w", err)
	}
	return &content{f, info.Size()}, nil
}

// content is a staged file. What the disk cannot read is no fault of the file.
type content struct {
	*os.File
	size int64
}

func (c *content) Size() int64 { return c.size }

func (c *content) ReadAt(b []byte, off int64) (int, error) {
	n, err := c.File.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = mail.Errorf(mail.Storage, "read staged file: %w", err)
	}
	return n, err
}

// Discard removes a staged file; one that is not there is no error.
func (d *Dir) Discard(name string) error {
	p, err := d.open()
	if err != nil {
		return err
	}
	defer p.close()
	if !isStaged(name) {
		return mail.Errorf(mail.Storage, "discard staged file %q: no such name is given to one", name)
	}
	if err := d.disk.remove(p.staging, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return mail.Errorf(mail.Storage, "discard staged file: %w", err)
	}
	return nil
}

// Sweep removes what a killed process left in staging: every staged file that keep does not name. It is for the start,
// before anything is staged, and returns how many it removed.
func (d *Dir) Sweep(keep map[string]bool) (int, error) {
	p, err := d.open()
	if err != nil {
		return 0, err
	}
	defer p.close()
	entries, err := fs.ReadDir(p.staging.FS(), ".")
	if err != nil {
		return 0, mail.Errorf(mail.Storage, "sweep staging: %w", err)
	}
	removed := 0
	var faults []error
	for _, e := range entries {
		name := e.Name()
		if keep[name] || !isStaged(name) && !strings.HasPrefix(name, newDirPrefix) && !strings.HasPrefix(name, atomicfile.TempPrefix) {
			continue
		}
		if err := d.disk.remove(p.staging, name); err != nil {
			faults = append(faults, err)
			continue
		}
		removed++
	}
	if len(faults) > 0 {
		return removed, mail.Errorf(mail.Storage, "sweep staging: %w", errors.Join(faults...))
	}
	return removed, nil
}
