package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"pricefetch/internal/archive"
	"pricefetch/internal/config"
	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

// archives open what rules say to unpack, each with its rule's passwords.
type archives struct {
	openers map[string]*archive.Opener
	other   *archive.Opener
}

func newArchives(rules []config.Rule) *archives {
	a := &archives{map[string]*archive.Opener{}, archive.New(archive.DefaultLimits(), nil)}
	for _, r := range rules {
		if r.Unpack {
			a.openers[r.Name] = archive.New(archive.DefaultLimits(), r.Passwords.Reveal())
		}
	}
	return a
}

func (a *archives) Unpack(ctx context.Context, rule, name string, content mail.Content, sink mail.MemberSink) (bool, error) {
	o := a.openers[rule]
	if o == nil {
		o = a.other
	}
	return o.Unpack(ctx, name, content, sink)
}

// scratch is a temporary file without a name: it is gone with the process, however that ends.
type scratch struct {
	*os.File
	size int64
}

func newScratch() (poll.Scratch, error) {
	f, err := os.CreateTemp("", "pricefetch-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file to look into an archive: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unlink a temporary file: %w", err), f.Close())
	}
	return &scratch{File: f}, nil
}

func (s *scratch) Write(b []byte) (int, error) {
	n, err := s.File.Write(b)
	s.size += int64(n)
	return n, err
}

func (s *scratch) Size() int64 { return s.size }

// ReadFrom is hidden: it would go past the counting.
func (s *scratch) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{s}, r)
}
