package config

import (
	"fmt"
	"strings"
)

// nearest returns the candidate that a misspelt word most likely meant; "" if none is near.
func nearest(word string, candidates []string) string {
	best, least := "", max(1, len([]rune(word))/3)
	for _, c := range candidates {
		d := distance(fold(word), fold(c))
		if d <= least && c != word && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}

// didYouMean makes a hint of the nearest candidate; "" if none is near.
func didYouMean(word string, candidates []string) string {
	near := nearest(word, candidates)
	switch {
	case near == "":
		return ""
	case homoglyphs.Replace(word) == near:
		return fmt.Sprintf("did you mean %q? This one has Cyrillic letters in it", near)
	}
	return fmt.Sprintf("did you mean %q?", near)
}

// homoglyphs turns Cyrillic letters into the Latin ones that look alike.
var homoglyphs = strings.NewReplacer("а", "a", "е", "e", "о", "o", "р", "p", "с", "c", "у", "y", "х", "x", "к", "k",
	"м", "m", "т", "t", "і", "i", "ѕ", "s", "г", "r", "п", "n", "ь", "b")

// fold makes equal what is easily confused: case, - and _, Latin letters and their Cyrillic doubles.
func fold(s string) []rune {
	return []rune(homoglyphs.Replace(strings.ReplaceAll(strings.ToLower(s), "-", "_")))
}

// distance is the number of insertions, deletions, substitutions and swaps of neighbours between a and b (optimal
// string alignment).
func distance(a, b []rune) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
