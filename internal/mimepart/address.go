package mimepart

import (
	"strings"
	"unicode/utf8"
)

// parseAddresses returns the addresses of an address list (RFC 5322 section 3.4) as written, without display names
// and comments, those in groups included. It is lenient: brackets may be missing, display names may hold anything.
func parseAddresses(s string) []string {
	if !utf8.ValidString(s) {
		s = guess([]byte(s), "")
	}
	list := splitAddresses(s)
	if len(list) == 0 && strings.Contains(s, "=?") {
		list = splitAddresses(decodeText(s, "")) // scripts encode the whole field
	}
	return list
}

func splitAddresses(s string) []string {
	p := addressParser{in: s}
	p.run()
	return p.out
}

// addressParser goes once through a list. Display name and brackets of the address in hand are kept apart.
type addressParser struct {
	in     string
	pos    int
	phrase strings.Builder // outside brackets, quotes kept
	angles []string        // what stood in brackets
	out    []string
}

func (p *addressParser) run() {
	for p.pos < len(p.in) {
		c := p.in[p.pos]
		switch c {
		case '"':
			p.phrase.WriteString(p.quoted())
		case '(':
			p.comment()
			p.phrase.WriteByte(' ')
		case '<':
			p.pos++
			p.angles = append(p.angles, p.angle())
			p.phrase.WriteByte(' ')
		case ',', ';':
			p.pos++
			p.flush()
		case ':': // the name of a group, or "mailto"
			p.pos++
			p.phrase.Reset()
		default:
			p.pos++
			p.phrase.WriteByte(c)
		}
	}
	p.flush()
}

// quoted takes a quoted string with its quotes. A quote that is never closed stands for nothing.
func (p *addressParser) quoted() string {
	for i := p.pos + 1; i < len(p.in); i++ {
		switch p.in[i] {
		case '\\':
			i++
		case '"':
			s := p.in[p.pos : i+1]
			p.pos = i + 1
			return s
		}
	}
	p.in = p.in[:p.pos] + strings.ReplaceAll(p.in[p.pos:], `"`, " ")
	return ""
}

// comment passes over a comment, which may hold others. One that is never closed ends nothing.
func (p *addressParser) comment() {
	depth := 0
	for i := p.pos; i < len(p.in); i++ {
		switch p.in[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				p.pos = i + 1
				return
			}
		}
	}
	p.in = p.in[:p.pos] + strings.ReplaceAll(p.in[p.pos:], "(", " ")
}

// angle takes what stands in brackets, without comments; a missing closing bracket is the end of the list.
func (p *addressParser) angle() string {
	var b strings.Builder
	for p.pos < len(p.in) {
		switch c := p.in[p.pos]; c {
		case '>':
			p.pos++
			return b.String()
		case '"':
			b.WriteString(p.quoted())
		case '(':
			p.comment()
		case '<':
			p.pos++
			b.Reset()
		default:
			p.pos++
			b.WriteByte(c)
		}
	}
	return b.String()
}

// maxAddresses bounds the addresses that are taken from one field.
const maxAddresses = 100

// flush ends the address in hand. Without one in brackets the display name is looked through: first outside its
// quotes, then within.
func (p *addressParser) flush() {
	n := len(p.out)
	for _, a := range p.angles {
		p.out = append(p.out, addressesIn(withoutRoute(a))...)
	}
	phrase := p.phrase.String()
	if len(p.out) == n {
		p.out = append(p.out, addressesIn(phrase)...)
	}
	if len(p.out) == n {
		p.out = append(p.out, addressesIn(strings.ReplaceAll(phrase, `"`, " "))...)
	}
	p.phrase.Reset()
	p.angles = nil
	if len(p.out) >= maxAddresses {
		p.out, p.pos = p.out[:maxAddresses:maxAddresses], len(p.in)
	}
}

// withoutRoute cuts a source route, or "mailto:", off (RFC 5322 section 4.4).
func withoutRoute(a string) string {
	if strings.Contains(a, `"`) {
		return a
	}
	return a[strings.LastIndexByte(a, ':')+1:]
}

// addressesIn returns the words of s that are addresses.
func addressesIn(s string) []string {
	var out []string
	for _, f := range fieldsOutsideQuotes(tightenAt(s)) {
		f = strings.Trim(f, "'.[]")
		at := strings.LastIndexByte(f, '@')
		if at > 0 && at < len(f)-1 {
			out = append(out, f)
		}
	}
	return out
}

// tightenAt takes the blanks from around "@" (RFC 5322 section 4.4 allows them).
func tightenAt(s string) string {
	if !strings.Contains(s, " @") && !strings.Contains(s, "@ ") {
		return s
	}
	parts := strings.Split(s, "@")
	for i := range parts {
		if i > 0 {
			parts[i] = strings.TrimLeft(parts[i], " \t")
		}
		if i < len(parts)-1 {
			parts[i] = strings.TrimRight(parts[i], " \t")
		}
	}
	return strings.Join(parts, "@")
}

// fieldsOutsideQuotes splits at blanks. A quoted local part stays whole; a quoted display name is no word with "@"
// behind it, and goes.
func fieldsOutsideQuotes(s string) []string {
	inside := false
	words := strings.FieldsFunc(s, func(r rune) bool {
		if r == '"' {
			inside = !inside
		}
		return !inside && (r == ' ' || r == '\t')
	})
	out := words[:0]
	for _, w := range words {
		if end := strings.LastIndexByte(w, '"'); end < 0 || strings.Contains(w[end:], "@") {
			out = append(out, w)
		}
	}
	return out
}
