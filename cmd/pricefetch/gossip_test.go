package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// gossip is a mail server that says one thing too much: what answers maps a verb to lines that take the place of a
// well-behaved server's. "T" at a line's beginning stands for the tag; a line "CUT" hangs up. "" is the greeting.
type gossip struct {
	protocol, tls string
	config        *tls.Config
	answers       map[string][]string
	port          int

	mu       sync.Mutex
	sessions int
	later    map[string][]string // what every session but the first says besides
}

// start listens until the test ends.
func (g *gossip) start(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.port = l.Addr().(*net.TCPAddr).Port
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			serving.Go(func() {
				defer conn.Close()
				if g.tls == "implicit" {
					conn = tls.Server(conn, g.config)
				}
				g.serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // nothing depends on it
		serving.Wait()
	})
}

// serve answers one session.
func (g *gossip) serve(conn net.Conn) {
	g.mu.Lock()
	g.sessions++
	first := g.sessions == 1
	g.mu.Unlock()
	in := bufio.NewReader(conn)
	line, verb, tag := "", "", ""
	for {
		answer := g.answer(verb, first)
		if !say(conn, tag, answer) {
			return
		}
		if (verb == "STLS" || verb == "STARTTLS") && g.tls == "starttls" {
			conn = tls.Server(conn, g.config)
			in = bufio.NewReader(conn)
		}
		var err error
		for verb = "?"; verb == "?"; {
			if line, err = in.ReadString('\n'); err != nil {
				return
			}
			tag, verb = g.understand(line)
		}
		if verb == "AUTHENTICATE" && strings.Count(strings.TrimSpace(line), " ") == 2 {
			if _, err := fmt.Fprint(conn, "+ \r\n"); err != nil {
				return
			}
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
		}
	}
}

// say sends lines and reports whether the session goes on.
func say(conn net.Conn, tag string, lines []string) bool {
	for _, line := range lines {
		if line == "CUT" {
			return false
		}
		if rest, tagged := strings.CutPrefix(line, "T "); tagged {
			line = tag + " " + rest
		}
		if _, err := fmt.Fprintf(conn, "%s\r\n", line); err != nil {
			return false
		}
	}
	return true
}

// understand returns the tag and the verb of a command; "?" is what is no command of that protocol.
func (g *gossip) understand(line string) (tag, verb string) {
	words := strings.Fields(line)
	switch {
	case g.protocol == "imap" && len(words) > 1:
		tag, verb = words[0], strings.ToUpper(words[1])
		if verb == "UID" && len(words) > 2 {
			verb = strings.ToUpper(words[2])
		}
	case g.protocol == "pop3" && len(words) > 0:
		verb = strings.ToUpper(words[0])
	}
	if _, known := good[g.protocol][verb]; !known || verb == "" {
		return tag, "?"
	}
	return tag, verb
}

func (g *gossip) answer(verb string, first bool) []string {
	if lines, ok := g.later[verb]; ok && !first {
		return lines
	}
	if lines, ok := g.answers[verb]; ok {
		return lines
	}
	return good[g.protocol][verb]
}

// good are servers that behave.
var good = map[string]map[string][]string{
	"pop3": {
		"": {"+OK hi"}, "CAPA": {"-ERR what"}, "STLS": {"+OK go"}, "USER": {"+OK"}, "PASS": {"+OK"}, "STAT": {"+OK 1 27"}, "UIDL": {"+OK", "1 a", "."},
		"LIST": {"+OK", "1 27", "."}, "TOP": {"+OK", "From: price@a.ru", "", "."}, "RETR": {"+OK", "From: price@a.ru", "", "text", "."},
		"DELE": {"+OK"}, "QUIT": {"+OK"}, "AUTH": {"+ "},
	},
	"imap": {
		"": {"* OK hi"}, "CAPABILITY": {"* CAPABILITY IMAP4rev1 UIDPLUS AUTH=PLAIN STARTTLS", "T OK"}, "STARTTLS": {"T OK go"}, "LOGIN": {"T OK"}, "AUTHENTICATE": {"T OK"},
		"EXAMINE": {"* 1 EXISTS", "* OK [UIDVALIDITY 7] .", "* OK [UIDNEXT 2] .", "T OK"}, "SELECT": {"* 1 EXISTS", "* OK [UIDVALIDITY 7] .", "* OK [UIDNEXT 2] .", "T OK"},
		"FETCH": {"* 1 FETCH (UID 1 RFC822.SIZE 10)", "T OK"}, "SEARCH": {"* SEARCH 1", "T OK"}, "LIST": {"T OK"}, "LOGOUT": {"* BYE", "T OK"}, "NOOP": {"T OK"},
	},
}
