package mimepart_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest/corpus"
	"pricefetch/internal/mimepart"
)

// TestCorpus holds every sample against its golden file, whole and in the smallest bites: no result may depend on
// where a buffer ends.
func TestCorpus(t *testing.T) {
	for _, s := range corpus.Samples() {
		t.Run(s.Name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"whole":     bytes.NewReader(s.Raw),
				"bytewise":  iotest.OneByteReader(bytes.NewReader(s.Raw)),
				"data+EOF":  iotest.DataErrReader(bytes.NewReader(s.Raw)),
				"by halves": iotest.HalfReader(bytes.NewReader(s.Raw)),
			} {
				got, err := attachments(r)
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				if diff := cmp.Diff(s.Want, got); diff != "" {
					t.Fatalf("%s: %s\n-want +got:\n%s", how, s.Why, diff)
				}
			}
		})
	}
}

// TestCorpusCut cuts every sample off at many places: the walk reports it, and no attachment comes out shorter.
func TestCorpusCut(t *testing.T) {
	for i, s := range corpus.Samples() {
		whole := map[corpus.Attachment]bool{}
		for _, a := range s.Want {
			whole[a] = true
		}
		step := 1 + len(s.Raw)/9
		for at := i * 31 % step; at < len(s.Raw); at += step { // elsewhere in each, as many are alike
			r := io.MultiReader(bytes.NewReader(s.Raw[:at]), iotest.ErrReader(io.ErrUnexpectedEOF))
			got, err := attachments(r)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s cut at %d: error %v, expected the reader's", s.Name, at, err)
			}
			for _, a := range got {
				if a.Size >= 0 && !whole[a] {
					t.Fatalf("%s cut at %d: %+v came out as if it were whole", s.Name, at, a)
				}
			}
		}
	}
}

// attachments walks a message and reads all its attachments.
func attachments(r io.Reader) ([]corpus.Attachment, error) {
	var out []corpus.Attachment
	err := mimepart.Walk(r, mimepart.Visitor{
		Want: func(p mail.Part) bool { return p.Attachment },
		Part: func(p mail.Part, r io.Reader) error {
			a := corpus.Attachment{Path: p.Path, Name: p.Name, Type: p.Type, Size: -1}
			sum := sha256.New()
			n, err := io.Copy(sum, r)
			if err == nil {
				a.Size, a.SHA256 = n, hex.EncodeToString(sum.Sum(nil))
			}
			out = append(out, a)
			return nil
		},
	}, mimepart.Limits{})
	return out, err
}
