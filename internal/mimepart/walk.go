package mimepart

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"pricefetch/internal/mail"
)

// Visitor receives what Walk finds. Each method may be nil.
type Visitor struct {
	// Header gets the message's own header block as it stands, without the empty line, before any Want. It is valid
	// during the call.
	Header func(raw []byte)
	// Want is asked for each leaf, in document order.
	Want func(mail.Part) bool
	// Part gets the decoded content of a leaf that is wanted. The reader is valid during the call; what is left unread is
	// skipped. It fails with mail.ErrDamaged where the content cannot be what was sent, or with the error of the raw
	// stream. An error of Part ends Walk.
	Part func(mail.Part, io.Reader) error
	// Spool makes room for content that is longer than spoolMemory and comes in front of its name, as it does in a
	// winmail.dat. Without it such a message is refused with mail.ErrTooLarge. An error of it, or of the Spool, ends Walk.
	Spool func() (Spool, error)
	// Unclosed is called at the end if the message ended where a multipart was to be closed. Its last part may have been
	// longer when it was sent; where that can be told, as in base64, the part was damaged.
	Unclosed func()
	// Link is called with the host of each service, or server, of which the letter's text has a link to a file, once a host
	// and before the end of the walk.
	Link func(host string)
}

// Limits bound what one message may cost; 0 is the default.
type Limits struct {
	Depth       int // multiparts and forwarded messages within each other: 100
	Parts       int // parts, those that contain others included: 1000
	HeaderBytes int // of one header block: 1 MiB
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		v *int
		n int
	}{{&l.Depth, 100}, {&l.Parts, 1000}, {&l.HeaderBytes, defaultHeaderBytes}} {
		if *d.v <= 0 {
			*d.v = d.n
		}
	}
	return l
}

// Walk streams one raw message through v, reading r to its end. A multipart is never a leaf, nor is a container that can
// be opened (a forwarded or signed message, a winmail.dat): its parts are announced instead, with paths below its own.
// Body text is a leaf; files uuencoded in it follow, unless the text itself is wanted.
//
// The error is what v.Part or v.Spool returned, as it is; or r's own, wrapped; or has class mail.Message: a limit was
// passed, which leaves the rest of r unread, or a container is damaged so that its parts cannot all be found.
func Walk(r io.Reader, v Visitor, lim Limits) error {
	w := &walker{v: v, lim: lim.withDefaults(), links: links{found: v.Link}}
	s := newScanner(r)
	err := w.message(s, "", 0)
	switch {
	case w.visitor != nil:
		return w.visitor
	case err != nil:
		return err
	}
	if w.unclosed && v.Unclosed != nil {
		v.Unclosed()
	}
	return w.damage
}

// walker is one walk over one message.
type walker struct {
	v        Visitor
	lim      Limits
	parts    int
	nameless int           // attachments without a name so far
	decoding int           // containers that are open, within each other
	charset  string        // the last one declared: a hint for raw 8-bit names
	cids     cids          // what the HTML refers to
	links    links         // to files, in the text
	lines    *bufio.Reader // of body text
	unclosed bool          // a multipart ended with the message
	visitor  error         // of v.Part or v.Spool
	damage   error         // of a container
}

// errStop ends the walk; the reason is on the walker or the scanner.
var errStop = errors.New("walk ended")

// message walks one message, the outermost with path "", a forwarded one with the path of the part that holds it.
func (w *walker) message(s *scanner, path string, depth int) error {
	h, err := w.header(s, path, true)
	if err != nil {
		return err
	}
	if w.charset == "" {
		w.charset = h.charset()
	}
	e := w.describe(h, "text/plain")
	if e.isMultipart() {
		return w.multipart(s, path, e, depth+1)
	}
	return w.part(s, join(path, 1), e, depth)
}

// header reads the header block of a message or a part.
func (w *walker) header(s *scanner, path string, ofMessage bool) (header, error) {
	if w.parts++; w.parts > w.lim.Parts {
		return nil, w.limit(path, "more than %d parts", w.lim.Parts)
	}
	raw, separated, err := s.header(w.lim.HeaderBytes, ofMessage)
	if path == "" && w.parts == 1 && w.v.Header != nil && len(raw) > 0 {
		w.v.Header(raw)
	}
	if errors.Is(err, errHeaderSize) {
		return nil, w.limit(path, "header longer than %d bytes", w.lim.HeaderBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	h, tail := parseHeader(raw)
	for _, f := range h {
		// A name cut off would be an attachment lost, so nothing is cut.
		if len(f.value) > maxField && strings.HasPrefix(f.name, "content-") {
			return nil, w.limit(path, "header field %s longer than %d bytes", f.name, maxField)
		}
	}
	if tail >= 0 && isBody(raw[tail:], separated, h) {
		if separated {
			raw = append(raw, raw[len(bytes.TrimRight(raw, "\r\n")):]...) // the empty line again
		}
		s.unread(raw[tail:])
	}
	return h, nil
}

// isBody judges lines at the end of a header block that are no fields. Mailers forget the empty line that should
// separate header and body. Where there is one, a single odd line is taken for a damaged field, and where base64 is to
// follow, any that are no base64.
func isBody(tail []byte, separated bool, h header) bool {
	if !separated {
		return true
	}
	enc, _ := h.raw("content-transfer-encoding")
	if parseEncoding(enc) != inBase64 {
		return bytes.Count(tail, []byte("\n")) > 1
	}
	for _, c := range tail {
		if v := base64Value[c]; v == b64Junk || c == ' ' {
			return false
		}
	}
	return bytes.IndexByte(tail, '\n') >= 20
}

// limit makes the error for a message that is too much.
func (w *walker) limit(path, format string, args ...any) error {
	where := "message"
	if path != "" {
		where = "part " + path
	}
	return mail.Errorf(mail.Message, "walk message: %s: %s: %w", where, fmt.Sprintf(format, args...), mail.ErrTooLarge)
}

// failure is what a walk ends with when its stream does.
func (w *walker) failure(s *scanner) error {
	if err := s.failure(); err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	return nil
}

// multipart walks the parts of a multipart up to its closing boundary, or to whatever ends it without one.
func (w *walker) multipart(s *scanner, path string, e entity, depth int) error {
	if depth > w.lim.Depth {
		return w.limit(path, "more than %d parts within each other", w.lim.Depth)
	}
	if e.boundary == "" || !s.willFind(e.boundary) {
		if b := s.sniffBoundary(); b != "" {
			e.boundary = b
		} else if e.encoding != identity {
			return w.encoded(s, path, e, depth)
		}
	}
	if e.boundary == "" {
		s.skip()
		return w.failure(s)
	}
	if len(e.boundary) > maxBoundary {
		return w.limit(path, "boundary longer than %d characters", maxBoundary)
	}
	level := s.push(e.boundary)
	s.skip() // the preamble
	for n := 1; s.hit.kind == hitOpen && s.hit.level == level; n++ {
		s.resume()
		if err := w.child(s, join(path, n), e, depth); err != nil {
			return err
		}
	}
	closed := s.hit.kind == hitClose && s.hit.level == level
	w.unclosed = w.unclosed || s.hit.kind == hitEnd
	s.pop(level)
	if closed {
		s.resume()
		s.skip() // the epilogue
	}
	return w.failure(s)
}

// encoded walks a multipart that came encoded as a whole, which RFC 2045 section 6.4 forbids, and gateways do.
func (w *walker) encoded(s *scanner, path string, e entity, depth int) error {
	inner := newScanner(newDecoder(s, e.encoding))
	e.encoding = identity
	err := w.inContainer(s, path, depth, "encoded multipart", func() error {
		if err := w.multipart(inner, path, e, depth); err != nil {
			return err
		}
		if inner.err != nil && inner.err != io.EOF {
			return inner.err
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.skip()
	return w.failure(s)
}

// child walks one part of a multipart.
func (w *walker) child(s *scanner, path string, parent entity, depth int) error {
	h, err := w.header(s, path, false)
	if err != nil {
		return err
	}
	media := "text/plain"
	if parent.part.Type == "multipart/digest" {
		media = "message/rfc822" // RFC 2046 section 5.1.5
	}
	e := w.describe(h, media)
	if parent.part.Type == "multipart/appledouble" && e.part.Type == "application/applefile" {
		// What a Mac keeps beside a file (RFC 1740 section 4), under the same name as the file.
		e.part.Attachment, e.part.Named, e.part.Name, e.part.RawName = false, false, "", ""
	}
	if e.isMultipart() {
		return w.multipart(s, path, e, depth+1)
	}
	return w.part(s, path, e, depth)
}

// part handles a part that is no multipart, and leaves s at its end.
func (w *walker) part(s *scanner, path string, e entity, depth int) error {
	if e.isMessage() || isSaved(s, e) {
		return w.forwarded(s, path, e, depth+1)
	}
	e.part.Path = path
	if err := w.leaf(s, e, depth); err != nil {
		return err
	}
	s.skip()
	return w.failure(s)
}

// forwarded walks a message within the message. An encoded one (which RFC 2046 section 5.2.1 forbids, and mailers send)
// is walked as a stream of its own.
func (w *walker) forwarded(s *scanner, path string, e entity, depth int) error {
	if depth > w.lim.Depth {
		return w.limit(path, "more than %d parts within each other", w.lim.Depth)
	}
	if e.encoding == identity || e.encoding == inBase64 && s.looksPlain() {
		if err := w.message(s, path, depth); err != nil {
			return err
		}
		s.skip()
		return w.failure(s)
	}
	err := w.inContainer(s, path, depth, "forwarded message", func() error {
		return w.embedded(newDecoder(s, e.encoding), path, depth)
	})
	if err != nil {
		return err
	}
	s.skip()
	return w.failure(s)
}

// leaf announces a part and hands out its content, or opens it. The message's own HTML is read for what it refers to, its
// text for what is uuencoded in it.
func (w *walker) leaf(s *scanner, e entity, depth int) error {
	if e.encoding == inUU && e.part.Name == "" {
		w.nameUU(s, &e.part)
	}
	opened, begun, err := w.open(s, e, depth)
	if opened || err != nil {
		return err
	}
	p := e.part
	w.complete(&p)
	wanted := w.wants(p)
	switch {
	case p.Type == "text/html" && !p.Attachment:
		return w.html(s, e, p, wanted)
	case wanted && begun != nil:
		return w.hand(p, begun)
	case wanted:
		return w.hand(p, newDecoder(s, e.encoding))
	case p.Type == "text/plain" && !p.Attachment:
		return w.uuencoded(s, e, depth)
	}
	return nil
}

// complete gives a nameless attachment a name, and notes whether the HTML refers to the part.
func (w *walker) complete(p *mail.Part) {
	if p.Attachment && p.Name == "" {
		w.nameless++
		p.Name = "unnamed-" + strconv.Itoa(w.nameless) + extension(p.Type)
	}
	p.Referenced = p.ContentID != "" && w.cids.has(p.ContentID)
}

// html reads HTML for what it refers to, and hands it out if it is wanted.
func (w *walker) html(s *scanner, e entity, p mail.Part, wanted bool) error {
	defer w.cids.end()
	r := io.TeeReader(w.linked(newDecoder(s, e.encoding)), &w.cids)
	defer w.links.end()
	if wanted {
		if err := w.hand(p, r); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, r); err != nil && !errors.Is(err, mail.ErrDamaged) {
		return w.failure(s)
	}
	return nil
}

// linked has the links in a text looked for while it is read.
func (w *walker) linked(r io.Reader) io.Reader {
	if w.links.found == nil {
		return r
	}
	return io.TeeReader(r, &w.links)
}

// join extends a part's path.
func join(path string, n int) string {
	if path == "" {
		return strconv.Itoa(n)
	}
	var b strings.Builder
	b.WriteString(path)
	b.WriteByte('.')
	b.WriteString(strconv.Itoa(n))
	return b.String()
}
