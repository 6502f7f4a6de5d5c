package mimepart

import (
	"unicode"

	"golang.org/x/text/encoding/charmap"
)

// frequency is how often each letter from а to я occurs in Russian text, in per mille; ё counts as е.
var frequency = [32]float64{
	80, 16, 45, 17, 30, 85, 9, 17, 74, 12, 35, 44, 32, 67, 110, 28, // а … п
	47, 55, 63, 26, 3, 10, 5, 14, 7, 4, 1, 19, 17, 3, 6, 20, // р … я
}

// candidates are the charsets that raw names come in, the likeliest first: it wins a draw.
var candidates = []struct {
	name string
	cm   *charmap.Charmap
}{
	{"windows-1251", charmap.Windows1251},
	{"koi8-r", charmap.KOI8R},
	{"ibm866", charmap.CodePage866},
	{"koi8-u", charmap.KOI8U},
	{"iso-8859-5", charmap.ISO8859_5},
	{"x-mac-cyrillic", charmap.MacintoshCyrillic},
}

const (
	guessed   = 3 // that many candidates are tried without anybody having named them
	declared  = 8 // what a declaration elsewhere is worth, spread over the letters: it decides on short names
	guessSpan = 4 << 10
)

// guessCyrillic decodes b in the charset that gives the best score. The hint, if it is Cyrillic, has a start. A score
// below 0 means that it does not look Russian in any of them.
func guessCyrillic(b []byte, hint string) (string, float64) {
	best, top := "", 0.0
	for i, c := range candidates {
		if i >= guessed && c.name != hint {
			continue
		}
		text := make([]rune, len(b))
		for j, x := range b {
			text[j] = c.cm.DecodeByte(x)
		}
		s, n := score(text[:min(len(text), guessSpan)])
		if c.name == hint {
			s += declared / float64(max(n, 1))
		}
		if best == "" || s > top {
			best, top = string(text), s
		}
	}
	return best, top
}

// score tells how much a text looks like Russian, per each of its n characters outside ASCII: the logarithm of its letters'
// frequencies, less for capitals behind small letters, for what no word has and for anything that is no letter.
func score(text []rune) (perLetter float64, n int) {
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
