package mimepart

import (
	"encoding/base64"
	"strings"
)

// decodeText decodes unstructured header text: encoded words (RFC 2047), also inside quotes or glued to other text, and
// raw 8-bit characters of a charset that has to be guessed. hint is a charset declared elsewhere.
func decodeText(s, hint string) string {
	if !strings.Contains(s, "=?") {
		return decodeRaw(s, hint)
	}
	var out strings.Builder
	var run words
	for s != "" {
		w, before, after, ok := nextWord(s)
		if !ok {
			before, after = s, ""
		}
		if before != "" && (!run.open() || !ok || strings.Trim(before, " \t") != "") {
			run.flush(&out, hint)
			out.WriteString(decodeRaw(before, hint))
		}
		if ok {
			run.add(w, &out, hint)
		}
		s = after
	}
	run.flush(&out, hint)
	return out.String()
}

// decodeRaw decodes text outside encoded words.
func decodeRaw(s, hint string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return guess([]byte(s), hint)
		}
	}
	return s
}

// word2047 is one encoded word.
type word2047 struct {
	charset string
	base64  bool
	text    string
}

// nextWord finds the first encoded word of s. Blanks inside it are tolerated: scripts do not encode them.
func nextWord(s string) (w word2047, before, after string, ok bool) {
	for from := 0; ; {
		i := strings.Index(s[from:], "=?")
		if i < 0 {
			return w, "", "", false
		}
		i += from
		from = i + 2
		charset, rest, found := strings.Cut(s[i+2:], "?")
		if !found || len(rest) < 4 {
			return w, "", "", false
		}
		enc := rest[0] | 0x20
		if enc != 'b' && enc != 'q' || rest[1] != '?' || charset == "" || strings.ContainsAny(charset, " \t=\"") {
			continue
		}
		text, after, found := strings.Cut(rest[2:], "?=")
		if !found { // nor would a later word end
			return w, "", "", false
		}
		return word2047{charsetName(charset), enc == 'b', text}, s[:i], after, true
	}
}

// words is a run of encoded words of one charset. Their bytes are joined before they are decoded, because mailers
// split in the middle of a character, and some in the middle of a base64 quantum.
type words struct {
	charset string
	bytes   []byte
	pending []byte // base64 without padding, which the next word may go on with
}

func (r *words) open() bool { return r.charset != "" }

// add takes one more word, writing out what came before if it is of another charset.
func (r *words) add(w word2047, out *strings.Builder, hint string) {
	if r.open() && r.charset != w.charset {
		r.flush(out, hint)
	}
	r.charset = w.charset
	if !w.base64 {
		r.settle()
		r.bytes = append(r.bytes, decodeQ(w.text)...)
		return
	}
	r.pending = append(r.pending, w.text...)
	if strings.HasSuffix(w.text, "=") {
		r.settle()
	}
}

func (r *words) settle() {
	r.bytes = append(r.bytes, decodeB(r.pending)...)
	r.pending = r.pending[:0]
}

func (r *words) flush(out *strings.Builder, hint string) {
	if !r.open() {
		return
	}
	r.settle()
	out.WriteString(decode(r.charset, r.bytes, hint))
	*r = words{}
}

// decodeB decodes the base64 of an encoded word, whatever is wrong with its padding.
func decodeB(s []byte) []byte {
	clean := make([]byte, 0, len(s))
	for _, c := range s {
		switch {
		case c == '-':
			c = '+'
		case c == '_':
			c = '/'
		}
		if base64Value[c] < 64 {
			clean = append(clean, c)
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	n, err := base64.RawStdEncoding.Decode(clean, clean)
	if err != nil {
		return nil
	}
	return clean[:n]
}

// decodeQ decodes the Q encoding (RFC 2047 section 4.2); what is no escape stands for itself.
func decodeQ(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '_':
			c = ' '
		case c == '=' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		out = append(out, c)
	}
	return out
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
