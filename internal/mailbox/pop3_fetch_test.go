package mailbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"pricefetch/internal/mail"
	"pricefetch/internal/mimepart"
)

// priced is a message as a supplier sends it, and as a server sends it on.
const priced = "Received: from a by b; Fri, 20 Nov 2026 10:00:00 +0300\r\nFrom: Прайсы <price@autoparts.ru>\r\n" +
	"Subject: =?utf-8?B?0J/RgNCw0LnRgQ==?=\r\nMessage-ID: <1@autoparts.ru>\r\nDate: Fri, 20 Nov 2026 09:59:00 +0300\r\n" +
	"Content-Type: text/csv; name=\"price.csv\"\r\n\r\n.hidden;1\r\n..;2\r\n"

// sent is a multi-line reply as a script line.
func sent(message string) string { return fmt.Sprintf("S: +OK\nS= %q\n", stuff(message)) }

func head(message string) string {
	h, _, _ := strings.Cut(message, "\r\n\r\n")
	return h + "\r\n\r\n"
}

func printOf(message string) string {
	return mimepart.Envelope([]byte(head(message))).Fingerprint
}

// collectEnvelopes reads the headers of refs.
func collectEnvelopes(t *testing.T, s Session, refs []mail.Ref) ([]mail.Envelope, error) {
	t.Helper()
	var got []mail.Envelope
	err := s.Envelopes(t.Context(), refs, func(e mail.Envelope) error {
		got = append(got, e)
		return nil
	})
	return got, err
}

func TestPOP3Envelopes(t *testing.T) {
	other := strings.ReplaceAll(priced, "<1@", "<2@")
	for _, c := range []struct {
		name, script string
		want         []string // Message-IDs
		retrieved    int
	}{
		{"TOP", hello2("TOP") + two + "C: TOP 1 0\n" + sent(head(priced)) + "C: TOP 2 0\n" + sent(head(other)), []string{"<1@autoparts.ru>", "<2@autoparts.ru>"}, 0},
		{"TOP gives more than was asked for", hello2("TOP") + two + "C: TOP 1 0\n" + sent(priced) + "C: TOP 2 0\n" + sent(other), []string{"<1@autoparts.ru>", "<2@autoparts.ru>"}, 0},
		{"TOP without the empty line", hello2("TOP") + two + "C: TOP 1 0\n" + sent(strings.TrimSuffix(head(priced), "\r\n")) + "C: TOP 2 0\n" + sent(head(other)), []string{"<1@autoparts.ru>", "<2@autoparts.ru>"}, 0},
		{"TOP is tried where CAPA is not to be had", hello + two + "C: TOP 1 0\n" + sent(head(priced)) + "C: TOP 2 0\nS: -ERR\n", []string{"<1@autoparts.ru>"}, 0},
		{"TOP is found missing", hello + two + "C: TOP 1 0\nS: -ERR\nC: RETR 1\n" + sent(priced) + "C: RETR 2\n" + sent(other), []string{"<1@autoparts.ru>", "<2@autoparts.ru>"}, 2},
		{"TOP is not tried where CAPA lacks it", hello2() + two + "C: RETR 1\n" + sent(priced) + "C: RETR 2\n" + sent(other), []string{"<1@autoparts.ru>", "<2@autoparts.ru>"}, 2},
		{"one refused both ways does not speak against TOP", hello + two + "C: TOP 1 0\nS: -ERR\nC: RETR 1\nS: -ERR gone\nC: TOP 2 0\n" + sent(head(other)), []string{"<2@autoparts.ru>"}, 0},
		{"one refused", hello2("TOP") + two + "C: TOP 1 0\n" + sent(head(priced)) + "C: TOP 2 0\nS: -ERR no such message\n", []string{"<1@autoparts.ru>"}, 0},
		{"header of 2 MB", hello2("TOP") + two + "C: TOP 1 0\n" + sent(strings.TrimSuffix(head(priced), "\r\n")+"X: "+strings.Repeat("y", 2<<20)+"\r\n\r\n") + "C: TOP 2 0\n" + sent(head(other)), []string{"<1@autoparts.ru>", "<2@autoparts.ru>"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, refs := listed(t, scripted(t, c.script))
			got, err := collectEnvelopes(t, s, append(refs, mail.Ref{ID: "unknown"}))
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, e := range got {
				ids = append(ids, e.MessageID)
			}
			if diff := cmp.Diff(c.want, ids); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := len(s.Retrieved()); n != c.retrieved {
				t.Errorf("%d retrieved, want %d", n, c.retrieved)
			}
		})
	}
}

func TestPOP3EnvelopeContent(t *testing.T) {
	s, refs := listed(t, scripted(t, hello2("TOP")+two+"C: TOP 2 0\n"+sent(head(priced))))
	old := mail.Ref{ID: refs[1].ID} // of an earlier session: no number
	got, err := collectEnvelopes(t, s, []mail.Ref{old})
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	want := mimepart.Envelope([]byte(head(priced)))
	want.Ref, want.Size = old, 200
	if diff := cmp.Diff(want, got[0]); diff != "" || got[0].Subject != "Прайс" || got[0].Received.IsZero() {
		t.Errorf("(-want +got):\n%s\n%+v", diff, got[0])
	}
}

func TestPOP3EnvelopesFail(t *testing.T) {
	for name, c := range map[string]struct {
		script, words string
		readOnly      bool
		class         mail.Class
	}{
		"busy":                       {hello2("TOP") + two + "C: TOP 1 0\nS: -ERR [SYS/TEMP] later", "later", false, mail.Temporary},
		"dry run without TOP":        {hello2() + two, "no TOP", true, mail.Message},
		"dry run, TOP found missing": {hello + two + "C: TOP 1 0\nS: -ERR what?\nC: TOP 2 0\nS: -ERR what?", "no TOP", true, mail.Message},
		"header cut":                 {hello2("TOP") + two + "C: TOP 1 0\nS: +OK\nS: From: x", "read header of message uid-a", false, mail.Temporary},
		"not a word of POP3":         {hello2("TOP") + two + "C: TOP 1 0\nS: <html>", "<html>", false, mail.Temporary},
		"went on after the answer":   {hello2("TOP") + two + "C: TOP 1 0\n" + sent(head(priced)) + "S: junk", "junk", false, mail.Temporary},
	} {
		t.Run(name, func(t *testing.T) {
			o := scripted(t, c.script+"\n")
			o.ReadOnly = c.readOnly
			o.Timeout = 200 * time.Millisecond
			s, refs := listed(t, o)
			_, err := collectEnvelopes(t, s, refs)
			contains(t, err, c.words)
			if mail.ClassOf(err) != c.class {
				t.Errorf("class %v", mail.ClassOf(err))
			}
		})
	}
	t.Run("the caller's own error", func(t *testing.T) {
		s, refs := listed(t, scripted(t, hello2("TOP")+two+"C: TOP 1 0\n"+sent(head(priced))+"C: QUIT\nS: +OK"))
		own := errors.New("journal is full")
		if err := s.Envelopes(t.Context(), refs, func(mail.Envelope) error { return own }); err != own {
			t.Errorf("error %v", err)
		}
		if err := s.Close(true); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func TestPOP3Fetch(t *testing.T) {
	s, refs := listed(t, scripted(t, hello+two+"C: RETR 2\n"+sent(priced)+"C: RETR 1\nS: -ERR no such message, sorry\nC: QUIT\nS: +OK\n"))
	c := newCollector()
	ask := []mail.Ref{{ID: "uid-b"}, refs[0], {ID: "gone"}, {ID: "uid-x", Num: 1}, {Num: 2}}
	if err := s.Fetch(t.Context(), ask, c); err != nil {
		t.Fatal(err)
	}
	if got := c.raw["uid-b"]; got != priced || c.done["uid-b"] != nil {
		t.Errorf("message %q, %v", got, c.done["uid-b"])
	}
	contains(t, c.done["uid-a"], "uid-a", "RETR 1", "no such message, sorry")
	contains(t, c.done["gone"], "no longer offers it")
	contains(t, c.done["uid-x"], "no longer offers it")
	contains(t, c.done["number 2"], "no longer offers it") // it has a UIDL now
	for id, err := range c.done {
		if err != nil && mail.ClassOf(err) != mail.Message {
			t.Errorf("%s: class %v", id, mail.ClassOf(err))
		}
	}
	if len(c.done) != len(ask) {
		t.Errorf("%d answers to %d messages", len(c.done), len(ask))
	}
	if err := s.Close(true); err != nil {
		t.Errorf("close: %v", err)
	}
}

// The content goes through the walker: parts, decoded, of a message whose lines begin with dots.
func TestPOP3FetchParts(t *testing.T) {
	s, refs := listed(t, scripted(t, hello+two+"C: RETR 1\n"+sent(priced)))
	h := &partTaker{}
	if err := s.Fetch(t.Context(), refs[:1], h); err != nil || h.done != nil {
		t.Fatal(err, h.done)
	}
	if h.got != "price.csv: .hidden;1\r\n..;2\r\n" {
		t.Errorf("%q", h.got)
	}
}

type partTaker struct {
	got  string
	done error
}

func (h *partTaker) Want(_ mail.Ref, p mail.Part) bool { return p.Name != "" }
func (h *partTaker) Part(_ mail.Ref, p mail.Part, r io.Reader) error {
	b, err := io.ReadAll(r)
	h.got += p.Name + ": " + string(b)
	return err
}
func (h *partTaker) Done(_ mail.Ref, err error) error { h.done = err; return nil }

func TestPOP3FetchEnds(t *testing.T) {
	own := errors.New("disk is full")
	large := head(priced) + strings.Repeat(strings.Repeat("x", 1022)+"\r\n", 1<<10)
	for _, c := range []struct {
		name, message string
		h             collector
		alive         bool // the session can go on
	}{
		{"Done ends it between two messages", priced, collector{stop: own}, true},
		{"Part ends it, little is left", priced, collector{part: func(io.Reader) error { return own }}, true},
		{"Part ends it, much is left", large, collector{part: func(io.Reader) error { return own }}, false},
		{"Part ends it at the end", large, collector{part: func(r io.Reader) error { _, _ = io.Copy(io.Discard, r); return own }}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := hello + two + "C: RETR 1\n" + sent(c.message)
			if c.alive {
				script += "C: QUIT\nS: +OK\n"
			}
			s, refs := listed(t, scripted(t, script))
			h := newCollector()
			h.part, h.stop = c.h.part, c.h.stop
			if err := s.Fetch(t.Context(), refs, h); err != own {
				t.Errorf("error %v, want the handler's own", err)
			}
			if h.part != nil && len(h.done) != 0 {
				t.Errorf("done with %v", h.done)
			}
			if err := s.Close(true); (err == nil) != c.alive {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// What a handler does not read is skipped, however much it is.
func TestPOP3FetchSkips(t *testing.T) {
	large := head(priced) + strings.Repeat(strings.Repeat("x", 1022)+"\r\n", 1<<10)
	s, refs := listed(t, scripted(t, hello+two+"C: RETR 1\n"+sent(large)+"C: RETR 2\n"+sent(priced)))
	h := newCollector()
	h.part = func(io.Reader) error { return nil }
	if err := s.Fetch(t.Context(), refs, h); err != nil || len(h.done) != 2 || h.done["uid-a"] != nil {
		t.Errorf("%v, %v", err, h.done)
	}
}

// A header that comes as if it were the message is not taken for it at once.
func TestPOP3FetchHeaderAlone(t *testing.T) {
	const retr = "C: RETR 1\n"
	large := strings.Replace(two, "1 100", "1 9000", 1)
	var growing strings.Builder
	for i := range lengthTries {
		growing.WriteString(retr + sent(priced+strings.Repeat("1;2\r\n", i)))
	}
	for _, c := range []struct{ name, script, raw, fail string }{
		{"whole from the second time on", hello + two + retr + sent(head(priced)) + strings.Repeat(retr+sent(priced), 3), priced, ""},
		{"as Mailutils does", hello + two + retr + sent(head(priced)) + retr + sent(priced[:len(priced)-9]+"\r\n") +
			retr + sent(priced[:len(priced)-6]+"\r\n") + strings.Repeat(retr+sent(priced), 3), priced, ""},
		{"another at last", hello + two + retr + sent(head(priced)) + strings.Repeat(retr+sent(priced+"more\r\n"), 2) + retr + sent(priced), priced, "before that with"},
		{"never twice the same", hello + two + retr + sent(head(priced)) + growing.String(), "", "another length each time"},
		{"is all there is", hello + two + strings.Repeat(retr+sent(head(priced)), 3), head(priced), ""},
		{"and the listing says more", hello + large + strings.Repeat(retr+sent(head(priced)), 3), head(priced), "the listing says 9000"},
		{"a small part", hello + large + retr + sent(priced), priced, "the listing says 9000"},
		{"more than a half", hello + large + retr + sent(priced+strings.Repeat("1;2\r\n", 900)), priced + strings.Repeat("1;2\r\n", 900), ""},
		{"refused at the second time", hello + two + retr + sent(head(priced)) + retr + "S: -ERR no\n", "", "RETR 1: server says -ERR no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, refs := listed(t, scripted(t, c.script))
			h := newCollector()
			if err := s.Fetch(t.Context(), refs[:1], h); err != nil {
				t.Fatal(err)
			}
			err := h.done["uid-a"]
			if h.raw["uid-a"] != c.raw || (err == nil) != (c.fail == "") {
				t.Errorf("%v: %q", err, h.raw["uid-a"])
			}
			if c.fail != "" {
				contains(t, err, "fetch message uid-a", c.fail)
			}
		})
	}
}

func TestPOP3FetchBusy(t *testing.T) {
	for _, code := range []string{"[SYS/TEMP]", "[in-use]"} {
		s, refs := listed(t, scripted(t, hello+two+"C: RETR 1\nS: -ERR "+code+" wait 5 minutes"))
		h := newCollector()
		err := s.Fetch(t.Context(), refs, h)
		contains(t, err, "wait 5 minutes")
		if mail.ClassOf(err) != mail.Temporary || mail.AfterOf(err).Minutes() != 5 || len(h.done) != 0 {
			t.Errorf("%s: class %v, after %v, done %v", code, mail.ClassOf(err), mail.AfterOf(err), h.done)
		}
	}
}

// A server that sends without end is stopped; the message is told apart from the session.
func TestPOP3FetchTooLarge(t *testing.T) {
	o := scripted(t, hello+two+"C: RETR 1\n"+sent(priced+strings.Repeat("1;2\r\n", 1<<10)))
	o.MaxMessage = 1000
	s, refs := listed(t, o)
	h := newCollector()
	err := s.Fetch(t.Context(), refs, h)
	contains(t, h.done["uid-a"], "larger than the limit")
	if !errors.Is(h.done["uid-a"], mail.ErrTooLarge) || mail.ClassOf(h.done["uid-a"]) != mail.Message {
		t.Errorf("done with %v", h.done["uid-a"])
	}
	if len(h.raw["uid-a"]) != 0 || len(h.done) != 1 || mail.ClassOf(err) != mail.Temporary || err == nil {
		t.Errorf("%v, done %v", err, h.done)
	}
}

// A message of exactly the largest size is none too many.
func TestPOP3FetchJustFits(t *testing.T) {
	o := scripted(t, hello+two+"C: RETR 1\n"+sent(priced))
	o.MaxMessage = int64(len(priced))
	s, refs := listed(t, o)
	h := newCollector()
	if err := s.Fetch(t.Context(), refs[:1], h); err != nil || h.done["uid-a"] != nil || h.raw["uid-a"] != priced {
		t.Errorf("%v, %v", err, h.done)
	}
}

func TestPOP3DryRun(t *testing.T) {
	const all = "C: TOP 1 2147483647\n"
	t.Run("TOP", func(t *testing.T) {
		o := scripted(t, hello2("TOP")+two+all+sent(priced)+"C: TOP 2 2147483647\nS: -ERR too many lines\n")
		o.ReadOnly = true
		s, refs := listed(t, o)
		h := newCollector()
		if err := s.Fetch(t.Context(), refs, h); err != nil || h.raw["uid-a"] != priced || h.done["uid-a"] != nil {
			t.Errorf("%v, %v", err, h.done)
		}
		contains(t, h.done["uid-b"], "too many lines")
		got, err := s.Delete(t.Context(), []mail.Doomed{{Ref: refs[0], Fingerprint: printOf(priced), Size: -1}})
		if err != nil || got[0].State != mail.DeleteRefused {
			t.Errorf("delete: %v, %v", got, err)
		}
		if len(s.Retrieved()) != 0 {
			t.Error("a dry run retrieved")
		}
	})
	t.Run("no TOP", func(t *testing.T) {
		o := scripted(t, hello2()+two)
		o.ReadOnly = true
		s, refs := listed(t, o)
		h := newCollector()
		if err := s.Fetch(t.Context(), refs, h); err != nil || len(h.done) != 2 {
			t.Errorf("%v, %v", err, h.done)
		}
		contains(t, h.done["uid-b"], "attachments unknown: the server has no TOP")
		if mail.ClassOf(h.done["uid-b"]) != mail.Message {
			t.Errorf("class %v", mail.ClassOf(h.done["uid-b"]))
		}
	})
}

// Nothing holds a message: 50 MB go through in a few buffers.
func TestPOP3FetchMemory(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	const lines = 50 << 20 / 78
	o := scripted(t, "")
	o.Dialer = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go serveLarge(server, lines)
		return client, nil
	}
	s, refs := listed(t, o)
	var octets int64
	h := newCollector()
	h.part = func(r io.Reader) (err error) {
		octets, err = io.Copy(io.Discard, r)
		return err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := s.Fetch(t.Context(), refs, h)
	runtime.ReadMemStats(&after)
	if err != nil || h.done["uid-a"] != nil || octets != lines*78+int64(len(head(priced))) {
		t.Fatalf("%d octets, %v, %v", octets, err, h.done)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
		t.Errorf("allocated %d octets in all for %d", got, octets)
	}
	s.Close(false)
}

// serveLarge serves one message of many lines of 76 characters.
func serveLarge(conn net.Conn, lines int) {
	defer conn.Close()
	r, w := bufio.NewReader(conn), bufio.NewWriterSize(conn, 32<<10)
	answers := map[string]string{
		"CAPA": "-ERR\r\n", "USER": "+OK\r\n", "PASS": "+OK\r\n", "STAT": "+OK 1 1\r\n",
		"UIDL": "+OK\r\n1 uid-a\r\n.\r\n", "LIST": "+OK\r\n1 1\r\n.\r\n", "RETR": "+OK\r\n" + head(priced),
	}
	line := strings.Repeat("x", 76) + "\r\n"
	fmt.Fprint(w, "+OK\r\n")
	for w.Flush() == nil {
		command, err := r.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Fprint(w, answers[command[:4]])
		if command[:4] == "RETR" {
			for range lines {
				_, _ = w.WriteString(line)
			}
			fmt.Fprint(w, ".\r\n")
		}
	}
}
