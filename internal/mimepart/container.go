package mimepart

import (
	"bytes"
	"io"
	"path"
	"strings"

	"pricefetch/internal/mail"
)

// A container is a leaf of MIME that has parts of its own: an encoded message, a winmail.dat, a signed message, text with
// uuencoded files. It is told by what it begins with, whatever it is called. Its parts are announced in its place, with
// paths below its own. What cannot be opened is an attachment like any other; where the opening ends half way, the
// message is reported as damaged, because nobody knows what else was in it.

// maxDecoding bounds containers within each other: each takes buffers of its own.
const maxDecoding = 8

// inContainer walks what is in a container. s is where its bytes come from, nil where they are in a spool.
func (w *walker) inContainer(s *scanner, path string, depth int, what string, walk func() error) error {
	if depth > w.lim.Depth {
		return w.limit(path, "more than %d parts within each other", w.lim.Depth)
	}
	if w.decoding++; w.decoding > maxDecoding {
		return w.limit(path, "more than %d encoded messages within each other", maxDecoding)
	}
	err := walk()
	w.decoding--
	switch {
	case err == nil:
	case w.visitor != nil || mail.ClassOf(err) == mail.Message:
		return err
	case s != nil && s.failure() != nil:
		return w.failure(s)
	case w.damage == nil:
		w.damage = mail.Errorf(mail.Message, "open %s in part %s: %w", what, path, err)
	}
	return nil
}

// embedded walks a message that comes as a stream of its own.
func (w *walker) embedded(r io.Reader, path string, depth int) error {
	inner := newScanner(r)
	if err := w.message(inner, path, depth); err != nil {
		return err
	}
	if inner.err != nil && inner.err != io.EOF {
		return inner.err
	}
	return nil
}

// isSaved tells a letter that was saved as a file and attached like any other: its name says so, and it begins with a field.
func isSaved(s *scanner, e entity) bool {
	if !strings.EqualFold(path.Ext(e.part.Name), ".eml") || e.encoding == inUU {
		return false
	}
	line, _, _ := bytes.Cut(bytes.TrimLeft(s.head(e.encoding), "\r\n"), []byte("\n"))
	name, _ := fieldName(line)
	return name != ""
}

// fill reads until p is full. Other than io.ReadFull it returns the error of r as it is: io.EOF is the end, and
// io.ErrUnexpectedEOF a connection that was cut.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	if n == len(p) {
		return n, nil
	}
	return n, err
}

// open opens a leaf that is a container. Where it is none, rest is its content if that has been begun.
func (w *walker) open(s *scanner, e entity, depth int) (opened bool, rest io.Reader, err error) {
	if !e.part.Attachment {
		return false, nil, nil
	}
	path, head := e.part.Path, s.head(e.encoding)
	switch {
	case len(head) >= 4 && string(head[:4]) == tnefSignature:
		return true, nil, w.inContainer(s, path, depth+1, "winmail.dat", func() error {
			return w.openTNEF(newDecoder(s, e.encoding), path, depth+1)
		})
	case looksSigned(head):
		message, rest := openSigned(newDecoder(s, e.encoding))
		if message == nil {
			return false, rest, nil
		}
		return true, nil, w.inContainer(s, path, depth+1, "signed message", func() error {
			return w.embedded(message, path, depth+1)
		})
	}
	return false, nil, nil
}

// offer announces a leaf and hands out its content if it is wanted.
func (w *walker) offer(p mail.Part, content func() io.Reader) error {
	w.complete(&p)
	if !w.wants(p) {
		return nil
	}
	return w.hand(p, content())
}

// wants asks for a leaf.
func (w *walker) wants(p mail.Part) bool { return w.v.Want != nil && w.v.Want(p) && w.v.Part != nil }

// hand hands out a leaf.
func (w *walker) hand(p mail.Part, r io.Reader) error {
	if err := w.v.Part(p, r); err != nil {
		w.visitor = err
		return errStop
	}
	return nil
}
