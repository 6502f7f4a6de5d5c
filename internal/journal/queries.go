package journal

import (
	"context"
	"fmt"
	"strings"
	"time"

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

// Records returns the newest records first.
func (j *Journal) Records(ctx context.Context, f Filter) ([]mail.Record, error) {
	var w where
	w.and(f.Mailbox != "", "f.mailbox = ?", f.Mailbox)
	w.and(f.Rule != "", "EXISTS (SELECT 1 FROM file x WHERE x.record = r.id AND x.rule = ?)", f.Rule)
	w.and(!f.Since.IsZero(), "r.age >= ?", millis(f.Since))
	w.and(!f.Until.IsZero(), "r.age < ?", millis(f.Until))
	w.and(f.Before != 0, "r.id < ?", f.Before)
	f.outcomes(&w)
	rows, err := j.r.QueryContext(ctx, selectRecords+w.String()+" ORDER BY r.id DESC", w.args...)
	if err != nil {
		return nil, j.classed("read messages", err)
	}
	defer rows.Close()
	var out []mail.Record
	for rows.Next() && (f.Limit == 0 || len(out) < f.Limit) {
		r, err := scanRecord(rows)
		if err != nil {
			return nil, j.classed("read messages", err)
		}
		// Not in SQL: SQLite knows no case outside ASCII.
		if f.From == "" || strings.Contains(strings.ToLower(strings.Join(r.From, "\n")), strings.ToLower(f.From)) {
			out = append(out, r)
		}
	}
	return out, j.classed("read messages", rows.Err())
}

func (f Filter) outcomes(w *where) {
	var terms []string
	var args []any
	for _, o := range f.Outcomes {
		terms, args = append(terms, "r.outcome = ?"), append(args, o)
	}
	if f.Leftover {
		terms = append(terms, "(r.outcome = 'saved' AND r.leftover = 1)")
	}
	w.and(len(terms) > 0, "("+strings.Join(terms, " OR ")+")", args...)
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
	query := "SELECT " + fileColumns + ", b.mailbox, b.folder, r.senders, r.subject, f.recorded FROM file f JOIN record r ON r.id = f.record JOIN folder b ON b.id = r.folder" +
		w.String() + " ORDER BY f.id DESC"
	if f.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	out, err := collect(ctx, j.r, scanHistory, query, w.args...)
	return out, j.classed("read files", err)
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
	out := make(map[mail.Outcome]int)
	_, err := collect(ctx, j.r, func(s scanner) (o mail.Outcome, err error) {
		var n int
		err = s.Scan(&o, &n)
		out[o] = n
		return o, err
	}, "SELECT r.outcome, count(*) FROM folder f JOIN record r INDEXED BY record_outcome ON r.folder = f.id WHERE f.mailbox = ? GROUP BY r.outcome", mailbox)
	return out, j.classed("count messages of "+mailbox, err)
}
