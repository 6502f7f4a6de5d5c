package mailbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
	"pricefetch/internal/mailtest/corpus"
)

const popUser, popSecret = "склад@example.ru", "пароль с пробелом %d"

// dovecotPOP3 is a mailbox on a real server with a message of ours for each of letters.
func dovecotPOP3(t *testing.T, o mailtest.DovecotOptions, letters ...string) (*mailtest.Server, Options) {
	t.Helper()
	srv := mailtest.Dovecot(t, o)
	srv.AddUser(popUser, popSecret)
	for i, l := range letters {
		srv.Append(popUser, "INBOX", []byte(l), time.Date(2026, 11, 20, 10, i, 0, 0, time.UTC))
	}
	return srv, Options{
		Protocol: ProtocolPOP3, Host: srv.Host, Port: srv.POP3Port, TLS: TLSStart, CAFile: srv.CAFile,
		Username: popUser, Password: func(context.Context) (string, error) { return popSecret, nil }, Timeout: 20 * time.Second,
	}
}

// letter is a message of its own.
func letter(n int) string {
	return strings.ReplaceAll(priced, "<1@", fmt.Sprintf("<%d@", n))
}

func TestDovecotPOP3Security(t *testing.T) {
	srv, o := dovecotPOP3(t, mailtest.DovecotOptions{}, letter(1))
	for _, c := range []struct {
		name string
		set  func(*Options)
		fail string
	}{
		{"in the clear", func(o *Options) { o.TLS = TLSNone }, ""},
		{"STLS", func(*Options) {}, ""},
		{"implicit TLS", func(o *Options) { o.TLS, o.Port = TLSImplicit, srv.POP3SPort }, ""},
		{"implicit TLS, pinned", func(o *Options) {
			o.TLS, o.Port, o.CAFile, o.Fingerprint = TLSImplicit, srv.POP3SPort, "", srv.Fingerprint
		}, ""},
		{"STLS, unknown authority", func(o *Options) { o.CAFile = "" }, "fingerprint: " + srv.Fingerprint},
		{"implicit TLS on the plain port", func(o *Options) { o.TLS = TLSImplicit }, "may want tls: starttls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := o
			c.set(&o)
			r, err := Inspect(t.Context(), o)
			if c.fail != "" {
				contains(t, err, c.fail)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.Folders[0].Messages != 1 || (r.TLSVersion == "") != (o.TLS == TLSNone) || !slices.Contains(r.Capabilities, "UIDL") {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestDovecotPOP3WrongPassword(t *testing.T) {
	_, o := dovecotPOP3(t, mailtest.DovecotOptions{})
	o.Password = func(context.Context) (string, error) { return "wrong", nil }
	_, err := Open(t.Context(), o)
	contains(t, err, popUser, "Authentication failed")
	if mail.ClassOf(err) != mail.Auth {
		t.Errorf("class %v", mail.ClassOf(err))
	}
}

// Only SASL is offered before TLS is not a case of Dovecot's; that USER is refused there is.
func TestDovecotPOP3RefusesClearText(t *testing.T) {
	_, o := dovecotPOP3(t, mailtest.DovecotOptions{RequireTLS: true})
	o.TLS = TLSNone
	if s, err := Open(t.Context(), o); err == nil {
		s.Close(false)
		t.Error("logged in in the clear")
	}
	o.TLS = TLSStart
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s.Close(false)
}

// A pass: what is committed is gone, what is not stays, and flags of other clients stay as they are.
func TestDovecotPOP3Pass(t *testing.T) {
	srv, o := dovecotPOP3(t, mailtest.DovecotOptions{}, letter(1), letter(2), letter(3))
	before := srv.Messages(popUser, "INBOX")
	doomed := func(s *pop3Session, refs []mail.Ref) []mail.Doomed {
		h := newCollector()
		if err := s.Fetch(t.Context(), refs[:1], h); err != nil || h.raw[name(refs[0])] != letter(1) {
			t.Fatalf("%v: %q", err, h.raw)
		}
		d := []mail.Doomed{
			{Ref: refs[0], Fingerprint: printOf(letter(1)), Size: int64(len(priced))},
			{Ref: refs[1], Fingerprint: printOf(letter(2)), Size: -1},
			{Ref: refs[2], Fingerprint: printOf(letter(1)), Size: -1}, // not what is there
		}
		return d
	}
	for _, commit := range []bool{false, true} {
		s, refs := listed(t, o)
		if len(refs) != 3 {
			t.Fatalf("listed %v", refs)
		}
		got, err := s.Delete(t.Context(), doomed(s, refs))
		if err != nil || got[0].State != mail.DeleteMarked || got[1].State != mail.DeleteMarked || got[2].State != mail.DeleteMismatch {
			t.Fatalf("%+v, %v", got, err)
		}
		if err := s.Close(commit); err != nil {
			t.Fatal(err)
		}
		if n := len(srv.Messages(popUser, "INBOX")); !commit && n != 3 {
			t.Fatalf("%d messages after a session that was dropped", n)
		}
	}
	after := srv.Messages(popUser, "INBOX")
	if len(after) != 1 || after[0].UID != before[2].UID {
		t.Errorf("left: %+v", after)
	}
}

// Every sample comes byte for byte as the server has it.
func TestDovecotPOP3Samples(t *testing.T) {
	var letters []string
	for _, s := range corpus.Samples() {
		letters = append(letters, string(s.Raw))
	}
	_, o := dovecotPOP3(t, mailtest.DovecotOptions{}, letters...)
	s, refs := listed(t, o)
	if len(refs) != len(letters) {
		t.Fatalf("%d messages listed, %d sent", len(refs), len(letters))
	}
	envelopes, err := collectEnvelopes(t, s, refs)
	if err != nil || len(envelopes) != len(refs) {
		t.Fatalf("%d envelopes, %v", len(envelopes), err)
	}
	h := newCollector()
	if err := s.Fetch(t.Context(), refs, h); err != nil {
		t.Fatal(err)
	}
	for i, r := range refs {
		if got := h.raw[name(r)]; got != letters[i] && got != letters[i]+"\r\n" {
			t.Errorf("sample %d: %d octets, sent %d", i, len(got), len(letters[i]))
		}
		if envelopes[i].Fingerprint != s.prints[r.Num] {
			t.Errorf("sample %d has one fingerprint by TOP and another by RETR", i)
		}
	}
}
