package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

// life is one mailbox, "prices", under the whole program: the daemon's own passes with every room behind them, real
// sockets, and a clock that the test turns. What the operator sees and does is in log, do and status.
type life struct {
	*site
	protocol string
	now      time.Time // what the machine's clock says
	d        *Daemon
	policy   string // under retention:
	box      string // further keys of the mailbox, ", key: value"
	head     string // further lines of the file
	host     string
	more     string // further mailboxes
	rules    string
	built    time.Time
	keepRaw  int64
	timeout  time.Duration
}

// overBoth runs f with a mailbox of each protocol.
func overBoth(t *testing.T, f func(t *testing.T, l *life)) {
	for _, protocol := range []string{"imap", "pop3"} {
		t.Run(protocol, func(t *testing.T) { f(t, newLife(t, protocol)) })
	}
}

// begin is when most lives begin: a Friday noon.
func begin() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

func newLife(t *testing.T, protocol string) *life {
	t.Helper()
	l := &life{site: newSite(t), protocol: protocol, now: begin(), policy: "leave_copy: true", host: "127.0.0.1", rules: rules}
	l.user(protocol, "prices")
	t.Cleanup(func() { l.shut() })
	return l
}

// shut ends the daemon; the next pass starts it again, as after a crash.
func (l *life) shut() {
	if l.d != nil {
		if err := l.d.Close(); err != nil {
			l.t.Error(err)
		}
		l.d = nil
	}
}

// daemon is the running daemon, on the options as they are now.
func (l *life) daemon() *Daemon {
	l.t.Helper()
	text := fmt.Sprintf("import_dir: %s\nstate_dir: %s\n%smailboxes:\n  - {name: prices, protocol: %s, host: %s, port: %d, tls: none, "+
		"username: prices, password: pw, poll: 5m%s, retention: {%s}}\n%s%s", l.path("import"), l.path("state"), l.head, l.protocol,
		l.host, l.ports[l.protocol], l.box, l.policy, l.more, l.rules)
	if !strings.Contains(l.head, "limits:") {
		text = "limits: {min_free: 1MB}\n" + text
	}
	if old, err := os.ReadFile(l.path("pricefetch.yaml")); err == nil && string(old) == text && l.d != nil {
		return l.d
	}
	c, err := config.Load(l.write("pricefetch.yaml", text), Checks())
	if err != nil {
		l.t.Fatal(err)
	}
	if l.d != nil {
		if err := l.d.use(l.t.Context(), c); err != nil {
			l.t.Fatal(err)
		}
		return l.d
	}
	l.d = l.open(Options{Config: c, Log: slog.New(slog.NewTextHandler(l.log, nil)), Now: func() time.Time { return l.now }, Built: l.built,
		KeepRaw: l.keepRaw, Timeout: l.timeout})
	return l.d
}

// put delivers a letter with one price list, received at that time; its name is the list's and the Message-ID's. One
// whose name begins with x is from nobody that a rule wants.
func (l *life) put(received time.Time, names ...string) {
	l.t.Helper()
	for _, name := range names {
		l.putRaw(received, lifeLetter(name, received))
	}
}

func (l *life) putRaw(received time.Time, raw []byte) {
	l.t.Helper()
	if l.protocol == "pop3" {
		l.drops["prices"].Add(raw)
	} else if err := l.imap.Append("prices", "INBOX", raw, received); err != nil {
		l.t.Fatal(err)
	}
}

func lifeLetter(name string, received time.Time) []byte {
	from := "price@autoparts.example"
	if strings.HasPrefix(name, "x") {
		from = "news@novosti.example"
	}
	return mailtest.Message(mailtest.MessageOptions{
		From: from, Subject: "Letter " + name, ID: name + "@life.example", Date: received, Received: received,
		Files: []mailtest.Attachment{{Name: name + ".xls", Content: []byte("content of " + name)}},
	})
}

// numbered are prefix0 … prefix(n-1).
func numbered(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint(prefix, i)
	}
	return names
}

// left are the names of the letters that are on the server, sorted.
func (l *life) left() []string {
	l.t.Helper()
	var names []string
	note := func(messageID string) {
		name, _, _ := strings.Cut(strings.Trim(messageID, "<>"), "@")
		names = append(names, name)
	}
	if l.protocol == "pop3" {
		for _, m := range l.drops["prices"].Messages() {
			_, id, _ := strings.Cut(string(m.Raw), "Message-ID: ")
			note(id)
		}
	} else {
		all, err := l.imap.Messages("prices", "INBOX")
		if err != nil {
			l.t.Fatal(err)
		}
		for _, m := range all {
			note(m.MessageID)
		}
	}
	slices.Sort(names)
	return names
}

// pass makes one pass, whatever comes of it.
func (l *life) pass() Outcome { l.t.Helper(); return l.daemon().poll(l.t.Context(), "prices") }

// planned are the letters that `plan` says a pass would leave on the server, in the same form as left.
func (l *life) planned() string {
	l.t.Helper()
	d := l.daemon()
	m, _ := find(d.current(), "prices")
	plan, err := Planner(d.current(), d.rules, m, d.options).Plan(l.t.Context(), d.journal)
	if err != nil || plan.Folders[0].Error != "" {
		l.t.Fatalf("plan: %v %+v", err, plan)
	}
	var gone []string
	for _, doomed := range plan.Folders[0].Delete {
		gone = append(gone, strings.TrimPrefix(doomed.Subject, "Letter "))
	}
	return without(strings.Join(l.left(), " "), gone...)
}

// mustPass makes one that has to succeed.
func (l *life) mustPass() Outcome {
	l.t.Helper()
	out := l.pass()
	if out.Err != nil {
		l.t.Fatalf("pass at %s: %v\n%s", l.now, out.Err, l.log)
	}
	return out
}

// do carries out what an operator asks for, and fails the test if it cannot.
func (l *life) do(req Request) []string {
	l.t.Helper()
	a := l.daemon().Do(l.t.Context(), req)
	if a.Error != "" {
		l.t.Fatalf("%s: %s", req.Action, a.Error)
	}
	return a.Lines
}

func (l *life) approve() []string {
	l.t.Helper()
	return l.do(Request{Action: ActApprove, Mailboxes: []string{"prices"}})
}

func (l *life) approveClock() []string {
	l.t.Helper()
	return l.do(Request{Action: ActApproveClock, Mailboxes: []string{"prices"}})
}

// state is what the journal keeps of the mailbox.
func (l *life) state() mail.MailboxState {
	l.t.Helper()
	m, err := l.daemon().journal.Mailbox(l.t.Context(), "prices")
	if err != nil {
		l.t.Fatal(err)
	}
	return m
}

// records are the journal's, by the letters' names; the newest generation of each.
func (l *life) records() map[string]mail.Record {
	l.t.Helper()
	all, err := l.daemon().journal.Records(l.t.Context(), journal.Filter{Mailbox: "prices"})
	if err != nil {
		l.t.Fatal(err)
	}
	byName := map[string]mail.Record{}
	for _, r := range all {
		name, _ := strings.CutPrefix(r.Subject, "Letter ")
		if old, ok := byName[name]; !ok || old.ID < r.ID {
			byName[name] = r
		}
	}
	return byName
}

// wantLeft wants exactly these letters on the server, told as in "w1 w2 x1".
func (l *life) wantLeft(want string) {
	l.t.Helper()
	if got := strings.Join(l.left(), " "); got != want {
		l.t.Errorf("%s: on the server are %q, want %q\n%s", l.now, got, want, l.log)
	}
}

// said tells whether the log has a line with all these parts.
func (l *life) said(parts ...string) bool { return l.log.count(parts...) > 0 }

// content is that of an imported file.
func (l *life) content(name string) string {
	l.t.Helper()
	data, err := os.ReadFile(l.path("import", name))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(data)
}

// damaged is a letter with a sound list and one whose content is cut short in the message itself.
func damaged(name string) []byte {
	raw := string(mailtest.Message(mailtest.MessageOptions{
		From: "price@autoparts.example", Subject: "Letter " + name, ID: name + "@life.example", Date: begin(), Received: begin(),
		Files: []mailtest.Attachment{{Name: name + ".xls", Content: []byte("content of " + name)}, {Name: name + "-bad.xls", Content: []byte("QUJD")}},
	}))
	return []byte(strings.Replace(raw, "UVVKRA==", "QUJDR", 1))
}
