package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// disagreement is one parser's other opinion on one message.
type disagreement struct {
	message, parser, says string
	want                  string // what pricefetch says
}

func (d disagreement) key() string { return d.message + "\t" + d.parser }

// explained are the lines of explained.tsv.
type explained struct {
	python string // version that the lines are of
	lines  map[string]line
	order  []string
}

type line struct{ says, why string }

const pythonLine = "# python "

// readExplained reads the file; one that is not there explains nothing.
func readExplained(file string) (explained, error) {
	e := explained{lines: map[string]line{}}
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, err
	}
	for i, text := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		if version, ok := strings.CutPrefix(text, pythonLine); ok {
			e.python = version
		}
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		f := strings.Split(text, "\t")
		if len(f) != 4 {
			return e, fmt.Errorf("%s:%d: %d columns, expected message, parser, what it says, why", file, i+1, len(f))
		}
		key := f[0] + "\t" + f[1]
		if _, twice := e.lines[key]; twice {
			return e, fmt.Errorf("%s:%d: %s is explained twice", file, i+1, key)
		}
		e.lines[key] = line{f[2], f[3]}
		e.order = append(e.order, key)
	}
	return e, nil
}

// faults are the disagreements that no line explains, and the lines that explain nothing. Another version of Python than
// the lines were written with may say other things, or agree: what is explained may then differ.
func (e explained) faults(version string, found []disagreement) (out []string) {
	seen := map[string]bool{}
	for _, d := range found {
		seen[d.key()] = true
		l, ok := e.lines[d.key()]
		switch {
		case !ok || l.why == "" || l.why == "?":
			out = append(out, fmt.Sprintf("not explained: %s says of %s: %s\n    pricefetch: %s", d.parser, d.message, d.says, d.want))
		case l.says != d.says && (d.parser != "python" || version == e.python):
			out = append(out, fmt.Sprintf("explained is another answer: %s says of %s: %s\n    explained: %s", d.parser, d.message, d.says, l.says))
		}
	}
	for _, key := range e.order {
		if !seen[key] && (!strings.HasSuffix(key, "\tpython") || version == e.python) {
			out = append(out, "explained, and does not occur: "+strings.ReplaceAll(key, "\t", ", "))
		}
	}
	return out
}

// write writes the file anew.
func (e explained) write(file, version string, found []disagreement) error {
	var b strings.Builder
	b.WriteString("# Where other parsers say something else about a sample than pricefetch: message, parser, what it says, why.\n")
	b.WriteString(pythonLine + version + "\n")
	for _, d := range found {
		why := "?"
		if l, ok := e.lines[d.key()]; ok && l.why != "" {
			why = l.why
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", d.message, d.parser, d.says, why)
	}
	return os.WriteFile(file, []byte(b.String()), 0o666)
}
