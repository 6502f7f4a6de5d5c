package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWarnings(t *testing.T) {
	const text = `import_dir: /srv/import
state_dir: /srv/state
limits: {per_host: {"*": 3, a.rv: 1}}
mailboxes:
  - {name: one, protocol: pop3, host: a.ru, username: u, tls: none, password: hunter2}
  - {name: two, protocol: pop3, host: a.ru, username: u, insecure: true, port: 110, password_file: secret}
  - name: three
    protocol: imap
    host: localhost
    tls: none
    username: u
    password: hunter2 #3
rules:
  - {name: a, from: a.ru, mailboxes: [one, two]}
`
	d := osDisk
	d.read = func(string) ([]byte, error) { return []byte(text), nil }
	d.mode = func(string) (fs.FileMode, error) { return 0o644, nil }
	c, err := load("/etc/p.yaml", Checks{}, d)
	if err != nil {
		t.Fatal(err)
	}
	want := `/etc/p.yaml:3:29: limits.per_host.a.rv: no mailbox has the host "a.rv" (did you mean "a.ru"?)
/etc/p.yaml:5:58: mailboxes[one].tls: the password goes over the network in clear (use tls: implicit or starttls)
/etc/p.yaml:5:69: mailboxes[one].password: every user can read this file with its password (chmod 0640 /etc/p.yaml, or use password_file)
/etc/p.yaml:6:6: mailboxes[two].name: mailbox two polls the same account as mailbox one
/etc/p.yaml:6:58: mailboxes[two].insecure: the server's certificate is not verified, and nothing is deleted from this mailbox (use ca_file or fingerprint)
/etc/p.yaml:6:74: mailboxes[two].port: port 110 is customary for pop3 with tls: starttls (without port the right one is taken)
/etc/p.yaml:6:85: mailboxes[two].password_file: every user can read /etc/secret (chmod 0640 /etc/secret)
/etc/p.yaml:7:5: mailboxes[three].name: no rule reaches mailbox three: nothing is imported from it
/etc/p.yaml:12:5: mailboxes[three].password: every user can read this file with its password (chmod 0640 /etc/p.yaml, or use password_file)
/etc/p.yaml:12:5: mailboxes[three].password: the password ends before #, where a comment begins (put the password in quotes)`
	if diff := cmp.Diff(want, c.Warnings.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is wrong with a secret's file is the mailbox's trouble at each login, never the file's.
func TestMissingSecretIsNoFault(t *testing.T) {
	c, err := loadText(t, strings.Replace(diffBase, "password: hunter1", "password_file: /nonexistent/secret", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Mailboxes[0].Secret.Read(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read = %v", err)
	}
}

func TestSecretsOfADirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "prices"), []byte("hunter2\n"), 0o604); err != nil {
		t.Fatal(err)
	}
	text := "secrets_dir: " + dir + "\n" + strings.Replace(diffBase, ", password: hunter1", "", 1)
	d := osDisk
	d.read = func(string) ([]byte, error) { return []byte(text), nil }
	c, err := load("p.yaml", Checks{}, d)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Mailboxes[0].Secret.Read(t.Context()); got != "hunter2" || err != nil {
		t.Errorf("Read = %q, %v", got, err)
	}
	if want := "every user can read " + dir + "/prices"; len(c.Warnings) != 1 || c.Warnings[0].Message != want {
		t.Errorf("warnings %v, want %s", c.Warnings, want)
	}
}

// Thousands of mailboxes that merge their defaults are no alias bomb.
func TestManyMailboxes(t *testing.T) {
	var b strings.Builder
	b.WriteString("import_dir: /a\nstate_dir: /b\ndefaults: {protocol: imap, password_env: P}\nmailboxes:\n")
	b.WriteString("  - &m {name: m, host: a.ru, username: u, tls: starttls, folders: [a, b], rescan: 1d}\n")
	for i := range 3_000 {
		fmt.Fprintf(&b, "  - {<<: *m, name: m%d}\n", i)
	}
	b.WriteString("rules: [{name: r, from: '*', mailboxes: [m2999]}]\n")
	c, err := loadText(t, b.String())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Mailboxes); n != 3_001 || c.Mailboxes[n-1].TLS != TLSStart {
		t.Errorf("%d mailboxes", n)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"poll", "port", "folders", "first_run", "password", "password_file"}
	for word, want := range map[string]string{
		"polls": "poll", "prot": "port", "Folders": "folders", "folder": "folders", "frist_run": "first_run", "first-run": "first_run",
		"firstrun": "first_run", "pasword": "password", "passwordfile": "password_file", "роrt": "port", "interval": "", "p": "", "": "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDurationsAndSizes(t *testing.T) {
	for text, want := range map[string]string{"90s": "90s", "60s": "1m", "120m": "2h", "24h": "1d", "7d": "7d", "007d": "7d", "3650d": "3650d", "0s": "0s"} {
		if d, err := parseDuration(text); err != nil || formatDuration(d) != want {
			t.Errorf("duration %s = %v, %v, want %s", text, d, err, want)
		}
	}
	for _, text := range []string{"", "5", "5 m", "m", "-5m", "1.5h", "5M", "1w", "3651d", "999999999999999999999d", "٣d"} {
		if d, err := parseDuration(text); err == nil {
			t.Errorf("duration %q = %v, want an error", text, d)
		}
	}
	for text, want := range map[string]string{"500KB": "500KB", "1000KB": "1MB", "1500MB": "1500MB", "1GB": "1GB", "0B": "0B", "9000000TB": "9000000TB"} {
		if v, err := parseSize(text); err != nil || formatSize(v) != want {
			t.Errorf("size %s = %d, %v, want %s", text, v, err, want)
		}
	}
	for _, text := range []string{"", "5", "MB", "5 MB", "1.5GB", "-1MB", "1MiB", "5mb", "10000000TB", "999999999999999TB"} {
		if v, err := parseSize(text); err == nil {
			t.Errorf("size %q = %d, want an error", text, v)
		}
	}
}

// FuzzLoad: whatever is read, Load ends with a Config or with faults that have a place; what loads can be shown, and
// that loads again and means the same.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/broken/*.yaml", "../../configs/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	memory := func(data []byte) disk {
		return disk{
			read: func(path string) ([]byte, error) {
				if path == "/etc/p.yaml" {
					return data, nil
				}
				return nil, fs.ErrNotExist
			},
			glob: func(pattern string) ([]string, error) { return nil, nil },
			mode: func(string) (fs.FileMode, error) { return 0, fs.ErrNotExist },
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := load("/etc/p.yaml", strictChecks(), memory(data))
		if err != nil {
			faults, ok := errors.AsType[Faults](err)
			if !ok || len(faults) == 0 {
				t.Fatalf("load = %v", err)
			}
			for _, fault := range faults {
				if fault.Line < 1 || fault.Col < 1 || fault.Message == "" || strings.ContainsAny(fault.String(), "\n\x00") {
					t.Errorf("fault %#v", fault)
				}
			}
			return
		}
		again, err := load("/etc/p.yaml", strictChecks(), memory(c.Effective()))
		if err != nil {
			t.Fatalf("the effective configuration does not load: %v\n%s", err, c.Effective())
		}
		for _, change := range Diff(c, again) {
			if !strings.HasSuffix(change, ": password source changed") && !strings.HasSuffix(change, ": passwords changed") {
				t.Errorf("changed: %s", change)
			}
		}
	})
}

func TestInside(t *testing.T) {
	for _, tt := range []struct {
		dir, parent string
		want        bool
	}{
		{"/srv/import", "/srv/import", true}, {"/srv/import/a", "/srv/import", true}, {"/srv/import/..a", "/srv/import", true},
		{"/srv", "/srv/import", false}, {"/srv/import2", "/srv/import", false}, {"/srv/state", "/srv/import", false}, {"/", "/srv", false},
	} {
		if got := inside(tt.dir, tt.parent); got != tt.want {
			t.Errorf("inside(%s, %s) = %v", tt.dir, tt.parent, got)
		}
	}
}

// Quoted, off is a password like any other; bare, it switches an inherited source off.
func TestPasswordOff(t *testing.T) {
	c, err := loadText(t, strings.Replace(diffBase, "hunter1", `"off"`, 1))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Mailboxes[0].Secret.Read(t.Context()); got != "off" || err != nil {
		t.Errorf("Read = %q, %v", got, err)
	}
	if _, err := loadText(t, strings.Replace(diffBase, "hunter1", "off", 1)); err == nil || !strings.Contains(err.Error(), "has no password") {
		t.Errorf("load = %v", err)
	}
}

func TestIncludedFilesAreSorted(t *testing.T) {
	files := map[string]string{
		"/etc/p.yaml":   "import_dir: /a\nstate_dir: /b\ninclude: ['d/*.yaml']\nmailboxes: [{name: m, protocol: imap, host: h, username: u, password_env: P}]\n",
		"/etc/d/1.yaml": "rules: [{name: r1, from: '*'}]", "/etc/d/2.yaml": "rules: [{name: r2, from: '*'}]",
	}
	d := osDisk
	d.read = func(path string) ([]byte, error) { return []byte(files[path]), nil }
	d.glob = func(string) ([]string, error) { return []string{"/etc/d/2.yaml", "/etc/d/1.yaml"}, nil }
	c, err := load("/etc/p.yaml", Checks{}, d)
	if err != nil {
		t.Fatal(err)
	}
	if c.Rules[0].Name != "r1" || c.Rules[1].Name != "r2" {
		t.Errorf("rules %v", c.Rules)
	}
}

// What needs no rule loads without any, in whatever way there is none; what there is has to be sound all the same.
func TestLoadMailboxes(t *testing.T) {
	const base = "import_dir: /srv/import\nstate_dir: /srv/state\nmailboxes:\n  - {name: one, protocol: pop3, host: a.ru, username: u, password: p}\n"
	for name, tt := range map[string]struct {
		rules string
		want  string // the fault; "": none
		count int
	}{
		"none":         {"", "", 0},
		"null":         {"rules:\n", "", 0},
		"empty":        {"rules: []\n", "", 0},
		"one":          {"rules: [{name: a, from: a.ru}]\n", "", 1},
		"broken":       {"rules: [{name: a}]\n", "the key from is missing", 0},
		"of no sort":   {"rules: all\n", "expected a list", 0},
		"its defaults": {"rule_defaults: {unpack: true}\n", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "p.yaml")
			if err := os.WriteFile(file, []byte(base+tt.rules), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := LoadMailboxes(file, Checks{})
			switch {
			case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("LoadMailboxes: %v, want %q", err, tt.want)
			case err == nil && (len(c.Mailboxes) != 1 || len(c.Rules) != tt.count):
				t.Errorf("%d mailboxes, %d rules", len(c.Mailboxes), len(c.Rules))
			}
			if _, err := Load(file, Checks{}); (err == nil) != (tt.count > 0) {
				t.Errorf("Load: %v", err)
			}
		})
	}
}
