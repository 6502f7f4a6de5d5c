package mimepart

import (
	"bytes"
	"io"
)

const (
	bufferSize   = 64 << 10
	boundaryLine = 1 << 10 // a longer line is no boundary (RFC 2046 section 5.1.1 allows 70 characters)
	maxBoundary  = 1000    // characters of a boundary that fits such a line with its dashes, a few blanks and line end
)

// scanner cuts a stream into header blocks and contents at the boundary lines of the multiparts that are open. An
// inner multipart that was never closed ends at a boundary of an outer one.
type scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int
	err      error    // of r, sticky; io.EOF at the end
	bounds   []string // boundaries of the open multiparts, outermost first, without the leading "--"
	bol      bool     // pos is the start of a line whose predecessor's line end does not belong to the content
	hit      hit
}

// hit tells what ended a content.
type hit struct {
	kind  hitKind
	level int // index in bounds
}

type hitKind int

const (
	hitNone    hitKind = iota // content goes on
	hitOpen                   // a boundary line: another part follows
	hitClose                  // the closing boundary line
	hitEnd                    // the stream's end, or its error
	hitUnknown                // more bytes are needed to tell
)

func newScanner(r io.Reader) *scanner {
	return &scanner{r: r, buf: make([]byte, bufferSize), bol: true}
}

// fill reads more, keeping what is unread, up to bufferSize in all: what unread has made longer shrinks again. It reports
// false when the stream has ended.
func (s *scanner) fill() bool {
	if s.err != nil {
		return false
	}
	if s.pos > 0 {
		s.end = copy(s.buf, s.buf[s.pos:s.end])
		s.pos = 0
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:max(bufferSize, s.end)])
		s.end += n
		s.err = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// unread puts b back in front of what is unread, at the start of a line.
func (s *scanner) unread(b []byte) {
	rest := s.buf[s.pos:s.end]
	buf := make([]byte, len(b)+max(len(rest), bufferSize))
	n := copy(buf, b)
	n += copy(buf[n:], rest)
	s.buf, s.pos, s.end, s.bol = buf, 0, n, true
}

// push opens a multipart and returns its level.
func (s *scanner) push(boundary string) int {
	s.bounds = append(s.bounds, boundary)
	return len(s.bounds) - 1
}

// pop closes the multipart of that level and those within it.
func (s *scanner) pop(level int) { s.bounds = s.bounds[:level] }

// resume goes on behind the boundary line that ended the last content.
func (s *scanner) resume() { s.hit, s.bol = hit{}, true }

// match tells whether the line that begins off bytes behind pos is a boundary line, and how long it is.
func (s *scanner) match(off int) (hit, int) {
	w := s.buf[s.pos+off : s.end]
	if len(s.bounds) == 0 || (len(w) > 0 && w[0] != '-') || (len(w) > 1 && w[1] != '-') {
		return hit{}, 0
	}
	n := bytes.IndexByte(w[:min(len(w), boundaryLine)], '\n') + 1
	if n == 0 {
		if len(w) >= boundaryLine {
			return hit{}, 0
		}
		if s.err == nil {
			return hit{kind: hitUnknown}, 0
		}
		n = len(w)
	}
	return s.level(bytes.TrimRight(w[:n], " \t\r\n")), n
}

// level finds the multipart that a boundary line belongs to, the innermost first. The whole line has to be equal:
// "--b1" is no boundary "b" (RFC 2046 section 5.1.1 would allow it, and mailers do nest "b" in "b1").
func (s *scanner) level(line []byte) hit {
	if len(line) < 2 {
		return hit{}
	}
	line = line[2:]
	inner, closing := bytes.CutSuffix(line, []byte("--"))
	for i := len(s.bounds) - 1; i >= 0; i-- {
		switch {
		case string(line) == s.bounds[i]:
			return hit{hitOpen, i}
		case closing && string(inner) == s.bounds[i]:
			return hit{hitClose, i}
		}
	}
	return hit{}
}

// chunk returns the next piece of content, valid until the next call. It returns nil at the content's end, which hit
// then describes. The line end in front of a boundary line belongs to that (RFC 2046 section 5.1.1).
func (s *scanner) chunk() []byte {
	for s.hit.kind == hitNone {
		if s.bol && s.boundaryAt(0) {
			continue
		}
		w := s.buf[s.pos:s.end]
		n := s.extent(w)
		if n > 0 {
			s.pos += n
			return w[:n]
		}
		if s.hit.kind == hitNone && !s.fill() && s.pos == s.end {
			s.hit = hit{kind: hitEnd}
		}
	}
	return nil
}

// boundaryAt looks for a boundary line off bytes behind pos, reading on where that is needed, and consumes it. It
// reports whether there is something new: a hit, or more bytes.
func (s *scanner) boundaryAt(off int) bool {
	h, n := s.match(off)
	switch h.kind {
	case hitUnknown:
		s.fill()
		return true
	case hitNone:
		s.bol = s.bol && s.pos == s.end && s.err == nil
		return false
	default:
		s.pos += off + n
		s.hit = h
		return true
	}
}

// extent returns how many bytes of the window w are content for sure. 0: more are needed, or the content ends here.
func (s *scanner) extent(w []byte) int {
	if len(s.bounds) == 0 {
		return len(w)
	}
	for from := 0; ; {
		i := bytes.Index(w[from:], []byte("\n--"))
		if i < 0 {
			if s.err != nil {
				return len(w)
			}
			return len(w) - pendingEnd(w)
		}
		i += from
		start := i
		if i > 0 && w[i-1] == '\r' {
			start--
		}
		h, n := s.match(i + 1)
		switch {
		case h.kind == hitNone:
			from = i + 1
		case start > 0 || h.kind == hitUnknown:
			return start
		default:
			s.pos += i + 1 + n
			s.hit = h
			return 0
		}
	}
}

// pendingEnd returns the length of the end of w that could be the beginning of a boundary line.
func pendingEnd(w []byte) int {
	n := len(w)
	if n > 0 && w[n-1] == '-' {
		n--
	}
	if n > 0 && w[n-1] == '\n' {
		n--
		if n > 0 && w[n-1] == '\r' {
			n--
		}
		return len(w) - n
	}
	if len(w) > 0 && w[len(w)-1] == '\r' {
		return 1
	}
	return 0
}

// failure is what ended the content, if that was an error of the stream. One that waits behind bytes not yet read
// does not count.
func (s *scanner) failure() error {
	if s.hit.kind != hitEnd || s.err == io.EOF {
		return nil
	}
	return s.err
}

// skip passes over the rest of the content.
func (s *scanner) skip() {
	for s.chunk() != nil {
	}
}
