package mimepart

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"pricefetch/internal/mail"
)

// uuBuffer holds one line of text: one that is longer is no part of an encoded file.
const uuBuffer = 4 << 10

// uuencoded looks through body text for files that old mailers put there ("begin 644 name" up to "end", POSIX uuencode)
// and offers them, with paths below the text's own. yEnc, which is for newsgroups, is not looked for.
func (w *walker) uuencoded(s *scanner, e entity, depth int) error {
	lines := w.lines
	if w.lines = nil; lines == nil { // text within a container within text gets its own
		lines = bufio.NewReaderSize(nil, uuBuffer)
	}
	defer func() { w.lines = lines }()
	lines.Reset(w.linked(newDecoder(s, e.encoding)))
	defer w.links.end()
	for n := 1; ; n++ {
		name, err := findUU(lines)
		if err != nil { // damaged text is nobody's loss
			return w.failure(s)
		}
		if err := w.uuFile(s, lines, join(e.part.Path, n), name, depth); err != nil {
			return err
		}
	}
}

// uuFile offers one file. It may be a winmail.dat.
func (w *walker) uuFile(s *scanner, lines *bufio.Reader, path, name string, depth int) error {
	if w.parts++; w.parts > w.lim.Parts {
		return w.limit(path, "more than %d parts", w.lim.Parts)
	}
	content := bufio.NewReaderSize(&uuReader{r: lines}, uuBuffer)
	if head, err := content.Peek(len(tnefSignature)); err == nil && string(head) == tnefSignature {
		err := w.inContainer(s, path, depth+1, "winmail.dat", func() error { return w.openTNEF(content, path, depth+1) })
		if err != nil {
			return err
		}
	} else {
		decoded := cleanName(decodeText(name, w.charset))
		err := w.offer(mail.Part{
			Path: path, Name: decoded, RawName: shorten(name, maxName), Type: "application/octet-stream",
			Disposition: "attachment", Attachment: true, Named: decoded != "",
		}, func() io.Reader { return content })
		if err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, content); err != nil && !errors.Is(err, mail.ErrDamaged) {
		return w.failure(s)
	}
	return nil
}

// findUU reads up to the next file and behind its first line, and returns its name.
func findUU(r *bufio.Reader) (name string, err error) {
	for bol := true; ; {
		line, err := r.ReadSlice('\n')
		if bol && err == nil {
			if name, ok := uuBegin(line); ok && uuFollows(r) {
				return name, nil
			}
		}
		if err != nil && err != bufio.ErrBufferFull {
			return "", err
		}
		bol = err == nil
	}
}

// uuBegin reads the line in front of a file: begin, its mode in octal digits, its name.
func uuBegin(line []byte) (name string, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("begin "))
	if !ok {
		return "", false
	}
	mode, file, _ := strings.Cut(string(bytes.TrimLeft(rest, " ")), " ")
	file = strings.TrimSpace(file)
	return file, file != "" && (len(mode) == 3 || len(mode) == 4) && strings.Trim(mode, "01234567") == ""
}

// uuFollows tells a file from text that begins like one: the next line is encoded, or an end.
func uuFollows(r *bufio.Reader) bool {
	w, err := r.Peek(100)
	line, _, whole := bytes.Cut(w, []byte("\n"))
	if !whole && err == nil {
		return false
	}
	line = bytes.TrimRight(line, "\r")
	if isUUEnd(line) || len(line) == 0 || string(line) == "`" || string(line) == " " {
		return true
	}
	_, ok := decodeUU(nil, line, false)
	return ok
}

func isUUEnd(line []byte) bool { return string(bytes.TrimRight(line, " \t\r\n")) == "end" }

// uuReader decodes the lines of one file up to its end, which it passes over.
type uuReader struct {
	r      *bufio.Reader
	sought bool   // a part of that transfer encoding: the first line is still to be found
	out    []byte // decoded, not yet handed out
	buf    []byte
	ticks  bool // a zero is written as "`", so that no blank can have been lost at a line's end
	err    error
}

func (u *uuReader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.next()
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

// next decodes one line.
func (u *uuReader) next() {
	if u.sought {
		u.sought = false
		if _, err := findUU(u.r); err == io.EOF {
			u.err = damaged("declared as uuencode, and no line begins a file")
			return
		} else if err != nil {
			u.err = err
			return
		}
	}
	line, err := u.r.ReadSlice('\n')
	switch {
	case err == io.EOF && len(line) == 0:
		u.err = damaged("uuencoded file without an end")
		return
	case err == bufio.ErrBufferFull:
		u.err = damaged("line of %d characters in a uuencoded file", len(line))
		return
	case err != nil && err != io.EOF:
		u.err = err
		return
	}
	u.take(bytes.TrimRight(line, "\r\n"))
}

// take decodes a line without its line end.
func (u *uuReader) take(line []byte) {
	switch {
	case isUUEnd(line):
		u.err = io.EOF
	case string(line) == "`" || string(line) == " ": // no bytes: the file is whole
		if w, _ := u.r.Peek(len("end\r\n")); isUUEnd(w) || bytes.HasPrefix(w, []byte("end\n")) {
			_, _ = u.r.ReadSlice('\n') // it is in the buffer
		}
		u.err = io.EOF
	case len(line) == 0: // a lost blank, or a line that was added
	default:
		u.ticks = u.ticks || bytes.IndexByte(line, '`') >= 0
		var ok bool
		if u.out, ok = decodeUU(u.buf[:0], line, u.ticks); !ok {
			u.out, u.err = nil, damaged("line %q is not uuencoded", shorten(string(line), 40))
			return
		}
		u.buf = u.out
	}
}

// decodeUU appends what a line stands for. With strict, characters missing at its end are a fault; else they are blanks
// that were lost on the way. Up to two more than needed are a checksum, which some writers add.
func decodeUU(out, line []byte, strict bool) ([]byte, bool) {
	if len(line) == 0 || line[0] <= ' ' || line[0] > '`' {
		return out, false
	}
	n := int(line[0]-' ') & 63
	in := line[1:]
	full, least := (n+2)/3*4, (n*4+2)/3
	if len(in) > full+2 {
		in = bytes.TrimRight(in, " ")
	}
	if len(in) > full+2 || len(in) < least && strict {
		return out, false
	}
	var quantum uint32
	for i := range full {
		c := byte(' ')
		if i < len(in) {
			c = in[i]
		}
		if c < ' ' || c > '`' {
			return out, false
		}
		quantum = quantum<<6 | uint32(c-' ')&63
		if i%4 == 3 {
			b := [3]byte{byte(quantum >> 16), byte(quantum >> 8), byte(quantum)}
			out = append(out, b[:min(n, 3)]...)
			n -= min(n, 3)
		}
	}
	return out, true
}

// nameUU names a part of that transfer encoding, which makes it an attachment.
func (w *walker) nameUU(s *scanner, p *mail.Part) {
	raw := s.uuName()
	if p.Name = cleanName(decodeText(raw, w.charset)); p.Name != "" {
		p.RawName, p.Named, p.Attachment = shorten(raw, maxName), true, true
	}
}

// uuName is the name of the file that a part of that transfer encoding holds, "" where none begins close by.
func (s *scanner) uuName() string {
	for w := s.window(uuBuffer); len(w) > 0; {
		line, rest, _ := bytes.Cut(w, []byte("\n"))
		if name, ok := uuBegin(line); ok {
			return name
		}
		w = rest
	}
	return ""
}
