// Package journal is the durable record of pricefetch: which messages each mailbox offered, what was judged of
// them, which files went out, and how far each deletion has come. It is one SQLite file, read first and written
// last in every pass. Every method is one transaction and durable when it returns. A record is never removed, but for one
// that turns out to stand for a message that is on record already, under an id that the server no longer uses.
package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"pricefetch/internal/mail"

	"modernc.org/sqlite"
)

// Journal is an open journal. Its methods may be called from many goroutines.
type Journal struct {
	path    string
	id      string
	now     func() time.Time
	driver  string
	scripts []string  // see migrations
	w       *prepared // one connection; nil in a journal that is open for reading
	r       *prepared
	log     logBound

	mu     sync.Mutex
	sights map[string]map[string]sight // by mailbox and folder
}

// sight is what the last listing of a folder said that is of use in its own session only.
type sight struct {
	nums    map[mail.RecordID]uint32 // POP3 message numbers; in a partial sight every record that was shown
	partial bool                     // the listing was incomplete: only what it showed can be asked for

	vanished []mail.RecordID // no longer listed, and not because we asked for it: what is new may be one of them
}

var errReadOnly = errors.New("journal is open for reading only")

// ID returns 16 hex digits, made when the journal was created. They name its staging directory.
func (j *Journal) ID() string { return j.id }

// Close ends all connections; the last one to a journal folds its -wal file into it.
func (j *Journal) Close() error {
	var errs []error
	for _, db := range []*prepared{j.r, j.w} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Staging returns the token of the staging directory that this journal knows; "" if none was ever made.
func (j *Journal) Staging(ctx context.Context) (string, error) {
	var token string
	err := j.r.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'staging'").Scan(&token)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return token, j.classed("read staging token", err)
}

// SetStaging notes the token of the staging directory.
func (j *Journal) SetStaging(ctx context.Context, token string) error {
	return j.write(ctx, "note staging token", func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO meta (key, value) VALUES ('staging', ?) ON CONFLICT DO UPDATE SET value = excluded.value", token)
		return err
	})
}

// write runs f in one transaction. What f returned, or what the commit did, tells whether anything was stored.
func (j *Journal) write(ctx context.Context, what string, f func(*transaction) error) error {
	if j.w == nil {
		return fmt.Errorf("%s: %w", what, errReadOnly)
	}
	tx, err := j.w.begin(ctx)
	if err != nil {
		return j.classed(what, err)
	}
	defer tx.end(ctx)
	if err := f(tx); err != nil {
		return j.classed(what, err)
	}
	if err := tx.Commit(); err != nil {
		return j.classed(what, err)
	}
	j.log.keep(ctx, j.w.DB, j.path+"-wal")
	return nil
}

// classed says what was tried in which file, and marks SQLite's own errors as trouble of our disk, never of a message.
func (j *Journal) classed(what string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		err = fmt.Errorf("%s (%s): %w%s", what, j.path, err, advice(e.Code()))
		if damaged(e.Code()) {
			err = unusableError{err}
		}
		return storage(err)
	}
	if mail.ClassOf(err) == mail.Storage {
		return fmt.Errorf("%s (%s): %w", what, j.path, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (j *Journal) setSight(mailbox, folder string, s sight) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.sights[mailbox] == nil {
		j.sights[mailbox] = make(map[string]sight)
	}
	j.sights[mailbox][folder] = s
}

// addSight gives a record that was made after the listing the number it was listed under.
func (j *Journal) addSight(r mail.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s, ok := j.sights[r.Mailbox][r.Folder]; ok && (s.partial || r.Num != 0) {
		s.nums[r.ID] = r.Num
	}
}

func (j *Journal) dropSights(mailbox string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.sights, mailbox)
}

// seen applies the last sight of the folder, if there was one since the start.
func (j *Journal) seen(mailbox, folder string, records []mail.Record) []mail.Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s, ok := j.sights[mailbox][folder]; ok {
		return s.of(records)
	}
	return records
}

// of drops what the listing did not show and gives the rest its message numbers. A record whose raw message is
// kept needs no server.
func (s sight) of(records []mail.Record) []mail.Record {
	shown := records[:0]
	for _, r := range records {
		num, ok := s.nums[r.ID]
		if s.partial && !ok && r.Kept == "" {
			continue
		}
		r.Num = num
		shown = append(shown, r)
	}
	return shown
}
