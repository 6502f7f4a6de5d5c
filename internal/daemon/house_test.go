package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pricefetch/internal/config"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// rules is a rule for what the tests' letters carry.
const rules = "rules: [{name: autoparts, from: [price@autoparts.example], files: ['*.xls']}]\n"

// site is one installation of the daemon with mail servers in this process.
type site struct {
	t       *testing.T
	dir     string
	imap    *mailtest.IMAP
	pop     *mailtest.POP3
	ports   map[string]int
	drops   map[string]*mailtest.Maildrop
	script  atomic.Pointer[func(*mailtest.Exchange)] // of the POP3 server
	log     *lines
	signals chan os.Signal
	tick    chan time.Time
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{
		t: t, dir: t.TempDir(), imap: mailtest.NewIMAP(), ports: map[string]int{}, drops: map[string]*mailtest.Maildrop{}, log: newLines(),
		signals: make(chan os.Signal), tick: make(chan time.Time),
	}
	s.pop = mailtest.NewPOP3(mailtest.POP3Options{Script: func(x *mailtest.Exchange) {
		if f := s.script.Load(); f != nil {
			(*f)(x)
		}
	}})
	var err error
	if s.ports["imap"], err = s.imap.Listen(); err != nil {
		t.Fatal(err)
	}
	if s.ports["pop3"], err = s.pop.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.imap.Close(), s.pop.Close()); err != nil {
			t.Error(err)
		}
	})
	for _, sub := range []string{"import", "state"} {
		if err := os.Mkdir(s.path(sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *site) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// onPOP3 shows every exchange of the POP3 server to f.
func (s *site) onPOP3(f func(x *mailtest.Exchange)) { s.script.Store(&f) }

// box is the configuration of one mailbox of the in-process servers; its user is named like it, with the password pw.
func (s *site) box(name, protocol, more string) string {
	return fmt.Sprintf("  - {name: %s, protocol: %s, host: 127.0.0.1, port: %d, tls: none, username: %s, first_run: all, poll: 1h%s}\n",
		name, protocol, s.ports[protocol], name, more)
}

const password = ", password: pw"

// configure writes the configuration file.
func (s *site) configure(format string, args ...any) string {
	s.t.Helper()
	head := fmt.Sprintf("import_dir: %s\nstate_dir: %s\nlimits: {min_free: 1MB, per_host: {'*': 16}}\n", s.path("import"), s.path("state"))
	return s.write("pricefetch.yaml", head+fmt.Sprintf(format, args...))
}

func (s *site) write(name, text string) string {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.path(name)
}

// user makes a mailbox on the server of that protocol with one message for each file name.
func (s *site) user(protocol, name string, files ...string) {
	s.t.Helper()
	if protocol == "pop3" {
		s.drops[name] = s.pop.AddUser(name, "pw")
	} else if err := s.imap.AddUser(name, "pw"); err != nil {
		s.t.Fatal(err)
	}
	for _, file := range files {
		s.deliver(protocol, name, file)
	}
}

// deliver puts a message with that file into a mailbox.
func (s *site) deliver(protocol, user, file string) {
	s.t.Helper()
	raw := letter(user, file)
	if protocol == "pop3" {
		s.drops[user].Add(raw)
	} else if err := s.imap.Append(user, "INBOX", raw, time.Now()); err != nil {
		s.t.Fatal(err)
	}
}

func letter(user, file string) []byte {
	return mailtest.Message(mailtest.MessageOptions{
		From: "Автозапчасти <price@autoparts.example>", Subject: "Прайс", ID: user + "-" + file + "@test.example", Date: time.Now(), Received: time.Now(),
		Files: []mailtest.Attachment{{Name: file, Content: []byte("content of " + file + " for " + user)}},
	})
}

func (s *site) options() Options {
	s.t.Helper()
	c, err := config.Load(s.path("pricefetch.yaml"), Checks())
	if err != nil {
		s.t.Fatal(err)
	}
	return Options{Config: c, Log: slog.New(slog.NewTextHandler(s.log, nil)), Signals: s.signals, Tick: s.tick, Rand: func() float64 { return 0 }}
}

func (s *site) open(o Options) *Daemon {
	s.t.Helper()
	d, err := Open(s.t.Context(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// once makes one pass over every mailbox and ends the daemon.
func (s *site) once() []Outcome {
	s.t.Helper()
	d := s.open(s.options())
	out, err := d.Once(s.t.Context(), nil, nil)
	if err := errors.Join(err, d.Close()); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// running is a daemon under way.
type running struct {
	*Daemon
	s     *site
	ended chan error
	over  chan struct{} // closed by wait
}

func (s *site) run() *running { s.t.Helper(); return s.runWith(s.options()) }

func (s *site) runWith(o Options) *running {
	s.t.Helper()
	r := &running{Daemon: s.open(o), s: s, ended: make(chan error, 1), over: make(chan struct{})}
	go func() { r.ended <- r.Run(context.Background()) }()
	s.log.await(s.t, "msg=started")
	s.t.Cleanup(r.stop)
	return r
}

// stop ends the daemon with a signal, if it has not ended yet.
func (r *running) stop() {
	r.s.t.Helper()
	select {
	case <-r.over:
		return // wait was here before
	default:
	}
	select {
	case r.s.signals <- os.Interrupt:
	case err := <-r.ended:
		r.ended <- err
	}
	r.wait()
}

// wait wants the daemon to end without an error.
func (r *running) wait() {
	r.s.t.Helper()
	select {
	case err := <-r.ended:
		close(r.over)
		if err := errors.Join(err, r.Close()); err != nil {
			r.s.t.Error(err)
		}
	case <-time.After(patience):
		r.s.t.Fatalf("the daemon does not end\n%s", r.s.log)
	}
}

// ask sends a request over the control socket.
func (r *running) ask(req Request) Answer {
	r.s.t.Helper()
	a, err := Ask(r.s.t.Context(), r.s.path("state"), req)
	if err != nil {
		r.s.t.Fatal(err)
	}
	return a
}

// poll makes a pass over the mailboxes and wants it to succeed.
func (r *running) poll(names ...string) []string {
	r.s.t.Helper()
	a := r.ask(Request{Action: ActPoll, Mailboxes: names})
	if a.Error != "" {
		r.s.t.Fatalf("poll %v: %s\n%s", names, a.Error, r.s.log)
	}
	return a.Lines
}

func (r *running) state(mailbox string) mail.MailboxState {
	r.s.t.Helper()
	m, err := r.journal.Mailbox(r.s.t.Context(), mailbox)
	if err != nil {
		r.s.t.Fatal(err)
	}
	return m
}

// imported wants exactly these files in the import directory.
func (s *site) imported(want ...string) {
	s.t.Helper()
	got := map[string]bool{}
	err := filepath.WalkDir(s.path("import"), func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".pricefetch":
			return filepath.SkipDir
		case !d.IsDir():
			rel, err := filepath.Rel(s.path("import"), path)
			got[rel] = true
			return err
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(want)
	if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, want) {
		s.t.Errorf("imported %q, want %q\n%s", have, want, s.log)
	}
}

// commands counts the POP3 commands of that beginning, whatever their session.
func (s *site) commands(verb string) int {
	n := 0
	for _, c := range s.pop.Commands() {
		if _, command, _ := strings.Cut(c, " "); strings.HasPrefix(command, verb) {
			n++
		}
	}
	return n
}

// lines is a log that can be waited for.
type lines struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{} // closed at the next line
}

func newLines() *lines { return &lines{grown: make(chan struct{})} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	close(l.grown)
	l.grown = make(chan struct{})
	return len(p), nil
}

// reset forgets what was logged so far.
func (l *lines) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) count(parts ...string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			n++
		}
	}
	return n
}

// await waits for a line that has all the parts.
func (l *lines) await(t *testing.T, parts ...string) { t.Helper(); l.awaitN(t, 1, parts...) }

// awaitN waits for n such lines.
func (l *lines) awaitN(t *testing.T, n int, parts ...string) {
	t.Helper()
	late := time.After(patience)
	for {
		l.mu.Lock()
		grown := l.grown
		l.mu.Unlock()
		if l.count(parts...) >= n {
			return
		}
		select {
		case <-grown:
		case <-late:
			t.Fatalf("the log has %d lines with %q, want %d:\n%s", l.count(parts...), parts, n, l)
		}
	}
}
