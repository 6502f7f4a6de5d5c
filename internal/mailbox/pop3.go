package mailbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/knadh/go-pop3"

	"pricefetch/internal/mail"
)

// pop3Session is the POP3 adapter (RFC 1939). A session sees the maildrop as it was at login, and what it deletes goes
// when it ends with QUIT. One command runs at a time.
type pop3Session struct {
	o    Options
	wire *pop3Wire
	lib  *pop3.Conn
	caps pop3Caps
	buf  *bufio.Reader // reads lists and headers off a multi-line reply

	maildrop *maildrop         // nil: not listed yet
	prints   map[uint32]string // fingerprint by message number, from this session's RETR or TOP
	retr     map[uint32]bool   // what was RETR-ed, also for the header alone
	top      topState
	closed   bool
}

// topState is what is known of TOP, which is optional (RFC 1939 section 7).
type topState int

const (
	topUntried topState = iota
	topWorks
	topAbsent
)

func openPOP3(ctx context.Context, o Options) (Session, error) {
	s, err := connectPOP3(ctx, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// connectPOP3 dials, secures the connection and logs in.
func connectPOP3(ctx context.Context, o Options) (*pop3Session, error) {
	secret, err := o.password(ctx)
	if err != nil {
		return nil, err
	}
	l, err := dial(ctx, o, func(_ context.Context, conn net.Conn) error { return stls(o, conn) })
	if err != nil {
		return nil, err
	}
	s := &pop3Session{
		o: o, wire: newPOP3Wire(l, o.Trace), buf: bufio.NewReaderSize(nil, pop3Line),
		prints: map[uint32]string{}, retr: map[uint32]bool{},
	}
	defer l.guard.bind(ctx)()
	if err := s.begin(secret); err != nil {
		_ = l.Close() // it cannot fail
		return nil, err
	}
	return s, nil
}

// begin reads the greeting and logs in.
func (s *pop3Session) begin(secret string) error {
	if s.o.TLS == TLSStart {
		s.wire.greeted()
	}
	lib, err := pop3.New(pop3.Opt{Dialer: dialed{s.wire}}).NewConn()
	if err != nil {
		r, refused := errors.AsType[*pop3Refusal](s.wire.explain("greeting", err))
		if refused {
			return s.turnedAway(r)
		}
		return fmt.Errorf("connect to %s: %w", s.o.address(), s.wire.explain("greeting", err))
	}
	s.lib = lib
	if err := s.capabilities(); err != nil {
		return err
	}
	if err := s.logIn(secret); err != nil {
		return err
	}
	// The list may differ after login (RFC 2449 section 5): EXPIRE and LOGIN-DELAY of this user.
	return s.capabilities()
}

// turnedAway explains a greeting of -ERR.
func (s *pop3Session) turnedAway(r *pop3Refusal) error {
	return &mail.Error{Class: mail.Temporary, After: r.delay(s.caps), Err: fmt.Errorf("connect to %s: %w", s.o.address(), r)}
}

// dialed hands the library a connection that stands already.
type dialed struct{ conn net.Conn }

func (d dialed) Dial(string, string) (net.Conn, error) { return d.conn, nil }

// stls asks for TLS in the clear (RFC 2595 section 4). Without it the password is not sent.
func stls(o Options, conn net.Conn) error {
	greeting, err := plainReply(o, conn)
	if err != nil {
		return err
	}
	if greeting != nil {
		return &mail.Error{Class: mail.Temporary, After: greeting.delay(nil), Err: greeting}
	}
	o.Trace("C", "STLS")
	if _, err := conn.Write([]byte("STLS\r\n")); err != nil {
		return fmt.Errorf("send STLS: %w", err)
	}
	refused, err := plainReply(o, conn)
	if err != nil {
		return err
	}
	if refused != nil {
		return fmt.Errorf("the server has no STLS and the password is not sent in the clear: set tls: implicit if it offers that (%s)", refused)
	}
	return nil
}

// plainReply reads a status line before TLS; nil, nil is +OK.
func plainReply(o Options, conn net.Conn) (*pop3Refusal, error) {
	line, err := readLine(conn, pop3Line)
	if err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	o.Trace("S", line)
	ok, text, valid := parseStatus(line, false)
	switch {
	case !valid:
		return nil, notPOP3(line)
	case ok:
		return nil, nil
	}
	return &pop3Refusal{text: clean(text)}, nil
}

// command sends one command through the library. The error is a *pop3Refusal for -ERR; with any other the connection
// is lost. The reply's text, or the body in s.wire.body, is the caller's to read.
func (s *pop3Session) command(verb string, args ...any) (string, error) {
	line := strings.TrimSpace(verb + " " + strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
	if _, err := s.lib.Cmd(verb, expected(line) == multiple, args...); err != nil {
		return "", s.wire.explain(line, err)
	}
	return s.wire.text, nil
}

// lines sends a command without arguments whose answer is a list of at most limit octets, and hands over its lines. An
// error of each ends the session.
func (s *pop3Session) lines(verb string, limit int64, each func(line string) error) error {
	if _, err := s.command(verb); err != nil {
		return err
	}
	s.buf.Reset(s.wire.body)
	for s.wire.body.n <= limit {
		line, err := s.wire.line(s.buf)
		if err == io.EOF {
			s.wire.trace("S", ".")
			return nil
		}
		if err == nil {
			s.wire.trace("S", line)
			err = each(line)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", verb, s.wire.lost(err))
		}
	}
	return fmt.Errorf("%s: %w", verb, s.wire.lost(fmt.Errorf("a list of more than %d octets", limit)))
}

const (
	// maxCaps bounds what CAPA may answer. Octets.
	maxCaps = 64 << 10
	// perListed is what LIST and UIDL may answer for each of the messages that a maildrop may have, on average: UIDLs of
	// twice the 70 characters of RFC 1939 section 7 fit. Octets.
	perListed = 160
)

// capabilities asks for CAPA (RFC 2449 section 5). A server without it is none the worse.
func (s *pop3Session) capabilities() error {
	caps := pop3Caps{}
	err := s.lines("CAPA", maxCaps, caps.add)
	if _, refused := errors.AsType[*pop3Refusal](err); refused {
		return nil
	}
	if err != nil {
		return err
	}
	s.caps, s.top = caps, topUntried
	if !caps.has("TOP") {
		s.top = topAbsent
	}
	return nil
}

// use begins a method: it binds ctx to the connection and refuses a session that has ended.
func (s *pop3Session) use(ctx context.Context) (release func(), err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if err := s.wire.Err(); err != nil {
		return nil, mail.Errorf(mail.Temporary, "use session: %w", s.wire.lost(err))
	}
	return s.wire.guard.bind(ctx), nil
}

// Close ends the session. With commit it sends QUIT, which makes the deletions real; the error tells that the server
// did not confirm them. Without, the connection is dropped and the maildrop stays as it is.
func (s *pop3Session) Close(commit bool) error {
	if s.closed {
		return nil
	}
	s.closed = true
	if !commit {
		return s.wire.Close()
	}
	release, err := s.use(context.Background())
	if err != nil {
		return fmt.Errorf("commit session: %w", err)
	}
	defer release()
	if err := s.lib.Quit(); err != nil {
		return mail.Errorf(mail.Temporary, "commit session: %w", s.wire.explain("QUIT", err))
	}
	return nil
}

// Retrieved tells which messages the server gave by RETR in this session: to Fetch, or to Envelopes where there is no
// TOP. Some servers hide them when the session ends with QUIT.
func (s *pop3Session) Retrieved() []mail.Ref {
	var refs []mail.Ref
	if s.maildrop == nil {
		return nil
	}
	for _, l := range s.maildrop.refs {
		if s.retr[l.Num] {
			refs = append(refs, l.Ref)
		}
	}
	return refs
}
