package save

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"pricefetch/internal/mail"
)

const (
	copyBuffer   = 128 << 10 // bytes read from a message at a time
	stagedPrefix = "staged-"
	generation   = 10 // characters of the token in a staged name
)

// Stage streams r into a hidden file with the mode and group it will be published with, and syncs it and its
// directory. More than limit bytes is mail.ErrTooLarge; limit 0 is none. Errors of r, and of ctx, are returned as they
// are; the disk's have class mail.Storage. After any error the file is gone.
func (d *Dir) Stage(ctx context.Context, r io.Reader, limit int64) (mail.Staged, error) {
	p, err := d.open()
	if err != nil {
		return mail.Staged{}, err
	}
	defer p.close()
	name := stagedName(p.token)
	size, sum, err := d.write(ctx, p, name, r, limit)
	if err != nil {
		if removeErr := d.disk.remove(p.staging, name); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
			err = fmt.Errorf("%w (its staged file %s could not be removed: %w)", err, name, removeErr)
		}
		return mail.Staged{}, err
	}
	return mail.Staged{Name: name, Size: size, SHA256: sum}, nil
}

func (d *Dir) write(ctx context.Context, p *place, name string, r io.Reader, limit int64) (int64, string, error) {
	f, err := d.disk.create(p.staging, name, tokenMode)
	if err != nil {
		return 0, "", d.stageError(err)
	}
	w := &stageWriter{d: d, f: f, hash: sha256.New(), limit: limit}
	_, err = io.CopyBuffer(w, reader{ctx, r}, make([]byte, copyBuffer))
	if err == nil {
		err = d.finish(f)
	}
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = d.stageError(closeErr)
	}
	if err != nil {
		return 0, "", err
	}
	if err := d.disk.sync(p.staging); err != nil {
		return 0, "", d.stageError(err)
	}
	return w.size, hex.EncodeToString(w.hash.Sum(nil)), nil
}

// finish gives a staged file the looks it will be published with and syncs it. The group comes first: a change of
// owner may take mode bits away.
func (d *Dir) finish(f file) error {
	if d.o.GID >= 0 {
		if err := f.Chown(-1, d.o.GID); err != nil {
			return d.stageError(fmt.Errorf("set group %d: %w: check the key group", d.o.GID, err))
		}
	}
	if err := f.Chmod(d.o.FileMode); err != nil {
		return d.stageError(fmt.Errorf("set mode %v: %w: check the key file_mode", d.o.FileMode, err))
	}
	if err := f.Sync(); err != nil {
		return d.stageError(err)
	}
	return nil
}

func (d *Dir) stageError(err error) error {
	return mail.Errorf(mail.Storage, "stage file in import_dir %s: %w", d.o.ImportDir, err)
}

// stageWriter counts, hashes and writes. It gives the disk's errors their class, so that what comes back from a copy
// without one is the reader's own.
type stageWriter struct {
	d     *Dir
	f     io.Writer
	hash  hash.Hash
	size  int64
	limit int64
}

func (w *stageWriter) Write(b []byte) (int, error) {
	if w.limit > 0 && int64(len(b)) > w.limit-w.size {
		return 0, mail.Errorf(mail.Message, "stage file: %w of %d bytes", mail.ErrTooLarge, w.limit)
	}
	n, err := w.f.Write(b)
	w.size += int64(n)
	_, _ = w.hash.Write(b[:n]) // never fails
	if err != nil {
		return n, w.d.stageError(err)
	}
	return n, nil
}

// reader stops reading when ctx ends.
type reader struct {
	ctx context.Context // of the one call that the reader lives in
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(b)
}

// stagedName is random behind a part of the token: after a new import directory was accepted, what was staged in the
// former one can be told from what is gone because it was published.
func stagedName(token string) string { return stagedOf(token) + rand.Text() }

func stagedOf(token string) string { return stagedPrefix + token[:min(generation, len(token))] + "-" }
