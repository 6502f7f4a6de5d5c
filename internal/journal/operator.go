package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pricefetch/internal/mail"
)

var errNoFolder = errors.New("no such folder on record: it was never polled")

// Approved is what approve released in one folder.
type Approved struct {
	Folder string
	Count  int // messages that may now be deleted
	Again  int // messages whose deletion the server did not honour, and that are now to be deleted again
}

// Approve releases exactly the plans of deletion that wait in the mailbox's folders, and settles their policies. Where
// the server did not honour deletions it is given another chance. It is an error if there is nothing of either.
func (j *Journal) Approve(ctx context.Context, mailbox string, now time.Time) ([]Approved, error) {
	var out []Approved
	err := j.write(ctx, "approve "+mailbox, func(tx *transaction) error {
		m, err := mailboxState(ctx, tx, mailbox)
		if err != nil {
			return err
		}
		folders, err := folderRows(ctx, tx, mailbox)
		if err != nil {
			return err
		}
		for _, f := range folders {
			again, err := tryAgain(ctx, tx, m, f, "deletion approved", now)
			if err != nil {
				return err
			}
			if f.Waiting == nil && again > 0 {
				out = append(out, Approved{Folder: f.Folder, Again: again})
			}
			if f.Waiting == nil {
				continue
			}
			out = append(out, Approved{Folder: f.Folder, Count: len(f.Waiting.IDs), Again: again})
			for _, id := range f.Waiting.IDs {
				if err := addStep(ctx, tx, id, now, "deletion approved, with the plan of %s", f.Waiting.Made.UTC().Format(time.RFC3339)); err != nil {
					return err
				}
			}
			f.Released, f.Waiting, f.Settled = f.Waiting.IDs, nil, mail.SettledApproved
			if err := storePolicy(ctx, tx, f.id, f.FolderState); err != nil {
				return err
			}
		}
		if len(out) == 0 && !m.NotHonoured {
			return errors.New("no plan of deletion waits for approval, and every deletion was honoured")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// tryAgain gives the messages of one folder whose deletion the server did not honour another chance, and returns how
// many they are. Once no folder of the mailbox has such, the mailbox counts as honouring deletion.
func tryAgain(ctx context.Context, tx *transaction, m mail.MailboxState, f folder, why string, now time.Time) (int, error) {
	if !m.NotHonoured {
		return 0, nil
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO step (record, at, text) SELECT id, ?, ? FROM record WHERE folder = ? AND deletion = 'ignored'",
		now.UnixMilli(), why+": the server may show again that it deletes", f.id); err != nil {
		return 0, err
	}
	res, err := tx.ExecContext(ctx, "UPDATE record SET deletion = 'none', ignored = 0 WHERE folder = ? AND deletion = 'ignored'", f.id)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE mailbox SET not_honoured = 0 WHERE name = ?1 AND NOT EXISTS
		(SELECT 1 FROM record r JOIN folder f ON f.id = r.folder WHERE f.mailbox = ?1 AND r.deletion = 'ignored')`, m.Name)
	return int(n), err
}

// Retry makes a held or failed message pending again; limits that held it do not apply then. It returns the record.
func (j *Journal) Retry(ctx context.Context, id mail.RecordID, now time.Time) (r mail.Record, err error) {
	err = j.write(ctx, fmt.Sprintf("retry message %d", id), func(tx *transaction) error {
		if r, err = settleable(ctx, tx, id); err != nil {
			return err
		}
		if r.Outcome != mail.Held && r.Outcome != mail.Failed {
			return fmt.Errorf("it is %s; only held and failed messages are tried again", r.Outcome)
		}
		if !r.Listed && r.Kept == "" {
			return errors.New("the server no longer has it and its raw message was not kept")
		}
		if err := settle(ctx, tx, r, mail.Judgement{Outcome: mail.Pending, Reason: "retry", RulesHash: r.RulesHash}, now); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE record SET forced = 1, failures = 0, losses = 0, solo = 0 WHERE id = ?", id); err != nil {
			return err
		}
		r, err = record(ctx, tx, id)
		return err
	})
	return r, err
}

// Dismiss notes that a person does not want the message; it is then deleted by age only. Of a saved message with
// an attachment left over it removes that mark. It returns the record.
func (j *Journal) Dismiss(ctx context.Context, id mail.RecordID, now time.Time) (r mail.Record, err error) {
	err = j.write(ctx, fmt.Sprintf("dismiss message %d", id), func(tx *transaction) error {
		if r, err = settleable(ctx, tx, id); err != nil {
			return err
		}
		g := mail.Judgement{Outcome: mail.Dismissed, RulesHash: r.RulesHash}
		switch r.Outcome {
		case mail.Held, mail.Failed, mail.NearMiss, mail.Unmatched, mail.Paused, mail.Pending:
			g.Reason = "was " + string(r.Outcome)
		case mail.Saved:
			if !r.Leftover {
				return errors.New("it is saved and nothing of it is left over")
			}
			g.Outcome, g.Reason = mail.Saved, "the attachment left over is not wanted"
			var superseded bool
			if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM file WHERE record = ? AND state = 'superseded')", id).Scan(&superseded); err != nil {
				return err
			}
			if superseded { // then not all that is wanted of it is saved: nothing but its age may delete it
				g.Outcome = mail.Superseded
			}
		default:
			return fmt.Errorf("it is %s: there is nothing to dismiss", r.Outcome)
		}
		if err := settle(ctx, tx, r, g, now); err != nil {
			return err
		}
		r, err = record(ctx, tx, id)
		return err
	})
	return r, err
}

// Rescan has the mailbox's listed messages received since then judged again, however old: unmatched and near
// misses and, because a person asks for it, baseline become pending; saved ones with an attachment left over stay
// saved and are judged again in the next pass. want narrows it to messages, by their header; nil wants all. It
// returns how many will be judged.
func (j *Journal) Rescan(ctx context.Context, mailbox string, since time.Time, want func(mail.Record) bool, now time.Time) (int, error) {
	count := 0
	err := j.write(ctx, "rescan "+mailbox, func(tx *transaction) error {
		folders, err := folderRows(ctx, tx, mailbox)
		if err != nil {
			return err
		}
		if len(folders) == 0 {
			return errors.New("mailbox has no messages on record: it was never polled")
		}
		for _, f := range folders {
			list, err := records(ctx, tx, selectVia("record_listed")+`WHERE r.folder = ? AND r.listed > 0 AND r.age >= ? AND r.deletion IN ('none', 'intended')
				AND (r.outcome IN ('unmatched', 'near_miss', 'baseline') OR (r.outcome = 'saved' AND r.leftover = 1))`, f.id, since.UnixMilli())
			if err != nil {
				return err
			}
			for _, r := range list {
				if want != nil && !want(r) {
					continue
				}
				if err := judgeAgain(ctx, tx, r, now); err != nil {
					return err
				}
				count++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return count, nil
}

func judgeAgain(ctx context.Context, tx *transaction, r mail.Record, now time.Time) error {
	if r.Outcome != mail.Saved {
		return settle(ctx, tx, r, mail.Judgement{Outcome: mail.Pending, Reason: "rescan, was " + string(r.Outcome)}, now)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE record SET rejudge = 1 WHERE id = ?", r.ID); err != nil {
		return err
	}
	return addStep(ctx, tx, r.ID, now, "rescan: to be judged again")
}
