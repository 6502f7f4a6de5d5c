package mimepart

import "bytes"

// sniffWindow is how far into a multipart's content its boundary is looked for.
const sniffWindow = bufferSize / 2

// window returns the next n bytes, or all there are, without consuming them.
func (s *scanner) window(n int) []byte {
	for s.end-s.pos < n && s.fill() {
	}
	return s.buf[s.pos:min(s.end, s.pos+n)]
}

// willFind tells whether the boundary occurs at the start of a line close by.
func (s *scanner) willFind(boundary string) bool {
	line := []byte("--" + boundary)
	w := s.window(4 << 10)
	if bytes.HasPrefix(w, line) || bytes.Contains(w, append([]byte("\n"), line...)) {
		return true
	}
	w = s.window(sniffWindow)
	return bytes.Contains(w, append([]byte("\n"), line...))
}

// sniffBoundary finds the boundary that a multipart uses without declaring it: the first line that begins with "--" and
// is followed by a Content field. It returns "" if there is none close by.
func (s *scanner) sniffBoundary() string {
	w := s.window(sniffWindow)
	for len(w) > 0 {
		n := bytes.IndexByte(w, '\n') + 1
		if n == 0 {
			return ""
		}
		line := bytes.TrimRight(w[:n], " \t\r\n")
		w = w[n:]
		if bytes.HasPrefix(line, []byte("--")) && s.level(line).kind != hitNone {
			return "" // the multipart around this one goes on: this one is empty
		}
		if len(line) > 2 && len(line) < boundaryLine && bytes.HasPrefix(line, []byte("--")) && isContentField(w) {
			return string(line[2:])
		}
	}
	return ""
}

func isContentField(w []byte) bool {
	const prefix = "content-"
	return len(w) >= len(prefix) && bytes.EqualFold(w[:len(prefix)], []byte(prefix))
}

// looksPlain tells whether a content declared as base64 is a message that was not encoded: its first line is a field.
func (s *scanner) looksPlain() bool {
	w := bytes.TrimLeft(s.window(1<<10), "\r\n")
	n := bytes.IndexByte(w, '\n')
	if n < 0 {
		n = len(w)
	}
	name, _ := fieldName(w[:n])
	return name != ""
}

// headWindow is enough for the beginning of a container, encoded and with an empty line or two in front.
const headWindow = 96

// head returns the first bytes of the decoded content, as far as they are needed to tell a container, and consumes none.
// What is behind a short content may be taken for its own.
func (s *scanner) head(e encoding) []byte {
	w := s.window(headWindow)
	switch e {
	case inBase64:
		return decodeB(w)
	case inQuotedPrintable:
		out, _ := decodeQuoted(nil, w, false)
		return out
	case inUU:
		return nil // its first line is of no fixed length
	}
	return w
}
