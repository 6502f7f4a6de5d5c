package journal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pricefetch/internal/atomicfile"
)

// mostCopies is how many copies of one version are kept beside the journal before a migration is refused.
const mostCopies = 99

// keepCopy keeps a copy of the journal as PATH.before-vN before it is migrated to version N: whole and durable, or not
// at all. A copy that is there already is never replaced: if it is of this very state, as after a start that was killed
// later on, it will do; else the new one becomes PATH.before-vN.2 and so on.
func keepCopy(ctx context.Context, db *sql.DB, path string, version int, now time.Time) error {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("copy journal: %w", err)
	}
	defer func() { _ = dir.Close() }()
	if err := sweepCopies(dir, filepath.Base(path)); err != nil {
		return fmt.Errorf("copy journal: %w", err)
	}
	state, err := stateOf(ctx, db)
	if err != nil {
		return err
	}
	for n := 1; n <= mostCopies; n++ {
		name := fmt.Sprintf("%s.before-v%d", filepath.Base(path), version)
		if n > 1 {
			name += fmt.Sprintf(".%d", n)
		}
		switch _, err := dir.Lstat(name); {
		case errors.Is(err, fs.ErrNotExist):
			if err := copyTo(ctx, db, dir, name, now); err != nil {
				return fmt.Errorf("copy journal to %s: %w", filepath.Join(dir.Name(), name), err)
			}
			return nil
		case err != nil:
			return fmt.Errorf("copy journal: %w", err)
		case copied(ctx, filepath.Join(dir.Name(), name)) == state:
			return nil
		}
	}
	return fmt.Errorf("copy journal: there are %d copies %s.before-v%d already: move them elsewhere", mostCopies, path, version)
}

// copyTo writes a synced copy of the database, which knows that it is one, under a temporary name and gives it its own.
func copyTo(ctx context.Context, db *sql.DB, dir *os.Root, name string, now time.Time) error {
	temp := tempOf(name) + rand.Text()
	f, err := atomicfile.Create(dir, temp, 0o640)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", filepath.Join(dir.Name(), temp))
	if err == nil {
		_, err = markCopy(ctx, filepath.Join(dir.Name(), temp), now)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = atomicfile.RenameNew(dir, temp, dir, name)
	}
	if err != nil {
		return errors.Join(err, dir.Remove(temp))
	}
	return atomicfile.Sync(dir)
}

func tempOf(name string) string { return atomicfile.TempPrefix + name + "-" }

// sweepCopies removes what killed starts left unfinished. The lock on the state directory is held.
func sweepCopies(dir *os.Root, journal string) error {
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), atomicfile.TempPrefix+journal+".before-v") {
			if err := dir.Remove(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// stateOf tells one state of a journal of version 1 or later from another: every pass, and whatever else is done,
// changes a mailbox's times or adds a row.
func stateOf(ctx context.Context, db *sql.DB) (state string, err error) {
	err = db.QueryRowContext(ctx, `SELECT (SELECT value FROM meta WHERE key = 'id')
		|| (SELECT printf(' %d %d %d %d', count(*), total(last_started), total(newest), total(next_pass)) FROM mailbox)
		|| printf(' %d %d %d', (SELECT max(id) FROM record), (SELECT max(id) FROM step), (SELECT max(id) FROM file))`).Scan(&state)
	if err != nil {
		return "", fmt.Errorf("read state of the journal: %w", err)
	}
	return state, nil
}

// copied is the state of a copy; "" of what is no sound copy.
func copied(ctx context.Context, path string) string {
	db, err := connect(driverName, path, "mode=ro")
	if err != nil {
		return ""
	}
	defer db.Close()
	if intact(ctx, db) != nil {
		return ""
	}
	state, err := stateOf(ctx, db)
	if err != nil {
		return ""
	}
	return state
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	return nil
}
