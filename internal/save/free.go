package save

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"pricefetch/internal/mail"
)

// Free returns the first of "name.xls", "name (2).xls", … that is neither in taken (nil: none) nor exists in dir; with
// replace an existing file is no obstacle. original is made safe first. A dir that does not exist has everything free.
// Class mail.Message: all numbers are used up, or replace meets a directory.
func (d *Dir) Free(dir, original string, replace bool, taken func(name string) bool) (string, error) {
	if err := checkDir(dir); err != nil {
		return "", err
	}
	p, err := d.open()
	if err != nil {
		return "", err
	}
	defer p.close()
	target, err := p.root.OpenRoot(local(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", mail.Errorf(mail.Storage, "look into %q below import_dir %s: %w", dir, d.o.ImportDir, err)
	}
	if target != nil {
		defer func() { _ = target.Close() }()
	}
	safe := SafeName(original)
	for n := 1; n <= numbers; n++ {
		name := numbered(safe, n)
		if taken != nil && taken(name) {
			continue
		}
		free, err := d.free(target, dir, name, replace)
		if err != nil {
			return "", err
		}
		if free {
			return name, nil
		}
	}
	return "", mail.Errorf(mail.Message, "find a free name for %q: %d are taken in %s: empty that directory",
		safe, numbers, path.Join(d.o.ImportDir, dir))
}

func (d *Dir) free(target *os.Root, dir, name string, replace bool) (bool, error) {
	if target == nil {
		return true, nil
	}
	if replace {
		return true, d.noDirectory(target, dir, name)
	}
	switch _, err := target.Lstat(name); {
	case err == nil:
		return false, nil
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	default:
		return false, mail.Errorf(mail.Storage, "look for %q below import_dir %s: %w", path.Join(dir, name), d.o.ImportDir, err)
	}
}
