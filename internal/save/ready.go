package save

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"pricefetch/internal/mail"
)

const probeFile = ".writable" // made and removed at once

// Ready tells whether files can be saved now: the staging directory is the journal's, import_dir and state_dir are
// writable and have more than MinFree left. Every error has class mail.Storage and tells what to do.
func (d *Dir) Ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := d.open()
	if err != nil {
		return err
	}
	defer p.close()
	// Access is asked for, not tried, in import_dir itself: an importer may be watching it.
	if err := unix.Faccessat(unix.AT_FDCWD, d.o.ImportDir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return mail.Errorf(mail.Storage, "write into import_dir %s: %w: give the daemon's user the right to", d.o.ImportDir, err)
	}
	if err := writable(p.staging); err != nil {
		return mail.Errorf(mail.Storage, "write into import_dir %s: %w", d.o.ImportDir, err)
	}
	if err := d.room("import_dir", d.o.ImportDir); err != nil {
		return err
	}
	return d.stateReady()
}

func (d *Dir) stateReady() error {
	if d.o.StateDir == "" {
		return nil
	}
	state, err := os.OpenRoot(d.o.StateDir)
	if err != nil {
		return mail.Errorf(mail.Storage, "open state_dir %s: %w", d.o.StateDir, err)
	}
	defer func() { _ = state.Close() }()
	if err := writable(state); err != nil {
		return mail.Errorf(mail.Storage, "write into state_dir %s: %w", d.o.StateDir, err)
	}
	return d.room("state_dir", d.o.StateDir)
}

// writable makes and removes a file. Its name is fixed, so that a kill in between leaves one file and not many; two
// at the same time do not disturb each other.
func writable(dir *os.Root) error {
	f, err := dir.OpenFile(probeFile, os.O_WRONLY|os.O_CREATE, tokenMode)
	if err != nil {
		return err
	}
	_ = f.Close() // nothing was written
	if err := dir.Remove(probeFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// room compares what is left on the file system of a directory with MinFree.
func (d *Dir) room(key, dir string) error {
	left, err := d.disk.statfs(filepath.Clean(dir))
	if err != nil {
		return mail.Errorf(mail.Storage, "ask for the free space of %s: %w", key, err)
	}
	if left.free < d.o.MinFree {
		return mail.Errorf(mail.Storage, "%s %s has %d bytes free, min_free is %d: make room or lower limits.min_free",
			key, dir, left.free, d.o.MinFree)
	}
	if left.noInodes {
		return mail.Errorf(mail.Storage, "%s %s has no free inodes: remove files from its file system", key, dir)
	}
	return nil
}
