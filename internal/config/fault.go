package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Fault is one thing that is wrong, or in Config.Warnings unwise, in a configuration file.
type Fault struct {
	File    string // as given to Load; an included file below the same folder
	Line    int    // from 1; 0: the file as a whole
	Col     int    // in characters, from 1
	Path    string // of the key: "mailboxes[prices].retention.brake"; "" where there is none
	Message string
	Hint    string // what to do; "" if the message says it all
}

// String returns "file:line:col: path: message (hint)".
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Col)
	}
	b.WriteString(": ")
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Message)
	if f.Hint != "" {
		b.WriteString(" (" + f.Hint + ")")
	}
	return b.String()
}

// Faults is every fault of a configuration, in the order of the files and within them of the lines.
type Faults []Fault

// Error lists the faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// tidy sorts the faults by file in the order given, then by place, and drops repetitions: a faulty inherited or
// aliased value is met once for each place that uses it.
func (f Faults) tidy(files []string) Faults {
	type identity struct {
		file, message string
		line, col     int
	}
	seen := map[identity]bool{}
	var out Faults
	for _, fault := range f {
		id := identity{fault.File, fault.Message, fault.Line, fault.Col}
		if !seen[id] {
			seen[id] = true
			out = append(out, fault)
		}
	}
	order := map[string]int{}
	for i, file := range files {
		order[file] = i
	}
	slices.SortStableFunc(out, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return out
}

// problem is the error of a typed reader: a message and what to do about it.
type problem struct {
	message, hint string
}

func (p *problem) Error() string { return p.message }

// expected says what a value should have looked like.
func expected(want, got string) error {
	return &problem{message: fmt.Sprintf("expected %s, not %s", want, quote(got))}
}

// confided finds a password that slipped into a value or a key: by a quote that is not closed, or no blank after the colon.
var confided = regexp.MustCompile(`(?is)((?:pass|парол|secret|token)[\pL\pN_]*\s*[\s:=]\s*).+`)

// veil hides what follows the word password in what a message shows of the file.
func veil(s string) string { return confided.ReplaceAllString(s, "${1}"+redacted) }

// quote hides a password in a value, and cuts what is too long to be shown in a message.
func quote(s string) string {
	const most = 60
	s = veil(s)
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
