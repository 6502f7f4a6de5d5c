package save

import (
	"os"
	"path/filepath"
)

// Likely returns the name that a file would get in dir now, as Free chooses it, for an explanation. It only looks, needs no
// journal, and what cannot be looked at counts as free.
func Likely(importDir, dir, original string, replace bool, taken func(name string) bool) string {
	safe := SafeName(original)
	for n := 1; n <= numbers; n++ {
		name := numbered(safe, n)
		if taken(name) {
			continue
		}
		if _, err := os.Lstat(filepath.Join(importDir, filepath.FromSlash(dir), name)); err != nil || replace {
			return name
		}
	}
	return safe
}
