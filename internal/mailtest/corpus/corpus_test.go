package corpus

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata from the samples in this package's tests")

func all() []made {
	var out []made
	for _, group := range [][]made{names(), rawNames(), structures(), contents(), forwards(), faults()} {
		out = append(out, group...)
	}
	return out
}

func (m made) golden() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", m.why)
	for _, a := range m.sample().Want {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%d\t%s\n", a.Path, a.Name, a.Type, a.Size, a.SHA256)
	}
	return b.String()
}

// TestFiles holds the files against the tables that they are written from.
func TestFiles(t *testing.T) {
	known := map[string]bool{}
	for _, m := range all() {
		if known[m.name] {
			t.Errorf("two samples are called %s", m.name)
		}
		known[m.name] = true
		for ext, want := range map[string]string{".eml": m.raw, ".golden": m.golden()} {
			name := filepath.Join("testdata", m.name+ext)
			if *update {
				if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(name)
			if err != nil {
				t.Errorf("%v (go test -update writes it)", err)
			} else if string(got) != want {
				t.Errorf("%s differs from the table (go test -update writes it)", name)
			}
		}
	}
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), filepath.Ext(f)); !known[name] {
			t.Errorf("%s is in no table", f)
		}
	}
}

// TestSamples: what a server has to be able to hold and to give back unchanged.
func TestSamples(t *testing.T) {
	samples := Samples()
	if len(samples) < 300 {
		t.Errorf("%d samples, expected at least 300", len(samples))
	}
	attachments := 0
	for _, s := range samples {
		if s.Why == "" {
			t.Errorf("%s: no reason given", s.Name)
		}
		if bytes.IndexByte(s.Raw, 0) >= 0 {
			t.Errorf("%s: contains NUL", s.Name)
		}
		rest := bytes.ReplaceAll(s.Raw, []byte("\r\n"), nil)
		if bytes.ContainsAny(rest, "\r\n") {
			t.Errorf("%s: a line end is not CRLF", s.Name)
		}
		if !bytes.HasSuffix(s.Raw, []byte("\r\n")) {
			t.Errorf("%s: does not end with CRLF, which POP3 would add", s.Name)
		}
		attachments += len(s.Want)
	}
	if attachments < 300 {
		t.Errorf("%d attachments, expected at least 300", attachments)
	}
}

func TestLineMalformed(t *testing.T) {
	for _, line := range []string{"", "1\tname\ttext/csv\t12", "1\tname\ttext/csv\tmany\tabc"} {
		if _, err := parseLine(line); err == nil {
			t.Errorf("parseLine(%q) accepted it", line)
		}
	}
}
