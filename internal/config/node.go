package config

import (
	"fmt"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// maxAliased bounds how many values the aliases of one file may expand to, so that a few lines of nested aliases
// cannot eat the memory. Ten thousand mailboxes that merge a dozen keys each stay below it.
const maxAliased = 200_000

type kindOf int

const (
	badNode kindOf = iota // a fault was reported already
	nullNode
	scalarNode
	listNode
	mapNode
)

func (k kindOf) String() string {
	return [...]string{"something unreadable", "nothing", "a single value", "a list", "a map"}[k]
}

// node is a value of the file with its place; aliases and merge keys are resolved.
type node struct {
	file      string
	line, col int
	path      string
	kind      kindOf
	text      string // of a scalar, raw
	plain     bool   // a scalar without quotes
	comment   string // that follows a scalar on its line
	items     []*node
	fields    []field
}

// field is a key of a map with its own place and its value.
type field struct {
	name      string
	line, col int
	value     *node
}

// get returns the field of that name, or nil.
func (n *node) get(name string) *field {
	for i := range n.fields {
		if n.fields[i].name == name {
			return &n.fields[i]
		}
	}
	return nil
}

// has reports whether the map has that key with a value other than "off".
func (n *node) has(name string) bool {
	f := n.get(name)
	return f != nil && f.value.kind != nullNode && !f.value.isOff()
}

func (n *node) isOff() bool { return n.kind == scalarNode && n.text == "off" }

// builder makes nodes of one file's YAML nodes.
type builder struct {
	file    string
	faults  *Faults
	open    map[*yaml.Node]bool // anchors being expanded
	aliased int
	inAlias int
}

func (b *builder) fault(y *yaml.Node, path, message, hint string) {
	*b.faults = append(*b.faults, Fault{File: b.file, Line: y.Line, Col: y.Column, Path: path, Message: message, Hint: hint})
}

func (b *builder) build(y *yaml.Node, path string) *node {
	n := &node{file: b.file, line: y.Line, col: y.Column, path: path}
	if b.inAlias > 0 {
		b.aliased++
	}
	if b.aliased > maxAliased {
		return n
	}
	if y.Style&yaml.TaggedStyle != 0 && y.ShortTag() != "!!str" {
		b.fault(y, path, "YAML tags are not supported", "a value that begins with ! must be in quotes")
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		return b.alias(y, path)
	case yaml.SequenceNode:
		n.kind = listNode
		for i, item := range y.Content {
			n.items = append(n.items, b.build(item, path+index(item, i)))
		}
	case yaml.MappingNode:
		n.kind = mapNode
		b.mapping(n, y)
	default:
		n.kind = scalarNode
		n.text, n.comment = y.Value, y.LineComment
		n.plain = y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
		if y.ShortTag() == "!!null" {
			n.kind = nullNode
		}
	}
	return n
}

func (b *builder) alias(y *yaml.Node, path string) *node {
	if b.open[y.Alias] {
		b.fault(y, path, "the anchor contains itself", "")
		return &node{file: b.file, line: y.Line, col: y.Column, path: path}
	}
	b.open[y.Alias] = true
	b.inAlias++
	n := b.build(y.Alias, path)
	b.inAlias--
	delete(b.open, y.Alias)
	if b.aliased > maxAliased && b.inAlias == 0 {
		b.fault(y, path, fmt.Sprintf("the aliases of this file expand to more than %d values", maxAliased), "")
	}
	return n
}

func (b *builder) mapping(n *node, y *yaml.Node) {
	lines := map[string]int{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		switch {
		case k.Kind != yaml.ScalarNode:
			b.fault(k, n.path, "a key must be a single word, not a list or a map", "")
			continue
		case k.ShortTag() == "!!merge":
			merges = append(merges, v)
			continue
		case k.Style&yaml.TaggedStyle != 0 && k.ShortTag() != "!!str":
			b.fault(k, n.path, "YAML tags are not supported", "a key that begins with ! must be in quotes")
			continue
		}
		path := join(n.path, k.Value)
		if first, ok := lines[k.Value]; ok {
			b.fault(k, path, fmt.Sprintf("the key is given twice, first on line %d", first), "")
			continue
		}
		lines[k.Value] = k.Line
		n.fields = append(n.fields, field{name: k.Value, line: k.Line, col: k.Column, value: b.build(v, path)})
	}
	for _, m := range merges {
		b.merge(n, m)
	}
}

// merge adds the keys of a merge key's maps (<<: *a, <<: [*a, *b]) that n has not got: its own keys and earlier
// maps win, as https://yaml.org/type/merge.html has it.
func (b *builder) merge(n *node, y *yaml.Node) {
	from := b.build(y, n.path)
	maps := []*node{from}
	if from.kind == listNode {
		maps = from.items
	}
	for _, m := range maps {
		switch m.kind {
		case mapNode:
			for _, f := range m.fields {
				if n.get(f.name) == nil {
					n.fields = append(n.fields, f)
				}
			}
		case badNode:
		default:
			b.fault(y, join(n.path, "<<"), "expected a map to merge, not "+m.kind.String(), "")
		}
	}
}

// overlay puts over on top of under: maps merge key by key, everything else replaces.
func overlay(under, over *node) *node {
	if under == nil || under.kind != mapNode || over.kind != mapNode {
		return over
	}
	out := *over
	out.fields = nil
	for _, f := range over.fields {
		if u := under.get(f.name); u != nil {
			f.value = overlay(u.value, f.value)
		}
		out.fields = append(out.fields, f)
	}
	for _, f := range under.fields {
		if over.get(f.name) == nil {
			out.fields = append(out.fields, f)
		}
	}
	return &out
}

// join makes the path of a key below another.
func join(path, key string) string {
	const most = 60
	key = veil(key)
	if r := []rune(key); len(r) > most {
		key = string(r[:most]) + "…"
	}
	key = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, key)
	if path == "" {
		return key
	}
	return path + "." + key
}

// index names an item of a list by its name if it has one that can be shown, else by its number from 1.
func index(y *yaml.Node, i int) string {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	if y.Kind == yaml.MappingNode {
		for k := 0; k+1 < len(y.Content); k += 2 {
			v := y.Content[k+1]
			if y.Content[k].Value == "name" && v.Kind == yaml.ScalarNode && nameProblem(v.Value) == "" {
				return "[" + v.Value + "]"
			}
		}
	}
	return fmt.Sprintf("[#%d]", i+1)
}
