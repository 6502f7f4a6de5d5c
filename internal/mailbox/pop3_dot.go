package mailbox

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lineEnd is what ends a line of a multi-line reply.
type lineEnd int

const (
	endUnknown lineEnd = iota // no line seen yet
	endCRLF
	endLF
)

// errAfterDot: what followed the final dot shows that it was none.
var errAfterDot = errors.New("the server went on after the final dot")

// dotReader reads a multi-line reply: it takes the stuffed dots off and ends with io.EOF at the line that is a dot
// alone (RFC 1939 section 3). A connection that ends before is io.ErrUnexpectedEOF, never a shorter message.
//
// The first line decides what ends a line. With CRLF, as the RFC wants it, a bare LF inside the message is content: a
// line "." between two of them must not end it. A server that sends its lines with LF alone is read as such.
type dotReader struct {
	r      *bufio.Reader
	end    lineEnd
	inside bool  // the next octet does not begin a line
	cr     bool  // the last octet was CR
	n      int64 // octets handed out
	err    error // sticky; io.EOF after the final dot
}

// Read waits only while it has nothing to hand out, except for the two octets that tell what a dot means.
func (d *dotReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && d.err == nil && (n == 0 || d.r.Buffered() > 0) {
		if !d.inside && d.beginLine() {
			continue
		}
		n += d.copyLine(p[n:])
	}
	d.n += int64(n)
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, d.err
}

// done reports whether the final dot was read.
func (d *dotReader) done() bool { return d.err == io.EOF }

// beginLine deals with a dot at the beginning of a line. It reports whether there is nothing to copy: the reply ended
// or failed.
func (d *dotReader) beginLine() bool {
	b, err := d.r.Peek(1)
	if err != nil {
		return d.fail(err)
	}
	d.inside = true
	if b[0] != '.' {
		return false
	}
	if b, err = d.r.Peek(2); err != nil {
		return d.fail(err)
	}
	size := 2
	if b[1] == '\r' {
		if b, err = d.r.Peek(3); err != nil {
			return d.fail(err)
		}
		size = 3
	}
	if b[size-1] == '\n' && (size == 3 || d.end != endCRLF) {
		return d.finish(size)
	}
	_, _ = d.r.Discard(1) // the stuffed dot; it is in the buffer
	return false
}

// finish takes the final dot off. Nothing may follow it, as the server waits for the next command: this tells a
// line "." in a message from the end of it where lines end with LF alone.
func (d *dotReader) finish(size int) bool {
	_, _ = d.r.Discard(size)
	d.err = io.EOF
	if d.end == endLF && d.r.Buffered() > 0 {
		d.err = errAfterDot
	}
	return true
}

func (d *dotReader) fail(err error) bool {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	d.err = err
	return true
}

// copyLine copies what is buffered of the present line and fits.
func (d *dotReader) copyLine(p []byte) int {
	if _, err := d.r.Peek(1); err != nil {
		d.fail(err)
		return 0
	}
	b, _ := d.r.Peek(min(d.r.Buffered(), len(p)))
	i := bytes.IndexByte(b, '\n')
	if i >= 0 {
		b = b[:i+1]
	}
	n := copy(p, b)
	if i >= 0 {
		d.endLine(i > 0 && b[i-1] == '\r' || i == 0 && d.cr)
	}
	d.cr = b[n-1] == '\r'
	_, _ = d.r.Discard(n)
	return n
}

func (d *dotReader) endLine(crlf bool) {
	if d.end == endUnknown {
		d.end = endLF
		if crlf {
			d.end = endCRLF
		}
	}
	if crlf || d.end == endLF {
		d.inside = false
	}
}
