package mail

import (
	"errors"
	"fmt"
	"io"
)

// Content is a complete file that can be read at any place.
type Content interface {
	io.ReaderAt
	io.Closer
	Size() int64 // bytes
}

// Member is one file inside an archive.
type Member struct {
	Path    string // within the archive, slash-separated, decoded, unique; an archive in an archive stands before: "a.zip/b.xls"
	Name    string // the last element of Path as the archive has it, not yet made safe
	RawName string // as it stood in the archive
	Size    int64  // bytes as the archive states them; -1: it does not
}

// MemberSink receives what an archive holds, in the archive's own order. An error of a method ends the unpacking with
// that error. A reader is valid until the call that got it returns.
type MemberSink interface {
	// Want is asked for every file in the archive before its content is decoded.
	Want(m Member) bool
	// Take stores the content. A read error must be returned as it is; what was stored of the member is then of no use.
	Take(m Member, content io.Reader) error
	// Reopen gives back what was taken last, to look whether it is an archive itself.
	Reopen(m Member) (Content, error)
	// Drop forgets what was taken last: it is an archive whose own members come instead.
	Drop(m Member) error
}

var (
	// ErrEncrypted: no password is known that opens the archive or a wanted member of it.
	ErrEncrypted = errors.New("it is encrypted and no password fits")
	// ErrUnsupported: the archive is of a kind, or uses a method, that is not read.
	ErrUnsupported = errors.New("not supported")
)

// LimitError is a limit that an archive passes. It is an ErrTooLarge.
type LimitError struct {
	What  string // what is limited: "files", "bytes of all files", …
	Limit int64
	Found int64 // what the archive has or states, at least; 0 where nobody knows
}

func (e *LimitError) Error() string {
	text := fmt.Sprintf("more than %d %s", e.Limit, e.What)
	if e.Found > 0 {
		text += fmt.Sprintf(" (it has %d)", e.Found)
	}
	return text
}

func (e *LimitError) Unwrap() error { return ErrTooLarge }
