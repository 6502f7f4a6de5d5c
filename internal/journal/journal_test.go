package journal

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"

	"github.com/google/go-cmp/cmp"
)

const box = "prices"

var (
	start   = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	account = mail.Account{Protocol: "imap", Host: "imap.example.ru", User: "sklad@example.ru"}
)

// fixture is a journal on disk and a clock.
type fixture struct {
	*Journal
	t    testing.TB
	path string
	time time.Time
}

func newFixture(t testing.TB) *fixture {
	x := &fixture{t: t, path: filepath.Join(t.TempDir(), "journal.db"), time: start}
	x.open()
	t.Cleanup(func() { x.Journal.Close() })
	return x
}

func (x *fixture) open() {
	x.t.Helper()
	j, err := Open(x.t.Context(), x.path, func() time.Time { return x.time })
	if err != nil {
		x.t.Fatal(err)
	}
	x.Journal = j
}

func (x *fixture) ok(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

// pass begins a pass some time after the last one.
func (x *fixture) pass(after time.Duration) {
	x.t.Helper()
	x.time = x.time.Add(after)
	_, err := x.Started(x.t.Context(), box, account, x.time)
	x.ok(err)
}

func (x *fixture) finish() {
	x.t.Helper()
	x.ok(x.Update(x.t.Context(), box, func(m *mail.MailboxState) { m.LastFinished = x.time }))
}

// listing builds a complete IMAP listing of INBOX; an id may carry a size: "17/1000".
func listing(ids ...string) mail.Listing {
	l := mail.Listing{Folder: "INBOX", Scope: "1", Complete: true}
	for i, s := range ids {
		id, size, _ := strings.Cut(s, "/")
		n := int64(100)
		if size != "" {
			n, _ = strconv.ParseInt(size, 10, 64)
		}
		l.Refs = append(l.Refs, mail.Listed{Ref: mail.Ref{Folder: "INBOX", Scope: "1", ID: id, Num: uint32(i + 1)}, Size: n})
	}
	l.Next = mail.Cursor{Folder: "INBOX", Scope: "1", UIDNext: uint32(len(ids) + 1), Count: len(ids)}
	return l
}

func (x *fixture) options() mail.SortOptions {
	return mail.SortOptions{Now: x.time, RulesHash: "r1", Rescan: 7 * 24 * time.Hour, Account: account}
}

func (x *fixture) sort(l mail.Listing) mail.Worklist {
	x.t.Helper()
	w, err := x.SortOut(x.t.Context(), box, l, x.options())
	x.ok(err)
	return w
}

// header is the envelope of a message; its fingerprint says which message it is.
func header(r mail.Record, message string, received time.Time) mail.Envelope {
	return mail.Envelope{Ref: r.Ref, From: []string{"price@поставщик.рф"}, Subject: "Прайс " + message, Date: received,
		MessageID: "<" + message + "@example>", Received: received, Size: r.Size, Fingerprint: "v1:" + message}
}

// inspect reads the headers the worklist asks for: message "m-<id>", received when listed.
func (x *fixture) inspect(w mail.Worklist) []mail.Record {
	x.t.Helper()
	var in []mail.Inspection
	for _, r := range w.Inspect {
		e := header(r, "m-"+r.Ref.ID, x.time)
		e.Size = -1
		in = append(in, mail.Inspection{Record: r, Envelope: e})
	}
	out, err := x.Inspected(x.t.Context(), in, x.time)
	x.ok(err)
	return out
}

func (x *fixture) work() []mail.Record {
	x.t.Helper()
	rs, err := x.Work(x.t.Context(), box, "INBOX", x.time)
	x.ok(err)
	return rs
}

func (x *fixture) endFirstPoll() int {
	x.t.Helper()
	n, err := x.EndFirstPoll(x.t.Context(), box, "INBOX", mail.FirstRun{Age: 7 * 24 * time.Hour}, x.time)
	x.ok(err)
	return n.Baseline
}

// polled is a fixture whose first poll is over and listed ids.
func polled(t testing.TB, ids ...string) *fixture {
	x := newFixture(t)
	x.pass(0)
	x.inspect(x.sort(listing(ids...)))
	x.endFirstPoll()
	x.finish()
	return x
}

func (x *fixture) all() []mail.Record {
	x.t.Helper()
	rs, err := x.Records(x.t.Context(), Filter{})
	x.ok(err)
	return rs
}

// by returns the newest generation of an id.
func (x *fixture) by(id string) mail.Record {
	x.t.Helper()
	for _, r := range x.all() {
		if r.Ref.ID == id {
			return r
		}
	}
	x.t.Fatalf("no record of id %s", id)
	return mail.Record{}
}

func (x *fixture) judge(id string, o mail.Outcome) mail.RecordID {
	x.t.Helper()
	r := x.by(id)
	x.ok(x.Judge(x.t.Context(), []mail.RecordID{r.ID}, mail.Judgement{Outcome: o, RulesHash: "r1"}, x.time))
	return r.ID
}

func (x *fixture) lastStep(id mail.RecordID) string {
	x.t.Helper()
	steps, err := x.Steps(x.t.Context(), id)
	x.ok(err)
	return steps[len(steps)-1].Text
}

func ids(rs []mail.Record) string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Ref.ID)
	}
	return strings.Join(out, " ")
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func wantErr(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q lacks %q", err, p)
		}
	}
}

func numbered(from, to int) []string {
	var out []string
	for i := from; i <= to; i++ {
		out = append(out, fmt.Sprint(i))
	}
	return out
}
