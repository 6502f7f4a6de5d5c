package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pricefetch/internal/mail"
)

// clockTolerance is how far the clock may run behind a mailbox's newest pass (semantics 4).
const clockTolerance = 5 * time.Minute

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// seenAt is when a message counts as first seen by a pass at now: not before an earlier pass. A clock that went back
// would make new mail look old, for deletion by age as for the order of lists that replace each other.
func seenAt(m mail.MailboxState, now time.Time) time.Time { return later(now, m.Newest) }

// ApproveClock says that the clock is right now: deletion by age is no longer suspended, a later clock reading on
// record no longer counts, and what a wrong clock put on record is set right. It releases no plan. It returns why
// deletion was suspended.
func (j *Journal) ApproveClock(ctx context.Context, mailbox string, now time.Time) (why string, err error) {
	err = j.write(ctx, "approve clock of "+mailbox, func(tx *transaction) error {
		m, err := mailboxState(ctx, tx, mailbox)
		if err != nil {
			return err
		}
		why = m.AgeSuspended
		behind := m.Newest.Sub(now)
		if why == "" && behind <= clockTolerance {
			return errors.New("deletion by age is not suspended")
		}
		if why == "" {
			why = fmt.Sprintf("a pass ran when the clock was %s later", behind.Round(time.Minute))
		}
		m.AgeSuspended, m.Newest, m.ClockApproved = "", now, now
		if err := storeMailbox(ctx, tx, m); err != nil {
			return err
		}
		return setRight(ctx, tx, mailbox, now)
	})
	return why, err
}

// setRight corrects the times of a mailbox that cannot be true of a clock that now is right: what is still to come is
// now, and a message that the server received more than a day after it was first seen was seen under a clock that ran
// behind. Each correction makes mail younger, never older.
func setRight(ctx context.Context, tx *transaction, mailbox string, now time.Time) error {
	ms := now.UnixMilli()
	for _, query := range []string{
		"UPDATE folder SET policy_since = ?1 WHERE mailbox = ?2 AND policy_since > ?1",
		"UPDATE folder SET contact = ?1 WHERE mailbox = ?2 AND contact > ?1",
		"UPDATE record SET judged_at = ?1 WHERE folder IN (SELECT id FROM folder WHERE mailbox = ?2) AND judged_at > ?1",
		`UPDATE file SET received = ?1 WHERE received > ?1 AND record IN
			(SELECT r.id FROM record r JOIN folder f ON f.id = r.folder WHERE f.mailbox = ?2)`,
	} {
		if _, err := tx.ExecContext(ctx, query, ms, mailbox); err != nil {
			return err
		}
	}
	wrong, err := records(ctx, tx, selectRecords+`WHERE f.mailbox = ? AND (r.first_seen > ?
		OR (r.received > r.first_seen + ? AND r.received <= ?))`, mailbox, ms, mail.ClockSkew.Milliseconds(), ms)
	if err != nil {
		return err
	}
	for _, r := range wrong {
		was := r.FirstSeen
		r.FirstSeen = now
		if was.Before(now) {
			r.FirstSeen = r.Received
		}
		if _, err := tx.ExecContext(ctx, "UPDATE record SET first_seen = ?, age = ? WHERE id = ?",
			r.FirstSeen.UnixMilli(), r.Age().UnixMilli(), r.ID); err != nil {
			return err
		}
		if err := addStep(ctx, tx, r.ID, now, "clock approved: first seen %s, not %s", r.FirstSeen.UTC().Format(time.RFC3339),
			was.UTC().Format(time.RFC3339)); err != nil {
			return err
		}
	}
	return nil
}
