package mimepart

import (
	"golang.org/x/text/encoding/charmap"

	"pricefetch/internal/cyrillic"
)

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
		s, n := cyrillic.Score(text[:min(len(text), guessSpan)])
		if c.name == hint {
			s += declared / float64(max(n, 1))
		}
		if best == "" || s > top {
			best, top = string(text), s
		}
	}
	return best, top
}
