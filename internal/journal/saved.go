package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"pricefetch/internal/mail"
)

// Saved ends an intent: the files as they now are (published, duplicate, superseded) and the judgement, which may
// also be failed or held where other attachments of the message are damaged: the failure is counted in the same
// transaction. All files of the intent must be named. Without files it may end a judgement that had no intent.
func (j *Journal) Saved(ctx context.Context, id mail.RecordID, files []mail.File, g mail.Judgement, now time.Time) error {
	return j.write(ctx, fmt.Sprintf("record message %d as saved", id), func(tx *transaction) error {
		r, err := record(ctx, tx, id)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, "DELETE FROM intent WHERE record = ?", id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || (n == 0 && len(files) > 0) {
			return errors.Join(err, errors.New("it has no unfinished intent"))
		}
		for _, f := range files {
			if err := saveFile(ctx, tx, r, f, now); err != nil {
				return fmt.Errorf("%s: %w", f.Original, err)
			}
		}
		var open int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM file WHERE record = ? AND unfinished = 1", id).Scan(&open); err != nil {
			return err
		}
		if open > 0 {
			return fmt.Errorf("%d of its files were neither published nor refused", open)
		}
		orphans, err := dropOrphans(ctx, tx, id)
		if err != nil {
			return err
		}
		if orphans > 0 {
			g = mail.Judgement{Outcome: mail.Pending, Reason: repeatsLost}
		}
		return conclude(ctx, tx, r, g, now)
	})
}

// conclude stores the judgement that goes with the files.
func conclude(ctx context.Context, tx *transaction, r mail.Record, g mail.Judgement, now time.Time) error {
	switch g.Outcome {
	case mail.Failed, mail.Held:
		parts, err := partsJSON(g.Parts)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE record SET rules_hash = ?, parts = coalesce(?, parts) WHERE id = ?", g.RulesHash, parts, r.ID); err != nil {
			return err
		}
		if g.Outcome == mail.Failed {
			_, err = fail(ctx, tx, r, g.Reason, now)
		} else {
			_, err = hold(ctx, tx, r, g.Reason, "", now)
		}
		return err
	case mail.Saved, mail.Superseded, mail.Paused, mail.Pending:
		return settle(ctx, tx, r, g, now)
	}
	return fmt.Errorf("outcome %q does not end an intent", g.Outcome)
}

// saveFile stores what became of one file of the intent.
func saveFile(ctx context.Context, tx *transaction, r mail.Record, f mail.File, now time.Time) error {
	step := ""
	switch f.State {
	case mail.FilePublished:
		step = fmt.Sprintf("saved %s as %s (rule %s)", f.Original, display(f.Dir, f.Name), f.Rule)
		if f.Published.IsZero() {
			f.Published = now
		}
	case mail.FileDuplicate:
		step = fmt.Sprintf("%s was imported before, as file %d (rule %s): not saved again", f.Original, f.DuplicateOf, f.Rule)
	case mail.FileSuperseded:
		step = fmt.Sprintf("%s not saved as %s (rule %s): a newer one is out", f.Original, display(f.Dir, f.Name), f.Rule)
	default:
		return fmt.Errorf("file is %s: nothing became of it", f.State)
	}
	res, err := tx.ExecContext(ctx, `UPDATE file SET state = ?, name = ?, published = ?, recorded = ?, unfinished = 0
		WHERE id = ? AND record = ? AND unfinished = 1 AND (state = ? OR (state = 'intended' AND ? <> 'duplicate'))`,
		f.State, f.Name, millis(f.Published), now.UnixMilli(), f.ID, r.ID, f.State, f.State)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("file %d as %s does not belong to the intent", f.ID, f.State))
	}
	return addStep(ctx, tx, r.ID, now, "%s", step)
}

const fileColumns = `f.id, f.record, f.part, f.member, f.rule, f.original, f.raw_name, f.dir, f.name, f.replace, f.newest, f.staged, f.size, f.sha256,
	f.state, f.duplicate_of, f.received, f.published`

func scanFile(s scanner, more ...any) (mail.File, error) {
	var f mail.File
	var duplicateOf sql.NullInt64
	dest := []any{&f.ID, &f.Record, &f.Part, &f.Member, &f.Rule, &f.Original, &f.RawName, &f.Dir, &f.Name, &f.Replace, &f.Newest, &f.Staged.Name, &f.Size, &f.SHA256,
		&f.State, &duplicateOf, at{&f.Received}, at{&f.Published}}
	err := s.Scan(append(dest, more...)...)
	f.DuplicateOf = duplicateOf.Int64
	return f, err
}

func filesOf(ctx context.Context, q querier, where string, args ...any) ([]mail.File, error) {
	return collect(ctx, q, func(s scanner) (mail.File, error) { return scanFile(s) }, "SELECT "+fileColumns+" FROM file f WHERE "+where+" ORDER BY f.id", args...)
}

// Receipts returns the files of one record, whatever their state.
func (j *Journal) Receipts(ctx context.Context, id mail.RecordID) ([]mail.File, error) {
	files, err := filesOf(ctx, j.r, "f.record = ?", id)
	return files, j.classed(fmt.Sprintf("read receipts of message %d", id), err)
}

// Intents returns the unfinished intents of one mailbox, oldest first, each with its own files only: receipts of
// earlier intents of the same message are not among them.
func (j *Journal) Intents(ctx context.Context, mailbox string) ([]mail.Intent, error) {
	what := "read intents of " + mailbox
	out, err := intents(ctx, j.r, mailbox)
	if err != nil {
		return nil, j.classed(what, err)
	}
	for i := range out {
		if out[i].Files, err = filesOf(ctx, j.r, "f.record = ? AND f.unfinished = 1", out[i].Record.ID); err != nil {
			return nil, j.classed(what, err)
		}
	}
	return out, nil
}

func intents(ctx context.Context, q querier, mailbox string) ([]mail.Intent, error) {
	return collect(ctx, q, func(s scanner) (in mail.Intent, err error) {
		var parts sql.NullString
		g := &in.Judgement
		if in.Record, err = scanRecord(s, &g.Outcome, &g.Reason, &g.Leftover, &g.RulesHash, &parts); err != nil {
			return in, err
		}
		g.Parts, err = parseParts(parts)
		return in, err
	}, "SELECT "+recordColumns+`, i.outcome, i.reason, i.leftover, i.rules_hash, i.parts
		FROM intent i INDEXED BY intent_mailbox JOIN record r ON r.id = i.record JOIN folder f ON f.id = r.folder
		WHERE i.mailbox = ? ORDER BY i.made, i.record`, mailbox)
}
