package senders

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"pricefetch/internal/match"
)

// shape is a file name taken apart into what stays from one list to the next and what changes: "price_", "2026-11-20", "".
// There is one literal more than slots. ext is in lower case, without its dot; "" where there is none.
type shape struct {
	literals []string
	slots    []slot
	lead     string // where it begins with a slot: the class of that slot's first character; "" for a word
	ext      string
	copies   bool // "(2)" stood behind it, as programs write behind a name that is taken; it is in no slot
}

// slot is a piece of a name that may change.
type slot struct {
	text  string
	dated bool // it is a date, or so long a number that it stays from no list to the next
}

// longSlot is a number that is more than a part of the name: a date without its points, the number of an invoice. Digits.
const longSlot = 4

// shapeOf takes a name apart.
func shapeOf(name string) shape {
	stem, ext := splitExt(match.BaseName(name))
	if ext == "" {
		return shape{literals: []string{stem}} // nothing would bound a mask with a * at its end
	}
	s := shape{ext: ext}
	stem, s.copies = cutCopy(stem)
	s.literals, s.slots = pieces(stem, true)
	if !hasLetter(s.literals) {
		s.literals, s.slots = pieces(stem, false) // "Monday.xls" is all the name there is
	}
	switch {
	case s.literals[0] != "" || len(s.slots) == 0:
	case identifier(s.slots[0].text) > 0:
		s.lead = "[0-9a-f]"
	case classOf(rune(s.slots[0].text[0])) == 1:
		s.lead = "[0-9]"
	}
	return s
}

// key is the same for names of which one mask takes all, whatever their slots hold.
func (s shape) key() string {
	var b strings.Builder
	for _, l := range s.literals {
		b.WriteString(strconv.Quote(fold(l)))
	}
	if s.ext == "" {
		return strings.Map(sameDigit, b.String())
	}
	return b.String()
}

// splitExt splits a name at its extension: up to eight Latin letters and digits behind the last dot, not digits alone.
func splitExt(name string) (stem, ext string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 || len(name)-i > 9 || i == len(name)-1 {
		return name, ""
	}
	letters := 0
	for _, r := range name[i+1:] {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return name, ""
		}
		if unicode.IsLetter(r) {
			letters++
		}
	}
	if letters == 0 {
		return name, ""
	}
	return name[:i], strings.ToLower(name[i+1:])
}

// cutCopy cuts off the number of a copy, "price (2)".
func cutCopy(stem string) (string, bool) {
	inner, ok := strings.CutSuffix(stem, ")")
	i := strings.LastIndexByte(inner, '(')
	if !ok || i < 0 || !isNumber(inner[i+1:]) || len(inner)-i > 4 {
		return stem, false
	}
	if rest := strings.TrimRight(inner[:i], " _-"); rest != "" {
		return rest, true
	}
	return stem, false
}

// token is a run of digits, of letters, or one other character.
type token struct {
	text string
	slot bool
	date bool
}

// pieces finds the slots of a stem. Those with nothing but a few other characters between them are one.
func pieces(stem string, words bool) (literals []string, slots []slot) {
	literals = []string{""}
	glue, open := "", false // what may belong to the slot that was the last piece
	for _, t := range tokens(stem, words) {
		last := len(slots) - 1
		switch {
		case t.slot && open:
			slots[last] = slot{slots[last].text + glue + t.text, true}
			glue = ""
		case t.slot:
			slots = append(slots, slot{t.text, t.date})
			literals = append(literals, "")
			open, glue = true, ""
		case open && len(glue) < 4 && !wordy(t.text):
			glue += t.text
		default:
			literals[len(literals)-1] += glue + t.text
			open, glue = false, ""
		}
	}
	literals[len(literals)-1] += glue
	return literals, slots
}

// tokens cuts a stem up.
func tokens(stem string, words bool) []token {
	var out []token
	for len(stem) > 0 {
		if n := identifier(stem); n > 0 {
			out = append(out, token{stem[:n], true, true})
			stem = stem[n:]
			continue
		}
		n := run(stem)
		t := token{text: stem[:n]}
		word := strings.ToLower(t.text)
		switch {
		case isNumber(t.text):
			t.slot, t.date = true, n >= longSlot
		case words && (months[word] || others[word]):
			t.slot, t.date = true, months[word]
		}
		out = append(out, t)
		stem = stem[n:]
	}
	return out
}

// run is the length of the first run of digits or letters, or of the first character, in bytes.
func run(s string) int {
	first, n := utf8.DecodeRuneInString(s)
	class := classOf(first)
	for class != 0 && n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if classOf(r) != class {
			break
		}
		n += size
	}
	return n
}

func classOf(r rune) int {
	switch {
	case r >= '0' && r <= '9':
		return 1
	case unicode.IsLetter(r), unicode.IsMark(r):
		return 2
	}
	return 0
}

// identifier is the length of the hexadecimal number, with or without dashes, that begins here, if it is one that programs
// make up: 16 digits or more, letters among them.
func identifier(s string) int {
	n, digits, letters := 0, 0, 0
	for n < len(s) && (s[n] == '-' || s[n] >= '0' && s[n] <= '9' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'f') {
		switch {
		case s[n] >= '0' && s[n] <= '9':
			digits++
		case s[n] != '-':
			letters++
		}
		n++
	}
	if r, _ := utf8.DecodeRuneInString(s[n:]); n < len(s) && classOf(r) != 0 || digits < 4 || letters < 2 || digits+letters < 16 || s[0] == '-' {
		return 0
	}
	return len(strings.TrimRight(s[:n], "-"))
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func wordy(s string) bool { r, _ := utf8.DecodeRuneInString(s); return classOf(r) == 2 }

// hasLetter reports whether something is left that tells one name from another.
func hasLetter(literals []string) bool {
	for _, l := range literals {
		if strings.ContainsFunc(l, unicode.IsLetter) {
			return true
		}
	}
	return false
}
