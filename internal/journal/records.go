package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"pricefetch/internal/mail"
)

// Filter chooses records; zero fields do not restrict.
type Filter struct {
	Mailbox  string
	Outcomes []mail.Outcome // any of them
	Leftover bool           // saved ones with an attachment left over, beside Outcomes
	From     string         // part of a sender's address, in any case
	Rule     string         // with a file of this rule
	Since    time.Time      // by mail.Record.Age
	Until    time.Time      // before
	Before   mail.RecordID  // older records than this one, to turn the page
	Limit    int
}

// Records returns the newest records first.
func (j *Journal) Records(ctx context.Context, f Filter) ([]mail.Record, error) {
	var out []mail.Record
	var err error
	if f.Mailbox != "" || len(f.Outcomes) > 0 || f.Leftover {
		out, err = j.byOutcome(ctx, f)
	} else {
		out, err = j.recordsWhere(ctx, f, "NOT INDEXED", where{})
	}
	return out, j.classed("read messages", err)
}

// byOutcome asks folder by folder and outcome by outcome: the index has the records of each in the order of their ids,
// so that few are found among many at once.
func (j *Journal) byOutcome(ctx context.Context, f Filter) ([]mail.Record, error) {
	folders, err := collect(ctx, j.r, scanID, "SELECT id FROM folder WHERE mailbox = ? OR ? = ''", f.Mailbox, f.Mailbox)
	if err != nil {
		return nil, err
	}
	outcomes := slices.Clone(f.Outcomes)
	switch {
	case len(outcomes) == 0 && !f.Leftover:
		outcomes = mail.Outcomes()
	case f.Leftover && !slices.Contains(outcomes, mail.Saved):
		outcomes = append(outcomes, mail.Saved)
	}
	var out []mail.Record
	for _, folder := range folders {
		for i, o := range outcomes {
			if slices.Contains(outcomes[:i], o) {
				continue
			}
			var w where
			w.and(true, "r.folder = ?", folder)
			w.and(true, "r.outcome = ?", o)
			w.and(f.Leftover && !slices.Contains(f.Outcomes, o), "r.leftover = 1")
			some, err := j.recordsWhere(ctx, f, "INDEXED BY record_outcome", w)
			if err != nil {
				return nil, err
			}
			out = append(out, some...)
		}
	}
	slices.SortFunc(out, func(a, b mail.Record) int { return cmp.Compare(b.ID, a.ID) })
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, nil
}

// recordsWhere reads the records of w that the filter chooses, as far as it does not speak of mailbox or outcome.
func (j *Journal) recordsWhere(ctx context.Context, f Filter, index string, w where) ([]mail.Record, error) {
	w.and(f.Rule != "", "EXISTS (SELECT 1 FROM file x WHERE x.record = r.id AND x.rule = ?)", f.Rule)
	w.and(!f.Since.IsZero(), "r.age >= ?", millis(f.Since))
	w.and(!f.Until.IsZero(), "r.age < ?", millis(f.Until))
	w.and(f.Before != 0, "r.id < ?", f.Before)
	if f.From != "" {
		return j.recordsFrom(ctx, f, index, w)
	}
	query := "SELECT " + recordColumns + " FROM record r " + index + " CROSS JOIN folder f ON f.id = r.folder" + w.String() + " ORDER BY r.id DESC"
	if f.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	return records(ctx, j.r, query, w.args...)
}

// recordsFrom reads the senders alone, to find those that are meant, and then their records. SQLite, which knows no case
// outside ASCII, finds those that have the ASCII in common.
func (j *Journal) recordsFrom(ctx context.Context, f Filter, index string, w where) (out []mail.Record, err error) {
	from := strings.ToLower(f.From)
	w.and(true, "instr(lower(r.senders), ?) > 0", longestASCII(from))
	rows, err := j.r.QueryContext(ctx, "SELECT r.id, r.senders FROM record r "+index+w.String()+" ORDER BY r.id DESC", w.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []mail.RecordID
	for rows.Next() && (f.Limit == 0 || len(ids) < f.Limit) {
		var id mail.RecordID
		var senders string
		if err := rows.Scan(&id, &senders); err != nil {
			return nil, err
		}
		if strings.Contains(strings.ToLower(senders), from) {
			ids = append(ids, id)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for _, id := range ids {
		r, err := record(ctx, j.r, id)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// longestASCII is the longest piece of s in which nothing else stands.
func longestASCII(s string) (longest string) {
	for piece := range strings.FieldsFuncSeq(s, func(r rune) bool { return r >= utf8.RuneSelf }) {
		if len(piece) > len(longest) {
			longest = piece
		}
	}
	return longest
}

func scanID(s scanner) (id int64, err error) {
	err = s.Scan(&id)
	return id, err
}
