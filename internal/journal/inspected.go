package journal

import (
	"context"
	"time"

	"pricefetch/internal/mail"
)

// toleratedIgnored is how often a confirmed deletion may turn out not to have happened before it is given up.
const toleratedIgnored = 3

// Inspected stores headers. A record whose identity was in doubt stays itself if the fingerprint is the same, with
// the size that the server states now: a deletion that the server had confirmed then counts as ignored, at the
// third time for good, and the mailbox as not honouring deletion. Otherwise the id belongs to another message now,
// which becomes a pending record of the next generation. Returned are the records as they now are, in the order given.
func (j *Journal) Inspected(ctx context.Context, in []mail.Inspection, now time.Time) ([]mail.Record, error) {
	out := make([]mail.Record, len(in))
	err := j.write(ctx, "store headers", func(tx *transaction) error {
		var fresh []int
		for i, one := range in {
			r, err := record(ctx, tx, one.Record.ID)
			if err != nil {
				return err
			}
			switch e := one.Envelope; {
			case !r.Inspected:
				fresh = append(fresh, i)
				r, err = storeHeader(ctx, tx, r, e, now)
			case r.Fingerprint == e.Fingerprint:
				r, err = sameMessage(ctx, tx, r, e, now)
			default:
				r, err = nextGeneration(ctx, tx, r, e, now)
			}
			if err != nil {
				return err
			}
			r.Num = one.Record.Num
			out[i] = r
		}
		return j.reappeared(ctx, tx, out, fresh, now)
	})
	if err != nil {
		return nil, err
	}
	for i, r := range out {
		if r.ID != in[i].Record.ID {
			j.addSight(r)
		}
	}
	return out, nil
}

// storeHeader puts the header on record. A size that neither the header nor a listing stated stays unknown. The message
// is there: if a listing had lacked it, it is gone no more. One that was received well after its id was first seen is another
// message than was seen then.
func storeHeader(ctx context.Context, tx *transaction, r mail.Record, e mail.Envelope, now time.Time) (mail.Record, error) {
	e.Ref = r.Ref
	if e.Size < 0 {
		e.Size = r.Size
	}
	r.Envelope, r.Inspected, r.Deletion = e, true, mail.DeletionNone
	if e.Received.After(r.FirstSeen.Add(mail.ClockSkew)) && now.After(r.FirstSeen) {
		r.FirstSeen = now
	}
	if r.Outcome == mail.Failed { // only the header could have: nothing is judged yet, it may be older than first_run
		r.Outcome, r.Reason, r.Failures, r.Losses, r.Next = mail.Pending, "", 0, 0, time.Time{}
	}
	_, err := tx.ExecContext(ctx, `UPDATE record SET inspect = 0, inspected = 1, deletion = 'none', first_seen = ?, size = ?, senders = ?, subject = ?, date = ?,
		message_id = ?, received = ?, fingerprint = ?, age = ?, outcome = ?, reason = ?, failures = ?, losses = ?, next = ? WHERE id = ?`,
		r.FirstSeen.UnixMilli(), e.Size, joinSenders(e.From), e.Subject, millis(e.Date), e.MessageID, millis(e.Received), e.Fingerprint,
		r.Age().UnixMilli(), r.Outcome, r.Reason, r.Failures, r.Losses, millis(r.Next), r.ID)
	return r, err
}

// sameMessage settles a doubt: the message is the one on record.
func sameMessage(ctx context.Context, tx *transaction, r mail.Record, e mail.Envelope, now time.Time) (mail.Record, error) {
	step := ""
	switch was := r.Deletion; {
	case was == mail.DeletionAcknowledged:
		r.Ignored++
		r.Deletion = mail.DeletionNone
		step = "still on the server although it confirmed the deletion"
	case was == mail.DeletionGone && !r.DeletionSince.IsZero(): // after our deletion
		r.Ignored++
		r.Deletion = mail.DeletionNone
		step = "the same message as before, back on the server after its deletion"
	case was == mail.DeletionGone:
		r.Deletion = mail.DeletionNone
		step = "the same message as before, back on the server"
	}
	if r.Ignored >= toleratedIgnored && step != "" {
		r.Deletion = mail.DeletionIgnored
		step += "; given up: the server does not honour deletion"
		if _, err := tx.ExecContext(ctx, "UPDATE mailbox SET not_honoured = 1 WHERE name = ?", r.Mailbox); err != nil {
			return r, err
		}
	}
	// listed_size is what the last listing stated, size what this record last stood for.
	if e.Size >= 0 {
		r.Size = e.Size
	} else if err := tx.QueryRowContext(ctx, "SELECT CASE WHEN listed_size < 0 THEN size ELSE listed_size END FROM record WHERE id = ?", r.ID).Scan(&r.Size); err != nil {
		return r, err
	}
	_, err := tx.ExecContext(ctx, "UPDATE record SET inspect = 0, size = ?, deletion = ?, deletion_since = ?, ignored = ? WHERE id = ?",
		r.Size, r.Deletion, millis(r.DeletionSince), r.Ignored, r.ID)
	if err != nil || step == "" {
		return r, err
	}
	return r, addStep(ctx, tx, r.ID, now, "%s", step)
}

// nextGeneration makes a record for another message under a used id. The old one is no longer listed; it is gone
// only if the ids can be trusted otherwise.
func nextGeneration(ctx context.Context, tx *transaction, old mail.Record, e mail.Envelope, now time.Time) (mail.Record, error) {
	f, _, err := folderRow(ctx, tx, old.Mailbox, old.Folder)
	if err != nil {
		return mail.Record{}, err
	}
	if f.complete && f.reset == "" {
		old.Deletion = mail.DeletionGone
	}
	m, err := mailboxState(ctx, tx, old.Mailbox)
	if err != nil {
		return mail.Record{}, err
	}
	firstPoll, seen := 0, seenAt(m, now).UnixMilli()
	if !f.FirstPollDone {
		firstPoll = f.firstPoll
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO record (folder, scope, uid, generation, listed, listed_size, size, first_seen, first_poll, age)
		SELECT folder, scope, uid, generation + 1, listed, listed_size, listed_size, ?, ?, ? FROM record WHERE id = ?`,
		seen, firstPoll, seen, old.ID)
	if err != nil {
		return mail.Record{}, err
	}
	id, err := res.LastInsertId()
	if err != nil {
		return mail.Record{}, err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE record SET listed = 0, inspect = 0, deletion = ? WHERE id = ?", old.Deletion, old.ID); err != nil {
		return mail.Record{}, err
	}
	if err := addStep(ctx, tx, old.ID, now, "the server uses its id for another message now: message %d", id); err != nil {
		return mail.Record{}, err
	}
	if err := addStep(ctx, tx, mail.RecordID(id), now, "found under the id of message %d", old.ID); err != nil {
		return mail.Record{}, err
	}
	r, err := record(ctx, tx, mail.RecordID(id))
	if err != nil {
		return mail.Record{}, err
	}
	return storeHeader(ctx, tx, r, e, now)
}

// EndFirstPoll judges in one transaction what a folder's first poll, or the pass after a reset, found: what is known
// under an old id is taken over, and of the rest pending records whose Age is before first.Cutoff(contact) become
// baseline. It returns how many. As long as the last
// listing was empty or incomplete, or a header is missing, it does nothing and the first poll goes on
// (mail.FolderState.FirstPollDone tells). A message whose header could not be had, failed or held, is not waited for.
func (j *Journal) EndFirstPoll(ctx context.Context, mailbox, folder string, first mail.FirstRun, now time.Time) (mail.FirstPoll, error) {
	var out mail.FirstPoll
	var taken map[mail.RecordID]mail.RecordID
	err := j.write(ctx, "end first poll of "+place(mailbox, folder), func(tx *transaction) error {
		f, ok, err := folderRow(ctx, tx, mailbox, folder)
		if err != nil || !ok || f.FirstPollDone || !f.complete || f.Listed == 0 {
			return err
		}
		var missing int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM record INDEXED BY record_inspect WHERE folder = ? AND inspect = 1 AND listed > 0 AND outcome NOT IN ('failed', 'held')", f.id).Scan(&missing); err != nil || missing > 0 {
			return err
		}
		if f.reset != "" {
			if taken, err = takeOver(ctx, tx, f, now); err != nil {
				return err
			}
		}
		if f.Contact.After(now) {
			f.Contact = now // by a clock that has been set back since
		}
		if cutoff := first.Cutoff(f.Contact); !cutoff.IsZero() {
			if out.Baseline, err = baseline(ctx, tx, f, cutoff, now); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE folder SET first_done = 1, reset = '' WHERE id = ?", f.id)
		return err
	})
	if err != nil {
		return mail.FirstPoll{}, err
	}
	j.adopted(mailbox, folder, taken)
	out.TakenOver = len(taken)
	return out, nil
}

// baseline judges the pending records of the present first poll. Pending mail that was on record before a reset
// goes on, whatever its age, and so does what a person asked for.
func baseline(ctx context.Context, tx *transaction, f folder, cutoff, now time.Time) (int, error) {
	const which = " WHERE folder = ? AND outcome = 'pending' AND listed > 0 AND first_poll = ? AND forced = 0 AND age < ?"
	reason := "older than first_run: received before " + cutoff.UTC().Format(time.RFC3339)
	if _, err := tx.ExecContext(ctx, "INSERT INTO step (record, at, text) SELECT id, ?, ? FROM record INDEXED BY record_outcome"+which,
		now.UnixMilli(), "baseline, not imported: "+reason, f.id, f.firstPoll, cutoff.UnixMilli()); err != nil {
		return 0, err
	}
	res, err := tx.ExecContext(ctx, "UPDATE record INDEXED BY record_outcome SET outcome = 'baseline', reason = ?, judged_at = ?"+which,
		reason, now.UnixMilli(), f.id, f.firstPoll, cutoff.UnixMilli())
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}
