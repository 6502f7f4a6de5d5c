package main

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

const root = "../../../.."

// TestMutationsFitTheCode: a mutation that no longer changes anything would prove nothing.
func TestMutationsFitTheCode(t *testing.T) {
	files, err := overlay(root, mutations)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range mutations {
		if names[m.name] || len(m.edits) == 0 {
			t.Errorf("mutation %q occurs twice, or changes nothing", m.name)
		}
		names[m.name] = true
		for _, e := range m.edits {
			if !strings.Contains(e.new, m.name) {
				t.Errorf("mutation %q does not ask whether it is switched on: %s", m.name, e.new)
			}
		}
	}
	for file, text := range files {
		if _, err := parser.ParseFile(token.NewFileSet(), file, text, 0); err != nil {
			t.Errorf("mutated %s: %v", file, err)
		}
	}
}

func TestMutationsThatDoNotFit(t *testing.T) {
	for old, want := range map[string]string{"nowhere in the file": "0 times", "mail.": "expected once"} {
		bad := []mutation{{"bad", []edit{{"internal/poll/pass.go", old, `mutant("bad")`}}}}
		if _, err := overlay(root, bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", old, err, want)
		}
	}
}
