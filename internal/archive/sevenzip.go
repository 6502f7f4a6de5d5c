package archive

import (
	"errors"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/bodgit/sevenzip"

	"pricefetch/internal/mail"
)

// sevenZip unpacks a 7z. Its header is vetted first (see vet.go), for the library allocates what a header states. Members
// of one folder (a solid block) are decoded one after the other, so everything counts.
func (w *walk) sevenZip(src *source) error {
	header, err := w.sevenHeader(src)
	if err != nil || header == nil {
		return err
	}
	z := &seven{walk: w, src: src, header: header}
	if z.password, err = z.choosePassword(); err != nil {
		return err
	}
	if err := w.countable(header.files); err != nil {
		return err
	}
	if err := z.open(); err != nil {
		return err
	}
	files := z.r.File
	total := int64(0)
	for _, f := range files {
		total = plus(total, int64(min(f.UncompressedSize, 1<<62)))
	}
	if err := w.expect(total); err != nil {
		return err
	}
	for i := range files {
		if err := z.member(i); err != nil {
			return err
		}
	}
	return nil
}

// seven is a 7z being read.
type seven struct {
	walk     *walk
	src      *source
	header   *sevenHeader
	password string
	r        *sevenzip.Reader
	folder   int  // that the last member read stands in
	kept     bool // r may still keep its decoder
}

// open makes a new reader. It begins every folder at its start, and lets go of the decoders of the one before.
func (z *seven) open() error {
	return guard(func() (err error) {
		packed := z.header.rebuilt(z.src)
		z.r, err = sevenzip.NewReaderWithPassword(packed, packed.size(), z.password)
		return z.typed(err)
	})
}

// member gives one member to the sink if it is wanted.
func (z *seven) member(i int) error {
	if err := z.walk.count(); err != nil {
		return err
	}
	m, take, err := z.walk.ask(z.entry(i))
	if err != nil || !take {
		return err
	}
	f := z.r.File[i]
	if z.kept && f.Stream != z.folder && m.Size > 0 {
		if err := z.open(); err != nil { // a decoder can hold as much memory as the limit allows: one at a time
			return err
		}
		f = z.r.File[i]
	}
	content, err := z.content(f)
	if err != nil {
		return z.walk.name(m, err)
	}
	if m.Size > 0 {
		z.kept, z.folder = true, f.Stream
	}
	err = z.walk.take(m, &sevenReader{z, content}, sevenSum(f))
	if err != nil {
		return err
	}
	return z.walk.name(m, guard(content.Close))
}

func sevenSum(f *sevenzip.File) *checksum {
	if f.CRC32 == 0 {
		return nil // none is stated
	}
	return crc(f.CRC32)
}

// content opens one member.
func (z *seven) content(f *sevenzip.File) (content io.ReadCloser, err error) {
	err = guard(func() (err error) {
		content, err = f.Open()
		return z.typed(err)
	})
	return content, err
}

// entry describes a member.
func (z *seven) entry(i int) entry {
	f := z.r.File[i]
	e := entry{path: f.Name, raw: f.Name, size: int64(min(f.UncompressedSize, 1<<62)), dir: z.header.directories[i]}
	const reparsePoint = 0x400
	switch mode := f.Mode(); {
	case mode.IsDir():
		e.dir = true
	case mode&fs.ModeSymlink != 0, f.Attributes&reparsePoint != 0:
		e.odd = "a link instead of a file"
	case mode&(fs.ModeDevice|fs.ModeCharDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0:
		e.odd = "a device or pipe instead of a file"
	}
	return e
}

// choosePassword finds the password of the members. The format has no check value: the first encrypted member is decoded
// for nothing, and its checksum tells.
func (z *seven) choosePassword() (string, error) {
	if !z.header.encrypted {
		return "", nil
	}
	for _, password := range z.walk.passwords {
		z.password = password
		err := z.probe()
		switch {
		case err == nil:
			return password, nil
		case z.src.err != nil || z.walk.ctx.Err() != nil || errors.Is(err, mail.ErrUnsupported) || errors.Is(err, mail.ErrTooLarge):
			return "", err
		}
	}
	return "", mail.ErrEncrypted
}

func (z *seven) probe() error {
	before := z.walk.bytes
	defer func() { z.walk.bytes, z.r = before, nil }()
	if err := z.open(); err != nil {
		return err
	}
	for _, f := range z.r.File {
		if f.UncompressedSize == 0 || !z.header.secret(f.Stream) {
			continue
		}
		content, err := z.content(f)
		if err != nil {
			return err
		}
		size := int64(min(f.UncompressedSize, 1<<62))
		_, err = io.Copy(io.Discard, &meter{walk: z.walk, member: mail.Member{Size: size}, r: &sevenReader{z, content}, sum: sevenSum(f)})
		return err
	}
	return nil
}

// sevenReader is the content of one member.
type sevenReader struct {
	z *seven
	r io.Reader
}

func (r *sevenReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	return n, r.z.typed(err)
}

// typed gives the library's errors their type. What it does not name is damage, or with encryption a wrong password.
func (z *seven) typed(err error) error {
	if err == nil || err == io.EOF || typed(err) {
		return err
	}
	return damaged("%w", err)
}

// crcOf is the checksum of all of 7z's headers.
func crcOf(b []byte) uint32 { return crc32.ChecksumIEEE(b) }
