package config

import (
	"context"
	"slices"

	"gopkg.in/yaml.v3"
)

// Passwords are a rule's passwords for archives, in the order in which they are tried. They print as a mailbox's does.
type Passwords []Secret

// Reveal returns the passwords themselves.
func (p Passwords) Reveal() []string {
	var all []string
	for _, s := range p {
		if text, err := s.Read(context.Background()); err == nil { // it was read with the file
			all = append(all, text)
		}
	}
	return all
}

// Equal reports whether both are the same passwords in the same order.
func (p Passwords) Equal(o Passwords) bool { return slices.EqualFunc(p, o, Secret.Equal) }

// passwordsKey is a list of passwords; a single one is a list of one. Its faults never show a value.
func passwordsKey(name, doc string) key[Rule] {
	return key[Rule]{
		name: name, doc: doc, off: true, secret: true,
		schema: func() object {
			return object{"anyOf": []object{textSchema(), {"type": "array", "items": textSchema(), "minItems": 1}}}
		},
		read: func(r *reader, n *node, rule *Rule) {
			if all, ok := readPasswords(r, n); ok {
				rule.Passwords = all
			}
		},
		show: func(rule *Rule) *yaml.Node {
			if len(rule.Passwords) == 0 {
				return nil
			}
			return listOf(slices.Repeat([]string{redacted}, len(rule.Passwords)))
		},
	}
}

func readPasswords(r *reader, n *node) (Passwords, bool) {
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
	var all Passwords
	for _, item := range items {
		if item.kind == nullNode {
			r.noValue(item, true)
			continue
		}
		if !r.expect(item, scalarNode) {
			continue
		}
		password, err := clean(item.text)
		if err != nil {
			r.reject(item, err)
			continue
		}
		all = append(all, seal(source{from: fromText, text: password}))
	}
	return all, len(all) == len(items)
}
