package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
		if len(b) < 4000 && (ext == ".zip" || !strings.Contains(file, "crypt") && !strings.Contains(file, "passwords")) {
			f.Add(b)
		}
	}
	limits := Limits{Members: 100, Bytes: 1 << 20, MemberBytes: 1 << 20, Ratio: 1000, RatioFrom: 1 << 16, Depth: 1, Memory: 1 << 20, Time: 10 * time.Second}
	var passwords []string
	if ext == ".zip" { // the others derive a key slowly, which would be all that is looked at
		passwords = []string{"x", "secret"}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !bytes.HasPrefix(b, []byte(magic)) {
			b = append([]byte(magic), b...)
		}
		if ext == ".7z" && len(b) >= sevenStart { // a checksum that fits, so that what it covers is looked at
			b = bytes.Clone(b)
			repair(b)
		}
		s := newTaken()
		_, err := New(limits, passwords).Unpack(t.Context(), "a"+ext, contentOf(b), s)
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
