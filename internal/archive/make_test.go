package archive

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"golang.org/x/text/encoding/charmap"
)

// packed is a member of an archive that a test makes.
type packed struct {
	name    string
	content string
	header  zip.FileHeader // of a zip: what is special
}

// makeZip makes a zip with raw names.
func makeZip(t testing.TB, members ...packed) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := m.header
		h.Name, h.NonUTF8 = m.name, true
		if h.Method == 0 && len(m.content) > 100 {
			h.Method = zip.Deflate
		}
		f, err := w.CreateHeader(&h)
		if err == nil {
			_, err = f.Write([]byte(m.content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeGzip(t testing.TB, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name = name
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// makeRar4 makes a rar of version 2.9 with stored members, its names raw. technote.txt of WinRAR 4 describes it.
func makeRar4(members ...packed) []byte {
	block := func(kind byte, flags uint16, fields, data []byte) []byte {
		head := []byte{kind}
		head = binary.LittleEndian.AppendUint16(head, flags)
		head = binary.LittleEndian.AppendUint16(head, uint16(7+len(fields)))
		head = append(head, fields...)
		sum := uint16(crc32.ChecksumIEEE(head))
		return append(append(binary.LittleEndian.AppendUint16(nil, sum), head...), data...)
	}
	b := []byte("Rar!\x1a\x07\x00")
	b = append(b, block(0x73, 0, make([]byte, 6), nil)...)
	for _, m := range members {
		var f []byte
		f = binary.LittleEndian.AppendUint32(f, uint32(len(m.content))) // packed
		f = binary.LittleEndian.AppendUint32(f, uint32(len(m.content)))
		f = append(f, 2) // Windows
		f = binary.LittleEndian.AppendUint32(f, crc32.ChecksumIEEE([]byte(m.content)))
		f = binary.LittleEndian.AppendUint32(f, 0x5a21_0000)
		f = append(f, 20, 0x30) // stored
		f = binary.LittleEndian.AppendUint16(f, uint16(len(m.name)))
		f = binary.LittleEndian.AppendUint32(f, 0x20)
		b = append(b, block(0x74, 0x8000, append(f, m.name...), []byte(m.content))...)
	}
	return append(b, block(0x7b, 0x4000, nil, nil)...)
}

func in(cm *charmap.Charmap, s string) string {
	raw, err := cm.NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return raw
}

// unicodePathField is Info-ZIP's extra field for a name in UTF-8.
func unicodePathField(raw, name string) []byte {
	b := binary.LittleEndian.AppendUint16(nil, extraUnicodePath)
	b = binary.LittleEndian.AppendUint16(b, uint16(5+len(name)))
	b = append(b, 1)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(raw)))
	return append(b, name...)
}
