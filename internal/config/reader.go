package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// reader collects what goes wrong while nodes become values.
type reader struct {
	faults *Faults
	checks Checks
	loc    *time.Location
}

func (r *reader) fault(n *node, message, hint string) {
	*r.faults = append(*r.faults, Fault{
		File: n.file, Line: n.line, Col: n.col, Path: n.path, Message: message, Hint: hint,
	})
}

// reject reports the error of a typed reader at its value.
func (r *reader) reject(n *node, err error) {
	if p, ok := errors.AsType[*problem](err); ok {
		r.fault(n, p.message, p.hint)
		return
	}
	r.fault(n, err.Error(), "")
}

// expect reports a value of another kind than wanted.
func (r *reader) expect(n *node, want kindOf) bool {
	if n.kind == want {
		return true
	}
	if n.kind != badNode {
		r.fault(n, fmt.Sprintf("expected %s, not %s", want, n.kind), "")
	}
	return false
}

// unknown reports a key that the section has not got, with the nearest right one, or the section where it belongs.
func (r *reader) unknown(n *node, f field, known []string) {
	hint := didYouMean(f.name, known)
	if where := placeOf(f.name); where != "" {
		hint = "it belongs " + where
	}
	*r.faults = append(*r.faults, Fault{
		File: n.file, Line: f.line, Col: f.col, Path: join(n.path, f.name), Message: "unknown key", Hint: hint,
	})
}

// noValue reports a key without a value, which YAML would take for null.
func (r *reader) noValue(n *node, secret bool) {
	hint := "give it one, or remove the key"
	if secret {
		hint = "a password that begins with # or &, or that reads null, must be in quotes"
	}
	r.fault(n, "the key has no value", hint)
}

// path makes a path absolute: it is relative to the folder of the file in which it stands.
func (r *reader) path(n *node) (string, error) {
	switch {
	case n.text == "":
		return "", expected("a path", n.text)
	case n.text == "~" || strings.HasPrefix(n.text, "~/"):
		return "", &problem{"~ is not expanded", "write the whole path"}
	}
	if err := printable(n.text); err != nil {
		return "", err
	}
	if filepath.IsAbs(n.text) {
		return filepath.Clean(n.text), nil
	}
	return filepath.Abs(filepath.Join(filepath.Dir(n.file), n.text))
}
