package mailbox

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	// stars stand for a secret.
	stars = "****"
	// remembered is how many passwords of one account are hidden: servers also talk of the one before.
	remembered = 4
	// telling is how many characters of a secret are hidden where a text was cut in the middle of it. A shorter form of a
	// secret is hidden only where it is a word of its own.
	telling = 4
)

// Hidden knows the secrets that sessions log in with, and takes them out of what servers say: some repeat a password in
// their refusal, as it is or encoded, and what they say ends in errors, logs and the journal. Sessions that share a Hidden
// hide each other's secrets, and those of earlier sessions. It is safe for concurrent use; the zero value knows none.
type Hidden struct {
	mu      sync.Mutex
	secrets map[string][]hiddenSecret // by account, the newest last
}

type hiddenSecret struct {
	secret string
	forms  []string // in which a text may show it, in lower case
}

// add makes the secret of an account known.
func (h *Hidden) add(account, user, secret string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := h.secrets[account]
	if secret == "" || slices.ContainsFunc(known, func(k hiddenSecret) bool { return k.secret == secret }) {
		return
	}
	if h.secrets == nil {
		h.secrets = map[string][]hiddenSecret{}
	}
	known = append(slices.Clone(known), hiddenSecret{secret, encodings(user, secret)})
	h.secrets[account] = known[max(0, len(known)-remembered):]
}

// forms returns those of every known secret.
func (h *Hidden) forms() (all []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, known := range h.secrets {
		for _, k := range known {
			all = append(all, k.forms...)
		}
	}
	return all
}

// encodings are the ways in which a text may show a secret: as it is, as servers, logs and errors quote it, in hex, in
// percent-encoding, and in base64, wherever it stands in what was encoded.
func encodings(user, secret string) []string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret) // as IMAP does
	percent := ""
	for _, c := range []byte(secret) {
		percent += fmt.Sprintf("%%%02x", c)
	}
	forms := []string{secret, clean(secret), quoted, hex.EncodeToString([]byte(secret)), percent,
		url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(url.QueryEscape(secret), "+", "%20")}
	for _, quote := range []func(string) string{strconv.Quote, strconv.QuoteToASCII} {
		for text, depth := secret, 0; depth < 3; depth++ { // a server's quotes, in ours, in a log's
			q := quote(text)
			text = q[1 : len(q)-1]
			forms = append(forms, text)
		}
	}
	for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for _, text := range []string{secret, "\x00" + user + "\x00" + secret, user + "\x00" + user + "\x00" + secret, user + ":" + secret} {
			forms = append(forms, alphabet.EncodeToString([]byte(text)))
		}
		for before := range 3 {
			forms = append(forms, within(alphabet, before, secret))
		}
	}
	for i := range forms {
		forms[i] = lower(forms[i])
	}
	slices.Sort(forms)
	return slices.DeleteFunc(slices.Compact(forms), func(form string) bool { return form == "" })
}

// within is what the base64 of every text with secret behind so many octets, modulo 3, has in common: the first and the
// last characters depend on what stands beside the secret. "" where too little is left to tell it by.
func within(alphabet *base64.Encoding, before int, secret string) string {
	encoded := alphabet.EncodeToString(append(make([]byte, before), secret...))
	from, to := (before*8+5)/6, (before+len(secret))*8/6
	if to-from < 2*telling {
		return ""
	}
	return encoded[from:to]
}

// lower is strings.ToLower that keeps every octet at its place. Servers shout.
func lower(s string) string {
	b := []byte(s)
	for i, c := range s {
		if small := unicode.ToLower(c); small != c && utf8.RuneLen(small) == utf8.RuneLen(c) {
			utf8.EncodeRune(b[i:], small)
		}
	}
	return string(b)
}

// Text returns s without the secrets.
func (h *Hidden) Text(s string) string {
	forms := h.forms()
	if len(forms) == 0 || s == "" {
		return s
	}
	low, secret := lower(s), make([]bool, len(s))
	found := false
	for _, form := range forms {
		for at := 0; ; at++ {
			i := strings.Index(low[at:], form)
			if i < 0 {
				break
			}
			if at += i; len(form) >= telling || alone(low, at, at+len(form)) {
				found = mark(secret, at, at+len(form))
			}
		}
	}
	for _, end := range cuts(low) {
		if n := beginning(low[:end], forms); n > 0 {
			found = mark(secret, end-n, end)
		}
	}
	if !found {
		return s
	}
	return blackened(s, secret)
}

func mark(secret []bool, from, to int) bool {
	for i := from; i < to; i++ {
		secret[i] = true
	}
	return true
}

// blackened puts stars in the place of what is secret, and of the = with which a base64 of it ends.
func blackened(s string, secret []bool) string {
	var out strings.Builder
	for i := range len(s) {
		hide := secret[i] || i > 0 && secret[i-1] && s[i] == '='
		secret[i] = hide
		switch {
		case !hide:
			out.WriteByte(s[i])
		case i == 0 || !secret[i-1]:
			out.WriteString(stars)
		}
	}
	return out.String()
}

// alone reports whether s[from:to] is not a part of a longer word or number.
func alone(s string, from, to int) bool {
	return (from == 0 || !wordly(s[from-1])) && (to == len(s) || !wordly(s[to]))
}

func wordly(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c >= utf8.RuneSelf
}

// cuts are the places where s may have been cut: its end, and what stands before an ellipsis or a closing quote.
func cuts(s string) []int {
	at := []int{len(s)}
	for i := range s {
		if s[i] == '"' || strings.HasPrefix(s[i:], "…") {
			at = append(at, i)
		}
	}
	return at
}

// beginning is how many octets at the end of s begin a secret, not all of it; 0 if fewer than telling do.
func beginning(s string, forms []string) int {
	most := 0
	for _, form := range forms {
		for n := min(len(form)-1, len(s), keptLine); n >= telling && n > most; n-- {
			if strings.HasSuffix(s, form[:n]) {
				most = n
			}
		}
	}
	return most
}

// Error returns err with a text without the secrets. What err wraps is still to be found in it.
func (h *Hidden) Error(err error) error {
	if err == nil {
		return nil
	}
	if text := h.Text(err.Error()); text != err.Error() {
		return &discreetError{text, err}
	}
	return err
}

// discreetError is an error in other words.
type discreetError struct {
	text string
	err  error
}

func (e *discreetError) Error() string { return e.text }
func (e *discreetError) Unwrap() error { return e.err }
