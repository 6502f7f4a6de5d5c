package archive

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"

	"pricefetch/internal/cyrillic"
	"pricefetch/internal/mail"
)

// split cuts a path at separators of either kind and drops what leads out of the archive: roots, drives, "." and "..".
func split(path string) []string {
	var elements []string
	for _, e := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		drive := len(elements) == 0 && len(e) == 2 && e[1] == ':'
		if e != "." && e != ".." && !drive {
			elements = append(elements, norm.NFC.String(strings.Map(plain, e)))
		}
	}
	return elements
}

// plain replaces what no name should have: control characters would end up in logs and in the journal.
func plain(r rune) rune {
	if unicode.IsControl(r) || r == utf8.RuneError {
		return '_'
	}
	return r
}

// isJunk reports whether it is one of the files that operating systems put into archives on their own.
func isJunk(elements []string) bool {
	if len(elements) == 0 {
		return false
	}
	if elements[0] == "__MACOSX" {
		return true
	}
	switch name := elements[len(elements)-1]; strings.ToLower(name) {
	case "thumbs.db", "desktop.ini", ".ds_store":
		return true
	default:
		return strings.HasPrefix(name, "._")
	}
}

// member names an entry. A path that another one has already gets a number: the archive's order decides, so that it is
// the same whenever the archive is read.
func (w *walk) member(e entry, elements []string) mail.Member {
	if len(elements) == 0 {
		elements = []string{"unnamed"}
	}
	m := mail.Member{Name: elements[len(elements)-1], RawName: e.raw, Size: e.size}
	path := w.within + strings.Join(elements, "/")
	m.Path = path
	for n := 2; w.paths[m.Path]; n++ {
		m.Path = fmt.Sprintf("%s#%d", path, n)
	}
	w.paths[m.Path] = true
	return m
}

// charsets are those in which names come that nobody declared, the likeliest first: it wins a draw. Windows writes
// names into zip and old rar files in the charset of its console.
var charsets = []*charmap.Charmap{charmap.CodePage866, charmap.Windows1251, charmap.KOI8R}

const guessBytes = 16 << 10 // of all names, that are looked at

// decoder returns how the names of one archive are to be read of which the charset is not declared. The names of an
// archive come from one program: they are looked at together, for one alone can be short.
func decoder(names []string) func(string) string {
	var odd strings.Builder
	for _, name := range names {
		if !utf8.ValidString(name) && odd.Len() < guessBytes {
			odd.WriteString(name + " ")
		}
	}
	best, top := charmap.CodePage437, 0.0 // what a zip's names are by the book, if they do not look Russian
	for i, cm := range charsets {
		if s, _ := cyrillic.Score([]rune(decode(cm, odd.String()))); s > top || i == 0 && s == top {
			best, top = cm, s
		}
	}
	return func(name string) string {
		if utf8.ValidString(name) {
			return name
		}
		return decode(best, name)
	}
}

func decode(cm *charmap.Charmap, raw string) string {
	text := make([]rune, len(raw))
	for i := range len(raw) {
		text[i] = cm.DecodeByte(raw[i])
	}
	return string(text)
}

// spellings are the bytes that programs make of a password for a zip, whose format does not say: UTF-8, or the charset of
// the console or of Windows.
func spellings(password string) []string {
	all := []string{password}
	for _, cm := range charsets[:2] {
		if b, err := cm.NewEncoder().String(password); err == nil && b != password {
			all = append(all, b)
		}
	}
	return all
}

const shownBytes = 200 // of a member's path in an error

// shown makes a path short enough for an error.
func shown(path string) string {
	if len(path) <= shownBytes {
		return path
	}
	return strings.ToValidUTF8(path[:shownBytes], "") + "…"
}
