package archive

import (
	"encoding/binary"
	"io"
	"math"
	"slices"

	"pricefetch/internal/mail"
)

// The ids of 7zFormat.txt, in the source of 7-Zip.
const (
	id7End            = 0x00
	id7Header         = 0x01
	id7MainStreams    = 0x04
	id7Files          = 0x05
	id7PackInfo       = 0x06
	id7UnpackInfo     = 0x07
	id7SubStreams     = 0x08
	id7Size           = 0x09
	id7CRC            = 0x0a
	id7Folder         = 0x0b
	id7UnpackSize     = 0x0c
	id7NumUnpack      = 0x0d
	id7EmptyStream    = 0x0e
	id7EmptyFile      = 0x0f
	id7Name           = 0x11
	id7EncodedHeader  = 0x17
	sevenStart        = 32 // bytes of the signature and start headers
	sevenFolderCoders = 8  // methods one after the other; 7-Zip itself uses up to 5
)

// sevenHeader is a vetted header: what the library is given to read in place of the archive's own.
type sevenHeader struct {
	bytes       []byte // the header, plain; dictionaries are no larger than their content
	packs       int64  // bytes of packed streams before it
	files       int
	directories []bool // by file
	encrypted   bool
	folders     []sevenFolder
}

// secret reports whether the content of a folder is encrypted.
func (h *sevenHeader) secret(folder int) bool {
	return folder >= 0 && folder < len(h.folders) && h.folders[folder].encrypted
}

// sevenHeader reads and vets the archive's header; nil is an archive without members.
func (w *walk) sevenHeader(src *source) (*sevenHeader, error) {
	start := make([]byte, sevenStart)
	if _, err := io.ReadFull(src.section(0, src.size), start); err != nil {
		return nil, errCut
	}
	offset, size := binary.LittleEndian.Uint64(start[12:]), binary.LittleEndian.Uint64(start[20:])
	switch {
	case crcOf(start[12:]) != binary.LittleEndian.Uint32(start[8:]):
		return nil, damaged("the checksum of its first header is wrong")
	case size == 0:
		return nil, nil
	case size > headerBytes:
		return nil, errList
	case src.size < sevenStart || offset > uint64(src.size-sevenStart) || size > uint64(src.size-sevenStart)-offset:
		return nil, damaged("it is cut off: its list of files should stand at byte %d, and it has %d", offset, src.size)
	}
	raw := make([]byte, size)
	if _, err := io.ReadFull(src.section(sevenStart+int64(offset), int64(size)), raw); err != nil {
		return nil, errCut
	}
	if crcOf(raw) != binary.LittleEndian.Uint32(start[28:]) {
		return nil, damaged("the checksum of its list of files is wrong")
	}
	if raw[0] == id7EncodedHeader {
		var err error
		if raw, err = w.sevenDecoded(src, raw, int64(offset)); err != nil {
			return nil, err
		}
	}
	h := &sevenHeader{bytes: raw, packs: int64(offset)}
	return h, h.vet(w)
}

// sevenDecoded decodes a header that is packed, or encrypted, itself: the library is shown an archive whose only member
// it is.
func (w *walk) sevenDecoded(src *source, raw []byte, packs int64) ([]byte, error) {
	// 01 04 streams 05 one file, its name: "h", 00 00
	plain := slices.Concat([]byte{id7Header, id7MainStreams}, raw[1:], []byte{id7Files, 1, id7Name, 5, 0, 'h', 0, 0, 0, 0, 0})
	h := &sevenHeader{bytes: plain, packs: packs}
	if err := h.vet(w); err != nil {
		return nil, err
	}
	if len(h.folders) != 1 || h.files != 1 {
		return nil, damaged("its packed list of files has %d blocks", len(h.folders))
	}
	if size := h.folders[0].size(); size > headerBytes {
		return nil, errList
	}
	passwords := []string{""}
	if h.encrypted {
		passwords = w.passwords
	}
	err := mail.ErrEncrypted
	for _, password := range passwords {
		z := &seven{walk: w, src: src, header: h, password: password}
		decoded, problem := z.whole()
		switch {
		case problem == nil:
			return decoded, nil
		case !h.encrypted || src.err != nil || w.ctx.Err() != nil:
			return nil, problem
		}
	}
	return nil, err
}

// whole reads the packed header that z was made for.
func (z *seven) whole() ([]byte, error) {
	if err := z.open(); err != nil {
		return nil, err
	}
	f := z.r.File[0]
	if f.UncompressedSize > headerBytes {
		return nil, errList
	}
	content, err := z.content(f)
	if err != nil {
		return nil, err
	}
	bytes := z.walk.bytes
	defer func() { z.walk.bytes = bytes }()
	member := mail.Member{Size: int64(f.UncompressedSize)}
	decoded, err := io.ReadAll(&meter{walk: z.walk, member: member, r: &sevenReader{z, content}, sum: sevenSum(f)})
	if err == nil && (len(decoded) == 0 || decoded[0] != id7Header) {
		err = damaged("its list of files cannot be read")
	}
	return decoded, err
}

// sevenFolder is a block of content that is decoded in one go.
type sevenFolder struct {
	coders    []sevenCoder
	outputs   int
	packed    int
	sizes     []uint64 // of the outputs of its coders
	encrypted bool
}

// size is the largest of the sizes; which of them is the block's own does not matter for a bound.
func (f sevenFolder) size() uint64 { return slices.Max(f.sizes) }

// sevenCoder is one method of a folder.
type sevenCoder struct {
	id         string
	properties []byte // within the header
}

// memory is what a coder asks for at most; a dictionary is made no larger than the content, as 7-Zip does when packing.
func (c sevenCoder) memory(size uint64) (int64, error) {
	size = max(size, 4096)
	switch c.id {
	case "\x03\x01\x01": // LZMA: lc, lp, pb, dictionary size
		if len(c.properties) != 5 {
			return 0, damaged("a method has odd properties")
		}
		dictionary := uint64(binary.LittleEndian.Uint32(c.properties[1:]))
		if dictionary > size {
			dictionary = size
			binary.LittleEndian.PutUint32(c.properties[1:], uint32(dictionary))
		}
		return int64(dictionary), nil
	case "\x21": // LZMA2: a size of 2 or 3 times a power of two
		if len(c.properties) != 1 || c.properties[0] > 40 {
			return 0, damaged("a method has odd properties")
		}
		for b := range c.properties[0] {
			if lzma2Dictionary(b) >= size {
				c.properties[0] = b
				break
			}
		}
		return int64(lzma2Dictionary(c.properties[0])), nil
	case "\x03\x04\x01": // PPMd: order, memory
		if len(c.properties) != 5 {
			return 0, damaged("a method has odd properties")
		}
		return int64(binary.LittleEndian.Uint32(c.properties[1:])), nil
	case "\x04\x02\x02", "\x04\x01\x08": // bzip2, deflate
		return 4 << 20, nil
	}
	return 0, nil
}

func lzma2Dictionary(b byte) uint64 {
	if b >= 40 {
		return math.MaxUint32
	}
	return uint64(2|b&1) << (b/2 + 11)
}

// sevenMethods are the methods that 7-Zip itself writes and the library reads. The others of the library would bring
// decoders that nothing here bounds.
var sevenMethods = map[string]string{
	"\x00": "Copy", "\x03": "Delta", "\x0a": "ARM64", "\x21": "LZMA2", "\x03\x01\x01": "LZMA", "\x03\x03\x01\x03": "BCJ",
	"\x03\x03\x01\x1b": "BCJ2", "\x03\x03\x02\x05": "PPC", "\x03\x03\x05\x01": "ARM", "\x03\x03\x08\x05": "SPARC",
	"\x03\x04\x01": "PPMd", "\x04\x01\x08": "Deflate", "\x04\x02\x02": "BZip2", sevenAES: "AES",
}

const sevenAES = "\x06\xf1\x07\x01"
