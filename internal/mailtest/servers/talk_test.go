//go:build servers

package servers

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// talk is a raw dialogue with a server, to see what it says without any client of ours between.
type talk struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	tag  int
}

// patience bounds a whole dialogue.
const patience = 30 * time.Second

// dial connects and reads the greeting.
func dial(t *testing.T, port int) *talk {
	t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // mostly closed already
	_ = c.SetDeadline(time.Now().Add(patience))
	k := &talk{t: t, conn: c, r: bufio.NewReader(c)}
	k.line()
	return k
}

func (k *talk) close() { _ = k.conn.Close() }

func (k *talk) line() string {
	k.t.Helper()
	line, err := k.r.ReadString('\n')
	if err != nil {
		k.t.Fatalf("read from the server: %v (after %q)", err, line)
	}
	return strings.TrimRight(line, "\r\n")
}

func (k *talk) send(text string) {
	k.t.Helper()
	if _, err := k.conn.Write([]byte(text)); err != nil {
		k.t.Fatalf("write to the server: %v", err)
	}
}

// imap sends a command and returns the lines of the answer; the last is the tagged one, or asks for a literal.
func (k *talk) imap(format string, args ...any) []string {
	k.t.Helper()
	k.tag++
	k.send(fmt.Sprintf("a%d ", k.tag) + fmt.Sprintf(format, args...) + "\r\n")
	return k.answer()
}

// literal sends what an APPEND was asked for.
func (k *talk) literal(raw []byte) []string {
	k.t.Helper()
	k.send(string(raw) + "\r\n")
	return k.answer()
}

func (k *talk) answer() []string {
	k.t.Helper()
	tag := fmt.Sprintf("a%d ", k.tag)
	for lines := []string{}; ; {
		line := k.line()
		lines = append(lines, line)
		if strings.HasPrefix(line, tag) || strings.HasPrefix(line, "+ ") {
			return lines
		}
	}
}

// ok wants a tagged OK.
func (k *talk) ok(lines []string) []string {
	k.t.Helper()
	k.wantLine(lines, fmt.Sprintf("a%d OK", k.tag))
	return lines
}

func (k *talk) wantLine(lines []string, prefix string) {
	k.t.Helper()
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, prefix) {
		k.t.Fatalf("the server answered %q, want %q", last, prefix)
	}
}

// pop sends a command that is answered with one line.
func (k *talk) pop(command string) string {
	k.t.Helper()
	k.send(command + "\r\n")
	return k.line()
}

// list sends a command that is answered with a line and, after +OK, more of them up to a dot; it returns the latter,
// without the dots that were put before dots.
func (k *talk) list(command string) (status string, lines []string) {
	k.t.Helper()
	status = k.pop(command)
	if !strings.HasPrefix(status, "+OK") {
		return status, nil
	}
	for {
		line := k.line()
		if line == "." {
			return status, lines
		}
		lines = append(lines, strings.TrimPrefix(line, "."))
	}
}

// logIn opens a POP3 session.
func logIn(t *testing.T, port int, user string) *talk {
	t.Helper()
	k := dial(t, port)
	for _, command := range []string{"USER " + user, "PASS " + password} {
		if answer := k.pop(command); !strings.HasPrefix(answer, "+OK") {
			t.Fatalf("%s answered %q", strings.Fields(command)[0], answer)
		}
	}
	return k
}

// within counts the lines that come within a time and match.
func (k *talk) within(d time.Duration, match func(string) bool, enough int) int {
	_ = k.conn.SetDeadline(time.Now().Add(d))
	for n := 0; ; {
		line, err := k.r.ReadString('\n')
		if err != nil {
			return n // nothing more came
		}
		if match(line) {
			if n++; n == enough {
				return n
			}
		}
	}
}
