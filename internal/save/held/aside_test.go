package held

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSetAside(t *testing.T) {
	s := newStore(t, 1000)
	known, unknown := keep(t, s, 1, "known"), keep(t, s, 2, "unknown")
	if err := os.WriteFile(filepath.Join(s.dir, "note.txt"), []byte("a person's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !s.Has(known) || s.Has("3-ABCDEFGHIJ.eml") || s.Has("note.txt") || s.Has("../lock") {
		t.Error("Has does not tell what is kept")
	}
	for range 2 { // the second time there is nothing to do
		if _, err := s.SetAside(map[string]bool{known: true}, "earlier"); err != nil {
			t.Fatal(err)
		}
		if s.Size() != int64(len("known")) || !s.Has(known) || s.Has(unknown) {
			t.Errorf("size %d, has %v and %v", s.Size(), s.Has(known), s.Has(unknown))
		}
	}
	if n, err := s.Sweep(nil); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	content, err := os.ReadFile(filepath.Join(s.dir, "earlier", unknown))
	if err != nil || string(content) != "unknown" {
		t.Errorf("set aside %q, %v", content, err)
	}
	info, err := os.Stat(filepath.Join(s.dir, "earlier"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v: mail is private", info.Mode(), err)
	}
}
