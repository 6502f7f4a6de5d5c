package mailtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

const popGreeting = "+OK pricefetch test server ready\r\n"

// letters are the maildrop of most tests: 32, 28 and 33 octets on the wire.
var letters = []string{
	"Subject: 1\r\n\r\na\r\n.\r\n..b\r\n.c\r\nd\r\n",
	"Subject: Прайс\n\n\xcf\xf0\xe0",
	"Subject: 3\r\n\r\none\r\ntwo\r\nthree\r\n\r\n",
}

func popServer(o POP3Options) (*POP3, *Maildrop) {
	p := NewPOP3(o)
	d := p.AddUser("склад", "pa ss")
	for _, letter := range letters {
		d.Add([]byte(letter))
	}
	return p, d
}

// popDial connects over a pipe; the connection is closed when the test ends.
func popDial(t *testing.T, p *POP3) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.ServeConn(server)
	}()
	t.Cleanup(func() { client.Close(); <-done })
	return client
}

// exchange sends a command, unless it is empty, and reads as many octets as are wanted: a server that says more or
// less is told apart, because the next answer no longer fits.
func exchange(t *testing.T, conn net.Conn, command, want string) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil { // for an answer that is too short
		t.Fatal(err)
	}
	if command != "" {
		if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
			t.Fatalf("send %q: %v", command, err)
		}
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(conn, got); string(got) != want {
		t.Fatalf("%q answered %q (%v), want %q", command, got[:n], err, want)
	}
}

type step struct{ command, want string }

func play(t *testing.T, conn net.Conn, steps ...step) {
	t.Helper()
	for _, s := range steps {
		exchange(t, conn, s.command, s.want)
	}
}

func popLogin(t *testing.T, p *POP3) net.Conn {
	t.Helper()
	conn := popDial(t, p)
	play(t, conn, step{"", popGreeting}, step{"USER склад", "+OK send PASS\r\n"}, step{"PASS pa ss", "+OK logged in\r\n"})
	return conn
}

func TestPOP3Dialogue(t *testing.T) {
	p, d := popServer(POP3Options{})
	conn := popLogin(t, p)
	play(t, conn,
		step{"capa", "+OK capabilities follow\r\nTOP\r\nUIDL\r\nUSER\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n.\r\n"},
		step{"STAT", "+OK 3 93\r\n"},
		step{"LIST", "+OK list follows\r\n1 32\r\n2 28\r\n3 33\r\n.\r\n"},
		step{"LIST 2", "+OK 2 28\r\n"},
		step{"LIST 4", "-ERR no such message\r\n"},
		step{"LIST 0", "-ERR no such message\r\n"},
		step{"UIDL", "+OK list follows\r\n1 uidl-1\r\n2 uidl-2\r\n3 uidl-3\r\n.\r\n"},
		step{"UIDL 3", "+OK 3 uidl-3\r\n"},
		step{"TOP 1 0", "+OK top of message follows\r\nSubject: 1\r\n\r\n.\r\n"},
		step{"TOP 3 2", "+OK top of message follows\r\nSubject: 3\r\n\r\none\r\ntwo\r\n.\r\n"},
		step{"TOP 2 99", "+OK top of message follows\r\nSubject: Прайс\r\n\r\n\xcf\xf0\xe0\r\n.\r\n"},
		step{"TOP 2", "-ERR TOP wants a message and a number of lines\r\n"},
		step{"RETR 1", "+OK 32 octets\r\nSubject: 1\r\n\r\na\r\n..\r\n...b\r\n..c\r\nd\r\n.\r\n"},
		step{"NOOP", "+OK\r\n"},
		step{"XYZZY", "-ERR unknown command\r\n"},
		step{"DELE 1", "+OK marked\r\n"},
		step{"DELE 1", "-ERR no such message\r\n"},
		step{"RETR 1", "-ERR no such message\r\n"},
		step{"STAT", "+OK 2 61\r\n"},
		step{"UIDL", "+OK list follows\r\n2 uidl-2\r\n3 uidl-3\r\n.\r\n"},
		step{"RSET", "+OK\r\n"},
		step{"STAT", "+OK 3 93\r\n"},
		step{"DELE 2", "+OK marked\r\n"},
	)
	if n := len(d.Messages()); n != 3 {
		t.Errorf("%d messages before QUIT, want 3: DELE alone deletes nothing", n)
	}
	exchange(t, conn, "QUIT", "+OK bye\r\n")
	var left []string
	for _, m := range d.Messages() {
		left = append(left, m.UIDL)
	}
	if diff := cmp.Diff([]string{"uidl-1", "uidl-3"}, left); diff != "" {
		t.Errorf("after QUIT (-want +got):\n%s", diff)
	}
	if got := d.Add([]byte("x")); got != "uidl-4" {
		t.Errorf("UIDL %s is used again", got)
	}
	commands := strings.Join(p.Commands(), "\n")
	if !strings.Contains(commands, "1 USER склад\n1 PASS …\n1 CAPA\n") || strings.Contains(commands, "pa ss") {
		t.Errorf("commands:\n%s", commands)
	}
}

func TestPOP3DropsWithoutQuit(t *testing.T) {
	p, d := popServer(POP3Options{})
	conn := popLogin(t, p)
	play(t, conn, step{"DELE 1", "+OK marked\r\n"})
	conn.Close()
	again := popLogin(t, p) // waits until the server has noticed
	play(t, again, step{"STAT", "+OK 3 93\r\n"}, step{"QUIT", "+OK bye\r\n"})
	if n := len(d.Messages()); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
}

func TestPOP3Authorization(t *testing.T) {
	p, _ := popServer(POP3Options{})
	conn := popDial(t, p)
	const wrong = "-ERR [AUTH] wrong user name or password\r\n"
	play(t, conn, step{"", popGreeting},
		step{"STAT", "-ERR log in first\r\n"}, step{"RETR 1", "-ERR log in first\r\n"},
		step{"PASS pa ss", wrong},
		step{"USER nobody", "+OK send PASS\r\n"}, step{"PASS pa ss", wrong},
		step{"USER склад", "+OK send PASS\r\n"}, step{"PASS pa", wrong},
		step{"QUIT", "+OK bye\r\n"})
}

func TestPOP3LocksTheMaildrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := popServer(POP3Options{})
		first := popLogin(t, p)
		second := popDial(t, p)
		play(t, second, step{"", popGreeting}, step{"USER склад", "+OK send PASS\r\n"},
			step{"PASS pa ss", "-ERR [IN-USE] the maildrop is open in another session\r\n"})
		d.Add([]byte("Subject: new\r\n\r\n"))
		play(t, first, step{"STAT", "+OK 3 93\r\n"}, step{"QUIT", "+OK bye\r\n"})
		play(t, second, step{"USER склад", "+OK send PASS\r\n"}, step{"PASS pa ss", "+OK logged in\r\n"},
			step{"STAT", "+OK 4 109\r\n"})
	})
}

func TestPOP3Capabilities(t *testing.T) {
	const unknown = "-ERR unknown command\r\n"
	cases := []struct {
		name            string
		caps            []string
		capa, top, uidl string
	}{
		{"without TOP", []string{"UIDL"}, "+OK capabilities follow\r\nUIDL\r\n.\r\n", unknown, "+OK 1 uidl-1\r\n"},
		{"without UIDL", []string{"TOP"}, "+OK capabilities follow\r\nTOP\r\n.\r\n",
			"+OK top of message follows\r\nSubject: 1\r\n\r\n.\r\n", unknown},
		{"without CAPA", []string{}, unknown, "+OK top of message follows\r\nSubject: 1\r\n\r\n.\r\n", "+OK 1 uidl-1\r\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, _ := popServer(POP3Options{Caps: c.caps})
			play(t, popLogin(t, p), step{"CAPA", c.capa}, step{"TOP 1 0", c.top}, step{"UIDL 1", c.uidl})
		})
	}
}

func TestPOP3Script(t *testing.T) {
	cases := []struct {
		name     string
		script   func(x *Exchange)
		commands []string
		want     string // everything that the server says after the login
		left     int
	}{
		{"changed reply", func(x *Exchange) {
			if x.Verb == "STAT" {
				x.Reply = []byte("+OK 99 1\r\n")
			}
		}, []string{"STAT", "QUIT"}, "+OK 99 1\r\n+OK bye\r\n", 3},
		{"cut inside RETR", func(x *Exchange) {
			if x.Verb == "RETR" && x.Arg == "3" {
				x.Reply, x.Cut = x.Reply[:20], true
			}
		}, []string{"DELE 1", "RETR 3"}, "+OK marked\r\n+OK 33 octets\r\nSubje", 3},
		{"answer to QUIT lost", func(x *Exchange) {
			if x.Verb == "QUIT" {
				x.Reply, x.Cut = nil, true
			}
		}, []string{"DELE 1", "QUIT"}, "+OK marked\r\n", 2},
		{"QUIT confirmed and forgotten", func(x *Exchange) {
			x.Forget = x.Verb == "QUIT"
		}, []string{"DELE 1", "QUIT"}, "+OK marked\r\n+OK bye\r\n", 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, d := popServer(POP3Options{Script: c.script})
			conn := popLogin(t, p)
			go func() {
				for _, command := range c.commands {
					fmt.Fprintf(conn, "%s\r\n", command) // a cut shows in what is read
				}
			}()
			var got bytes.Buffer
			if _, err := got.ReadFrom(conn); err != nil {
				t.Fatal(err)
			}
			if got.String() != c.want {
				t.Errorf("server said %q, want %q", got.String(), c.want)
			}
			if n := len(d.Messages()); n != c.left {
				t.Errorf("%d messages left, want %d", n, c.left)
			}
		})
	}
}

func TestPOP3OddMaildrops(t *testing.T) {
	p := NewPOP3(POP3Options{})
	d := p.AddUser("u", "p")
	d.Set([]POP3Message{{UIDL: "same", Raw: []byte("\r\nno header\r\n")}, {UIDL: "same", Raw: nil}, {UIDL: "b", Raw: []byte("Subject: only\r\n")}})
	conn := popDial(t, p)
	play(t, conn, step{"", popGreeting}, step{"USER u", "+OK send PASS\r\n"}, step{"PASS p", "+OK logged in\r\n"},
		step{"UIDL", "+OK list follows\r\n1 same\r\n2 same\r\n3 b\r\n.\r\n"},
		step{"TOP 1 0", "+OK top of message follows\r\n\r\n.\r\n"},
		step{"RETR 2", "+OK 0 octets\r\n.\r\n"},
		step{"TOP 3 0", "+OK top of message follows\r\nSubject: only\r\n.\r\n"},
		step{"DELE 2", "+OK marked\r\n"})
	d.AddAs("c", []byte("came in the meantime"))
	exchange(t, conn, "QUIT", "+OK bye\r\n")
	var left []string
	for _, m := range d.Messages() {
		left = append(left, fmt.Sprintf("%s %d", m.UIDL, len(m.Raw)))
	}
	if diff := cmp.Diff([]string{"same 13", "b 15", "c 20"}, left); diff != "" {
		t.Errorf("after QUIT (-want +got):\n%s", diff)
	}
}

func TestPOP3Listens(t *testing.T) {
	defer goleak.VerifyNone(t)
	p, _ := popServer(POP3Options{})
	port, err := p.Listen()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if line != popGreeting {
		t.Errorf("greeting %q: %v", line, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if again, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		again.Close()
		t.Error("still listens after Close")
	}
}
