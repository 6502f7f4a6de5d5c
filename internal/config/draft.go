package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// Draft is a rule that a program proposes, for a person to read before it is used.
type Draft struct {
	Rule   Rule   // of which Name, Mailboxes, From and Files are written
	Remark string // above it
}

// Drafts writes rules as a file that can be included. remarks come first, one a line; whatever is in them stays in the comment.
func Drafts(remarks []string, drafts []Draft) []byte {
	var b bytes.Buffer
	for _, r := range remarks {
		b.WriteString(comment(r) + "\n")
	}
	if len(drafts) == 0 {
		return b.Bytes()
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, d := range drafts {
		n := draftNode(&d.Rule)
		n.HeadComment = comment(d.Remark)
		list.Content = append(list.Content, n)
	}
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{textNode("rules"), list}}); err != nil {
		return fmt.Appendf(nil, "# %v\n", err)
	}
	return b.Bytes()
}

// draftNode writes one rule. Masks stand in quotes, as they have to where they begin with * or @; long lists one a line.
func draftNode(r *Rule) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range ruleKeys() {
		if !slices.Contains([]string{"name", "mailboxes", "from", "files"}, k.name) {
			continue
		}
		v := k.show(r)
		if v == nil || v.Kind == yaml.SequenceNode && len(v.Content) == 0 {
			continue
		}
		for _, item := range v.Content {
			if k.name != "mailboxes" {
				item.Style = yaml.DoubleQuotedStyle
			}
		}
		if len(v.Content) > 3 {
			v.Style = 0
		}
		n.Content = append(n.Content, textNode(k.name), v)
	}
	return n
}

// comment makes one line of a text, in which nothing can end the comment or turn the line around.
func comment(text string) string {
	return "# " + strings.Map(func(r rune) rune {
		if r == ' ' || unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
