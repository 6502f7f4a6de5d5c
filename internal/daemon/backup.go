package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pricefetch/internal/atomicfile"
	"pricefetch/internal/config"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
)

// Copy is what Backup made.
type Copy struct {
	File     string    `json:"file"`
	Made     time.Time `json:"made"`
	Messages int       `json:"messages"` // on record
	Bytes    int64     `json:"bytes"`
	Held     int       `json:"held"` // raw messages under held/, which are not in it
}

// journalFiles are SQLite's own, by the ends of their names.
var journalFiles = []string{"", "-wal", "-shm", "-journal"}

// Backup copies the journal of c into a new file, beside a daemon that may be at work. The file is there whole and
// durable, or not at all, and may be read by nobody who may not read the journal. A target that will not do is a fault.
func Backup(ctx context.Context, c *config.Config, target string, now time.Time) (Copy, error) {
	path := filepath.Join(c.StateDir, "journal.db")
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Copy{}, fmt.Errorf("no journal in %s yet: there is nothing to back up", c.StateDir)
	}
	if err != nil {
		return Copy{}, mail.Errorf(mail.Storage, "back up journal: %w", err)
	}
	if target, err = filepath.Abs(target); err != nil {
		return Copy{}, err
	}
	dir, err := targetDir(c, path, target)
	if err != nil {
		return Copy{}, err
	}
	defer dir.Close()
	made := Copy{File: target, Made: now}
	if made.Messages, err = copyJournal(ctx, dir, path, filepath.Base(target), info.Mode().Perm()&0o640, now); err != nil {
		return Copy{}, fmt.Errorf("back up journal to %s: %w", target, err)
	}
	if info, err := os.Stat(target); err == nil {
		made.Bytes = info.Size()
	}
	held, _ := filepath.Glob(filepath.Join(c.StateDir, "held", "*.eml")) // the pattern is sound
	made.Held = len(held)
	return made, nil
}

// targetDir opens the directory that the copy goes to, and refuses a target that would do harm.
func targetDir(c *config.Config, journalPath, target string) (*os.Root, error) {
	switch info, err := os.Lstat(target); {
	case err == nil && info.IsDir():
		return nil, fault("back up journal to %s: it is a directory; name a file in it", target)
	case err == nil:
		return nil, fault("back up journal to %s: it exists, and a backup replaces nothing; name another file, or remove it first", target)
	}
	real, err := filepath.EvalSymlinks(filepath.Dir(target))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault("back up journal to %s: its directory does not exist; make it first", target)
	}
	if err != nil {
		return nil, fmt.Errorf("back up journal to %s: %w", target, err)
	}
	if imports, err := filepath.EvalSymlinks(c.ImportDir); err == nil && within(imports, real) {
		return nil, fault("back up journal to %s: that is in import_dir, whose files are the importer's; name a file elsewhere", target)
	}
	if state, err := filepath.EvalSymlinks(filepath.Dir(journalPath)); err == nil && real == state {
		for _, end := range journalFiles {
			if filepath.Base(target) == filepath.Base(journalPath)+end {
				return nil, fault("back up journal to %s: that is a name of the journal's own files; name another one", target)
			}
		}
	}
	dir, err := os.OpenRoot(real)
	if err != nil {
		return nil, fmt.Errorf("back up journal to %s: %w", target, err)
	}
	return dir, nil
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// copyJournal writes the copy under a temporary name, syncs it and gives it its own.
func copyJournal(ctx context.Context, dir *os.Root, path, name string, mode fs.FileMode, now time.Time) (messages int, err error) {
	temp := atomicfile.TempPrefix + rand.Text()
	f, err := atomicfile.Create(dir, temp, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	defer func() {
		for _, end := range journalFiles { // the first is gone if all went well
			if rerr := dir.Remove(temp + end); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
				err = errors.Join(err, rerr)
			}
		}
	}()
	if messages, err = journal.Backup(ctx, path, filepath.Join(dir.Name(), temp), now); err != nil {
		return 0, err
	}
	if err := errors.Join(f.Chmod(mode), f.Sync()); err != nil {
		return 0, err
	}
	if err := atomicfile.RenameNew(dir, temp, dir, name); err != nil {
		return 0, err
	}
	return messages, atomicfile.Sync(dir)
}
