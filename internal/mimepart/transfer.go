package mimepart

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"pricefetch/internal/mail"
)

// encoding is a content transfer encoding (RFC 2045 section 6).
type encoding int

const (
	identity encoding = iota // 7bit, 8bit, binary, and what nobody knows
	inBase64
	inQuotedPrintable
	inUU
)

// parseEncoding is lenient: `"base64"`, `base64;` and `quoted_printable` are all in use.
func parseEncoding(s string) encoding {
	s = strings.ToLower(strings.Trim(s, " \t\"';"))
	switch s = strings.TrimPrefix(s, "x-"); {
	case strings.HasPrefix(s, "base64"), strings.HasPrefix(s, "base-64"), s == "b64":
		return inBase64
	case strings.HasPrefix(s, "quoted"), s == "qp":
		return inQuotedPrintable
	case s == "uuencode", s == "uue", s == "uu":
		return inUU
	}
	return identity
}

// content is the raw content of one part, chunk by chunk.
type content struct {
	s    *scanner
	rest []byte // of the last chunk
}

// more makes sure that rest holds something. The error is io.EOF at the content's end, or the stream's own.
func (c *content) more() error {
	if len(c.rest) > 0 {
		return nil
	}
	if c.rest = c.s.chunk(); c.rest != nil {
		return nil
	}
	if err := c.s.failure(); err != nil {
		return err
	}
	return io.EOF
}

// cut tells whether the content ended because the message did, inside a multipart that was not closed.
func (c *content) cut() bool { return c.s.hit.kind == hitEnd && len(c.s.bounds) > 0 }

func (c *content) Read(p []byte) (int, error) {
	if err := c.more(); err != nil {
		return 0, err
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// newDecoder returns the decoded content of the part that s stands at.
func newDecoder(s *scanner, e encoding) io.Reader {
	c := content{s: s}
	switch e {
	case inBase64:
		return &base64Reader{src: c}
	case inQuotedPrintable:
		return &quotedReader{src: c}
	case inUU:
		return &uuReader{r: bufio.NewReaderSize(&c, uuBuffer), sought: true}
	}
	return &c
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("decode content: "+format+": %w", append(args, mail.ErrDamaged)...)
}

// quotedReader decodes quoted-printable (RFC 2045 section 6.7). An "=" that begins no escape stands for itself.
type quotedReader struct {
	src   content
	out   []byte // decoded, not yet handed out
	carry []byte // the end of a chunk that cannot be decoded without the next one
	soft  bool   // the last line goes on in the next one
	buf   []byte // of out
	both  []byte // carry and the next chunk
	err   error
}

// blankRun bounds the blanks that are held back to see whether they end a line.
const blankRun = 1 << 10

func (q *quotedReader) Read(p []byte) (int, error) {
	for len(q.out) == 0 {
		if q.err != nil {
			return 0, q.err
		}
		q.next()
	}
	n := copy(p, q.out)
	q.out = q.out[n:]
	return n, nil
}

// next decodes one chunk.
func (q *quotedReader) next() {
	q.err = q.src.more()
	last := q.err != nil
	in := q.src.rest
	if len(q.carry) > 0 {
		q.both = append(append(q.both[:0], q.carry...), in...)
		in = q.both
		q.carry = q.carry[:0]
	}
	if !last {
		q.soft = bytes.HasSuffix(in, []byte("=\r\n")) || bytes.HasSuffix(in, []byte("=\n"))
	}
	q.src.rest = nil
	out, left := decodeQuoted(q.buf[:0], in, last)
	switch {
	case !last:
		q.carry = append(q.carry, left...)
	case (len(left) > 0 || q.soft) && q.src.cut():
		q.err = damaged("the message ends inside a quoted-printable line")
	case len(bytes.TrimRight(left, " \t")) > 1:
		out = append(out, left...) // else a soft line break at the end of the part
	}
	q.buf, q.out = out, out
}

// decodeQuoted appends to out what in stands for. left is the end of in that the next bytes decide about; with last, an
// escape that is not complete.
func decodeQuoted(out, in []byte, last bool) (_, left []byte) {
	for len(in) > 0 {
		n := bytes.IndexAny(in, "= \t")
		if n < 0 {
			return append(out, in...), nil
		}
		out = append(out, in[:n]...)
		in = in[n:]
		if len(in) > 2 && in[0] == '=' && isHex(in[1]) && isHex(in[2]) {
			out = append(out, unhex(in[1])<<4|unhex(in[2]))
			in = in[3:]
			continue
		}
		text, used := quotedUnit(in, last)
		if used == 0 {
			return out, in
		}
		out = append(out, text...)
		in = in[used:]
	}
	return out, nil
}

// quotedUnit decodes the soft line break, the stray "=" or the run of blanks that in begins with. used 0: more bytes
// are needed.
func quotedUnit(in []byte, last bool) (text []byte, used int) {
	start := 0
	if in[0] == '=' {
		start = 1
	}
	n := start
	for n < len(in) && n < blankRun && (in[n] == ' ' || in[n] == '\t') {
		n++
	}
	rest := in[n:]
	if n < blankRun && !last && (len(rest) == 0 || len(rest) == 1 && (rest[0] == '\r' || n == 1 && start == 1)) {
		return nil, 0
	}
	eol := 0
	if bytes.HasPrefix(rest, []byte("\r\n")) {
		eol = 2
	} else if bytes.HasPrefix(rest, []byte("\n")) {
		eol = 1
	}
	switch {
	case start == 1 && eol > 0:
		return nil, n + eol
	case start == 1 && last && (len(rest) == 0 || n == 1 && len(rest) == 1 && isHex(rest[0])):
		return nil, 0
	case start == 0 && (eol > 0 || last && len(rest) == 0):
		return nil, n
	default:
		return in[:max(n, 1)], max(n, 1)
	}
}
