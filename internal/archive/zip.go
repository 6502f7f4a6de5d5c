package archive

import (
	"archive/zip"
	"cmp"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"

	"pricefetch/internal/mail"
)

const (
	flagEncrypted       = 1 << 0
	flagDescriptor      = 1 << 3
	flagPatch           = 1 << 5
	flagStrong          = 1 << 6
	flagMaskedDirectory = 1 << 13
	extraUnicodePath    = 0x7075 // Info-ZIP: the name in UTF-8
)

// zip unpacks a zip: what is wanted is known from its directory, and read member by member.
func (w *walk) zip(src *source) error {
	files, err := directory(src)
	if err != nil {
		return err
	}
	names := zipNames(files)
	if isDocument(names) {
		return errNoArchive
	}
	if err := w.deep(); err != nil {
		return err
	}
	if err := w.countable(len(files)); err != nil {
		return err
	}
	w.members += len(files)
	wanted, err := w.choose(src, files, names)
	if err != nil {
		return err
	}
	for _, m := range wanted {
		if err := w.zipMember(m.Member, m.file); err != nil {
			return err
		}
	}
	return nil
}

// zipMember is a wanted file of a zip.
type zipMember struct {
	mail.Member
	file  *zip.File
	start int64 // of its content in the archive
}

// choose asks for all members before the first one moves: what is wanted must fit into the limits together.
func (w *walk) choose(src *source, files []*zip.File, names []string) ([]zipMember, error) {
	var wanted []zipMember
	var total int64
	for i, f := range files {
		m, take, err := w.ask(zipEntry(f, names[i]))
		if err != nil {
			return nil, err
		}
		if !take {
			continue
		}
		start, err := dataOffset(src, f)
		if err != nil {
			return nil, w.name(m, err)
		}
		total = plus(total, m.Size)
		if err := w.expect(total); err != nil {
			return nil, err
		}
		wanted = append(wanted, zipMember{m, f, start})
	}
	return wanted, apart(wanted)
}

// apart refuses entries that share content, which makes a small archive large without end.
func apart(members []zipMember) error {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, func(a, b zipMember) int { return cmp.Compare(a.start, b.start) })
	for i := 1; i < len(sorted); i++ {
		last := sorted[i-1]
		if last.start+int64(last.file.CompressedSize64) > sorted[i].start {
			return damaged("%s and %s overlap in it", shown(last.Path), shown(sorted[i].Path))
		}
	}
	return nil
}

// directory reads the list of members at the archive's end.
func directory(src *source) ([]*zip.File, error) {
	src.most = headerBytes
	defer func() { src.most = 0 }()
	var r *zip.Reader
	err := guard(func() (err error) {
		r, err = zip.NewReader(src, src.size)
		if errors.Is(err, zip.ErrInsecurePath) {
			return nil // paths are made harmless here
		}
		return err
	})
	switch {
	case src.given > headerBytes:
		return nil, errList
	case errors.Is(err, zip.ErrFormat) && split0(src):
		return nil, unsupported("an archive in several volumes")
	case err != nil:
		return nil, err
	}
	return r.File, nil
}

// split0 reports whether it is a volume of a split archive.
func split0(src *source) bool {
	var head [4]byte
	n, _ := src.ReadAt(head[:], 0)
	return n == 4 && string(head[:]) == "PK\x07\x08"
}

// dataOffset finds a member's content, which must lie within the archive.
func dataOffset(src *source, f *zip.File) (start int64, err error) {
	err = guard(func() (err error) {
		start, err = f.DataOffset()
		return err
	})
	if err == nil && (start < 0 || f.CompressedSize64 > uint64(src.size) || start > src.size-int64(f.CompressedSize64)) {
		err = damaged("it is cut off")
	}
	return start, err
}

// zipEntry describes a member; sizes are the directory's.
func zipEntry(f *zip.File, name string) entry {
	e := entry{path: name, raw: f.Name, size: int64(min(f.UncompressedSize64, 1<<62)), dir: f.Mode().IsDir()}
	switch mode := f.Mode(); {
	case mode&fs.ModeSymlink != 0:
		e.odd = "a link instead of a file"
	case mode&(fs.ModeDevice|fs.ModeCharDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0:
		e.odd = "a device or pipe instead of a file"
	}
	return e
}

// zipNames decodes the members' names: a declared or obvious UTF-8 first, then a guess.
func zipNames(files []*zip.File) []string {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = unicodePath(f)
	}
	read := decoder(names)
	for i, name := range names {
		names[i] = read(name)
	}
	return names
}

// unicodePath is the name in UTF-8 that some programs put beside one in another charset; it counts as long as it was
// made for that very name.
func unicodePath(f *zip.File) string {
	for extra := f.Extra; len(extra) >= 4; {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if n > len(extra)-4 {
			break
		}
		data := extra[4 : 4+n]
		extra = extra[4+n:]
		if id == extraUnicodePath && n > 5 && data[0] == 1 &&
			binary.LittleEndian.Uint32(data[1:]) == crc32.ChecksumIEEE([]byte(f.Name)) {
			return string(data[5:])
		}
	}
	return f.Name
}

// zipMember reads one member. Its CRC is verified; WinZip's AE-2 has an authentication code instead.
func (w *walk) zipMember(m mail.Member, f *zip.File) error {
	var raw io.Reader
	err := guard(func() (err error) {
		raw, err = f.OpenRaw()
		return err
	})
	if err != nil {
		return w.name(m, err)
	}
	switch {
	case f.Flags&(flagStrong|flagMaskedDirectory) != 0:
		return w.name(m, unsupported("PKWARE's strong encryption"))
	case f.Flags&flagPatch != 0:
		return w.name(m, unsupported("patched data"))
	case f.Flags&flagEncrypted != 0:
		return w.encrypted(m, f)
	}
	content, err := inflate(f.Method, raw)
	if err != nil {
		return w.name(m, err)
	}
	return w.take(m, content, crc(f.CRC32))
}
