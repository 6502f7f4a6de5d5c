package mailbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// imapStep is one command that the client must send, and what the server answers.
type imapStep struct {
	command string                              // beginning, without the tag
	answer  string                              // T at a line's beginning stands for the tag
	more    func(w io.Writer, tag string) error // follows the answer; nil: nothing
	hangUp  bool
}

// parseIMAPScript reads "C: COMMAND" (how the client's next command must begin), "S: line" (sent with CRLF; "S: T OK"
// with the command's tag), "S= "quoted"" (sent as it is) and "X:" (the server hangs up). What stands before the first
// C: is the greeting.
func parseIMAPScript(t *testing.T, script string) []imapStep {
	t.Helper()
	steps := []imapStep{{}}
	for line := range strings.Lines(script) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		last := &steps[len(steps)-1]
		switch kind {
		case "":
		case "C:":
			steps = append(steps, imapStep{command: rest})
		case "S:":
			if rest, tagged := strings.CutPrefix(rest, "T "); tagged {
				last.answer += "\x00 " + rest + "\r\n"
			} else {
				last.answer += rest + "\r\n"
			}
		case "S=":
			raw, err := strconv.Unquote(rest)
			if err != nil {
				t.Fatalf("script line %q: %v", line, err)
			}
			last.answer += raw
		case "X:":
			last.hangUp = true
		default:
			t.Fatalf("script line %q", line)
		}
	}
	return steps
}

// playIMAP is the server's side. LOGOUT is answered whenever it comes, and so is a further CAPABILITY after a scripted
// one: the library asks in the background.
func playIMAP(conn net.Conn, steps []imapStep) error {
	defer conn.Close()
	r := bufio.NewReader(conn)
	caps := ""
	read := func() (tag, command, line string, err error) {
		for {
			if line, err = r.ReadString('\n'); err != nil {
				return "", "", "", err
			}
			tag, command, _ = strings.Cut(strings.TrimSuffix(line, "\r\n"), " ")
			if command != "CAPABILITY" || caps == "" {
				return tag, command, line, nil
			}
			fmt.Fprint(conn, strings.ReplaceAll(caps, "\x00", tag)) // the client may have gone
		}
	}
	for i, s := range steps {
		tag := ""
		if i > 0 {
			if s.command == "CAPABILITY" {
				caps = ""
			}
			var command, line string
			var err error
			if tag, command, line, err = read(); err != nil {
				return fmt.Errorf("client hung up instead of saying %q", s.command)
			}
			if s.command == "CAPABILITY" {
				caps = s.answer
			}
			if s.command == "(credentials)" { // a continuation, without a tag
				command, tag = "(credentials)", "T1"
			}
			if !strings.HasPrefix(command, s.command) {
				return fmt.Errorf("client said %q, expected %q", line, s.command)
			}
		}
		if _, err := io.WriteString(conn, strings.ReplaceAll(s.answer, "\x00", tag)); err != nil || s.hangUp {
			return nil // the client has seen enough
		}
		if s.more != nil {
			if err := s.more(conn, tag); err != nil {
				return err
			}
		}
	}
	tag, command, line, err := read()
	if err != nil {
		return nil
	}
	if command != "LOGOUT" {
		return fmt.Errorf("client said %q after the end of the script", line)
	}
	fmt.Fprintf(conn, "* BYE\r\n%s OK\r\n", tag) // the client may have gone
	return nil
}

// welcome is a server with these capabilities that lets the client in.
func welcome(caps ...string) string {
	list := strings.Join(append([]string{"CAPABILITY IMAP4rev1"}, caps...), " ")
	return fmt.Sprintf("S: * OK [%s] ready\nC: LOGIN \"joe\" \"s3cret\"\nS: T OK [%s] in\n", list, list)
}

// imapOptions are options for a server that serve plays on the other end of a pipe; serve must end with the test.
func imapOptions(t *testing.T, serve func(net.Conn) error) Options {
	t.Helper()
	return Options{
		Protocol: ProtocolIMAP, Host: "imap.example.ru", Port: 143, TLS: TLSNone, Username: "joe", Delete: DeleteAuto,
		Password: func(context.Context) (string, error) { return "s3cret", nil },
		Timeout:  20 * time.Second,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			done := make(chan error, 1)
			go func() { done <- serve(server) }()
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

// scriptedIMAP returns options for a server that plays script.
func scriptedIMAP(t *testing.T, script string) Options {
	t.Helper()
	steps := parseIMAPScript(t, script)
	return imapOptions(t, func(conn net.Conn) error { return playIMAP(conn, steps) })
}

// openedIMAP is a session with a server.
func openedIMAP(t *testing.T, o Options) *imapSession {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(true); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s.(*discreet).Session.(*imapSession)
}

// examine is the server's answer to EXAMINE or SELECT of INBOX.
func examine(command string, exists, uidNext int) string {
	s := fmt.Sprintf("C: %s INBOX\nS: * %d EXISTS\nS: * OK [UIDVALIDITY 7] .\n", command, exists)
	if uidNext > 0 {
		s += fmt.Sprintf("S: * OK [UIDNEXT %d] .\n", uidNext)
	}
	return s + "S: T OK done\n"
}

// inbox names messages of INBOX.
func inbox(uids ...int) []mail.Ref {
	var refs []mail.Ref
	for _, uid := range uids {
		refs = append(refs, mail.Ref{Folder: "INBOX", Scope: "7", ID: strconv.Itoa(uid)})
	}
	return refs
}

// ids are the UIDs of a listing.
func ids(l mail.Listing) string {
	var out []string
	for _, r := range l.Refs {
		out = append(out, r.ID)
	}
	return strings.Join(out, " ")
}

// rawMessage is a message whose header has every field that makes the fingerprint.
func rawMessage(n int) string {
	return fmt.Sprintf("Received: from x; Mon, 5 Jan 2026 10:00:00 +0300\r\nFrom: Прайс <price@a.ru>\r\nSubject: price %d\r\n"+
		"Date: Mon, 5 Jan 2026 10:00:00 +0300\r\nMessage-ID: <%d@a.ru>\r\n\r\ntext %d\r\n", n, n, n)
}

// bodyAnswer is the FETCH response to BODY.PEEK[], as a script line.
func bodyAnswer(num, uid int, raw string) string {
	return "S= " + strconv.Quote(fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n", num, uid, len(raw), raw)) + "\n"
}

// headerAnswer is the FETCH response to the question for an envelope, as a script line.
func headerAnswer(num, uid int, raw string, size int) string {
	header, _, _ := strings.Cut(raw, "\r\n\r\n")
	header += "\r\n\r\n"
	return "S= " + strconv.Quote(fmt.Sprintf("* %d FETCH (UID %d RFC822.SIZE %d INTERNALDATE \" 5-Jan-2026 10:00:01 +0300\" "+
		"BODY[HEADER.FIELDS (From Subject Date Message-ID Received)] {%d}\r\n%s)\r\n", num, uid, size, len(header), header)) + "\n"
}

// states are the answers of Delete in words.
func states(deleted []mail.Deleted) []string {
	names := []string{"refused", "mismatch", "absent", "marked", "done", "unknown"}
	var out []string
	for _, d := range deleted {
		out = append(out, names[d.State])
	}
	return out
}

func wantStates(t *testing.T, got []mail.Deleted, want ...string) {
	t.Helper()
	if s := states(got); !slices.Equal(s, want) {
		t.Errorf("answers %q, want %q; %+v", s, want, got)
	}
}
