package mailbox

import (
	"context"
	"errors"
	"fmt"

	"pricefetch/internal/mail"
)

// Delete verifies each message, by its UIDL in this session's listing and its fingerprint from this session's RETR or
// TOP, and marks it with DELE. Nothing is deleted before Close(true) succeeds. When the connection is lost on the way,
// QUIT cannot be sent: nothing was deleted, which the error and the answers say.
func (s *pop3Session) Delete(ctx context.Context, doomed []mail.Doomed) ([]mail.Deleted, error) {
	out := make([]mail.Deleted, 0, len(doomed))
	release, err := s.use(ctx)
	if err != nil {
		return refuseRest(out, doomed, err), err
	}
	defer release()
	if err := s.list(); err != nil {
		return refuseRest(out, doomed, err), err
	}
	for _, d := range doomed {
		answer, err := s.delete(d)
		out = append(out, answer)
		if err != nil {
			return refuseRest(out, doomed, err), err
		}
	}
	return out, nil
}

// refuseRest answers for those of doomed that have no answer yet.
func refuseRest(out []mail.Deleted, doomed []mail.Doomed, cause error) []mail.Deleted {
	for _, d := range doomed[len(out):] {
		out = append(out, mail.Deleted{Ref: d.Ref, State: mail.DeleteRefused, Err: fmt.Errorf("not asked for: %w", cause)})
	}
	return out
}

// delete marks one message. The error means that the connection is lost or the server busy.
func (s *pop3Session) delete(d mail.Doomed) (mail.Deleted, error) {
	answer := func(state mail.DeleteState, format string, args ...any) (mail.Deleted, error) {
		err := fmt.Errorf("delete message %s: "+format, append([]any{name(d.Ref)}, args...)...)
		return mail.Deleted{Ref: d.Ref, State: state, Err: err}, nil
	}
	l, listed := s.maildrop.find(d.Ref)
	switch {
	case s.o.ReadOnly:
		return answer(mail.DeleteRefused, "this is a dry run")
	case !listed && s.maildrop.why != "":
		return answer(mail.DeleteRefused, "it is not in a listing that is not complete: %s", s.maildrop.why)
	case !listed:
		return answer(mail.DeleteAbsent, "the server no longer offers it")
	case d.Size >= 0 && l.Size >= 0 && d.Size != l.Size:
		return answer(mail.DeleteMismatch, "it has %d octets, expected %d: it is another message", l.Size, d.Size)
	}
	print, err := s.verify(l)
	switch {
	case mail.ClassOf(err) == mail.Message:
		return answer(mail.DeleteRefused, "its identity cannot be verified: %w", err)
	case err != nil:
		err = fmt.Errorf("verify message %s: %w", name(d.Ref), err)
		return mail.Deleted{Ref: d.Ref, State: mail.DeleteRefused, Err: err}, err
	case print != d.Fingerprint:
		return answer(mail.DeleteMismatch, "its header is not the one on record: it is another message")
	}
	return s.mark(d.Ref, l.Num)
}

// verify returns the fingerprint that this session has seen, or asks for the header. Without TOP, and for a message
// without a UIDL, only what this session RETR-ed counts.
func (s *pop3Session) verify(l mail.Listed) (string, error) {
	if print, ok := s.prints[l.Num]; ok && (l.ID != "" || s.retr[l.Num]) {
		return print, nil
	}
	if l.ID == "" {
		return "", mail.Errorf(mail.Message, "the server gives it no UIDL of its own, and it was not retrieved in this session")
	}
	if s.top == topAbsent {
		return "", mail.Errorf(mail.Message, "the server has no TOP, and it was not retrieved in this session")
	}
	if _, err := s.command("TOP", l.Num, 0); err != nil {
		return "", s.messageClass(err)
	}
	env, err := s.readEnvelope(l.Num)
	return env.Fingerprint, err
}

func (s *pop3Session) mark(ref mail.Ref, num uint32) (mail.Deleted, error) {
	_, err := s.command("DELE", num)
	if err == nil {
		return mail.Deleted{Ref: ref, State: mail.DeleteMarked}, nil
	}
	if _, refused := errors.AsType[*pop3Refusal](err); refused {
		return mail.Deleted{Ref: ref, State: mail.DeleteRefused, Err: err}, nil
	}
	err = fmt.Errorf("delete message %s: %w", name(ref), err)
	return mail.Deleted{Ref: ref, State: mail.DeleteUnknown, Err: err}, err
}
