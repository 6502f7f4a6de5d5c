package mimepart

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
)

const (
	defaultHeaderBytes = 1 << 20
	// maxField bounds one header field that is taken apart, in octets: a From with a thousand addresses fits.
	maxField = 64 << 10
)

// errHeaderSize: a header block is longer than the limit.
var errHeaderSize = errors.New("header is too long")

// field is one header field.
type field struct {
	name  string // lower case
	value []byte // as it stands in the header, folds and all; no trailing line end
}

// header is a parsed header block.
type header []field

// ReadHeader reads the header block of a message, with the empty line that ends it, byte for byte and no further. It
// stops at limit bytes (0: 1 MiB); the rest is then still in r. The end of r is no error.
func ReadHeader(r *bufio.Reader, limit int) ([]byte, error) {
	if limit <= 0 {
		limit = defaultHeaderBytes
	}
	var head []byte
	started, bol := false, true
	for len(head) < limit {
		line, err := r.ReadSlice('\n')
		head = append(head, line...)
		blank := bol && err == nil && isBlank(line)
		if started && blank {
			return head, nil
		}
		started = started || !blank && len(line) > 0
		bol = err == nil
		if err == io.EOF {
			return head, nil
		}
		if err != nil && err != bufio.ErrBufferFull {
			return head, err
		}
	}
	return head, nil
}

// header collects the header block that begins at the present line and passes over the empty line that ends it. A
// boundary line ends it as well, but stays unread. A message's own header may have empty lines in front of it.
// separated tells whether an empty line ended it.
func (s *scanner) header(limit int, ofMessage bool) (raw []byte, separated bool, err error) {
	for {
		if s.bol {
			if h, _ := s.match(0); h.kind == hitUnknown {
				s.fill()
				continue
			} else if h.kind != hitNone {
				return raw, false, nil
			}
		}
		w := s.buf[s.pos:s.end]
		n := bytes.IndexByte(w, '\n') + 1
		if n == 0 {
			if s.bol && len(w) < 2 && s.fill() {
				continue // too little to tell an empty line
			}
			w = s.buf[s.pos:s.end] // fill may have moved it
			n = len(w)
		}
		line := w[:n]
		full := n > 0 && line[n-1] == '\n'
		s.pos += n
		blank := s.bol && full && isBlank(line)
		s.bol = full || s.bol && n == 0
		switch {
		case blank && !(ofMessage && len(raw) == 0):
			return raw, true, nil
		case !blank && len(raw)+n > limit:
			return raw, false, errHeaderSize
		case !blank:
			raw = append(raw, line...)
		}
		if !full && !s.fill() {
			if s.err == io.EOF {
				return raw, false, nil
			}
			return raw, false, s.err
		}
	}
}

// isBlank tells an empty line. A CR too many is what mail servers make of CRLF that they took for LF alone.
func isBlank(line []byte) bool {
	return len(bytes.TrimLeft(line, "\r")) == 1
}

// looksAt tells the fields that are of use from the others, of which a block may have a hundred thousand.
func looksAt(name string) bool {
	switch name {
	case "from", "subject", "date", "message-id", "received",
		"content-type", "content-disposition", "content-transfer-encoding", "content-id":
		return true
	}
	return false
}

// has tells whether a field of that lower-case name was kept.
func (h header) has(name string) bool {
	return slices.ContainsFunc(h, func(f field) bool { return f.name == name })
}

// parseHeader reads the fields of a block up to its first empty line: of those that are of use, the first of each name. A
// Content-Type that says multipart goes before one that does not: programs put a type of their own in front of it, and what
// would be read as text is then a letter with parts.
// Lines that are neither a field nor the continuation of one are passed over. tail is where a run of such lines at the block's end begins, -1 if there is
// none: it may be a body that nothing separates from the header.
func parseHeader(raw []byte) (h header, tail int) {
	tail = -1
	last, kept, begin := "", false, 0 // the field that the line before belongs to
	for pos := skipJunk(raw); pos < len(raw); {
		n := bytes.IndexByte(raw[pos:], '\n') + 1
		if n == 0 {
			n = len(raw) - pos
		}
		line := raw[pos : pos+n]
		if line[n-1] == '\n' && isBlank(line) {
			break
		}
		switch name, start := fieldName(line); {
		case name != "":
			begin = pos + start
			if name == "content-type" && isMultipart(raw[begin:pos+n]) {
				h = slices.DeleteFunc(h, func(f field) bool { return f.name == name && !isMultipart(f.value) })
			}
			if kept = looksAt(name) && !h.has(name); kept {
				h = append(h, field{name: name, value: trimEOL(raw[begin : pos+n])})
			}
			last, tail = name, -1
		case last != "" && (line[0] == ' ' || line[0] == '\t' || isLostFold(last, line)):
			if kept {
				h[len(h)-1].value = trimEOL(raw[begin : pos+n])
			}
		default:
			last = ""
			if tail < 0 {
				tail = pos
			}
		}
		pos += n
	}
	return h, tail
}

// isMultipart tells whether the value of a Content-Type is that of a multipart.
func isMultipart(value []byte) bool {
	const kind = "multipart/"
	value = bytes.TrimLeft(value, " \t\r\n\"")
	return len(value) > len(kind) && bytes.EqualFold(value[:len(kind)], []byte(kind))
}

// skipJunk passes over a byte order mark and empty lines in front of a header.
func skipJunk(raw []byte) int {
	rest := bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	return len(raw) - len(bytes.TrimLeft(rest, "\r\n"))
}

// isLostFold tells whether a line goes on with the parameters of a field although the blank of the fold is missing.
func isLostFold(name string, line []byte) bool {
	return strings.HasPrefix(name, "content-") && startsParam(string(line[:min(len(line), 40)]))
}

func trimEOL(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}

// fieldName returns the lower-case name of the field that a line begins, and where its value starts; "" if it begins
// none. Blanks in front of the colon are tolerated (RFC 5322 section 4.5).
func fieldName(line []byte) (string, int) {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return "", 0
	}
	name := bytes.TrimRight(line[:colon], " \t")
	if len(name) == 0 {
		return "", 0
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return "", 0
		}
	}
	return strings.ToLower(string(name)), colon + 1
}

// raw returns the first field of that lower-case name as it stands, unfolded. ok tells whether there is one.
func (h header) raw(name string) (value string, ok bool) {
	for _, f := range h {
		if f.name == name {
			return unfold(f.value), true
		}
	}
	return "", false
}

// unfold takes the line ends out of a field's value and the blanks from around it (RFC 5322 section 2.2.3). A tab that
// a line was folded with counts as a space: mailers fold long file names so.
func unfold(value []byte) string {
	out := make([]byte, 0, len(value))
	fold := false
	for _, c := range value {
		if c == '\r' || c == '\n' {
			fold = true
			continue
		}
		if fold && c == '\t' {
			c = ' '
		}
		fold = false
		out = append(out, c)
	}
	return string(bytes.Trim(out, " \t"))
}
