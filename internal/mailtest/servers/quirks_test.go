//go:build servers

package servers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mailtest"
)

// cannotDelete says of which servers, over which protocol, nothing can be deleted safely, and what `check --connect`
// says then.
var cannotDelete = map[string]string{
	"mailutils imap": "server has neither MOVE nor UIDPLUS, so nothing can be deleted here without touching other messages: " +
		"set leave_copy: true and no delete_after_days, or use POP3",
}

// settlesLate are the servers that number the messages of a new folder for good only when it is opened for writing, and
// give no sign of it before the second pass finds another UIDVALIDITY. That pass reads again, and saves nothing twice.
var settlesLate = map[string]bool{"mailutils imap": true}

// quirksOf are the tests of what only one server does.
var quirksOf = map[string]func(*testing.T, *account, endpoint){
	"cyrus":     loginDelay,
	"mailutils": inUse,
	"popa3d":    sameUIDL,
}

// wrongPassword: every server's refusal, with a response code or without, is known as one that concerns the password.
func wrongPassword(t *testing.T, a *account, r recipe, e endpoint) {
	for _, protocol := range r.protocols() {
		s := newSite(t)
		s.configure(strings.Replace(way{protocol, "none"}.mailbox(e, factsUser, ""), "password: "+password, "password: wrong", 1))
		p := s.once(1)
		if p.Class != "auth" || !strings.Contains(p.Error, "server says") {
			a.wrong(t, "%s: a wrong password is of class %q: %s", protocol, p.Class, p.Error)
		}
	}
}

// priceLists are letters that popa3d cannot tell apart: only the names and contents of their files differ.
func priceLists(n int) []letter {
	received := time.Now().Add(-time.Hour)
	var out []letter
	for i := range n {
		id := fmt.Sprintf("same-%d@servers.example", i)
		out = append(out, letter{id: id, received: received, raw: mailtest.Message(mailtest.MessageOptions{
			From: "price@autoparts.example", Subject: "Прайс", ID: id, Date: received, Received: received,
			Files: []mailtest.Attachment{{Name: fmt.Sprintf("прайс %d.xls", i), Content: fill(i, 500)}}})})
	}
	return out
}

// loginDelay: a server that wants a minute between two logins is not a server with a wrong password.
func loginDelay(t *testing.T, a *account, e endpoint) {
	e.store.put(spareUser, priceLists(3))
	e.pop3 = portDelay
	s := newSite(t)
	s.configure(way{"pop3", "none"}.mailbox(e, spareUser, ""))
	if p := s.once(0); len(p.Files) != 3 {
		a.wrong(t, "first login: %d files, want 3", len(p.Files))
	}
	if p := s.once(1); p.Class != "temporary" || !strings.Contains(p.Error, "[LOGIN-DELAY]") {
		a.wrong(t, "second login is refused with class %q: %s", p.Class, p.Error)
	}
	if _, out := s.run("status"); !strings.Contains(out, "LOGIN-DELAY") {
		a.wrong(t, "status does not say why the mailbox fails:\n%s", out)
	}
}

// inUse: a maildrop that another session holds is served as soon as that session ends.
func inUse(t *testing.T, a *account, e endpoint) {
	e.store.put(spareUser, priceLists(3))
	s := newSite(t)
	s.configure(way{"pop3", "none"}.mailbox(e, spareUser, ""))
	holder := logIn(t, e.pop3, spareUser)
	if p := s.once(1); p.Class != "temporary" || !strings.Contains(p.Error, "[IN-USE]") {
		a.wrong(t, "while another session holds the maildrop: class %q: %s", p.Class, p.Error)
	}
	holder.pop("QUIT")
	if p := s.once(0); len(p.Files) != 3 {
		a.wrong(t, "after it: %d files, want 3", len(p.Files))
	}
}

// sameUIDL: popa3d makes the UIDL of a few header fields, so that letters which share these share it. They are told
// apart by their headers, saved once, and deleted only by the session that saved them.
func sameUIDL(t *testing.T, a *account, e endpoint) {
	letters := priceLists(3)
	e.store.put(spareUser, letters)
	_, lines := logIn(t, e.pop3, spareUser).list("UIDL")
	if ids := distinct(lines); len(lines) != 3 || ids != 1 {
		t.Fatalf("%d messages have %d UIDLs, want 3 and 1: the quirk is gone", len(lines), ids)
	}
	deleting := way{"pop3", "none"}.mailbox(e, spareUser, ", retention: {leave_copy: false, brake: off}")
	kept := newSite(t)
	kept.configure(way{"pop3", "none"}.mailbox(e, spareUser, ""))
	if p := kept.once(0); len(p.Files) != 3 {
		a.wrong(t, "first pass saved %d files, want 3", len(p.Files))
	}
	kept.configure(deleting)
	if p := kept.once(0); len(p.Files) != 0 || p.Deleted != 0 || len(e.store.left(spareUser)) != 3 {
		a.wrong(t, "a later session saved %d files and deleted %d, want none: it did not save them", len(p.Files), p.Deleted)
	}
	fresh := newSite(t)
	fresh.configure(deleting)
	if p := fresh.once(0); len(p.Files) != 3 || p.Deleted != 3 || len(e.store.left(spareUser)) != 0 {
		a.wrong(t, "the session that saves them saved %d files and deleted %d, want 3 and 3", len(p.Files), p.Deleted)
	}
}

// distinct counts the different UIDLs of a listing.
func distinct(lines []string) int {
	seen := map[string]bool{}
	for _, line := range lines {
		_, id, _ := strings.Cut(line, " ")
		seen[id] = true
	}
	return len(seen)
}
