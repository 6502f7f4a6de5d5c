package archive

import (
	"bufio"
	"errors"
	"io"
)

// window64 is the window of Deflate64: deflate (RFC 1951) with 64 KB, a length code 285 with 16 extra bits, and the
// distance codes 30 and 31 (APPNOTE.TXT section 4.4.5, method 9). Windows' own zip writes it for large files.
const window64 = 1 << 16

var errDeflate64 = errors.New("corrupt Deflate64 data")

// deflate64 decodes such a stream. What is decoded stays in the window until it is given away.
type deflate64 struct {
	in    *bufio.Reader
	bits  uint32
	nbits uint
	err   error

	window  [window64]byte
	at      int // where the next byte goes
	written int // bytes in the window, up to its size
	out     int // bytes not given away yet

	last   bool // the block at hand is the last
	inside bool // of a compressed block
	stored int  // bytes left of a stored block
	length int  // bytes left of a match
	dist   int

	literals, distances *huffman
}

func newDeflate64(r io.Reader) io.Reader { return &deflate64{in: bufio.NewReader(r)} }

func (d *deflate64) Read(b []byte) (int, error) {
	for d.out < window64/2 && d.err == nil {
		d.err = d.step()
	}
	if d.out == 0 {
		return 0, d.err
	}
	start := (d.at - d.out + window64) % window64
	n := copy(b, d.window[start:min(start+d.out, window64)])
	d.out -= n
	return n, nil
}

// step does one thing: a byte, a symbol, or the header of a block.
func (d *deflate64) step() error {
	switch {
	case d.length > 0:
		d.length--
		d.put(d.window[(d.at-d.dist+window64)%window64])
		return nil
	case d.stored > 0:
		d.stored--
		b, err := d.take(8)
		d.put(byte(b))
		return err
	case d.inside:
		return d.symbol()
	case d.last:
		return io.EOF
	}
	return d.block()
}

func (d *deflate64) put(b byte) {
	d.window[d.at] = b
	d.at = (d.at + 1) % window64
	d.written = min(d.written+1, window64)
	d.out++
}

// take reads n ≤ 16 bits, the lowest first.
func (d *deflate64) take(n uint) (int, error) {
	for d.nbits < n {
		b, err := d.in.ReadByte()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		d.bits |= uint32(b) << d.nbits
		d.nbits += 8
	}
	v := d.bits & (1<<n - 1)
	d.bits >>= n
	d.nbits -= n
	return int(v), nil
}

// block reads the header of a block.
func (d *deflate64) block() error {
	head, err := d.take(3)
	if err != nil {
		return err
	}
	d.last = head&1 != 0
	switch head >> 1 {
	case 0:
		return d.storedBlock()
	case 1:
		d.inside, d.literals, d.distances = true, fixedLiterals(), newHuffman(repeat(5, 32))
		return nil
	case 2:
		d.inside = true
		return d.dynamicBlock()
	}
	return errDeflate64
}

func (d *deflate64) storedBlock() error {
	if _, err := d.take(d.nbits % 8); err != nil {
		return err
	}
	n, err := d.take(16)
	if err != nil {
		return err
	}
	complement, err := d.take(16)
	if err == nil && n != complement^0xffff {
		err = errDeflate64
	}
	d.stored = n
	return err
}

// codeOrder is in which order the lengths of the code length code come (RFC 1951 section 3.2.7).
var codeOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (d *deflate64) dynamicBlock() error {
	var counts [3]int
	for i, bits := range []uint{5, 5, 4} {
		n, err := d.take(bits)
		if err != nil {
			return err
		}
		counts[i] = n + []int{257, 1, 4}[i]
	}
	lengths := make([]byte, len(codeOrder))
	for _, symbol := range codeOrder[:counts[2]] {
		n, err := d.take(3)
		if err != nil {
			return err
		}
		lengths[symbol] = byte(n)
	}
	lengths, err := d.lengths(newHuffman(lengths), counts[0]+counts[1])
	if err != nil {
		return err
	}
	d.literals, d.distances = newHuffman(lengths[:counts[0]]), newHuffman(lengths[counts[0]:])
	return nil
}

// lengths reads n code lengths, which come coded themselves.
func (d *deflate64) lengths(code *huffman, n int) ([]byte, error) {
	lengths := make([]byte, 0, n)
	for len(lengths) < n {
		symbol, err := code.read(d)
		if err != nil {
			return nil, err
		}
		if symbol < 16 {
			lengths = append(lengths, byte(symbol))
			continue
		}
		run := [3]struct {
			bits  uint
			least int
		}{{2, 3}, {3, 3}, {7, 11}}[symbol-16]
		count, err := d.take(run.bits)
		count += run.least
		if err != nil || len(lengths)+count > n || symbol == 16 && len(lengths) == 0 {
			return nil, errors.Join(err, errDeflate64)
		}
		value := byte(0)
		if symbol == 16 {
			value = lengths[len(lengths)-1]
		}
		lengths = append(lengths, repeat(value, count)...)
	}
	return lengths, nil
}

// symbol reads a literal, the end of the block, or a match.
func (d *deflate64) symbol() error {
	s, err := d.literals.read(d)
	switch {
	case err != nil:
		return err
	case s < 256:
		d.put(byte(s))
		return nil
	case s == 256:
		d.inside = false
		return nil
	case s > 285:
		return errDeflate64
	}
	base, bits := lengthCode(s - 257)
	more, err := d.take(bits)
	if err != nil {
		return err
	}
	code, err := d.distances.read(d)
	if err != nil {
		return err
	}
	distBase, bits := distanceCode(code)
	far, err := d.take(bits)
	d.length, d.dist = base+more, distBase+far
	if err == nil && d.dist > d.written {
		err = errDeflate64
	}
	return err
}

// lengthCode returns what a length code stands for and how many bits add to it.
func lengthCode(code int) (base int, bits uint) {
	switch {
	case code < 8:
		return code + 3, 0
	case code == 28:
		return 3, 16
	}
	bits = uint(code/4 - 1)
	return (4+code%4)<<bits + 3, bits
}

func distanceCode(code int) (base int, bits uint) {
	if code < 4 {
		return code + 1, 0
	}
	bits = uint(code/2 - 1)
	return (2+code%2)<<bits + 1, bits
}

// huffman is a canonical code: how many codes of each length, and the symbols in their order.
type huffman struct {
	counts  [16]int
	symbols []int
}

func newHuffman(lengths []byte) *huffman {
	h := &huffman{}
	for _, n := range lengths {
		h.counts[n]++
	}
	var next [16]int
	for n := 1; n < len(next)-1; n++ {
		next[n+1] = next[n] + h.counts[n]
	}
	h.symbols = make([]int, len(lengths))
	for symbol, n := range lengths {
		if n > 0 {
			h.symbols[next[n]] = symbol
			next[n]++
		}
	}
	return h
}

// read reads one symbol, bit by bit.
func (h *huffman) read(d *deflate64) (int, error) {
	code, first, index := 0, 0, 0
	for n := 1; n < len(h.counts); n++ {
		bit, err := d.take(1)
		if err != nil {
			return 0, err
		}
		code |= bit
		if code-first < h.counts[n] {
			return h.symbols[index+code-first], nil
		}
		index += h.counts[n]
		first = (first + h.counts[n]) << 1
		code <<= 1
	}
	return 0, errDeflate64
}

func fixedLiterals() *huffman {
	lengths := repeat(8, 144)
	lengths = append(lengths, repeat(9, 112)...)
	lengths = append(lengths, repeat(7, 24)...)
	return newHuffman(append(lengths, repeat(8, 8)...))
}

func repeat(value byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = value
	}
	return b
}
