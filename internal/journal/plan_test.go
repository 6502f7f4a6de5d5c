package journal

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/poll"

	"modernc.org/sqlite"
)

// listener is SQLite's driver, and remembers every statement that it was given.
type listener struct {
	sqlite.Driver
	mu    sync.Mutex
	heard map[string]bool
}

func (l *listener) Open(dsn string) (driver.Conn, error) {
	c, err := l.Driver.Open(dsn)
	if err != nil {
		return nil, err
	}
	return &heardConn{sqliteConn: c.(sqliteConn), l: l}, nil
}

func (l *listener) hear(query string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard[query] = true
}

// sqliteConn is what database/sql uses of the driver's connection.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

type heardConn struct {
	sqliteConn
	l *listener
}

func (c *heardConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.l.hear(query)
	return c.sqliteConn.PrepareContext(ctx, query)
}

func (c *heardConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.l.hear(query)
	return c.sqliteConn.ExecContext(ctx, query, args)
}

func (c *heardConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.l.hear(query)
	return c.sqliteConn.QueryContext(ctx, query, args)
}

// listening is a fixture whose statements are heard.
func listening(t *testing.T) (*fixture, *listener) {
	l := &listener{heard: map[string]bool{}}
	name := "sqlite-heard-by-" + t.Name()
	sql.Register(name, l)
	x := newFixture(t)
	x.ok(x.Journal.Close())
	j, err := open(t.Context(), x.path, func() time.Time { return x.time }, name, migrations())
	x.ok(err)
	x.Journal = j
	clear(l.heard) // opening reads the whole file
	return x, l
}

// small are the tables, and the indices of what is in question only, that do not grow with the records.
var small = []string{"SCAN mailbox USING INDEX sqlite_autoindex_mailbox_1", "SCAN mailbox", "SCAN intent", "SCAN batch", "SCAN CONSTANT ROW", "SCAN record USING INDEX record_kept", "SCAN file USING INDEX file_staged",
	"SCAN file USING COVERING INDEX file_staged", "SCAN file USING INDEX file_reserved"}

// rare begins statements that only the end of a reset of the ids needs: it reads each folder once, see twinsIn.
const rare = "SELECT id, fingerprint, size FROM record WHERE folder = ?"

// growing matches a step of a plan that reads what grows with the records: a table or index from end to end, or every
// record of a folder.
var growing = regexp.MustCompile(`^SCAN [a-z]|INDEX (record_outcome|sqlite_autoindex_record_1) \(folder=\?( AND scope=\?)?\)|AUTOMATIC`)

// plan is how SQLite carries out a statement, step by step.
func plan(t *testing.T, db *sql.DB, query string) (steps []string) {
	t.Helper()
	if !regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)`).MatchString(query) {
		return nil
	}
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}

// faults are the steps of a statement's plan that read too much.
func faults(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	return slices.DeleteFunc(plan(t, db, query), func(step string) bool {
		return !growing.MatchString(step) || slices.Contains(small, step)
	})
}

// TestNoPassReadsAllRecords calls every method that a pass, or the start before it, calls, and asks SQLite how it
// carries out each statement: none may read what grows with the number of records.
func TestNoPassReadsAllRecords(t *testing.T) {
	x, l := listening(t)
	calls := passCalls(x)
	for m := range reflect.TypeFor[poll.Journal]().Methods() {
		if !slices.ContainsFunc(calls, func(c call) bool { return c.name == m.Name }) {
			t.Errorf("no call of %s: what it asks is not looked at", m.Name)
		}
	}
	for _, c := range calls {
		x.time = x.time.Add(time.Minute)
		if err := c.do(t.Context()); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	heard := slices.Sorted(maps.Keys(l.heard))
	if len(heard) < 60 {
		t.Errorf("only %d statements were heard", len(heard))
	}
	for _, query := range slices.DeleteFunc(heard, func(query string) bool { return strings.HasPrefix(query, rare) }) {
		for _, step := range faults(t, x.r.DB, query) {
			t.Errorf("%s\nin: %s", step, query)
		}
	}
	for _, bad := range []string{"SELECT id FROM record WHERE fingerprint = ?", "SELECT count(*) FROM file WHERE sha256 = ?", "DELETE FROM step WHERE at < ?",
		"SELECT outcome, count(*) FROM record WHERE folder = ? GROUP BY outcome", "SELECT id FROM record WHERE folder = ? AND scope = ?"} {
		if len(faults(t, x.r.DB, bad)) == 0 {
			t.Errorf("%s passes for a statement that reads little", bad)
		}
	}
}

type call struct {
	name string
	do   func(context.Context) error
}

// passCalls is the life of a few messages, in every method of poll.Journal and what the daemon asks at its start.
func passCalls(x *fixture) []call {
	var work mail.Worklist
	var files []mail.File
	var err error
	saved := func(ctx context.Context) error {
		files[0].State = mail.FilePublished
		return x.Saved(ctx, files[0].Record, files, savedJudgement, x.time)
	}
	intend := func(id mail.RecordID, f mail.File) func(context.Context) error {
		return func(ctx context.Context) error {
			files, err = x.Intend(ctx, id, []mail.File{f}, savedJudgement, x.time)
			return err
		}
	}
	replacing := file("3", "остатки.xls", "cc")
	replacing.Replace, replacing.Newest = true, true
	found := file("4", "нашлось.xls", "dd")
	found.Found = x.time
	unchanged := mail.Listing{Folder: "INBOX", Scope: "1", Complete: true, Unchanged: true, Next: mail.Cursor{UIDNext: 6, Count: 5}}
	other := listing("1", "2", "3")
	other.Scope = "2"
	sort := func(l mail.Listing) func(context.Context) error {
		return func(ctx context.Context) error { work, err = x.SortOut(ctx, box, l, x.options()); return err }
	}
	inspected := func(ctx context.Context) error { x.inspect(work); return nil }
	partial := listing("1", "2", "7")
	partial.Complete = false
	return []call{
		{"Origin", func(ctx context.Context) error { _, err := x.Origin(ctx); return err }},
		{"Arrived", func(ctx context.Context) error { return x.Arrived(ctx, x.time, x.time) }},
		{"Doubt", func(ctx context.Context) error { _, err := x.Doubt(ctx); return err }},
		{"Staging", func(ctx context.Context) error { _, err := x.Staging(ctx); return err }},
		{"SetStaging", func(ctx context.Context) error { return x.SetStaging(ctx, "token") }},
		{"Mailboxes", func(ctx context.Context) error { _, err := x.Mailboxes(ctx); return err }},
		{"Mailbox", func(ctx context.Context) error { _, err := x.Mailbox(ctx, box); return err }},
		{"Staged", func(ctx context.Context) error { _, err := x.Staged(ctx); return err }},
		{"Kept", func(ctx context.Context) error { _, err := x.Kept(ctx); return err }},
		{"Started", func(ctx context.Context) error { _, err := x.Started(ctx, box, account, x.time); return err }},
		{"Lost", func(ctx context.Context) error { _, err := x.Lost(ctx, box, "ended", x.time); return err }},
		{"Cursors", func(ctx context.Context) error { _, err := x.Cursors(ctx, box); return err }},
		{"SortOut", sort(listing("1", "2", "3", "4", "5"))},
		{"Inspected", inspected},
		{"EndFirstPoll", func(ctx context.Context) error {
			_, err := x.EndFirstPoll(ctx, box, "INBOX", mail.FirstRun{Since: x.time.Add(-time.Hour)}, x.time)
			return err
		}},
		{"SortOut", sort(unchanged)},
		{"SortOut", sort(partial)},
		{"Inspected", inspected},
		{"Reset", func(ctx context.Context) error { _, err := x.Reset(ctx, box, other, account); return err }},
		{"Work", func(ctx context.Context) error { _, err := x.Work(ctx, box, "INBOX", x.time); return err }},
		{"Receipts", func(ctx context.Context) error { _, err := x.Receipts(ctx, 1); return err }},
		{"Asking", func(ctx context.Context) error { return x.Asking(ctx, box, []mail.RecordID{1, 2, 3, 4, 5}) }},
		{"InHand", func(ctx context.Context) error { return x.InHand(ctx, 1) }},
		{"Imported", func(ctx context.Context) error {
			_, err := x.Imported(ctx, "autoparts", "v1:m-1", "прайс.xls", "aa")
			return err
		}},
		{"Intend", intend(1, file("1", "прайс.xls", "aa"))},
		{"Rename", func(ctx context.Context) error { return x.Rename(ctx, files[0].ID, "прайс (2).xls") }},
		{"Intents", func(ctx context.Context) error { _, err := x.Intents(ctx, box); return err }},
		{"Saved", saved},
		{"Intend", intend(2, replacing)},
		{"Latest", func(ctx context.Context) error { _, err := x.Latest(ctx, "autoparts"); return err }},
		{"Newest", func(ctx context.Context) error {
			_, err := x.Newest(ctx, "autoparts", "остатки.xls")
			return err
		}},
		{"Abandon", func(ctx context.Context) error { return x.Abandon(ctx, 2, files, "lost", x.time) }},
		{"Claimed", func(ctx context.Context) error {
			_, err := x.Claimed(ctx, "autoparts", "прайс.xls", x.time)
			return err
		}},
		{"Intend", intend(2, found)},
		{"Saved", saved},
		{"Judge", func(ctx context.Context) error {
			return x.Judge(ctx, []mail.RecordID{3}, mail.Judgement{Outcome: mail.Unmatched, RulesHash: "r0"}, x.time)
		}},
		{"Fail", func(ctx context.Context) error { _, err := x.Fail(ctx, 4, "bad", x.time); return err }},
		{"Hold", func(ctx context.Context) error { return x.Hold(ctx, 4, "oversize", "4.eml", x.time) }},
		{"Asking", func(ctx context.Context) error { return x.Asking(ctx, box, []mail.RecordID{5}) }},
		{"InHand", func(ctx context.Context) error { return x.InHand(ctx, 5) }},
		{"Lost", func(ctx context.Context) error { _, err := x.Lost(ctx, box, "cut", x.time); return err }},
		{"Asked", func(ctx context.Context) error { return x.Asked(ctx, box) }},
		{"Listed", func(ctx context.Context) error { _, err := x.Listed(ctx, box, "INBOX"); return err }},
		{"Folder", func(ctx context.Context) error { _, err := x.Folder(ctx, box, "INBOX"); return err }},
		{"SetPolicy", func(ctx context.Context) error {
			return x.SetPolicy(ctx, mail.FolderState{Mailbox: box, Folder: "INBOX", PolicyHash: "p", PolicySince: x.time})
		}},
		{"Stated", func(ctx context.Context) error {
			return x.Stated(ctx, map[mail.RecordID][]mail.PartNote{1: {{Name: "прайс.xls"}}})
		}},
		{"Deleting", func(ctx context.Context) error { return x.Deleting(ctx, []mail.RecordID{1}, x.time) }},
		{"Deleted", func(ctx context.Context) error {
			return x.Deleted(ctx, []mail.DeleteAnswer{{ID: 1, State: mail.DeleteDone}}, x.time)
		}},
		{"SortOut", sort(listing("1", "2/200", "3"))},
		{"Inspected", inspected},
		{"SortOut", sort(listing("2/200", "3"))},
		{"SortOut", sort(other)},
		{"Inspected", inspected},
		{"EndFirstPoll", func(ctx context.Context) error { x.endFirstPoll(); return nil }},
		{"Update", func(ctx context.Context) error {
			return x.Update(ctx, box, func(m *mail.MailboxState) { m.LastFinished = x.time })
		}},
	}
}

// TestCommandsNeedNoSorting: what status, history and messages show first is read first.
func TestCommandsNeedNoSorting(t *testing.T) {
	x, l := listening(t)
	x.pass(0)
	x.sort(listing("1", "2"))
	clear(l.heard)
	for _, c := range commandCalls(x) {
		if c.name == "backup" || c.name == "history-mailbox-none" { // few files are sorted quickly
			continue
		}
		if err := c.do(t.Context()); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	if len(l.heard) < 10 {
		t.Errorf("only %d statements were heard", len(l.heard))
	}
	for query := range l.heard {
		for _, step := range plan(t, x.r.DB, query) {
			if strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s\nin: %s", step, query)
			}
		}
	}
}
