package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"

	"pricefetch/internal/mail"
)

// entry is one entry of an archive as its format describes it.
type entry struct {
	path string // decoded, with separators of either kind
	raw  string
	size int64  // as stated; -1: it is not
	dir  bool   // a directory
	odd  string // what it is instead of a file: "a link"; "" is a file
}

// count counts an entry, whatever it is.
func (w *walk) count() error {
	w.members++
	return w.countable(0)
}

// countable holds the number of entries, with more to come, against the limit.
func (w *walk) countable(more int) error {
	if n := w.members + more; n > w.limits.Members {
		return &mail.LimitError{What: "files", Limit: int64(w.limits.Members), Found: int64(n)}
	}
	return nil
}

// ask asks the sink about an entry. What nobody would call a file is not asked about.
func (w *walk) ask(e entry) (mail.Member, bool, error) {
	elements := split(e.path)
	if e.dir || isJunk(elements) {
		return mail.Member{}, false, nil
	}
	m := w.member(e, elements)
	if !w.sink.Want(m) {
		return m, false, nil
	}
	switch {
	case e.odd != "":
		return m, false, w.name(m, unsupported("%s", e.odd))
	case e.size > w.limits.MemberBytes:
		return m, false, w.name(m, &mail.LimitError{What: "bytes of one file", Limit: w.limits.MemberBytes, Found: e.size})
	}
	return m, true, nil
}

// expect holds the bytes that are going to come, as stated, against the limits.
func (w *walk) expect(more int64) error {
	n := plus(w.bytes, more)
	switch {
	case n > w.limits.Bytes:
		return &mail.LimitError{What: "bytes of all files", Limit: w.limits.Bytes, Found: n}
	case n > w.limits.RatioFrom && n/max(w.packed, 1) > w.limits.Ratio:
		return &mail.LimitError{What: "bytes for each byte of the archive", Limit: w.limits.Ratio, Found: n / max(w.packed, 1)}
	}
	return nil
}

// tooMuchMemory is the error of an archive whose decoder would need that much, if it is known.
func (w *walk) tooMuchMemory(needed int64) error {
	return &mail.LimitError{What: "bytes of memory to unpack it", Limit: w.limits.Memory, Found: needed}
}

// plus adds sizes that nobody has checked; what is unknown or absurd does not make the sum smaller.
func plus(a, b int64) int64 {
	if b > math.MaxInt64-max(a, 0) {
		return math.MaxInt64
	}
	return a + max(b, 0)
}

// take gives one member's content to the sink; sum is what its bytes must come to, nil if the format's own reader
// verifies them. What turns out to be an archive is opened.
func (w *walk) take(m mail.Member, content io.Reader, sum *checksum) error {
	meter := &meter{walk: w, member: m, r: content, sum: sum}
	peek := bufio.NewReaderSize(meter, 4<<10)
	head, _ := peek.Peek(signatureBytes) // the error comes again
	kind := signed(head)
	err := w.sink.Take(m, peek)
	if err == nil && meter.err == nil {
		_, err = io.Copy(io.Discard, meter) // the end must have been seen, and the checksum with it
	}
	if meter.err != nil && meter.err != io.EOF {
		return w.name(m, meter.err)
	}
	if err != nil || kind == none {
		return err
	}
	return w.nested(m)
}

// nested opens what was taken last, if it is an archive.
func (w *walk) nested(m mail.Member) (err error) {
	content, err := w.sink.Reopen(m)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	in := *w
	in.depth, in.within = w.depth+1, m.Path+"/"
	isArchive, err := in.open(m.Name, content)
	w.members, w.bytes = in.members, in.bytes
	if err != nil || !isArchive {
		return err
	}
	return w.sink.Drop(m)
}

// name says in which member something is wrong; what is not typed is the sink's, the disk's or the clock's.
func (w *walk) name(m mail.Member, err error) error {
	if !typed(err) {
		return err
	}
	return fmt.Errorf("%s: %w", shown(m.Path), err)
}

// checksum is what the bytes of a member must come to.
type checksum struct {
	hash hash.Hash32
	want uint32
}

func crc(want uint32) *checksum { return &checksum{crc32.NewIEEE(), want} }

// meter passes on what a decoder makes of one member, and holds it against the limits, the stated size and the
// checksum. Its error, once there, stays.
type meter struct {
	walk   *walk
	member mail.Member
	r      io.Reader
	sum    *checksum
	n      int64
	err    error
}

func (m *meter) Read(b []byte) (n int, err error) {
	if m.err != nil {
		return 0, m.err
	}
	if ctx := m.walk.ctx; ctx.Err() != nil {
		m.err = context.Cause(ctx)
		return 0, m.err
	}
	m.err = guardRead(func() (err error) {
		n, err = m.r.Read(b)
		return err
	})
	if n < 0 || n > len(b) {
		n, m.err = 0, damaged("it cannot be decoded")
	}
	if m.sum != nil {
		_, _ = m.sum.hash.Write(b[:n]) // never fails
	}
	m.n += int64(n)
	m.walk.bytes += int64(n)
	if err := m.check(); err != nil && (m.err == nil || m.err == io.EOF) {
		m.err = err
	}
	if m.err != nil && m.err != io.EOF {
		return 0, m.err // what came with it is of no use
	}
	return n, m.err
}

func (m *meter) check() error {
	size := m.member.Size
	switch {
	case m.n > m.walk.limits.MemberBytes:
		return &mail.LimitError{What: "bytes of one file", Limit: m.walk.limits.MemberBytes}
	case size >= 0 && m.n > size:
		return damaged("it is longer than the %d bytes that the archive states", size)
	case m.err == io.EOF && size >= 0 && m.n < size:
		return damaged("it has %d bytes and the archive states %d", m.n, size)
	case m.err == io.EOF && m.sum != nil && m.sum.hash.Sum32() != m.sum.want:
		return damaged("its checksum is wrong")
	}
	return m.walk.expect(0)
}
