package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// small are limits that a test can pass.
func small() Limits {
	return Limits{Members: 10, Bytes: 1000, MemberBytes: 600, Ratio: 20, RatioFrom: 100, Depth: 1, Memory: 1 << 20, Time: time.Minute}
}

func zeros(n int) string { return strings.Repeat("\x00", n) }

// TestLimits: each limit, the one below it that still passes, and what the error says.
func TestLimits(t *testing.T) {
	many := func(n int) (members []packed) {
		for i := range n {
			members = append(members, packed{name: fmt.Sprint(i), content: "x"})
		}
		return members
	}
	stored := func(n int) packed {
		return packed{name: fmt.Sprint(n, ".csv"), content: strings.Repeat("0123456789", n/10), header: zip.FileHeader{Method: zip.Store}}
	}
	for _, tt := range []struct {
		what string
		b    []byte
		says string // "" is sound
	}{
		{"files", makeZip(t, many(10)...), ""},
		{"files", makeZip(t, many(11)...), "more than 10 files (it has 11)"},
		{"files in rar", makeRar4(many(11)...), "more than 10 files (it has 11)"},
		{"one file", makeRar4(stored(600)), ""},
		{"one file", makeRar4(stored(610)), "more than 600 bytes of one file (it has 610)"},
		{"one file in gz", makeGzip(t, "a", stored(610).content), "more than 600 bytes of one file"},
		{"all files", makeRar4(stored(500), stored(490)), ""},
		{"all files", makeRar4(stored(500), stored(490), stored(20)), "more than 1000 bytes of all files (it has 1010)"},
		{"all files of a nested one", makeZip(t, packed{name: "a.rar", content: string(makeRar4(stored(500)))}, stored(100)), "bytes of all files"},
		{"ratio", makeZip(t, packed{name: "a", content: zeros(600)}), ""},
		{"depth", makeZip(t, packed{name: "a.zip", content: string(makeZip(t, many(1)...))}), ""},
		{"depth", makeZip(t, packed{name: "a.gz", content: string(makeGzip(t, "b.gz", string(makeGzip(t, "c", "x"))))}), "more than 2 archives in one another"},
	} {
		s := newTaken()
		_, err := New(small(), nil).Unpack(t.Context(), "a", contentOf(tt.b), s)
		if (err == nil) != (tt.says == "") || err != nil && (!errors.Is(err, mail.ErrTooLarge) || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v, expected %q", tt.what, err, tt.says)
		}
		if limit, ok := errors.AsType[*mail.LimitError](err); err != nil && (!ok || limit.Limit == 0) {
			t.Errorf("%s: %v names no limit", tt.what, err)
		}
	}
}

// TestBombs: what is small on the wire and large on the disk ends at the limit, whatever the archive says of itself.
func TestBombs(t *testing.T) {
	limits := small()
	limits.Bytes, limits.MemberBytes = 1<<40, 1<<40
	bomb := makeZip(t, packed{name: "a", content: zeros(1 << 20)})
	lying := bytes.Clone(bomb) // it states 10 bytes
	for _, sig := range []string{"PK\x07\x08", "PK\x01\x02"} {
		at := bytes.Index(lying, []byte(sig))
		binary.LittleEndian.PutUint32(lying[at+map[string]int{"PK\x07\x08": 12, "PK\x01\x02": 24}[sig]:], 10)
	}
	for what, b := range map[string][]byte{"zip": bomb, "gz": makeGzip(t, "a", zeros(1<<20))} {
		s := newTaken()
		_, err := New(limits, nil).Unpack(t.Context(), "a", contentOf(b), s)
		if !errors.Is(err, mail.ErrTooLarge) || !strings.Contains(err.Error(), "20 bytes for each byte") || len(s.members) > 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := unpack(t, "a.zip", lying); !errors.Is(err, mail.ErrDamaged) || !strings.Contains(err.Error(), "longer than the 10 bytes") {
		t.Errorf("a zip that states less than it has: %v", err)
	}
	if _, err := New(limits, nil).Unpack(t.Context(), "a.7z", contentOf(read(t, "copy.7z")), newTaken()); err != nil {
		t.Error("a sound 7z:", err)
	}
}

// TestPlacesOutsideOfTheArchive: an archive that names a place before its start or behind its end is damaged. It is not
// the disk that failed: that would stop the mailbox for a message.
func TestPlacesOutsideOfTheArchive(t *testing.T) {
	for _, place := range []uint64{1 << 63, 1<<64 - 1, 1 << 40} {
		b := makeZip(t, packed{name: "a", content: "1;2;3"})
		at := bytes.LastIndex(b, []byte("PK\x01\x02"))
		extra := binary.LittleEndian.AppendUint64([]byte{1, 0, 8, 0}, place) // Zip64: where the member stands
		binary.LittleEndian.PutUint16(b[at+30:], uint16(len(extra)))
		binary.LittleEndian.PutUint32(b[at+42:], 1<<32-1)
		end := bytes.LastIndex(b, []byte("PK\x05\x06"))
		binary.LittleEndian.PutUint32(b[end+12:], binary.LittleEndian.Uint32(b[end+12:])+uint32(len(extra)))
		b = slices.Insert(b, at+46+1, extra...)
		name := filepath.Join(t.TempDir(), "a.zip")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := New(DefaultLimits(), nil).Unpack(t.Context(), "a.zip", onDisk{f, int64(len(b))}, newTaken()); !errors.Is(err, mail.ErrDamaged) {
			t.Errorf("at %d: %v", place, err)
		}
	}
}

// onDisk is a content as it really is.
type onDisk struct {
	*os.File
	size int64
}

func (f onDisk) Size() int64 { return f.size }

// TestOverlap: two entries with one content, the way to make kilobytes into petabytes.
func TestOverlap(t *testing.T) {
	b := makeZip(t, packed{name: "a", content: "1;2;3"}, packed{name: "b", content: "1;2;3"})
	second := bytes.LastIndex(b, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(b[second+42:], 0) // where its header stands
	if _, err := unpack(t, "a.zip", b); !errors.Is(err, mail.ErrDamaged) || !strings.Contains(err.Error(), "overlap") {
		t.Errorf("%v", err)
	}
}

// TestMillionMembers: the list of members is not read when it is too long to be one of price lists.
func TestMillionMembers(t *testing.T) {
	const n = 1_000_000
	entry := make([]byte, 46+1)
	copy(entry, "PK\x01\x02")
	entry[28], entry[46] = 1, 'x'
	b := append(make([]byte, 0, n*len(entry)+200), makeZip(t, packed{name: "x"})...)
	directory := bytes.Index(b, []byte("PK\x01\x02"))
	b = append(b[:directory], bytes.Repeat(entry, n)...)
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], n%65536)
	binary.LittleEndian.PutUint16(end[10:], n%65536)
	binary.LittleEndian.PutUint32(end[12:], uint32(n*len(entry)))
	binary.LittleEndian.PutUint32(end[16:], uint32(directory))
	b = append(b, end...)
	var err error
	s := newTaken()
	allocated := testing.Benchmark(func(bench *testing.B) {
		for range bench.N {
			_, err = New(DefaultLimits(), nil).Unpack(context.Background(), "a.zip", contentOf(b), s)
		}
	}).AllocedBytesPerOp()
	if !errors.Is(err, mail.ErrTooLarge) || len(s.asked) > 0 || allocated > 64<<20 {
		t.Errorf("%v, %d asked, %d bytes allocated", err, len(s.asked), allocated)
	}
}

// TestDictionaries: memory is refused before it is asked for, and asked for only as far as the content needs it.
func TestDictionaries(t *testing.T) {
	limits := DefaultLimits()
	limits.Memory = 1 << 16
	for _, file := range []string{"lzma.7z", "lzma2.7z"} { // 16 MB stated, 12 KB of content
		if _, err := New(limits, nil).Unpack(t.Context(), file, contentOf(read(t, file)), newTaken()); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, file := range []string{"ppmd.7z", "rar5-solid.rar"} {
		_, err := New(limits, nil).Unpack(t.Context(), file, contentOf(read(t, file)), newTaken())
		if !errors.Is(err, mail.ErrTooLarge) || !strings.Contains(err.Error(), "65536 bytes of memory") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// headed makes a 7z of a header alone.
func headed(header []byte) []byte {
	h := &sevenHeader{bytes: header}
	r := h.rebuilt(nil)
	return append(r.start, header...)
}

// TestHeadersThatLie: a 7z whose header states more than there is.
func TestHeadersThatLie(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0}
	for what, header := range map[string][]byte{
		"files":      append([]byte{id7Header, id7Files}, huge...),
		"few files":  {id7Header, id7Files, 0xc0 | 0x0f, 0xff, 0xff},
		"packs":      append([]byte{id7Header, id7MainStreams, id7PackInfo, 0}, huge...),
		"folders":    append([]byte{id7Header, id7MainStreams, id7UnpackInfo, id7Folder}, huge...),
		"coders":     {id7Header, id7MainStreams, id7UnpackInfo, id7Folder, 1, 0, 200},
		"nothing":    {id7Header},
		"odd":        {0x55},
		"properties": {id7Header, 2, 0},
	} {
		s, err := unpack(t, "a.7z", headed(header))
		if err == nil || !typed(err) || len(s.asked) > 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	if s, err := unpack(t, "a.7z", headed(nil)); err != nil || len(s.asked) > 0 {
		t.Errorf("an empty 7z: %v", err)
	}
}

// TestDamage: cut anywhere, or with a byte changed, an archive gives all that it held or an error, and never panics.
func TestDamage(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(whole) > 4000 || strings.HasSuffix(file, ".md") || strings.Contains(file, "crypt") || strings.Contains(file, "aes") || strings.Contains(file, "link") || strings.Contains(file, "passwords") {
			continue // a key is derived slowly; TestWrongByteInEncrypted has them
		}
		want, _ := unpack(t, filepath.Base(file), whole)
		for at := 8; at < len(whole); at += 1 + len(whole)/60 {
			s, err := unpack(t, filepath.Base(file), whole[:at])
			if err == nil && !strings.Contains(file, "rar4") {
				t.Errorf("%s cut to %d of %d bytes: no error, %d members", file, at, len(whole), len(s.members))
			}
			changed := bytes.Clone(whole)
			changed[at] ^= 0x55
			if s, err := unpack(t, filepath.Base(file), changed); err == nil {
				sound(t, file, at, want, s)
			}
		}
	}
}

// sound checks that what came of an archive with a changed byte is content that the whole one has.
func sound(t *testing.T, file string, at int, want, got *taken) {
	t.Helper()
	known := map[string]bool{}
	for _, b := range want.files {
		known[string(b)] = true
	}
	for path, b := range got.files {
		if !known[string(b)] && !strings.Contains(file, "blake2") { // which has no checksum that is verified
			t.Errorf("%s with byte %d changed: %s comes out wrong", file, at, path)
		}
	}
}

func TestWrongByteInEncrypted(t *testing.T) {
	for _, file := range []string{"aes128.zip", "aes256.zip", "classic.zip", "crypt.7z"} {
		b := read(t, file)
		b[len(b)/2] ^= 1
		if _, err := unpack(t, file, b, "secret", "тайна"); !errors.Is(err, mail.ErrDamaged) && !errors.Is(err, mail.ErrEncrypted) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestTrailingBytes: padding behind an archive is no damage.
func TestTrailingBytes(t *testing.T) {
	for _, tail := range []string{"\x00\x00\x00", "\r\n"} {
		for name, b := range map[string][]byte{
			"a.gz": makeGzip(t, "a", "1;2"), "a.zip": makeZip(t, packed{name: "a", content: "1;2"}),
			"a.rar": makeRar4(packed{name: "a", content: "1;2"}), "a.7z": read(t, "lzma.7z"),
		} {
			s, err := unpack(t, name, append(bytes.Clone(b), tail...))
			if err != nil || len(s.members) == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	two := append(makeGzip(t, "a", "1;2\n"), makeGzip(t, "", "3;4\n")...)
	if s, err := unpack(t, "a.gz", two); err != nil || string(s.files["a"]) != "1;2\n3;4\n" {
		t.Errorf("two streams: %v, %q", err, s.files)
	}
}

// failing is a content whose disk fails.
type failing struct {
	content
	err error
}

func (f failing) ReadAt(b []byte, off int64) (int, error) {
	if n := 100 - off; n < int64(len(b)) {
		return 0, f.err
	}
	return f.content.ReadAt(b, off)
}

func TestErrorsOfOthersComeAsTheyAre(t *testing.T) {
	broken := mail.Errorf(mail.Storage, "read staged file: input/output error")
	for _, file := range []string{"infozip.zip", "lzma.7z", "rar5-solid.rar", "price.csv.gz", "aes128.zip", "crypt.7z", "rar4-crypt.rar"} {
		_, err := New(DefaultLimits(), []string{"secret", "password", "тайна"}).Unpack(t.Context(), file, failing{contentOf(read(t, file)), broken}, newTaken())
		if !errors.Is(err, broken) || mail.ClassOf(err) != mail.Storage {
			t.Errorf("%s: %v", file, err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(mail.ErrStopping)
		if _, err := New(DefaultLimits(), nil).Unpack(ctx, file, contentOf(read(t, file)), newTaken()); !errors.Is(err, mail.ErrStopping) {
			t.Errorf("%s: %v", file, err)
		}
		full := errors.New("disk full")
		s := &refusing{newTaken(), full}
		if _, err := New(DefaultLimits(), []string{"secret", "password", "тайна"}).Unpack(t.Context(), file, contentOf(read(t, file)), s); err != full {
			t.Errorf("%s: %v", file, err)
		}
	}
	limits := small()
	limits.Time = time.Nanosecond
	_, err := New(limits, nil).Unpack(t.Context(), "a", contentOf(read(t, "lzma.7z")), newTaken())
	if !errors.Is(err, mail.ErrTooLarge) || !strings.Contains(err.Error(), "seconds") {
		t.Errorf("out of time: %v", err)
	}
}

// refusing is a sink that cannot store.
type refusing struct {
	*taken
	err error
}

func (r *refusing) Take(_ mail.Member, content io.Reader) error {
	_, _ = io.CopyN(io.Discard, content, 1)
	return r.err
}

// TestContentLeftUnread: the checksum counts even where the sink does not read to the end.
func TestContentLeftUnread(t *testing.T) {
	b := makeZip(t, packed{name: "a", content: "1;2;3"})
	binary.LittleEndian.PutUint32(b[bytes.Index(b, []byte("PK\x01\x02"))+16:], crc32.ChecksumIEEE([]byte("other")))
	_, err := New(DefaultLimits(), nil).Unpack(t.Context(), "a.zip", contentOf(b), &refusing{newTaken(), nil})
	if !errors.Is(err, mail.ErrDamaged) || !strings.Contains(err.Error(), "a: ") {
		t.Errorf("%v", err)
	}
}

func TestPasswordsAreNotPrinted(t *testing.T) {
	o := New(DefaultLimits(), []string{"тайна"})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, o) + fmt.Sprintf(verb, struct{ o *Opener }{o}); strings.Contains(text, "тайна") {
			t.Errorf("%s: %s", verb, text)
		}
	}
}
