package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pricefetch/internal/mail"
)

// lossesPerFailure sessions lost with one message in hand count as one failure of that message.
const lossesPerFailure = 2

// Asking journals a batch before it is asked for. It takes the place of one that was not ended.
func (j *Journal) Asking(ctx context.Context, mailbox string, ids []mail.RecordID) error {
	return j.write(ctx, "note batch of "+mailbox, func(tx *transaction) error {
		if err := endBatch(ctx, tx, mailbox); err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO batch (record, mailbox) VALUES (?, ?)", id, mailbox); err != nil {
				return fmt.Errorf("message %d: %w", id, err)
			}
		}
		return nil
	})
}

// InHand notes that a message of the batch begins to arrive. What was in hand before has come whole: it cannot be
// blamed for a later loss.
func (j *Journal) InHand(ctx context.Context, id mail.RecordID) error {
	return j.write(ctx, fmt.Sprintf("note message %d in hand", id), func(tx *transaction) error {
		res, err := tx.ExecContext(ctx, "UPDATE batch SET in_hand = 1 WHERE record = ?", id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errors.New("it is in no batch"))
		}
		_, err = tx.ExecContext(ctx, "UPDATE batch SET in_hand = 0 WHERE mailbox = (SELECT mailbox FROM batch WHERE record = ?) AND in_hand = 1 AND record <> ?", id, id)
		return err
	})
}

// Asked ends the batch, whose messages were all done with or will be asked for again without blame.
func (j *Journal) Asked(ctx context.Context, mailbox string) error {
	return j.write(ctx, "end batch of "+mailbox, func(tx *transaction) error { return endBatch(ctx, tx, mailbox) })
}

func endBatch(ctx context.Context, tx *transaction, mailbox string) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM batch INDEXED BY batch_mailbox WHERE mailbox = ?", mailbox)
	return err
}

// doneWith takes a message out of its batch, and answers a person's wish to have it judged again.
func doneWith(ctx context.Context, tx *transaction, id mail.RecordID) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM batch WHERE record = ?", id); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "UPDATE record SET rejudge = 0 WHERE id = ? AND rejudge = 1", id)
	return err
}

// Lost is called when a session ended, or a process died, inside a batch: the message in hand has one loss more
// (two are one failure, the sixth failure holds it), and whatever of the batch was not done with is asked for
// alone from now on. Without a batch it does nothing. It returns the records that it counted against.
func (j *Journal) Lost(ctx context.Context, mailbox, why string, now time.Time) ([]mail.Record, error) {
	var blamed []mail.Record
	err := j.write(ctx, "note lost session of "+mailbox, func(tx *transaction) error {
		if _, err := tx.ExecContext(ctx, "UPDATE record SET solo = 1 WHERE id IN (SELECT record FROM batch WHERE mailbox = ?)", mailbox); err != nil {
			return err
		}
		inHand, err := records(ctx, tx, selectRecords+"WHERE r.id IN (SELECT record FROM batch WHERE mailbox = ? AND in_hand = 1)", mailbox)
		if err != nil {
			return err
		}
		for _, r := range inHand {
			if r, err = lose(ctx, tx, r, why, now); err != nil {
				return err
			}
			blamed = append(blamed, r)
		}
		return endBatch(ctx, tx, mailbox)
	})
	if err != nil {
		return nil, err
	}
	return blamed, nil
}

func lose(ctx context.Context, tx *transaction, r mail.Record, why string, now time.Time) (mail.Record, error) {
	r.Losses++
	if r.Losses >= lossesPerFailure {
		return fail(ctx, tx, r, fmt.Sprintf("the session was lost %d times with this message in hand: %s", r.Losses, why), now)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE record SET losses = ? WHERE id = ?", r.Losses, r.ID); err != nil {
		return r, err
	}
	return r, addStep(ctx, tx, r.ID, now, "the session was lost with this message in hand (%d of %d for a failure): %s", r.Losses, lossesPerFailure, why)
}
