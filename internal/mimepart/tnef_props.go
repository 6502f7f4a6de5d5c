package mimepart

import (
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
)

// Properties that matter ([MS-OXPROPS] section 2).
const (
	propHTML        = 0x1013
	propDisplayName = 0x3001
	propAttachData  = 0x3701
	propShortName   = 0x3704 // 8.3
	propLongName    = 0x3707
	propMIMETag     = 0x370e
	propContentID   = 0x3712
)

// Types of properties ([MS-OXCDATA] section 2.11.1).
const (
	typeObject   = 0x000d
	typeString8  = 0x001e
	typeUnicode  = 0x001f
	typeBinary   = 0x0102
	multiValued  = 0x1000
	namedProps   = 0x8000 // ids from here on are followed by a name
	objectPrefix = 16     // bytes of the interface's id in front of an object
)

// messageInterface is IID_IMessage: the object is a message, and a TNEF stream.
const messageInterface = "\x07\x03\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"

// errTNEFShort: the stream ends within an attribute, or a property is longer than the attribute that it is in.
var errTNEFShort = damaged("winmail.dat is cut short")

// attributeReader reads the attribute in hand and no further.
type attributeReader struct{ t *tnef }

func (a attributeReader) Read(p []byte) (int, error) {
	t := a.t
	if t.left == 0 {
		return 0, io.EOF
	}
	n, err := t.src.Read(p[:min(int64(len(p)), t.left)])
	sum := uint32(0)
	for _, b := range p[:n] {
		sum += uint32(b)
	}
	t.sum += uint16(sum)
	t.left -= int64(n)
	if err == io.EOF {
		if err = nil; n == 0 {
			err = errTNEFShort
		}
	}
	return n, err
}

// full reads outside an attribute.
func (t *tnef) full(p []byte) error {
	_, err := fill(t.src, p)
	if err == io.EOF {
		return errTNEFShort
	}
	return err
}

// value reads within the attribute.
func (t *tnef) value(p []byte) error {
	_, err := fill(attributeReader{t}, p)
	if err == io.EOF {
		return errTNEFShort
	}
	return err
}

// skip passes over n bytes of the attribute.
func (t *tnef) skip(n int64) error {
	if n > t.left {
		return errTNEFShort
	}
	_, err := io.CopyN(io.Discard, attributeReader{t}, n)
	return err
}

// bytes reads n bytes of the attribute; nil if they are more than a name may have.
func (t *tnef) bytes(n int64) ([]byte, error) {
	if n > maxField {
		return nil, t.skip(n)
	}
	if n > t.left {
		return nil, errTNEFShort
	}
	b := make([]byte, n)
	return b, t.value(b)
}

func (t *tnef) uint32() (uint32, error) {
	var b [4]byte
	err := t.value(b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

// property is one value; its n bytes are the next ones of the attribute, and what is left of them is passed over.
type property struct {
	id, typ uint16
	n       int64
}

// properties reads a list of MAPI properties ([MS-OXTNEF] section 2.1.3.4) and gives each value to use.
func (t *tnef) properties(use func(property) error) error {
	count, err := t.uint32()
	for i := uint32(0); err == nil && i < count; i++ {
		var tag uint32
		if tag, err = t.uint32(); err != nil {
			break
		}
		p := property{id: uint16(tag >> 16), typ: uint16(tag)}
		if p.id >= namedProps {
			err = t.skipName()
		}
		if err == nil {
			err = t.values(p, use)
		}
	}
	return err
}

// skipName passes over the name of a named property: a set, and a number or a string.
func (t *tnef) skipName() error {
	if err := t.skip(16); err != nil {
		return err
	}
	kind, err := t.uint32()
	if err != nil {
		return err
	}
	n, err := t.uint32()
	if err != nil || kind == 0 {
		return err
	}
	return t.skip(padded(int64(n)))
}

// padded is the length with the bytes that fill it up to a multiple of four.
func padded(n int64) int64 { return (n + 3) &^ 3 }

// values reads the values of one property; all but those of fixed size, and the lists, have a count in front.
func (t *tnef) values(p property, use func(property) error) error {
	count, size := uint32(1), fixedSize(p.typ&^multiValued)
	if p.typ&multiValued != 0 || size < 0 {
		var err error
		if count, err = t.uint32(); err != nil {
			return err
		}
	}
	if size == 0 {
		return nil
	}
	for range count {
		p.n = size
		if size < 0 {
			n, err := t.uint32()
			if err != nil {
				return err
			}
			p.n = int64(n)
		}
		if p.n > t.left {
			return errTNEFShort
		}
		end := t.left - min(padded(p.n), t.left) // the last one's padding may be left out
		if err := use(p); err != nil {
			return err
		}
		if err := t.skip(t.left - end); err != nil {
			return err
		}
	}
	return nil
}

// fixedSize is how many bytes a value of that type has, -1 where that is written in front of it.
func fixedSize(typ uint16) int64 {
	switch typ {
	case 0, 1: // unspecified, null
		return 0
	case 2, 3, 4, 10, 11: // 16- and 32-bit numbers, error, boolean
		return 4
	case 5, 6, 7, 20, 64: // 64-bit numbers and times
		return 8
	case 72: // an id
		return 16
	}
	return -1
}

// ofMessage reads the HTML for what it refers to.
func (t *tnef) ofMessage(p property) error {
	if p.id != propHTML {
		return nil
	}
	defer t.w.cids.end()
	_, err := io.CopyN(&t.w.cids, attributeReader{t}, p.n)
	return err
}

// ofAttachment reads one property of the attachment in hand.
func (t *tnef) ofAttachment(p property) error {
	f := t.file
	switch p.id {
	case propAttachData:
		return t.inlineData(p)
	case propLongName:
		return t.string(p, &f.long)
	case propShortName:
		return t.string(p, &f.short)
	case propDisplayName:
		return t.string(p, &f.display)
	case propMIMETag:
		var s tnefName
		err := t.string(p, &s)
		f.mediaType, _ = parseParams(s.decoded)
		return err
	case propContentID:
		var s tnefName
		err := t.string(p, &s)
		f.contentID = shorten(strings.Trim(s.decoded, "<> "), maxCIDLen)
		return err
	}
	return nil
}

// inlineData takes the content that stands among the properties: of an object, or of a file that has no attribute for it.
func (t *tnef) inlineData(p property) error {
	f := t.file
	if f.filled && (p.typ != typeObject || t.held.size > 0) || p.typ != typeObject && p.typ != typeBinary {
		return nil
	}
	f.filled = true
	if p.typ == typeObject && p.n >= objectPrefix {
		var id [objectPrefix]byte
		if err := t.value(id[:]); err != nil {
			return err
		}
		p.n -= objectPrefix
		f.embedded = string(id[:]) == messageInterface
	}
	return t.hold(p.n)
}

// string reads a property that is text.
func (t *tnef) string(p property, to *tnefName) error {
	if p.typ != typeString8 && p.typ != typeUnicode {
		return nil
	}
	b, err := t.bytes(p.n)
	if err != nil || b == nil {
		return err
	}
	if p.typ == typeString8 {
		*to = t.text(b)
		return nil
	}
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) > 1 && (b[0] != 0 || b[1] != 0); b = b[2:] {
		units = append(units, binary.LittleEndian.Uint16(b))
	}
	s := string(utf16.Decode(units))
	*to = tnefName{s, s}
	return nil
}

// codepages by the numbers that Windows gives them.
var codepages = map[uint32]string{
	866: "ibm866", 874: "windows-874", 932: "shift_jis", 936: "gbk", 949: "euc-kr", 950: "big5", 1250: "windows-1250", 1251: "windows-1251",
	1252: "windows-1252", 1253: "windows-1253", 1254: "windows-1254", 1255: "windows-1255", 1256: "windows-1256", 1257: "windows-1257",
	1258: "windows-1258", 10007: "x-mac-cyrillic", 20866: "koi8-r", 21866: "koi8-u", 28591: "iso-8859-1", 28595: "iso-8859-5", 65001: "utf-8",
}

func codepage(n uint32) string { return codepages[n] }
