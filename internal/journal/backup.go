package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"pricefetch/internal/mail"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Backup writes a consistent copy of the journal at path into the file into, which must exist and be empty, and returns
// how many messages it has. It needs no lock: a daemon may be at work meanwhile. The copy is checked, knows that it is
// one (see Origin), has no write-ahead log, and is not synced. An older version than today's is copied as it is.
func Backup(ctx context.Context, path, into string, now time.Time) (messages int, err error) {
	j := &Journal{path: path}
	if err := sniff(path); err != nil {
		return 0, j.classed("back up journal", err)
	}
	db, err := connect(driverName, path, "mode=ro")
	if err != nil {
		return 0, j.classed("back up journal", err)
	}
	defer db.Close()
	version, err := identify(ctx, db, len(migrations()))
	if err == nil && version == 0 {
		err = storage(fmt.Errorf("file is empty; the first run of the daemon fills it"))
	}
	if err == nil {
		_, err = db.ExecContext(ctx, "VACUUM INTO ?", into)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xff == sqlite3.SQLITE_FULL {
		return 0, mail.Errorf(mail.Storage, "write the copy: %w; make room on the disk that it goes to", err)
	}
	if err != nil {
		return 0, j.classed("back up journal", err)
	}
	j.path = into
	messages, err = markCopy(ctx, into, now)
	return messages, j.classed("check copy of the journal", err)
}

// markCopy makes the copy know that it is one, and has it read whole.
func markCopy(ctx context.Context, path string, now time.Time) (messages int, err error) {
	db, err := connect(driverName, path, "mode=rw")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if err := intact(ctx, db); err != nil {
		return 0, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	if err := mark(ctx, tx, now); err != nil {
		return 0, err
	}
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM record").Scan(&messages); err != nil {
		return 0, err
	}
	return messages, tx.Commit()
}

func mark(ctx context.Context, tx *sql.Tx, now time.Time) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM meta WHERE key = "+newKey); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO meta (key, value) VALUES ("+copiedKey+", ?)", metaText(now))
	return err
}
