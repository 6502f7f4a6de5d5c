package mailbox

import (
	"io"
	"os"

	"pricefetch/internal/mail"
	"pricefetch/internal/mimepart"
)

// spoolFile is a temporary file. Its errors end Fetch: they are the disk's, not the message's.
type spoolFile struct{ f *os.File }

// spoolIn makes temporary files in dir ("": the system's). They have no name, so nothing is left of them whatever happens.
func spoolIn(dir string) func() (mimepart.Spool, error) {
	return func() (mimepart.Spool, error) {
		f, err := os.CreateTemp(dir, "pricefetch-spool-")
		if err != nil {
			return nil, spoolError(err)
		}
		if err := os.Remove(f.Name()); err != nil {
			_ = f.Close() // the first error tells
			return nil, spoolError(err)
		}
		return spoolFile{f}, nil
	}
}

func spoolError(err error) error {
	if err == nil {
		return nil
	}
	return &abort{mail.Errorf(mail.Storage, "use temporary file: %w", err)}
}

func (s spoolFile) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	return n, spoolError(err)
}

// Read keeps io.EOF as it is: callers compare it.
func (s spoolFile) Read(p []byte) (int, error) {
	n, err := s.f.Read(p)
	if err != nil && err != io.EOF {
		err = spoolError(err)
	}
	return n, err
}

func (s spoolFile) Seek(offset int64, whence int) (int64, error) {
	n, err := s.f.Seek(offset, whence)
	return n, spoolError(err)
}

func (s spoolFile) Close() error { return spoolError(s.f.Close()) }
