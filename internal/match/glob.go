package match

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	maxMask  = 500 // characters of one mask
	maxAlts  = 256 // plain masks that the braces of one mask stand for: doublestar tries them one after the other
	maxDepth = 8   // braces within braces
)

// CheckGlob tells what is wrong with a file or subject mask: *, ?, […], [^…], {a,b} and \ as the escape.
func CheckGlob(mask string) error {
	switch {
	case mask == "":
		return errors.New("the mask is empty")
	case !utf8.ValidString(mask):
		return fmt.Errorf("mask «%s» is not UTF-8", shown(mask))
	case utf8.RuneCountInString(mask) > maxMask:
		return fmt.Errorf("mask «%s» is longer than %d characters", shown(mask), maxMask)
	case !doublestar.ValidatePattern(mask):
		return fmt.Errorf("mask «%s» cannot be read: a [ or { is not closed, a class is empty, or it ends in \\", shown(mask))
	}
	n, depth := plainMasks(mask)
	if depth > maxDepth {
		return fmt.Errorf("mask «%s» nests braces deeper than %d", shown(mask), maxDepth)
	}
	if n > maxAlts {
		return fmt.Errorf("mask «%s» stands for more than %d masks: write several masks in the list", shown(mask), maxAlts)
	}
	return nil
}

// plainMasks counts the masks without braces that a valid mask stands for, up to just above maxAlts, and how deep
// its braces nest.
func plainMasks(mask string) (count, deepest int) {
	type level struct{ done, present int } // finished alternatives; masks of the present one
	stack := []level{{present: 1}}
	for i := 0; i < len(mask); i++ {
		top := &stack[len(stack)-1]
		switch mask[i] {
		case '\\':
			i++
		case '[':
			i = classEnd(mask, i)
		case '{':
			stack = append(stack, level{present: 1})
			deepest = max(deepest, len(stack)-1)
		case ',':
			if len(stack) > 1 {
				top.done, top.present = min(top.done+top.present, maxAlts+1), 1
			}
		case '}':
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
				outer := &stack[len(stack)-1]
				outer.present = min(outer.present*(top.done+top.present), maxAlts+1)
			}
		}
	}
	return stack[0].present, deepest
}

// classEnd returns the index of the ] that closes the class opened at mask[i].
func classEnd(mask string, i int) int {
	for i++; i < len(mask); i++ {
		switch mask[i] {
		case '\\':
			i++
		case ']':
			return i
		}
	}
	return i
}

// glob is a compiled mask. written is the admin's own text.
type glob struct{ written, folded string }

type globs []glob

// compileGlobs checks and folds masks; key is the configuration key that holds them. File masks see a name without
// its path, so one with a / could never match and is refused.
func compileGlobs(key string, masks []string, files bool) (globs, error) {
	var compiled globs
	var faults []error
	for _, m := range masks {
		err := CheckGlob(m)
		if err == nil && files && strings.Contains(m, "/") {
			err = fmt.Errorf("mask «%s» never matches: it has a / and file names come without a path", shown(m))
		}
		if err == nil {
			g := glob{written: m, folded: unslash(fold(m))}
			// Folding can only make a class useless, [Z-a] becomes [z-a], but a mask must never come to fail later.
			if _, bad := doublestar.Match(g.folded, "x"); bad != nil {
				err = fmt.Errorf("mask «%s» cannot be read: %w", shown(m), bad)
			}
			compiled = append(compiled, g)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", key, err))
		}
	}
	return compiled, errors.Join(faults...)
}

// find returns the first mask that takes text, as the admin wrote it. text must be folded and unslashed.
func (gs globs) find(text string) (mask string, ok bool) {
	for _, g := range gs {
		if doublestar.MatchUnvalidated(g.folded, text) {
			return g.written, true
		}
	}
	return "", false
}

func (gs globs) written() []string {
	masks := make([]string, len(gs))
	for i, g := range gs {
		masks[i] = g.written
	}
	return masks
}

// canonical returns the masks so that equal sets are equal lists.
func (gs globs) canonical() []string {
	masks := make([]string, len(gs))
	for i, g := range gs {
		masks[i] = g.folded
	}
	slices.Sort(masks)
	return slices.Compact(masks)
}

// fold makes texts comparable: NFC, case-folded in every script. Folding can decompose, so NFC comes last too.
func fold(s string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}

// unslash hides slashes from doublestar, whose * and ? stop at them: a subject is no path.
func unslash(s string) string {
	return strings.ReplaceAll(s, "/", "\uf8ff")
}

// TakesName reports whether a file mask, which must be one that CheckGlob finds good, takes a file of that name.
func TakesName(mask, name string) bool {
	ok, err := doublestar.Match(unslash(fold(mask)), unslash(fold(baseName(name))))
	return ok && err == nil
}

// BaseName is what masks are asked about: the last element of a name that came with a path of either kind.
func BaseName(name string) string { return baseName(name) }

// baseName returns the last element of a name that came with a path of either kind; a name of separators alone
// stays as it is.
func baseName(name string) string {
	trimmed := strings.TrimRight(name, `/\`)
	if trimmed == "" {
		return name
	}
	return trimmed[strings.LastIndexAny(trimmed, `/\`)+1:]
}
