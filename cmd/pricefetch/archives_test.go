package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mailtest"
)

// TestArchives takes archives that real programs made out of mail on a real server: what is explained and planned is
// what is saved, and what cannot be opened is held. No password is shown.
func TestArchives(t *testing.T) {
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	server.AddUser("u", "secret-of-u")
	s := newSite(t)
	sample := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("..", "..", "internal", "archive", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var letters []string
	deliver := func(id string, files ...mailtest.Attachment) {
		raw := mailtest.Message(mailtest.MessageOptions{
			From: "price@autoparts.example", ID: id + "@e2e.example", Subject: id, Date: time.Now(), Received: time.Now(), Files: files,
		})
		letters = append(letters, s.write(id+".eml", string(raw)))
		server.Append("u", "INBOX", raw, time.Now())
	}
	rows := mailtest.XLSX(mailtest.Rows(1, 5))
	deliver("crypt", mailtest.Attachment{Name: "прайс.zip", Content: sample("classic.zip")}, mailtest.Attachment{Name: "plain.xlsx", Content: rows})
	deliver("seven", mailtest.Attachment{Name: "seven.7z", Content: sample("crypthead.7z")})
	deliver("rar", mailtest.Attachment{Name: "list.rar", Content: sample("rar5-solid.rar")})
	deliver("locked", mailtest.Attachment{Name: "locked.rar", Content: sample("rar5-crypt.rar")})
	deliver("cut", mailtest.Attachment{Name: "cut.zip", Content: sample("infozip.zip")[:2000]})
	deliver("miss", mailtest.Attachment{Name: "miss.zip", Content: mailtest.ZipCP866(mailtest.Member{Name: "договор.doc", Content: []byte("x")})})
	s.configure("mailboxes:\n%srules:\n%s", way{"imap", "implicit"}.mailbox(server, "u", "u", ""),
		`  - {name: autoparts, from: ["*@autoparts.example"], unpack: true, members: ["*.csv", "test[12].bin", "*.txt"], passwords: [hush-1, secret, тайна]}
`)
	explained := s.must(0, append([]string{"explain"}, letters...)...)
	for _, want := range []string{
		"«прайс.zip»: rule autoparts opens it", "«Прайсы/Остатки.csv»: taken, as autoparts/Остатки.csv", "«plain.xlsx»: rule autoparts takes it",
		"«test3.bin»: no members mask takes", "FAULT: it is encrypted and no password fits", "FAULT: content is damaged",
		"«договор.doc»: no members mask takes", "near miss: nothing in the archive is taken",
	} {
		if !strings.Contains(explained.out, want) {
			t.Errorf("explain does not say %q:\n%s", want, explained.out)
		}
	}
	planned := s.must(0, "plan")
	for _, want := range []string{"Остатки.csv (Прайсы/Остатки.csv)", "test1.bin", "«miss.zip (no members mask takes договор.doc)»", "«locked.rar» cannot be unpacked"} {
		if !strings.Contains(planned.out, want) {
			t.Errorf("plan does not say %q:\n%s", want, planned.out)
		}
	}
	once := s.must(0, "once")
	const list, rest = "6b0efc43", "d670ff8a"
	want := map[string]string{
		"autoparts/plain.xlsx": sum(rows), "autoparts/Прайс.csv": list, "autoparts/Остатки.csv": rest,
		"autoparts/Прайс (2).csv": list, "autoparts/Остатки (2).csv": rest, "autoparts/test1.bin": "7d89f86f", "autoparts/test2.bin": "f81e6fce",
	}
	got := s.imported()
	for path, start := range want {
		if !strings.HasPrefix(got[path], start) {
			t.Errorf("%s: %q, want %s…", path, got[path], start)
		}
	}
	if len(got) != len(want) {
		t.Errorf("imported %v", got)
	}
	held := s.must(0, "messages", "--outcome", "held")
	missed := s.must(0, "messages", "--outcome", "near_miss")
	if !strings.Contains(held.out, "locked") || !strings.Contains(held.out, "cut") || !strings.Contains(missed.out, "miss") {
		t.Errorf("held:\n%s\nmissed:\n%s", held.out, missed.out)
	}
	recorded := s.must(0, "explain", "1", "6")
	for _, want := range []string{
		"«Прайсы/Остатки.csv»: rule autoparts took it, as autoparts/Остатки.csv", "rule autoparts took it, as autoparts/plain.xlsx",
		"«miss.zip»: rule autoparts opens it", "«договор.doc»: no members mask takes", "did you mean `*.{csv,doc}`?",
	} {
		if !strings.Contains(recorded.out, want) {
			t.Errorf("explain by id does not say %q:\n%s", want, recorded.out)
		}
	}
	shown := explained.out + planned.out + once.out + once.err + held.out + s.must(0, "check").out + s.last.err
	for _, password := range []string{"hush-1", "тайна"} {
		if strings.Contains(shown, password) {
			t.Errorf("a password is shown")
		}
	}
}
