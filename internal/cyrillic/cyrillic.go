// Package cyrillic tells how much a text looks like Russian, so that bytes of which nobody named the charset can be read
// in the one that fits best. Names of attachments and names inside of archives both come like that.
package cyrillic

import "unicode"

// frequency is how often each letter from а to я occurs in Russian text, in per mille; ё counts as е.
var frequency = [32]float64{
	80, 16, 45, 17, 30, 85, 9, 17, 74, 12, 35, 44, 32, 67, 110, 28, // а … п
	47, 55, 63, 26, 3, 10, 5, 14, 7, 4, 1, 19, 17, 3, 6, 20, // р … я
}

// Score tells how much a text looks like Russian, per each of its n characters outside ASCII: the logarithm of its letters'
// frequencies, less for capitals behind small letters, for what no word has and for anything that is no letter.
func Score(text []rune) (perLetter float64, n int) {
	sum := 0.0
	var w word
	for _, r := range text {
		if r >= 0x80 {
			n++
			sum += letter(r)
		}
		sum += w.next(r)
	}
	return sum / float64(max(n, 1)), n
}

// letter weighs one character outside ASCII.
func letter(r rune) float64 {
	switch l := unicode.ToLower(r); {
	case l >= 'а' && l <= 'я':
		return log2(frequency[l-'а']) - 2
	case l == 'ё':
		return 1
	case l == 'і' || l == 'ї' || l == 'є' || l == 'ґ' || l == 'ў':
		return 0
	case r == '№' || r == '«' || r == '»' || r == '–' || r == '—' || r == '\u00a0':
		return 0
	default:
		return -6
	}
}

// log2 is a coarse logarithm; the table needs no finer one.
func log2(x float64) float64 {
	n := 0.0
	for ; x >= 2; x /= 2 {
		n++
	}
	return n + x - 1
}

// word follows one word and finds what Russian ones do not have.
type word struct {
	prev               rune
	vowels, consonants int
}

// next returns the penalty, 0 or less, for r behind what came before.
func (w *word) next(r rune) float64 {
	p, prev := 0.0, w.prev
	w.prev = r
	if !unicode.IsLetter(r) {
		w.vowels, w.consonants = 0, 0
		return 0
	}
	if !unicode.IsLetter(prev) {
		prev = 0
	}
	l := unicode.ToLower(r)
	if prev != 0 && unicode.IsUpper(r) && unicode.IsLower(prev) {
		p -= 3
	}
	if prev != 0 && (r < 0x80) != (prev < 0x80) {
		p -= 3
	}
	if prev == 0 && (l == 'ь' || l == 'ъ' || l == 'ы') {
		p -= 4
	}
	return p + w.run(l)
}

// run counts the vowels or consonants in a row.
func (w *word) run(l rune) float64 {
	switch l {
	case 'а', 'е', 'ё', 'и', 'о', 'у', 'ы', 'э', 'ю', 'я':
		w.vowels++
		w.consonants = 0
	case 'ь', 'ъ':
		if w.vowels > 0 {
			w.vowels, w.consonants = 0, 0
			return -4
		}
	default:
		w.consonants++
		w.vowels = 0
	}
	if w.vowels > 2 || w.consonants > 4 {
		return -2
	}
	return 0
}
