package config

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// leaky are mistakes beside a password, by name: SECRET stands for it. Each loads with faults, or is read as something else.
var leaky = map[string]string{
	"unknown key":             "{name: a, protocol: imap, host: h, username: u, pasword: SECRET}",
	"unknown key, Russian":    "{name: a, protocol: imap, host: h, username: u, пароль: SECRET}",
	"unknown key, upper case": "{name: a, protocol: imap, host: h, username: u, Password: SECRET}",
	"passwd":                  "{name: a, protocol: imap, host: h, username: u, passwd: SECRET}",
	"no blank":                "{name: a, protocol: imap, host: h, username: u, password:SECRET}",
	"equals":                  "{name: a, protocol: imap, host: h, username: u, password=SECRET}",
	"a list":                  "{name: a, protocol: imap, host: h, username: u, password: [SECRET]}",
	"a map":                   "{name: a, protocol: imap, host: h, username: u, password: {SECRET: 1}}",
	"a map's value":           "{name: a, protocol: imap, host: h, username: u, password: {x: SECRET}}",
	"twice":                   "{name: a, protocol: imap, host: h, username: u, password: SECRET, password: SECRET}",
	"two sources":             "{name: a, protocol: imap, host: h, username: u, password: SECRET, password_env: SECRET}",
	"a tag":                   "{name: a, protocol: imap, host: h, username: u, password: !SECRET x}",
	"the key a tag":           "\n    name: a\n    !password: SECRET: 1\n    host: h",
	"an alias":                "{name: a, protocol: imap, host: h, username: u, password: *SECRET}",
	"an anchor":               "{name: a, protocol: imap, host: h, username: u, password: &SECRET x, port: *SECRET}",
	"a directive":             "{name: a, protocol: imap, host: h, username: u, password: %SECRET}",
	"at":                      "{name: a, protocol: imap, host: h, username: u, password: @SECRET}",
	"backtick":                "{name: a, protocol: imap, host: h, username: u, password: `SECRET}",
	"two lines":               "{name: a, protocol: imap, host: h, username: u, password: \"SECRET\\nx\"}",
	"a colon":                 "\n    name: a\n    protocol: imap\n    host: h\n    username: u\n    password: x: SECRET",
	"half in quotes":          "\n    name: a\n    protocol: imap\n    host: h\n    username: u\n    password: \"SECRET\"x",
	"quotes open":             "\n    name: a\n    protocol: imap\n    host: h\n    username: u\n    password: \"SECRET\n    port: 1",
	"quotes open before":      "\n    name: a\n    protocol: \"imap\n    password: SECRET\n    host: \"h\n    username: u",
	"folded":                  "\n    name: a\n    protocol: >-\n     imap\n     password: SECRET\n    host: h\n    username: u",
	"continued":               "\n    name: a\n    protocol: imap\n      password: SECRET\n    host: h\n    username: u",
	"badly indented":          "\n    name: a\n    protocol: imap\n   password: SECRET\n    host: h",
	"with a tab":              "\n    name: a\n    protocol: imap\n\tpassword: SECRET\n    host: h",
	"the key forgotten":       "\n    name: a\n    SECRET\n    protocol: imap",
	"a key of its own":        "\n    name: a\n    protocol: imap\n    password:SECRET\n    host: h",
	"a key of its own, lone":  "\n    password:SECRET\n    host: h",
	"a name of a variable":    "{name: a, protocol: imap, host: h, username: u, password_env: SECRET-$}",
	"a credential":            "{name: a, protocol: imap, host: h, username: u, credential: /SECRET}",
	"a command with a shell":  "{name: a, protocol: imap, host: h, username: u, password_command: \"echo SECRET | cat\"}",
	"an empty command":        "{name: a, protocol: imap, host: h, username: u, password_command: ['', SECRET]}",
	"a file with NUL":         "{name: a, protocol: imap, host: h, username: u, password_file: \"SECRET\\0\"}",
	"control character":       "{name: a, protocol: imap, host: h, username: u, password: SECRET\x01}",
	"no UTF-8":                "{name: a, protocol: imap, host: h, username: u, password: SECRET\xff}",
	"merged":                  "{name: a, protocol: imap, host: h, username: u, <<: SECRET}",
	"merged password":         "{name: a, protocol: imap, host: h, username: u, <<: {password: [SECRET]}}",
	"a number for a mailbox":  "password: SECRET",
	"a mailbox of text":       "\"password: SECRET\"",
	"port beside":             "{name: a, protocol: imap, host: h, username: u, port: password SECRET}",
}

// TestFaultsHidePasswords: whatever is wrong beside a password, no fault and no warning repeats it.
func TestFaultsHidePasswords(t *testing.T) {
	const secret = "Tr0ub4dor-3"
	for name, box := range leaky {
		for where, text := range map[string]string{
			"mailbox":  "import_dir: /i\nstate_dir: /s\nmailboxes:\n  - " + box + "\nrules:\n  - {name: r, from: '*'}\n",
			"defaults": "import_dir: /i\nstate_dir: /s\ndefaults:\n    " + box + "\nmailboxes:\n  - {name: b}\nrules:\n  - {name: r, from: '*'}\n",
		} {
			t.Run(where+"/"+name, func(t *testing.T) {
				c, err := loadText(t, strings.ReplaceAll(text, "SECRET", secret))
				said := fmt.Sprint(err)
				if err == nil {
					said = c.Warnings.Error()
				}
				if strings.Contains(said, secret) {
					t.Errorf("the password is told:\n%s", said)
				}
			})
		}
	}
}

// FuzzFaultsHidePasswords: whatever stands around a password that follows its key, no fault and no warning repeats it.
func FuzzFaultsHidePasswords(f *testing.F) {
	for name, box := range leaky {
		if before, after, ok := strings.Cut(box, "password: SECRET"); ok {
			f.Add("import_dir: /i\nstate_dir: /s\nmailboxes:\n  - "+before, after+"\nrules:\n  - {name: r, from: '*'}\n")
		} else if name == "" {
			f.Fatal("a mistake has no name")
		}
	}
	f.Add("mailboxes: [{name: \"", "\"}]")
	f.Add("include: [\"", "\"]")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "Tr0ub4dor-3"
		text := before + "password: " + secret + after
		d := disk{
			read: func(path string) ([]byte, error) {
				if path == "/etc/p.yaml" {
					return []byte(text), nil
				}
				return nil, fs.ErrNotExist
			},
			glob: func(string) ([]string, error) { return nil, nil },
			mode: func(string) (fs.FileMode, error) { return 0, fs.ErrNotExist },
		}
		c, err := load("/etc/p.yaml", strictChecks(), d)
		said := fmt.Sprint(err)
		if err == nil {
			said = c.Warnings.Error()
		}
		if strings.Contains(said, secret) {
			t.Errorf("%s\nis told of as\n%s", text, said)
		}
	})
}
