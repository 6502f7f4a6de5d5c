package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"pricefetch/internal/mail"
)

// backoffPattern is how Exchange states a delay in the text of NO and BYE.
var backoffPattern = regexp.MustCompile(`(?i)suggested backoff time: (\d+) (milliseconds|seconds|minutes)`)

// maxBackoff bounds a stated delay.
const maxBackoff = 24 * time.Hour

// backoff reads the delay that a server states in its text; 0 where it states none.
func backoff(text string) time.Duration {
	m := backoffPattern.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(m[1], 10, 32)
	if err != nil {
		return maxBackoff
	}
	unit := map[string]time.Duration{"milliseconds": time.Millisecond, "seconds": time.Second, "minutes": time.Minute}
	return min(time.Duration(n)*unit[strings.ToLower(m[2])], maxBackoff)
}

// busy reports whether a refusal says that the server, not the request, is in trouble: response codes of RFC 5530 and
// 9051 section 7.1, Gmail's THROTTLED and OVERQUOTA (of bandwidth), and the words of servers that send no code.
func busy(e *imap.Error) bool {
	switch code := imap.ResponseCode(strings.ToUpper(string(e.Code))); code {
	case imap.ResponseCodeUnavailable, imap.ResponseCodeInUse, imap.ResponseCodeLimit, imap.ResponseCodeServerBug,
		imap.ResponseCodeOverQuota, "THROTTLED":
		return true
	case imap.ResponseCodeAuthenticationFailed, imap.ResponseCodeAuthorizationFailed, imap.ResponseCodeExpired,
		imap.ResponseCodeNonExistent:
		return false
	}
	text := strings.ToLower(e.Text)
	for _, words := range []string{"backoff time", "server unavailable", "temporar", "try again", "too many", "throttl"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// words quotes what a server answered.
func words(e *imap.Error) string {
	text := e.Text
	if text == "" {
		text = "without a word why"
	}
	if e.Code != "" {
		return fmt.Sprintf("server says %s [%s] %s", e.Type, e.Code, text)
	}
	return fmt.Sprintf("server says %s %s", e.Type, text)
}

// refusal returns the server's NO or BAD; nil where err is something else.
func refusal(err error) *imap.Error {
	if e, ok := errors.AsType[*imap.Error](err); ok {
		return e
	}
	return nil
}

// refused turns a server's NO or BAD to what into an error of class c, or Temporary where the server is busy.
func refused(c mail.Class, what string, e *imap.Error) error {
	if busy(e) {
		c = mail.Temporary
	}
	return &mail.Error{Class: c, After: backoff(e.Text), Err: fmt.Errorf("%s: %s", what, words(e))}
}

// byChance reports whether a connection ended in a way that need not repeat itself: it broke, or the server was silent.
// What the server sent and we could not read is no chance.
func byChance(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, errSlow) || errors.Is(err, errHungUp) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// failed explains why a command came to no answer or to a refusal. Anything but a refusal has cost the connection.
func (s *imapSession) failed(ctx context.Context, what string, err error) error {
	if e := refusal(err); e != nil {
		return refused(mail.Temporary, what, e)
	}
	return s.broken(ctx, what, err)
}

// broken gives the connection up and explains why: in this order because the caller wants to stop, by the server's
// parting words, by what the network said, by what the parser could not read.
func (s *imapSession) broken(ctx context.Context, what string, err error) error {
	bye, before := s.conn.Bye(), s.lost
	s.drop()
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, errTooMany): // we gave it up
	case bye != "":
		err = &mail.Error{Class: mail.Temporary, After: backoff(bye), Err: fmt.Errorf("server ended the session: BYE %s", bye)}
	case s.conn.Err() != nil:
		err = s.conn.Err()
	case err == nil:
		err = errors.New("connection lost")
	}
	err = &mail.Error{Class: mail.Temporary, After: mail.AfterOf(err), Err: fmt.Errorf("%s: %w", what, err)}
	if before == nil {
		s.lost = err
	}
	return err
}
