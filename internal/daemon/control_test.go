package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

func (s *site) dial() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("unix", s.path("state", "control.sock"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// talk sends raw octets to the control socket and returns the answer.
func (s *site) talk(raw string) Answer {
	s.t.Helper()
	conn := s.dial()
	go io.Copy(conn, strings.NewReader(raw)) // the daemon may stop reading what is too long
	var a Answer
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		s.t.Fatalf("no answer to %.60q: %v", raw, err)
	}
	return a
}

func TestControlSocket(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a")
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.path("state", "control.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close() // as a killed daemon leaves it
	if _, err := Ask(t.Context(), s.path("state"), Request{Action: ActReload}); !errors.Is(err, ErrNoDaemon) || Running(t.Context(), s.path("state")) {
		t.Errorf("a socket that nobody answers: %v", err)
	}
	d := s.run()
	if !Running(t.Context(), s.path("state")) {
		t.Error("the daemon is not found")
	}
	info, err := os.Stat(s.path("state", "control.sock"))
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for name, c := range map[string]struct{ raw, want string }{
		"garbage":      {"GET / HTTP/1.1\r\n\r\n", "read request: invalid character"},
		"empty line":   {"\n", "read request"},
		"wrong type":   {`{"action": 7}` + "\n", "read request"},
		"unknown part": {`{"action": "poll", "force": true}` + "\n", `unknown field "force"`},
		"action":       {`{"action": "explode"}` + "\n", "another version"},
		"oversized":    {`{"action": "poll", "mailboxes": ["` + strings.Repeat("x", requestLimit) + `"]}` + "\n", "larger than"},
	} {
		if a := s.talk(c.raw); !a.Fault || !strings.Contains(a.Error, c.want) {
			t.Errorf("%s: answer %.200s, want %q", name, a.Error, c.want)
		}
	}
	cut := s.dial().(*net.UnixConn)
	io.WriteString(cut, `{"action": "poll", `)
	cut.CloseWrite()
	if text, err := io.ReadAll(cut); err != nil || !bytes.Contains(text, []byte("ends early")) {
		t.Errorf("a request that ends early: %s, %v", text, err)
	}
	// The line break may come in a packet of its own, and more blanks after it: that is not the asker hanging up.
	slow := s.dial()
	for _, part := range []string{`{"action": "poll", "mailb`, `oxes": ["a"]}`, "\n", " \n "} {
		io.WriteString(slow, part)
	}
	var a Answer
	if err := json.NewDecoder(slow).Decode(&a); err != nil || a.Error != "" || len(a.Lines) != 1 {
		t.Errorf("answer in parts: %+v, %v", a, err)
	}
	d.poll("a")
}

// A client that says nothing does not keep the daemon from ending.
func TestSilentClientsDoNotKeepTheDaemon(t *testing.T) {
	s := newSite(t)
	s.user("pop3", "b", "1.xls")
	s.configure("mailboxes:\n%s%s", s.box("b", "pop3", password), rules)
	g := s.hold("RETR")
	d := s.run()
	s.dial() // never asks
	g.await(t)
	asked := make(chan string, 1)
	go func() {
		a, err := Ask(t.Context(), s.path("state"), Request{Action: ActPoll, Mailboxes: []string{"b"}})
		if err != nil {
			a.Error = err.Error()
		}
		asked <- a.Error
	}()
	gone, hangup := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := Ask(gone, s.path("state"), Request{Action: ActPoll, Mailboxes: []string{"b"}})
		left <- err
	}()
	hangup()
	if err := <-left; err == nil {
		t.Error("an asker that hung up got an answer")
	}
	s.signals <- os.Interrupt
	// It may have come too late to be heard at all.
	if why := <-asked; !strings.Contains(why, "stopped before") && !strings.Contains(why, "ended before") && !strings.Contains(why, "no daemon") {
		t.Errorf("answer %q", why)
	}
	g.release()
	began := time.Now()
	d.wait()
	if took := time.Since(began); took > requestTime/2 {
		t.Errorf("ending took %s", took)
	}
}

func TestSocketPathTooLong(t *testing.T) {
	dir := t.TempDir() + "/" + strings.Repeat("d", 100)
	_, err := listen(dir)
	if !IsFault(err) || !strings.Contains(err.Error(), "too long for a socket") {
		t.Errorf("error %v", err)
	}
}

// `once` serves the socket while it lives, and lets what was asked for come to its end.
func TestOnceServesTheSocket(t *testing.T) {
	s := newSite(t)
	s.user("pop3", "b", "1.xls")
	s.configure("mailboxes:\n%s%s", s.box("b", "pop3", password), rules)
	g := s.hold("RETR")
	done := make(chan []Outcome, 1)
	go func() { done <- s.once() }()
	g.await(t)
	if a, err := Ask(t.Context(), s.path("state"), Request{Action: ActReload}); err != nil || a.Fault || !strings.Contains(a.Error, "nothing to reload") {
		t.Errorf("answer %+v, %v", a, err)
	}
	conn := s.dial()
	io.WriteString(conn, `{"action": "poll", "mailboxes": ["b"]}`+"\n")
	if a, err := Ask(t.Context(), s.path("state"), Request{Action: ActRetry, IDs: []mail.RecordID{99}}); err != nil || !strings.Contains(a.Error, "message 99: there is none") {
		t.Errorf("answer %+v, %v", a, err)
	}
	g.release()
	var a Answer
	if err := json.NewDecoder(conn).Decode(&a); err != nil || a.Error != "" || len(a.Lines) != 1 {
		t.Errorf("answer %+v, %v", a, err)
	}
	if out := <-done; len(out) != 1 || out[0].Err != nil || len(out[0].Report.Files) != 1 {
		t.Errorf("outcomes %+v", out)
	}
}

// A signal ends `once` in two steps too; the mailboxes that had not begun say so.
func TestOnceStops(t *testing.T) {
	s := newSite(t)
	s.user("pop3", "b", "1.xls", "2.xls")
	s.user("pop3", "c", "3.xls")
	s.configure("mailboxes:\n%s%s%s", s.box("b", "pop3", password), s.box("c", "pop3", password), rules)
	g := s.hold("RETR")
	o := s.options()
	o.Config.Limits.Sessions = 1
	told := make(chan struct{})
	o.Stopping = func() { close(told) }
	d := s.open(o)
	done := make(chan []Outcome, 1)
	go func() {
		out, err := d.Once(context.Background(), []string{"b", "c", "b"}, nil)
		if err := errors.Join(err, d.Close()); err != nil {
			t.Error(err)
		}
		done <- out
	}()
	g.await(t)
	s.signals <- os.Interrupt
	<-told
	g.release()
	out := <-done
	if len(out) != 2 || !out[0].Report.Stopped || !out[1].Report.Stopped || len(out[0].Report.Files)+len(out[1].Report.Files) != 1 {
		t.Errorf("outcomes %+v", out)
	}
}

func TestOnceOfAnUnknownMailbox(t *testing.T) {
	s := newSite(t)
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password+", enabled: false"), rules)
	d := s.open(s.options())
	defer d.Close()
	for name, want := range map[string]string{"a": "enabled: false", "x": "not in the configuration"} {
		if _, err := d.Once(t.Context(), []string{name}, nil); !IsFault(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if out, err := d.Once(t.Context(), nil, nil); err != nil || len(out) != 0 {
		t.Errorf("outcomes %v, %v", out, err)
	}
}
