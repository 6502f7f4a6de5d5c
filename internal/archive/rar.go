package archive

import (
	"errors"
	"io"
	"io/fs"

	"github.com/nwaples/rardecode/v2"

	"pricefetch/internal/mail"
)

// rar unpacks a rar of version 1.5 to 7. It is read from its start to its end: what is skipped may have to be decoded
// for what comes behind it, so everything counts.
func (w *walk) rar(src *source) error {
	password, err := w.rarPassword(src)
	if err != nil {
		return err
	}
	r, err := w.rarOpen(src, password)
	if err != nil {
		return err
	}
	before, total := w.bytes, int64(0)
	for {
		h, err := w.rarNext(r)
		if err == io.EOF {
			return nil
		}
		if errors.Is(err, rardecode.ErrInvalidFileBlock) && total == 0 {
			return unsupported("an archive in several volumes") // it begins in the middle of a file
		}
		if err != nil {
			return err
		}
		if err := w.count(); err != nil {
			return err
		}
		total = plus(total, h.UnPackedSize)
		if err := w.expect(plus(before-w.bytes, total)); err != nil {
			return err
		}
		if err := w.rarMember(r, h); err != nil {
			return err
		}
	}
}

// rarMember gives one member to the sink if it is wanted. The library verifies its CRC.
func (w *walk) rarMember(r *rardecode.Reader, h *rardecode.FileHeader) error {
	m, take, err := w.ask(rarEntry(h))
	if err != nil || !take {
		return err
	}
	err = w.take(m, &rarReader{w, r}, nil)
	if h.Encrypted && errors.Is(err, mail.ErrDamaged) {
		return w.name(m, wrongOrDamaged(err)) // members can have passwords of their own
	}
	return err
}

// rarPassword returns the first password that opens the archive, nil if none is needed. A wrong one is noticed at once
// by rar 5, otherwise only by the content: then the first encrypted member is decoded for nothing.
func (w *walk) rarPassword(src *source) (*string, error) {
	err := w.rarProbe(src, nil)
	if err == nil || !errors.Is(err, mail.ErrEncrypted) {
		return nil, err
	}
	for _, password := range w.passwords {
		err := w.rarProbe(src, &password)
		switch {
		case err == nil:
			return &password, nil
		case src.err != nil || w.ctx.Err() != nil || errors.Is(err, mail.ErrUnsupported) || errors.Is(err, mail.ErrTooLarge):
			return nil, err
		}
	}
	return nil, mail.ErrEncrypted
}

// rarProbe reads the archive up to its first encrypted member, and that whole.
func (w *walk) rarProbe(src *source, password *string) error {
	before := w.bytes
	defer func() { w.bytes = before }()
	r, err := w.rarOpen(src, password)
	if err != nil {
		return err
	}
	for range w.limits.Members {
		h, err := w.rarNext(r)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case !h.Encrypted && !h.HeaderEncrypted || h.IsDir || h.UnPackedSize == 0:
			continue
		case password == nil:
			return mail.ErrEncrypted
		}
		_, err = io.Copy(io.Discard, &meter{walk: w, member: mail.Member{Size: -1}, r: &rarReader{w, r}})
		return err
	}
	return nil
}

func (w *walk) rarOpen(src *source, password *string) (*rardecode.Reader, error) {
	options := []rardecode.Option{rardecode.MaxDictionarySize(w.limits.Memory)}
	if password != nil {
		options = append(options, rardecode.Password(*password))
	}
	var r *rardecode.Reader
	err := guard(func() (err error) {
		r, err = rardecode.NewReader(src.section(0, src.size), options...)
		return w.rarError(err)
	})
	return r, err
}

// rarNext goes on to the next entry; io.EOF is the end.
func (w *walk) rarNext(r *rardecode.Reader) (h *rardecode.FileHeader, err error) {
	err = guardRead(func() (err error) {
		h, err = r.Next()
		return w.rarError(err)
	})
	return h, err
}

// rarReader is the content of the entry at hand.
type rarReader struct {
	walk *walk
	r    *rardecode.Reader
}

func (r *rarReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	return n, r.walk.rarError(err)
}

// rarError gives the library's errors their type; what it does not name is damage.
func (w *walk) rarError(err error) error {
	switch {
	case err == nil, err == io.EOF:
		return err
	case errors.Is(err, rardecode.ErrArchiveEncrypted), errors.Is(err, rardecode.ErrArchivedFileEncrypted),
		errors.Is(err, rardecode.ErrBadPassword):
		return mail.ErrEncrypted
	case errors.Is(err, rardecode.ErrMultiVolume), errors.Is(err, rardecode.ErrBadVolumeNumber):
		return unsupported("an archive in several volumes")
	case errors.Is(err, rardecode.ErrDictionaryTooLarge):
		return w.tooMuchMemory(0)
	case errors.Is(err, rardecode.ErrUnsupportedDecoder), errors.Is(err, rardecode.ErrUnknownDecoder),
		errors.Is(err, rardecode.ErrMultipleDecoders):
		return unsupported("this version of rar's compression")
	case errors.Is(err, rardecode.ErrUnknownEncryptMethod):
		return unsupported("this version of rar's encryption")
	}
	return err
}

// rarEntry describes an entry. Names of rar 5 are UTF-8, those of older ones often in the charset of a console.
func rarEntry(h *rardecode.FileHeader) entry {
	e := entry{path: decoder([]string{h.Name})(h.Name), raw: h.Name, size: h.UnPackedSize, dir: h.IsDir}
	if h.UnKnownSize {
		e.size = -1
	}
	mode := h.Mode()
	switch {
	case h.LinkType != rardecode.LinkTypeNone, mode&fs.ModeSymlink != 0:
		e.odd = "a link instead of a file"
	case h.HostOS == rardecode.HostOSUnix && oddUnix(uint32(h.Attributes)):
		e.odd = "a device or pipe instead of a file"
	case h.Version > 0:
		e.dir = true // an older version of a file that comes in its newest too
	}
	return e
}

// oddUnix reports whether a mode of Unix is no plain file and no directory.
func oddUnix(mode uint32) bool {
	const format, regular, directory = 0xf000, 0x8000, 0x4000
	switch mode & format {
	case 0, regular, directory:
		return false
	}
	return true
}
