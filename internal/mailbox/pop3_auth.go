package mailbox

import (
	"encoding/base64"
	"errors"
	"fmt"

	"pricefetch/internal/mail"
)

// logIn sends the credentials: USER and PASS (RFC 1939 section 7), or SASL PLAIN (RFC 5034) where the server names its
// ways to log in and USER is none of them. Each command waits for the answer to the one before.
func (s *pop3Session) logIn(secret string) (err error) {
	if s.caps != nil && !s.caps.has("USER") && s.caps.sasl("PLAIN") {
		err = s.authPlain(secret)
	} else {
		err = s.userPass(secret)
	}
	if r, ok := errors.AsType[*pop3Refusal](err); ok {
		return s.denied(r)
	}
	if err != nil {
		return fmt.Errorf("log in to %s: %w", s.o.Host, err)
	}
	return nil
}

func (s *pop3Session) userPass(secret string) error {
	if err := s.lib.User(s.o.Username); err != nil {
		return s.wire.explain("USER", err)
	}
	if err := s.lib.Pass(secret); err != nil {
		return s.wire.explain("PASS", err)
	}
	return nil
}

// authPlain sends the response after the server's challenge and not with the command: not every server takes an
// initial response, and a long one does not fit a command's 255 octets (RFC 5034 section 4).
func (s *pop3Session) authPlain(secret string) error {
	if _, err := s.lib.Cmd("AUTH PLAIN", false); err != nil {
		return s.wire.explain("AUTH PLAIN", err)
	}
	response := base64.StdEncoding.EncodeToString([]byte("\x00" + s.o.Username + "\x00" + secret))
	if err := s.lib.Send(response); err != nil {
		return s.wire.explain("AUTH PLAIN", err)
	}
	if _, err := s.lib.ReadOne(); err != nil {
		return s.wire.explain("AUTH PLAIN", err)
	}
	return nil
}

// denied turns a refused login into its class.
func (s *pop3Session) denied(r *pop3Refusal) error {
	class := mail.Temporary
	if r.badLogin() {
		class = mail.Auth
	}
	err := fmt.Errorf("log in to %s as %s: %w", s.o.Host, s.o.Username, r)
	return &mail.Error{Class: class, After: r.delay(s.caps), Err: err}
}
