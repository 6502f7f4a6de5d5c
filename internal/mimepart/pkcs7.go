package mimepart

import (
	"bufio"
	"bytes"
	"io"
	"math"
)

// Tags of BER (ITU-T X.690 section 8.1.2) that a signed message has.
const (
	tagInteger     = 0x02
	tagOctets      = 0x04
	tagOID         = 0x06
	tagOctetsParts = 0x24 // octets in pieces
	tagSequence    = 0x30
	tagSet         = 0x31
	tagZero        = 0xa0 // context specific, constructed
)

const (
	// signedOID is id-signedData (RFC 5652 section 5.1) with its tag and length.
	signedOID = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
	// signedHead is in front of the signed content, in bytes: algorithms and nothing else of variable size.
	signedHead = 4 << 10
	berDepth   = 16 // levels within each other
)

// errBER: the bytes are no signed message, or end within one.
var errBER = damaged("signed message (PKCS #7) is cut short or malformed")

// looksSigned tells whether a content begins like signed data.
func looksSigned(head []byte) bool {
	b := ber{r: bytes.NewReader(head)}
	if tag, _, err := b.element(); err != nil || tag != tagSequence {
		return false
	}
	return bytes.HasPrefix(head[b.read:], []byte(signedOID))
}

// openSigned returns the message in signed data (RFC 8551 section 3.5.2), or nil if there is none that can be opened:
// the signature is elsewhere, or what was signed is a file. rest then is the content as it stands. A signature is not
// verified: who is trusted is told by the rules, not by certificates.
func openSigned(content io.Reader) (message, rest io.Reader) {
	r := bufio.NewReaderSize(content, signedHead)
	head, _ := r.Peek(signedHead) // an error comes again
	probe, err := signedContent(bytes.NewReader(head))
	if err != nil {
		return nil, r
	}
	var first [32]byte
	n, _ := fill(probe, first[:])
	if name, _ := fieldName(bytes.TrimLeft(first[:n], "\r\n")); name != "mime-version" && !isContentField([]byte(name)) {
		return nil, r
	}
	message, err = signedContent(r)
	if err != nil {
		return nil, r // not to be had: head had it
	}
	return message, nil
}

// signedContent reads up to the octets that were signed (RFC 5652 sections 3, 5.1 and 5.2).
func signedContent(r io.Reader) (io.Reader, error) {
	b := &ber{r: r}
	for _, step := range []struct {
		tag  byte
		into bool
	}{
		{tagSequence, true}, {tagOID, false}, {tagZero, true}, // ContentInfo
		{tagSequence, true}, {tagInteger, false}, {tagSet, false}, // SignedData
		{tagSequence, true}, {tagOID, false}, {tagZero, true}, // EncapsulatedContentInfo
	} {
		tag, n, err := b.element()
		if err != nil {
			return nil, err
		}
		if tag != step.tag {
			return nil, errBER
		}
		if step.into {
			continue
		}
		if err := b.skip(tag, n, berDepth); err != nil {
			return nil, err
		}
	}
	o := &octets{b: b}
	return o, o.open(math.MaxInt64)
}

// ber reads elements of BER, of definite and indefinite length.
type ber struct {
	r    io.Reader
	read int64
	one  [1]byte
}

// byte reads one; the end of the stream is errBER.
func (b *ber) byte() (byte, error) {
	if _, err := fill(b.r, b.one[:]); err != nil {
		return 0, berError(err)
	}
	b.read++
	return b.one[0], nil
}

// berError makes an error of the end, which comes too early. Any other is the stream's own, io.ErrUnexpectedEOF too.
func berError(err error) error {
	if err == io.EOF {
		return errBER
	}
	return err
}

// element reads tag and length; n is -1 where the length is indefinite.
func (b *ber) element() (tag byte, n int64, err error) {
	if tag, err = b.byte(); err != nil {
		return 0, 0, err
	}
	if tag&0x1f == 0x1f {
		return 0, 0, errBER // tags of several bytes occur behind the content only
	}
	first, err := b.byte()
	switch {
	case err != nil || first < 0x80:
		return tag, int64(first), err
	case first == 0x80 && tag&0x20 != 0:
		return tag, -1, nil
	case first == 0x80 || first > 0x87:
		return 0, 0, errBER
	}
	for range first & 0x7f {
		c, err := b.byte()
		if err != nil {
			return 0, 0, err
		}
		n = n<<8 | int64(c)
	}
	return tag, n, nil
}

// skip passes over the content of an element.
func (b *ber) skip(tag byte, n int64, depth int) error {
	if n >= 0 {
		m, err := io.CopyN(io.Discard, b.r, n)
		b.read += m
		return berError(err)
	}
	for depth > 0 {
		inner, m, err := b.element()
		if err != nil {
			return err
		}
		if inner == 0 && m == 0 {
			return nil
		}
		if err := b.skip(inner, m, depth-1); err != nil {
			return err
		}
	}
	return errBER
}

// octets reads an octet string, in one piece or in many (ITU-T X.690 section 8.7).
type octets struct {
	b    *ber
	ends []int64 // where the strings that are open end, counted in b.read; -1: at an end of contents
	left int64   // of the piece in hand
	err  error
}

// open enters the next element, which has to be octets and to end by the given place. errBER if it is not.
func (o *octets) open(by int64) error {
	tag, n, err := o.b.element()
	switch {
	case err != nil:
		return err
	case n >= 0 && n > by-o.b.read:
		return errBER
	case tag == tagOctets:
		o.left = n
	case tag == tagOctetsParts && len(o.ends) < berDepth:
		end := int64(-1)
		if n >= 0 {
			end = o.b.read + n
		}
		o.ends = append(o.ends, end)
	case tag == 0 && n == 0 && len(o.ends) > 0 && o.ends[len(o.ends)-1] < 0:
		o.ends = o.ends[:len(o.ends)-1]
	default:
		return errBER
	}
	return nil
}

func (o *octets) Read(p []byte) (int, error) {
	for o.left == 0 && o.err == nil {
		o.err = o.next()
	}
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.b.r.Read(p[:min(int64(len(p)), o.left)])
	o.b.read += int64(n)
	o.left -= int64(n)
	if err != nil {
		if o.err = berError(err); n > 0 {
			err = nil
		} else {
			err = o.err
		}
	}
	return n, err
}

// next goes on to the next piece; io.EOF behind the last one.
func (o *octets) next() error {
	if len(o.ends) == 0 {
		return io.EOF
	}
	by := int64(math.MaxInt64)
	if end := o.ends[len(o.ends)-1]; end >= 0 {
		if o.b.read == end {
			o.ends = o.ends[:len(o.ends)-1]
			return nil
		}
		by = end
	}
	return o.open(by)
}
