package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pricefetch/internal/mail"
)

// repeatsLost is why a message that was recorded as a duplicate is fetched again.
const repeatsLost = "the file that it repeats was lost before it was published"

// Abandon gives up an intent whose staged files are lost: what was published of it is recorded, what is still
// intended loses its receipt, and the message is pending again. So is every message that was taken for a duplicate
// of a lost file: nothing that stands for it is out.
func (j *Journal) Abandon(ctx context.Context, id mail.RecordID, files []mail.File, why string, now time.Time) error {
	return j.write(ctx, fmt.Sprintf("give up files of message %d", id), func(tx *transaction) error {
		r, err := record(ctx, tx, id)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, "DELETE FROM intent WHERE record = ?", id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errors.New("it has no unfinished intent"))
		}
		for _, f := range files {
			if f.State == mail.FileIntended {
				continue
			}
			if err := saveFile(ctx, tx, r, f, now); err != nil {
				return fmt.Errorf("%s: %w", f.Original, err)
			}
		}
		lost, err := filesOf(ctx, tx, "f.record = ? AND f.unfinished = 1", id)
		if err != nil {
			return err
		}
		for _, f := range lost {
			if err := forget(ctx, tx, f, now); err != nil {
				return fmt.Errorf("%s: %w", f.Original, err)
			}
		}
		if _, err := dropOrphans(ctx, tx, id); err != nil {
			return err
		}
		return settle(ctx, tx, r, mail.Judgement{Outcome: mail.Pending, Reason: "to be fetched again: " + why}, now)
	})
}

// forget removes the receipt of a file that will never be published, and reopens the messages that were taken for
// its duplicates. One whose own intent is unfinished finds out when that ends.
func forget(ctx context.Context, tx *transaction, f mail.File, now time.Time) error {
	duplicates, err := collect(ctx, tx, func(s scanner) (id mail.RecordID, err error) {
		err = s.Scan(&id)
		return id, err
	}, `SELECT DISTINCT record FROM file INDEXED BY file_duplicate WHERE duplicate_of = ? AND record <> ?
		AND NOT EXISTS (SELECT 1 FROM intent i WHERE i.record = file.record)`, f.ID, f.Record)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE file SET duplicate_of = NULL WHERE duplicate_of = ?", f.ID); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM file WHERE id = ?", f.ID); err != nil {
		return err
	}
	for _, id := range duplicates {
		r, err := record(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := dropOrphans(ctx, tx, id); err != nil {
			return err
		}
		if err := settle(ctx, tx, r, mail.Judgement{Outcome: mail.Pending, Reason: repeatsLost}, now); err != nil {
			return err
		}
	}
	return nil
}

// dropOrphans removes the receipts of a message's finished duplicates whose first is lost, and returns how many.
func dropOrphans(ctx context.Context, tx *transaction, id mail.RecordID) (int64, error) {
	res, err := tx.ExecContext(ctx, "DELETE FROM file WHERE record = ? AND state = 'duplicate' AND duplicate_of IS NULL AND unfinished = 0", id)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
