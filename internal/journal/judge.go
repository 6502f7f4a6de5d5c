package journal

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"pricefetch/internal/mail"
)

// maxFailures is the failure that makes a message wait for a person: the first try and five more, each after its wait.
const maxFailures = 6

// retryAfter returns how long a message waits after its n-th failure, n from 1 to maxFailures-1 (semantics 3).
func retryAfter(n int) time.Duration {
	return [maxFailures - 1]time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 8 * time.Hour, mail.LongestWait}[n-1]
}

// Judge stores an outcome other than failed and held of many messages, in one transaction; saved only of those that
// have been judged again and are saved already, or were and have been paused since. A judgement that says nothing new costs no write.
func (j *Journal) Judge(ctx context.Context, ids []mail.RecordID, g mail.Judgement, now time.Time) error {
	return j.write(ctx, "judge messages", func(tx *transaction) error {
		for _, id := range ids {
			r, err := settleable(ctx, tx, id)
			if err != nil {
				return err
			}
			if g.Outcome == mail.Failed || g.Outcome == mail.Held || (g.Outcome == mail.Saved && r.Outcome != mail.Saved && r.Outcome != mail.Paused) {
				return fmt.Errorf("message %d: outcome %s cannot be judged of a message that is %s", id, g.Outcome, r.Outcome)
			}
			if err := settle(ctx, tx, r, g, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// settleable returns the record, unless an unfinished intent must end first: its files would be forgotten.
func settleable(ctx context.Context, tx *transaction, id mail.RecordID) (mail.Record, error) {
	r, err := record(ctx, tx, id)
	if err != nil {
		return r, err
	}
	var open bool
	if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM intent WHERE record = ?)", id).Scan(&open); err != nil {
		return r, err
	}
	if open {
		return r, fmt.Errorf("message %d: its files are being published; the next pass ends that first", id)
	}
	return r, nil
}

// settle stores an outcome other than failed and held; the message leaves its batch. Its failures are forgotten
// once it is no longer pending.
func settle(ctx context.Context, tx *transaction, r mail.Record, g mail.Judgement, now time.Time) error {
	if err := doneWith(ctx, tx, r.ID); err != nil || sameJudgement(r, g) {
		return err
	}
	parts, err := partsJSON(g.Parts)
	if err != nil {
		return err
	}
	judged, deletion, kept := r.JudgedAt, r.Deletion, r.Kept
	if g.Outcome != r.Outcome {
		judged = now
	}
	if g.Outcome != mail.Pending {
		r.Failures, r.Losses, r.Solo, r.Forced = 0, 0, false, false
	} else if deletion == mail.DeletionIntended {
		deletion = mail.DeletionNone
	}
	switch g.Outcome {
	case mail.Saved, mail.Superseded, mail.Dismissed:
		kept = "" // nobody will ask for the raw message again
	}
	if _, err := tx.ExecContext(ctx, `UPDATE record SET outcome = ?, reason = ?, leftover = ?, rules_hash = ?, parts = coalesce(?, parts),
		failures = ?, losses = ?, next = NULL, solo = ?, forced = ?, kept = ?, deletion = ?, judged_at = ? WHERE id = ?`,
		g.Outcome, g.Reason, g.Leftover, g.RulesHash, parts, r.Failures, r.Losses, r.Solo, r.Forced, kept, deletion, millis(judged), r.ID); err != nil {
		return err
	}
	if g.Outcome == r.Outcome && g.Leftover == r.Leftover && g.Reason == r.Reason {
		return nil
	}
	return addStep(ctx, tx, r.ID, now, "%s", judgementText(g))
}

// sameJudgement reports whether settle would change nothing.
func sameJudgement(r mail.Record, g mail.Judgement) bool {
	return g.Outcome == r.Outcome && g.Reason == r.Reason && g.Leftover == r.Leftover && g.RulesHash == r.RulesHash &&
		(g.Parts == nil || reflect.DeepEqual(g.Parts, r.Parts)) && r.Failures == 0 && r.Losses == 0 && !r.Solo && !r.Forced
}

func judgementText(g mail.Judgement) string {
	text := string(g.Outcome)
	if g.Outcome == mail.NearMiss {
		text = "near miss"
	}
	if g.Leftover {
		text += ", with an attachment left over"
	}
	if g.Reason != "" {
		text += ": " + g.Reason
	}
	return text
}

// Fail counts a failure: next try after 5 m, 30 m, 2 h, 8 h, 24 h; when the fifth of these retries fails too, the
// message is held. It returns the record.
func (j *Journal) Fail(ctx context.Context, id mail.RecordID, why string, now time.Time) (r mail.Record, err error) {
	err = j.write(ctx, fmt.Sprintf("note failure of message %d", id), func(tx *transaction) error {
		if r, err = settleable(ctx, tx, id); err != nil {
			return err
		}
		r, err = fail(ctx, tx, r, why, now)
		return err
	})
	return r, err
}

func fail(ctx context.Context, tx *transaction, r mail.Record, why string, now time.Time) (mail.Record, error) {
	if err := doneWith(ctx, tx, r.ID); err != nil {
		return r, err
	}
	r.Failures++
	if r.Failures >= maxFailures {
		return hold(ctx, tx, r, fmt.Sprintf("failed %d times, the last time: %s", r.Failures, why), "", now)
	}
	r.Outcome, r.Reason, r.JudgedAt, r.Losses = mail.Failed, why, now, 0
	r.Next = now.Add(retryAfter(r.Failures)).Truncate(time.Millisecond)
	if _, err := tx.ExecContext(ctx, "UPDATE record SET outcome = ?, reason = ?, failures = ?, losses = 0, next = ?, judged_at = ? WHERE id = ?",
		r.Outcome, r.Reason, r.Failures, millis(r.Next), now.UnixMilli(), r.ID); err != nil {
		return r, err
	}
	return r, addStep(ctx, tx, r.ID, now, "failed (%d of %d): %s; next try after %s", r.Failures, maxFailures, why, r.Next.Format(time.RFC3339))
}

// Hold stores that the message needs a person; kept is the raw message's name under held/. "" leaves what is kept.
func (j *Journal) Hold(ctx context.Context, id mail.RecordID, why, kept string, now time.Time) error {
	return j.write(ctx, fmt.Sprintf("hold message %d", id), func(tx *transaction) error {
		r, err := settleable(ctx, tx, id)
		if err != nil {
			return err
		}
		_, err = hold(ctx, tx, r, why, kept, now)
		return err
	})
}

func hold(ctx context.Context, tx *transaction, r mail.Record, why, kept string, now time.Time) (mail.Record, error) {
	if err := doneWith(ctx, tx, r.ID); err != nil {
		return r, err
	}
	r.Outcome, r.Reason, r.JudgedAt, r.Losses, r.Next, r.Forced = mail.Held, why, now, 0, time.Time{}, false
	text := "held: " + why
	if kept != "" {
		r.Kept = kept
		text += "; raw message kept as held/" + kept
	}
	if _, err := tx.ExecContext(ctx, "UPDATE record SET outcome = ?, reason = ?, failures = ?, losses = 0, next = NULL, forced = 0, kept = ?, judged_at = ? WHERE id = ?",
		r.Outcome, r.Reason, r.Failures, r.Kept, now.UnixMilli(), r.ID); err != nil {
		return r, err
	}
	return r, addStep(ctx, tx, r.ID, now, "%s", text)
}
