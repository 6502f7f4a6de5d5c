package main

import (
	"encoding/json"
	"testing"
	"time"

	"pricefetch/internal/mailtest"
	"pricefetch/internal/poll"
)

// TestMove takes a mailbox on a real server from POP3 to IMAP under another name, back, and through new UIDs: what is on
// record is known again by its headers. Nothing is read, imported or deleted a second time; what is new comes.
func TestMove(t *testing.T) {
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	server.AddUser("mover", "secret-of-mover")
	now := time.Now()
	want, _ := flood(server, "mover", now.Add(-time.Hour))
	old := now.AddDate(0, 0, -60)
	server.Append("mover", "INBOX", mailtest.Message(mailtest.MessageOptions{
		From: "price@autoparts.example", Subject: "old", ID: "old@e2e.example", Date: old, Received: old,
		Files: []mailtest.Attachment{{Name: "old.xls", Content: []byte("old")}},
	}), old)
	const messages = 201
	s := newSite(t)
	pop3, imap := way{"pop3", "implicit"}, way{"imap", "implicit"}
	pass := func(w way, name, formerly string) {
		t.Helper()
		s.configure("mailboxes:\n%s%s", w.mailbox(server, name, "mover", formerly), supplierRules)
		var plans []poll.Plan
		if err := json.Unmarshal([]byte(s.must(0, "plan", "--output", "json").out), &plans); err != nil {
			t.Fatal(err)
		}
		if f := plans[0].Folders[0]; f.Listed != messages || len(f.Save)+len(f.Delete) != 0 {
			t.Errorf("planned before the pass over %s: %+v", w, f)
		}
		for range 2 {
			if r := s.once(0)[name]; r.Read+r.Deleted+len(r.Files)+r.Repeated+r.Baseline != 0 {
				t.Errorf("pass over %s: %+v\n%s", w, r, s.last.err)
			}
		}
		same(t, s.imported(), want)
		if n := len(ids(server, "mover")); n != messages {
			t.Fatalf("%d messages of %d are left", n, messages)
		}
	}
	s.configure("mailboxes:\n%s%s", pop3.mailbox(server, "prices", "mover", ""), supplierRules)
	if r := s.once(0)["prices"]; len(r.Files) != len(want) || r.Baseline != 1 {
		t.Fatalf("first pass: %+v", r)
	}
	pass(imap, "lists", ", formerly: prices")
	pass(pop3, "lists", "")
	pass(imap, "lists", "")
	server.Doveadm("mailbox", "update", "-u", "mover", "--uid-validity", "77777", "INBOX")
	pass(imap, "lists", "")

	content := fill(7, 700)
	server.Append("mover", "INBOX", mailtest.Message(mailtest.MessageOptions{
		From: "price@autoparts.example", Subject: "new", ID: "new@e2e.example", Date: now, Received: now,
		Files: []mailtest.Attachment{{Name: "new.xls", Content: content}},
	}), now)
	want["autoparts/new.xls"] = sum(content)
	s.configure("mailboxes:\n%s%s", pop3.mailbox(server, "lists", "mover", ""), supplierRules)
	if r := s.once(0)["lists"]; len(r.Files) != 1 || r.Deleted != 0 {
		t.Errorf("a move with new mail: %+v", r)
	}
	same(t, s.imported(), want)
}
