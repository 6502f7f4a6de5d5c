package save

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"pricefetch/internal/mail"
)

// Other is a staging directory that another journal has, or had, in this import directory.
type Other struct {
	Path    string
	Files   int   // staged there
	Bytes   int64 // of them
	Changed time.Time
}

// Others finds the staging directories that are not this journal's. Where the import directory is not there, there are
// none.
func (d *Dir) Others() ([]Other, error) {
	root, err := os.OpenRoot(d.o.ImportDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, mail.Errorf(mail.Storage, "look for other staging in import_dir %s: %w", d.o.ImportDir, err)
	}
	defer func() { _ = root.Close() }()
	entries, err := fs.ReadDir(root.FS(), hiddenDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, mail.Errorf(mail.Storage, "look for other staging in import_dir %s: %w", d.o.ImportDir, err)
	}
	var out []Other
	for _, e := range entries {
		if !e.IsDir() || e.Name() == d.o.JournalID {
			continue
		}
		if _, err := root.Lstat(path.Join(hiddenDir, e.Name(), tokenFile)); err != nil {
			continue // a trial's, which no journal knows
		}
		o, err := d.other(root, e.Name())
		if err != nil {
			return out, mail.Errorf(mail.Storage, "look into other staging in import_dir %s: %w", d.o.ImportDir, err)
		}
		out = append(out, o)
	}
	return out, nil
}

// Changed tells when something last changed in the staging directory that the journal knows.
func (d *Dir) Changed() (time.Time, error) {
	p, err := d.open()
	if err != nil {
		return time.Time{}, err
	}
	defer p.close()
	info, err := p.staging.Stat(".")
	if err != nil {
		return time.Time{}, mail.Errorf(mail.Storage, "look at staging in import_dir %s: %w", d.o.ImportDir, err)
	}
	return info.ModTime(), nil
}

func (d *Dir) other(root *os.Root, id string) (Other, error) {
	o := Other{Path: filepath.Join(d.o.ImportDir, hiddenDir, id)}
	entries, err := fs.ReadDir(root.FS(), path.Join(hiddenDir, id))
	if err != nil {
		return o, err
	}
	if info, err := root.Stat(path.Join(hiddenDir, id)); err == nil {
		o.Changed = info.ModTime()
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !isStaged(e.Name()) {
			continue
		}
		o.Files++
		o.Bytes += info.Size()
	}
	return o, nil
}
