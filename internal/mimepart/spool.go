package mimepart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Spool takes bytes that memory should not hold: written once, then read from the start, then closed, which frees it.
type Spool interface {
	io.ReadWriteSeeker
	io.Closer
}

// spoolMemory is how much of a content is held before a Spool is asked for, in bytes.
const spoolMemory = 1 << 20

// spool holds a content until its name is known, because TNEF writes the name behind it.
type spool struct {
	open   func() (Spool, error) // nil: there is nothing but memory
	memory []byte                // the first bytes
	file   Spool                 // those behind them
	size   int64
	err    error // of the place, sticky: neither the content's nor the message's
}

// Write fails where there is no room.
func (s *spool) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n := min(len(p), spoolMemory-len(s.memory))
	s.memory = append(s.memory, p[:n]...)
	if n < len(p) && s.file == nil {
		if s.open == nil {
			return n, errNoSpool
		}
		if s.file, s.err = s.open(); s.err != nil {
			s.err = fmt.Errorf("make room for an attachment: %w", s.err)
			return n, s.err
		}
	}
	if n < len(p) {
		var m int
		if m, s.err = s.file.Write(p[n:]); s.err != nil {
			return n + m, s.err
		}
	}
	s.size += int64(len(p))
	return len(p), nil
}

// errNoSpool: there is no room beyond memory.
var errNoSpool = errors.New("no spool")

// content reads what was written, from its start.
func (s *spool) content() io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.memory)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil && s.err == nil {
		s.err = err
	}
	return io.MultiReader(bytes.NewReader(s.memory), spoolFile{s})
}

// spoolFile reads the file of a spool and remembers how that failed.
type spoolFile struct{ s *spool }

func (f spoolFile) Read(p []byte) (int, error) {
	if f.s.err != nil {
		return 0, f.s.err
	}
	n, err := f.s.file.Read(p)
	if err != nil && err != io.EOF {
		f.s.err = err
	}
	return n, err
}

// reset empties the spool; its memory is used again.
func (s *spool) reset() {
	s.memory, s.size = s.memory[:0], 0
	if s.file != nil {
		if err := s.file.Close(); err != nil && s.err == nil {
			s.err = err
		}
		s.file = nil
	}
}
