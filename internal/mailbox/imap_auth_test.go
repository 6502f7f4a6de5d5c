package mailbox

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"pricefetch/internal/mail"
)

func TestIMAPLoginRefused(t *testing.T) {
	const hello = "S: * OK [CAPABILITY IMAP4rev1] ready\nC: LOGIN \"joe\" \"s3cret\"\n"
	for _, c := range []struct {
		name, script string
		class        mail.Class
		after        time.Duration
		words        []string
	}{
		{"code", hello + "S: T NO [AUTHENTICATIONFAILED] wrong password\n", mail.Auth, 0,
			[]string{"imap.example.ru", "[AUTHENTICATIONFAILED] wrong password"}},
		{"plain NO", hello + "S: T NO неверный пароль\n", mail.Auth, 0, []string{"неверный пароль"}},
		{"no words", hello + "S: T NO\n", mail.Auth, 0, []string{"without a word why"}},
		{"app password", hello + "S: T NO [ALERT] Application-specific password required\n", mail.Auth, 0, []string{"Application-specific"}},
		{"code on BAD", hello + "S: T BAD [AUTHENTICATIONFAILED] no\n", mail.Auth, 0, []string{"BAD"}},
		{"plain BAD", hello + "S: T BAD what\n", mail.Temporary, 0, []string{"BAD what"}},
		{"unavailable", hello + "S: T NO [UNAVAILABLE] later\n", mail.Temporary, 0, []string{"later"}},
		{"in use", hello + "S: T NO [INUSE] locked\n", mail.Temporary, 0, []string{"locked"}},
		{"throttled", hello + "S: T NO [THROTTLED] slow down\n", mail.Temporary, 0, []string{"slow down"}},
		{"too many sessions", hello + "S: T NO [ALERT] Too many simultaneous connections. (Failure)\n", mail.Temporary, 0, []string{"Too many"}},
		{"stated delay", hello + "S: T NO Request is throttled. Suggested Backoff Time: 90000 milliseconds\n", mail.Temporary, 90 * time.Second,
			[]string{"throttled"}},
		{"BYE in answer", hello + "S: * BYE [UNAVAILABLE] Suggested Backoff Time: 2 minutes\nX:\n", mail.Temporary, 2 * time.Minute,
			[]string{"BYE [UNAVAILABLE]"}},
		{"hangs up", hello + "X:\n", mail.Temporary, 0, []string{"log in to imap.example.ru", "closed the connection"}},
		{"BYE in greeting", "S: * BYE Suggested Backoff Time: 5 seconds\n", mail.Temporary, 5 * time.Second, []string{"BYE"}},
		{"no IMAP", "S: 220 smtp.example.ru ESMTP\n", mail.Temporary, 0, []string{"connect to imap.example.ru:143"}},
		{"nothing offered", "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=GSSAPI AUTH=XOAUTH2] ready\n", mail.Auth, 0,
			[]string{"in the clear"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(t.Context(), scriptedIMAP(t, c.script))
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

func TestIMAPLoginWays(t *testing.T) {
	ir := base64.StdEncoding.EncodeToString([]byte("\x00joe\x00s3cret"))
	cyrillic := base64.StdEncoding.EncodeToString([]byte("\x00joe\x00пароль"))
	for _, c := range []struct{ name, password, script string }{
		{"quoted specials", `a"b\c d`, "S: * OK [CAPABILITY IMAP4rev1] .\nC: LOGIN \"joe\" \"a\\\"b\\\\c d\"\nS: T OK [CAPABILITY IMAP4rev1] in\n"},
		{"8-bit as literal", "пароль", "S: * OK [CAPABILITY IMAP4rev1 LITERAL+] .\nC: LOGIN \"joe\" {12+}\nC: \nS: T1 OK [CAPABILITY IMAP4rev1] in\n"},
		{"8-bit by PLAIN", "пароль", "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] .\nC: AUTHENTICATE PLAIN " + cyrillic + "\nS: T OK [CAPABILITY IMAP4rev1] in\n"},
		{"LOGINDISABLED", "s3cret", "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN SASL-IR] .\nC: AUTHENTICATE PLAIN " + ir + "\nS: T OK [CAPABILITY IMAP4rev1] in\n"},
		{"without SASL-IR", "s3cret", "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN] .\nC: AUTHENTICATE PLAIN\nS: +\nC: (credentials)\nS: T OK [CAPABILITY IMAP4rev1] in\n"},
		{"capabilities asked", "s3cret", "S: * OK .\nC: CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: T OK\nC: LOGIN\nS: T OK in\nC: CAPABILITY\nS: * CAPABILITY IMAP4rev1 UIDPLUS\nS: T OK\n"},
		{"PREAUTH", "s3cret", "S: * PREAUTH [CAPABILITY IMAP4rev1] in\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := scriptedIMAP(t, c.script)
			o.Password = func(context.Context) (string, error) { return c.password, nil }
			var traced wireTrace
			o.Trace = traced.add
			s := openedIMAP(t, o)
			if want := c.name == "capabilities asked"; s.caps.Has(imap.CapUIDPlus) != want {
				t.Errorf("capabilities %v, UIDPLUS: want %v", s.caps, want)
			}
			for _, secret := range []string{c.password, ir, cyrillic} {
				if text := traced.text(); strings.Contains(text, secret) {
					t.Errorf("the trace shows the password:\n%s", text)
				}
			}
		})
	}
}

// wireTrace collects what a session traces; the library's reader goes on while a test looks.
type wireTrace struct {
	mu    sync.Mutex
	lines strings.Builder
}

func (w *wireTrace) add(direction, line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines.WriteString(direction + " " + line + "\n")
}

func (w *wireTrace) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines.String()
}

func TestIMAPPasswordThatCannotBeHad(t *testing.T) {
	o := scriptedIMAP(t, "S: * OK [CAPABILITY IMAP4rev1] ready\n")
	cause := errors.New("no such file")
	o.Password = func(context.Context) (string, error) { return "", cause }
	_, err := Open(t.Context(), o)
	if !errors.Is(err, cause) || mail.ClassOf(err) != mail.Auth {
		t.Errorf("error %v of class %v", err, mail.ClassOf(err))
	}
}

func TestIMAPStartTLSRefused(t *testing.T) {
	for _, c := range []struct {
		name, script string
		words        string
	}{
		{"refused", "S: * OK hi\nC: STARTTLS\nS: T BAD unknown\n", "refuses STARTTLS"},
		{"preauth", "S: * PREAUTH hi\n", "PREAUTH"},
		{"bye", "S: * BYE come later\n", "come later"},
		{"no IMAP", "S: +OK POP3 ready\n", "not IMAP"},
		{"cut", "S: * OK hi\nC: STARTTLS\nX:\n", "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := scriptedIMAP(t, c.script)
			o.TLS = TLSStart
			_, err := Open(t.Context(), o)
			contains(t, err, c.words)
			if mail.ClassOf(err) != mail.Temporary {
				t.Errorf("class %v", mail.ClassOf(err))
			}
		})
	}
}

// What is sent in the clear behind the answer to STARTTLS goes to the TLS layer, which refuses it.
func TestIMAPStartTLSInjection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = io.WriteString(conn, "* OK hi\r\n")
		}
		if err == nil {
			_, err = bufio.NewReader(conn).ReadString('\n')
		}
		if err == nil {
			_, err = io.WriteString(conn, "S1 OK go\r\n* PREAUTH [CAPABILITY IMAP4rev1] injected\r\n")
		}
		if err == nil {
			_, err = io.Copy(io.Discard, conn)
		}
		done <- err
	}()
	o := scriptedIMAP(t, "")
	o.TLS, o.Dialer = TLSStart, func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("tcp", listener.Addr().String())
	}
	_, err = Open(t.Context(), o)
	contains(t, err, "start TLS", "in the clear after TLS")
	if err := <-done; err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("server: %v", err)
	}
}
