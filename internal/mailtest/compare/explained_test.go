package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "explained.tsv")
	lines := "# a comment\n# python 3.11\na\tenmime\tnothing\tbecause\nb\tpython\t\"x\" 1 ab\tbecause\nc\tenmime\tnothing\t?\n"
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := readExplained(file)
	if err != nil {
		t.Fatal(err)
	}
	a := disagreement{message: "a", parser: "enmime", says: "nothing"}
	b := disagreement{message: "b", parser: "python", says: `"x" 1 ab`}
	other := disagreement{message: "b", parser: "python", says: "nothing"}
	c := disagreement{message: "c", parser: "enmime", says: "nothing"}
	d := disagreement{message: "d", parser: "enmime", says: "nothing"}
	for _, tt := range []struct {
		name, version string
		found         []disagreement
		want          []string
	}{
		{"a reason that is a question mark", "3.11", []disagreement{a, b, c}, []string{"not explained: enmime says of c"}},
		{"one that is not explained", "3.11", []disagreement{a, b, c, d}, []string{"enmime says of c", "not explained: enmime says of d"}},
		{"one that no longer occurs", "3.11", []disagreement{a, c}, []string{"enmime says of c", "does not occur: b, python"}},
		{"another answer", "3.11", []disagreement{a, other, c}, []string{"another answer: python says of b", "enmime says of c"}},
		{"another answer of another Python", "3.13", []disagreement{a, other, c}, []string{"enmime says of c"}},
		{"none of another Python", "3.13", []disagreement{a, c}, []string{"enmime says of c"}},
		{"none of another enmime", "3.13", []disagreement{b, c}, []string{"enmime says of c", "does not occur: a, enmime"}},
	} {
		got := e.faults(tt.version, tt.found)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %q", tt.name, got)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], tt.want[i]) {
				t.Errorf("%s: %q, want %q", tt.name, got[i], tt.want[i])
			}
		}
	}
	if err := e.write(file, "3.13", []disagreement{a, d}); err != nil {
		t.Fatal(err)
	}
	if e, err = readExplained(file); err != nil || e.python != "3.13" || e.lines["a\tenmime"].why != "because" || e.lines["d\tenmime"].why != "?" || len(e.lines) != 2 {
		t.Errorf("written anew: %+v, %v", e, err)
	}
}

func TestReadExplainedMalformed(t *testing.T) {
	for _, lines := range []string{"a\tenmime\tnothing\n", "a\tenmime\tx\ty\na\tenmime\tx\ty\n"} {
		file := filepath.Join(t.TempDir(), "explained.tsv")
		if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readExplained(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", lines, err)
		}
	}
}
