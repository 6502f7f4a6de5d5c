package mailbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"pricefetch/internal/mail"
)

// maxGreeting bounds a line before TLS, in octets.
const maxGreeting = 8 << 10

// errNoCaps: the library waits for capabilities so long and no longer, whatever Options.Timeout is.
var errNoCaps = errors.New("the server did not list them within 30s: too slow to go on")

// imapStartTLS reads the greeting and asks for TLS (RFC 9051 section 6.2.1). It takes nothing off the connection that
// follows the server's answer.
func imapStartTLS(conn net.Conn) error {
	greeting, err := readLine(conn, maxGreeting)
	if err != nil {
		return fmt.Errorf("read greeting: %w", err)
	}
	switch kind, text := statusLine(greeting); kind {
	case "OK":
	case "BYE":
		return &mail.Error{Class: mail.Temporary, After: backoff(text), Err: fmt.Errorf("server greets with BYE %s", text)}
	case "PREAUTH":
		return errors.New("server greets with PREAUTH, which leaves no room for STARTTLS: set tls: implicit, or none")
	default:
		return fmt.Errorf("server greets with %q, which is not IMAP", greeting)
	}
	if _, err := conn.Write([]byte("S1 STARTTLS\r\n")); err != nil {
		return fmt.Errorf("send STARTTLS: %w", err)
	}
	for range 100 {
		line, err := readLine(conn, maxGreeting)
		if err != nil {
			return fmt.Errorf("read answer to STARTTLS: %w", err)
		}
		if text, ok := strings.CutPrefix(line, "S1 "); ok {
			if word, _, _ := strings.Cut(text, " "); strings.EqualFold(word, "OK") {
				return nil
			}
			return fmt.Errorf("server refuses STARTTLS with %q: set tls: implicit if it offers that", text)
		}
		if kind, text := statusLine(line); kind == "BYE" {
			return &mail.Error{Class: mail.Temporary, After: backoff(text), Err: fmt.Errorf("server answers STARTTLS with BYE %s", text)}
		}
	}
	return errors.New("server does not answer STARTTLS")
}

// statusLine splits an untagged status response.
func statusLine(line string) (kind, text string) {
	rest, ok := strings.CutPrefix(line, "* ")
	if !ok {
		return "", ""
	}
	kind, text, _ = strings.Cut(rest, " ")
	return strings.ToUpper(kind), text
}

// authenticate waits for the greeting and logs in: by LOGIN, or by AUTHENTICATE PLAIN where the server wants that or
// the credentials are not ASCII, which LOGIN has no charset for.
func (s *imapSession) authenticate(ctx context.Context, secret string) error {
	what := "log in to " + s.o.Host
	if err := s.client.WaitGreeting(); err != nil {
		return s.failed(ctx, "connect to "+s.o.address(), err)
	}
	caps := s.client.Caps()
	if caps == nil {
		return s.broken(ctx, what+": ask for capabilities", errNoCaps)
	}
	if s.client.State() == imap.ConnStateAuthenticated {
		s.caps = caps // PREAUTH: the connection itself is the credential
		return nil
	}
	if err := s.logIn(ctx, caps, secret); err != nil {
		return s.denied(ctx, what, err)
	}
	return s.learn(ctx, what)
}

// learn sets the capabilities that hold after login. Where the answer to it did not list them they are asked for: the
// library forgets the old ones only a moment after it reported the login.
func (s *imapSession) learn(ctx context.Context, what string) error {
	if s.conn.Capable() {
		s.caps = s.client.Caps()
		return nil
	}
	caps, err := s.client.Capability().Wait()
	if err != nil {
		return s.failed(ctx, what+": ask for capabilities", err)
	}
	s.caps = caps
	return nil
}

// logIn sends the credentials.
func (s *imapSession) logIn(ctx context.Context, caps imap.CapSet, secret string) error {
	plain := caps.Has(imap.AuthCap(sasl.Plain))
	login := !caps.Has(imap.CapLoginDisabled)
	s.conn.secret(true)
	defer s.conn.secret(false)
	switch {
	case plain && (!login || !isASCII(s.o.Username+secret)):
		return s.client.Authenticate(sasl.NewPlainClient("", s.o.Username, secret))
	case login:
		return s.client.Login(s.o.Username, secret).Wait()
	case s.o.TLS == TLSNone:
		return mail.Errorf(mail.Auth, "server takes no password over a connection in the clear: set tls: implicit or starttls")
	default:
		return mail.Errorf(mail.Auth, "server offers neither LOGIN nor AUTH=PLAIN, only %s", mechanisms(caps))
	}
}

// denied explains why a login failed. NO means the credentials unless the server says that it is busy; BAD does so
// only with a code.
func (s *imapSession) denied(ctx context.Context, what string, err error) error {
	e := refusal(err)
	switch {
	case e == nil && mail.ClassOf(err) == mail.Auth:
		return fmt.Errorf("%s: %w", what, err)
	case e == nil:
		return s.broken(ctx, what, err)
	case e.Type == imap.StatusResponseTypeBad && !strings.EqualFold(string(e.Code), string(imap.ResponseCodeAuthenticationFailed)):
		return refused(mail.Temporary, what, e)
	default:
		return refused(mail.Auth, what, e)
	}
}

// mechanisms lists what the server offers to log in by.
func mechanisms(caps imap.CapSet) string {
	var l []string
	for _, c := range slices.Sorted(maps.Keys(caps)) {
		if name, ok := strings.CutPrefix(string(c), "AUTH="); ok {
			l = append(l, name)
		}
	}
	if len(l) == 0 {
		return "nothing"
	}
	return strings.Join(l, ", ")
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}
