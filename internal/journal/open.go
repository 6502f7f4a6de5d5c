package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"pricefetch/internal/mail"

	sqlite3 "modernc.org/sqlite/lib"
)

const (
	busyTimeout = 10 * time.Second
	readers     = 4
)

// remedy is what can be done about a journal that cannot be used, and what the easy way out costs.
const remedy = "; restore a backup of it, or move it and its -wal and -shm files away: the next start then makes a new " +
	"journal and treats every mailbox like its first poll (mail older than first_run stays unimported, newer mail is " +
	"imported even if it was before, and a large deletion waits for approve)"

// Open opens the journal for writing, and creates it if the file is missing or empty. The caller holds the lock on
// the state directory. A file that is damaged, of another program or of a newer version is refused, untouched, with
// an error of class mail.Storage that says what to do. now is asked where a method is not given the time.
func Open(ctx context.Context, path string, now func() time.Time) (*Journal, error) {
	j := &Journal{path: path, now: now, sights: make(map[string]map[string]sight)}
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
	j := &Journal{path: path, sights: make(map[string]map[string]sight)}
	if err := j.openReader(ctx); err != nil {
		return nil, errors.Join(j.classed("open journal", err), j.Close())
	}
	return j, nil
}

// openWriter makes the one connection that writes, and brings the file to today's version.
func (j *Journal) openWriter(ctx context.Context) error {
	if err := create(j.path); err != nil {
		return storage(err)
	}
	if err := sniff(j.path); err != nil {
		return err
	}
	var err error
	if j.w, err = connect(j.path, "mode=rw", "_txlock=immediate", "_pragma=synchronous(FULL)"); err != nil {
		return storage(err)
	}
	j.w.SetMaxOpenConns(1)
	version, err := identify(ctx, j.w)
	if err != nil {
		return err
	}
	if version > 0 {
		if err := intact(ctx, j.w); err != nil {
			return err
		}
	}
	// After the checks: it is the first thing that touches the file.
	if _, err := j.w.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return err
	}
	if err := migrate(ctx, j.w, j.path, migrations(), j.now()); err != nil {
		return err
	}
	return storage(syncPath(filepath.Dir(j.path)))
}

// openReader makes the connections that read. They find a journal of today's version or refuse it.
func (j *Journal) openReader(ctx context.Context) error {
	if err := sniff(j.path); err != nil {
		return err
	}
	var err error
	if j.r, err = connect(j.path, "mode=ro", "_pragma=query_only(1)"); err != nil {
		return storage(err)
	}
	j.r.SetMaxOpenConns(readers)
	j.r.SetMaxIdleConns(readers)
	version, err := identify(ctx, j.r)
	if err != nil {
		return err
	}
	if version != len(migrations()) {
		return mail.Errorf(mail.Storage, "journal has version %d, this program reads %d; start the daemon once to bring it up to date", version, len(migrations()))
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

// sniff refuses what is not a SQLite file before SQLite gets to it. An empty file is a journal not yet made.
func sniff(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return mail.Errorf(mail.Storage, "%w; the first run of the daemon makes it", err)
	}
	if err != nil {
		return storage(err)
	}
	defer f.Close()
	const magic = "SQLite format 3\x00"
	head, err := io.ReadAll(io.LimitReader(f, int64(len(magic))))
	if err != nil {
		return storage(err)
	}
	if len(head) > 0 && !bytes.Equal(head, []byte(magic)) {
		return mail.Errorf(mail.Storage, "file is damaged or not a journal: it does not begin like a SQLite file%s", remedy)
	}
	return nil
}

// connect prepares connections to path; SQLite opens the file at the first query.
func connect(path string, params ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: abs}).String()
	dsn += fmt.Sprintf("?_pragma=busy_timeout(%d)&_pragma=foreign_keys(1)", busyTimeout.Milliseconds())
	for _, p := range params {
		dsn += "&" + p
	}
	return sql.Open("sqlite", dsn)
}

// identify returns the journal's version, 0 for one not yet made, and refuses other programs' databases and
// journals of a later version.
func identify(ctx context.Context, db *sql.DB) (int, error) {
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
		return 0, mail.Errorf(mail.Storage, "file is a database of another program (application id %#x, expected %#x)%s", app, applicationID, remedy)
	case version < 1 || version > len(migrations()):
		return 0, mail.Errorf(mail.Storage, "journal has version %d, this program knows up to %d; install the newer program that wrote it%s", version, len(migrations()), remedy)
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
		return mail.Errorf(mail.Storage, "file is damaged: %s%s", verdict, remedy)
	}
	return nil
}

// storage gives err, which may be nil, the class of our own disk's trouble.
func storage(err error) error {
	if err == nil {
		return nil
	}
	return mail.Errorf(mail.Storage, "%w", err)
}

// advice says what to do about SQLite's result code.
func advice(code int) string {
	switch code & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "; the file is damaged" + remedy
	case sqlite3.SQLITE_FULL:
		return "; make room on the disk that holds the state directory"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY:
		return "; the user that runs this needs to read and write the state directory"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "; another program keeps the journal locked"
	}
	return ""
}
