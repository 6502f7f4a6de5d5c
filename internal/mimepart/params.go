package mimepart

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// param is one parameter of a Content-Type or Content-Disposition field, as it stands.
type param struct {
	name  string // lower case, with the "*" of RFC 2231
	value string // quotes and escapes taken away; raw bytes
}

// parseParams reads the value and the parameters of a structured field (RFC 2045 section 5.1), leniently: values may be
// unquoted with blanks and brackets in them, quotes may be missing or stand within, semicolons may be doubled or left
// out. The value is in lower case, "" if the field begins with a parameter.
func parseParams(s string) (value string, params []param) {
	s = strings.TrimLeft(s, " \t;")
	n := strings.IndexAny(s, ";= \t(")
	if n < 0 {
		n = len(s)
	}
	if n == len(s) || s[n] != '=' {
		value = strings.ToLower(strings.Trim(s[:n], "\"' \t"))
		s = skipComment(s[n:])
	}
	r := paramReader{rest: s}
	for r.rest != "" {
		if p := r.next(); p.name != "" {
			params = append(params, p)
		}
	}
	return value, params
}

// paramReader takes a list of parameters apart. It remembers what was looked for in vain, because what is not there will
// not be there for the next parameter, and a field may have ten thousand of them.
type paramReader struct {
	rest      string
	unclosed  bool // no closing quote follows
	unwritten bool // no end of an encoded word follows
}

// skipComment passes over blanks and a comment in front of what follows (RFC 822 section 3.4.3).
func skipComment(s string) string {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, "(") {
		return s
	}
	if _, rest, ok := strings.Cut(s, ")"); ok {
		return rest
	}
	return ""
}

// next takes one parameter off. What has no "=" gives a param without a name.
func (r *paramReader) next() (p param) {
	s := strings.TrimLeft(r.rest, "; \t")
	n := strings.IndexAny(s, "=;")
	if n < 0 {
		r.rest = ""
		return p
	}
	if s[n] == ';' {
		r.rest = s[n:]
		return p
	}
	name := strings.TrimSpace(s[:n])
	if i := strings.LastIndexAny(name, " \t)"); i >= 0 {
		name = name[i+1:] // junk between the value and the first parameter
	}
	p.name = strings.ToLower(name)
	s = strings.TrimLeft(s[n+1:], " \t")
	if strings.HasPrefix(s, `"`) {
		p.value, r.rest = r.quoted(s[1:])
	} else {
		p.value, r.rest = r.unquoted(s)
	}
	return p
}

// quoted reads a value behind its opening quote. A quote within, that nothing fit to follow a value follows, is part of
// the value; without a closing quote the value goes up to the next parameter.
func (r *paramReader) quoted(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s) && !r.unclosed; i++ {
		switch {
		case s[i] == '\\' && escapes(s[i+1:]):
			i++
			b.WriteByte(s[i])
		case s[i] == '"' && closes(s[i+1:]):
			if n := overlooked(s[:i]); n >= 0 {
				return s[:n], s[n:]
			}
			if value = b.String(); strings.HasPrefix(s, `"`) {
				value = strings.Trim(value, `"`) // some double them
			}
			return value, s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	r.unclosed = true
	n := paramEnd(s)
	return strings.TrimRight(s[:n], " \t"), s[n:]
}

// escapes tells whether a backslash in front of s is one of RFC 822, not one of a Windows path: `"C:\lists\"`.
func escapes(s string) bool {
	if !strings.HasPrefix(s, `"`) {
		return strings.HasPrefix(s, `\`)
	}
	return !closes(s[1:]) || quoteAhead(s[1:])
}

// closes tells whether rest may follow a closing quote.
func closes(rest string) bool {
	rest = strings.TrimLeft(rest, " \t")
	return rest == "" || rest[0] == ';' || rest[0] == '(' || startsParam(rest)
}

// quoteAhead tells whether a closing quote is still to come, so that an escaped one before a semicolon is no end.
func quoteAhead(s string) bool {
	for i := range len(s) {
		if s[i] == '"' && closes(s[i+1:]) {
			return !strings.Contains(s[:i], "=")
		}
	}
	return false
}

// unquoted reads a value that stands without quotes, blanks and all.
func (r *paramReader) unquoted(s string) (value, rest string) {
	n := 0
	for !r.unwritten && strings.HasPrefix(s[n:], "=?") { // an encoded word may hold a semicolon
		i := strings.Index(s[n+2:], "?=")
		if i < 0 {
			r.unwritten = true
			break
		}
		n += 2 + i + 2
		n += len(s[n:]) - len(strings.TrimLeft(s[n:], " \t"))
	}
	n += paramEnd(s[n:])
	value = strings.TrimRight(s[:n], " \t")
	if len(value) > 1 && value[0] == '\'' && value[len(value)-1] == '\'' {
		value = value[1 : len(value)-1]
	}
	return value, s[n:]
}

// overlooked finds where a value ended whose own closing quote is missing, so that it was read up to a quote of another
// parameter: at the semicolon in front of that. -1 if nothing was overlooked.
func overlooked(s string) int {
	if !strings.Contains(s, `="`) {
		return -1
	}
	for i := range len(s) {
		if s[i] == ';' && startsParam(strings.TrimLeft(s[i+1:], " \t")) {
			return i
		}
	}
	return -1
}

// paramEnd is where an unquoted value ends: at a semicolon, or at a blank that another parameter follows.
func paramEnd(s string) int {
	for i := range len(s) {
		if s[i] == ';' || (s[i] == ' ' || s[i] == '\t') && startsParam(s[i+1:]) {
			return i
		}
	}
	return len(s)
}

// known are the parameters that are recognised behind a value even without a semicolon.
var known = []string{"charset", "name", "filename", "boundary", "size", "format", "type", "creation-date", "modification-date"}

// startsParam tells whether s begins with a known parameter and its "=".
func startsParam(s string) bool {
	name, _, ok := strings.Cut(s[:min(len(s), 40)], "=")
	if !ok {
		return false
	}
	name, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(name)), "*")
	return slices.Contains(known, name)
}

// token returns a parameter whose value has neither blanks nor comments: a charset, a boundary.
func token(params []param, name string) string {
	for _, p := range params {
		if p.name == name {
			return strings.TrimSpace(p.value)
		}
	}
	v, _ := extended(params, name, "")
	return v
}

// fileName returns the parameter of that name decoded, and as it stands; "" if there is none. The form of RFC 2231 goes
// before the plain one, of equal ones the first counts. hint is the charset declared elsewhere.
func fileName(params []param, name, hint string) (decoded, raw string) {
	if decoded, raw = extended(params, name, hint); decoded != "" {
		return decoded, raw
	}
	for _, p := range params {
		if p.name == name {
			return decodeText(p.value, hint), p.value
		}
	}
	return "", ""
}

// segment is one piece of a parameter in the form of RFC 2231 section 3.
type segment struct {
	index   int
	escaped bool // has percent escapes, section 4
	value   string
}

// extended puts a parameter together that has a "*" in its name (RFC 2231). The pieces may come in any order; they are
// joined before they are decoded, as a character, or an escape, may be split between two.
func extended(params []param, name, hint string) (decoded, raw string) {
	segs := segments(params, name)
	if len(segs) == 0 {
		return "", ""
	}
	charset, escapes := "", false
	var b, whole, pending []byte
	for i, s := range segs {
		whole = append(whole, s.value...)
		if !s.escaped {
			b = append(append(b, unpercent(string(pending))...), s.value...)
			pending = pending[:0]
			continue
		}
		if i == 0 {
			charset, s.value = splitCharset(s.value)
		}
		escapes = true
		pending = append(pending, s.value...)
	}
	b = append(b, unpercent(string(pending))...)
	raw = string(whole)
	if charset == "" && !escapes || strings.Contains(string(b), "=?") {
		return decodeText(string(b), hint), raw
	}
	return decode(charset, b, hint), raw
}

// splitCharset takes charset and language off an extended value (RFC 2231 section 4): koi8-r'ru'%F0.
func splitCharset(v string) (charset, text string) {
	if parts := strings.SplitN(v, "'", 3); len(parts) == 3 {
		return parts[0], parts[2]
	}
	return "", v
}

// segments returns the pieces of a parameter in their order. name*=… alone wins over name*0*=….
func segments(params []param, name string) []segment {
	var segs []segment
	name += "*"
	for _, p := range params {
		rest, ok := strings.CutPrefix(p.name, name)
		if !ok {
			continue
		}
		if rest == "" {
			return []segment{{escaped: true, value: p.value}}
		}
		digits, escaped := strings.CutSuffix(rest, "*")
		n, err := strconv.Atoi(digits)
		if err != nil || n < 0 {
			continue
		}
		segs = append(segs, segment{n, escaped, p.value})
	}
	slices.SortStableFunc(segs, func(a, b segment) int { return cmp.Compare(a.index, b.index) })
	return slices.CompactFunc(segs, func(a, b segment) bool { return a.index == b.index }) // the first counts
}

// unpercent decodes percent escapes; a "%" that begins none stands for itself.
func unpercent(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}
