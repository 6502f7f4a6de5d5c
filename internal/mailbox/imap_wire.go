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
	"sync/atomic"
)

const (
	// maxResponse is how much the parser may have to keep of one FETCH, LIST or SEARCH response, in octets: all of it but
	// BODY[…] literals, which are streamed. A SEARCH answer may be longer where more messages are allowed: uidShare.
	maxResponse = 1 << 20
	// maxStatus is the same for any other response: capabilities, flags, a sentence. Octets.
	maxStatus = 64 << 10
	// maxLiteral bounds each literal among that, in octets.
	maxLiteral = 256 << 10
	// maxSection bounds the literal of a header section, of which maxHeader is kept. Octets.
	maxSection = 32 << 20
	// maxGathered bounds what LIST and SEARCH may answer to one command, because the client gathers it. Octets.
	maxGathered = 2 << 20
	// maxRemarks bounds the short responses that one command may bring; 200,000 EXPUNGEs fit. Octets.
	maxRemarks = 4 << 20
	// uidShare is what a SEARCH answer takes for each message: ten digits and a blank. Octets.
	uidShare = 11
	// remarkShare is what remarks may take for each message: two EXPUNGEs. Octets.
	remarkShare = 40
	// fetchShare is what a listing may bring for each of the messages that a folder may have, on average. Octets.
	fetchShare = 80
	// keptLine is how much of a line is kept to tell what it is, in octets.
	keptLine = 2 << 10
)

// errHungUp: the connection ended where more was to come.
var errHungUp = errors.New("server closed the connection")

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
	kind     responseKind
	matched  int  // how many characters of "CAPABILITY", or of what stands in front of it, the line ends with
	inList   bool // inside a list of capabilities
	exceeded error

	long   [3]int64        // octets by responseKind that one response may have, BODY[…] literals aside
	most   [3]int64        // octets by responseKind that one command may bring, BODY[…] literals aside
	answer [3]atomic.Int64 // how many came since the last command

	mu     sync.Mutex
	hidden bool // credentials are being sent
	caps   bool // a tagged OK listed the capabilities
	bye    string
	err    error // the first trouble of the connection
}

func newWire(conn net.Conn, o Options) *wire {
	w := &wire{Conn: conn, trace: oneAtATime(o.Trace)}
	messages := int64(o.MaxListed)
	w.long = [3]int64{shortResponse: maxStatus, fetchResponse: maxResponse, gatherResponse: max(maxResponse, messages*uidShare+keptLine)}
	w.most = [3]int64{
		shortResponse: max(maxRemarks, messages*remarkShare), fetchResponse: messages*fetchShare + maxResponse,
		gatherResponse: max(maxGathered, 2*w.long[gatherResponse]),
	}
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
		err = errHungUp
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
	for kind := range w.answer {
		w.answer[kind].Store(0)
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
		if err := w.bounds(n); err != nil {
			return err
		}
		if ended {
			if err := w.endLine(); err != nil {
				return err
			}
		}
	}
	return nil
}

// capability follows the line to find a bracket in a list of capabilities: go-imap v2.0.0-beta.8 then loops for ever, and
// no closing of the connection ends it.
func (w *wire) capability(c byte) (bracket bool) {
	const word = "CAPABILITY"
	switch {
	case w.inList:
		w.inList = c != ']' && c != '\n'
		return c == '('
	case w.matched > 0 && w.matched <= len(word) && c&^0x20 == word[w.matched-1]:
		w.matched++
		w.inList = w.matched > len(word)
	case c == '[' || c == ' ':
		w.matched = 1
	default:
		w.matched = 0
	}
	if w.inList {
		w.matched = 0
	}
	return false
}

// responseKind sorts responses by how much of them there may be.
type responseKind int

const (
	shortResponse  responseKind = iota // anything else
	fetchResponse                      // handed on one by one
	gatherResponse                     // LIST and SEARCH: gathered until the command ends
)

// kindOf tells the kind from the beginning of a response.
func kindOf(line []byte) responseKind {
	for i, word := range strings.Fields(string(line[:min(len(line), 40)])) {
		switch word = strings.ToUpper(word); {
		case i == 0 && word != "*":
			return shortResponse
		case i == 2 && word == "FETCH":
			return fetchResponse
		case i == 1 && (word == "LIST" || word == "SEARCH" || word == "ESEARCH"):
			return gatherResponse
		}
	}
	return shortResponse
}

// bounds judges the response after n more octets of it were taken.
func (w *wire) bounds(n int) error {
	if !w.follows {
		w.kind = kindOf(w.kept)
	}
	if w.exceeded != nil && w.kind == shortResponse {
		return w.exceeded
	}
	w.exceeded = nil
	if long := w.long[w.kind]; w.size > long {
		return fmt.Errorf("response is longer than %d bytes: %.60q…", long, w.kept)
	}
	if w.answer[w.kind].Add(int64(n)) > w.most[w.kind] {
		return fmt.Errorf("one command is answered with more than %d bytes like %.60q…", w.most[w.kind], w.kept)
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
		if w.capability(c) && w.exceeded == nil {
			w.exceeded = fmt.Errorf("list of capabilities has a bracket: %.60q…", w.kept)
		}
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
		switch {
		case !body && n > maxLiteral:
			return fmt.Errorf("response has a string of %d bytes, more than %d: %.60q…", n, maxLiteral, w.kept)
		case !body:
			w.size += n
			w.answer[w.kind].Add(n)
		case n > maxSection && bytes.Contains(w.kept, []byte("[HEADER")):
			return fmt.Errorf("response has a header of %d bytes, more than %d: %.60q…", n, maxSection, w.kept)
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
