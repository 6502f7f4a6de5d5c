package journal

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

func (x *fixture) logSize() int64 {
	x.t.Helper()
	info, err := os.Stat(x.path + "-wal")
	x.ok(err)
	return info.Size()
}

// scribble makes one transaction that writes about 100 KB.
func (x *fixture) scribble(n int) {
	x.t.Helper()
	x.ok(x.Update(x.t.Context(), box, func(m *mail.MailboxState) { m.LastError = strings.Repeat(fmt.Sprint(n%10), 100_000) }))
}

// TestLogIsBoundedWhileReadersTakeTurns: there is always some reader in the log, as when several commands and mailboxes
// read; it is begun anew all the same.
func TestLogIsBoundedWhileReadersTakeTurns(t *testing.T) {
	const limit = 4 << 20
	x := polled(t, numbered(1, 50)...)
	x.log.limit, x.log.patience = limit, time.Minute // on a busy machine a reader may take long over its few records
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 3 {
		r, err := OpenReadOnly(t.Context(), x.path)
		x.ok(err)
		defer r.Close()
		readers.Go(func() {
			for ctx.Err() == nil {
				tx, err := r.r.BeginTx(t.Context(), nil)
				if err == nil {
					_, err = records(t.Context(), tx, selectRecords)
				}
				if err != nil {
					t.Error(err)
					return
				}
				tx.Rollback()
			}
		})
	}
	var most int64
	for n := range 160 { // 16 MB
		x.scribble(n)
		most = max(most, x.logSize())
	}
	stop()
	readers.Wait()
	if most > 3*limit {
		t.Errorf("the log grew to %d bytes, its limit is %d", most, limit)
	}
}

// TestLogAfterALongReader: one that does not leave keeps nobody from writing, and nothing is left of the log's size
// when it is gone.
func TestLogAfterALongReader(t *testing.T) {
	const limit = 2 << 20
	x := polled(t, "1")
	x.log.limit = limit
	tx, err := x.r.BeginTx(t.Context(), nil)
	x.ok(err)
	_, err = records(t.Context(), tx, selectRecords)
	x.ok(err)
	for n := range 30 {
		x.scribble(n)
	}
	if size := x.logSize(); size < limit {
		t.Fatalf("the log has %d bytes: the reader did not keep it", size)
	}
	x.ok(tx.Rollback())
	for range logRest {
		x.ok(x.Update(t.Context(), box, func(m *mail.MailboxState) { m.LastError = "" }))
	}
	if size := x.logSize(); size > limit {
		t.Errorf("the log still has %d bytes", size)
	}
	for name, want := range map[string]string{"busy_timeout": "10000", "synchronous": "2", "journal_mode": "wal"} {
		var got string
		x.ok(x.w.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got))
		equal(t, name, got, want)
	}
}
