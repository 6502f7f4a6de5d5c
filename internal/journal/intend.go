package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"pricefetch/internal/mail"
)

// Intend names in one transaction what will be published of one message, and keeps the judgement that Saved will
// give, so that recovery needs no mail. It decides each file's State: duplicate (import once), superseded (replace or
// newest, and a newer one is out or about to be) or intended. A name that another intent has reserved is
// mail.ErrNameTaken; a (record, part, member) that has a receipt is an error. In both cases nothing is stored.
func (j *Journal) Intend(ctx context.Context, id mail.RecordID, files []mail.File, g mail.Judgement, now time.Time) ([]mail.File, error) {
	out := make([]mail.File, len(files))
	err := j.write(ctx, fmt.Sprintf("intend files of message %d", id), func(tx *transaction) error {
		r, err := settleable(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := doneWith(ctx, tx, id); err != nil {
			return err
		}
		if err := storeIntent(ctx, tx, r, g, now); err != nil {
			return err
		}
		for i, f := range files {
			f.Record = id
			if f.Received.IsZero() {
				f.Received = mail.PlausibleReceived(r.Received, r.FirstSeen)
			}
			if out[i], err = intendFile(ctx, tx, r, f, now); err != nil {
				return fmt.Errorf("%s: %w", f.Original, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func storeIntent(ctx context.Context, tx *transaction, r mail.Record, g mail.Judgement, now time.Time) error {
	parts, err := partsJSON(g.Parts)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO intent (record, mailbox, made, outcome, reason, leftover, rules_hash, parts) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		r.ID, r.Mailbox, now.UnixMilli(), g.Outcome, g.Reason, g.Leftover, g.RulesHash, parts)
	return err
}

// intendFile decides the file's state and writes its receipt.
func intendFile(ctx context.Context, tx *transaction, r mail.Record, f mail.File, now time.Time) (mail.File, error) {
	var has bool
	if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM file WHERE record = ? AND part = ? AND member = ?)", r.ID, f.Part, f.Member).Scan(&has); err != nil {
		return f, err
	}
	if has {
		return f, fmt.Errorf("part %q, member %q has a receipt already", f.Part, f.Member)
	}
	// Equal attachments of one message are all wanted: the n-th is a duplicate of another copy's n-th only.
	var ordinal int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM file WHERE record = ? AND rule = ? AND original = ? AND sha256 = ?",
		r.ID, f.Rule, f.Original, f.SHA256).Scan(&ordinal); err != nil {
		return f, err
	}
	if err := decide(ctx, tx, r, &f, ordinal, now); err != nil {
		return f, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO file (record, part, member, rule, fingerprint, original, raw_name, dir, name, replace, newest, staged, size, sha256,
		ordinal, state, unfinished, duplicate_of, received, published) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)`,
		r.ID, f.Part, f.Member, f.Rule, r.Fingerprint, f.Original, f.RawName, f.Dir, f.Name, f.Replace, f.Newest, f.Staged.Name, f.Size, f.SHA256,
		ordinal, f.State, sql.NullInt64{Int64: f.DuplicateOf, Valid: f.DuplicateOf != 0}, millis(f.Received), millis(f.Published))
	if err != nil {
		return f, err
	}
	f.ID, err = res.LastInsertId()
	return f, err
}

// decide sets State: the import-once rule first, then what lies there already, what a newer list forbids, and the name.
func decide(ctx context.Context, tx *transaction, r mail.Record, f *mail.File, ordinal int, now time.Time) error {
	f.State, f.DuplicateOf, f.Published = mail.FileIntended, 0, time.Time{}
	err := tx.QueryRowContext(ctx, `SELECT id FROM file WHERE rule = ? AND fingerprint = ? AND original = ? AND sha256 = ? AND ordinal = ?
		AND state IN ('intended', 'published')`, f.Rule, r.Fingerprint, f.Original, f.SHA256, ordinal).Scan(&f.DuplicateOf)
	if err == nil {
		f.State = mail.FileDuplicate
		return nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if !f.Found.IsZero() {
		return find(ctx, tx, f, now)
	}
	if f.Newest {
		out, err := latest(ctx, tx, f.Rule)
		if err != nil || f.Received.Before(out) {
			f.State = mail.FileSuperseded
			return err
		}
	}
	reserved, rival, err := reservedBy(ctx, tx, f.Dir, f.Name, 0)
	if err != nil {
		return err
	}
	if f.Replace {
		out, err := newest(ctx, tx, f.Dir, f.Name)
		if err != nil {
			return err
		}
		if f.Received.Before(out) || f.Received.Before(rival) {
			f.State = mail.FileSuperseded
			return nil
		}
	}
	if reserved {
		return fmt.Errorf("%s: %w by an unfinished message", display(f.Dir, f.Name), mail.ErrNameTaken)
	}
	return nil
}

// reservedBy tells whether an intended file other than except has the name, and when its message was received.
func reservedBy(ctx context.Context, q querier, dir, name string, except int64) (reserved bool, received time.Time, err error) {
	err = q.QueryRowContext(ctx, "SELECT received FROM file WHERE dir = ? AND name = ? AND state = 'intended' AND id <> ?", dir, name, except).Scan(at{&received})
	if errors.Is(err, sql.ErrNoRows) {
		return false, received, nil
	}
	return err == nil, received, err
}

// Imported reports, for a dry run, whether a file of that rule, message, decoded name and content went out before or is
// about to. Of several equal attachments of one message it speaks of the first.
func (j *Journal) Imported(ctx context.Context, rule, fingerprint, original, sha256 string) (bool, error) {
	var has bool
	err := j.r.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM file WHERE rule = ? AND fingerprint = ? AND original = ? AND sha256 = ?
		AND state IN ('intended', 'published'))`, rule, fingerprint, original, sha256).Scan(&has)
	return has, j.classed("look for "+original, err)
}

// Rename gives an intended file another name, before any rename on the disk. mail.ErrNameTaken as Intend.
func (j *Journal) Rename(ctx context.Context, file int64, name string) error {
	return j.write(ctx, fmt.Sprintf("rename file %d to %s", file, name), func(tx *transaction) error {
		f, err := scanFile(tx.QueryRowContext(ctx, "SELECT "+fileColumns+" FROM file f WHERE f.id = ?", file))
		if errors.Is(err, sql.ErrNoRows) {
			return errors.New("no such file")
		}
		if err != nil {
			return err
		}
		if f.State != mail.FileIntended {
			return fmt.Errorf("file is %s, no longer intended", f.State)
		}
		if taken, _, err := reservedBy(ctx, tx, f.Dir, name, file); err != nil || taken {
			return errors.Join(err, mail.ErrNameTaken)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE file SET name = ? WHERE id = ?", name, file); err != nil {
			return err
		}
		return addStep(ctx, tx, f.Record, j.now(), "%s is taken: %s will be saved as %s", display(f.Dir, f.Name), f.Original, display(f.Dir, name))
	})
}

// Newest returns when the message of the newest file published under dir/name was received; zero if none was.
func (j *Journal) Newest(ctx context.Context, dir, name string) (time.Time, error) {
	t, err := newest(ctx, j.r, dir, name)
	return t, j.classed("read newest "+display(dir, name), err)
}

func newest(ctx context.Context, q querier, dir, name string) (t time.Time, err error) {
	err = q.QueryRowContext(ctx, "SELECT max(received) FROM file INDEXED BY file_newest WHERE dir = ? AND name = ? AND state = 'published'", dir, name).Scan(at{&t})
	return t, err
}

// Latest returns when the newest message was received of which a file of the rule is published or about to be; zero if
// there is none.
func (j *Journal) Latest(ctx context.Context, rule string) (time.Time, error) {
	t, err := latest(ctx, j.r, rule)
	return t, j.classed("read latest of rule "+rule, err)
}

func latest(ctx context.Context, q querier, rule string) (out time.Time, err error) {
	var about time.Time
	err = q.QueryRowContext(ctx, `SELECT (SELECT max(received) FROM file INDEXED BY file_latest WHERE rule = ?1 AND state = 'published'),
		(SELECT max(received) FROM file INDEXED BY file_reserved WHERE rule = ?1 AND state = 'intended')`, rule).Scan(at{&out}, at{&about})
	if about.After(out) {
		out = about
	}
	return out, err
}

// display is a file's place below the import directory.
func display(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
