package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pricefetch/internal/mail"
)

// fetching is how a dialogue begins that fetches from INBOX.
func fetching(set string) string {
	return welcome() + examine("EXAMINE", 3, 10) + "C: UID FETCH " + set + " (UID BODY.PEEK[])\n"
}

const askOne = "C: UID FETCH 2 (UID BODY.PEEK[])\n"

func TestIMAPFetch(t *testing.T) {
	one, two := rawMessage(1), rawMessage(2)
	both := map[string]string{"INBOX/1": one, "INBOX/2": two}
	for _, c := range []struct {
		name, script string
		refs         []mail.Ref
		raw          map[string]string
		failed       map[string]string // words of the errors given to Done
	}{
		{"in order of arrival", fetching("1:2") + bodyAnswer(2, 2, two) + bodyAnswer(1, 1, one) + "S: T OK\n", inbox(1, 2), both, nil},
		{"unsolicited flags before the answer", fetching("1:2") + bodyAnswer(1, 1, one) + "S: * 2 FETCH (UID 2 FLAGS (\\Seen))\n" + bodyAnswer(2, 2, two) +
			"S: T OK\n" + askOne + bodyAnswer(2, 2, two) + "S: T OK\n", inbox(1, 2), both, nil},
		{"UID after the content", fetching("1:2") + bodyAnswer(1, 1, one) +
			"S= \"* 2 FETCH (BODY[] {2}\\r\\nxx UID 2)\\r\\n\"\nS: T OK\n" + askOne + "S: T OK\nC: SEARCH UID 2\nS: * SEARCH 2\nS: T OK\n" +
			"C: FETCH 2 (UID BODY.PEEK[])\nS= " + fmt.Sprintf("%q", fmt.Sprintf("* 2 FETCH (BODY[] {%d}\r\n%s UID 2)\r\n", len(two), two)) + "\nS: T OK\n",
			inbox(1, 2), both, nil},
		{"another UID after the content", fetching("1:2") + bodyAnswer(1, 1, one) + "S: T OK\n" + askOne + "S: T OK\nC: SEARCH UID 2\nS: * SEARCH 2\nS: T OK\n" +
			"C: FETCH 2 (UID BODY.PEEK[])\nS= \"* 2 FETCH (BODY[] {2}\\r\\nxx UID 3)\\r\\n\"\nS: T OK\n",
			inbox(1, 2), map[string]string{"INBOX/1": one, "INBOX/2": "xx"}, map[string]string{"INBOX/2": "answered with UID 3"}},
		{"gone meanwhile", fetching("1:2") + bodyAnswer(1, 1, one) + "S: T NO [EXPUNGEISSUED] some are gone\n" + askOne + "S: T OK\nC: SEARCH UID 2\nS: * SEARCH\nS: T OK\n",
			inbox(1, 2), map[string]string{"INBOX/1": one}, map[string]string{"INBOX/2": "no longer offers it"}},
		{"refused alone", fetching("1:2") + bodyAnswer(1, 1, one) + "S: T NO one is corrupt\n" + askOne + "S: T NO it is corrupt\n" +
			"C: SEARCH UID 2\nS: * SEARCH 2\nS: T OK\nC: FETCH 2 (UID BODY.PEEK[])\nS: T NO again\n",
			inbox(1, 2), map[string]string{"INBOX/1": one}, map[string]string{"INBOX/2": "NO it is corrupt"}},
		{"empty content", fetching("1:2") + bodyAnswer(1, 1, one) + bodyAnswer(2, 2, "") + "S: T OK\n" + askOne + "S: * 2 FETCH (UID 2 BODY[] NIL)\nS: T OK\n" +
			"C: SEARCH UID 2\nS: * SEARCH 2\nS: T OK\nC: FETCH 2 (UID BODY.PEEK[])\nS: * 2 FETCH (UID 2 BODY[] \"\")\nS: T OK\n",
			inbox(1, 2), map[string]string{"INBOX/1": one}, map[string]string{"INBOX/2": "sends no content"}},
		{"quoted content", fetching("1") + "S: * 1 FETCH (UID 1 BODY[] \"a: b\")\nS: T OK\n", inbox(1), map[string]string{"INBOX/1": "a: b"}, nil},
		{"two folders", welcome() + examine("EXAMINE", 3, 10) + "C: UID FETCH 1\n" + bodyAnswer(1, 1, one) + "S: T OK\n" +
			"C: EXAMINE \"&BB8-\"\nS: * 1 EXISTS\nS: * OK [UIDVALIDITY 9] .\nS: T OK\nC: UID FETCH 5\n" + bodyAnswer(1, 5, two) + "S: T OK\n",
			append(inbox(1), mail.Ref{Folder: "П", Scope: "9", ID: "5"}), map[string]string{"INBOX/1": one, "П/5": two}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openedIMAP(t, scriptedIMAP(t, c.script))
			got := newCollector()
			if err := s.Fetch(t.Context(), c.refs, got); err != nil {
				t.Fatal(err)
			}
			for _, ref := range c.refs {
				n := name(ref)
				err, done := got.done[n]
				if !done {
					t.Errorf("no Done for %s", n)
				}
				if want := c.failed[n]; want == "" && err != nil {
					t.Errorf("%s: %v", n, err)
				} else if want != "" {
					contains(t, err, want, n)
					if mail.ClassOf(err) != mail.Message {
						t.Errorf("class %v", mail.ClassOf(err))
					}
				}
				if got.raw[n] != c.raw[n] {
					t.Errorf("%s came as %q, want %q", n, got.raw[n], c.raw[n])
				}
			}
		})
	}
}

// A message that is cut is never done with, whatever the place.
func TestIMAPFetchCut(t *testing.T) {
	raw := rawMessage(1)
	for _, c := range []struct{ name, answer string }{
		{"in the content", fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s", len(raw), raw[:len(raw)-1])},
		{"at its start", fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n", len(raw))},
		{"before it", "* 1 FETCH (UID 1 BO"},
		{"in place of the answer", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openedIMAP(t, scriptedIMAP(t, fetching("1:2")+fmt.Sprintf("S= %q\nX:\n", c.answer)))
			got := newCollector()
			err := s.Fetch(t.Context(), inbox(1, 2), got)
			contains(t, err, "INBOX")
			if mail.ClassOf(err) != mail.Temporary || len(got.done) > 0 {
				t.Errorf("class %v, done %v", mail.ClassOf(err), got.done)
			}
		})
	}
}

// The whole message came before the connection broke: it is done, the session is not.
func TestIMAPFetchCutAfterContent(t *testing.T) {
	s := openedIMAP(t, scriptedIMAP(t, fetching("1:2")+bodyAnswer(1, 1, rawMessage(1))+"S: * BYE [UNAVAILABLE] Suggested Backoff Time: 30 seconds\nX:\n"))
	got := newCollector()
	err := s.Fetch(t.Context(), inbox(1, 2), got)
	contains(t, err, "BYE [UNAVAILABLE]")
	if mail.AfterOf(err) != 30*time.Second {
		t.Errorf("after %v", mail.AfterOf(err))
	}
	if done, ok := got.done["INBOX/1"]; !ok || done != nil || len(got.done) != 1 || got.raw["INBOX/1"] != rawMessage(1) {
		t.Errorf("done %v, raw %q", got.done, got.raw)
	}
}

func TestIMAPFetchBusy(t *testing.T) {
	s := openedIMAP(t, scriptedIMAP(t, fetching("1:2")+bodyAnswer(1, 1, rawMessage(1))+"S: T NO [THROTTLED] slow down\n"))
	got := newCollector()
	err := s.Fetch(t.Context(), inbox(1, 2), got)
	contains(t, err, "slow down")
	if mail.ClassOf(err) != mail.Temporary || len(got.done) != 1 {
		t.Errorf("class %v, done %v", mail.ClassOf(err), got.done)
	}
}

func TestIMAPFetchUIDValidityChanged(t *testing.T) {
	s := openedIMAP(t, scriptedIMAP(t, welcome()+strings.Replace(examine("EXAMINE", 3, 10), "UIDVALIDITY 7", "UIDVALIDITY 8", 1)))
	got := newCollector()
	err := s.Fetch(t.Context(), inbox(1), got)
	contains(t, err, "was 7 and is now 8")
	if len(got.done) > 0 {
		t.Errorf("done %v", got.done)
	}
}

func TestIMAPFetchTooLarge(t *testing.T) {
	o := scriptedIMAP(t, fetching("1:2")+bodyAnswer(1, 1, rawMessage(1))+bodyAnswer(2, 2, strings.Repeat("x", 5000)))
	o.MaxMessage = 1000
	s := openedIMAP(t, o)
	got := newCollector()
	err := s.Fetch(t.Context(), inbox(1, 2), got)
	if mail.ClassOf(err) != mail.Temporary || got.done["INBOX/1"] != nil {
		t.Errorf("%v, done %v", err, got.done)
	}
	if tooLarge := got.done["INBOX/2"]; !errors.Is(tooLarge, mail.ErrTooLarge) || mail.ClassOf(tooLarge) != mail.Message {
		t.Errorf("done with %v", tooLarge)
	}
}

// A handler's error comes back as it is, and the session is given up if content is still on its way.
func TestIMAPFetchEndedByHandler(t *testing.T) {
	full := mail.Errorf(mail.Storage, "disk full")
	one := bodyAnswer(1, 1, rawMessage(1))
	long := bodyAnswer(1, 1, rawMessage(1)+strings.Repeat("x", drainable+100_000))
	for _, c := range []struct {
		name, script string
		refs         []mail.Ref
		set          func(*collector)
		lost         bool
	}{
		{"part, others to come", fetching("1:2") + one + bodyAnswer(2, 2, rawMessage(2)) + "S: T OK\n", inbox(1, 2),
			func(c *collector) { c.part = func(io.Reader) error { return full } }, true},
		{"part, the last, short", fetching("1") + one + "S: T OK\nC: EXAMINE\nS: T NO\n", inbox(1),
			func(c *collector) { c.part = func(io.Reader) error { return full } }, false},
		{"part, the last, long", fetching("1") + long + "S: T OK\n", inbox(1),
			func(c *collector) { c.part = func(io.Reader) error { return full } }, true},
		{"done, others to come", fetching("1:2") + one + bodyAnswer(2, 2, rawMessage(2)) + "S: T OK\n", inbox(1, 2),
			func(c *collector) { c.stop = full }, true},
		{"done, the last", fetching("1") + one + "S: T OK\nC: EXAMINE\nS: T NO\n", inbox(1),
			func(c *collector) { c.stop = full }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openedIMAP(t, scriptedIMAP(t, c.script))
			got := newCollector()
			c.set(got)
			if err := s.Fetch(t.Context(), c.refs, got); err != full {
				t.Fatalf("error %v, want the handler's", err)
			}
			_, err := s.List(t.Context(), nil)
			if (err != nil) != c.lost {
				t.Errorf("next call: %v, want the session lost: %v", err, c.lost)
			}
		})
	}
}

// A part that the handler does not read to its end is skipped, and checked for its length all the same.
func TestIMAPFetchSkipsUnread(t *testing.T) {
	s := openedIMAP(t, scriptedIMAP(t, fetching("1:2")+bodyAnswer(1, 1, rawMessage(1)+strings.Repeat("x", 200_000))+bodyAnswer(2, 2, rawMessage(2))+"S: T OK\n"))
	got := newCollector()
	got.part = func(r io.Reader) error {
		_, err := io.ReadFull(r, make([]byte, 10))
		return err
	}
	if err := s.Fetch(t.Context(), inbox(1, 2), got); err != nil || len(got.done) != 2 {
		t.Fatalf("%v, done %v", err, got.done)
	}
}

func TestIMAPCancelled(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o := scriptedIMAP(t, fetching("1:2")+"S: * 1 FETCH (UID 1 BODY[] {100}\nS: From: a@b.ru\nS: \nS: half\n")
	ctx, cancel := context.WithCancelCause(t.Context())
	s, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("the pass took too long")
	got := newCollector()
	got.part = func(r io.Reader) error {
		cancel(cause)
		_, err := io.ReadAll(r)
		return err
	}
	err = s.Fetch(ctx, inbox(1, 2), got)
	if !errors.Is(err, cause) || mail.ClassOf(err) != mail.Temporary || len(got.done) > 0 {
		t.Errorf("%v, done %v", err, got.done)
	}
	if err := s.Close(true); err != nil {
		t.Error(err)
	}
}

// A silent server costs one timeout, wherever it falls silent; a slow handler costs nothing.
func TestIMAPDeadlines(t *testing.T) {
	raw := rawMessage(1)
	silent := func(script string) func(net.Conn) error {
		steps := parseIMAPScript(t, script)
		return func(conn net.Conn) error {
			_ = playIMAP(deaf{conn}, steps) // it ends by waiting for a command that does not come
			_, _ = io.Copy(io.Discard, conn)
			return conn.Close()
		}
	}
	for _, c := range []struct{ name, script string }{
		{"greeting", ""},
		{"login", "S: * OK [CAPABILITY IMAP4rev1] .\nC: LOGIN\n"},
		{"capabilities", "S: * OK .\nC: CAPABILITY\n"},
		{"examine", welcome() + "C: EXAMINE\n"},
		{"fetch", fetching("1")},
		{"content", fetching("1") + fmt.Sprintf("S= %q\n", fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s", len(raw), raw[:20]))},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := imapOptions(t, silent(c.script))
				start := time.Now()
				s, err := Open(t.Context(), o)
				if err == nil {
					err = s.Fetch(t.Context(), inbox(1), newCollector())
					s.Close(true)
				}
				if took := time.Since(start); took != o.Timeout {
					t.Errorf("took %v, want %v", took, o.Timeout)
				}
				contains(t, err, "silent for 20s")
			})
		})
	}
	t.Run("slow handler", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := scriptedIMAP(t, fetching("1")+bodyAnswer(1, 1, raw)+"S: T OK\n")
			s := openedIMAP(t, o)
			got := newCollector()
			got.part = func(r io.Reader) error {
				_, err := io.Copy(io.Discard, r)
				time.Sleep(5 * o.Timeout)
				return err
			}
			err := s.Fetch(t.Context(), inbox(1), got)
			if err != nil || got.done["INBOX/1"] != nil || len(got.done) != 1 {
				t.Errorf("%v, done %v", err, got.done)
			}
			time.Sleep(5 * o.Timeout) // between two commands nothing is expected of the server
			if s.conn.Err() != nil {
				t.Error(s.conn.Err())
			}
		})
	})
}

// deaf is a server that goes on waiting instead of hanging up.
type deaf struct{ net.Conn }

func (deaf) Close() error { return nil }
