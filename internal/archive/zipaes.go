package archive

import (
	"archive/zip"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/binary"
	"hash"
	"io"
)

// WinZip's AES encryption (AE-1 and AE-2), https://www.winzip.com/en/support/aes-encryption/.
const (
	extraAES   = 0x9901
	aesRounds  = 1000
	aesCheck   = 2  // bytes that verify the password
	aesCodeLen = 10 // bytes of the authentication code behind the content
)

// aesField is what the extra field of a member says.
type aesField struct {
	keyLen int    // bytes
	method uint16 // below the encryption
}

func (a aesField) saltLen() int { return a.keyLen / 2 }

func aesOf(f *zip.File) (aesField, error) {
	for extra := f.Extra; len(extra) >= 4; {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if n > len(extra)-4 {
			break
		}
		data := extra[4 : 4+n]
		extra = extra[4+n:]
		if id == extraAES && n >= 7 && string(data[2:4]) == "AE" && data[4] >= 1 && data[4] <= 3 {
			return aesField{keyLen: 8 + 8*int(data[4]), method: binary.LittleEndian.Uint16(data[5:])}, nil
		}
	}
	return aesField{}, damaged("it has no field that tells how it is encrypted")
}

// aesKeys are those of the passwords that pass the member's two check bytes.
func (w *walk) aesKeys(f *zip.File) ([]key, uint16, error) {
	field, err := aesOf(f)
	if err != nil {
		return nil, 0, err
	}
	before := field.saltLen() + aesCheck
	if f.CompressedSize64 < uint64(before+aesCodeLen) {
		return nil, 0, damaged("it is shorter than its encryption header")
	}
	raw, err := f.OpenRaw()
	if err != nil {
		return nil, 0, damaged("%w", err)
	}
	head := make([]byte, before)
	if _, err := io.ReadFull(raw, head); err != nil {
		return nil, 0, errCut
	}
	salt, check := head[:field.saltLen()], head[field.saltLen():]
	length := int64(f.CompressedSize64) - int64(before) - aesCodeLen
	var keys []key
	for _, password := range w.spelt() {
		if w.ctx.Err() != nil {
			return nil, 0, w.ctx.Err()
		}
		derived, err := pbkdf2.Key(sha1.New, password, salt, aesRounds, 2*field.keyLen+aesCheck)
		if err != nil {
			return nil, 0, unsupported("this encryption (%v)", err)
		}
		if bytes.Equal(derived[2*field.keyLen:], check) {
			keys = append(keys, func(raw io.Reader) (io.Reader, error) {
				if _, err := io.CopyN(io.Discard, raw, int64(before)); err != nil {
					return nil, errCut
				}
				return newAESReader(raw, length, derived[:field.keyLen], derived[field.keyLen:2*field.keyLen])
			})
		}
	}
	return keys, field.method, nil
}

// aesReader decrypts in counter mode, the counter being little-endian and starting with 1, and verifies the
// authentication code at the end.
type aesReader struct {
	tail    io.Reader // content and code
	content io.Reader // content alone
	block   cipher.Block
	mac     hash.Hash
	counter [aes.BlockSize]byte
	pad     [aes.BlockSize]byte
	used    int
	err     error
}

func newAESReader(raw io.Reader, length int64, key, macKey []byte) (*aesReader, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return &aesReader{
		tail: raw, content: io.LimitReader(raw, length), block: block, mac: hmac.New(sha1.New, macKey), used: aes.BlockSize,
	}, nil
}

func (r *aesReader) Read(b []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.content.Read(b)
	_, _ = r.mac.Write(b[:n]) // never fails
	for i := range b[:n] {
		if r.used == len(r.pad) {
			r.next()
		}
		b[i] ^= r.pad[r.used]
		r.used++
	}
	if err == io.EOF {
		err = r.verify()
	}
	r.err = err
	return n, err
}

func (r *aesReader) next() {
	for i := range r.counter {
		if r.counter[i]++; r.counter[i] != 0 {
			break
		}
	}
	r.block.Encrypt(r.pad[:], r.counter[:])
	r.used = 0
}

// verify returns io.EOF where the code is right.
func (r *aesReader) verify() error {
	code := make([]byte, aesCodeLen)
	if _, err := io.ReadFull(r.tail, code); err != nil {
		return errCut
	}
	if !hmac.Equal(code, r.mac.Sum(nil)[:aesCodeLen]) {
		return damaged("its authentication code is wrong")
	}
	return io.EOF
}

// authenticated is the decoded content of an encrypted member: a decoder may stop before the end of what it decodes,
// where the authentication code stands.
type authenticated struct {
	io.Reader
	plain io.Reader
}

func (a *authenticated) Read(b []byte) (int, error) {
	n, err := a.Reader.Read(b)
	if err == io.EOF {
		if _, rest := io.Copy(io.Discard, a.plain); rest != nil {
			return n, rest
		}
	}
	return n, err
}
