package mimepart

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
)

// aliases are names that mailers use for charsets and no registry knows.
var aliases = map[string]string{
	"cp-1251": "windows-1251", "win-1251": "windows-1251", "win1251": "windows-1251", "windows1251": "windows-1251",
	"windows-cp1251": "windows-1251", "cp_1251": "windows-1251", "1251": "windows-1251", "ansi": "windows-1251",
	"koi8r": "koi8-r", "koi-8-r": "koi8-r", "koi-8": "koi8-r",
	"cp-866": "ibm866", "cp_866": "ibm866", "dos-866": "ibm866", "dos866": "ibm866", "windows-866": "ibm866", "oem": "ibm866",
	"utf8": "utf-8", "utf_8": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-8-mac": "utf-8", "utf8mb4": "utf-8",
}

// charsetName brings the name of a charset into one form; the language suffix of RFC 2231 section 5 is cut.
func charsetName(name string) string {
	name, _, _ = strings.Cut(name, "*")
	name = strings.ToLower(strings.Trim(name, " \t\"'"))
	if a, ok := aliases[name]; ok {
		return a
	}
	return name
}

// decode turns bytes of the named charset into UTF-8. Where the charset is unknown, or the bytes are not of it, their
// charset is guessed; hint is one declared elsewhere.
func decode(name string, b []byte, hint string) string {
	switch name = charsetName(name); name {
	case "utf-8", "us-ascii", "ascii", "":
		return guess(b, hint)
	}
	if s, ok := transcode(name, b); ok {
		return s
	}
	return guess(b, hint)
}

// transcode is false if the charset is unknown.
func transcode(name string, b []byte) (string, bool) {
	r, err := charset.Reader(name, strings.NewReader(string(b)))
	if err != nil {
		return "", false
	}
	out, err := io.ReadAll(r)
	if err != nil {
		return "", false
	}
	return strings.ToValidUTF8(string(out), "\uFFFD"), true
}

// guess decodes bytes of which nobody says the charset: UTF-8 if they are valid UTF-8, else the hint if it is of use,
// else whichever Cyrillic charset makes them look most like Russian.
func guess(b []byte, hint string) string {
	if utf8.Valid(b) {
		return string(b)
	}
	hint = charsetName(hint)
	best, score := guessCyrillic(b, hint)
	switch {
	case !isCyrillic(hint) && !isWestern(hint):
		if s, ok := transcode(hint, b); ok && !strings.ContainsRune(s, utf8.RuneError) {
			return s
		}
	case isWestern(hint) && score < 0:
		if s, ok := transcode(hint, b); ok {
			return s
		}
	}
	return best
}

// isWestern: charsets that mailers declare without meaning it.
func isWestern(name string) bool {
	return name == "us-ascii" || name == "ascii" || name == "windows-1252" || strings.HasPrefix(name, "iso-8859-1")
}

func isCyrillic(name string) bool {
	switch name {
	case "windows-1251", "koi8-r", "koi8-u", "ibm866", "iso-8859-5", "x-mac-cyrillic":
		return true
	}
	return false
}
