package archive

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

func FuzzZip(f *testing.F)      { fuzz(f, "PK", ".zip") }
func FuzzRar(f *testing.F)      { fuzz(f, "Rar!", ".rar") }
func FuzzSevenZip(f *testing.F) { fuzz(f, "7z\xbc\xaf\x27\x1c", ".7z") }
func FuzzGzip(f *testing.F)     { fuzz(f, "\x1f\x8b", ".gz") }

// fuzz holds, for whatever bytes, that an archive is opened within its limits, that every error has a type, and that no
// path leads out of it.
func fuzz(f *testing.F, magic, ext string) {
	files, err := filepath.Glob("testdata/*" + ext)
	if err != nil || len(files) == 0 {
		f.Fatal("no samples", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 4000 {
			f.Add(b)
		}
	}
	limits := Limits{Members: 100, Bytes: 1 << 20, MemberBytes: 1 << 20, Ratio: 1000, RatioFrom: 1 << 16, Depth: 1, Memory: 1 << 20, Time: 10 * time.Second}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !bytes.HasPrefix(b, []byte(magic)) {
			b = append([]byte(magic), b...)
		}
		if ext == ".7z" && len(b) >= sevenStart { // a checksum that fits, so that what it covers is looked at
			b = bytes.Clone(b)
			repair(b)
		}
		s := newTaken()
		_, err := New(limits, []string{"x"}).Unpack(t.Context(), "a"+ext, contentOf(b), s)
		if err != nil && !typed(err) {
			t.Errorf("%v", err)
		}
		total := 0
		for _, m := range s.asked {
			if strings.HasPrefix(m.Path, "/") || strings.Contains("/"+m.Path+"/", "/../") || strings.ContainsAny(m.Path, "\\\x00\r\n") || m.Name == "" {
				t.Errorf("path %q, name %q", m.Path, m.Name)
			}
		}
		for _, content := range s.files {
			total += len(content)
		}
		if int64(total) > limits.Bytes {
			t.Errorf("%d bytes", total)
		}
	})
}

// repair makes the checksums of a 7z right.
func repair(b []byte) {
	le := func(b []byte) (v uint64) {
		for i := range 8 {
			v |= uint64(b[i]) << (8 * i)
		}
		return v
	}
	put := func(b []byte, v uint32) {
		for i := range 4 {
			b[i] = byte(v >> (8 * i))
		}
	}
	offset, size := le(b[12:]), le(b[20:])
	if rest := uint64(len(b) - sevenStart); offset <= rest && size <= rest-offset {
		put(b[28:], crcOf(b[sevenStart+offset:][:size]))
	}
	put(b[8:], crcOf(b[12:sevenStart]))
}

// BenchmarkUnpack measures the ordinary case: a list of 16 MB.
func BenchmarkUnpack(b *testing.B) {
	files, _ := filepath.Glob(os.Getenv("ARCHIVES"))
	for _, file := range files {
		whole, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(filepath.Base(file), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := New(DefaultLimits(), []string{"secret"}).Unpack(b.Context(), file, contentOf(whole), discard{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type discard struct{}

func (discard) Want(mail.Member) bool { return true }
func (discard) Take(_ mail.Member, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
func (discard) Reopen(mail.Member) (mail.Content, error) { return contentOf(nil), nil }
func (discard) Drop(mail.Member) error                   { return nil }
