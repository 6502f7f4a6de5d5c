//go:build servers

package servers

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
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

// numbersAnew are the servers that give every message another id as soon as one more comes: everything wanted is read
// again then, and saved nothing of it.
var numbersAnew = map[string]bool{"mailutils imap": true}

// quirksOf are the tests of what only one server does.
var quirksOf = map[string][]func(*testing.T, *account, endpoint){
	"cyrus":     {loginDelay, loginDisabled},
	"mailutils": {inUse, halfMessages},
	"popa3d":    {sameUIDL},
}

// saysOf is what `check --connect` says of a server over POP3; with a ! in front what it must not say.
var saysOf = map[string][]string{
	"cyrus":       {"The server keeps mail until it is deleted (EXPIRE NEVER)."},
	"courier":     {"The server wants at least 10s between two logins (LOGIN-DELAY): set poll accordingly."},
	"mailutils":   {"!EXPIRE 0", "!leave_copy: true cannot be kept"}, // it announces EXPIRENEVER
	"popa3d":      {"The server has no CAPA: what it can do is found out by trying."},
	"solid-pop3d": {"The server has no CAPA: what it can do is found out by trying."},
}

// connected holds what `check --connect` says against what is known of the server.
func connected(t *testing.T, a *account, r recipe, e endpoint) {
	s := newSite(t)
	s.configure(way{"pop3", "none"}.mailbox(e, factsUser, ""))
	_, out := s.run("check", "--connect")
	for _, words := range saysOf[r.name] {
		words, not := strings.CutPrefix(words, "!")
		if strings.Contains(out, words) == not {
			a.wrong(t, "check --connect says %q: %v, want %v\n%s", words, not, !not, out)
		}
	}
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
			Files: []mailtest.Attachment{{Name: fmt.Sprintf("прайс %d.xls", i), Content: mailtest.Fill(i, 500)}}})})
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

// loginDisabled: a server that takes no LOGIN in the clear is told no password, and the operator what to set instead; with
// STARTTLS, after which it offers other capabilities, it is served.
func loginDisabled(t *testing.T, a *account, e endpoint) {
	e.store.put(secretUser, priceLists(3))
	e.imap = portSecret
	heard := listenBetween(t, &e)
	s := newSite(t)
	s.configure(way{"imap", "none"}.mailbox(e, secretUser, ""))
	if p := s.once(1); p.Class != "auth" || !strings.Contains(p.Error, "set tls: implicit or starttls") {
		a.wrong(t, "without TLS: class %q: %s", p.Class, p.Error)
	}
	if said := heard(); strings.Contains(said, "LOGIN") || strings.Contains(said, "AUTHENTICATE") {
		a.wrong(t, "without TLS the program said: %q", said)
	}
	s.configure(way{"imap", "starttls"}.mailbox(e, secretUser, ""))
	if p := s.once(0); len(p.Files) != 3 {
		a.wrong(t, "with STARTTLS: %d files, want 3", len(p.Files))
	}
	if said := heard(); !strings.Contains(said, "STARTTLS") || strings.Contains(said, password) {
		a.wrong(t, "with STARTTLS the password went over the connection in the clear")
	}
}

// listenBetween puts itself between the program and the IMAP server. What it returns tells what the program has sent so
// far.
func listenBetween(t *testing.T, e *endpoint) (heard func() string) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	backend := net.JoinHostPort(host, strconv.Itoa(e.imap))
	e.imap = l.Addr().(*net.TCPAddr).Port
	var mu sync.Mutex
	var said bytes.Buffer
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // closed
			}
			server, err := net.Dial("tcp", backend)
			if err != nil {
				_ = client.Close()
				continue // the program sees a connection that ends
			}
			go func() {
				_, _ = io.Copy(client, server) // either side may end it
				_ = client.Close()
			}()
			go func() {
				_, _ = io.Copy(io.MultiWriter(server, lockedWriter{&mu, &said}), client)
				_ = server.Close()
			}()
		}
	}()
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return said.String()
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
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

// halfMessages: of a message whose header came by TOP in the same session this server gives a part, with a final dot, and
// the whole only when it is asked again. What is saved is whole all the same.
func halfMessages(t *testing.T, a *account, e endpoint) {
	letters, files, _ := wantedOnly(secretUser, time.Now().Add(-time.Hour))
	e.store.put(secretUser, letters)
	k := logIn(t, e.pop3, secretUser) // another program has read the mailbox before
	k.list("UIDL")
	k.pop("QUIT")
	k.close()
	s := newSite(t)
	s.configure(way{"pop3", "none"}.mailbox(e, secretUser, ""))
	if p := s.once(0); p.Failed != 0 {
		a.wrong(t, "%d messages failed\n%s", p.Failed, s.err)
	}
	same(t, a, s.imported(), files)
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
