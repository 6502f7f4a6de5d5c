package mailbox

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pricefetch/internal/mail"
)

func TestPOP3LoginFails(t *testing.T) {
	const user = "S: +OK\nC: CAPA\nS: -ERR\nC: USER joe\n"
	for _, c := range []struct {
		name, script string
		class        mail.Class
		after        time.Duration
		words        []string
	}{
		{"wrong password", user + "S: +OK\nC: PASS s3cret\nS: -ERR [AUTH] Authentication failed.", mail.Auth, 0,
			[]string{"pop.example.ru", "joe", "[AUTH] Authentication failed."}},
		{"no code", user + "S: +OK\nC: PASS s3cret\nS: -ERR неверный пароль", mail.Auth, 0, []string{"PASS", "неверный пароль"}},
		{"not a word", user + "S: +OK\nC: PASS s3cret\nS: -ERR", mail.Auth, 0, []string{"without a word why"}},
		{"user refused", user + "S: -ERR Plaintext authentication disallowed", mail.Auth, 0, []string{"USER", "disallowed"}},
		{"locked", user + "S: +OK\nC: PASS s3cret\nS: -ERR [IN-USE] locked", mail.Temporary, 0, []string{"locked"}},
		{"locked, without a code", user + "S: +OK\nC: PASS s3cret\nS: -ERR maildrop already locked", mail.Temporary, 0, nil},
		{"account locked is a matter of credentials", user + "S: +OK\nC: PASS s3cret\nS: -ERR account is locked", mail.Auth, 0, nil},
		{"busy", user + "S: +OK\nC: PASS s3cret\nS: -ERR [SYS/TEMP] database down", mail.Temporary, 0, []string{"database down"}},
		{"misconfigured", user + "S: +OK\nC: PASS s3cret\nS: -ERR [SYS/PERM] mailbox moved", mail.Temporary, 0, nil},
		{"delay in words", user + "S: +OK\nC: PASS s3cret\nS: -ERR [LOGIN-DELAY] wait 15 minutes", mail.Temporary, 15 * time.Minute, nil},
		{"delay of CAPA", "S: +OK\nC: CAPA\nS: +OK\nS: USER\nS: LOGIN-DELAY 900\nS: .\nC: USER joe\nS: +OK\nC: PASS s3cret\nS: -ERR [LOGIN-DELAY] too soon",
			mail.Temporary, 15 * time.Minute, []string{"too soon"}},
		{"the password comes back", user + "S: +OK\nC: PASS s3cret\nS: -ERR no such password: s3cret", mail.Auth, 0, []string{"****"}},
		{"the password comes back in what is not POP3", user + "S: +OK\nC: PASS s3cret\nS: s3cret?", mail.Temporary, 0, []string{"****"}},
		{"greeting refuses", "S: -ERR [SYS/TEMP] come back in 30 seconds", mail.Temporary, 30 * time.Second, []string{"pop.example.ru:110", "come back"}},
		{"greeting of IMAP", "S: * OK IMAP4rev1 ready", mail.Temporary, 0, []string{"not the answer of a POP3 server", "IMAP4rev1"}},
		{"greeting is empty", "S: ", mail.Temporary, 0, []string{"not the answer of a POP3 server"}},
		{"greeting is endless", "S: +OK " + strings.Repeat("x", pop3Line), mail.Temporary, 0, []string{"more than 65536 octets"}},
		{"greeting and more", "S: +OK\nS: +OK", mail.Temporary, 0, []string{"nobody asked for"}},
		{"empty line for PASS", user + "S: +OK\nC: PASS s3cret\nS: ", mail.Temporary, 0, []string{"not the answer"}},
		{"challenge for PASS", user + "S: +OK\nC: PASS s3cret\nS: + go on", mail.Temporary, 0, []string{"not the answer"}},
		{"answers ahead of PASS", user + "S: +OK\nS: +OK logged in", mail.Temporary, 0, []string{"nobody asked for"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			s, err := Open(t.Context(), scripted(t, c.script))
			if s != nil {
				t.Error("a session nevertheless")
			}
			contains(t, err, c.words...)
			if got := mail.ClassOf(err); got != c.class {
				t.Errorf("class %v, want %v: %v", got, c.class, err)
			}
			if got := mail.AfterOf(err); got != c.after {
				t.Errorf("after %v, want %v", got, c.after)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}

func TestPOP3PasswordCannotBeHad(t *testing.T) {
	cause := errors.New("open secret: no such file")
	for _, c := range []struct {
		name, user, secret string
		err                error
		words              string
	}{
		{"unreadable", "joe", "", cause, "no such file"},
		{"empty", "joe", "", nil, "empty"},
		{"two lines", "joe", "a\r\nDELE 1", nil, "line break"},
		{"user of two lines", "joe\nDELE 1", "x", nil, "line break"},
		{"no user", "", "x", nil, "username"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := scripted(t, "S: +OK\nC: CAPA\nS: -ERR")
			o.Username = c.user
			o.Password = func(context.Context) (string, error) { return c.secret, c.err }
			_, err := Open(t.Context(), o)
			contains(t, err, c.words)
			if mail.ClassOf(err) != mail.Auth {
				t.Errorf("class %v", mail.ClassOf(err))
			}
			if c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("%v does not wrap its cause", err)
			}
		})
	}
}

func TestPOP3SASL(t *testing.T) {
	const caps = "S: +OK\nC: CAPA\nS: +OK\nS: SASL LOGIN plain\nS: .\nC: AUTH PLAIN\n"
	const response = "C: AGpvZQBzM2NyZXQ=\n"
	t.Run("accepted", func(t *testing.T) {
		opened(t, scripted(t, caps+"S: + \n"+response+"S: +OK\nC: CAPA\nS: -ERR"))
	})
	t.Run("accepted, challenge without a blank", func(t *testing.T) {
		opened(t, scripted(t, caps+"S: +\n"+response+"S: +OK\nC: CAPA\nS: -ERR"))
	})
	for name, c := range map[string]struct {
		script string
		class  mail.Class
	}{
		"refused":           {"S: + \n" + response + "S: -ERR [AUTH] no", mail.Auth},
		"refused at once":   {"S: -ERR no", mail.Auth},
		"busy":              {"S: + \n" + response + "S: -ERR [SYS/TEMP] no", mail.Temporary},
		"OK without asking": {"S: +OK", mail.Temporary},
		"asked twice":       {"S: + \n" + response + "S: + again", mail.Temporary},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), scripted(t, caps+c.script))
			if err == nil || mail.ClassOf(err) != c.class {
				t.Errorf("%v of class %v, want %v", err, mail.ClassOf(err), c.class)
			}
		})
	}
	t.Run("USER where both are offered", func(t *testing.T) { opened(t, scripted(t, hello2("SASL PLAIN"))) })
	t.Run("a password of 100 KB", func(t *testing.T) {
		o := scripted(t, "S: +OK\nC: CAPA\nS: -ERR\nC: USER joe\nS: +OK")
		o.Password = func(context.Context) (string, error) { return strings.Repeat("x", 100<<10), nil }
		_, err := Open(t.Context(), o)
		contains(t, err, "a command of more than 65536 octets")
	})
	t.Run("a password of 8 KB", func(t *testing.T) {
		long := strings.Repeat("ы", 4<<10)
		o := scripted(t, "S: +OK\nC: CAPA\nS: -ERR\nC: USER joe\nS: +OK\nC: PASS "+long+"\nS: +OK\nC: CAPA\nS: -ERR")
		o.Password = func(context.Context) (string, error) { return long, nil }
		opened(t, o)
	})
}

// A password that occurs in what the server says spoils nothing.
func TestPOP3PasswordLikeAnAnswer(t *testing.T) {
	for _, secret := range []string{"OK", "+OK", "1", "1 1", "a"} {
		o := scripted(t, strings.Replace(hello, "s3cret", secret, 1)+listScript("+OK 1 1", "1_a", "1_1"))
		o.Password = func(context.Context) (string, error) { return secret, nil }
		s := opened(t, o)
		l, err := s.List(t.Context(), nil)
		if err != nil || !l[0].Complete || l[0].Refs[0].ID != "a" {
			t.Errorf("%q: %v, %v", secret, l, err)
		}
	}
}

// Users and passwords with blanks and Cyrillic go out as they are.
func TestPOP3Credentials(t *testing.T) {
	o := scripted(t, "S: +OK\nC: CAPA\nS: -ERR\nC: USER склад@пример.рф\nS: +OK\nC: PASS  два  слова %d \nS: +OK\nC: CAPA\nS: -ERR")
	o.Username = "склад@пример.рф"
	o.Password = func(context.Context) (string, error) { return " два  слова %d ", nil }
	opened(t, o)
}

func TestPOP3TraceHidesSecrets(t *testing.T) {
	for name, script := range map[string]string{
		"PASS": "S: +OK ready\nC: CAPA\nS: -ERR\nC: USER joe\nS: +OK\nC: PASS s3cret\nS: +OK s3cret is right\nC: CAPA\nS: -ERR\n",
		"SASL": "S: +OK ready\nC: CAPA\nS: +OK\nS: SASL PLAIN\nS: .\nC: AUTH PLAIN\nS: + \nC: AGpvZQBzM2NyZXQ=\nS: +OK\nC: CAPA\nS: -ERR\n",
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			o := scripted(t, script+two+"C: RETR 1\nS: +OK\nS: Subject: secret prices\nS: \nS: x\nS: .\n")
			o.Trace = func(direction, line string) { lines = append(lines, direction+": "+line) }
			s, refs := listed(t, o)
			if err := s.Fetch(t.Context(), refs[:1], newCollector()); err != nil {
				t.Fatal(err)
			}
			all := strings.Join(lines, "\n")
			for _, secret := range []string{"s3cret", "AGpv", "secret prices"} {
				if strings.Contains(all, secret) {
					t.Errorf("the trace has %q:\n%s", secret, all)
				}
			}
			for _, want := range []string{"S: +OK ready", "C: RETR 1", "S: 2 uid-b", "S: (29 octets)"} {
				if !slices.Contains(lines, want) {
					t.Errorf("the trace lacks %q:\n%s", want, all)
				}
			}
		})
	}
}

func TestOpenRefusesOptions(t *testing.T) {
	dialled := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("was dialled") }
	for name, c := range map[string]struct {
		o     Options
		words string
	}{
		"protocol":    {Options{Protocol: "pop2", TLS: TLSNone}, "pop2"},
		"tls":         {Options{Protocol: ProtocolPOP3, TLS: "ssl"}, "ssl"},
		"tls unsaid":  {Options{Protocol: ProtocolPOP3}, "none of implicit"},
		"fingerprint": {Options{Protocol: ProtocolPOP3, TLS: TLSImplicit, Fingerprint: "abc"}, "SHA-256"},
		"ca_file":     {Options{Protocol: ProtocolPOP3, TLS: TLSImplicit, CAFile: "missing.pem"}, "missing.pem"},
	} {
		c.o.Dialer, c.o.Username = dialled, "joe"
		c.o.Password = func(context.Context) (string, error) { return "s3cret", nil }
		_, err := Open(t.Context(), c.o)
		contains(t, err, c.words)
		if strings.Contains(err.Error(), "was dialled") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAddress(t *testing.T) {
	for host, want := range map[string]string{
		"pop.mail.ru":     "pop.mail.ru:995",
		"2001:db8::1":     "[2001:db8::1]:995",
		"[2001:db8::1]":   "[2001:db8::1]:995",
		"почта.рф":        "xn--80a1acny.xn--p1ai:995",
		"127.0.0.1":       "127.0.0.1:995",
		"mail_host.local": "mail_host.local:995",
	} {
		if got := (Options{Host: host, Port: 995}).address(); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}

func TestConnectFails(t *testing.T) {
	o := scripted(t, "")
	o.Dialer = func(context.Context, string, string) (net.Conn, error) { return nil, io.ErrNoProgress }
	_, err := Open(t.Context(), o)
	contains(t, err, "connect to pop.example.ru:110")
	if !errors.Is(err, io.ErrNoProgress) || mail.ClassOf(err) != mail.Temporary {
		t.Errorf("%v of class %v", err, mail.ClassOf(err))
	}
}
