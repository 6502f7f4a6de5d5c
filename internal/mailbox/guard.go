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

// errClosed is what a session answers after Close.
var errClosed = errors.New("the session is closed")

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
	if err != nil {
		return n, g.fail(err)
	}
	return n, nil
}

func (g *guard) beforeRead() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil && g.armed {
		_ = g.Conn.SetReadDeadline(time.Now().Add(g.timeout))
	}
	return g.err
}

func (g *guard) Write(p []byte) (int, error) {
	if err := g.cause(); err != nil {
		return 0, err
	}
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
