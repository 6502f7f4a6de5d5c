package mailbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// hello is how a dialogue with a server without CAPA begins.
const hello = `
S: +OK ready
C: CAPA
S: -ERR unknown command
C: USER joe
S: +OK
C: PASS s3cret
S: +OK
C: CAPA
S: -ERR unknown command
`

// hello2 is how a dialogue with a server with CAPA begins; caps stands for its further lines.
func hello2(caps ...string) string {
	list := "S: +OK\nS: USER\n"
	for _, c := range caps {
		list += "S: " + c + "\n"
	}
	list += "S: .\n"
	return "S: +OK ready\nC: CAPA\n" + list + "C: USER joe\nS: +OK\nC: PASS s3cret\nS: +OK\nC: CAPA\n" + list
}

// two is the listing of a maildrop with two messages.
const two = `
C: STAT
S: +OK 2 300
C: UIDL
S: +OK
S: 1 uid-a
S: 2 uid-b
S: .
C: LIST
S: +OK 2 messages
S: 1 100
S: 2 200
S: .
`

// step is one line of a script.
type step struct {
	client bool
	text   string // what the client must say, or what is sent to it
}

// parseScript reads "C: line" (what the client must say), "S: line" (sent with CRLF) and "S= "quoted"" (sent as it is).
// What is sent without the client's saying anything in between leaves in one piece.
func parseScript(t *testing.T, script string) []step {
	t.Helper()
	var steps []step
	send := func(s string) {
		if n := len(steps); n > 0 && !steps[n-1].client {
			steps[n-1].text += s
			return
		}
		steps = append(steps, step{text: s})
	}
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "":
		case "C:":
			steps = append(steps, step{client: true, text: rest})
		case "S:":
			send(rest + "\r\n")
		case "S=":
			raw, err := strconv.Unquote(rest)
			if err != nil {
				t.Fatalf("script line %q: %v", line, err)
			}
			send(raw)
		default:
			t.Fatalf("script line %q", line)
		}
	}
	return steps
}

// play is the server's side: it ends when the script does and the client has hung up.
func play(conn net.Conn, steps []step) error {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, s := range steps {
		if !s.client {
			if _, err := io.WriteString(conn, s.text); err != nil {
				return nil // the client has seen enough
			}
			continue
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("client hung up instead of saying %q", s.text)
		}
		if line != s.text+"\r\n" {
			return fmt.Errorf("client said %q, expected %q", line, s.text)
		}
	}
	if extra, _ := r.ReadString('\n'); extra != "" {
		return fmt.Errorf("client said %q after the end of the script", extra)
	}
	return nil
}

// scripted returns options for a server that plays script on a pipe and must have come to its end with the test.
func scripted(t *testing.T, script string) Options {
	t.Helper()
	steps := parseScript(t, script)
	return Options{
		Protocol: ProtocolPOP3, Host: "pop.example.ru", Port: 110, TLS: TLSNone, Username: "joe",
		Password: func(context.Context) (string, error) { return "s3cret", nil },
		Timeout:  5 * time.Second,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			done := make(chan error, 1)
			go func() { done <- play(server, steps) }()
			t.Cleanup(func() {
				client.Close()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
			return client, nil
		},
	}
}

// opened is a session with a scripted server.
func opened(t *testing.T, o Options) *pop3Session {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.Close(false) })
	return s.(*discreet).Session.(*pop3Session)
}

// listed is a session whose maildrop was listed.
func listed(t *testing.T, o Options) (*pop3Session, []mail.Ref) {
	t.Helper()
	s := opened(t, o)
	l, err := s.List(t.Context(), nil)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	var refs []mail.Ref
	for _, r := range l[0].Refs {
		refs = append(refs, r.Ref)
	}
	return s, refs
}

// collector takes every message raw and notes what Fetch says.
type collector struct {
	raw  map[string]string // by name(ref)
	done map[string]error
	part func(r io.Reader) error // in place of reading all
	stop error                   // what Done returns
}

func newCollector() *collector {
	return &collector{raw: map[string]string{}, done: map[string]error{}}
}

func (c *collector) Want(_ mail.Ref, p mail.Part) bool { return p.IsRoot() }

func (c *collector) Part(ref mail.Ref, _ mail.Part, r io.Reader) error {
	if c.part != nil {
		return c.part(r)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	c.raw[name(ref)] = string(b)
	return nil
}

func (c *collector) Done(ref mail.Ref, err error) error {
	if _, twice := c.done[name(ref)]; twice {
		return errors.New("done twice")
	}
	c.done[name(ref)] = err
	return c.stop
}

// contains fails the test unless err's text has each of the words.
func contains(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, expected one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}
