// Package archive opens zip, rar, 7z and gz files that came by mail, and hands over what is in them, under limits.
//
// What an archive is, its signature says, not its name. Documents that are zip files inside (OOXML, ODF, jar, apk) are
// files and no archives. The room touches no disk: it reads a [mail.Content] and gives each member to a
// [mail.MemberSink]. A member's path never leaves the archive: it is cut into elements, of which "..", drives and roots
// are dropped, and nothing is created here under any name.
//
// Whatever an archive says of itself is not believed: sizes are held against what comes, checksums are verified,
// entries may not overlap, what a decoder would allocate is bounded before it is asked to, and a panic in one is a
// damaged archive. The errors are mail.ErrEncrypted, mail.ErrDamaged, mail.ErrTooLarge (a *mail.LimitError) and
// mail.ErrUnsupported; the sink's own errors, those of the content, and of a context that ended, come as they are.
package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"pricefetch/internal/mail"
)

// Limits bound what one archive may cost, the archives in it included. Every limit is in force.
type Limits struct {
	Members     int           // entries, directories and what is not wanted included
	Bytes       int64         // of all files; where members can be had one by one (zip), of the wanted ones
	MemberBytes int64         // of one file
	Ratio       int64         // bytes of all files for one of the archive, once they are more than RatioFrom
	RatioFrom   int64         // bytes; what is small is no bomb
	Depth       int           // archives within archives: 1 is an archive in the archive
	Memory      int64         // bytes that a decoder may ask for: the dictionary. PPMd in a rar 4 asks for up to 256 MB whatever it is
	Time        time.Duration // for everything, the sink's work included
}

// DefaultLimits fit price lists with room to spare: a list of a million lines is about 100 MB.
func DefaultLimits() Limits {
	return Limits{
		Members: 10_000, Bytes: 1 << 30, MemberBytes: 512 << 20, Ratio: 200, RatioFrom: 64 << 20,
		Depth: 1, Memory: 64 << 20, Time: 5 * time.Minute,
	}
}

// headerBytes bounds an archive's list of its members, which is read into memory.
const headerBytes = 4 << 20

// Opener opens archives. It is safe for concurrent use, and prints without its passwords.
type Opener struct {
	limits    Limits
	passwords func() []string // a function, whatever prints it, shows an address
}

// New makes an Opener that tries the passwords in their order.
func New(l Limits, passwords []string) *Opener {
	return &Opener{l, func() []string { return passwords }}
}

// Format prints neither limits nor passwords.
func (o *Opener) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "archive.Opener") }

// Unpack gives the members of the archive in content to sink. It reports whether content is an archive; where it is
// none, sink was not called. name is the file's own name, for a gz that does not name its content. After an error
// nothing that sink took is of use.
func (o *Opener) Unpack(ctx context.Context, name string, content mail.Content, sink mail.MemberSink) (bool, error) {
	limit := &mail.LimitError{What: "seconds to unpack", Limit: int64(math.Ceil(o.limits.Time.Seconds()))}
	ctx, cancel := context.WithTimeoutCause(ctx, o.limits.Time, limit)
	defer cancel()
	w := &walk{
		ctx: ctx, limits: o.limits, passwords: o.passwords(), sink: sink, packed: content.Size(), paths: map[string]bool{},
	}
	return w.open(name, content)
}

// walk is one archive being unpacked, with what is in it.
type walk struct {
	ctx       context.Context // of the one call of Unpack that the walk lives in
	limits    Limits
	passwords []string
	sink      mail.MemberSink

	packed  int64 // bytes of the outermost archive
	members int   // so far
	bytes   int64 // of files, so far
	depth   int   // of the archive at hand: 0 is the outermost
	within  string
	paths   map[string]bool // given to members
}

// open unpacks one archive, the outermost one or one in it.
func (w *walk) open(name string, content mail.Content) (bool, error) {
	src := &source{ctx: w.ctx, content: content, size: content.Size()}
	kind, err := w.kind(src)
	if err != nil || kind == none {
		return false, err
	}
	if err := w.deep(); err != nil && kind != zipped { // a zip can still be a document
		return true, err
	}
	switch kind {
	case zipped:
		err = w.zip(src)
	case rarred:
		err = w.rar(src)
	case sevenZipped:
		err = w.sevenZip(src)
	case gzipped:
		err = w.gzip(src, name)
	}
	if err = src.blame(err); errors.Is(err, errNoArchive) {
		return false, nil
	}
	return true, err
}

// errNoArchive says that a zip is a document.
var errNoArchive = errors.New("a document and no archive")

// deep holds the nesting of archives against the limit.
func (w *walk) deep() error {
	if w.depth > w.limits.Depth {
		return &mail.LimitError{What: "archives in one another", Limit: int64(w.limits.Depth + 1)}
	}
	return nil
}

// source is a content that stops being read when the context ends, and remembers whether reading it failed: that is
// the disk's fault and not the archive's.
type source struct {
	ctx     context.Context
	content mail.Content
	size    int64
	err     error
	most    int64 // bytes to give in all; 0: no bound
	given   int64
}

func (s *source) ReadAt(b []byte, off int64) (int, error) {
	if s.ctx.Err() != nil {
		s.err = context.Cause(s.ctx)
		return 0, s.err
	}
	if off < 0 {
		return 0, io.ErrUnexpectedEOF // an archive stated it: not a fault of the content
	}
	if s.most > 0 && s.given > s.most {
		return 0, errList
	}
	n, err := s.content.ReadAt(b, off)
	s.given += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

var errList = &mail.LimitError{What: "bytes of names and sizes in its list of files", Limit: headerBytes}

// section reads a part of the source from its start.
func (s *source) section(off, n int64) *io.SectionReader { return io.NewSectionReader(s, off, n) }

// blame gives an error its cause: the content, the time, or else what it is already.
func (s *source) blame(err error) error {
	switch {
	case err == nil:
		return nil
	case s.err != nil:
		return s.err
	case s.ctx.Err() != nil && errors.Is(err, s.ctx.Err()):
		return context.Cause(s.ctx)
	}
	return err
}

// damaged makes an error of what is wrong with an archive.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", mail.ErrDamaged, fmt.Errorf(format, args...))
}

// unsupported makes an error of what is not read.
func unsupported(format string, args ...any) error {
	return fmt.Errorf("%s is %w", fmt.Sprintf(format, args...), mail.ErrUnsupported)
}

// wrongOrDamaged is the error of encrypted content that comes out as nonsense: only the password can tell.
func wrongOrDamaged(err error) error {
	return fmt.Errorf("%w, or it is damaged: %w", mail.ErrEncrypted, err)
}

// typed reports whether err says already what is wrong.
func typed(err error) bool {
	return errors.Is(err, mail.ErrDamaged) || errors.Is(err, mail.ErrTooLarge) || errors.Is(err, mail.ErrEncrypted) ||
		errors.Is(err, mail.ErrUnsupported)
}

// guard calls into a decoder, where a panic is a fault of the archive, and gives its error a type. An end where there
// should be none is damage.
func guard(f func() error) error {
	err := guardRead(f)
	if err == io.EOF {
		return errCut
	}
	return err
}

var errCut = damaged("it is cut off")

// guardRead is guard for what may come to its end.
func guardRead(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = damaged("it cannot be decoded (%v)", p)
		}
	}()
	err = f()
	switch {
	case err == nil, err == io.EOF, typed(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errCut
	}
	return damaged("%w", err)
}
