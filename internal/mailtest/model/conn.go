package model

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// protocol answers the commands of one session.
type protocol interface {
	// greeting is what the server says first.
	greeting() string
	// command carries one line out and returns the whole answer, and whether the server then closes the connection.
	command(line string) (answer string, end bool)
	// busy, refusal and bye are an answer of that kind in place of the true one.
	busy(line string) string
	refusal(line string) string
	bye() string
}

// conn is a connection in memory. The server lives in the client's calls of Write, so that a session takes the same
// course each time.
type conn struct {
	w     *World
	life  *life
	proto protocol
	name  string // of the protocol
	out   []byte // of the client's present line

	mu     sync.Mutex
	change *sync.Cond
	in     bytes.Buffer // what the client has not read yet
	end    error        // what it reads then; nil: it waits
	closed bool         // by the client
}

// connect makes a connection to a server.
func (w *World) connect(l *life, name string, p protocol) (net.Conn, error) {
	switch {
	case l.dead:
		return nil, errDead
	case p == nil:
		return nil, errCut
	}
	c := &conn{w: w, life: l, proto: p, name: name}
	c.change = sync.NewCond(&c.mu)
	kind := w.ask(name+" connect", true)
	switch kind {
	case failBefore:
		return nil, errCut
	case dieBefore, dieAfter:
		l.dead = true
		return nil, errDead
	case busyAnswer, refuse, sayBye:
		c.say(p.bye(), io.EOF)
	case failAfter, halfAnswer:
		c.say("", errCut)
	default:
		c.say(p.greeting(), nil)
	}
	return c, nil
}

// say gives the client something to read, and where end is not nil, the end of the connection after it.
func (c *conn) say(text string, end error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != nil {
		return
	}
	c.in.WriteString(text)
	c.end = end
	c.change.Broadcast()
}

func (c *conn) Write(p []byte) (int, error) {
	c.out = append(c.out, p...)
	for {
		line, rest, ok := strings.Cut(string(c.out), "\r\n")
		if !ok {
			return len(p), nil
		}
		c.out = []byte(rest)
		if err := c.hear(line); err != nil {
			return 0, err
		}
	}
}

// hear lets the server have one line, or lets something go wrong with it.
func (c *conn) hear(line string) error {
	if c.life.dead {
		return errDead
	}
	if c.broken() {
		return errCut
	}
	switch c.w.ask(c.name+" "+verb(c.name, line), true) {
	case failBefore:
		c.say("", errCut)
		return errCut
	case failAfter:
		c.proto.command(line)
		c.say("", errCut)
	case halfAnswer:
		answer, _ := c.proto.command(line)
		c.say(answer[:len(answer)/2], errCut)
	case busyAnswer:
		c.say(c.proto.busy(line), nil)
	case refuse:
		c.say(c.proto.refusal(line), nil)
	case sayBye:
		c.say(c.proto.bye(), io.EOF)
	case dieBefore:
		c.life.dead = true
		return errDead
	case dieAfter:
		c.proto.command(line)
		c.life.dead = true
		c.say("", errCut)
	default:
		answer, end := c.proto.command(line)
		if end {
			c.say(answer, io.EOF)
			return nil
		}
		c.say(answer, nil)
	}
	return nil
}

func (c *conn) broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed || c.end != nil
}

// verb is what a command line is about, without its arguments.
func verb(protocol, line string) string {
	words := strings.Fields(line)
	if protocol == "imap" && len(words) > 0 {
		words = words[1:]
	}
	switch {
	case len(words) == 0:
		return "empty line"
	case strings.EqualFold(words[0], "UID") && len(words) > 1:
		return strings.ToUpper(words[0] + " " + words[1])
	}
	return strings.ToUpper(words[0])
}

func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.in.Len() == 0 && c.end == nil && !c.closed {
		c.change.Wait()
	}
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case c.in.Len() > 0:
		return c.in.Read(p)
	}
	return 0, c.end
}

func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.change.Broadcast()
	return nil
}

func (c *conn) LocalAddr() net.Addr              { return address{} }
func (c *conn) RemoteAddr() net.Addr             { return address{} }
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

type address struct{}

func (address) Network() string { return "memory" }
func (address) String() string  { return "memory" }
