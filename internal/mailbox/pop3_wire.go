package mailbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// pop3Line bounds one line of a reply that is not message content, and one command. Octets. RFC 2449 section 4 allows
// 512 for a reply.
const pop3Line = 64 << 10

// errUnread guards the order of things: a command must not be sent while a reply is still to be read.
var errUnread = errors.New("the reply before was not read to its end")

// pop3Wire is the connection as go-pop3 sees it. The library is the command layer; it would hold a whole message in
// memory, take an empty line for success and never give up waiting. So this conn knows what each command is answered
// with: it checks the status line, shows the library an empty multi-line reply, and leaves the real one in body, to be
// streamed.
type pop3Wire struct {
	*link
	trace func(direction, line string)
	r     *bufio.Reader

	out    []byte // what the library has written of a command line
	in     []byte // what the library is to read next
	expect expectation
	secret bool // the next line that is written is a credential

	text    string       // of the last status line, without its indicator
	refused *pop3Refusal // the last reply, if it was -ERR
	body    *dotReader   // the last multi-line reply
}

// expectation is how a command is answered.
type expectation int

const (
	nothing   expectation = iota // no command is open
	single                       // one line
	multiple                     // a line and, after +OK, a dot-terminated body
	challenge                    // "+" and a space (RFC 5034 section 4), or -ERR
)

// newPOP3Wire expects the greeting next.
func newPOP3Wire(l *link, trace func(direction, line string)) *pop3Wire {
	return &pop3Wire{link: l, trace: trace, r: bufio.NewReaderSize(l, pop3Line), expect: single}
}

// greeted replays a greeting for the library after STLS, when the server gives none. What it said in the clear is
// not repeated.
func (w *pop3Wire) greeted() {
	w.in = []byte("+OK\r\n")
	w.expect = nothing
}

// Write takes command lines from the library. Nothing leaves before the line is complete and the reply before it has
// been read to its end.
func (w *pop3Wire) Write(p []byte) (int, error) {
	w.out = append(w.out, p...)
	if len(w.out) > pop3Line {
		return 0, w.guard.fail(fmt.Errorf("a command of more than %d octets", pop3Line))
	}
	if !strings.HasSuffix(string(p), "\n") {
		return len(p), nil
	}
	line := string(w.out)
	w.out, w.refused, w.text = w.out[:0], nil, ""
	if err := w.ready(); err != nil {
		return 0, w.guard.fail(err)
	}
	w.traceCommand(line)
	w.expect, w.secret, w.body = expected(line), false, nil
	if _, err := w.link.Write([]byte(line)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *pop3Wire) ready() error {
	switch {
	case w.expect != nothing, w.body != nil && !w.body.done():
		return errUnread
	case w.r.Buffered() > 0:
		next, _ := w.r.Peek(min(w.r.Buffered(), 60))
		return fmt.Errorf("the server sent what nobody asked for: %q", next)
	}
	return nil
}

// expected tells how the server answers to a command line.
func expected(line string) expectation {
	verb, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch strings.ToUpper(verb) {
	case "CAPA", "RETR", "TOP":
		return multiple
	case "LIST", "UIDL":
		if arg == "" {
			return multiple
		}
	case "AUTH":
		if !strings.Contains(arg, " ") {
			return challenge
		}
	}
	return single
}

// traceCommand hides credentials: PASS, a SASL response and an initial one.
func (w *pop3Wire) traceCommand(line string) {
	line = strings.TrimRight(line, "\r\n")
	verb, arg, _ := strings.Cut(line, " ")
	switch {
	case w.secret:
		line = "****"
	case strings.EqualFold(verb, "PASS"):
		line = verb + " ****"
	case strings.EqualFold(verb, "AUTH") && strings.Contains(arg, " "):
		mechanism, _, _ := strings.Cut(arg, " ")
		line = verb + " " + mechanism + " ****"
	}
	w.trace("C", line)
}

// Read gives the library the status line and, in place of a multi-line reply, its final dot.
func (w *pop3Wire) Read(p []byte) (int, error) {
	if len(w.in) == 0 {
		if err := w.status(); err != nil {
			return 0, w.guard.fail(err)
		}
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

// status reads and judges a status line.
func (w *pop3Wire) status() error {
	if w.expect == nothing {
		return errUnread // the library waits for a reply that no command asked for
	}
	line, err := w.line(w.r)
	if err != nil {
		return err
	}
	w.trace("S", line)
	expect := w.expect
	w.expect = nothing
	ok, text, valid := parseStatus(line, expect == challenge)
	if !valid {
		return notPOP3(line)
	}
	w.text = clean(text)
	switch {
	case !ok:
		w.refused = &pop3Refusal{text: w.text}
		w.in = []byte("-ERR refused\r\n") // the library's error is replaced by w.refused
	case expect == multiple:
		w.body = &dotReader{r: w.r}
		w.in = []byte("+OK\r\n.\r\n")
	default:
		w.secret = expect == challenge
		w.in = []byte("+OK\r\n")
	}
	return nil
}

// line reads a line off r, without its line break.
func (w *pop3Wire) line(r *bufio.Reader) (string, error) {
	b, err := r.ReadSlice('\n')
	switch {
	case err == nil:
		return strings.TrimRight(string(b), "\r\n"), nil
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("a line of more than %d octets where a reply was expected: %.60q", r.Size(), b)
	default:
		return "", err
	}
}

// parseStatus reads "+OK" and "-ERR" (RFC 1939 section 3), in any case. Everything else is not POP3, the empty line
// too; "+ " is right only where a challenge is expected.
func parseStatus(line string, challenged bool) (ok bool, text string, valid bool) {
	upper := strings.ToUpper(line)
	switch {
	case strings.HasPrefix(upper, "-ERR"):
		return false, line[4:], true
	case strings.HasPrefix(upper, "+OK") && !challenged:
		return true, line[3:], true
	case challenged && (line == "+" || strings.HasPrefix(line, "+ ")):
		return true, "", true
	default:
		return false, "", false
	}
}

func notPOP3(line string) error {
	return fmt.Errorf("not the answer of a POP3 server: %.120q", line)
}

// explain turns the library's error for a command into the server's refusal or into what became of the connection.
func (w *pop3Wire) explain(command string, err error) error {
	if w.refused != nil {
		return &pop3Refusal{command: command, text: w.refused.text}
	}
	return fmt.Errorf("%s: %w", command, w.lost(err))
}

// lost ends the connection with err unless it has ended, and says why it did.
func (w *pop3Wire) lost(err error) error {
	err = w.guard.fail(err)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return err
}
