package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// decode reads the one YAML document of a file. A nil node comes with a fault.
func decode(file string, data []byte) (*yaml.Node, *Fault) {
	data, fault := plainText(file, data)
	if fault != nil {
		return nil, fault
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &Fault{File: file, Line: 1, Col: 1, Message: "the file is empty"}
	case err != nil:
		return nil, syntaxFault(file, data, err)
	}
	switch err := d.Decode(&next); {
	case errors.Is(err, io.EOF):
		return doc.Content[0], nil
	case err != nil:
		return nil, syntaxFault(file, data, err)
	}
	return nil, &Fault{
		File: file, Line: next.Line, Col: next.Column,
		Message: "a second document begins here", Hint: "one file holds one document; remove the line ---",
	}
}

// plainText strips a byte order mark and refuses what is not UTF-8 text, at its place.
func plainText(file string, data []byte) ([]byte, *Fault) {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return nil, &Fault{File: file, Line: 1, Col: 1, Message: "the file is UTF-16", Hint: "save it as UTF-8"}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	line, col := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return nil, &Fault{
				File: file, Line: line, Col: col,
				Message: fmt.Sprintf("byte 0x%02X is not UTF-8", data[i]), Hint: "save the file as UTF-8",
			}
		case !allowedRune(r):
			return nil, &Fault{
				File: file, Line: line, Col: col,
				Message: fmt.Sprintf("control character U+%04X", r), Hint: "remove it",
			}
		case r == '\n':
			line, col = line+1, 0
		}
		col++
		i += size
	}
	return data, nil
}

// allowedRune tells what a YAML file may hold (YAML 1.2 section 5.1).
func allowedRune(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r == 0x85:
		return true
	case r < 0x20, r >= 0x7f && r < 0xa0, r == 0xfffe, r == 0xffff:
		return false
	}
	return true
}

var (
	yamlError     = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	// specialStart finds characters that cannot begin an unquoted value.
	specialStart = regexp.MustCompile("(?:^|[\\s\\[,{])([*@%`!])")
	goodAlias    = regexp.MustCompile(`^\*[A-Za-z0-9_-]+(?:[\s,\]}]|$)`)
	// brokenMask finds a value that begins like a list, a map or a quoted text and goes on after its end.
	brokenMask = regexp.MustCompile(`(?:^|[\s\[,])(?:\[[^\]]*\]|\{[^}]*\}|"[^"]*"|'[^']*')[^\s,\]}:]|[^\s\[,]\{`)
	credential = regexp.MustCompile(`^\s*(?:-\s+)?["']?(?:password\w*|username)\b`)
)

// syntaxFault makes a fault of a YAML error. The library's words never carry the file's content into the message:
// the offending value can be a password.
func syntaxFault(file string, data []byte, err error) *Fault {
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil {
		return &Fault{File: file, Line: 1, Col: 1, Message: "not valid YAML"}
	}
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	message := m[2]
	if a := unknownAnchor.FindStringSubmatch(message); a != nil {
		return unknownAlias(file, lines, a[1])
	}
	line, _ := strconv.Atoi(m[1])
	line = errorLine(lines, max(line, 1), message)
	text := lines[line-1]
	f := &Fault{File: file, Line: line, Col: firstCol(text), Message: "not valid YAML: " + message}
	f.Hint = syntaxHint(text, message)
	if col := maskStart(text); col > 0 && startsBadly(message) {
		f.Col = col
		f.Message = fmt.Sprintf("a value cannot begin with %c unless it is in quotes", []rune(text)[col-1])
		f.Hint = quotesHint(text)
	}
	return f
}

func startsBadly(message string) bool {
	return strings.HasPrefix(message, "did not find expected") || strings.HasPrefix(message, "found character that cannot")
}

// errorLine mends the line that the library states: its parser, unlike its scanner, counts from 0, and for a fault
// inside a block it names the line where the block begins. There, the first line that brings the fault about is
// looked for: what is read from the top is the same whatever follows.
func errorLine(lines []string, line int, message string) int {
	line = min(line, len(lines))
	switch message {
	case "did not find expected key", "did not find expected '-' indicator":
		n := sort.Search(len(lines), func(i int) bool {
			err := yaml.Unmarshal([]byte(strings.Join(lines[:i+1], "\n")), new(yaml.Node))
			return err != nil && strings.HasSuffix(err.Error(), message)
		})
		line = n + 1
	case "did not find expected ',' or ']'", "did not find expected ',' or '}'",
		"did not find expected node content", "did not find expected <document start>":
		line++
	case "found a tab character that violates indentation":
		if i := slices.IndexFunc(lines[line-1:], indentedByTab); i >= 0 {
			line += i
		}
	}
	return min(line, len(lines))
}

func syntaxHint(text, message string) string {
	switch {
	case indentedByTab(text):
		return "indent with blanks, not with tabs"
	case brokenMask.MatchString(text) && startsBadly(message):
		return quotesHint(text)
	case strings.HasPrefix(message, "mapping values are not allowed"):
		return `look at the indentation; a value with ": " in it must be in quotes`
	case message == "did not find expected key", strings.Contains(message, "indicator"):
		return "look at the indentation of this line and the one before"
	case message == "did not find expected comment or line break":
		return quotesHint(text)
	case message == "could not find expected ':'":
		return "a key is followed by a colon and a blank"
	case message == "found unexpected end of stream":
		return "a quote is not closed"
	case strings.Contains(message, "',' or"):
		return "a comma or a closing bracket is missing"
	}
	return ""
}

func indentedByTab(text string) bool {
	return strings.Contains(text[:firstCol(text)-1], "\t")
}

func quotesHint(text string) string {
	if credential.MatchString(text) {
		return "put the value in quotes"
	}
	return "put the mask in quotes"
}

// unknownAlias finds where a value was taken for an alias. Its name is not shown: it can be a password.
func unknownAlias(file string, lines []string, name string) *Fault {
	f := &Fault{File: file, Line: 1, Col: 1, Message: "a value that begins with * is a YAML alias, and its anchor is unknown"}
	f.Hint = "put the mask in quotes"
	alias := regexp.MustCompile(`(?:^|[\s\[,{])(\*` + regexp.QuoteMeta(name) + `)(?:[\s,\]}]|$)`)
	for i, text := range lines {
		if m := alias.FindStringSubmatchIndex(text); m != nil {
			f.Line, f.Col = i+1, utf8.RuneCountInString(text[:m[2]])+1
			f.Hint = quotesHint(text)
			break
		}
	}
	return f
}

// maskStart returns the column of the first unquoted value that cannot be one; 0 if there is none.
func maskStart(text string) int {
	for _, m := range specialStart.FindAllStringSubmatchIndex(text, -1) {
		before := text[:m[2]]
		quoted := strings.Count(before, `"`)%2 == 1 || strings.Count(before, `'`)%2 == 1
		comment := strings.Contains(before, " #") || strings.HasPrefix(before, "#")
		if !quoted && !comment && !goodAlias.MatchString(text[m[2]:]) {
			return utf8.RuneCountInString(before) + 1
		}
	}
	return 0
}

func firstCol(text string) int {
	return len(text) - len(strings.TrimLeft(text, " \t")) + 1
}
