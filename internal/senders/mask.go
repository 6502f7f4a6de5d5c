package senders

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"pricefetch/internal/match"
)

// Of names that are longer than maxWhole only maxStem stands in the mask. Characters.
const (
	maxWhole = 400
	maxStem  = 100
)

// mask writes the mask of a family of names: literals as they are, slots as a *, or as what they hold where fixed says so.
// Every such mask ends in an extension, or has no * at all: it takes no pictures.
func (s shape) mask(fixed []bool, exts []string, copies bool) string {
	var b strings.Builder
	for i, l := range s.literals {
		b.WriteString(escaped(l, s.ext == ""))
		switch {
		case i == len(s.slots):
		case fixed != nil && fixed[i]:
			b.WriteString(escaped(s.slots[i].text, false))
		case b.Len() == 0:
			b.WriteString(s.lead + "*")
		default:
			b.WriteByte('*')
		}
	}
	if copies && !strings.HasSuffix(b.String(), "*") {
		b.WriteByte('*')
	}
	switch len(exts) {
	case 0:
	case 1:
		b.WriteString("." + exts[0])
	default:
		b.WriteString(".{" + strings.Join(exts, ",") + "}")
	}
	return blankless(b.String())
}

// blankless writes ? for a blank at either end, which no value of a configuration may have.
func blankless(mask string) string {
	if strings.HasPrefix(mask, " ") {
		mask = "?" + mask[1:]
	}
	if strings.HasSuffix(mask, " ") {
		mask = mask[:len(mask)-1] + "?"
	}
	return mask
}

// escaped writes a text that masks take as it is. What cannot be seen, or turns the line around, becomes a ?; with digits, each
// digit becomes a class: in a name without an extension that lets them change, where a * would take everything.
func escaped(text string, digits bool) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case strings.ContainsRune(`*?[]{}\`, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case digits && r >= '0' && r <= '9':
			b.WriteString("[0-9]")
		case r == '/' || r == unicode.ReplacementChar || !unicode.IsPrint(r):
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// takes reports whether the mask of a shape may be written and takes a name, and no extension of another sort.
func (s shape) takes(name string) bool {
	mask := s.mask(nil, s.exts(), s.copies)
	if s.ext == "" && strings.Contains(mask[max(0, len(mask)-6):], "?") {
		return false // the ? might stand for a dot
	}
	return match.CheckGlob(mask) == nil && match.TakesName(mask, name)
}

// understood takes a name apart so that its mask takes it; false where no mask can be written that does.
func understood(name string) (shape, bool) {
	if utf8.RuneCountInString(name) <= maxWhole {
		if s := shapeOf(name); s.takes(name) {
			return s, true
		}
	}
	stem, ext := splitExt(match.BaseName(name))
	for _, s := range []shape{
		{literals: []string{stem}, ext: ext},
		{literals: []string{string([]rune(stem)[:min(maxStem, len([]rune(stem)))])}, ext: ext, copies: ext != ""}, // longer than a mask may be
	} {
		if s.takes(name) {
			return s, true
		}
	}
	return shape{}, false
}

// exts is the extension as a list.
func (s shape) exts() []string {
	if s.ext == "" {
		return nil
	}
	return []string{s.ext}
}
