package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const shipped = "../../configs/pricefetch.yaml"

// commentedKey is a key behind a # and without a blank after it.
var commentedKey = regexp.MustCompile(`^( *)#([a-z_]+)(:.*)$`)

func loadText(t *testing.T, text string) (*Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pricefetch.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return load(file, strictChecks(), privateDisk())
}

// Each commented-out line of the shipped file is valid by itself, and changes nothing if the key has a default.
func TestShippedFileCommentedKeys(t *testing.T) {
	lines := strings.Split(string(fileOf(t, shipped)), "\n")
	plain := loadGood(t, shipped)
	tried := 0
	for i, line := range lines {
		m := commentedKey.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		tried++
		edited := slices.Clone(lines)
		edited[i] = m[1] + m[2] + m[3]
		if isSecret(m[2]) {
			edited = slices.DeleteFunc(edited, func(s string) bool { return strings.HasPrefix(s, "    password_file:") })
		}
		c, err := loadText(t, strings.Join(edited, "\n"))
		if err != nil {
			t.Errorf("line %d without its #: %v", i+1, err)
			continue
		}
		if changes := Diff(plain, c); hasDefault(m[2]) == (len(changes) > 0) && m[2] != "include" && m[2] != "secrets_dir" {
			t.Errorf("line %d without its #, %s: %q", i+1, m[2], changes)
		}
	}
	if tried < 25 {
		t.Errorf("only %d commented-out keys were found", tried)
	}
}

// hasDefault reports whether the documentation shows a key's default rather than an example.
func hasDefault(key string) bool {
	return !slices.Contains([]string{
		"timezone", "group", "formerly", "ca_file", "fingerprint", "mailboxes", "subject", "exclude", "save_to",
		"password", "password_env", "password_command", "credential",
	}, key)
}

// Every key of every section occurs in the shipped file, commented out or not.
func TestShippedFileIsComplete(t *testing.T) {
	lines := strings.Split(string(fileOf(t, shipped)), "\n")
	for i, line := range lines {
		if m := commentedKey.FindStringSubmatch(line); m != nil {
			lines[i] = m[1] + m[2] + m[3]
		}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(strings.Join(lines, "\n")), &doc); err != nil {
		t.Fatal(err)
	}
	root := doc.Content[0]
	wantKeys(t, "top level", topKeys().names(), root)
	wantKeys(t, "limits", limitKeys().names(), valueOf(root, "limits"))
	mailbox := valueOf(root, "mailboxes").Content[0]
	wantKeys(t, "mailbox", mailboxKeys().names(), mailbox)
	wantKeys(t, "retention", retentionKeys().names(), valueOf(mailbox, "retention"))
	wantKeys(t, "rule", ruleKeys().names(), valueOf(root, "rules").Content[0])
}

func wantKeys(t *testing.T, section string, names []string, m *yaml.Node) {
	t.Helper()
	for _, name := range names {
		if valueOf(m, name) == nil {
			t.Errorf("%s: the key %s does not occur", section, name)
		}
	}
}

// The active lines of the shipped file that have a default show it too.
func TestShippedFileShowsDefaults(t *testing.T) {
	c := loadGood(t, shipped)
	fresh := newConfig(c.Path)
	for _, change := range changes(limitKeys(), &fresh.Limits, &c.Limits) {
		t.Errorf("limits: %s", change)
	}
	want := newMailbox()
	for _, change := range mailboxChanges(&want, &c.Mailboxes[0]) {
		if name, _, _ := strings.Cut(change, " "); !slices.Contains([]string{"name", "protocol", "host", "port", "username", "password"}, name) {
			t.Errorf("mailbox: %s", change)
		}
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
}
