package mailbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// errSlow: an answer came, but too slowly (leastRate).
var errSlow = errors.New("too slow to go on")

// errClosed is what a session answers after Close.
var errClosed = errors.New("the session is closed")

const (
	// leastRate is how many octets a second an answer must bring on average, over rateTimeouts of the guard's timeout in
	// which the server was waited for. A modem brings ten times that. One who drips is as useless as one who is silent.
	leastRate    = 100
	rateTimeouts = 5
)

// guard lies between the socket and everything above it, TLS included. While it is bound to a context every read has a
// deadline that begins anew with each octet; what the layers above think of deadlines is ignored: go-imap gives a
// literal five minutes in total, go-pop3 has none. The first error closes the socket and is the answer to everything
// that comes later, because parsers try again.
type guard struct {
	net.Conn
	timeout time.Duration

	mu    sync.Mutex
	armed bool // a read has a deadline
	err   error

	since  time.Time     // when the present waiting began; zero: nobody waits
	waited time.Duration // waiting since the last command, or the last time that the rate was right
	got    int           // octets that came in it
}

func newGuard(conn net.Conn, timeout time.Duration) *guard {
	return &guard{Conn: conn, timeout: timeout}
}

// bind makes ctx and the deadlines govern the connection until release is called; when ctx ends the connection does.
// Unbound, a read may wait for ever: go-imap's reader does between two commands. Bindings do not nest.
func (g *guard) bind(ctx context.Context) (release func()) {
	stop := context.AfterFunc(ctx, func() { g.fail(context.Cause(ctx)) })
	g.arm(true)
	return func() {
		stop()
		g.arm(false)
	}
}

// arm switches the read deadline; for a caller that is bound but will not read for long, such as during a handler's
// call. It reaches a read that already waits.
func (g *guard) arm(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clock(time.Now())
	g.armed = on
	var deadline time.Time
	if on {
		deadline = time.Now().Add(g.timeout)
	}
	// An error here means a closed socket, which the next read reports.
	_ = g.Conn.SetReadDeadline(deadline)
}

func (g *guard) Read(p []byte) (int, error) {
	if err := g.beforeRead(); err != nil {
		return 0, err
	}
	n, err := g.Conn.Read(p)
	if err == nil {
		err = g.afterRead(n)
	}
	if err != nil {
		return n, g.fail(err)
	}
	return n, nil
}

func (g *guard) beforeRead() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since = time.Now()
	if g.err == nil && g.armed {
		_ = g.Conn.SetReadDeadline(g.since.Add(g.timeout))
	}
	return g.err
}

// afterRead fails where too little came for too long.
func (g *guard) afterRead(n int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clock(time.Now())
	g.since = time.Time{}
	g.got += n
	if g.waited < rateTimeouts*g.timeout {
		return nil
	}
	if waited, got := g.waited, g.got; float64(got) < leastRate*waited.Seconds() {
		return fmt.Errorf("the server sent %d octets in %v: %w", got, waited.Round(time.Second), errSlow)
	}
	g.waited, g.got = 0, 0
	return nil
}

// clock counts the time up to now as waiting if a read waits under a deadline: only then does anybody want an answer.
func (g *guard) clock(now time.Time) {
	if g.armed && !g.since.IsZero() {
		g.waited += now.Sub(g.since)
	}
	if !g.since.IsZero() {
		g.since = now
	}
}

// asked begins the reckoning anew: the server may take its time before it answers a command.
func (g *guard) asked() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clock(time.Now())
	g.waited, g.got = 0, 0
}

func (g *guard) Write(p []byte) (int, error) {
	if err := g.cause(); err != nil {
		return 0, err
	}
	g.asked()
	_ = g.Conn.SetWriteDeadline(time.Now().Add(g.timeout))
	n, err := g.Conn.Write(p)
	if err != nil {
		return n, g.fail(err)
	}
	return n, nil
}

// cause is the error that ended the connection; nil while it lives.
func (g *guard) cause() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// fail ends the connection with err, unless it has ended already, and returns the error it ended with.
func (g *guard) fail(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return g.err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("the server was silent for %v: %w", g.timeout, err)
	}
	g.err = err
	_ = g.Conn.Close() // the error that matters is err
	return err
}

// Close closes the socket at once, without a TLS farewell that could block on a peer that does not read.
func (g *guard) Close() error {
	g.fail(errClosed)
	return nil
}

// SetDeadline and its siblings do nothing: the guard sets deadlines itself.
func (g *guard) SetDeadline(time.Time) error      { return nil }
func (g *guard) SetReadDeadline(time.Time) error  { return nil }
func (g *guard) SetWriteDeadline(time.Time) error { return nil }
