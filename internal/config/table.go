package config

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// key is one key of a section that fills a T.
type key[T any] struct {
	name   string
	doc    string // one sentence or two, for the schema and the reference
	off    bool   // "off" stands for "not set", so that an inherited value can be switched off
	needed bool   // must be there, after merging
	secret bool   // its value is never shown; one of several such keys
	only   string // the protocol that knows the key; "": both
	read   func(r *reader, n *node, t *T)
	show   func(t *T) *yaml.Node // nil: not set
	schema func() object
}

// table is the keys of a section in the order in which they are shown.
type table[T any] []key[T]

func (t table[T]) names() []string {
	names := make([]string, len(t))
	for i, k := range t {
		names[i] = k.name
	}
	return names
}

func (t table[T]) find(name string) *key[T] {
	if i := slices.IndexFunc(t, func(k key[T]) bool { return k.name == name }); i >= 0 {
		return &t[i]
	}
	return nil
}

// readTable fills into from a map; what is not there keeps its value.
func readTable[T any](r *reader, t table[T], n *node, into *T) {
	if !r.expect(n, mapNode) {
		return
	}
	for _, f := range n.fields {
		k := t.find(f.name)
		switch {
		case k == nil:
			r.unknown(n, f, t.names())
		case f.value.kind == nullNode:
			r.noValue(f.value, k.secret)
		case k.off && f.value.isOff() && (f.value.plain || !k.secret):
		case k.read != nil:
			k.read(r, f.value, into)
		}
	}
}

// require reports the needed keys that a map has not got.
func require[T any](r *reader, t table[T], n *node) {
	if n.kind != mapNode {
		return
	}
	for _, k := range t {
		if k.needed && !hasKey(n, k) {
			*r.faults = append(*r.faults, Fault{
				File: n.file, Line: n.line, Col: n.col, Path: join(n.path, k.name),
				Message: "the key " + k.name + " is missing", Hint: strings.TrimSuffix(k.doc, "."),
			})
		}
	}
}

func hasKey[T any](n *node, k key[T]) bool {
	f := n.get(k.name)
	return f != nil && !(k.off && f.value.isOff())
}

// showTable renders every key that is set.
func showTable[T any](t table[T], from *T) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range t {
		if k.show == nil {
			continue
		}
		if v := k.show(from); v != nil {
			m.Content = append(m.Content, textNode(k.name), v)
		}
	}
	return m
}

// kind is how values of one type are read, shown and described.
type kind[V any] struct {
	read   func(r *reader, n *node) (V, bool) // false: reported as a fault
	show   func(v V) *yaml.Node               // nil: not set
	schema object
}

// view makes a key of a kind whose value is got from and put into T by functions.
func view[T, V any](name, doc string, k kind[V], get func(*T) V, set func(*T, V)) key[T] {
	return key[T]{
		name: name, doc: doc,
		read: func(r *reader, n *node, t *T) {
			if v, ok := k.read(r, n); ok {
				set(t, v)
			}
		},
		show:   func(t *T) *yaml.Node { return k.show(get(t)) },
		schema: func() object { return k.schema },
	}
}

// one makes a key of a kind whose value is a field of T.
func one[T, V any](name, doc string, k kind[V], at func(*T) *V) key[T] {
	return view(name, doc, k, func(t *T) V { return *at(t) }, func(t *T, v V) { *at(t) = v })
}

// section makes a key whose value is a map with a table of its own; fresh returns its defaults.
func section[T, S any](name, doc string, keys table[S], fresh func() S, at func(*T) *S) key[T] {
	return key[T]{
		name: name, doc: doc,
		read:   func(r *reader, n *node, t *T) { readTable(r, keys, n, at(t)) },
		show:   func(t *T) *yaml.Node { return showTable(keys, at(t)) },
		schema: func() object { return tableSchema(keys, fresh()) },
	}
}

func (k key[T]) orOff() key[T]                  { k.off = true; return k }
func (k key[T]) required() key[T]               { k.needed = true; return k }
func (k key[T]) onlyFor(protocol string) key[T] { k.only = protocol; return k }

func textNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

// plainNode is a number, a duration, a word: what needs no quotes.
func plainNode(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func listOf(items []string) *yaml.Node {
	l := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, s := range items {
		l.Content = append(l.Content, textNode(s))
	}
	return l
}
