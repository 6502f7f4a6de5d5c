package archive

import (
	"archive/zip"
	"bufio"
	"errors"
	"hash/crc32"
	"io"

	"pricefetch/internal/mail"
)

// key opens one encrypted member: a password that fits its check value, which by chance another one does too.
type key func(raw io.Reader) (plain io.Reader, err error)

// encrypted reads an encrypted member with the first password that fits. A check value is short (one byte, with WinZip's
// AES two): where several passwords pass it, the content is decoded for nothing to find the one.
func (w *walk) encrypted(m mail.Member, f *zip.File) error {
	keys, method, err := w.keys(f)
	if err != nil {
		return w.name(m, err)
	}
	for i, k := range keys {
		content, sum, err := w.decrypted(f, k, method)
		if err != nil {
			return w.name(m, err)
		}
		if i < len(keys)-1 && w.proves(m, content, sum) != nil {
			continue
		}
		if content, sum, err = w.decrypted(f, k, method); err != nil {
			return w.name(m, err)
		}
		err = w.take(m, content, sum)
		if errors.Is(err, mail.ErrDamaged) && f.Method != methodAES {
			return w.name(m, wrongOrDamaged(err)) // one wrong password in 256 passes the check value
		}
		return err
	}
	return w.name(m, mail.ErrEncrypted)
}

// spelt returns the passwords in all their spellings.
func (w *walk) spelt() []string {
	var all []string
	for _, password := range w.passwords {
		all = append(all, spellings(password)...)
	}
	return all
}

// keys returns those of the passwords that pass the member's check value, and the method below the encryption.
func (w *walk) keys(f *zip.File) ([]key, uint16, error) {
	if f.Method == methodAES {
		return w.aesKeys(f)
	}
	keys, err := w.classicKeys(f)
	return keys, f.Method, err
}

func (w *walk) decrypted(f *zip.File, k key, method uint16) (io.Reader, *checksum, error) {
	raw, err := f.OpenRaw()
	if err != nil {
		return nil, nil, damaged("%w", err)
	}
	plain, err := k(raw)
	if err != nil {
		return nil, nil, err
	}
	content, err := inflate(method, plain)
	if err != nil {
		return nil, nil, err
	}
	if f.Method == methodAES {
		content = &authenticated{content, plain}
		if f.CRC32 == 0 { // AE-2
			return content, nil, nil
		}
	}
	return content, crc(f.CRC32), nil
}

// proves decodes a member for nothing.
func (w *walk) proves(m mail.Member, content io.Reader, sum *checksum) error {
	before := w.bytes
	defer func() { w.bytes = before }()
	_, err := io.Copy(io.Discard, &meter{walk: w, member: m, r: content, sum: sum})
	return err
}

const classicHeader = 12 // bytes before the content, the last of them for checking the password

// classicKeys are those of PKWARE's traditional encryption (APPNOTE.TXT section 6.1).
func (w *walk) classicKeys(f *zip.File) ([]key, error) {
	if f.CompressedSize64 < classicHeader {
		return nil, damaged("it is shorter than its encryption header")
	}
	var keys []key
	for _, password := range w.spelt() {
		raw, err := f.OpenRaw()
		if err != nil {
			return nil, damaged("%w", err)
		}
		c := newClassic(password)
		head := make([]byte, classicHeader)
		if _, err := io.ReadFull(raw, head); err != nil {
			return nil, errCut
		}
		c.decrypt(head)
		check := byte(f.CRC32 >> 24)
		if f.Flags&flagDescriptor != 0 {
			check = byte(f.ModifiedTime >> 8) // the CRC was not known when the header was written
		}
		if head[classicHeader-1] != check {
			continue
		}
		keys = append(keys, func(raw io.Reader) (io.Reader, error) {
			r := &classicReader{r: bufio.NewReader(raw), c: newClassic(password)}
			if _, err := io.CopyN(io.Discard, r, classicHeader); err != nil {
				return nil, errCut
			}
			return r, nil
		})
	}
	return keys, nil
}

// classic is the state of the traditional stream cipher.
type classic [3]uint32

func newClassic(password string) *classic {
	c := &classic{0x12345678, 0x23456789, 0x34567890}
	for i := range len(password) {
		c.update(password[i])
	}
	return c
}

func (c *classic) update(b byte) {
	step := func(crc uint32, b byte) uint32 { return crc>>8 ^ crc32.IEEETable[byte(crc)^b] }
	c[0] = step(c[0], b)
	c[1] = (c[1]+c[0]&0xff)*134775813 + 1
	c[2] = step(c[2], byte(c[1]>>24))
}

func (c *classic) decrypt(b []byte) {
	for i := range b {
		t := c[2] | 2
		b[i] ^= byte(t * (t ^ 1) >> 8)
		c.update(b[i])
	}
}

type classicReader struct {
	r io.Reader
	c *classic
}

func (r *classicReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.c.decrypt(b[:n])
	return n, err
}
