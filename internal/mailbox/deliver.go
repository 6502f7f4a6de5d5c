package mailbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"pricefetch/internal/mail"
	"pricefetch/internal/mimepart"
)

// abort is what a Handler's Part returned, or what is wrong with the disk. It ends Fetch with err itself and says nothing about the message or the
// session, so it must be asked for before the class of an error is: err may carry any class.
type abort struct{ err error }

func (a *abort) Error() string { return a.err.Error() }
func (a *abort) Unwrap() error { return a.err }

// source remembers how the raw reader failed, so that this is not taken for a handler's own error: a handler that
// reads a part out of it sees the failure first and may return it.
type source struct {
	r   io.Reader
	err error // sticky; not io.EOF
}

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// deliver hands one raw message to h: as the raw message if h wants the root part, else part by part. It returns the
// envelope read from the message's own header, whose fingerprint verifies the message's identity. It does not call
// h.Done. raw must fail unless the message came whole: its io.EOF is taken for the true end. Temporary files are made in
// spoolDir.
//
// The error is nil (raw was read to its end), or one of three, to be told apart in this order:
//
//	*abort                what h.Part returned, or a fault of a temporary file, class mail.Storage: Fetch returns its
//	                      err. The rest of raw was not read.
//	class mail.Message    this message cannot be walked (a limit): h.Done(ref, err), and on to the next one. raw was
//	                      read to its end.
//	anything else         raw failed: its own error, wrapped. The message did not come whole. (An error of raw keeps its
//	                      class, so an adapter whose reader gives class mail.Message has to look for its own first.)
//
// Content that cannot be decoded is no error here: the part's reader says so to h.Part.
func deliver(ref mail.Ref, raw io.Reader, h mail.Handler, spoolDir string) (mail.Envelope, error) {
	src := &source{r: raw}
	var env mail.Envelope
	var err error
	if h.Want(ref, mail.Part{}) {
		env, err = deliverRaw(ref, src, h)
	} else {
		env, err = deliverParts(ref, src, h, spoolDir)
	}
	env.Ref = ref
	return env, outcome(ref, src, err)
}

// deliverRaw gives h the message as it came, byte for byte.
func deliverRaw(ref mail.Ref, src *source, h mail.Handler) (mail.Envelope, error) {
	br := bufio.NewReaderSize(src, 64<<10)
	head, err := mimepart.ReadHeader(br, 0)
	if err != nil {
		return mimepart.Envelope(head), err
	}
	env := mimepart.Envelope(head)
	whole := io.MultiReader(bytes.NewReader(head), br)
	if err := h.Part(ref, mail.Part{}, whole); err != nil {
		return env, &abort{err}
	}
	_, err = io.Copy(io.Discard, whole)
	return env, err
}

// deliverParts gives h those leaves that it wants.
func deliverParts(ref mail.Ref, src *source, h mail.Handler, spoolDir string) (mail.Envelope, error) {
	env, known := mimepart.Envelope(nil), true
	err := mimepart.Walk(src, mimepart.Visitor{
		Header: func(raw []byte) {
			env = mimepart.Envelope(raw)
			env.Ref = ref
			if i, ok := h.(mail.Identifier); ok {
				known = i.Identify(ref, env)
			}
		},
		Want: func(p mail.Part) bool { return known && h.Want(ref, p) },
		Part: func(p mail.Part, r io.Reader) error {
			if err := h.Part(ref, p, r); err != nil {
				return &abort{err}
			}
			return nil
		},
		Spool:    spoolIn(spoolDir),
		Link:     func(host string) { tellLink(ref, h, host) },
		Unclosed: func() { remark(ref, h, "its closing boundary is missing: it may have been cut before it was sent") },
	}, mimepart.Limits{})
	return env, err
}

// remark tells a handler that wants to hear it.
func remark(ref mail.Ref, h mail.Handler, text string) {
	if r, ok := h.(mail.Remarker); ok {
		r.Remark(ref, text)
	}
}

// tellLink tells a handler that wants to hear of links.
func tellLink(ref mail.Ref, h mail.Handler, host string) {
	if l, ok := h.(mail.Linker); ok {
		l.Linked(ref, host)
	}
}

// outcome sorts the error of a delivery as deliver promises.
func outcome(ref mail.Ref, src *source, err error) error {
	if a, ok := errors.AsType[*abort](err); ok {
		if src.err == nil || !errors.Is(a.err, src.err) {
			return a
		}
	} else if err != nil && src.err == nil {
		if _, drain := io.Copy(io.Discard, src); drain == nil {
			return err
		}
	}
	if src.err != nil {
		return fmt.Errorf("read message %s: %w", name(ref), src.err)
	}
	return nil
}

// name is how an error names a message.
func name(ref mail.Ref) string {
	id := ref.ID
	if id == "" {
		id = fmt.Sprintf("number %d", ref.Num)
	}
	if ref.Folder == "" {
		return id
	}
	return ref.Folder + "/" + id
}
