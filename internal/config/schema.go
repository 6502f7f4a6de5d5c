package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// object is a JSON object of a schema.
type object map[string]any

// textSchema is any scalar: it is taken as raw text, so a number or true is text too.
func textSchema() object {
	return object{"type": []string{"string", "number", "boolean"}, "minLength": 1}
}

// orOff lets a value also be the word off.
func orOff(s object) object { return object{"anyOf": []object{s, {"const": "off"}}} }

// closed makes keys of an object's schema obligatory.
func closed(s object, required ...string) object {
	s["required"] = required
	return s
}

// inheritable returns the keys of a mailbox or rule that can stand for all of them.
func inheritable[T any](t table[T]) table[T] {
	return slices.DeleteFunc(t, func(k key[T]) bool { return k.name == "name" || k.name == "formerly" })
}

func listSchema(item string) object {
	return object{"type": "array", "minItems": 1, "items": object{"$ref": "#/$defs/" + item}}
}

// tableSchema describes a section; the defaults are those that fresh shows.
func tableSchema[T any](t table[T], fresh T) object {
	properties := object{}
	for _, k := range t {
		p := object{}
		for name, v := range k.schema() {
			p[name] = v
		}
		if k.off {
			p = orOff(p)
		}
		p["description"] = k.doc
		if k.show != nil {
			if v, ok := defaultOf(k.show(&fresh)); ok {
				p["default"] = v
			}
		}
		properties[k.name] = p
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

// defaultOf renders a shown default as JSON; sections describe theirs key by key.
func defaultOf(n *yaml.Node) (any, bool) {
	if n == nil || branches(n) {
		return nil, false
	}
	var v any
	if err := n.Decode(&v); err != nil || v == "" || v == 0 {
		return nil, false
	}
	return v, true
}

// Schema returns a JSON Schema (draft 2020-12) of the main file; its $defs/include describes an included file. It
// knows the shape alone: what the keys mean together, and what can be inherited, only Load can tell.
func Schema() []byte {
	s := tableSchema(topKeys(), *newConfig(""))
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "pricefetch configuration"
	s["required"] = []string{"import_dir", "state_dir"}
	s["$defs"] = object{
		"mailbox": closed(tableSchema(mailboxKeys(), newMailbox()), "name"),
		"rule":    closed(tableSchema(ruleKeys(), newRule()), "name"),
		"include": object{
			"type": "object", "additionalProperties": false,
			"properties": object{"mailboxes": listSchema("mailbox"), "rules": listSchema("rule")},
		},
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return fmt.Appendf(nil, `{"$comment": %q}`, err.Error())
	}
	return b.Bytes()
}
