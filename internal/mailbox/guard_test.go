package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pricefetch/internal/mail"
)

func TestGuardDeadlineBeginsAnewWithEachOctet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		g := newGuard(client, time.Minute)
		defer g.bind(t.Context())()
		go func() {
			for range 4 {
				time.Sleep(59 * time.Second)
				server.Write([]byte("x"))
			}
		}()
		_ = g.SetDeadline(time.Now().Add(time.Second)) // as go-imap would; it must not matter
		start := time.Now()
		n, err := io.ReadFull(g, make([]byte, 5))
		if n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 4*59*time.Second+time.Minute {
			t.Errorf("%d octets, %v after %v", n, err, time.Since(start))
		}
		contains(t, err, "silent for 1m0s")
	})
}

// A server that drips is given up, one that is only slow to answer each command is not, nor is the reader's own time held
// against it.
func TestGuardLeastRate(t *testing.T) {
	for _, c := range []struct {
		name  string
		every time.Duration // between two pieces of that many octets
		piece int
		busy  time.Duration // of the reader, unarmed, after each piece
		asks  bool          // a command before each piece
		lasts time.Duration // of waiting until it is given up; 0: it is not
	}{
		{"an octet a second", time.Second, 1, 0, false, 5 * time.Minute},
		{"99 octets a second", time.Second, 99, 0, false, 5 * time.Minute},
		{"100 octets a second", time.Second, 100, 0, false, 0},
		{"slow to answer", 59 * time.Second, 10, 0, true, 0},
		{"a piece now and then", 50 * time.Second, 6000, 0, false, 0},
		{"a slow disk", 10 * time.Millisecond, 10, time.Minute, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				g := newGuard(client, time.Minute)
				defer g.bind(t.Context())()
				var serving sync.WaitGroup
				serving.Go(func() { _, _ = io.Copy(io.Discard, onlyReader{server}) })
				serving.Go(func() {
					for err := error(nil); err == nil; {
						time.Sleep(c.every)
						_, err = server.Write(make([]byte, c.piece))
					}
				})
				start, p := time.Now(), make([]byte, 1<<20)
				var err error
				for err == nil && time.Since(start) < 20*time.Minute {
					if c.asks {
						_, _ = g.Write([]byte("NOOP\r\n"))
					}
					if _, err = g.Read(p); err == nil && c.busy > 0 {
						g.arm(false)
						time.Sleep(c.busy)
						g.arm(true)
					}
				}
				took := time.Since(start)
				if c.lasts == 0 && err != nil || c.lasts > 0 && (err == nil || took < c.lasts || took > c.lasts+c.every) {
					t.Errorf("%v after %v, want it to last %v", err, took, c.lasts)
				}
				if c.lasts > 0 {
					contains(t, err, "too slow to go on")
				}
				_ = g.Close()
				serving.Wait()
			})
		})
	}
}

// onlyReader hides what else a connection can do, so that io.Copy reads.
type onlyReader struct{ io.Reader }

func TestGuardErrorIsSticky(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		g := newGuard(client, time.Minute)
		release := g.bind(t.Context())
		_, first := g.Read(make([]byte, 1))
		release()
		start := time.Now()
		_, second := g.Read(make([]byte, 1))
		_, third := g.Write([]byte("x"))
		if first == nil || second != first || third != first || g.cause() != first || time.Since(start) != 0 {
			t.Errorf("%v, %v, %v after %v", first, second, third, time.Since(start))
		}
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the socket is not closed: %v", err)
		}
	})
}

func TestGuardWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		g := newGuard(client, time.Minute)
		start := time.Now()
		if _, err := g.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// Between two commands a reader may wait for long; the deadline reaches it when the next one begins.
func TestGuardUnboundWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		g := newGuard(client, time.Minute)
		read := make(chan error, 1)
		go func() {
			_, err := g.Read(make([]byte, 1))
			read <- err
		}()
		g.bind(t.Context())()
		time.Sleep(time.Hour)
		select {
		case err := <-read:
			t.Fatalf("ended by itself: %v", err)
		default:
		}
		start := time.Now()
		defer g.bind(t.Context())()
		if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestGuardCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		g := newGuard(client, time.Minute)
		why := errors.New("daemon stops")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer g.bind(ctx)()
		time.AfterFunc(time.Second, func() { cancel(why) })
		start := time.Now()
		if _, err := g.Read(make([]byte, 1)); err != why || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A context that ends after its method has returned leaves the session alone.
func TestGuardReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		g := newGuard(client, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		g.bind(ctx)()
		cancel()
		synctest.Wait()
		if err := g.cause(); err != nil {
			t.Error(err)
		}
		_ = g.Close()
	})
}

// wholePass is a dialogue with every kind of command, and what a pass says in it.
const wholePass = hello + two

func passScript() string {
	return wholePass + "C: TOP 1 0\n" + sent(head(priced)) + "C: RETR 1\n" + sent(priced) + "C: TOP 2 0\n" + sent(head(priced)) +
		"C: DELE 2\nS: +OK\nC: QUIT\nS: +OK\n"
}

// pass says it. got is what Fetch delivered as whole.
func pass(ctx context.Context, o Options) (got string, err error) {
	s, err := Open(ctx, o)
	if err != nil {
		return "", err
	}
	defer s.Close(false)
	l, err := s.List(ctx, nil)
	if err != nil {
		return "", err
	}
	if !l[0].Complete {
		return "", fmt.Errorf("listing: %s", l[0].Why)
	}
	a, b := l[0].Refs[0].Ref, l[0].Refs[1].Ref
	err = s.Envelopes(ctx, []mail.Ref{a}, func(mail.Envelope) error { return nil })
	if err != nil {
		return "", err
	}
	h := newCollector()
	if err := s.Fetch(ctx, []mail.Ref{a}, h); err != nil {
		return "", err
	}
	got = h.raw["uid-a"]
	gone, err := s.Delete(ctx, []mail.Doomed{{Ref: b, Fingerprint: printOf(priced), Size: -1}})
	if err != nil {
		return got, err
	}
	if gone[0].State != mail.DeleteMarked {
		return got, gone[0].Err
	}
	return got, s.Close(true)
}

// conversation turns a script into its steps and a way to play only the first n octets that the server sends; after
// them it is silent, or hangs up.
func playFirst(conn net.Conn, steps []step, octets int, hangUp bool) {
	defer conn.Close()
	for _, s := range steps {
		if s.client {
			if _, err := io.ReadFull(conn, make([]byte, len(s.text)+2)); err != nil {
				return
			}
			continue
		}
		if _, err := io.WriteString(conn, s.text[:min(len(s.text), octets)]); err != nil {
			return
		}
		if octets -= len(s.text); octets < 0 {
			break
		}
	}
	if !hangUp {
		_, _ = io.Copy(io.Discard, conn)
	}
}

func octetsOf(steps []step) int {
	n := 0
	for _, s := range steps {
		if !s.client {
			n += len(s.text)
		}
	}
	return n
}

func partial(o Options, steps []step, octets int, hangUp bool) Options {
	o.Dialer = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go playFirst(server, steps, octets, hangUp)
		return client, nil
	}
	return o
}

// Wherever the connection is cut, the pass fails: no shorter message, no listing, no commit.
func TestPOP3CutAtEveryOctet(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	steps, o := parseScript(t, passScript()), scripted(t, "")
	all := octetsOf(steps)
	for n := range all {
		got, err := pass(t.Context(), partial(o, steps, n, true))
		if err == nil || mail.ClassOf(err) != mail.Temporary || got != "" && got != priced {
			t.Fatalf("cut after %d of %d octets: %q, %v", n, all, got, err)
		}
	}
	if got, err := pass(t.Context(), partial(o, steps, all, true)); err != nil || got != priced {
		t.Errorf("not cut: %q, %v", got, err)
	}
}

// Wherever the server falls silent, the deadline ends the pass after its time.
func TestPOP3SilentAtEveryOctet(t *testing.T) {
	steps, o := parseScript(t, passScript()), scripted(t, "")
	all := octetsOf(steps)
	for n := range all {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := pass(t.Context(), partial(o, steps, n, false))
			if !errors.Is(err, os.ErrDeadlineExceeded) || mail.ClassOf(err) != mail.Temporary || time.Since(start) != o.Timeout {
				t.Errorf("silent after %d of %d octets: %v after %v", n, all, err, time.Since(start))
			}
		})
	}
}

// Wherever a pass is when its context ends, it ends at once and says why.
func TestPOP3CancelledAtEveryOctet(t *testing.T) {
	steps, o := parseScript(t, passScript()), scripted(t, "")
	for n := range octetsOf(steps) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(mail.ErrStopping) })
			start := time.Now()
			_, err := pass(ctx, partial(o, steps, n, false))
			committing := err != nil && strings.HasPrefix(err.Error(), "commit session") // Close has no context
			if !committing && (!errors.Is(err, mail.ErrStopping) || time.Since(start) != time.Second) {
				t.Errorf("silent after %d octets: %v after %v", n, err, time.Since(start))
			}
		})
	}
}
