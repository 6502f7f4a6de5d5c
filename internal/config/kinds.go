package config

import (
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"
)

// longest bounds every duration, so that none of them can overflow.
const longest = 3650 * day

// scalar makes the kind of a single value from a parser of its raw text; print returns "" for what is not set.
func scalar[V any](s object, parse func(r *reader, n *node) (V, error), print func(V) *yaml.Node) kind[V] {
	return kind[V]{
		schema: s,
		show:   print,
		read: func(r *reader, n *node) (v V, ok bool) {
			if !r.expect(n, scalarNode) {
				return v, false
			}
			v, err := parse(r, n)
			if err != nil {
				r.reject(n, err)
				return v, false
			}
			return v, true
		},
	}
}

// text is a kind of free text under a further check, which may also bring the text into its normal form.
func text(check func(string) (string, error)) kind[string] {
	return scalar(textSchema(), func(_ *reader, n *node) (string, error) {
		if err := printable(n.text); err != nil {
			return "", err
		}
		return check(n.text)
	}, showText)
}

func showText(s string) *yaml.Node {
	if s == "" {
		return nil
	}
	return textNode(s)
}

func anyText(s string) (string, error) { return s, nil }

// printable refuses what no value of the file can sensibly hold: nothing, control characters, blanks around.
func printable(s string) error {
	switch {
	case s == "":
		return &problem{"the value is empty", ""}
	case strings.ContainsFunc(s, unicode.IsControl):
		return &problem{"the value contains a control character or a line break", ""}
	case strings.TrimSpace(s) != s:
		return &problem{"the value begins or ends with a blank", "remove it"}
	}
	return nil
}

// pathname is a kind of file or directory name.
func pathname() kind[string] {
	return scalar(textSchema(), func(r *reader, n *node) (string, error) { return r.path(n) }, showText)
}

// boolean is true or false; YAML 1.1's yes and off are not, for "off" means something else here.
func boolean() kind[bool] {
	return scalar(object{"type": "boolean"}, func(_ *reader, n *node) (bool, error) {
		switch n.text {
		case "true", "True", "TRUE":
			return true, nil
		case "false", "False", "FALSE":
			return false, nil
		}
		return false, expected("true or false", n.text)
	}, func(v bool) *yaml.Node { return plainNode(strconv.FormatBool(v)) })
}

// choice is one of a few words.
func choice(words ...string) kind[string] {
	return scalar(object{"enum": words}, func(_ *reader, n *node) (string, error) {
		if slices.Contains(words, n.text) {
			return n.text, nil
		}
		return "", notOneOf(words, n.text)
	}, func(v string) *yaml.Node { return plainNode(v) })
}

func notOneOf(words []string, got string) error {
	return &problem{expected("one of "+strings.Join(words, ", "), got).Error(), didYouMean(got, words)}
}

// count is a whole number within bounds; 0 outside of them means not set.
func count(least, most int) kind[int] {
	s := object{"type": "integer", "minimum": least, "maximum": most}
	return scalar(s, func(_ *reader, n *node) (int, error) {
		v, err := strconv.Atoi(n.text)
		if err != nil || v < least || v > most {
			return 0, expected(fmt.Sprintf("a whole number from %d to %d", least, most), n.text)
		}
		return v, nil
	}, func(v int) *yaml.Node { return plainNode(strconv.Itoa(v)) })
}

// countOrOff is a count, or "off" for 0.
func countOrOff(least, most int) kind[int] {
	k := count(least, most)
	return kind[int]{
		schema: orOff(k.schema),
		read: func(r *reader, n *node) (int, bool) {
			if n.isOff() {
				return 0, true
			}
			return k.read(r, n)
		},
		show: func(v int) *yaml.Node {
			if v == 0 {
				return plainNode("off")
			}
			return k.show(v)
		},
	}
}

var durationText = regexp.MustCompile(`^([0-9]{1,9})(s|m|h|d)$`)

var units = []struct {
	name string
	size time.Duration
}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

func parseDuration(s string) (time.Duration, error) {
	m := durationText.FindStringSubmatch(s)
	if m == nil {
		return 0, expected("a duration such as 90s, 5m, 24h or 7d", s)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, expected("a duration such as 90s, 5m, 24h or 7d", s)
	}
	for _, u := range units {
		if u.name == m[2] && n <= int64(longest/u.size) {
			return time.Duration(n) * u.size, nil
		}
	}
	return 0, expected("a duration of at most 3650d", s)
}

func formatDuration(d time.Duration) string {
	for _, u := range units {
		if d >= u.size && d%u.size == 0 {
			return strconv.FormatInt(int64(d/u.size), 10) + u.name
		}
	}
	return "0s"
}

// duration is a whole number of seconds, minutes, hours or days; with off, "off" stands for 0.
func duration(least time.Duration, off bool) kind[time.Duration] {
	s := object{"type": "string", "pattern": durationText.String()}
	if off {
		s = orOff(s)
	}
	return scalar(s, func(_ *reader, n *node) (time.Duration, error) {
		if off && n.isOff() {
			return 0, nil
		}
		d, err := parseDuration(n.text)
		if err == nil && d < least {
			err = expected("a duration of at least "+formatDuration(least), n.text)
		}
		return d, err
	}, func(d time.Duration) *yaml.Node {
		if off && d == 0 {
			return plainNode("off")
		}
		return plainNode(formatDuration(d))
	})
}

var sizeText = regexp.MustCompile(`^([0-9]{1,15})(B|KB|MB|GB|TB)$`)

var sizes = []struct {
	name  string
	bytes int64
}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}}

func parseSize(s string) (int64, error) {
	if m := sizeText.FindStringSubmatch(s); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		for _, u := range sizes {
			if err == nil && u.name == m[2] && n <= math.MaxInt64/u.bytes {
				return n * u.bytes, nil
			}
		}
	}
	return 0, expected("a size such as 500KB, 100MB or 1GB", s)
}

func formatSize(v int64) string {
	for _, u := range sizes {
		if v >= u.bytes && v%u.bytes == 0 {
			return strconv.FormatInt(v/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

// size is a number of bytes in decimal units; with off, "off" stands for 0.
func size(least int64, off bool) kind[int64] {
	s := object{"type": "string", "pattern": sizeText.String()}
	if off {
		s = orOff(s)
	}
	return scalar(s, func(_ *reader, n *node) (int64, error) {
		if off && n.isOff() {
			return 0, nil
		}
		v, err := parseSize(n.text)
		if err == nil && v < least {
			err = expected("a size of at least "+formatSize(least), n.text)
		}
		return v, err
	}, func(v int64) *yaml.Node {
		if off && v == 0 {
			return plainNode("off")
		}
		return plainNode(formatSize(v))
	})
}

// unixBits are the mode bits above the permissions.
var unixBits = []struct {
	unix uint64
	mode fs.FileMode
}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}}

// mode is an octal Unix mode that has at least the bits of need and none but those of allowed.
func mode(need, allowed fs.FileMode, example string) kind[fs.FileMode] {
	want := fmt.Sprintf("an octal mode such as %q", example)
	s := object{"type": []string{"string", "integer"}, "pattern": `^(0o)?[0-7]{3,5}$`}
	return scalar(s, func(_ *reader, n *node) (fs.FileMode, error) {
		bits, err := strconv.ParseUint(strings.TrimPrefix(n.text, "0o"), 8, 16)
		if err != nil || len(n.text) < 3 {
			return 0, expected(want, n.text)
		}
		m := fs.FileMode(bits) & fs.ModePerm
		for _, b := range unixBits {
			if bits&b.unix != 0 {
				m |= b.mode
			}
		}
		if bits > 0o7777 || m&^allowed != 0 {
			return 0, expected(want, n.text)
		}
		if m&need != need {
			return 0, &problem{fmt.Sprintf("%s takes the owner's own access away", n.text), fmt.Sprintf("at least %04o", need)}
		}
		return m, nil
	}, func(m fs.FileMode) *yaml.Node { return textNode(formatMode(m)) })
}

func formatMode(m fs.FileMode) string {
	bits := uint64(m.Perm())
	for _, b := range unixBits {
		if m&b.mode != 0 {
			bits |= b.unix
		}
	}
	return fmt.Sprintf("%04o", bits)
}

// list is a list of texts; a single text is a list of one. check may bring an item into its normal form.
func list(check func(r *reader, s string) (string, error)) kind[[]string] {
	item := textSchema()
	s := object{"anyOf": []object{item, {"type": "array", "items": item, "minItems": 1, "uniqueItems": true}}}
	return kind[[]string]{
		schema: s,
		read:   func(r *reader, n *node) ([]string, bool) { return readList(r, n, check) },
		show: func(v []string) *yaml.Node {
			if len(v) == 0 {
				return nil
			}
			return listOf(v)
		},
	}
}

func readList(r *reader, n *node, check func(r *reader, s string) (string, error)) ([]string, bool) {
	items := n.items
	switch {
	case n.kind == scalarNode:
		items = []*node{n}
	case !r.expect(n, listNode):
		return nil, false
	case len(items) == 0:
		r.fault(n, "the list is empty", "")
		return nil, false
	}
	var out []string
	ok := true
	for _, item := range items {
		s, good := readItem(r, item, check)
		if good && slices.Contains(out, s) {
			r.fault(item, fmt.Sprintf("%s is given twice", quote(s)), "")
			good = false
		}
		if !good {
			ok = false
			continue
		}
		out = append(out, s)
	}
	return out, ok
}

func readItem(r *reader, n *node, check func(r *reader, s string) (string, error)) (string, bool) {
	if n.kind == nullNode {
		r.fault(n, "the item is empty", "a value that begins with # or & must be in quotes")
		return "", false
	}
	if !r.expect(n, scalarNode) {
		return "", false
	}
	err := printable(n.text)
	s := n.text
	if err == nil {
		s, err = check(r, s)
	}
	if err != nil {
		r.reject(n, err)
	}
	return s, err == nil
}
