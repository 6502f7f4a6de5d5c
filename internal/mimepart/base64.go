package mimepart

import (
	"bytes"
	"io"
	"slices"
)

const (
	b64Space = 0x80 // blank or line end
	b64Pad   = 0x81 // "="
	b64Junk  = 0x82 // anything else outside the alphabet
)

// base64Value maps a byte to its six bits, or to one of the marks above, all of which are 64 or more.
var base64Value = func() (t [256]byte) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range t {
		t[i] = b64Junk
	}
	for i := range alphabet {
		t[alphabet[i]] = byte(i)
	}
	t[' '], t['\t'], t['\r'], t['\n'], t['='] = b64Space, b64Space, b64Space, b64Space, b64Pad
	return t
}()

// segmentLine bounds what is looked at behind the padding to tell another base64 segment from a footer.
const segmentLine = 1 << 10

// base64Reader decodes base64 (RFC 2045 section 6.8). Junk between the characters, missing padding and text behind the
// end are tolerated, segments that were padded each on its own are joined. The alphabet that is meant for addresses (RFC 4648
// section 5) is read too, as its characters passed over would leave a file of other bytes. What cannot be whole, and what has
// both alphabets, is mail.ErrDamaged.
type base64Reader struct {
	src content
	out []byte // decoded, not yet handed out
	buf []byte
	err error // sticky: io.EOF, damage, or the stream's own

	quantum uint32 // characters gathered
	have    int    // how many, 0 to 3
	total   int64  // alphabet characters
	junk    int64
	plain   bool // a + or / was seen
	url     bool // a - or _ was taken for one
	newline int  // line ends since the last character
	state   b64State
	line    []byte // under inspection
	resumed bool   // a line of data stands behind what was taken for the end
}

type b64State int

const (
	b64Data   b64State = iota
	b64Padded          // the padding was seen: another segment or a footer may follow
	b64Doubt           // a line begins that may be a footer although there was no padding
	b64Footer          // nothing more counts
)

func (d *base64Reader) Read(p []byte) (int, error) {
	for len(d.out) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		d.next()
	}
	n := copy(p, d.out)
	d.out = d.out[n:]
	return n, nil
}

// next decodes one chunk.
func (d *base64Reader) next() {
	if d.buf == nil {
		d.buf = make([]byte, 0, bufferSize)
	}
	out := d.buf[:0]
	if err := d.src.more(); err != nil {
		out = d.finish(out, err)
	} else {
		out = d.decode(out, d.src.rest)
		d.src.rest = nil
	}
	d.buf, d.out = out, out
}

// decode appends what in stands for.
func (d *base64Reader) decode(out, in []byte) []byte {
	for len(in) > 0 {
		switch d.state {
		case b64Data:
			out, in = d.data(out, in)
		default:
			out, in = d.behind(out, in)
		}
	}
	return out
}

// data decodes up to the padding. Four clean characters at a time are the rule, all else the exception.
func (d *base64Reader) data(out, in []byte) (_, rest []byte) {
	d.plain = d.plain || bytes.IndexByte(in, '+') >= 0 || bytes.IndexByte(in, '/') >= 0
	for i := 0; i < len(in); {
		if d.have == 0 && d.newline < 2 {
			start := i
			for ; i+4 <= len(in); i += 4 {
				a, b, c, e := base64Value[in[i]], base64Value[in[i+1]], base64Value[in[i+2]], base64Value[in[i+3]]
				if a|b|c|e >= 64 {
					break
				}
				v := uint32(a)<<18 | uint32(b)<<12 | uint32(c)<<6 | uint32(e)
				out = append(out, byte(v>>16), byte(v>>8), byte(v))
			}
			if i > start {
				d.total += int64(i - start)
				d.newline = 0
				continue
			}
		}
		if d.doubtful(in[i]) {
			d.state = b64Doubt
			return out, in[i:]
		}
		out = d.one(out, in[i])
		i++
		if d.state != b64Data {
			return out, in[i:]
		}
	}
	return out, nil
}

// doubtful tells whether a line begins with c that may be no data: behind an empty line, or with what is no base64.
func (d *base64Reader) doubtful(c byte) bool {
	if d.newline == 0 || d.have != 0 || d.total == 0 {
		return false
	}
	v := base64Value[c]
	return v == b64Junk || v < 64 && d.newline > 1
}

// one takes a single character.
func (d *base64Reader) one(out []byte, c byte) []byte {
	v := base64Value[c]
	if (c == '-' || c == '_') && d.total > 0 {
		v, d.url = 62+(c&2)>>1, true
	}
	switch v {
	case b64Space:
		if c == '\n' {
			d.newline++
		}
	case b64Junk:
		d.junk++
	case b64Pad:
		if d.have > 1 {
			d.state = b64Padded
			return d.flush(out)
		}
	default:
		d.quantum = d.quantum<<6 | uint32(v)
		d.have++
		d.total++
		d.newline = 0
		if d.have == 4 {
			out = append(out, byte(d.quantum>>16), byte(d.quantum>>8), byte(d.quantum))
			d.quantum, d.have = 0, 0
		}
	}
	return out
}

// flush appends what two or three characters stand for.
func (d *base64Reader) flush(out []byte) []byte {
	switch d.have {
	case 2:
		out = append(out, byte(d.quantum>>4))
	case 3:
		out = append(out, byte(d.quantum>>10), byte(d.quantum>>2))
	}
	d.quantum, d.have = 0, 0
	return out
}

// behind collects the line in doubt and judges it once it is there.
func (d *base64Reader) behind(out, in []byte) (_, rest []byte) {
	n := bytes.IndexByte(in, '\n') + 1
	if n == 0 {
		n = len(in)
	}
	n = min(n, segmentLine-len(d.line))
	d.line = append(d.line, in[:n]...)
	if in[n-1] != '\n' && len(d.line) < segmentLine {
		return out, nil
	}
	return d.judge(out), in[n:]
}

// judge decides what the line in doubt is.
func (d *base64Reader) judge(out []byte) []byte {
	full := d.line
	line := bytes.Trim(full, " \t\r\n")
	d.line = d.line[:0]
	switch {
	case d.state == b64Padded:
		return d.judgePadded(out, full)
	case d.state == b64Footer:
		foreign := func(c byte) bool { return base64Value[c] >= 64 && c != '=' }
		d.resumed = d.resumed || len(line) >= dataLine && !slices.ContainsFunc(line, foreign)
		return out
	case isFooter(line):
		d.state = b64Footer
		return out
	}
	d.state, d.newline = b64Data, 0
	for _, c := range full {
		out = d.one(out, c)
	}
	return out
}

// dataLine: that many characters of the alphabet and nothing else are data, not words.
const dataLine = 60

// isFooter tells words, addresses and ruled lines from base64.
func isFooter(line []byte) bool {
	if len(line) > 1 && len(bytes.Trim(line, "-_*#~ ")) == 0 || bytes.IndexByte(line, '@') >= 0 {
		return true
	}
	words, foreign := 0, 0
	for _, w := range bytes.Fields(line) {
		if slices.ContainsFunc(w, func(c byte) bool { return base64Value[c] < 64 }) {
			words++
		}
	}
	for _, c := range line {
		if c >= 0x80 {
			foreign++
		}
	}
	return words > 1 || foreign > len(line)/2
}

// judgePadded decides whether the line behind the padding goes on with data. A footer is hardly ever of the alphabet
// alone and a multiple of four long.
func (d *base64Reader) judgePadded(out, full []byte) []byte {
	full = bytes.TrimLeft(full, "= \t\r\n")
	line := bytes.TrimRight(full, " \t\r\n")
	if len(line) == 0 {
		return out
	}
	for _, c := range line {
		if v := base64Value[c]; v >= 64 && v != b64Pad {
			d.state = b64Footer
			return out
		}
	}
	if len(line)%4 != 0 {
		d.state = b64Footer
		return out
	}
	d.state = b64Data
	for _, c := range full {
		out = d.one(out, c) // a multiple of four: padding is at its end
	}
	return out
}

// finish ends the content: err is io.EOF, or the stream's own.
func (d *base64Reader) finish(out []byte, err error) []byte {
	d.err = err
	if err != io.EOF {
		return out
	}
	if len(d.line) > 0 {
		out = d.judge(out)
	}
	switch {
	case d.resumed:
		d.err = damaged("base64 goes on behind what looks like its end")
	case d.have == 1:
		d.err = damaged("base64 ends with a single character too many")
	case d.state == b64Data && d.total > 0 && d.newline < 2 && d.src.cut():
		d.err = damaged("the message ends inside base64")
	case d.url && d.plain:
		d.err = damaged("it has characters of two alphabets of base64")
	case d.junk > d.total/8:
		d.err = damaged("%d characters among %d are no base64", d.junk, d.total+d.junk)
	}
	return d.flush(out)
}
