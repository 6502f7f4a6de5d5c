package mimepart

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"pricefetch/internal/mail"
)

// tnefSignature begins what Outlook and Exchange call winmail.dat ([MS-OXTNEF] section 2.1.3.1), little endian.
const tnefSignature = "\x78\x9f\x3e\x22"

// Attributes that matter, by the low word of their id ([MS-OXTNEF] section 2.1.3.3); the high word is a type.
const (
	attOEMCodepage    = 0x9007
	attMAPIProps      = 0x9003
	attAttachRendData = 0x9002 // begins an attachment
	attAttachTitle    = 0x8010
	attAttachData     = 0x800f
	attTransportName  = 0x9001
	attAttachment     = 0x9005 // its MAPI properties, the long name among them, mostly behind its content
)

// tnef reads one TNEF stream and offers its attachments. Content is held in a spool until the name is known; anything
// else is held up to maxField bytes, or passed over.
type tnef struct {
	w     *walker
	path  string
	depth int
	src   *bufio.Reader
	held  *spool

	left     int64  // bytes of the attribute that are still to come
	sum      uint16 // of those that came
	sound    bool   // the last attribute's sum was right: the next one is where it should be
	codepage string // charset of 8-bit names
	count    int    // attachments so far
	file     *tnefFile
}

// tnefFile is the attachment in hand.
type tnefFile struct {
	title, transport     tnefName // of attributes
	long, short, display tnefName // of properties
	mediaType, contentID string
	filled, embedded     bool
	damage               error
}

// tnefName is a name, and as it stood.
type tnefName struct{ decoded, raw string }

// openTNEF offers what is attached to the TNEF stream r, with paths below path. The error is errStop, has class
// mail.Message, is mail.ErrDamaged, or is r's own.
func (w *walker) openTNEF(r io.Reader, path string, depth int) error {
	t := &tnef{w: w, path: path, depth: depth, src: bufio.NewReaderSize(r, 4<<10), held: &spool{open: w.v.Spool}, sound: true}
	defer t.held.reset()
	err := t.walk()
	if errors.Is(err, mail.ErrDamaged) && t.file != nil {
		t.file.damage = err
		if ferr := t.finish(); ferr != nil {
			return ferr
		}
	}
	if t.held.err != nil && w.visitor == nil {
		w.visitor = t.held.err
		return errStop
	}
	return err
}

// walk reads the attributes up to the stream's end.
func (t *tnef) walk() error {
	var start [6]byte // signature and key
	if err := t.full(start[:]); err != nil {
		return err
	}
	if string(start[:4]) != tnefSignature {
		return damaged("winmail.dat has no TNEF signature")
	}
	for {
		var head [9]byte // level, id, length
		n, err := fill(t.src, head[:])
		switch {
		case err != nil && err != io.EOF:
			return err
		case n == 0, t.sound && (err == io.EOF || head[0] != 1 && head[0] != 2):
			return t.finish() // what follows, if anything, was added on the way
		case err == io.EOF || head[0] != 1 && head[0] != 2:
			return damaged("winmail.dat has an attribute of level %d", head[0])
		}
		t.left, t.sum = int64(binary.LittleEndian.Uint32(head[5:])), 0
		if err := t.attribute(binary.LittleEndian.Uint16(head[1:])); err != nil {
			return err
		}
		if err := t.check(); err != nil {
			return err
		}
	}
}

// check passes over the rest of the attribute and compares its sum. A wrong one damages the attachment in hand.
func (t *tnef) check() error {
	if err := t.skip(t.left); err != nil {
		return err
	}
	sum := t.sum
	var stated [2]byte
	if err := t.full(stated[:]); err != nil {
		return err
	}
	t.sound = binary.LittleEndian.Uint16(stated[:]) == sum
	if !t.sound && t.file != nil && t.file.damage == nil {
		t.file.damage = damaged("a checksum in winmail.dat is wrong")
	}
	return nil
}

// attribute reads what is of use in one attribute.
func (t *tnef) attribute(id uint16) error {
	switch id {
	case attOEMCodepage:
		var page [4]byte
		if t.left < 4 {
			return nil
		}
		if err := t.value(page[:]); err != nil {
			return err
		}
		t.codepage = codepage(binary.LittleEndian.Uint32(page[:]))
		return nil
	case attMAPIProps:
		return t.properties(t.ofMessage)
	case attAttachRendData:
		if err := t.finish(); err != nil {
			return err
		}
		t.file = &tnefFile{}
		return nil
	case attAttachData:
		return t.data()
	case attAttachTitle:
		return t.name(&t.attachment().title)
	case attTransportName:
		return t.name(&t.attachment().transport)
	case attAttachment:
		t.attachment()
		return t.properties(t.ofAttachment)
	}
	return nil
}

// attachment is the one in hand; writers that leave out where it begins get one.
func (t *tnef) attachment() *tnefFile {
	if t.file == nil {
		t.file = &tnefFile{}
	}
	return t.file
}

// data takes an attachment's content. A second one without a beginning is another attachment's.
func (t *tnef) data() error {
	if t.file != nil && t.file.filled {
		if err := t.finish(); err != nil {
			return err
		}
	}
	t.attachment().filled = true
	return t.hold(t.left)
}

// hold moves n bytes into the spool.
func (t *tnef) hold(n int64) error {
	m, err := io.CopyN(t.held, attributeReader{t}, n)
	switch {
	case errors.Is(err, errNoSpool):
		return t.w.limit(t.path, "winmail.dat holds a file of more than %d bytes and there is nowhere to put it", spoolMemory)
	case t.held.err != nil:
		return t.held.err
	case err == io.EOF && m < n:
		return errTNEFShort
	}
	return err
}

// name reads a string attribute.
func (t *tnef) name(to *tnefName) error {
	b, err := t.bytes(t.left)
	if err == nil && b != nil {
		*to = t.text(b)
	}
	return err
}

// text decodes 8-bit characters up to the first NUL.
func (t *tnef) text(b []byte) tnefName {
	s, _, _ := strings.Cut(string(b), "\x00")
	if utf8.ValidString(s) {
		return tnefName{s, s}
	}
	if isWestern(t.codepage) || t.codepage == "" {
		return tnefName{guess([]byte(s), t.w.charset), s}
	}
	return tnefName{decode(t.codepage, []byte(s), t.w.charset), s}
}

// finish offers the attachment in hand, if there is one.
func (t *tnef) finish() error {
	f := t.file
	t.file = nil
	if f == nil {
		return nil
	}
	name := f.name()
	if !f.filled && name.decoded == "" {
		return nil // nothing to offer
	}
	defer t.held.reset()
	t.count++
	path := join(t.path, t.count)
	if t.w.parts++; t.w.parts > t.w.lim.Parts {
		return t.w.limit(path, "more than %d parts", t.w.lim.Parts)
	}
	if (f.embedded || f.mediaType == "message/rfc822") && f.filled && f.damage == nil {
		return t.nested(path, f.embedded)
	}
	decoded := cleanName(name.decoded)
	p := mail.Part{
		Path: path, Name: decoded, RawName: shorten(name.raw, maxName), Type: mediaType(f.mediaType, "application/octet-stream"),
		Disposition: "attachment", Attachment: true, Named: decoded != "", ContentID: f.contentID,
	}
	return t.w.offer(p, func() io.Reader {
		switch {
		case f.damage != nil:
			return io.MultiReader(t.held.content(), failing{f.damage})
		case !f.filled:
			return failing{damaged("winmail.dat names an attachment and does not hold it")}
		}
		return t.held.content()
	})
}

// name is the one that Outlook shows.
func (f *tnefFile) name() tnefName {
	for _, n := range []tnefName{f.long, f.title, f.short, f.transport, f.display} {
		if strings.TrimSpace(n.decoded) != "" {
			return n
		}
	}
	return tnefName{}
}

// nested walks a message that is attached to the message and lies in the spool, as a TNEF stream or as mail. What is
// wrong in it is noted, and the attachments behind it are still read.
func (t *tnef) nested(path string, asTNEF bool) error {
	return t.w.inContainer(nil, path, t.depth+1, "message in winmail.dat", func() error {
		if asTNEF {
			return t.w.openTNEF(t.held.content(), path, t.depth+1)
		}
		return t.w.embedded(t.held.content(), path, t.depth+1)
	})
}

// failing is a reader that only fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
