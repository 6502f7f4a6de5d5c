package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const diffBase = `import_dir: /srv/import
state_dir: /srv/state
limits: {per_host: {"*": 3}}
mailboxes:
  - {name: prices, protocol: imap, host: a.ru, username: u, password: hunter1}
  - {name: second, protocol: imap, host: a.ru, username: v, password_command: [pass, hunter1]}
rules:
  - {name: a, from: a.ru}
  - {name: b, from: b.ru}
`

func TestDiff(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit []string // old, new pairs
		want []string
	}{
		{"nothing", nil, nil},
		{"moved in the file", []string{"mailboxes:", "# a remark\nmailboxes:"}, nil},
		{"a default written out", []string{"username: u", "username: u, poll: 300s, retention: {brake: 25%}"}, nil},
		{"interval", []string{"username: u", "username: u, poll: 10m"}, []string{"mailbox prices: poll 5m → 10m"}},
		{"defaults reach every mailbox", []string{"mailboxes:", "defaults: {rescan: off}\nmailboxes:"},
			[]string{"mailbox prices: rescan 7d → off", "mailbox second: rescan 7d → off"}},
		{"retention", []string{"username: u", "username: u, retention: {delete_after_days: 30, imap_delete: {folder: Старое}}"},
			[]string{"mailbox prices: retention.delete_after_days off → 30", "mailbox prices: retention.imap_delete auto → {folder: Старое}"}},
		{"set and unset", []string{"username: u", "username: u, ca_file: /ca.pem"}, []string{"mailbox prices: ca_file not set → /ca.pem"}},
		{"renamed", []string{"name: second", "name: third, formerly: second", "name: b,", "name: c, formerly: b,"}, []string{
			"mailbox second: name second → third", "mailbox second: formerly not set → second", "rule b: name b → c",
			"rule b: formerly not set → b", "rule b: save_to b → c"}},
		{"password", []string{"password: hunter1", "password: hunter2"}, []string{"mailbox prices: password source changed"}},
		{"argument", []string{"[pass, hunter1]", "[pass, hunter2]"}, []string{"mailbox second: password source changed"}},
		{"protocol", []string{"name: second, protocol: imap", "name: second, protocol: pop3"}, []string{
			"mailbox second: protocol imap → pop3", "mailbox second: port 993 → 995", "mailbox second: folders [INBOX] → not set",
			"mailbox second: retention.imap_delete auto → not set"}},
		{"renamed mailbox", []string{"name: second", "name: third"}, []string{"mailbox third added", "mailbox second removed"}},
		{"rule added", []string{"rules:", "rules:\n  - {name: c, from: c.ru}"}, []string{"rule c added"}},
		{"rule removed", []string{"  - {name: b, from: b.ru}\n", ""}, []string{"rule b removed"}},
		{"rule changed", []string{"from: b.ru", "from: [b.ru, c.ru], enabled: false"},
			[]string{"rule b: from [b.ru] → [b.ru, c.ru]", "rule b: enabled true → false"}},
		{"order", []string{"name: a, from: a.ru", "name: b, from: b.ru", "  - {name: b, from: b.ru}\n", "  - {name: a, from: a.ru}\n"},
			[]string{"the order of the rules changed"}},
		{"top level", []string{"/srv/state", "/srv/journal", `"*": 3`, `"*": 2`},
			[]string{"state_dir /srv/state → /srv/journal", "limits.per_host {*: 3} → {*: 2}"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := diffBase
			if tt.name == "order" {
				text = strings.Replace(text, "  - {name: a, from: a.ru}\n  - {name: b, from: b.ru}\n",
					"  - {name: b, from: b.ru}\n  - {name: a, from: a.ru}\n", 1)
			} else {
				text = strings.NewReplacer(tt.edit...).Replace(text)
			}
			old, err := loadText(t, diffBase)
			if err != nil {
				t.Fatal(err)
			}
			new, err := loadText(t, text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, Diff(old, new)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for i, m := range new.Mailboxes {
				changed := strings.Contains(strings.Join(tt.want, "\n"), "mailbox "+m.Name+":")
				if m.Name == old.Mailboxes[i].Name && m.Equal(old.Mailboxes[i]) == changed {
					t.Errorf("mailbox %s: Equal = %v", m.Name, !changed)
				}
			}
		})
	}
}
