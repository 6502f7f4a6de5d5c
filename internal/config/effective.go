package config

import (
	"bytes"
	"fmt"

	"gopkg.in/yaml.v3"
)

// Effective returns the configuration as YAML with every default filled in and the secrets redacted. It loads again,
// apart from passwords and the arguments of password commands, which are ***; include, defaults and rule_defaults are
// merged away.
func (c *Config) Effective() []byte {
	doc := showTable(topKeys(), c)
	mailboxes := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range c.Mailboxes {
		mailboxes.Content = append(mailboxes.Content, showTable(mailboxKeys(), &c.Mailboxes[i]))
	}
	rules := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range c.Rules {
		rules.Content = append(rules.Content, showTable(ruleKeys(), &c.Rules[i]))
	}
	doc.Content = append(doc.Content, textNode("mailboxes"), mailboxes, textNode("rules"), rules)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return fmt.Appendf(nil, "# %v\n", err)
	}
	return b.Bytes()
}
