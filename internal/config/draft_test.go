package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Drafts are a file that loads, whatever is in the masks and the remarks, and means what was meant.
func TestDrafts(t *testing.T) {
	rule := func(name string, from []string, files ...string) Draft {
		r := newRule()
		r.Name, r.SaveTo, r.From, r.Files = name, name, from, files
		return Draft{r, "from a message\nrules: [] \x1b[2J\u202e\u2028- {name: x}"}
	}
	drafts := []Draft{
		rule("plain", []string{"price@a.ru"}, "price_*.xls"),
		rule("123", []string{"@a.ru", `"odd name"@a.ru`, "b@a.ru", "c@a.ru"}, "*", "a: b", "#c", `d"e'f\\g`, "{h,i}", "[0-9]*", "- j", "off", "~", "прайс ?.xls", "!k", "&l", "%m"),
		rule("off", []string{"'"}, "'"),
		rule("true", []string{"x"}, "x"),
	}
	drafts[0].Rule.Mailboxes = []string{"one"}
	text := string(Drafts([]string{"first", "second\nmailboxes: x"}, drafts))
	dir := t.TempDir()
	main := "import_dir: /srv/import\nstate_dir: /srv/state\ninclude: [drafts.yaml]\nmailboxes:\n  - {name: one, protocol: pop3, host: a.ru, username: u, password: p}\n"
	for name, content := range map[string]string{"main.yaml": main, "drafts.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(filepath.Join(dir, "main.yaml"), Checks{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(c.Rules) != len(drafts) {
		t.Fatalf("%d rules, want %d:\n%s", len(c.Rules), len(drafts), text)
	}
	for i, r := range c.Rules {
		want := drafts[i].Rule
		want.File, want.Line = r.File, r.Line
		if diff := cmp.Diff(want, r, cmp.Comparer(Passwords.Equal)); diff != "" {
			t.Errorf("rule %d -want +got:\n%s\n%s", i, diff, text)
		}
	}
	if !strings.HasPrefix(text, "# first\n# second mailboxes: x\nrules:\n  # from a message rules: []") || strings.ContainsAny(text, "\x1b\u202e\u2028") {
		t.Errorf("written:\n%q", text)
	}
	if got := string(Drafts([]string{"nothing"}, nil)); got != "# nothing\n" {
		t.Errorf("without a rule: %q", got)
	}
}
