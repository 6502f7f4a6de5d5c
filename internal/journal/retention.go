package journal

import (
	"context"
	"fmt"
	"time"

	"pricefetch/internal/mail"
)

// Listed returns the records of one folder that the last listing showed, oldest record first.
func (j *Journal) Listed(ctx context.Context, mailbox, folder string) ([]mail.Record, error) {
	what := "read listed messages of " + place(mailbox, folder)
	f, ok, err := folderRow(ctx, j.r, mailbox, folder)
	if err != nil || !ok {
		return nil, j.classed(what, err)
	}
	list, err := records(ctx, j.r, selectVia("record_listed")+"WHERE r.folder = ? AND r.listed > 0 ORDER BY r.id", f.id)
	if err != nil {
		return nil, j.classed(what, err)
	}
	return j.seen(mailbox, folder, list), nil
}

// Folder returns what is kept of one folder; of a folder that was never listed its names only.
func (j *Journal) Folder(ctx context.Context, mailbox, folder string) (mail.FolderState, error) {
	f, _, err := folderRow(ctx, j.r, mailbox, folder)
	return f.FolderState, j.classed("read state of "+place(mailbox, folder), err)
}

// SetPolicy stores the policy fields of s: PolicyHash, PolicySince, Settled, Waiting, Released. A plan that a person
// approved after s was read stays approved.
func (j *Journal) SetPolicy(ctx context.Context, s mail.FolderState) error {
	return j.write(ctx, "store policy of "+place(s.Mailbox, s.Folder), func(tx *transaction) error {
		f, ok, err := folderRow(ctx, tx, s.Mailbox, s.Folder)
		if err != nil {
			return err
		}
		if !ok {
			return errNoFolder
		}
		same := f.PolicyHash == s.PolicyHash && f.PolicySince.Equal(s.PolicySince)
		if same && f.Settled == mail.SettledApproved && s.Settled != mail.SettledApproved {
			return nil
		}
		return storePolicy(ctx, tx, f.id, s)
	})
}

// Deleting journals the intention to delete, before it is asked for. It refuses, for all of ids, what semantics 4
// says is never deleted: a caller that asks for it is wrong about more than this message. From now on the last listing
// proves nothing by its count, whatever comes of the intention: the folder's next listing has to name every message.
func (j *Journal) Deleting(ctx context.Context, ids []mail.RecordID, now time.Time) error {
	return j.write(ctx, "note deletions", func(tx *transaction) error {
		for _, id := range ids {
			r, err := settleable(ctx, tx, id)
			if err != nil {
				return fmt.Errorf("message %d: %w", id, err)
			}
			switch {
			case r.Outcome == mail.Pending, r.Outcome == mail.Failed, r.Outcome == mail.Held, r.Outcome == mail.Paused:
				return fmt.Errorf("message %d is %s: it must not be deleted", id, r.Outcome)
			case r.Deletion == mail.DeletionIgnored:
				return fmt.Errorf("message %d: its deletion was given up, the server does not honour it", id)
			case !r.Listed:
				return fmt.Errorf("message %d is not listed: nothing is known to delete", id)
			}
			since := r.DeletionSince
			if since.IsZero() {
				since = now
			}
			if _, err := tx.ExecContext(ctx, "UPDATE record SET deletion = 'intended', deletion_since = ? WHERE id = ?", millis(since), id); err != nil {
				return err
			}
			if err := forgetCursor(ctx, tx, id); err != nil {
				return err
			}
			if r.Deletion == mail.DeletionIntended {
				continue
			}
			if err := addStep(ctx, tx, id, now, "to be deleted from the server"); err != nil {
				return err
			}
		}
		return nil
	})
}

// forgetCursor keeps a folder that has lost a message and gained another from passing for unchanged: on a server that
// shows only the newest ones an older one takes the place of one that we delete, under an id below UIDNEXT.
func forgetCursor(ctx context.Context, tx *transaction, id mail.RecordID) error {
	_, err := tx.ExecContext(ctx, "UPDATE folder SET uid_next = 0 WHERE uid_next <> 0 AND id = (SELECT folder FROM record WHERE id = ?)", id)
	return err
}

// Deleted stores the answers to deletions, all in one transaction: done → acknowledged; absent, marked and unknown →
// it stays intended, and the next complete listing tells; refused and mismatch → none, and after a mismatch the
// message is to be identified again.
func (j *Journal) Deleted(ctx context.Context, answers []mail.DeleteAnswer, now time.Time) error {
	return j.write(ctx, "note answers to deletions", func(tx *transaction) error {
		for _, a := range answers {
			if err := deleted(ctx, tx, a, now); err != nil {
				return fmt.Errorf("message %d: %w", a.ID, err)
			}
		}
		return nil
	})
}

func deleted(ctx context.Context, tx *transaction, a mail.DeleteAnswer, now time.Time) error {
	r, err := record(ctx, tx, a.ID)
	if err != nil {
		return err
	}
	deletion, text, doubt := mail.DeletionIntended, "", false
	switch a.State {
	case mail.DeleteDone:
		deletion, text = mail.DeletionAcknowledged, "deletion confirmed by the server"
	case mail.DeleteAbsent:
		text = "not deleted: the server no longer has it; the next complete listing tells"
	case mail.DeleteMarked:
		text = "marked for deletion"
	case mail.DeleteUnknown:
		text = "deletion asked for, the answer was lost; the next complete listing tells"
	case mail.DeleteMismatch:
		deletion, text, doubt = mail.DeletionNone, "not deleted: the message under its id is another one", r.Listed
	case mail.DeleteRefused:
		deletion, text = mail.DeletionNone, "not deleted"
	default:
		return fmt.Errorf("unknown answer %d", a.State)
	}
	if a.Why != "" {
		text += ": " + a.Why
	}
	if _, err := tx.ExecContext(ctx, "UPDATE record SET deletion = ?, inspect = (inspect OR ?) WHERE id = ?", deletion, doubt, a.ID); err != nil {
		return err
	}
	return addStep(ctx, tx, a.ID, now, "%s", text)
}
