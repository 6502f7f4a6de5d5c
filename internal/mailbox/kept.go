package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"

	"pricefetch/internal/mail"
)

// KeptSession serves one message that is not on a server: a kept raw message, or an .eml file. It hands it out just as
// the sessions with servers do, so that a retry and an explanation see the same parts under the same names.
type KeptSession struct {
	SpoolDir string // as in Options

	ref  mail.Ref
	open func() (io.ReadCloser, error)
}

// Kept makes a session that serves the message ref with the raw bytes that open gives; open is called once for each
// time that it is asked for.
func Kept(ref mail.Ref, open func() (io.ReadCloser, error)) *KeptSession {
	return &KeptSession{ref: ref, open: open}
}

// Envelopes reads the message's header. Received is the date of the topmost Received field. A ref that is not the
// session's message is left out.
func (k *KeptSession) Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) error {
	for _, ref := range refs {
		if !k.has(ref) {
			continue
		}
		env, err := k.read(ctx, ref, headerOnly{})
		if err != nil {
			return err
		}
		if err := each(env); err != nil {
			return err
		}
	}
	return nil
}

// Fetch streams the message through h. A ref that is not the session's message, or cannot be read, is Done with an
// error.
func (k *KeptSession) Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error {
	for _, ref := range refs {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := k.read(ctx, ref, h)
		if a, ok := errors.AsType[*abort](err); ok {
			return a.err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := h.Done(ref, err); err != nil {
			return err
		}
	}
	return nil
}

func (k *KeptSession) has(ref mail.Ref) bool {
	return ref.Folder == k.ref.Folder && ref.Scope == k.ref.Scope && ref.ID == k.ref.ID
}

// read delivers the message from its beginning.
func (k *KeptSession) read(ctx context.Context, ref mail.Ref, h mail.Handler) (env mail.Envelope, err error) {
	if !k.has(ref) {
		return env, mail.Errorf(mail.Message, "read kept message %s: this session serves %s only", name(ref), name(k.ref))
	}
	f, err := k.open()
	if err != nil {
		return env, mail.Errorf(mail.Storage, "open kept message %s: %w", name(ref), err)
	}
	env, err = deliver(ref, contextReader{ctx, f}, h, k.SpoolDir)
	if cerr := f.Close(); err == nil && cerr != nil {
		err = mail.Errorf(mail.Storage, "close kept message %s: %w", name(ref), cerr)
	}
	return env, err
}

// contextReader fails once the context has ended.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read kept message: %w", &mail.Error{Class: mail.Storage, Err: err})
	}
	return n, err
}

// headerOnly wants no part.
type headerOnly struct{}

func (headerOnly) Want(mail.Ref, mail.Part) bool             { return false }
func (headerOnly) Part(mail.Ref, mail.Part, io.Reader) error { return nil }
func (headerOnly) Done(mail.Ref, error) error                { return nil }
