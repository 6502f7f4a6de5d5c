package match

import (
	"slices"
	"strings"
	"unicode"

	"github.com/bmatcuk/doublestar/v4"
)

// suggestMask returns a mask that takes name and is close to those that there are: one of them with another extension,
// else one made of the name itself. "" where none can be told. What is returned takes name, whatever is in it.
func suggestMask(masks globs, name string) string {
	name = baseName(name)
	folded := unslash(fold(name))
	stem, ext := splitExt(name)
	takes := func(mask string) bool {
		if CheckGlob(mask) != nil || strings.Contains(mask, "/") {
			return false
		}
		ok, err := doublestar.Match(unslash(fold(mask)), folded)
		return err == nil && ok
	}
	if ext != "" {
		for _, g := range masks {
			if mask := withExt(g.written, strings.ToLower(ext)); mask != "" && takes(mask) {
				return mask
			}
		}
	}
	if mask := generalised(stem, ext); takes(mask) {
		return mask
	}
	return ""
}

// splitExt splits a name at its extension: up to eight letters and digits behind the last dot. ext comes without the dot.
func splitExt(name string) (stem, ext string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 || !plainExt(name[i+1:]) {
		return name, ""
	}
	return name[:i], name[i+1:]
}

func plainExt(ext string) bool {
	return ext != "" && len(ext) <= 8 && !strings.ContainsFunc(ext, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// withExt adds an extension to a mask that ends in one or several, "*.zip" or "*.{xls,xlsx}"; "" for other masks.
func withExt(mask, ext string) string {
	i := strings.LastIndexByte(mask, '.')
	if i < 0 {
		return ""
	}
	stem, tail := mask[:i+1], mask[i+1:]
	if inner, ok := strings.CutPrefix(tail, "{"); ok {
		if inner, ok = strings.CutSuffix(inner, "}"); !ok {
			return ""
		}
		tail = inner
	}
	exts := strings.Split(tail, ",")
	if slices.ContainsFunc(exts, func(e string) bool { return !plainExt(e) }) {
		return ""
	}
	return stem + "{" + strings.Join(append(exts, ext), ",") + "}"
}

// generalised makes a mask of a name: what changes from one list to the next, its numbers, becomes *, and so does what may
// come behind a name without any.
func generalised(stem, ext string) string {
	var b strings.Builder
	starred, open := false, false
	for i, r := range []rune(stem) {
		switch {
		case unicode.IsDigit(r), open && i > 0 && strings.ContainsRune(".-_ :", r) && digitAfter(stem, i):
			if !open {
				b.WriteByte('*')
			}
			starred, open = true, true
		default:
			open = false
			if strings.ContainsRune(`*?[]{}\`, r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
	}
	if !starred {
		b.WriteByte('*')
	}
	if ext != "" {
		b.WriteString("." + strings.ToLower(ext))
	}
	return b.String()
}

// digitAfter reports whether a digit stands behind the i-th character.
func digitAfter(s string, i int) bool {
	runes := []rune(s)
	return i+1 < len(runes) && unicode.IsDigit(runes[i+1])
}
