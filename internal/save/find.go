package save

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"pricefetch/internal/mail"
)

// Find looks for a file that lies under a name that f would get, f.Original made safe with or without a number, and has
// f's size and SHA-256. may is asked about each of that name and size; only one that it allows is read. The file's
// content and entry are durable when its name is returned; "" means that there is none.
func (d *Dir) Find(ctx context.Context, f mail.File, may func(name string, modified time.Time) (bool, error)) (name string, modified time.Time, err error) {
	if err := checkDir(f.Dir); err != nil {
		return "", modified, err
	}
	p, err := d.open()
	if err != nil {
		return "", modified, err
	}
	defer p.close()
	target, err := p.root.OpenRoot(local(f.Dir))
	if errors.Is(err, fs.ErrNotExist) {
		return "", modified, nil
	}
	if err != nil {
		return "", modified, d.findError(f, err)
	}
	defer func() { _ = target.Close() }()
	alike, err := alike(target, f)
	if err != nil {
		return "", modified, d.findError(f, err)
	}
	for _, info := range alike {
		if ok, err := may(info.Name(), info.ModTime()); err != nil {
			return "", modified, err
		} else if !ok {
			continue
		}
		same, err := d.same(ctx, target, info.Name(), f.SHA256)
		if err != nil {
			return "", modified, d.findError(f, err)
		}
		if same {
			return info.Name(), info.ModTime(), nil
		}
	}
	return "", modified, nil
}

// alike returns the files of the size of f whose names f could have got, the first name first.
func alike(target *os.Root, f mail.File) ([]fs.FileInfo, error) {
	entries, err := fs.ReadDir(target.FS(), ".")
	if err != nil {
		return nil, err
	}
	there := make(map[string]fs.DirEntry, len(entries))
	for _, e := range entries {
		there[e.Name()] = e
	}
	var out []fs.FileInfo
	safe, last := SafeName(f.Original), numbers
	if f.Replace {
		last = 1
	}
	for n := 1; n <= last && len(out) < len(there); n++ {
		e, ok := there[numbered(safe, n)]
		if !ok {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // the importer has just taken it
		}
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() && info.Size() == f.Size {
			out = append(out, info)
		}
	}
	return out, nil
}

// same tells whether a file has that SHA-256, and makes it durable if it has.
func (d *Dir) same(ctx context.Context, target *os.Root, name, sum string) (bool, error) {
	file, err := target.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // opened for reading: closing cannot lose anything
	hash := sha256.New()
	if _, err := io.CopyBuffer(hash, reader{ctx, file}, make([]byte, copyBuffer)); err != nil {
		return false, err
	}
	if hex.EncodeToString(hash.Sum(nil)) != sum {
		return false, nil
	}
	return true, errors.Join(file.Sync(), d.disk.sync(target))
}

func (d *Dir) findError(f mail.File, err error) error {
	return mail.Errorf(mail.Storage, "look for %s in import_dir %s: %w", f.Original, d.o.ImportDir, err)
}
