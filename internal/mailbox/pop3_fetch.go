package mailbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"pricefetch/internal/mail"
	"pricefetch/internal/mimepart"
)

// maxDrain is how much of a message is read and thrown away after its handler gave up, so that the session can go on;
// if there is more the connection is given up. Octets.
const maxDrain = 256 << 10

// slack is by how much a message may fall short of the size in the listing, however small it is. Servers estimate sizes
// (Exchange) or count header fields of their own; a message of less than half its size is not whole. Octets.
const slack = 4 << 10

// errNoTOP: what a dry run cannot do, as it must not RETR.
var errNoTOP = errors.New("attachments unknown: the server has no TOP")

// Envelopes reads headers with TOP, one by one. Where TOP is not to be had a message is RETR-ed for its header, see
// Retrieved; not so in a dry run, where that is an error.
func (s *pop3Session) Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) error {
	release, err := s.use(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := s.list(); err != nil {
		return err
	}
	withheld := false
	for _, ref := range refs {
		l, ok := s.maildrop.find(ref)
		if !ok {
			continue
		}
		env, err := s.envelope(l.Num)
		if _, refused := errors.AsType[*pop3Refusal](err); refused && mail.ClassOf(err) == mail.Message {
			withheld = true // the server lists the message but does not give it
			continue
		}
		if err != nil {
			err = fmt.Errorf("read header of message %s: %w", name(ref), err)
			if lost := s.wire.Err(); lost != nil && ctx.Err() == nil {
				return &mail.OddAnswer{Refs: []mail.Ref{ref}, Proven: true, Cut: byChance(lost), Err: err}
			}
			return err
		}
		env.Ref, env.Size = ref, l.Size
		if err := each(env); err != nil {
			return err
		}
	}
	if withheld && s.o.ReadOnly && s.top == topUntried {
		return mail.Errorf(mail.Message, "read headers: %w", errNoTOP)
	}
	return nil
}

// envelope reads one header and remembers its fingerprint. A refusal is of class Message or Temporary.
func (s *pop3Session) envelope(num uint32) (mail.Envelope, error) {
	if err := s.header(num); err != nil {
		return mail.Envelope{}, err
	}
	return s.readEnvelope(num)
}

// readEnvelope reads the header off the reply and passes over the rest of it: the whole message where there is no TOP,
// but not much more than that.
func (s *pop3Session) readEnvelope(num uint32) (mail.Envelope, error) {
	s.buf.Reset(s.wire.body)
	head, err := mimepart.ReadHeader(s.buf, 0)
	if err == nil {
		err = s.drain(s.maildrop.octetsOf(num))
	}
	if err != nil {
		return mail.Envelope{}, s.wire.lost(err)
	}
	env := mimepart.Envelope(head)
	s.prints[num] = env.Fingerprint
	return env, nil
}

// header asks for a message's header by TOP, or by RETR where there is no TOP. TOP refused before it ever worked may
// mean either; if RETR then succeeds it is TOP that is missing.
func (s *pop3Session) header(num uint32) error {
	if s.top != topAbsent {
		_, err := s.command("TOP", num, 0)
		if _, refused := errors.AsType[*pop3Refusal](err); !refused {
			if err == nil {
				s.top = topWorks
			}
			return err
		}
		if err = s.messageClass(err); mail.ClassOf(err) != mail.Message || s.top == topWorks || s.o.ReadOnly {
			return err
		}
	}
	if s.o.ReadOnly {
		return mail.Errorf(mail.Message, "%w", errNoTOP)
	}
	if err := s.retrieve(num); err != nil {
		return err
	}
	s.top = topAbsent
	return nil
}

// retrieve asks for a whole message by RETR and remembers that it did.
func (s *pop3Session) retrieve(num uint32) error {
	_, err := s.command("RETR", num)
	if err != nil {
		return s.messageClass(err)
	}
	s.retr[num] = true
	return nil
}

// messageClass says of a refusal whether it concerns the message or the server.
func (s *pop3Session) messageClass(err error) error {
	r, ok := errors.AsType[*pop3Refusal](err)
	if !ok || r.busy() {
		return s.class(err)
	}
	return mail.Errorf(mail.Message, "%w", err)
}

// Fetch streams each message through h as it comes: nothing holds it whole. A message is whole when its final dot was
// read. An error of h ends Fetch; if then more than 256 KiB of the message are left the connection is given up.
func (s *pop3Session) Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error {
	release, err := s.use(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := s.list(); err != nil {
		return err
	}
	for _, ref := range refs {
		if err := s.fetch(ref, h); err != nil {
			return err
		}
	}
	return nil
}

func (s *pop3Session) fetch(ref mail.Ref, h mail.Handler) error {
	l, ok := s.maildrop.find(ref)
	if !ok {
		return h.Done(ref, mail.Errorf(mail.Message, "fetch message %s: the server no longer offers it", name(ref)))
	}
	raw, octets, err := s.open(l.Num)
	if err == nil {
		err = s.stream(ref, l, raw, octets, h)
	}
	if a, ok := errors.AsType[*abort](err); ok {
		return a.err
	}
	if err != nil {
		err = fmt.Errorf("fetch message %s: %w", name(ref), err)
		if mail.ClassOf(err) != mail.Message {
			return err
		}
	}
	return h.Done(ref, err)
}

// lengthTries is how often a message is asked for that comes with another length each time. Mailutils needs one more for
// each doubling: this is enough for 500 MB.
const lengthTries = 16

// open asks for a whole message. Where its header came by TOP in the same session, GNU Mailutils 3.15 may answer the
// first RETR with the header alone, the next ones with the first 8, 24, 56 KiB of the body and so on up to the whole,
// each with a final dot. So of a message that comes without a body, the length has to come twice alike before it is
// handed out, and octets says what that is; else it is -1.
func (s *pop3Session) open(num uint32) (raw io.Reader, octets int64, err error) {
	raw, bare, err := s.ask(num)
	if err != nil || !bare {
		return raw, -1, err
	}
	last := s.wire.body.n
	for range lengthTries {
		if err := s.content(num); err != nil {
			return nil, 0, err
		}
		if err := s.drain(s.limit()); err != nil {
			return nil, 0, err
		}
		if octets = s.wire.body.n; octets == last {
			raw, _, err = s.ask(num)
			return raw, octets, err
		}
		last = octets
	}
	return nil, 0, mail.Errorf(mail.Message, "the server gives it with another length each time it is asked, lastly %d octets", last)
}

// limit is how many octets a message may have.
func (s *pop3Session) limit() int64 {
	if s.o.MaxMessage <= 0 {
		return math.MaxInt64
	}
	return s.o.MaxMessage
}

// ask asks for a whole message and reads its header; bare says that nothing follows that.
func (s *pop3Session) ask(num uint32) (raw io.Reader, bare bool, err error) {
	if err := s.content(num); err != nil {
		return nil, false, err
	}
	s.buf.Reset(s.wire.body)
	head, err := mimepart.ReadHeader(s.buf, 0)
	if err != nil {
		return nil, false, s.wire.lost(err)
	}
	_, err = s.buf.Peek(1)
	return io.MultiReader(bytes.NewReader(head), s.buf), err == io.EOF, nil
}

// content asks for a whole message: by RETR, or in a dry run by TOP with more lines than a message has, because RETR
// would hide the message at some providers.
func (s *pop3Session) content(num uint32) error {
	if !s.o.ReadOnly {
		return s.retrieve(num)
	}
	if s.top == topAbsent {
		return mail.Errorf(mail.Message, "%w", errNoTOP)
	}
	if _, err := s.command("TOP", num, math.MaxInt32); err != nil {
		return s.messageClass(err)
	}
	return nil
}

// stream hands the message to h and reads it to its end; octets is the length it must have, -1 any. Its errors are those
// of deliver.
func (s *pop3Session) stream(ref mail.Ref, l mail.Listed, raw io.Reader, octets int64, h mail.Handler) error {
	most := s.o.most(h, ref)
	body := &bounded{r: raw, left: most, none: most <= 0}
	env, err := deliver(ref, body, h, s.o.SpoolDir)
	if err == nil || mail.ClassOf(err) == mail.Message {
		s.prints[l.Num] = env.Fingerprint
	}
	switch {
	case body.passed:
		// What is left may be endless. The message gets its answer, the session ends.
		_ = s.wire.lost(fmt.Errorf("message %s is %w of %d octets", name(ref), mail.ErrTooLarge, most))
	case s.wire.body.done():
	case err == nil || !aborted(err):
		if lost := s.drain(math.MaxInt64); lost != nil {
			return s.wire.lost(lost)
		}
	default:
		// The connection's end, if it is that, is what the next method will say.
		_ = s.drain(maxDrain)
	}
	got := s.wire.body.n
	s.wire.trace("S", fmt.Sprintf("(%d octets)", got))
	if err == nil && octets >= 0 && got != octets {
		return mail.Errorf(mail.Message, "it came with %d octets, before that with %d: one of them is a part of it", got, octets)
	}
	if err == nil && got < l.Size/2 && l.Size-got > slack {
		return mail.Errorf(mail.Message, "it came with %d octets, the listing says %d: the server gave a part of it", got, l.Size)
	}
	return err
}

func aborted(err error) bool {
	_, ok := errors.AsType[*abort](err)
	return ok
}

// drain reads the rest of a multi-line reply, unless it is more than limit octets: then the connection is given up.
func (s *pop3Session) drain(limit int64) error {
	_, err := io.Copy(io.Discard, io.LimitReader(s.wire.body, limit))
	if err == nil && !s.wire.body.done() {
		err = errors.New("a message was given up half way")
	}
	if err != nil {
		return s.wire.lost(err)
	}
	return nil
}

// bounded fails where a message is longer than it may be.
type bounded struct {
	r      io.Reader
	left   int64
	none   bool // no bound
	passed bool
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.passed {
		return 0, b.tooLarge()
	}
	n, err := b.r.Read(p)
	if b.none {
		return n, err
	}
	if int64(n) > b.left {
		b.passed = true
		return int(b.left), b.tooLarge()
	}
	b.left -= int64(n)
	return n, err
}

func (b *bounded) tooLarge() error {
	return mail.Errorf(mail.Message, "message is %w", mail.ErrTooLarge)
}
