package save

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	numbers = 9999 // of "name (9999).xls"
	maxName = 255  // bytes of a name on the file systems of Linux and Windows
	reserve = len(" (9999)") + len(".json")
	maxSafe = maxName - reserve // bytes of what SafeName returns: a number and a sidecar's suffix still fit
	maxExt  = 24                // bytes of an extension with its dot; what is longer is part of the name
)

// SafeName makes a sender's file name fit to be created in a directory that Linux and Windows both read (semantics
// 2.3). Of a path the last element stays, as browsers do. The result is NFC, never empty, at most maxSafe bytes, and
// making it safe again changes nothing.
func SafeName(original string) string {
	name := strings.ToValidUTF8(original, "_")
	name = norm.NFC.String(strings.Map(visible, name))
	name = base(name)
	name = trim(strings.Map(allowed, name))
	name = trim(cut(offDevice(name)))
	if name = offDevice(name); name == "" {
		return "unnamed"
	}
	return name
}

// visible drops what is not seen, or changes how the rest is seen (bidi and zero width characters); line breaks and
// tabs become spaces.
func visible(r rune) rune {
	switch {
	case unicode.IsSpace(r), unicode.In(r, unicode.Zl, unicode.Zp):
		if r == ' ' || unicode.Is(unicode.Zs, r) {
			return r
		}
		return ' '
	case unicode.In(r, unicode.Cc, unicode.Cf):
		return -1
	default:
		return r
	}
}

// base is the last element of a path of either kind, without a drive.
func base(name string) string {
	name = strings.TrimRight(name, `/\`)
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	if len(name) > 1 && name[1] == ':' && unicode.IsLetter(rune(name[0])) && name[0] < utf8.RuneSelf {
		name = name[2:]
	}
	return name
}

// allowed replaces what Windows refuses in names.
func allowed(r rune) rune {
	if strings.ContainsRune(`<>:"|?*`, r) {
		return '_'
	}
	return r
}

// trim cuts leading dots (hidden files) and trailing ones (Windows drops them), and blanks at both ends.
func trim(name string) string {
	return strings.TrimFunc(name, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
}

// offDevice keeps a name from meaning a device on Windows, where CON.xls is the console too.
func offDevice(name string) string {
	stem, _, _ := strings.Cut(name, ".")
	switch stem = strings.ToUpper(strings.TrimRightFunc(stem, unicode.IsSpace)); stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return "_" + name
	}
	for _, port := range []string{"COM", "LPT"} {
		if digit, ok := strings.CutPrefix(stem, port); ok && utf8.RuneCountInString(digit) == 1 &&
			strings.Contains("0123456789¹²³", digit) {
			return "_" + name
		}
	}
	return name
}

// cut shortens a name to maxSafe bytes; the extension stays.
func cut(name string) string {
	if len(name) <= maxSafe {
		return name
	}
	stem, ext := splitExt(name)
	return trim(cutAt(stem, maxSafe-len(ext))) + ext
}

// cutAt returns at most n bytes of s, ending between two characters and never between a letter and the marks on it.
func cutAt(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	whole := n
	for n > 0 {
		next, _ := utf8.DecodeRuneInString(s[n:])
		if !unicode.Is(unicode.M, next) {
			return s[:n]
		}
		_, size := utf8.DecodeLastRuneInString(s[:n])
		n -= size
	}
	return s[:whole] // nothing but marks
}

// numbered is the n-th name for a safe one: "name.xls", "name (2).xls", …
func numbered(name string, n int) string {
	if n < 2 {
		return name
	}
	stem, ext := splitExt(name)
	return stem + " (" + strconv.Itoa(n) + ")" + ext
}

// splitExt parts a name before its extension; ".tar.gz" and its like are one.
func splitExt(name string) (stem, ext string) {
	stem, ext = lastExt(name)
	if packed(ext) {
		if rest, inner := lastExt(stem); packable(inner) {
			return rest, inner + ext
		}
	}
	return stem, ext
}

// lastExt takes what follows the last dot for an extension unless it is long, has blanks, or is a number as in a date.
func lastExt(name string) (stem, ext string) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 1 || len(name)-dot > maxExt || strings.ContainsFunc(name[dot:], unicode.IsSpace) ||
		!strings.ContainsFunc(name[dot+1:], func(r rune) bool { return !unicode.IsDigit(r) }) {
		return name, ""
	}
	return name[:dot], name[dot:]
}

func packed(ext string) bool {
	switch strings.ToLower(ext) {
	case ".gz", ".bz2", ".xz", ".zst", ".zip":
		return true
	}
	return false
}

func packable(ext string) bool {
	switch strings.ToLower(ext) {
	case ".tar", ".csv", ".xls", ".xlsx", ".xml", ".yml", ".json", ".txt", ".dbf":
		return true
	}
	return false
}
