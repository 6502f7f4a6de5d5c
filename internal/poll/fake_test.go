package poll_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailbox"
	"pricefetch/internal/match"
	"pricefetch/internal/mimepart"
	"pricefetch/internal/poll"
	"pricefetch/internal/retain"
	"pricefetch/internal/save"
	"pricefetch/internal/save/held"
)

// errCut is a connection that broke.
var errCut = errors.New("connection reset by peer")

// server is a mail server that does what it is told: the messages it holds outlive its sessions.
type server struct {
	protocol string
	folder   string
	validity string
	messages []*message
	nextUID  int

	fail    func(op string) error // asked before each command; nil: all is well
	cut     map[string]bool       // ids of messages whose content breaks the connection
	damaged map[string]bool       // ids whose content is cut short in the MIME structure (the server says it is whole)
	partial bool                  // listings are incomplete
	noUIDL  bool
	lies    bool // confirms deletions and does not carry them out
	noTOP   bool // headers come by RETR

	headless map[string]string // ids whose header is "withheld", "odd" (proven unreadable), or "cuts" the connection
	inHand   string            // id of the message whose content was asked for last

	structured structured // what it says of messages that are not read

	fetched map[string]int // by id: how often content was asked for
	log     []string
}

type message struct {
	id       string
	raw      []byte
	received time.Time
}

func newServer(protocol string) *server {
	s := &server{protocol: protocol, nextUID: 1, fetched: map[string]int{}, cut: map[string]bool{}, damaged: map[string]bool{}}
	if protocol == "imap" {
		s.folder, s.validity = "INBOX", "7"
	}
	return s
}

// add delivers a message and returns its id.
func (s *server) add(raw string, received time.Time) string {
	id := strconv.Itoa(s.nextUID)
	s.nextUID++
	s.messages = append(s.messages, &message{id, []byte(raw), received})
	return id
}

func (s *server) has(id string) bool { return s.find(id) != nil }

func (s *server) find(id string) *message {
	for _, m := range s.messages {
		if m.id == id {
			return m
		}
	}
	return nil
}

func (s *server) ask(op string) error {
	s.log = append(s.log, op)
	if s.fail != nil {
		return s.fail(op)
	}
	return nil
}

// session is one connection to a server.
type session struct {
	s      *server
	marked []string

	retrieved []mail.Ref
}

// Retrieved tells what the server has given by RETR.
func (c *session) Retrieved() []mail.Ref { return c.retrieved }

func (c *session) ref(i int) mail.Ref {
	m := c.s.messages[i]
	r := mail.Ref{Folder: c.s.folder, Scope: c.s.validity, ID: m.id}
	if c.s.protocol == "pop3" {
		r.Num = uint32(i + 1)
	}
	if c.s.noUIDL || c.s.twice(m.id) {
		r.ID = ""
	}
	return r
}

// twice reports whether two messages have that id, which then is none.
func (s *server) twice(id string) bool {
	n := 0
	for _, m := range s.messages {
		if m.id == id {
			n++
		}
	}
	return n > 1
}

// locate finds what a ref names in this session.
func (c *session) locate(r mail.Ref) *message {
	if r.ID == "" {
		return c.s.messages[r.Num-1]
	}
	return c.s.find(r.ID)
}

func (c *session) List(context.Context, []mail.Cursor) ([]mail.Listing, error) {
	if err := c.s.ask("list"); err != nil {
		return nil, err
	}
	l := mail.Listing{Folder: c.s.folder, Scope: c.s.validity, Complete: !c.s.partial}
	for i, m := range c.s.messages {
		if c.s.partial && i%2 == 0 {
			continue
		}
		l.Refs = append(l.Refs, mail.Listed{Ref: c.ref(i), Size: int64(len(m.raw))})
	}
	if c.s.partial {
		l.Why = "no final dot"
	}
	l.Next = mail.Cursor{Folder: c.s.folder, Scope: c.s.validity, UIDNext: uint32(c.s.nextUID), Count: len(l.Refs)}
	return []mail.Listing{l}, nil
}

func (c *session) Envelopes(_ context.Context, refs []mail.Ref, each func(mail.Envelope) error) error {
	var odd []mail.Ref
	for _, ref := range refs {
		if err := c.s.ask("top"); err != nil {
			return err
		}
		m := c.locate(ref)
		if m == nil || c.s.headless[m.id] == "withheld" {
			continue
		}
		if c.s.headless[m.id] == "odd" {
			odd = append(odd, ref)
			continue
		}
		if c.s.headless[m.id] == "cuts" {
			return errCut
		}
		if c.s.noTOP {
			c.retrieved = append(c.retrieved, ref)
		}
		if err := each(c.envelope(ref, m)); err != nil {
			return err
		}
	}
	if odd != nil {
		return &mail.OddAnswer{Refs: odd, Proven: true, Err: errors.New("no answer that can be read")}
	}
	return nil
}

func (c *session) envelope(ref mail.Ref, m *message) mail.Envelope {
	head, _, _ := bytes.Cut(m.raw, []byte("\r\n\r\n"))
	e := mimepart.Envelope(append(head, "\r\n\r\n"...))
	e.Ref, e.Size, e.Received = ref, int64(len(m.raw)), m.received
	return e
}

func (c *session) Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error {
	for _, ref := range refs {
		if err := c.s.ask("retr"); err != nil {
			return err
		}
		m := c.locate(ref)
		if m == nil {
			if err := h.Done(ref, mail.Errorf(mail.Message, "no such message")); err != nil {
				return err
			}
			continue
		}
		c.s.fetched[m.id]++
		c.s.inHand = m.id
		c.retrieved = append(c.retrieved, ref)
		if c.s.cut[m.id] {
			h.Want(ref, mail.Part{})
			return errCut
		}
		raw := io.NopCloser(bytes.NewReader(m.raw))
		k := mailbox.Kept(ref, func() (io.ReadCloser, error) { return raw, nil })
		if err := k.Fetch(ctx, []mail.Ref{ref}, h); err != nil {
			return err
		}
	}
	return nil
}

func (c *session) Delete(_ context.Context, doomed []mail.Doomed) ([]mail.Deleted, error) {
	var out []mail.Deleted
	for i, d := range doomed {
		answer := mail.Deleted{Ref: d.Ref}
		if err := c.s.ask("delete"); err != nil {
			for _, rest := range doomed[i:] {
				out = append(out, mail.Deleted{Ref: rest.Ref, State: mail.DeleteUnknown, Err: err})
			}
			return out, err
		}
		m := c.locate(d.Ref)
		switch {
		case m == nil:
			answer.State = mail.DeleteAbsent
		case c.envelope(d.Ref, m).Fingerprint != d.Fingerprint:
			answer.State, answer.Err = mail.DeleteMismatch, errors.New("another message")
		case c.s.protocol == "pop3":
			answer.State = mail.DeleteMarked
			c.marked = append(c.marked, m.id)
		default:
			answer.State = mail.DeleteDone
			c.s.remove(m.id)
		}
		out = append(out, answer)
	}
	return out, nil
}

func (s *server) remove(id string) {
	if !s.lies {
		s.messages = slices.DeleteFunc(s.messages, func(m *message) bool { return m.id == id })
	}
}

func (c *session) Close(commit bool) error {
	if !commit {
		c.s.log = append(c.s.log, "drop")
		return nil
	}
	err := c.s.ask("quit")
	if err != nil && !errors.Is(err, errAnswerLost) {
		return err
	}
	for _, id := range c.marked {
		c.s.remove(id)
	}
	return err
}

// errAnswerLost is a command that the server carried out without our hearing of it.
var errAnswerLost = errors.New("answer lost")

// house is one installation: a server, a state directory, an import directory and a clock.
type house struct {
	t      *testing.T
	server *server
	dir    string
	now    time.Time
	rules  []match.Rule
	pass   poll.Pass // options to be used; rooms are filled in
	wrap   func(poll.Journal) poll.Journal
	disk   func(poll.Import) poll.Import

	user    string              // of the account; "": "u"
	connect func() poll.Session // nil: a session with server

	journal *journal.Journal
	importd *save.Dir
	held    *held.Store
	output  bytes.Buffer
	log     io.Writer // nil: output
}

func newHouse(t *testing.T, protocol string) *house {
	h := &house{t: t, server: newServer(protocol), dir: t.TempDir(), now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	h.rules = []match.Rule{{Name: "autoparts", From: []string{"*@autoparts.ru"}, Files: []string{"*.{csv,xls}"}}}
	h.pass = poll.Pass{
		FirstRun: mail.FirstRun{All: true}, Rescan: 7 * 24 * time.Hour, Interval: 5 * time.Minute,
		Retention: retain.Policy{LeaveCopy: true, BrakePercent: 25},
	}
	for _, sub := range []string{"import", "state"} {
		if err := os.MkdirAll(filepath.Join(h.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// boot opens the rooms as a starting daemon does; what was open before is closed first, as by a crash.
func (h *house) boot() (poll.Pass, *save.Dir) {
	h.t.Helper()
	h.shut()
	return h.build(), h.importd
}

// open opens the rooms.
func (h *house) open() {
	h.t.Helper()
	ctx := h.t.Context()
	var err error
	h.journal, err = journal.Open(ctx, filepath.Join(h.dir, "state", "journal.db"), func() time.Time { return h.now })
	if err != nil {
		h.t.Fatal(err)
	}
	token, err := h.journal.Staging(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	h.importd, err = save.Open(save.Options{
		ImportDir: filepath.Join(h.dir, "import"), StateDir: filepath.Join(h.dir, "state"), JournalID: h.journal.ID(),
		FileMode: 0o640, DirMode: 0o750, GID: -1,
	}, token)
	if err != nil {
		h.t.Fatal(err)
	}
	if token == "" {
		if token, err = h.importd.Establish(); err != nil {
			h.t.Fatal(err)
		}
		if err := h.journal.SetStaging(ctx, token); err != nil {
			h.t.Fatal(err)
		}
	}
	if h.held, err = held.Open(filepath.Join(h.dir, "state", "held"), 1<<20); err != nil {
		h.t.Fatal(err)
	}
}

// build makes a pass of the options as they are now, and opens the rooms if they are not.
func (h *house) build() poll.Pass {
	h.t.Helper()
	if h.journal == nil {
		h.open()
	}
	rules, err := match.Compile(h.rules)
	if err != nil {
		h.t.Fatal(err)
	}
	p := h.pass
	p.Mailbox, p.Account = "prices", mail.Account{Protocol: h.server.protocol, Host: "mail.example.ru", User: cmp.Or(h.user, "u")}
	p.Rules = rules.For("prices")
	p.Destination = func(rule string) poll.Destination { return poll.Destination{Dir: rule} }
	if h.pass.Destination != nil {
		p.Destination = h.pass.Destination
	}
	p.Open = func(context.Context) (poll.Session, error) {
		if err := h.server.ask("open"); err != nil {
			return nil, err
		}
		if h.connect != nil {
			return h.connect(), nil
		}
		return &session{s: h.server}, nil
	}
	p.OpenKept = func(rec mail.Record) poll.Fetcher {
		return mailbox.Kept(rec.Ref, func() (io.ReadCloser, error) { return h.held.Open(rec.Kept) })
	}
	p.Journal, p.Import, p.Held = h.journal, h.importd, h.held
	if h.wrap != nil {
		p.Journal = h.wrap(h.journal)
	}
	if h.disk != nil {
		p.Import = h.disk(h.importd)
	}
	p.Now = func() time.Time { return h.now }
	log := h.log
	if log == nil {
		log = &h.output
	}
	p.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return p
}

func (h *house) shut() {
	if h.journal != nil {
		if err := h.journal.Close(); err != nil {
			h.t.Error(err)
		}
		h.journal = nil
	}
}

// run makes one pass.
func (h *house) run() (poll.Report, error) {
	h.t.Helper()
	p := h.build()
	h.t.Cleanup(h.shut)
	h.server.log = nil
	return p.Run(h.t.Context())
}

// mustRun makes one pass that has to succeed, and lets time pass.
func (h *house) mustRun() poll.Report {
	h.t.Helper()
	report, err := h.run()
	if err != nil {
		h.t.Fatalf("pass: %v\n%s", err, h.output.String())
	}
	h.now = h.now.Add(5 * time.Minute)
	return report
}

// files lists what lies in the import directory.
func (h *house) files() []string {
	h.t.Helper()
	var out []string
	root := filepath.Join(h.dir, "import")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == ".pricefetch" {
			return filepath.SkipDir
		}
		if !d.IsDir() {
			rel, _ := filepath.Rel(root, path)
			out = append(out, rel)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// outcomes are the records' outcomes by server id.
func (h *house) outcomes() map[string]mail.Outcome {
	h.t.Helper()
	out := map[string]mail.Outcome{}
	for _, rec := range h.records() {
		out[rec.Ref.ID] = rec.Outcome
	}
	return out
}

func (h *house) records() []mail.Record {
	h.t.Helper()
	records, err := h.journal.Records(h.t.Context(), journal.Filter{Mailbox: "prices"})
	if err != nil {
		h.t.Fatal(err)
	}
	return records
}

func (h *house) wantFiles(names ...string) {
	h.t.Helper()
	if got := h.files(); !slices.Equal(got, names) {
		h.t.Fatalf("import directory holds %q, want %q\n%s", got, names, h.output.String())
	}
}

// letter is a message with one CSV attachment.
func letter(id, from, file, content string) string {
	return strings.ReplaceAll(fmt.Sprintf(`From: %s
To: price@example.ru
Subject: Prices %s
Date: Thu, 19 Nov 2026 10:00:00 +0300
Message-ID: <%s@example.ru>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain

Hello

--b
Content-Type: application/octet-stream
Content-Disposition: attachment; filename="%s"

%s
--b--
`, from, id, id, file, content), "\n", "\r\n")
}

// broken is a letter whose second attachment cannot be decoded.
func broken(id, from string) string {
	text := letter(id, from, "good.csv", "1;2")
	bad := "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=\"bad.csv\"\r\n\r\nQUJDR\r\n--b--\r\n"
	return strings.Replace(text, "--b--\r\n", bad, 1)
}
