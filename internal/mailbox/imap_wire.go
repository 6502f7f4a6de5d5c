package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

const (
	// maxResponse is how much the parser may have to keep of one response, in octets: all of it but BODY[…] literals,
	// which are streamed. A SEARCH answer with 90,000 UIDs fits.
	maxResponse = 1 << 20
	// maxLiteral bounds each literal among that, in octets.
	maxLiteral = 256 << 10
	// keptLine is how much of a line is kept to tell what it is, in octets.
	keptLine = 2 << 10
)

// wire lies between the guarded connection and the IMAP parser, which has no limits of its own and forgets what a
// server says in parting. It bounds each response, and remembers the text of BYE (RFC 9051 section 7.1.5).
type wire struct {
	net.Conn
	trace func(direction, line string) // called from two goroutines, one at a time
	ahead []byte                       // given to the parser before anything that is read: the greeting that STARTTLS used up

	kept     []byte // the present line's beginning
	last     []byte // the present line's last octets: where a literal is announced
	size     int64  // octets of the present response that the parser keeps
	literal  int64  // octets of the present literal that are still to come
	quoted   bool   // inside a quoted string, which the parser lets run over line ends
	escaped  bool
	follows  bool // the line goes on with a response that began before a literal
	exceeded error

	mu     sync.Mutex
	hidden bool // credentials are being sent
	caps   bool // a tagged OK listed the capabilities
	bye    string
	err    error // the first trouble of the connection
}

func newWire(conn net.Conn, o Options) *wire {
	w := &wire{Conn: conn, trace: oneAtATime(o.Trace)}
	if o.TLS == TLSStart {
		w.ahead = []byte("* OK\r\n")
	}
	return w
}

// oneAtATime lets only one goroutine into f: the parser's reads, the session's writes.
func oneAtATime(f func(direction, line string)) func(direction, line string) {
	var mu sync.Mutex
	return func(direction, line string) {
		mu.Lock()
		defer mu.Unlock()
		f(direction, line)
	}
}

// Bye returns what the server said with an untagged BYE, "" if it did not.
func (w *wire) Bye() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bye
}

// Err returns how the connection first failed, which the parser does not hand on; nil if it did not, or we closed it.
func (w *wire) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Capable reports whether a tagged OK, the only one being that to the login, listed the capabilities.
func (w *wire) Capable() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.caps
}

// note remembers the first trouble of the connection.
func (w *wire) note(err error) {
	if err == nil || errors.Is(err, net.ErrClosed) {
		return
	}
	if err == io.EOF {
		err = errors.New("server closed the connection")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// secret tells that what is sent from now on, until it is called with false, must not be traced.
func (w *wire) secret(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hidden = on
}

// Write hands on what the parser sends, a command at a time.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	hidden := w.hidden
	w.mu.Unlock()
	if hidden {
		w.trace("C", "(credentials)")
	} else {
		w.trace("C", strings.TrimRight(string(p), "\r\n"))
	}
	n, err := w.Conn.Write(p)
	w.note(err)
	return n, err
}

// Read is called by the parser's goroutine only.
func (w *wire) Read(p []byte) (int, error) {
	if w.exceeded != nil {
		return 0, w.exceeded
	}
	if len(w.ahead) > 0 {
		n := copy(p, w.ahead)
		w.ahead = w.ahead[n:]
		return n, nil
	}
	n, err := w.Conn.Read(p)
	if e := w.scan(p[:n]); e != nil {
		w.exceeded = e
		w.note(e)
		w.Close()
		return 0, e
	}
	w.note(err)
	return n, err
}

// scan follows the framing of responses: lines, and literals announced at the end of a line (RFC 9051 section 4.3).
func (w *wire) scan(b []byte) error {
	for len(b) > 0 {
		if w.literal > 0 {
			n := min(w.literal, int64(len(b)))
			w.literal -= n
			b = b[n:]
			continue
		}
		n := bytes.IndexByte(b, '\n') + 1
		ended := n > 0
		if !ended {
			n = len(b)
		}
		w.take(b[:n])
		b = b[n:]
		if w.size > maxResponse {
			return fmt.Errorf("response is longer than %d bytes: %.60q…", maxResponse, w.kept)
		}
		if ended {
			if err := w.endLine(); err != nil {
				return err
			}
		}
	}
	return nil
}

// take notes a piece of the present line.
func (w *wire) take(b []byte) {
	w.size += int64(len(b))
	if room := keptLine - len(w.kept); room > 0 {
		w.kept = append(w.kept, b[:min(room, len(b))]...)
	}
	const tail = 32
	w.last = append(w.last, b[max(0, len(b)-tail):]...)
	w.last = w.last[max(0, len(w.last)-tail):]
	for _, c := range b {
		switch {
		case w.escaped:
			w.escaped = false
		case c == '\\' && w.quoted:
			w.escaped = true
		case c == '"':
			w.quoted = !w.quoted
		}
	}
}

// endLine decides whether the line ends its response or announces a literal.
func (w *wire) endLine() error {
	w.trace("S", strings.TrimRight(string(w.kept), "\r\n"))
	text := !w.follows && w.isStatus()
	if !text && w.quoted {
		return nil // the string goes on
	}
	n, body, announced := announcedLiteral(w.last)
	if announced && !text {
		if !body {
			if n > maxLiteral {
				return fmt.Errorf("response has a string of %d bytes, more than %d: %.60q…", n, maxLiteral, w.kept)
			}
			w.size += n
		}
		w.literal, w.follows = n, true
	} else {
		w.size, w.follows = 0, false
	}
	w.kept, w.last, w.quoted, w.escaped = w.kept[:0], w.last[:0], false, false
	return nil
}

// isStatus reports whether the line that ends now is free text: a tagged response, a continuation request or an
// untagged status response. Those contain neither strings nor literals. BYE is remembered.
func (w *wire) isStatus() bool {
	rest, untagged := bytes.CutPrefix(w.kept, []byte("* "))
	if !untagged {
		if _, text, _ := strings.Cut(string(w.kept), " "); strings.HasPrefix(text, "OK [CAPABILITY ") {
			w.mu.Lock()
			w.caps = true
			w.mu.Unlock()
		}
		return true
	}
	word, text, _ := strings.Cut(strings.TrimRight(string(rest), "\r\n"), " ")
	switch strings.ToUpper(word) {
	case "BYE":
		w.mu.Lock()
		w.bye = strings.TrimSpace(text)
		w.mu.Unlock()
		return true
	case "OK", "NO", "BAD", "PREAUTH":
		return true
	default:
		return false
	}
}

// announcedLiteral reads the announcement of a literal off a line's end, and whether it is a body section.
func announcedLiteral(line []byte) (size int64, body, ok bool) {
	line = bytes.TrimRight(line, "\r\n")
	open := bytes.LastIndexByte(line, '{')
	if open < 0 || line[len(line)-1] != '}' {
		return 0, false, false
	}
	digits := bytes.TrimSuffix(line[open+1:len(line)-1], []byte("+"))
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || n < 0 {
		return 0, false, false
	}
	before := bytes.TrimRight(line[:open], " ~")
	return n, bytes.HasSuffix(before, []byte("]")) || bytes.HasSuffix(before, []byte(">")), true
}
