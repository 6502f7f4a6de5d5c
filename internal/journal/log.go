package journal

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

const (
	// logLimit is how large the write-ahead log may become, in bytes. SQLite folds it into the journal as it goes, and
	// begins it anew whenever no reader is in it; with readers that take turns there may never be such a moment.
	logLimit = 32 << 20
	// logPatience is how long a writer then waits for the readers to leave it.
	logPatience = 2 * time.Second
	// logRest is how many transactions pass, after it has waited in vain, before it waits again; less if they are large.
	logRest = 250
)

// logBound keeps the write-ahead log from growing without end. The zero value keeps it within logLimit.
type logBound struct {
	limit    int64         // bytes; 0: logLimit
	patience time.Duration // 0: logPatience
	rest     atomic.Int64  // transactions until the readers are waited for again
	next     atomic.Int64  // or until the log has that size
}

// keep looks at the log after a transaction. When it has become too large, new readers are kept out of it until the old
// ones have left. One that does not leave is waited for again after a while. It has no error: what was recorded is safe
// in the log.
func (b *logBound) keep(ctx context.Context, w *sql.DB, path string) {
	limit, patience := cmp.Or(b.limit, logLimit), cmp.Or(b.patience, logPatience)
	info, err := os.Stat(path)
	if err != nil || info.Size() < limit || b.rest.Add(-1) > 0 && info.Size() < b.next.Load() {
		return
	}
	b.rest.Store(0)
	if foldLog(context.WithoutCancel(ctx), w, patience) != nil {
		b.rest.Store(logRest)
		b.next.Store(info.Size() + limit)
	}
}

// foldLog folds the whole log into the journal and empties it, waiting for its readers.
func foldLog(ctx context.Context, w *sql.DB, patience time.Duration) (err error) {
	conn, err := w.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	wait := func(d time.Duration) error {
		_, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds()))
		return err
	}
	if err := wait(patience); err != nil {
		return err
	}
	defer func() {
		if werr := wait(busyTimeout); err == nil {
			err = werr
		}
	}()
	var busy, frames, folded int
	if err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &folded); err != nil {
		return err
	}
	if busy != 0 {
		return fmt.Errorf("readers are in the log: %d of %d frames folded", folded, frames)
	}
	return nil
}
