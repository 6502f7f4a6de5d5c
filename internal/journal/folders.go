package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pricefetch/internal/mail"
)

// folder is a row of that table: what the commands see, and what only the journal needs.
type folder struct {
	mail.FolderState
	id        int64
	account   mail.Account // whose ids the records carry
	based     bool         // a complete listing is on record
	complete  bool         // the last listing was complete
	firstPoll int          // number of the present or last first poll
	reset     string       // why the present first poll follows a reset
	away      bool         // the mailbox was listed under another account since
}

const folderColumns = `id, mailbox, folder, scope, protocol, host, user, based, uid_next, uid_count, listed, complete,
	contact, first_poll, first_done, reset, away, policy_hash, policy_since, settled, waiting, released`

func scanFolder(s scanner) (folder, error) {
	var f folder
	var waiting, released sql.NullString
	err := s.Scan(&f.id, &f.Mailbox, &f.Folder, &f.Scope, &f.account.Protocol, &f.account.Host, &f.account.User, &f.based,
		&f.Cursor.UIDNext, &f.Cursor.Count, &f.Listed, &f.complete, at{&f.Contact}, &f.firstPoll, &f.FirstPollDone, &f.reset, &f.away,
		&f.PolicyHash, at{&f.PolicySince}, &f.Settled, &waiting, &released)
	if err != nil {
		return folder{}, err
	}
	f.Cursor.Folder, f.Cursor.Scope = f.Folder, f.Scope
	if waiting.Valid {
		if err := json.Unmarshal([]byte(waiting.String), &f.Waiting); err != nil {
			return folder{}, fmt.Errorf("read waiting plan of %s: %w", place(f.Mailbox, f.Folder), err)
		}
	}
	if released.Valid {
		if err := json.Unmarshal([]byte(released.String), &f.Released); err != nil {
			return folder{}, fmt.Errorf("read released plan of %s: %w", place(f.Mailbox, f.Folder), err)
		}
	}
	return f, nil
}

// folderRow returns the row; ok is false where the folder was never listed.
func folderRow(ctx context.Context, q querier, mailbox, name string) (f folder, ok bool, err error) {
	f, err = scanFolder(q.QueryRowContext(ctx, "SELECT "+folderColumns+" FROM folder WHERE mailbox = ? AND folder = ?", mailbox, name))
	if errors.Is(err, sql.ErrNoRows) {
		return folder{FolderState: mail.FolderState{Mailbox: mailbox, Folder: name}}, false, nil
	}
	return f, err == nil, err
}

// newFolder stores a folder at its first contact. In a mailbox that was moved to another account that is a reset: the
// folder may hold what the folders of the old account held.
func newFolder(ctx context.Context, tx *transaction, mailbox, name, scope string, account mail.Account, now time.Time) (folder, error) {
	others, err := otherAccounts(ctx, tx, mailbox, account)
	if err != nil {
		return folder{}, err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO folder (mailbox, folder, scope, protocol, host, user, contact, reset) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		mailbox, name, scope, account.Protocol, account.Host, account.User, now.UnixMilli(), movedReason(others, account))
	if err != nil {
		return folder{}, err
	}
	f, _, err := folderRow(ctx, tx, mailbox, name)
	return f, err
}

// storeListing stores what SortOut changes of a folder.
func storeListing(ctx context.Context, tx *transaction, f folder) error {
	_, err := tx.ExecContext(ctx, `UPDATE folder SET scope = ?, protocol = ?, host = ?, user = ?, based = ?, uid_next = ?, uid_count = ?,
		listed = ?, complete = ?, contact = ?, first_poll = ?, first_done = ?, reset = ?, away = ? WHERE id = ?`,
		f.Scope, f.account.Protocol, f.account.Host, f.account.User, f.based, f.Cursor.UIDNext, f.Cursor.Count,
		f.Listed, f.complete, f.Contact.UnixMilli(), f.firstPoll, f.FirstPollDone, f.reset, f.away, f.id)
	return err
}

// storePolicy stores the policy fields.
func storePolicy(ctx context.Context, tx *transaction, id int64, s mail.FolderState) error {
	var waiting, released any
	if s.Waiting != nil {
		b, err := json.Marshal(s.Waiting)
		if err != nil {
			return fmt.Errorf("store waiting plan: %w", err)
		}
		waiting = string(b)
	}
	if len(s.Released) > 0 {
		b, err := json.Marshal(s.Released)
		if err != nil {
			return fmt.Errorf("store released plan: %w", err)
		}
		released = string(b)
	}
	_, err := tx.ExecContext(ctx, "UPDATE folder SET policy_hash = ?, policy_since = ?, settled = ?, waiting = ?, released = ? WHERE id = ?",
		s.PolicyHash, millis(s.PolicySince), s.Settled, waiting, released, id)
	return err
}

// Cursors returns those of the folders' last complete listings. A folder whose ids belong to another account than
// the mailbox's present one has none: everything is to be listed anew.
func (j *Journal) Cursors(ctx context.Context, mailbox string) ([]mail.Cursor, error) {
	what := "read cursors of " + mailbox
	m, err := mailboxState(ctx, j.r, mailbox)
	if err != nil {
		return nil, j.classed(what, err)
	}
	folders, err := folderRows(ctx, j.r, mailbox)
	if err != nil {
		return nil, j.classed(what, err)
	}
	var out []mail.Cursor
	for _, f := range folders {
		if f.based && !f.away && sameAccount(f.account, m.Account) {
			out = append(out, f.Cursor)
		}
	}
	return out, nil
}

func folderRows(ctx context.Context, q querier, mailbox string) ([]folder, error) {
	return collect(ctx, q, scanFolder, "SELECT "+folderColumns+" FROM folder WHERE mailbox = ? ORDER BY folder", mailbox)
}

// place names a folder in messages; POP3's only folder has no name.
func place(mailbox, folder string) string {
	if folder == "" {
		return mailbox
	}
	return mailbox + "/" + folder
}
