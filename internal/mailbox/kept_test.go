package mailbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"

	"pricefetch/internal/mail"
)

func keptFile(t *testing.T, content string) func() (io.ReadCloser, error) {
	name := filepath.Join(t.TempDir(), "kept.eml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() (io.ReadCloser, error) { return os.Open(name) }
}

func TestKept(t *testing.T) {
	ref := mail.Ref{Folder: "INBOX", Scope: "9", ID: "4"}
	s := Kept(ref, keptFile(t, delivered))
	for range 2 {
		h := &rawTaker{}
		if err := s.Fetch(t.Context(), []mail.Ref{ref}, h); err != nil {
			t.Fatal(err)
		}
		if h.parts["2"] != "1;2" || len(h.done) != 1 || h.done[0] != nil {
			t.Errorf("parts %q, done %v", h.parts, h.done)
		}
	}
	var envs []mail.Envelope
	err := s.Envelopes(t.Context(), []mail.Ref{{ID: "other"}, ref}, func(e mail.Envelope) error { envs = append(envs, e); return nil })
	if err != nil || len(envs) != 1 || envs[0].Ref != ref || !slices.Equal(envs[0].From, []string{"price@a.ru"}) {
		t.Errorf("envelopes %+v, error %v", envs, err)
	}
	broken := errors.New("broken")
	if err := s.Envelopes(t.Context(), []mail.Ref{ref}, func(mail.Envelope) error { return broken }); err != broken {
		t.Errorf("error %v, expected the callback's", err)
	}
}

func TestKeptFails(t *testing.T) {
	ref, full := mail.Ref{ID: "4"}, errors.New("disk full")
	missing := func() (io.ReadCloser, error) { return nil, os.ErrNotExist }
	h := &rawTaker{}
	if err := Kept(ref, missing).Fetch(t.Context(), []mail.Ref{ref}, h); err != nil || len(h.done) != 1 || !errors.Is(h.done[0], os.ErrNotExist) || mail.ClassOf(h.done[0]) != mail.Storage {
		t.Errorf("missing file: error %v, done %v", err, h.done)
	}
	if err := Kept(ref, missing).Envelopes(t.Context(), []mail.Ref{ref}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: envelopes give %v", err)
	}
	h = &rawTaker{fail: map[string]error{"2": full}}
	if err := Kept(ref, keptFile(t, delivered)).Fetch(t.Context(), []mail.Ref{ref}, h); err != full || len(h.done) != 0 {
		t.Errorf("handler's error: %v, done %v", err, h.done)
	}
	h = &rawTaker{}
	if err := Kept(ref, keptFile(t, delivered)).Fetch(t.Context(), []mail.Ref{{ID: "5"}}, h); err != nil || len(h.done) != 1 || h.done[0] == nil {
		t.Errorf("another message: error %v, done %v", err, h.done)
	}
	bad := func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader([]byte(delivered[:80])), iotest.ErrReader(io.ErrUnexpectedEOF))), nil
	}
	h = &rawTaker{}
	if err := Kept(ref, bad).Fetch(t.Context(), []mail.Ref{ref}, h); err != nil || len(h.done) != 1 || mail.ClassOf(h.done[0]) != mail.Storage || !errors.Is(h.done[0], io.ErrUnexpectedEOF) {
		t.Errorf("unreadable file: error %v, done %v", err, h.done)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h = &rawTaker{}
	if err := Kept(ref, keptFile(t, delivered)).Fetch(ctx, []mail.Ref{ref}, h); !errors.Is(err, context.Canceled) || len(h.done) != 0 {
		t.Errorf("cancelled: error %v, done %v", err, h.done)
	}
}
