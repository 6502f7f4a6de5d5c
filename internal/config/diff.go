package config

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Diff tells in words what changed from one configuration to the other: "mailbox prices: poll 5m → 10m", "rule x
// added". Of a password it tells only that its source changed. Without a change the result is empty.
func Diff(old, new *Config) []string {
	out := changes(topKeys(), old, new)
	out = append(out, diffItems("mailbox", old.Mailboxes, new.Mailboxes, Mailbox.called, mailboxChanges)...)
	out = append(out, diffItems("rule", old.Rules, new.Rules, Rule.called, ruleChanges)...)
	if !slices.Equal(common(old.Rules, new.Rules), common(new.Rules, old.Rules)) {
		out = append(out, "the order of the rules changed")
	}
	return out
}

func mailboxChanges(old, new *Mailbox) []string {
	out := changes(mailboxKeys(), old, new)
	if !old.Secret.Equal(new.Secret) {
		out = append(out, "password source changed")
	}
	return out
}

func ruleChanges(old, new *Rule) []string {
	out := changes(ruleKeys(), old, new)
	if !old.Passwords.Equal(new.Passwords) {
		out = append(out, "passwords changed")
	}
	return out
}

// diffItems compares two lists whose items are known by their names, present or former.
func diffItems[T any](what string, old, new []T, called func(t T, key string) string, differ func(old, new *T) []string) []string {
	name := func(t T) string { return called(t, "name") }
	before := map[string]*T{}
	for i := range old {
		before[name(old[i])] = &old[i]
	}
	var out []string
	for i := range new {
		n := name(new[i])
		o, ok := before[n]
		if was := called(new[i], "formerly"); !ok && before[was] != nil {
			n = was
			o, ok = before[was], true
		}
		delete(before, n)
		if !ok {
			out = append(out, fmt.Sprintf("%s %s added", what, n))
			continue
		}
		for _, change := range differ(o, &new[i]) {
			out = append(out, fmt.Sprintf("%s %s: %s", what, n, change))
		}
	}
	for i := range old {
		if n := name(old[i]); before[n] != nil {
			out = append(out, fmt.Sprintf("%s %s removed", what, n))
		}
	}
	return out
}

// common returns the names of the rules that both have, in the order of a.
func common(a, b []Rule) []string {
	var out []string
	for _, r := range a {
		if slices.ContainsFunc(b, func(o Rule) bool { return o.Name == r.Name }) {
			out = append(out, r.Name)
		}
	}
	return out
}

// changes compares what two values show, key by key. Secrets are compared by their own means.
func changes[T any](t table[T], old, new *T) []string {
	var out []string
	for _, k := range t {
		if k.show == nil || k.secret {
			continue
		}
		out = append(out, nodeChanges(k.name, k.show(old), k.show(new))...)
	}
	return out
}

func nodeChanges(path string, old, new *yaml.Node) []string {
	if !branches(old) || !branches(new) {
		if before, after := inline(old), inline(new); before != after {
			return []string{fmt.Sprintf("%s %s → %s", path, before, after)}
		}
		return nil
	}
	var out []string
	for i := 0; i+1 < len(new.Content); i += 2 {
		name := new.Content[i].Value
		out = append(out, nodeChanges(path+"."+name, valueOf(old, name), new.Content[i+1])...)
	}
	for i := 0; i+1 < len(old.Content); i += 2 {
		if name := old.Content[i].Value; valueOf(new, name) == nil {
			out = append(out, nodeChanges(path+"."+name, old.Content[i+1], nil)...)
		}
	}
	return out
}

// branches reports whether n is a section with keys of its own, rather than a small map that is shown on one line.
func branches(n *yaml.Node) bool {
	return n != nil && n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0
}

func valueOf(m *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == name {
			return m.Content[i+1]
		}
	}
	return nil
}

// inline renders a value on one line.
func inline(n *yaml.Node) string {
	if n == nil {
		return "not set"
	}
	switch n.Kind {
	case yaml.SequenceNode:
		items := make([]string, len(n.Content))
		for i, c := range n.Content {
			items[i] = inline(c)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case yaml.MappingNode:
		var items []string
		for i := 0; i+1 < len(n.Content); i += 2 {
			items = append(items, n.Content[i].Value+": "+inline(n.Content[i+1]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return n.Value
}
