package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"pricefetch/internal/mail"
)

const (
	busyTimeout = 10 * time.Second
	readers     = 4
	driverName  = "sqlite" // of database/sql; tests put one before it that listens
)

// Open opens the journal for writing, and creates it if the file is missing or empty. The caller holds the lock on
// the state directory. A file that is damaged, of another program or of a newer version is refused, untouched, with
// an error of class mail.Storage, most of them ErrUnusable, that says what to do. now is asked where a method is not
// given the time.
func Open(ctx context.Context, path string, now func() time.Time) (*Journal, error) {
	return open(ctx, path, now, driverName, migrations())
}

func open(ctx context.Context, path string, now func() time.Time, driver string, scripts []string) (*Journal, error) {
	j := &Journal{path: path, now: now, driver: driver, scripts: scripts, sights: make(map[string]map[string]sight)}
	if err := j.openWriter(ctx); err != nil {
		return nil, errors.Join(j.classed("open journal", err), j.Close())
	}
	if err := j.openReader(ctx); err != nil {
		return nil, errors.Join(j.classed("open journal", err), j.Close())
	}
	return j, nil
}

// OpenReadOnly opens an existing journal beside a running daemon. It takes no lock and changes no record; every
// method that would write returns an error.
func OpenReadOnly(ctx context.Context, path string) (*Journal, error) {
	return openReadOnly(ctx, path, migrations())
}

func openReadOnly(ctx context.Context, path string, scripts []string) (*Journal, error) {
	j := &Journal{path: path, driver: driverName, scripts: scripts, sights: make(map[string]map[string]sight)}
	if err := j.openReader(ctx); err != nil {
		return nil, errors.Join(j.classed("open journal", err), j.Close())
	}
	return j, nil
}

// openWriter makes the one connection that writes, and brings the file to today's version.
func (j *Journal) openWriter(ctx context.Context) error {
	if err := orphaned(j.path); err != nil {
		return err
	}
	if err := create(j.path); err != nil {
		return storage(err)
	}
	if err := sniff(j.path); err != nil {
		return err
	}
	db, err := connect(j.driver, j.path, "mode=rw", "_txlock=immediate", "_pragma=synchronous(FULL)")
	if err != nil {
		return storage(err)
	}
	db.SetMaxOpenConns(1)
	j.w = newPrepared(db)
	version, err := identify(ctx, db, len(j.scripts))
	if err != nil {
		return err
	}
	if version > 0 {
		if err := intact(ctx, db); err != nil {
			return err
		}
	}
	// After the checks: it is the first thing that touches the file.
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return err
	}
	if err := migrate(ctx, db, j.path, j.scripts, j.now()); err != nil {
		return err
	}
	if err := writable(ctx, db); err != nil {
		return err
	}
	return storage(syncPath(filepath.Dir(j.path)))
}

// writable tells now, and not in the first pass, that SQLite has opened the file for reading only.
func writable(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	_, err = tx.ExecContext(ctx, "UPDATE meta SET value = value WHERE key = 'id'")
	return err
}

// openReader makes the connections that read. They find a journal of today's version or refuse it.
func (j *Journal) openReader(ctx context.Context) error {
	if err := sniff(j.path); err != nil {
		return err
	}
	db, err := connect(j.driver, j.path, "mode=ro", "_pragma=query_only(1)")
	if err != nil {
		return storage(err)
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	j.r = newPrepared(db)
	version, err := identify(ctx, db, len(j.scripts))
	if err != nil {
		return err
	}
	if version != len(j.scripts) {
		return mail.Errorf(mail.Storage, "journal has version %d, this program reads %d; start the daemon once (restart the one that runs) to bring it up to date", version, len(j.scripts))
	}
	return j.r.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'id'").Scan(&j.id)
}

// create makes an empty file that the daemon's group may read, if there is none. SQLite gives its -wal and -shm
// files the same mode.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// connect prepares connections to path; SQLite opens the file at the first query.
func connect(driver, path string, params ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: abs}).String()
	dsn += fmt.Sprintf("?_pragma=busy_timeout(%d)&_pragma=foreign_keys(1)", busyTimeout.Milliseconds())
	for _, p := range params {
		dsn += "&" + p
	}
	return sql.Open(driver, dsn)
}

// identify returns the journal's version, 0 for one not yet made, and refuses other programs' databases and
// journals of a later version than latest.
func identify(ctx context.Context, db *sql.DB, latest int) (int, error) {
	app, err := pragma(ctx, db, "application_id")
	if err != nil {
		return 0, err
	}
	version, err := pragma(ctx, db, "user_version")
	if err != nil {
		return 0, err
	}
	var tables int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return 0, err
	}
	switch {
	case app == 0 && version == 0 && tables == 0:
		return 0, nil
	case app != applicationID:
		return 0, unusable("file is a database of another program (application id %#x, expected %#x)%s", app, applicationID, remedy)
	case version < 1 || version > latest:
		return 0, unusable("journal has version %d, this program knows up to %d; install the newer program that wrote it%s", version, latest, remedy)
	}
	return version, nil
}

// intact has SQLite read every page of the file.
func intact(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return unusable("file is damaged: %s%s", verdict, remedy)
	}
	return nil
}
