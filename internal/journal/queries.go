package journal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pricefetch/internal/mail"
)

// Step is one line of a record's history.
type Step struct {
	At   time.Time
	Text string
}

// FileFilter chooses files; zero fields do not restrict.
type FileFilter struct {
	Mailbox string
	Rule    string
	State   mail.FileState
	Since   time.Time // recorded since
	Limit   int
}

// HistoryFile is a file with its message.
type HistoryFile struct {
	mail.File
	Mailbox  string
	Folder   string
	From     []string
	Subject  string
	Recorded time.Time // when its message was recorded as saved; zero while it is being published
}

// RuleStat is what a rule has saved so far.
type RuleStat struct {
	Rule  string
	Count int // files published
	Last  mail.File
}

// where collects conditions and their arguments.
type where struct {
	terms []string
	args  []any
}

func (w *where) and(cond bool, term string, args ...any) {
	if cond {
		w.terms, w.args = append(w.terms, term), append(w.args, args...)
	}
}

func (w *where) String() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}

// Mailboxes returns every mailbox on record, by name.
func (j *Journal) Mailboxes(ctx context.Context) ([]mail.MailboxState, error) {
	out, err := collect(ctx, j.r, scanMailbox, selectMailboxes+"ORDER BY name")
	return out, j.classed("read mailboxes", err)
}

// Folders returns the folders of a mailbox that were ever listed, by name.
func (j *Journal) Folders(ctx context.Context, mailbox string) ([]mail.FolderState, error) {
	rows, err := folderRows(ctx, j.r, mailbox)
	out := make([]mail.FolderState, len(rows))
	for i, f := range rows {
		out[i] = f.FolderState
	}
	return out, j.classed("read folders of "+mailbox, err)
}

// Record returns one record, or mail.ErrNoRecord.
func (j *Journal) Record(ctx context.Context, id mail.RecordID) (mail.Record, error) {
	r, err := record(ctx, j.r, id)
	return r, j.classed("read message", err)
}

// Steps returns a record's history, the oldest step first.
func (j *Journal) Steps(ctx context.Context, id mail.RecordID) ([]Step, error) {
	what := fmt.Sprintf("read history of message %d", id)
	r, err := record(ctx, j.r, id)
	if err != nil {
		return nil, j.classed(what, err)
	}
	steps, err := collect(ctx, j.r, func(s scanner) (one Step, err error) {
		err = s.Scan(at{&one.At}, &one.Text)
		return one, err
	}, "SELECT at, text FROM step INDEXED BY step_record WHERE record = ? ORDER BY id", id)
	// Every record begins this way: no row is spent on it.
	return append([]Step{{At: r.FirstSeen, Text: "first listed in " + place(r.Mailbox, r.Folder)}}, steps...), j.classed(what, err)
}

// Files returns the newest files first, each with its message.
func (j *Journal) Files(ctx context.Context, f FileFilter) ([]HistoryFile, error) {
	var w where
	w.and(f.Mailbox != "", "b.mailbox = ?", f.Mailbox)
	w.and(f.Rule != "", "f.rule = ?", f.Rule)
	w.and(f.State != "", "f.state = ?", f.State)
	w.and(!f.Since.IsZero(), "f.recorded >= ?", millis(f.Since))
	from, order := "file f NOT INDEXED CROSS JOIN record r ON r.id = f.record JOIN folder b ON b.id = r.folder", "f.id DESC"
	switch few, err := j.fewSaved(ctx, f.Mailbox); {
	case err != nil:
		return nil, j.classed("read files", err)
	case few: // not to be looked for among all
		from = "folder b CROSS JOIN record r INDEXED BY record_outcome ON r.folder = b.id AND r.outcome IN ('pending', 'near_miss', 'paused', 'superseded', 'saved', 'failed', 'held', 'dismissed') CROSS JOIN file f ON f.record = r.id"
	case f.Rule != "" && f.State == mail.FilePublished: // its index has them in that order
		w.terms = append(w.terms, "f.state = 'published'") // a parameter does not tell SQLite that the index has them all
		from = "file f INDEXED BY file_rule CROSS JOIN record r ON r.id = f.record JOIN folder b ON b.id = r.folder"
		order = "f.published DESC, f.id DESC"
	}
	query := "SELECT " + fileColumns + ", b.mailbox, b.folder, r.senders, r.subject, f.recorded FROM " + from + w.String() + " ORDER BY " + order
	if f.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	out, err := collect(ctx, j.r, scanHistory, query, w.args...)
	return out, j.classed("read files", err)
}

// fewSaved reports whether a mailbox, if one is named, has so few messages with files that these are quickly read.
func (j *Journal) fewSaved(ctx context.Context, mailbox string) (bool, error) {
	if mailbox == "" {
		return false, nil
	}
	var n int
	err := j.r.QueryRowContext(ctx, `SELECT count(*) FROM folder b CROSS JOIN record r INDEXED BY record_outcome ON r.folder = b.id AND r.outcome = 'saved'
		WHERE b.mailbox = ?`, mailbox).Scan(&n)
	return n < 2000, err
}

func scanHistory(s scanner) (h HistoryFile, err error) {
	var senders string
	h.File, err = scanFile(s, &h.Mailbox, &h.Folder, &senders, &h.Subject, at{&h.Recorded})
	if senders != "" {
		h.From = strings.Split(senders, "\n")
	}
	return h, err
}

// RuleStats returns what each rule has saved, by rule.
func (j *Journal) RuleStats(ctx context.Context) ([]RuleStat, error) {
	// max() makes SQLite take the other columns from the row that has it.
	out, err := collect(ctx, j.r, func(s scanner) (st RuleStat, err error) {
		var last time.Time
		st.Last, err = scanFile(s, &st.Count, at{&last})
		st.Rule = st.Last.Rule
		return st, err
	}, "SELECT "+fileColumns+", count(*), max(f.published) FROM file f INDEXED BY file_rule WHERE f.state = 'published' GROUP BY f.rule ORDER BY f.rule")
	return out, j.classed("read rules", err)
}

// Counts returns how many records a mailbox has by outcome.
func (j *Journal) Counts(ctx context.Context, mailbox string) (map[mail.Outcome]int, error) {
	what := "count messages of " + mailbox
	folders, err := folderRows(ctx, j.r, mailbox)
	if err != nil {
		return nil, j.classed(what, err)
	}
	out := make(map[mail.Outcome]int)
	for _, f := range folders {
		for _, o := range mail.Outcomes() {
			var n int
			if err := j.r.QueryRowContext(ctx, "SELECT count(*) FROM record INDEXED BY record_outcome WHERE folder = ? AND outcome = ?", f.id, o).Scan(&n); err != nil {
				return nil, j.classed(what, err)
			}
			if n > 0 {
				out[o] += n
			}
		}
	}
	return out, nil
}
