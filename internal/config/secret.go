package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// The ways to give a mailbox its password; all but the last are keys of a mailbox.
const (
	fromText       = "password"
	fromFile       = "password_file"
	fromEnv        = "password_env"
	fromCommand    = "password_command"
	fromCredential = "credential"
	fromDir        = "secrets_dir"
)

const redacted = "***"

// credentialsDir names the variable in which systemd says where a unit's credentials are (systemd.exec(5)).
const credentialsDir = "CREDENTIALS_DIRECTORY"

// Secret is where a mailbox's password comes from. It prints as *** in every format; Describe names the source.
type Secret struct {
	// The source stands behind two pointers, so that a Secret inside an unexported field, where fmt calls no method,
	// prints as an address whatever the verb: fmt looks behind one.
	sealed **source
}

func seal(s source) Secret {
	p := &s
	return Secret{&p}
}

// open returns the source; nil if there is none.
func (s Secret) open() *source {
	if s.sealed == nil {
		return nil
	}
	return *s.sealed
}

type source struct {
	from string   // one of the constants above
	text string   // the password, path or name
	argv []string // of password_command
}

// IsZero reports whether there is no source.
func (s Secret) IsZero() bool { return s.sealed == nil }

// Equal reports whether both come from the same source; what a file or command yields is not looked at.
func (s Secret) Equal(o Secret) bool { return reflect.DeepEqual(s.sealed, o.sealed) }

// String returns ***.
func (s Secret) String() string { return redacted }

// Format prints *** for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns ***, for JSON and every other encoding.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalYAML returns ***.
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// LogValue returns ***.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Describe names the source without the secret: "password_file /etc/pricefetch/secrets/prices". Of a command only the
// program is named, for its arguments can be secret.
func (s Secret) Describe() string {
	switch from := s.open(); {
	case from == nil:
		return "no password"
	case from.from == fromText:
		return fromText
	case from.from == fromCommand:
		return fromCommand + " " + from.argv[0]
	default:
		return from.from + " " + from.text
	}
}

// file returns the path of the secret's file; "" if it is in none, or systemd has not said where.
func (s Secret) file() string {
	from := s.open()
	if from == nil {
		return ""
	}
	switch from.from {
	case fromFile, fromDir:
		return from.text
	case fromCredential:
		if dir := os.Getenv(credentialsDir); dir != "" {
			return filepath.Join(dir, from.text)
		}
	}
	return ""
}

var secretNames = []string{fromText, fromFile, fromEnv, fromCommand, fromCredential}

func isSecret(key string) bool { return slices.Contains(secretNames, key) }

// secretKeys are the ways to give a password, exactly one of which a mailbox may use.
func secretKeys() table[Mailbox] {
	return table[Mailbox]{
		secretKey(fromText, "The password itself; a file outside of the configuration is better.", readPassword),
		secretKey(fromFile, "A file that holds the password.", func(r *reader, n *node) ([]string, error) {
			p, err := r.path(n)
			return []string{p}, err
		}),
		secretKey(fromEnv, "The environment variable that holds the password.", named(envName, "the name of an environment variable")),
		commandKey(),
		secretKey(fromCredential, "The systemd credential (LoadCredential=) that holds the password.",
			named(credentialName, "the name of a systemd credential")),
	}
}

// secretKey makes a key of a source that is a single value. Its faults never show the value.
func secretKey(name, doc string, parse func(r *reader, n *node) ([]string, error)) key[Mailbox] {
	return key[Mailbox]{
		name: name, doc: doc, off: true, secret: true,
		schema: textSchema,
		read: func(r *reader, n *node, m *Mailbox) {
			if !r.expect(n, scalarNode) {
				return
			}
			v, err := parse(r, n)
			if err != nil {
				r.reject(n, err)
				return
			}
			m.Secret = seal(source{from: name, text: v[0]})
		},
		show: func(m *Mailbox) *yaml.Node {
			switch s := m.Secret.open(); {
			case s == nil || s.from != name:
				return nil
			case name == fromText:
				return textNode(redacted)
			default:
				return textNode(s.text)
			}
		},
	}
}

func readPassword(_ *reader, n *node) ([]string, error) {
	password, err := clean(n.text)
	return []string{password}, err
}

var (
	envName        = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	credentialName = regexp.MustCompile(`^[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*$`)
)

func named(valid *regexp.Regexp, want string) func(*reader, *node) ([]string, error) {
	return func(_ *reader, n *node) ([]string, error) {
		if !valid.MatchString(n.text) {
			return nil, &problem{"expected " + want, ""}
		}
		return []string{n.text}, nil
	}
}

// commandKey is password_command: a list of the program and its arguments, or one text that is cut at blanks.
func commandKey() key[Mailbox] {
	return key[Mailbox]{
		name: fromCommand, off: true, secret: true,
		doc: "A command that prints the password: a list of the program and its arguments. No shell is involved.",
		schema: func() object {
			return object{"anyOf": []object{textSchema(), {"type": "array", "items": textSchema(), "minItems": 1}}}
		},
		read: func(r *reader, n *node, m *Mailbox) {
			argv, ok := readCommand(r, n)
			if ok {
				m.Secret = seal(source{from: fromCommand, argv: argv})
			}
		},
		show: func(m *Mailbox) *yaml.Node {
			s := m.Secret.open()
			switch {
			case s == nil || s.from != fromCommand:
				return nil
			case len(s.argv) == 1:
				return listOf(s.argv)
			}
			return listOf([]string{s.argv[0], redacted})
		},
	}
}

func readCommand(r *reader, n *node) ([]string, bool) {
	const hint = "write a list: [program, argument, …]"
	var argv []string
	switch {
	case n.kind == scalarNode && strings.ContainsAny(n.text, "\"'\\`$|&;<>*?()\n"):
		r.fault(n, "the command needs a shell, and none is involved", hint)
		return nil, false
	case n.kind == scalarNode:
		argv = strings.Fields(n.text)
	case !r.expect(n, listNode):
		return nil, false
	}
	for _, item := range n.items {
		if item.kind != scalarNode || strings.Contains(item.text, "\x00") {
			r.fault(item, "expected a single value", "")
			return nil, false
		}
		argv = append(argv, item.text)
	}
	if len(argv) == 0 || argv[0] == "" {
		r.fault(n, "the command is empty", hint)
		return nil, false
	}
	if strings.Contains(argv[0], "/") { // a path, not a name that is looked for in PATH
		program, err := r.path(&node{file: n.file, text: argv[0]})
		if err != nil {
			r.reject(n, err)
			return nil, false
		}
		argv[0] = program
	}
	return argv, true
}

// inDir is the secret of a mailbox that names none.
func inDir(dir, mailbox string) Secret {
	return seal(source{from: fromDir, text: filepath.Join(dir, mailbox)})
}
