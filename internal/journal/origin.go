package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"pricefetch/internal/mail"
)

// Keys of the table meta, quoted for SQL. A journal carries newKey or copiedKey until Arrived.
const (
	newKey    = "'new'"
	copiedKey = "'copied'"      // in a backup: when it was made
	fromKey   = "'doubt_from'"  // of a journal restored from a backup: its Doubt
	untilKey  = "'doubt_until'" // likewise
	activeKey = "'active'"      // when a program last began to work with it
)

// Origin tells of a journal that is about to begin its work where it comes from. Neither New nor Copied: it has been at
// work before.
type Origin struct {
	New    bool      // made at this start, or at one that came no further
	Copied time.Time // it is a backup, made then, that was put in the place of a lost journal
	Active time.Time // the last sign of work in it; zero: that cannot be told
}

// Doubt is the time in which a lost journal may have saved what the backup in its place does not know. The zero value:
// this journal was never restored.
type Doubt struct{ From, Until time.Time }

// Origin returns where the journal comes from, until Arrived is called.
func (j *Journal) Origin(ctx context.Context) (o Origin, err error) {
	isNew, err := metaTime(ctx, j.r, newKey)
	if err == nil {
		o.New = isNew != nil
		var copied *time.Time
		if copied, err = metaTime(ctx, j.r, copiedKey); copied != nil {
			o.Copied = *copied
		}
	}
	if err == nil {
		o.Active, err = lastActive(ctx, j.r)
	}
	return o, j.classed("read origin of the journal", err)
}

// lastActive is the latest time of which the journal has something on record.
func lastActive(ctx context.Context, q querier) (time.Time, error) {
	begun, err := metaTime(ctx, q, activeKey)
	if err != nil || begun == nil {
		return time.Time{}, err
	}
	var pass, step time.Time
	err = q.QueryRowContext(ctx, "SELECT (SELECT max(newest) FROM mailbox), (SELECT at FROM step ORDER BY id DESC LIMIT 1)").Scan(at{&pass}, at{&step})
	return slices.MaxFunc([]time.Time{*begun, pass, step}, time.Time.Compare), err
}

// Arrived notes that the journal begins its work: it is no longer new. In one that was restored, from being the time
// from which it knows nothing, what was done until now is in doubt, and a batch that was under way then ended well, as
// far as anybody knows. The zero from: it was not restored.
func (j *Journal) Arrived(ctx context.Context, from, now time.Time) error {
	return j.write(ctx, "note origin of the journal", func(tx *transaction) error {
		if !from.IsZero() {
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO meta (key, value) VALUES ("+fromKey+", ?), ("+untilKey+", ?)", metaText(from), metaText(now)); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM batch"); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO meta (key, value) VALUES ("+activeKey+", ?)", metaText(now)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM meta WHERE key IN ("+newKey+", "+copiedKey+")")
		return err
	})
}

// Doubt returns what is in doubt since the journal was last restored from a backup.
func (j *Journal) Doubt(ctx context.Context) (d Doubt, err error) {
	from, err := metaTime(ctx, j.r, fromKey)
	if err == nil && from != nil {
		var until *time.Time
		if until, err = metaTime(ctx, j.r, untilKey); until != nil {
			d = Doubt{*from, *until}
		}
	}
	return d, j.classed("read what is in doubt", err)
}

// Claimed reports whether a file that lies in the import directory since modified is one that this journal has
// published, or is about to: it stands for that receipt and for no other.
func (j *Journal) Claimed(ctx context.Context, dir, name string, modified time.Time) (bool, error) {
	has, err := claimed(ctx, j.r, dir, name, modified)
	return has, j.classed("look for receipt of "+display(dir, name), err)
}

func claimed(ctx context.Context, q querier, dir, name string, modified time.Time) (has bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM file INDEXED BY file_newest WHERE dir = ? AND name = ? AND state = 'published' AND published >= ?)
		OR EXISTS (SELECT 1 FROM file INDEXED BY file_reserved WHERE dir = ? AND name = ? AND state = 'intended')`,
		dir, name, modified.UnixMilli(), dir, name).Scan(&has)
	return has, err
}

// find gives a file that was found in the import directory the state of one that was published, unless another receipt
// has come to stand for it since it was found.
func find(ctx context.Context, tx *transaction, f *mail.File, now time.Time) error {
	taken, err := claimed(ctx, tx, f.Dir, f.Name, f.Found)
	if err != nil {
		return err
	}
	if taken {
		return fmt.Errorf("%s: %w by another message", display(f.Dir, f.Name), mail.ErrNameTaken)
	}
	f.State, f.Published = mail.FilePublished, now
	return addStep(ctx, tx, f.Record, now, "%s lies in the import directory as %s: the journal that was lost had saved it", f.Original, display(f.Dir, f.Name))
}

func metaText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// metaTime reads a time of the table meta; nil if it is not there, the zero time if it is no time.
func metaTime(ctx context.Context, q querier, key string) (*time.Time, error) {
	var text string
	err := q.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = "+key).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t = time.Time{} // the key says enough
	}
	return &t, nil
}
