package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pricefetch/internal/mailtest"
)

// TestPlantedSymlinks: whatever symlink somebody plants in the import directory, nothing is written behind it; what cannot
// be saved is told and stays on the server, and is saved once the symlink is gone.
func TestPlantedSymlinks(t *testing.T) {
	for _, c := range []struct {
		name   string
		plant  func(link func(target, name string), outside string)
		rule   string
		status int
		says   string // of the first pass
		first  string // file that it saves; "": none
		then   string // that the second saves, without the symlink
		remove string
	}{
		{"at the final name", func(link func(string, string), outside string) { link(outside+"/victim", "r/sound.csv") }, "", 0, "", "r/sound (2).csv", "r/sound (2).csv", "r/sound.csv"},
		{"at the final name, replacing", func(link func(string, string), outside string) { link(outside+"/victim", "r/sound.csv") }, ", on_conflict: replace", 0, "", "r/sound.csv", "r/sound.csv", ""},
		{"dangling at the final name", func(link func(string, string), outside string) { link(outside+"/made", "r/sound.csv") }, "", 0, "", "r/sound (2).csv", "r/sound (2).csv", "r/sound.csv"},
		{"at save_to", func(link func(string, string), outside string) { link(outside, "lists") }, ", save_to: lists", 1, "lists", "", "lists/sound.csv", "lists"},
		{"above save_to", func(link func(string, string), outside string) { link(outside, "deep") }, ", save_to: deep/lists", 1, "deep", "", "deep/lists/sound.csv", "deep"},
		{"at save_to, upwards", func(link func(string, string), outside string) { link("../state", "lists") }, ", save_to: lists", 1, "lists", "", "lists/sound.csv", "lists"},
		{"in the place of staging", func(link func(string, string), outside string) { link(outside, ".pricefetch") }, "", 1, ".pricefetch", "", "r/sound.csv", ".pricefetch"},
		{"in the place of staging, within", func(link func(string, string), outside string) { link("r", ".pricefetch") }, "", 1, ".pricefetch is a symlink", "", "r/sound.csv", ".pricefetch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			port := listen(t, func(conn net.Conn) {
				mailtest.Streamed{func(w io.Writer) { _, _ = io.WriteString(w, soundMail) }}.Serve(conn, "pop3")
			})
			s := newSite(t)
			s.hostile("pop3", port, "20MB")
			s.write("pricefetch.yaml", strings.Replace(readFile(t, s.path("pricefetch.yaml")), "files: ['*']", "files: ['*']"+c.rule, 1))
			outside := t.TempDir()
			if err := os.WriteFile(filepath.Join(outside, "victim"), []byte("untouched"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(s.path("import", "r"), 0o755); err != nil {
				t.Fatal(err)
			}
			c.plant(func(target, name string) {
				if err := os.Symlink(target, s.path("import", filepath.FromSlash(name))); err != nil {
					t.Fatal(err)
				}
			}, outside)
			before := tree(t, s.path("state"))
			r := s.must(c.status, "once")
			if all := r.out + r.err; !strings.Contains(all, c.says) {
				t.Errorf("want %q:\n%s", c.says, all)
			}
			s.wantOnly(c.first, c.remove)
			if got := tree(t, outside); len(got) != 2 || readFile(t, filepath.Join(outside, "victim")) != "untouched" {
				t.Errorf("outside holds %v", got)
			}
			if after := tree(t, s.path("state")); len(before) > 1 && len(after) != len(before) {
				t.Errorf("state_dir holds %v", after)
			}
			if c.remove != "" {
				if err := os.Remove(s.path("import", filepath.FromSlash(c.remove))); err != nil {
					t.Fatal(err)
				}
			}
			s.run("retry", "1")
			s.must(0, "once")
			s.wantOnly(c.then, "")
		})
	}
}

// wantOnly wants the sound message's file under that name and no other; a symlink that is still there is not looked at.
func (s *site) wantOnly(file, symlink string) {
	s.t.Helper()
	n := 0
	for _, path := range tree(s.t, s.path("import")) {
		info, err := os.Lstat(s.path("import", path))
		if err != nil || !info.Mode().IsRegular() || path == symlink || strings.HasPrefix(path, ".pricefetch") {
			continue
		}
		if n++; path != file || !strings.HasPrefix(readFile(s.t, s.path("import", path)), "a;1") {
			s.t.Errorf("%s is in the import directory, want %q\n%s", path, file, s.last.err)
		}
	}
	if (n == 1) != (file != "") {
		s.t.Errorf("%d files, want %q\n%s", n, file, s.last.err)
	}
}
