package config

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

const password = "пароль-hunter2"

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func from(kind, text string, argv ...string) Secret { return seal(source{kind, text, argv}) }

func TestSecretRead(t *testing.T) {
	t.Setenv("PF_TEST_SECRET", password)
	t.Setenv("PF_TEST_EMPTY", "")
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(secretFile(t, password+"\n")))
	for name, s := range map[string]Secret{
		"password":            from(fromText, password),
		"password_file":       from(fromFile, secretFile(t, password)),
		"one LF is cut":       from(fromFile, secretFile(t, password+"\n")),
		"one CRLF is cut":     from(fromFile, secretFile(t, password+"\r\n")),
		"secrets_dir":         from(fromDir, secretFile(t, password+"\n")),
		"password_env":        from(fromEnv, "PF_TEST_SECRET"),
		"credential":          from(fromCredential, "secret"),
		"password_command":    from(fromCommand, "", "printf", `%s\n`, password),
		"command with stderr": from(fromCommand, "", "sh", "-c", "echo noise >&2; echo "+password),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := s.Read(t.Context()); got != password || err != nil {
				t.Errorf("Read = %q, %v", got, err)
			}
		})
	}
	blanks := from(fromFile, secretFile(t, " a b \n"))
	if got, err := blanks.Read(t.Context()); got != " a b " || err != nil {
		t.Errorf("blanks are kept: %q, %v", got, err)
	}
}

func TestSecretReadErrors(t *testing.T) {
	t.Setenv("PF_TEST_EMPTY", "")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	dir := t.TempDir()
	gone := filepath.Join(dir, "gone")
	sh := func(script string) Secret { return from(fromCommand, "", "sh", "-c", script) }
	for _, tt := range []struct {
		name, want string
		secret     Secret
	}{
		{"none", "read password: none is configured", Secret{}},
		{"missing file", "read password_file " + gone + ": stat " + gone + ": no such file or directory", from(fromFile, gone)},
		{"missing in secrets_dir", "read secrets_dir " + gone + ": stat " + gone + ": no such file or directory", from(fromDir, gone)},
		{"directory", "read password_file " + dir + ": " + dir + " is not a regular file", from(fromFile, dir)},
		{"empty", "the password is empty", from(fromFile, secretFile(t, ""))},
		{"only a newline", "the password is empty", from(fromFile, secretFile(t, "\r\n"))},
		{"two newlines", "the password contains a line break", from(fromFile, secretFile(t, "hunter2\n\n"))},
		{"bare CR", "the password contains a line break", from(fromFile, secretFile(t, "hunter2\r"))},
		{"two lines", "the password contains a line break", from(fromFile, secretFile(t, "hunter2\nhunter3\n"))},
		{"NUL", "the password contains NUL", from(fromFile, secretFile(t, "h\x00u\x00"))},
		{"byte order mark", "the password begins with a byte order mark", from(fromFile, secretFile(t, "\ufeffhunter2"))},
		{"huge", "the password is longer than 65536 bytes", from(fromFile, secretFile(t, strings.Repeat("hunter2", 10000)))},
		{"no variable", "read password_env PF_TEST_NONE: the environment variable is not set", from(fromEnv, "PF_TEST_NONE")},
		{"empty variable", "read password_env PF_TEST_EMPTY: the password is empty", from(fromEnv, "PF_TEST_EMPTY")},
		{"no credentials", "CREDENTIALS_DIRECTORY is not set", from(fromCredential, "prices")},
		{"no program", `read password_command /nonexistent/pass: fork/exec /nonexistent/pass: no such file or directory`,
			from(fromCommand, "", "/nonexistent/pass", "hunter2")},
		{"exit status", "read password_command sh: exit status 3: run it by hand, as the daemon's user", sh("echo no key >&2; exit 3")},
		{"output in the error", "read password_command sh: exit status 1: run it by hand", sh("echo hunter2; echo got hunter2 >&2; exit 1")},
		{"secret in the error alone", "read password_command sh: exit status 1: run it by hand", sh("echo got hunter2 >&2; exit 1")},
		{"set -x", "read password_command sh: exit status 1: run it by hand", sh("set -x; test hunter2 = hunter3")},
		{"empty output", "the password is empty", sh("true")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.secret.Read(t.Context())
			if err == nil || got != "" || !strings.HasSuffix(err.Error(), tt.want) && !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Read = %q, %v, want %s", got, err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter") {
				t.Errorf("the secret is shown: %v", err)
			}
		})
	}
}

func TestSecretIsReadAnew(t *testing.T) {
	path := secretFile(t, "old\n")
	s := from(fromFile, path)
	for _, want := range []string{"old", "new"} {
		if err := os.WriteFile(path, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Read(t.Context()); got != want || err != nil {
			t.Errorf("Read = %q, %v, want %q", got, err, want)
		}
	}
}

func TestSecretCommandEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := from(fromCommand, "", "sleep", "600").Read(ctx); err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("Read = %v", err)
	}
	_, err := runCommand(t.Context(), []string{"sh", "-c", "echo locked >&2; sleep 600; true"}, 200*time.Millisecond)
	if err == nil || !strings.HasPrefix(err.Error(), "the command did not finish in 200ms: run it by hand") || strings.Contains(err.Error(), "locked") {
		t.Errorf("runCommand = %v", err)
	}
}

// An agent that the command leaves behind holds its pipes; the password is there all the same.
func TestSecretCommandLeavesAnAgent(t *testing.T) {
	s := from(fromCommand, "", "sh", "-c", "echo hunter2; sleep 4 & exit 0")
	if got, err := s.Read(t.Context()); got != "hunter2" || err != nil {
		t.Errorf("Read = %q, %v", got, err)
	}
}

// A secret must not come out of any of the usual printers, wherever it stands.
func TestSecretIsNeverPrinted(t *testing.T) {
	m := newMailbox()
	m.Secret = from(fromText, password)
	argv := newMailbox()
	argv.Secret = from(fromCommand, "", "pass", password)
	c := newConfig("x")
	c.Mailboxes = []Mailbox{m, argv}
	hidden := struct{ inner Mailbox }{m} // fmt calls no methods behind an unexported field
	var out strings.Builder
	for _, v := range []any{c, *c, m, &m, argv, m.Secret, &m.Secret, hidden, &hidden, map[string]Secret{"a": m.Secret}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if j, err := json.Marshal(v); err == nil {
			out.Write(j)
		}
		if y, err := yaml.Marshal(v); err == nil {
			out.Write(y)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", v)
	}
	out.Write(c.Effective())
	out.WriteString(m.Secret.Describe() + argv.Secret.Describe() + m.Secret.String())
	for _, leak := range []string{password, fmt.Sprintf("%x", password), fmt.Sprintf("%X", password), "hunter"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q is in the output", leak)
		}
	}
	if n := strings.Count(out.String(), redacted); n < 20 {
		t.Errorf("only %d secrets were redacted: the printers were not reached", n)
	}
}

func TestSecretDescribe(t *testing.T) {
	for want, s := range map[string]Secret{
		"no password":                   {},
		"password":                      from(fromText, password),
		"password_file /etc/secret":     from(fromFile, "/etc/secret"),
		"password_command /usr/bin/gpg": from(fromCommand, "", "/usr/bin/gpg", "-d", "x"),
		"credential prices":             from(fromCredential, "prices"),
	} {
		if got := s.Describe(); got != want {
			t.Errorf("Describe = %q, want %q", got, want)
		}
	}
}

// TestArchivePasswords: a rule's passwords print as a mailbox's does, and reach only whoever asks for them.
func TestArchivePasswords(t *testing.T) {
	c := loadGood(t, "testdata/good/unpack.yaml")
	for i, want := range [][]string{{"hush", "0123"}, {"hush"}, nil} {
		if got := c.Rules[i].Passwords.Reveal(); !slices.Equal(got, want) {
			t.Errorf("rule %s: %d passwords, want %d", c.Rules[i].Name, len(got), len(want))
		}
	}
	asJSON, err := json.Marshal(c.Rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %q", c.Rules, c.Rules, c.Rules, c.Rules[0].Passwords), string(asJSON), string(c.Effective())} {
		if strings.Contains(text, "hush") || strings.Contains(text, "0123") {
			t.Errorf("a password is shown: %s", text)
		}
	}
	other := loadGood(t, "testdata/good/unpack.yaml")
	other.Rules[0].Passwords = other.Rules[0].Passwords[:1]
	if got := Diff(c, other); len(got) != 1 || got[0] != "rule opens: passwords changed" {
		t.Errorf("%q", got)
	}
}
