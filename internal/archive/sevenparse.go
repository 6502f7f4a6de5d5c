package archive

import (
	"encoding/binary"
	"io"
	"math/bits"

	"pricefetch/internal/mail"
)

// cursor reads a header. After the first error it gives zeros.
type cursor struct {
	b   []byte
	at  int
	bad bool
}

func (c *cursor) byte() byte {
	if c.bad || c.at >= len(c.b) {
		c.bad = true
		return 0
	}
	c.at++
	return c.b[c.at-1]
}

func (c *cursor) take(n uint64) []byte {
	if c.bad || n > uint64(len(c.b)-c.at) {
		c.bad = true
		return nil
	}
	c.at += int(n)
	return c.b[c.at-int(n) : c.at]
}

// number reads one whose first byte tells by its leading ones how many bytes follow.
func (c *cursor) number() uint64 {
	first := c.byte()
	more := bits.LeadingZeros8(^first)
	v := uint64(0)
	if more < 7 {
		v = uint64(first&(1<<(8-more)-1)) << (8 * more)
	}
	for i := range more {
		v |= uint64(c.byte()) << (8 * i)
	}
	return v
}

// count reads a number of things, of which there are at most that many.
func (c *cursor) count(most int) int {
	n := c.number()
	if n > uint64(most) {
		c.bad = true
		return 0
	}
	return int(n)
}

func (c *cursor) expect(id byte) { c.bad = c.byte() != id || c.bad }

// flags reads one bit for each of n things, and returns how many are set.
func (c *cursor) flags(n int) []bool {
	packed := c.take(uint64(n+7) / 8)
	if packed == nil {
		return nil
	}
	set := make([]bool, n)
	for i := range set {
		set[i] = packed[i/8]&(0x80>>(i%8)) != 0
	}
	return set
}

// sums skips checksums of n things; not all of them need have one.
func (c *cursor) sums(n int) {
	have := n
	if c.byte() == 0 {
		have = 0
		for _, set := range c.flags(n) {
			if set {
				have++
			}
		}
	}
	c.take(4 * uint64(have))
}

// vet reads the header as the library will, and holds against the limits all that it would allocate.
func (h *sevenHeader) vet(w *walk) error {
	most := w.limits.Members
	c := &cursor{b: h.bytes}
	c.expect(id7Header)
	id := c.byte()
	switch {
	case c.bad:
		return damaged("its list of files cannot be read")
	case id == id7MainStreams:
		if err := h.vetStreams(c, most); err != nil {
			return err
		}
		id = c.byte()
	case id != id7Files && id != id7End:
		return unsupported("a 7z with archive properties or additional streams")
	}
	if id == id7Files {
		n := c.number()
		if n > uint64(most) && !c.bad {
			return &mail.LimitError{What: "files", Limit: int64(most), Found: int64(min(n, 1<<62))}
		}
		h.files = int(n)
		h.directories = vetFiles(c, h.files)
		id = c.byte()
	}
	if c.bad || id != id7End || c.at != len(c.b) || len(h.directories) != h.files || h.files == 0 {
		return damaged("its list of files cannot be read")
	}
	return h.vetMemory(w)
}

// vetMemory bounds what the decoders of each folder ask for together.
func (h *sevenHeader) vetMemory(w *walk) error {
	for i := range h.folders {
		f := &h.folders[i]
		total := int64(0)
		for j, coder := range f.coders {
			name, ok := sevenMethods[coder.id]
			if !ok {
				return unsupported("compression method %x", coder.id)
			}
			if name == "AES" {
				f.encrypted, h.encrypted = true, true
			}
			need, err := coder.memory(f.sizes[min(j, len(f.sizes)-1)])
			if err != nil {
				return err
			}
			total += need
		}
		if total > w.limits.Memory {
			return w.tooMuchMemory(total)
		}
	}
	return nil
}

// vetStreams reads the description of packed streams, folders and what they come to.
func (h *sevenHeader) vetStreams(c *cursor, most int) error {
	id := c.byte()
	packs := 0
	if id == id7PackInfo {
		packs = vetPacks(c, most)
		id = c.byte()
	}
	if id == id7UnpackInfo {
		h.vetFolders(c, most, packs)
		id = c.byte()
	}
	if id == id7SubStreams {
		if err := h.vetSubStreams(c, most); err != nil {
			return err
		}
		id = c.byte()
	}
	if id != id7End || c.bad {
		return damaged("its description of packed streams cannot be read")
	}
	return nil
}

func vetPacks(c *cursor, most int) int {
	c.number()
	n := c.count(most * 4)
	id := c.byte()
	sizes := 0
	if id == id7Size {
		for range n {
			c.number()
			sizes++
		}
		id = c.byte()
	}
	if id == id7CRC {
		c.sums(n)
		id = c.byte()
	}
	c.bad = c.bad || id != id7End || sizes != n
	return n
}

func (h *sevenHeader) vetFolders(c *cursor, most, packs int) {
	c.expect(id7Folder)
	n := c.count(most)
	c.expect(0) // not in another place
	for range n {
		if c.bad {
			return
		}
		f := vetFolder(c)
		packs -= f.packed
		h.folders = append(h.folders, f)
	}
	c.expect(id7UnpackSize)
	for i := range h.folders {
		f := &h.folders[i]
		for range f.outputs {
			f.sizes = append(f.sizes, c.number())
		}
	}
	id := c.byte()
	if id == id7CRC {
		c.sums(n)
		id = c.byte()
	}
	c.bad = c.bad || id != id7End || packs < 0
}

// vetFolder reads one folder's methods and how they are joined.
func vetFolder(c *cursor) sevenFolder {
	var f sevenFolder
	inputs := 0
	coders := c.count(sevenFolderCoders)
	for range coders {
		flags := c.byte()
		coder := sevenCoder{id: string(c.take(uint64(flags & 0x0f)))}
		in, out := 1, 1
		if flags&0x10 != 0 {
			in, out = c.count(4), c.count(4)
		}
		if flags&0x20 != 0 {
			coder.properties = c.take(c.number())
		}
		c.bad = c.bad || flags&0xc0 != 0 || in == 0 || out != 1
		inputs, f.outputs = inputs+in, f.outputs+out
		f.coders = append(f.coders, coder)
	}
	pairs := f.outputs - 1
	for range max(pairs, 0) {
		c.bad = c.count(inputs) >= inputs || c.count(f.outputs) >= f.outputs || c.bad
	}
	f.packed = inputs - pairs
	if f.packed > 1 {
		for range f.packed {
			c.bad = c.count(inputs) >= inputs || c.bad
		}
	}
	c.bad = c.bad || coders == 0 || f.packed < 1
	return f
}

func (h *sevenHeader) vetSubStreams(c *cursor, most int) error {
	id := c.byte()
	total := 0
	counts := make([]int, len(h.folders))
	for i := range counts {
		counts[i] = 1
	}
	if id == id7NumUnpack {
		for i := range counts {
			n := c.number()
			if n > uint64(most) && !c.bad {
				return &mail.LimitError{What: "files", Limit: int64(most), Found: int64(min(n, 1<<62))}
			}
			counts[i] = int(n)
		}
		id = c.byte()
	}
	for _, n := range counts {
		total += n
	}
	if total > most {
		return &mail.LimitError{What: "files", Limit: int64(most), Found: int64(total)}
	}
	if id == id7Size {
		for i, n := range counts {
			rest := h.folders[i].size()
			for range n - 1 {
				size := c.number()
				c.bad = c.bad || size > rest
				rest -= size
			}
		}
		id = c.byte()
	}
	if id == id7CRC {
		c.sums(total)
		id = c.byte()
	}
	c.bad = c.bad || id != id7End
	return nil
}

// vetFiles reads what is said of the files, each property of which has its length before it, and returns which of them
// are directories.
func vetFiles(c *cursor, n int) []bool {
	directories := make([]bool, n)
	var empty []int
	for {
		id := c.byte()
		if id == id7End || c.bad {
			return directories
		}
		property := &cursor{b: c.take(c.number())}
		switch id {
		case id7EmptyStream:
			for i, set := range property.flags(n) {
				if set {
					directories[i] = true
					empty = append(empty, i)
				}
			}
		case id7EmptyFile:
			for i, set := range property.flags(len(empty)) {
				if set {
					directories[empty[i]] = false
				}
			}
		}
		c.bad = c.bad || property.bad
	}
}

// rebuilt is an archive with a header of ours behind the packed streams of the source.
type rebuilt struct {
	start, header []byte
	packs         int64
	src           *source
}

func (h *sevenHeader) rebuilt(src *source) *rebuilt {
	start := append([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), make([]byte, sevenStart-8)...)
	binary.LittleEndian.PutUint64(start[12:], uint64(h.packs))
	binary.LittleEndian.PutUint64(start[20:], uint64(len(h.bytes)))
	binary.LittleEndian.PutUint32(start[28:], crcOf(h.bytes))
	binary.LittleEndian.PutUint32(start[8:], crcOf(start[12:]))
	return &rebuilt{start, h.bytes, h.packs, src}
}

func (r *rebuilt) size() int64 { return sevenStart + r.packs + int64(len(r.header)) }

// ReadAt reads across the borders of the three parts.
func (r *rebuilt) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) {
		at := off + int64(n)
		var got int
		switch {
		case at < sevenStart:
			got = copy(b[n:], r.start[at:])
		case at < sevenStart+r.packs:
			part := b[n:min(len(b), n+int(min(sevenStart+r.packs-at, 1<<30)))]
			var err error
			if got, err = r.src.ReadAt(part, at); got < len(part) {
				return n + got, err
			}
		case at < r.size():
			got = copy(b[n:], r.header[at-sevenStart-r.packs:])
		default:
			return n, io.EOF
		}
		n += got
	}
	return n, nil
}
