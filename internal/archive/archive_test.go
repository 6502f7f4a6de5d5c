package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// content is a file in memory.
type content struct {
	*bytes.Reader
}

func (content) Close() error { return nil }

func contentOf(b []byte) content { return content{bytes.NewReader(b)} }

// taken is a sink that keeps everything.
type taken struct {
	want    func(m mail.Member) bool // nil: everything
	asked   []mail.Member
	members []mail.Member
	files   map[string][]byte
}

func newTaken() *taken { return &taken{files: map[string][]byte{}} }

func (s *taken) Want(m mail.Member) bool {
	s.asked = append(s.asked, m)
	return s.want == nil || s.want(m)
}

func (s *taken) Take(m mail.Member, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if _, twice := s.files[m.Path]; twice {
		return fmt.Errorf("%s comes twice", m.Path)
	}
	s.members = append(s.members, m)
	s.files[m.Path] = b
	return nil
}

func (s *taken) Reopen(m mail.Member) (mail.Content, error) { return contentOf(s.files[m.Path]), nil }

func (s *taken) Drop(m mail.Member) error {
	delete(s.files, m.Path)
	for i := range s.members {
		if s.members[i].Path == m.Path {
			s.members = append(s.members[:i], s.members[i+1:]...)
			return nil
		}
	}
	return errors.New("dropped what was not taken")
}

// listing tells what was taken, a line a member: its path, its size and the start of its SHA-256.
func (s *taken) listing() string {
	var b strings.Builder
	for _, m := range s.members {
		sum := sha256.Sum256(s.files[m.Path])
		fmt.Fprintf(&b, "%s %d %s\n", m.Path, len(s.files[m.Path]), hex.EncodeToString(sum[:4]))
	}
	return b.String()
}

// unpack opens an archive with the default limits.
func unpack(t *testing.T, name string, b []byte, passwords ...string) (*taken, error) {
	t.Helper()
	s := newTaken()
	isArchive, err := New(DefaultLimits(), passwords).Unpack(t.Context(), name, contentOf(b), s)
	if err == nil && !isArchive {
		err = errNoArchive
	}
	return s, err
}

func sorted(listing string) string {
	lines := strings.Split(strings.TrimSpace(listing), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
