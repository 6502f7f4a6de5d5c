package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The demo checks every saved file itself; here it must come to its end, say what it promises, and be repeatable.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	yaml, err := os.ReadFile("../../configs/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "configs", "demo.yaml")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, yaml, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var out, log bytes.Buffer
		if err := run(t.Context(), path, &out, &log); err != nil {
			t.Fatalf("%v\n%s%s", err, out.String(), log.String())
		}
		const want = "\ndemo: 9 files saved, 11 messages left alone\n"
		if !strings.HasSuffix(out.String(), want) {
			t.Errorf("the last line is not %q:\n%s%s", want, out.String(), log.String())
		}
	}
	saved := 0
	for _, pattern := range []string{"*", "*/*"} {
		found, err := filepath.Glob(filepath.Join(dir, "demo/import", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() {
				saved++
			}
		}
	}
	if saved != 9 {
		t.Errorf("%d files in the import directory, want 9", saved)
	}
}

func TestDemoNeedsItsConfiguration(t *testing.T) {
	err := run(t.Context(), filepath.Join(t.TempDir(), "none.yaml"), &bytes.Buffer{}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "run it from the root of the checkout") {
		t.Errorf("error %v", err)
	}
}

// A file that names a real import directory must not cost what is in it.
func TestDemoEmptiesOnlyItsOwnDirectories(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "real", "price.xls")
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	yaml := "import_dir: " + filepath.Dir(kept) + `
state_dir: ../demo/state
mailboxes: [{name: a, protocol: imap, host: h, username: u, password: p}]
rules: [{name: r, from: ["*"], files: ["*"]}]
`
	path := filepath.Join(dir, "configs", "demo.yaml")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), path, &bytes.Buffer{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "it is not in") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}
