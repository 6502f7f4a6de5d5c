package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mailtest"
)

// TestSendersOnDovecot: on a real server, over both protocols, the rules that come out of a mailbox take what the suppliers sent,
// and the mailbox is afterwards as it was.
func TestSendersOnDovecot(t *testing.T) {
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	for _, w := range []way{{"imap", "implicit"}, {"pop3", "implicit"}} {
		t.Run(w.String(), func(t *testing.T) {
			user := w.String()
			server.AddUser(user, "secret-of-"+user)
			files, _ := flood(server, user, time.Now().Add(-time.Hour))
			before := server.Messages(user, "INBOX")
			s := newSite(t)
			s.configure("include: [\"*.inc.yaml\"]\nmailboxes:\n%s", w.mailbox(server, "prices", user, ""))
			table := s.must(0, "senders", "prices")
			for _, row := range []string{
				`price@autoparts.example   *Прайс автозапчасти \*\.xlsx +8 `, `sklad@kolesa.example +Остатки на складе \*\.csv +8 `,
				`price@maslo.example +масло_\*\.csv +8 `, `o@optom.example +оптом-\*\.zip +8 `, `news@spam.example +акция-\*\.xls +160 `,
			} {
				if !regexp.MustCompile(row).MatchString(table.out) {
					t.Errorf("no row is like %s:\n%s", row, table.out)
				}
			}
			rules := s.must(0, "senders", "prices", "--yaml").out
			if after := server.Messages(user, "INBOX"); !slices.EqualFunc(before, after, func(a, b mailtest.Info) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
				t.Errorf("the mailbox was\n%v\nand is\n%v", before, after)
			}
			if left, err := os.ReadDir(s.path("state")); err != nil || len(left) > 0 || len(s.imported()) > 0 {
				t.Errorf("something was written: %v, %v", left, err)
			}
			s.write("senders.inc.yaml", rules)
			s.must(0, "check")
			s.once(0)
			got := map[string]bool{}
			for name := range s.imported() {
				got[filepath.Base(name)] = true
			}
			for name := range files {
				if !got[filepath.Base(name)] {
					t.Errorf("%s was not saved by\n%s", name, rules)
				}
			}
			const more = mailtest.FloodWanted / 5 // files beside those that the rules of other tests want
			if len(got) != mailtest.FloodMessages+more {
				t.Errorf("%d files were saved, want %d", len(got), mailtest.FloodMessages+more)
			}
		})
	}
}

// TestSendersOverPOP3: nothing is retrieved, deleted or committed, and a server without TOP is told to be one.
func TestSendersOverPOP3(t *testing.T) {
	for _, c := range []struct {
		caps   []string
		status int
		out    string
		err    string
	}{
		{[]string{"TOP", "UIDL", "USER"}, 0, `price@a\.example +прайс_\*\.xls +3 `, ""},
		{[]string{"TOP", "USER"}, 0, `price@a\.example +прайс_\*\.xls +3 `, ""},
		{[]string{"UIDL", "USER"}, 1, "no file was found in what could be read", "prices: FAILED: .*attachments unknown: the server has no TOP"},
	} {
		t.Run(strings.Join(c.caps, " "), func(t *testing.T) {
			server := mailtest.NewPOP3(mailtest.POP3Options{Caps: c.caps})
			drop := server.AddUser("u", "p")
			for i := range 3 {
				name := fmt.Sprintf("прайс_%d.xls", i)
				drop.Add(mailtest.Message(mailtest.MessageOptions{From: "price@a.example", ID: name, Received: time.Now(), Files: []mailtest.Attachment{{Name: name, Content: []byte("x")}}}))
			}
			port, err := server.Listen()
			if err != nil {
				t.Fatal(err)
			}
			s := newSite(t)
			s.configure("mailboxes:\n  - {name: prices, protocol: pop3, host: 127.0.0.1, port: %d, tls: none, username: u, password: p}\n", port)
			r := s.must(c.status, "senders", "prices")
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(c.out).MatchString(r.out) || !regexp.MustCompile(c.err).MatchString(r.err) {
				t.Errorf("out:\n%s\nerr:\n%s", r.out, r.err)
			}
			for _, command := range server.Commands() {
				if verb := strings.Fields(command)[1]; slices.Contains([]string{"RETR", "DELE", "QUIT", "RSET"}, verb) {
					t.Errorf("it sent %s", command)
				}
			}
		})
	}
}

// TestSendersOfManyMessages: ten thousand of them take little memory.
func TestSendersOfManyMessages(t *testing.T) {
	const messages, limit = 10_000, 100 << 20
	server := mailtest.NewIMAP()
	if err := server.AddUser("u", "p"); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range messages {
		name := fmt.Sprintf("прайс_%d.xls", i)
		raw := mailtest.Message(mailtest.MessageOptions{From: fmt.Sprintf("price@supplier%d.example", i%40), ID: name, Date: now, HTML: true, Files: []mailtest.Attachment{{Name: name, Content: fill(i, 900)}}})
		if err := server.Append("u", "INBOX", raw, now.Add(-time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	port, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s := newSite(t)
	s.configure("mailboxes:\n  - {name: prices, protocol: imap, host: 127.0.0.1, port: %d, tls: none, username: u, password: p}\n", port)
	r := s.must(0, "senders", "prices", "--output", "json")
	var got sendersReport
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Messages != messages || got.WithFiles != messages || len(got.Senders) != 40 || got.Senders[0].Count != messages/40 {
		t.Errorf("%d messages, %d with files, %d rows", got.Messages, got.WithFiles, len(got.Senders))
	}
	t.Logf("peak memory of the process: %.1f MB", float64(r.maxRSS)/1e6)
	if r.maxRSS == 0 || r.maxRSS > limit {
		t.Errorf("peak memory %d bytes, limit %d", r.maxRSS, limit)
	}
}
