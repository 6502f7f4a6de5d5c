package save

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"pricefetch/internal/mail"
)

// vanishings is how often Publish starts anew because a directory, or the staged file, went away under its hands.
const vanishings = 5

// Publish renames a staged file to f.Dir/f.Name, without replacing or, with f.Replace, over what is there; both
// directories are synced. superseded (nil: never) is asked before the rename under the directory's mutex; its error is
// returned as it is. Storage errors are those of the disk. Class mail.Message: f.Replace meets a directory; and
// mail.ErrStagedLost, where the staged file is not as it was staged, or is gone and was staged in a directory in use
// before approve --import-dir, so that nobody can tell whether it was published.
func (d *Dir) Publish(ctx context.Context, f mail.File, superseded func() (bool, error)) (mail.Published, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := errors.Join(checkDir(f.Dir), checkName(f.Name)); err != nil {
		return 0, err
	}
	lock := d.lock(f.Dir)
	lock.Lock()
	defer lock.Unlock()
	for range vanishings {
		done, err := d.publish(f, superseded)
		if !errors.Is(err, errVanished) {
			return done, err
		}
	}
	return d.publish(f, superseded)
}

// lock is the mutex of a destination directory.
func (d *Dir) lock(dir string) *sync.Mutex {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locks[dir] == nil {
		d.locks[dir] = &sync.Mutex{}
	}
	return d.locks[dir]
}

var errVanished = errors.New("directory or staged file vanished")

func (d *Dir) publish(f mail.File, superseded func() (bool, error)) (mail.Published, error) {
	p, err := d.open()
	if err != nil {
		return 0, err
	}
	defer p.close()
	there, err := d.staged(p, f.Staged.Name)
	if err != nil {
		return 0, err
	}
	if !there {
		return d.before(p, f)
	}
	if superseded != nil {
		if older, err := superseded(); err != nil || older {
			return mail.PublishSuperseded, err
		}
	}
	target, err := d.destination(p, f.Dir)
	if err != nil {
		return 0, err
	}
	defer func() { _ = target.Close() }()
	return d.rename(p, target, f)
}

// before answers for a staged file that is gone. Its rename may stand in memory only, if a kill came before the sync:
// the answer is durable when it is given.
func (d *Dir) before(p *place, f mail.File) (mail.Published, error) {
	if !strings.HasPrefix(f.Staged.Name, stagedOf(p.token)) {
		return 0, mail.Errorf(mail.Message, "publish %s: %w: %s was in the import directory in use before "+
			"approve --import-dir; whether it was published cannot be told", path.Join(f.Dir, f.Name), mail.ErrStagedLost, f.Staged.Name)
	}
	err := d.syncIn(p.root, local(f.Dir))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // the importer took the directory too
	}
	if err == nil {
		err = d.disk.sync(p.staging)
	}
	if err == nil {
		err = d.disk.confirm(p.staging)
	}
	if err != nil {
		return 0, d.publishError(f, err)
	}
	return mail.PublishedBefore, nil
}

func (d *Dir) rename(p *place, target *os.Root, f mail.File) (mail.Published, error) {
	if err := d.lookOver(p, target, f); err != nil {
		return 0, err
	}
	rename := d.disk.renameNew
	if f.Replace {
		if err := d.noDirectory(target, f.Dir, f.Name); err != nil {
			return 0, err
		}
		rename = d.disk.rename
	}
	switch err := rename(p.staging, f.Staged.Name, target, f.Name); {
	case errors.Is(err, fs.ErrExist) && !f.Replace:
		return mail.PublishTaken, nil
	case errors.Is(err, fs.ErrNotExist):
		return 0, d.publishError(f, fmt.Errorf("%w: %w", errVanished, err))
	case errors.Is(err, syscall.EXDEV):
		return 0, d.otherFileSystem(f.Dir, err)
	case err != nil:
		return 0, d.publishError(f, err)
	}
	// The destination first: between the two a power cut may leave the file under both names, not under none.
	for _, dir := range []*os.Root{target, p.staging} {
		if err := d.disk.sync(dir); err != nil {
			return 0, d.publishError(f, err)
		}
	}
	if err := d.disk.confirm(p.staging); err != nil {
		return 0, d.publishError(f, err)
	}
	return mail.PublishedNow, nil
}

// lookOver makes sure that the staged file is a file of the size that the journal noted, and adopts it into target.
func (d *Dir) lookOver(p *place, target *os.Root, f mail.File) error {
	info, err := p.staging.Lstat(f.Staged.Name)
	if err != nil {
		return d.publishError(f, fmt.Errorf("%w: %w", errVanished, err))
	}
	if !info.Mode().IsRegular() || info.Size() != f.Size {
		return mail.Errorf(mail.Message, "publish %s: %w: %s has %d bytes (%v), %d were staged",
			path.Join(f.Dir, f.Name), mail.ErrStagedLost, f.Staged.Name, info.Size(), info.Mode(), f.Size)
	}
	if err := d.adopt(p, target, f.Staged.Name); err != nil {
		return d.publishError(f, err)
	}
	return nil
}

// adopt gives a staged file the group that it would have got, had it been made in target; a configured group it has
// already.
func (d *Dir) adopt(p *place, target *os.Root, name string) error {
	if _, ok := handedDown(target); !ok || d.o.GID >= 0 {
		return nil
	}
	staged, err := p.staging.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = staged.Close() }()
	return d.group(staged, target)
}

// noDirectory refuses to replace a directory. Nothing can be saved under that name until a person removes it; other
// names are not concerned.
func (d *Dir) noDirectory(target *os.Root, dir, name string) error {
	if info, err := target.Lstat(name); err == nil && info.IsDir() {
		return mail.Errorf(mail.Message, "save %s: %s is a directory and cannot be replaced: remove it or rename it",
			path.Join(dir, name), filepath.Join(target.Name(), name))
	}
	return nil
}

func (d *Dir) publishError(f mail.File, err error) error {
	return mail.Errorf(mail.Storage, "publish %s in import_dir %s: %w", path.Join(f.Dir, f.Name), d.o.ImportDir, err)
}

// checkName refuses a final name that SafeName would not have left as it is in the ways that matter here.
func checkName(name string) error {
	if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\x00") {
		return mail.Errorf(mail.Message, "publish %q: not a safe file name", name)
	}
	return nil
}
