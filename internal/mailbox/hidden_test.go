package mailbox

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"pricefetch/internal/mail"
)

// echoes are the ways in which a server may repeat a password, by name.
func echoes(user, secret string) map[string]string {
	percent := ""
	for _, c := range []byte(secret) {
		percent += fmt.Sprintf("%%%02X", c)
	}
	return map[string]string{
		"as it is":       secret,
		"shouted":        strings.ToUpper(secret),
		"quoted":         strconv.Quote(secret),
		"quoted twice":   strconv.Quote(strconv.Quote(secret)),
		"in IMAP quotes": `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret) + `"`,
		"base64":         base64.StdEncoding.EncodeToString([]byte(secret)),
		"SASL PLAIN":     base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + secret)),
		"SASL PLAIN as":  base64.StdEncoding.EncodeToString([]byte(user + "\x00" + user + "\x00" + secret)),
		"HTTP Basic":     base64.URLEncoding.EncodeToString([]byte(user + ":" + secret)),
		"hex":            hex.EncodeToString([]byte(secret)),
		"HEX":            strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"percent":        percent,
		"query":          url.QueryEscape(secret),
		"path":           url.PathEscape(secret),
	}
}

// secretsToHide are passwords that are hard to hide.
var secretsToHide = []string{"hunter2-correct", `a"b\c d%e+f/g`, "пароль-2 Ы", "x", "OK", "123", "====", "    ", "\xff\xfe\xfdzz", "tab\there", "xxxx", "hunter2…"}

func TestHiddenText(t *testing.T) {
	for _, secret := range secretsToHide {
		h := new(Hidden)
		h.add("account", "joe", secret)
		for name, echo := range echoes("joe", secret) {
			if name == "shouted" && !utf8.ValidString(secret) {
				continue // it is another one then
			}
			text := "before: " + echo + " :after"
			got := h.Text(text)
			if got == text || !strings.HasPrefix(got, "before:") || !strings.HasSuffix(got, " :after") && !strings.HasSuffix(got, "****:after") {
				t.Errorf("%s of %q: %q is shown as %q", name, secret, text, got)
			}
			if len(secret) >= telling && strings.Contains(lower(got), lower(secret)) {
				t.Errorf("%s of %q is still in %q", name, secret, got)
			}
		}
	}
}

// Where a text was cut in the middle of a secret, its beginning is no less secret.
func TestHiddenTextCut(t *testing.T) {
	h := new(Hidden)
	h.add("account", "joe", "correct-horse")
	for n := telling; n <= len("correct-horse"); n++ {
		part := "correct-horse"[:n]
		for _, text := range []string{part, part + "…", fmt.Sprintf("%q…", part), fmt.Sprintf("%q: closed", part)} {
			if got := h.Text("said " + text); strings.Contains(got, part) || !strings.HasPrefix(got, "said ") {
				t.Errorf("%q is shown as %q", text, got)
			}
		}
	}
	for _, text := range []string{"correct", "horse is correct horse", "cor", ""} {
		if got := h.Text(text + " answer"); got != text+" answer" {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

func TestHiddenKnowsEveryAccount(t *testing.T) {
	h := new(Hidden)
	if h.Text("nothing known") != "nothing known" {
		t.Error("it hides without a secret")
	}
	for i := range 10 {
		h.add("one", "joe", fmt.Sprintf("secret-number-%d", i))
	}
	h.add("two", "ann", "of-another")
	for text, want := range map[string]string{
		"secret-number-9 secret-number-6": "**** ****", "of-another": "****", "secret-number-1 is forgotten": "secret-number-1 is forgotten",
		base64.StdEncoding.EncodeToString([]byte("\x00ann\x00of-another")): "****",
	} {
		if got := h.Text(text); got != want {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

// FuzzHidden: whatever the secret and wherever it stands, it is not shown, and what is not secret is.
func FuzzHidden(f *testing.F) {
	for _, s := range secretsToHide {
		f.Add(s, "before ", " after")
	}
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		h := new(Hidden)
		h.add("account", "joe", secret)
		if len(secret) < telling || strings.Trim(secret, "*") == "" {
			_ = h.Text(before + secret + after) // so short a one is hidden between blanks only
			return
		}
		for name, echo := range echoes("joe", secret) {
			if echo == "" {
				continue
			}
			got := h.Text(before + echo + after)
			// Stars may stand beside stars of the text itself, and make up what was not there.
			if strings.Count(lower(got), lower(secret)) > strings.Count(lower(before+stars+after), lower(secret)) {
				t.Errorf("%s of %q is still in %q", name, secret, got)
			}
		}
		if again := h.Text(h.Text(before)); again != h.Text(before) && !strings.Contains(secret, "*") {
			t.Errorf("%q is shown as %q, and that as %q", before, h.Text(before), again)
		}
	})
}

// confided is everything that a session says to those who use it: errors, reasons, the trace. Mail is not in it.
func confided(ctx context.Context, o Options) string {
	var said []string
	tell := func(what string, err error) { said = append(said, fmt.Sprintf("%s: %v", what, err)) }
	var trace wireTrace
	o.Trace = trace.add
	if r, err := Inspect(ctx, o); err == nil {
		said = append(said, fmt.Sprintf("%+v", r))
	} else {
		tell("inspect", err)
	}
	s, err := Open(ctx, o)
	tell("open", err)
	if err == nil {
		talk(ctx, s, tell)
	}
	return strings.Join(said, "\n") + "\n" + trace.text()
}

// talk does everything that a session can do.
func talk(ctx context.Context, s Session, tell func(string, error)) {
	listings, err := s.List(ctx, nil)
	tell("list", err)
	refs := []mail.Ref{{Folder: "INBOX", Scope: "7", ID: "1", Num: 1}}
	for _, l := range listings {
		tell("listing "+l.Why, l.Err)
	}
	tell("envelopes", s.Envelopes(ctx, refs, func(mail.Envelope) error { return nil }))
	c := newCollector()
	tell("fetch", s.Fetch(ctx, refs, c))
	for ref, err := range c.done {
		tell("done "+ref, err)
	}
	deleted, err := s.Delete(ctx, []mail.Doomed{{Ref: refs[0], Size: -1}})
	tell("delete", err)
	for _, d := range deleted {
		tell("deleted", d.Err)
	}
	tell("close", s.Close(true))
}

// A server that repeats the password, in whatever form, at whatever point, in whatever kind of answer, is not repeated: not
// in an error, not in a reason, not in the trace, not in the report of check.
func TestEchoedPasswordIsHidden(t *testing.T) {
	const secret = `Zx9-"hunter2"-\+/%`
	for name, echo := range echoes("joe", secret) {
		for at, script := range echoScripts(echo) {
			run := func(t *testing.T) {
				protocol, _, _ := strings.Cut(at, " ")
				o := scripted(t, "")
				o.Protocol, o.Delete, o.Dialer = protocol, DeleteExpunge, replying(script)
				o.Password = func(context.Context) (string, error) { return secret, nil }
				said := confided(t.Context(), o)
				for form, leak := range echoes("joe", secret) {
					if strings.Contains(lower(said), lower(leak)) {
						t.Errorf("%s is told:\n%s", form, said)
					}
				}
				for _, core := range []string{"hunter2", base64.StdEncoding.EncodeToString([]byte("hunter2"))[:8], hex.EncodeToString([]byte("hunter2"))} {
					if strings.Contains(lower(said), lower(core)) {
						t.Errorf("%q is told:\n%s", core, said)
					}
				}
				if !strings.Contains(said, stars) {
					t.Errorf("nothing was hidden, so the echo came nowhere:\n%s", said)
				}
			}
			t.Run(at+"/"+name, func(t *testing.T) { synctest.Test(t, run) })
		}
	}
}

// replying dials a server of its own for each session.
func replying(by replies) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			scriptedServer(by)(server, bufio.NewReader(server))
		}()
		return client, nil
	}
}

// echoScripts are servers that say echo once, by protocol and place.
func echoScripts(echo string) map[string]replies {
	all := map[string]replies{}
	for at, line := range map[string]string{
		"pop3 greeting": "-ERR " + echo, "pop3 greeting OK": "+OK " + echo, "pop3 USER": "-ERR [AUTH] " + echo, "pop3 PASS": "-ERR bad password " + echo,
		"pop3 PASS no answer": echo, "pop3 PASS cut": "-ERR " + strings.Repeat("x", 285) + echo, "pop3 CAPA": "+OK\n" + echo + "\n.", "pop3 STAT": "+OK " + echo,
		"pop3 LIST": "+OK\n" + echo + "\n.", "pop3 UIDL": "-ERR [SYS/TEMP] " + echo, "pop3 TOP": "-ERR " + echo, "pop3 RETR": "-ERR " + echo, "pop3 DELE": "-ERR " + echo, "pop3 QUIT": "-ERR " + echo,
		"imap greeting": "* BYE " + echo, "imap greeting OK": "* OK [CAPABILITY IMAP4rev1] " + echo, "imap LOGIN": "T NO [AUTHENTICATIONFAILED] " + echo, "imap LOGIN BAD": "T BAD " + echo,
		"imap LOGIN BYE": "* BYE " + echo, "imap LOGIN no answer": echo, "imap CAPABILITY": "* CAPABILITY IMAP4rev1 X-" + strings.ReplaceAll(echo, " ", "_") + " " + echo + "\nT OK",
		"imap EXAMINE": "T NO " + echo, "imap EXAMINE BYE": "* BYE " + echo, "imap FETCH": "T NO " + echo, "imap FETCH no answer": "* 1 FETCH (" + echo, "imap LIST": "T NO " + echo, "imap SELECT": "T NO " + echo,
		"imap LONG": "* " + strings.Repeat("y", 70) + echo + "\n" + "* OK " + strings.Repeat("x", 70_000),
	} {
		protocol, place, _ := strings.Cut(at, " ")
		verb, _, _ := strings.Cut(place, " ")
		base := echoBase(protocol)
		if verb == "LONG" {
			verb = "EXAMINE"
		}
		if verb == "greeting" {
			verb = ""
		}
		base[verb] = answering(line + "\n")
		all[at] = base
	}
	return all
}

// echoBase is a server that behaves.
func echoBase(protocol string) replies {
	if protocol == ProtocolPOP3 {
		return replies{
			"": answering("+OK hi\n"), "CAPA": answering("-ERR\n"), "USER": answering("+OK\n"), "PASS": answering("+OK\n"), "STAT": answering("+OK 1 10\n"),
			"UIDL": answering("+OK\n1 1\n.\n"), "LIST": answering("+OK\n1 10\n.\n"), "TOP": answering("+OK\nFrom: a@b.ru\n\n.\n"),
			"RETR": answering("+OK\nFrom: a@b.ru\n\nx\n.\n"), "DELE": answering("+OK\n"), "QUIT": answering("+OK\n"),
		}
	}
	return replies{
		"": answering("* OK hi\n"), "CAPABILITY": answering("* CAPABILITY IMAP4rev1 UIDPLUS\nT OK\n"), "LOGIN": answering("T OK\n"),
		"EXAMINE": answering("* 1 EXISTS\n* OK [UIDVALIDITY 7] .\n* OK [UIDNEXT 2] .\nT OK\n"), "SELECT": answering("* 1 EXISTS\n* OK [UIDVALIDITY 7] .\n* OK [UIDNEXT 2] .\nT OK\n"),
		"FETCH": answering("* 1 FETCH (UID 1 RFC822.SIZE 10)\nT OK\n"), "SEARCH": answering("* SEARCH 1\nT OK\n"), "LIST": answering("T OK\n"), "LOGOUT": answering("* BYE\nT OK\n"),
	}
}

// A secret that another session read, or the same account had before, is as secret.
func TestHiddenIsShared(t *testing.T) {
	h := new(Hidden)
	for i, secret := range []string{"the-first-one", "the-second-one"} {
		o := scripted(t, "S: -ERR was it the-first-one or the-second-one?\n")
		o.Hidden, o.Port = h, 110+i
		o.Password = func(context.Context) (string, error) { return secret, nil }
		_, err := Open(t.Context(), o)
		if err == nil || strings.Contains(err.Error(), "the-first-one") || strings.Contains(err.Error(), "the-second-one") != (i == 0) {
			t.Errorf("%v", err)
		}
	}
}

// What is hidden in an error does not change what the error is.
func TestHiddenErrorKeepsItsClass(t *testing.T) {
	h := new(Hidden)
	h.add("account", "joe", "hunter2")
	cause := errors.New("no hunter2")
	err := h.Error(fmt.Errorf("log in: %w", &mail.Error{Class: mail.Auth, After: 7, Err: cause}))
	if err.Error() != "log in: no ****" || mail.ClassOf(err) != mail.Auth || mail.AfterOf(err) != 7 || !errors.Is(err, cause) {
		t.Errorf("%v of class %v", err, mail.ClassOf(err))
	}
	if same := errors.New("nothing"); h.Error(same) != same || h.Error(nil) != nil {
		t.Error("an error without a secret is another one")
	}
	if !slices.Contains(h.forms(), "hunter2") {
		t.Error("the forms lack the secret itself")
	}
}
