package mailtest

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// popSession is the state of one connection (RFC 1939 section 3): AUTHORIZATION until drop is set, then TRANSACTION.
type popSession struct {
	server   *POP3
	number   int
	user     string
	drop     *Maildrop
	messages []POP3Message // as at login; the numbers of the session
	marked   []bool        // by DELE
}

// reply executes a command and returns the whole answer.
func (s *popSession) reply(verb, arg string) []byte {
	switch {
	case verb == "QUIT":
		return ok("bye")
	case verb == "CAPA":
		return s.capa()
	case s.drop == nil && verb == "USER":
		s.user = arg
		return ok("send PASS")
	case s.drop == nil && verb == "PASS":
		return s.pass(arg)
	case s.drop == nil:
		return refuse("log in first")
	}
	switch verb {
	case "NOOP":
		return ok("")
	case "RSET":
		clear(s.marked)
		return ok("")
	case "STAT":
		return s.stat()
	case "LIST":
		return s.list(verb, arg, func(m POP3Message) string { return strconv.Itoa(len(wire(m.Raw))) })
	case "UIDL":
		return s.list(verb, arg, func(m POP3Message) string { return m.UIDL })
	case "TOP":
		return s.top(arg)
	case "RETR":
		return s.retr(arg)
	case "DELE":
		return s.dele(arg)
	}
	return refuse("unknown command")
}

func ok(text string) []byte     { return []byte(strings.TrimSpace("+OK "+text) + "\r\n") }
func refuse(text string) []byte { return []byte("-ERR " + text + "\r\n") }

func (s *popSession) capa() []byte {
	if len(s.server.options.Caps) == 0 {
		return refuse("unknown command")
	}
	return multiline("capabilities follow", []byte(strings.Join(s.server.options.Caps, "\r\n")+"\r\n"))
}

// has tells whether an optional command is offered. A server without CAPA offers it unannounced.
func (s *popSession) has(verb string) bool {
	caps := s.server.options.Caps
	return len(caps) == 0 || slices.Contains(caps, verb)
}

func (s *popSession) pass(password string) []byte {
	s.server.mu.Lock()
	drop := s.server.drops[s.user]
	s.server.mu.Unlock()
	if drop == nil || drop.password != password {
		return refuse("[AUTH] wrong user name or password")
	}
	messages, free := drop.lock()
	if !free {
		return refuse("[IN-USE] the maildrop is open in another session")
	}
	s.drop, s.messages, s.marked = drop, messages, make([]bool, len(messages))
	return ok("logged in")
}

func (s *popSession) stat() []byte {
	count, size := 0, 0
	for i, m := range s.messages {
		if !s.marked[i] {
			count++
			size += len(wire(m.Raw))
		}
	}
	return ok(fmt.Sprintf("%d %d", count, size))
}

// list answers LIST and UIDL, for one message or for all that are not marked.
func (s *popSession) list(verb, arg string, what func(POP3Message) string) []byte {
	if verb == "UIDL" && !s.has(verb) {
		return refuse("unknown command")
	}
	if arg != "" {
		i, found := s.find(arg)
		if !found {
			return refuse("no such message")
		}
		return ok(fmt.Sprintf("%d %s", i+1, what(s.messages[i])))
	}
	var b bytes.Buffer
	for i, m := range s.messages {
		if !s.marked[i] {
			fmt.Fprintf(&b, "%d %s\r\n", i+1, what(m))
		}
	}
	return multiline("list follows", b.Bytes())
}

// find returns the index of a message that is there and not marked.
func (s *popSession) find(arg string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(arg))
	if err != nil || n < 1 || n > len(s.messages) || s.marked[n-1] {
		return 0, false
	}
	return n - 1, true
}

// top answers the header, the blank line and the first n lines of the body.
func (s *popSession) top(arg string) []byte {
	number, count, _ := strings.Cut(arg, " ")
	lines, err := strconv.Atoi(strings.TrimSpace(count))
	i, found := s.find(number)
	switch {
	case !s.has("TOP"):
		return refuse("unknown command")
	case err != nil || lines < 0:
		return refuse("TOP wants a message and a number of lines")
	case !found:
		return refuse("no such message")
	}
	raw := wire(s.messages[i].Raw)
	end := len(raw)
	if bytes.HasPrefix(raw, []byte("\r\n")) {
		end = 2 // no header at all
	} else if blank := bytes.Index(raw, []byte("\r\n\r\n")); blank >= 0 {
		end = blank + 4
	}
	for range lines {
		next := bytes.IndexByte(raw[end:], '\n')
		if next < 0 {
			end = len(raw)
			break
		}
		end += next + 1
	}
	return multiline("top of message follows", raw[:end])
}

func (s *popSession) retr(arg string) []byte {
	i, found := s.find(arg)
	if !found {
		return refuse("no such message")
	}
	raw := wire(s.messages[i].Raw)
	return multiline(fmt.Sprintf("%d octets", len(raw)), raw)
}

func (s *popSession) dele(arg string) []byte {
	i, found := s.find(arg)
	if !found {
		return refuse("no such message")
	}
	s.marked[i] = true
	return ok("marked")
}

func (s *popSession) doomed() []POP3Message {
	var out []POP3Message
	for i, m := range s.messages {
		if s.marked[i] {
			out = append(out, m)
		}
	}
	return out
}

// wire returns raw with CRLF as line ends and at its end, as RFC 1939 section 11 counts octets.
func wire(raw []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(raw) + 2)
	for line := range bytes.Lines(raw) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		b.Write(bytes.TrimSuffix(line, []byte("\r")))
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// multiline returns a positive answer with a body of CRLF lines: dots are stuffed, the final dot is added.
func multiline(text string, body []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(body) + len(body)/64 + 64)
	b.Write(ok(text))
	for line := range bytes.Lines(body) {
		if line[0] == '.' {
			b.WriteByte('.')
		}
		b.Write(line)
	}
	b.WriteString(".\r\n")
	return b.Bytes()
}
