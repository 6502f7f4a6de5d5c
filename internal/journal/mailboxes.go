package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"pricefetch/internal/mail"
)

const mailboxColumns = `name, protocol, host, user, last_started, last_finished, last_error, error_class, error_since,
	failed_passes, next_pass, newest, age_suspended, delete_first, due_since, not_honoured, clock_approved`

const selectMailboxes = "SELECT " + mailboxColumns + " FROM mailbox "

func scanMailbox(s scanner) (mail.MailboxState, error) {
	var m mail.MailboxState
	err := s.Scan(&m.Name, &m.Account.Protocol, &m.Account.Host, &m.Account.User, at{&m.LastStarted}, at{&m.LastFinished},
		&m.LastError, &m.ErrorClass, at{&m.ErrorSince}, &m.FailedPasses, at{&m.NextPass}, at{&m.Newest}, &m.AgeSuspended,
		&m.DeleteFirst, at{&m.DueSince}, &m.NotHonoured, at{&m.ClockApproved})
	return m, err
}

// mailboxState returns a mailbox as it is on record; one that is not has nothing but its name.
func mailboxState(ctx context.Context, q querier, name string) (mail.MailboxState, error) {
	m, err := scanMailbox(q.QueryRowContext(ctx, selectMailboxes+"WHERE name = ?", name))
	if errors.Is(err, sql.ErrNoRows) {
		return mail.MailboxState{Name: name}, nil
	}
	return m, err
}

func storeMailbox(ctx context.Context, tx *transaction, m mail.MailboxState) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO mailbox ("+mailboxColumns+") VALUES (?"+strings.Repeat(", ?", 16)+")",
		m.Name, m.Account.Protocol, m.Account.Host, m.Account.User, millis(m.LastStarted), millis(m.LastFinished),
		m.LastError, m.ErrorClass, millis(m.ErrorSince), m.FailedPasses, millis(m.NextPass), millis(m.Newest), m.AgeSuspended,
		m.DeleteFirst, millis(m.DueSince), m.NotHonoured, millis(m.ClockApproved))
	return err
}

// Started notes that a pass begins: the account and the clock. It returns the mailbox as it was before. After a
// change of the account the next SortOut of each folder finds the ids reset.
func (j *Journal) Started(ctx context.Context, mailbox string, account mail.Account, now time.Time) (before mail.MailboxState, err error) {
	err = j.write(ctx, "note start of a pass over "+mailbox, func(tx *transaction) error {
		if before, err = mailboxState(ctx, tx, mailbox); err != nil {
			return err
		}
		m := before
		m.Account, m.LastStarted = account, now
		if now.After(m.Newest) {
			m.Newest = now
		}
		return storeMailbox(ctx, tx, m)
	})
	if err == nil {
		j.dropSights(mailbox)
	}
	return before, err
}

// Update changes the mailbox's state: f gets the present one and changes it in place. f must not call the journal.
func (j *Journal) Update(ctx context.Context, mailbox string, f func(*mail.MailboxState)) error {
	return j.write(ctx, "note state of "+mailbox, func(tx *transaction) error {
		m, err := mailboxState(ctx, tx, mailbox)
		if err != nil {
			return err
		}
		f(&m)
		m.Name = mailbox
		return storeMailbox(ctx, tx, m)
	})
}

// sameAccount reports whether two accounts have the same ids. Host names have no case (RFC 4343).
func sameAccount(a, b mail.Account) bool {
	return a.Protocol == b.Protocol && strings.EqualFold(a.Host, b.Host) && a.User == b.User
}

func accountText(a mail.Account) string { return fmt.Sprintf("%s %s@%s", a.Protocol, a.User, a.Host) }
