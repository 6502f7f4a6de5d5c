package poll_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

// structured is what a server says of its messages, by id, and how it was asked.
type structured struct {
	says  map[string]string
	sure  bool // it says all there is
	asked [][]string
	err   error
}

// Structures says what the server was told to say.
func (c *session) Structures(_ context.Context, refs []mail.Ref, each func(mail.Structure) error) error {
	var ids []string
	for _, ref := range refs {
		ids = append(ids, ref.ID)
	}
	c.s.structured.asked = append(c.s.structured.asked, ids)
	for _, ref := range refs {
		if c.s.structured.err != nil {
			return c.s.structured.err
		}
		if file, ok := c.s.structured.says[ref.ID]; ok {
			if err := each(mail.Structure{Ref: ref, Sure: c.s.structured.sure, Parts: []mail.Part{{Type: "text/plain"}, {Name: file, Named: true, Attachment: true, Type: "application/x"}}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Once an hour the server is asked what new mail of unknown senders has in it, each message once, and nothing is read or
// decided by what it says.
func TestStrangersAreAskedAbout(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.FirstRun = mail.FirstRun{All: true}
		h.rules = append(h.rules, match.Rule{Name: "named", From: []string{"named.ru"}, Files: []string{"*.csv"}})
		h.now = time.Date(2026, 11, 25, 12, 10, 0, 0, time.UTC)
		id := h.server.add(letter("1", "a@new.ru", "p.csv", "1"), h.now)
		silent := h.server.add(letter("2", "a@silent.ru", "p.csv", "2"), h.now)
		h.server.add(letter("3", "a@old.ru", "p.csv", "3"), h.now.AddDate(0, 0, -8))
		h.server.add(letter("4", supplier, "p.pdf", "4"), h.now)
		h.server.add(letter("5", "a@mail.autoparts.ru", "p.csv", "5"), h.now)
		h.server.structured.says = map[string]string{id: "lie.doc"}
		h.mustRun()
		h.now = h.now.Add(30 * time.Minute)
		h.mustRun()
		if n := len(h.server.structured.asked); n != 0 {
			t.Fatalf("asked %d times within the first hour", n)
		}
		for range 3 {
			h.now = h.now.Add(time.Hour)
			h.mustRun()
		}
		got := ""
		for _, ids := range h.server.structured.asked {
			got += strings.Join(ids, " ") + ";"
		}
		want := silent + " " + id + ";"
		if h.server.protocol == "pop3" {
			want = ""
		}
		if got != want {
			t.Errorf("asked about %q, want %q", got, want)
		}
		if rec := h.record(id); rec.Outcome != mail.Unmatched || rec.Parts != nil || want != "" && (len(rec.Stated) != 1 || rec.Stated[0].Name != "lie.doc") {
			t.Errorf("record is %s, parts %v, stated %v", rec.Outcome, rec.Parts, rec.Stated)
		}
		if n := h.server.fetched[id] + h.server.fetched[silent]; n != 0 {
			t.Errorf("mail of strangers was read %d times", n)
		}
		h.rules[1].From = append(h.rules[1].From, "a@new.ru") // the server's word decides nothing
		h.mustRun()
		h.wantOutcome(id, mail.Saved)
		if rec := h.record(id); rec.Stated != nil || len(rec.Parts) != 1 {
			t.Errorf("read, and stated %v, parts %v", rec.Stated, rec.Parts)
		}
	})
}

// A server that breaks the connection over it does so once, and the pass has not failed.
func TestStrangersAskedInVain(t *testing.T) {
	h := newHouse(t, "imap")
	h.mustRun()
	h.now = h.now.Add(time.Hour)
	id := h.server.add(letter("1", "a@new.ru", "p.csv", "1"), h.now)
	h.server.structured.err = errCut
	for range 3 {
		h.mustRun()
		h.now = h.now.Add(time.Hour)
	}
	if n := len(h.server.structured.asked); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if rec := h.record(id); rec.Outcome != mail.Unmatched || rec.Stated == nil || len(rec.Stated) != 0 {
		t.Errorf("record is %s, stated %v", rec.Outcome, rec.Stated)
	}
}
