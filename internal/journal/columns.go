package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"pricefetch/internal/mail"
)

// querier is what *prepared and *transaction have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// scanner is what *sql.Row and *sql.Rows have in common.
type scanner interface{ Scan(dest ...any) error }

// millis is the stored form of a time: milliseconds since 1970, NULL for the zero time.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// at reads a stored time into t, in UTC.
type at struct{ t *time.Time }

func (a at) Scan(v any) error {
	switch n := v.(type) {
	case nil:
		*a.t = time.Time{}
	case int64:
		*a.t = time.UnixMilli(n).UTC()
	default:
		return fmt.Errorf("stored time is %T", v)
	}
	return nil
}

// note is the stored form of a mail.PartNote. JSON has no bytes outside UTF-8, raw header names do.
type note struct {
	mail.PartNote
	RawBytes []byte `json:"raw_bytes,omitempty"`
}

// partsJSON is NULL for nil: what is on record stays.
func partsJSON(parts []mail.PartNote) (any, error) {
	if parts == nil {
		return nil, nil
	}
	notes := make([]note, len(parts))
	for i, p := range parts {
		notes[i].PartNote = p
		if !utf8.ValidString(p.RawName) {
			notes[i].RawName, notes[i].RawBytes = "", []byte(p.RawName)
		}
	}
	b, err := json.Marshal(notes)
	return string(b), err
}

// stated is the stored form of what a server says of a message that was not read: an object, where the message's own parts
// are an array.
type stated struct {
	Stated []mail.PartNote `json:"stated"`
}

func statedJSON(parts []mail.PartNote) (string, error) {
	b, err := json.Marshal(stated{parts})
	return string(b), err
}

// parseStated returns nil where the message's own parts are on record, or nothing is.
func parseStated(s sql.NullString) ([]mail.PartNote, error) {
	if !s.Valid || !strings.HasPrefix(s.String, "{") {
		return nil, nil
	}
	var st stated
	if err := json.Unmarshal([]byte(s.String), &st); err != nil {
		return nil, fmt.Errorf("read stated parts: %w", err)
	}
	return append([]mail.PartNote{}, st.Stated...), nil
}

func parseParts(s sql.NullString) ([]mail.PartNote, error) {
	if !s.Valid || strings.HasPrefix(s.String, "{") {
		return nil, nil
	}
	var notes []note
	if err := json.Unmarshal([]byte(s.String), &notes); err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	parts := make([]mail.PartNote, len(notes))
	for i, n := range notes {
		parts[i] = n.PartNote
		if n.RawBytes != nil {
			parts[i].RawName = string(n.RawBytes)
		}
	}
	return parts, nil
}

// joinSenders stores addresses one a line, in the sender's own bytes; a line break cannot be part of an address.
func joinSenders(from []string) string {
	lines := make([]string, len(from))
	for i, a := range from {
		lines[i] = strings.ReplaceAll(a, "\n", " ")
	}
	return strings.Join(lines, "\n")
}

const recordColumns = `r.id, f.mailbox, f.folder, r.scope, r.uid, r.generation, r.inspected, r.listed > 0, r.size,
	r.senders, r.subject, r.date, r.message_id, r.received, r.fingerprint, r.first_seen, r.first_poll > 0,
	r.outcome, r.reason, r.leftover, r.rules_hash, r.parts, r.failures, r.losses, r.next, r.solo, r.forced, r.kept,
	r.deletion, r.deletion_since, r.ignored, r.judged_at`

const selectRecords = "SELECT " + recordColumns + " FROM record r JOIN folder f ON f.id = r.folder "

// selectVia is selectRecords bound to an index: SQLite refuses the query rather than read the whole table.
func selectVia(index string) string {
	return "SELECT " + recordColumns + " FROM record r INDEXED BY " + index + " JOIN folder f ON f.id = r.folder "
}

func scanRecord(s scanner, more ...any) (mail.Record, error) {
	var r mail.Record
	var senders string
	var parts sql.NullString
	dest := []any{
		&r.ID, &r.Mailbox, &r.Folder, &r.Scope, &r.Ref.ID, &r.Generation, &r.Inspected, &r.Listed, &r.Size,
		&senders, &r.Subject, at{&r.Date}, &r.MessageID, at{&r.Received}, &r.Fingerprint, at{&r.FirstSeen}, &r.AtFirstPoll,
		&r.Outcome, &r.Reason, &r.Leftover, &r.RulesHash, &parts, &r.Failures, &r.Losses, at{&r.Next}, &r.Solo, &r.Forced, &r.Kept,
		&r.Deletion, at{&r.DeletionSince}, &r.Ignored, at{&r.JudgedAt},
	}
	if err := s.Scan(append(dest, more...)...); err != nil {
		return mail.Record{}, err
	}
	if senders != "" {
		r.From = strings.Split(senders, "\n")
	}
	var err, serr error
	r.Parts, err = parseParts(parts)
	r.Stated, serr = parseStated(parts)
	return r, errors.Join(err, serr)
}

// collect runs a query and scans all its rows.
func collect[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// records runs a query that begins with selectRecords or selectVia.
func records(ctx context.Context, q querier, query string, args ...any) ([]mail.Record, error) {
	return collect(ctx, q, func(s scanner) (mail.Record, error) { return scanRecord(s) }, query, args...)
}

// record returns one record, or mail.ErrNoRecord.
func record(ctx context.Context, q querier, id mail.RecordID) (mail.Record, error) {
	r, err := scanRecord(q.QueryRowContext(ctx, selectRecords+"WHERE r.id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return mail.Record{}, fmt.Errorf("message %d: %w", id, mail.ErrNoRecord)
	}
	return r, err
}

// addStep writes one line of a record's history.
func addStep(ctx context.Context, tx *transaction, id mail.RecordID, now time.Time, format string, args ...any) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO step (record, at, text) VALUES (?, ?, ?)", id, now.UnixMilli(), fmt.Sprintf(format, args...))
	return err
}
