package daemon

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest/corpus"
	"pricefetch/internal/match"
	"pricefetch/internal/mimepart"
	"pricefetch/internal/senders"
)

// sent is one message as a survey gets it.
type sent struct {
	what     string
	envelope mail.Envelope
	parts    []mail.Part
}

// drafted surveys messages, writes the rules and loads them as an admin does: from a file that the configuration includes.
// unwritten are the files for which no rule can be written.
func drafted(t *testing.T, dir string, all []sent) (rules *match.Rules, text string, unwritten int) {
	t.Helper()
	const head = "import_dir: /srv/import\nstate_dir: /srv/state\nmailboxes:\n  - {name: prices, protocol: imap, host: h, username: u, password: p}\n"
	main := filepath.Join(dir, "main.yaml")
	write := func(file, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(main, head)
	c, err := config.LoadMailboxes(main, Checks())
	if err != nil {
		t.Fatal(err)
	}
	if rules, err = knownSenders(c); err != nil {
		t.Fatal(err)
	}
	s := senders.New(rules)
	for _, m := range all {
		s.Add(m.envelope, m.parts)
	}
	text = string(DraftRules(c, c.Mailboxes[0], s, []string{"a remark"}))
	_, unwritten = s.Drafts(nil)
	if !strings.Contains(text, "\nrules:\n") {
		return rules, text, unwritten
	}
	write(filepath.Join(dir, "drafts.yaml"), text)
	write(main, head+"include: [drafts.yaml]\n")
	if c, err = config.Load(main, Checks()); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if rules, err = Rules(c); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return rules, text, unwritten
}

// exact surveys messages and holds the rules against them: they take every file, but for those that are left out and told of,
// and nothing that is none. It returns how many files there are.
func exact(t *testing.T, dir, what string, all []sent) (files, unwritten int, text string) {
	t.Helper()
	rules, text, unwritten := drafted(t, dir, all)
	var missed []string
	for _, m := range all {
		for _, p := range m.parts {
			took := rules.File(m.envelope, p).Rule
			switch accessory := match.Accessory(p); {
			case accessory && took != "":
				t.Errorf("%s: rule %s takes %q (%s) of %q\n%s", what, took, p.Name, p.Type, m.envelope.From, text)
			case !accessory:
				files++
				if took == "" {
					missed = append(missed, fmt.Sprintf("%q of %q", p.Name, m.envelope.From))
				}
			}
		}
	}
	if len(missed) > unwritten {
		t.Errorf("%s: no rule takes %v, %d were left out\n%s", what, missed, unwritten, text)
	}
	return files, unwritten, text
}

// samples are the messages of the corpus with their parts.
func samples(t *testing.T) []sent {
	var all []sent
	for _, s := range corpus.Samples() {
		m := sent{what: s.Name}
		err := mimepart.Walk(bytes.NewReader(s.Raw), mimepart.Visitor{
			Header: func(raw []byte) { m.envelope = mimepart.Envelope(raw) },
			Want:   func(p mail.Part) bool { m.parts = append(m.parts, p); return false },
		}, mimepart.Limits{})
		if err != nil && mail.ClassOf(err) != mail.Message {
			t.Fatalf("%s: %v", s.Name, err)
		}
		all = append(all, m)
	}
	return all
}

// TestDraftsOfCorpus: the rules made from each message, and from all together, load and take exactly its files.
func TestDraftsOfCorpus(t *testing.T) {
	all, dir := samples(t), t.TempDir()
	for _, m := range all {
		if _, unwritten, text := exact(t, dir, m.what, []sent{m}); unwritten > 0 {
			t.Errorf("%s: %d files left out\n%s", m.what, unwritten, text)
		}
	}
	if files, _, _ := exact(t, dir, "all", all); files < 300 {
		t.Errorf("only %d files were looked at", files)
	}
}

// pieces that names and addresses are made of: what YAML, globs, terminals and file names mean something by.
var pieces = []string{
	"price", "Прайс", "остатки", "_", "-", " ", ".", ",", "2026-11-20", "20.11.26", "1", "007", "(2)", " (13)", "пн", "Monday", "ноябрь", "of", "Ё", "е\u0308", "ß", "İ",
	"[", "]", "{", "}", "*", "?", "\\", "/", "'", `"`, "!", "#", ": ", "- ", "&", "%", "@", "`", "|", ">", "~", "null", "off", "\n", "\r", "\t", "\x00", "\x1b[2J",
	"\u202e", "\u200b", "\u2028", "\ufeff", "\u00a0", "\ufffd", "\uf8ff", "\u0301", "𝒳", "=?utf-8?B?0J8=?=", "a1b2c3d4e5f60718", "<script>", "xn--",
}

var extensions = []string{".xls", ".XLSX", ".csv", ".zip", ".7z", ".png", ".p7s", ".vcf", ".ics", ".001", ".", "", ".экс", ".tar.gz", ".jpeg ", ".xls\n", ".{a}"}

// TestDraftsOfAnything does the same with names and addresses that nobody would send, in mailboxes of all sizes.
func TestDraftsOfAnything(t *testing.T) {
	dir, files, unwritten := t.TempDir(), 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		pick := func(from []string, most int) string {
			var b strings.Builder
			for range 1 + r.IntN(most) {
				b.WriteString(from[r.IntN(len(from))])
			}
			return b.String()
		}
		var all []sent
		for range 1 + r.IntN(40) {
			m := sent{envelope: mail.Envelope{Received: time.Unix(1_700_000_000+r.Int64N(1e7), 0)}}
			m.envelope.From = []string{pick([]string{"price", "buh", "a.b", "x+y"}, 1) + "@" + pick([]string{"a.ru", "b.a.ru", "mail.ru", "ромашка.рф", "c.com"}, 1)}
			for i := range 1 + r.IntN(4) {
				name := pick(pieces, 6) + pick(extensions, 1)
				if r.IntN(20) == 0 {
					name = strings.Repeat(name, 1+r.IntN(200))
				}
				m.parts = append(m.parts, mail.Part{Path: fmt.Sprint(i + 1), Name: strings.TrimSpace(name), Type: "application/octet-stream", Attachment: true, Named: true})
			}
			all = append(all, m)
		}
		n, left, text := exact(t, dir, fmt.Sprintf("seed %d", seed), all)
		files, unwritten = files+n, unwritten+left
		if i := strings.IndexFunc(text, func(c rune) bool { return c != '\n' && (c < ' ' || c == 0x7f || c == '\u202e' || c == '\u2028') }); i >= 0 {
			t.Fatalf("seed %d: what is printed has the control character %q:\n%s", seed, text[i:i+1], text)
		}
		if t.Failed() {
			return
		}
	}
	if unwritten > files/10 {
		t.Errorf("%d of %d files are left out", unwritten, files)
	}
}
