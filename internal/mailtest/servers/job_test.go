//go:build servers

package servers

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pricefetch/internal/mailtest"
)

// What each mailbox is filled with.
const (
	messages = 200
	wanted   = 40
)

// account keeps the books of a run: what was served, and what was wrong.
type account struct {
	mu  sync.Mutex
	sum outcome
}

func (a *account) served(messages, files int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sum.Messages += messages
	a.sum.Files += files
}

// wrong is an error of the test that is counted.
func (a *account) wrong(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Errorf(format, args...)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sum.Wrong++
}

// TestServer is everything about the one server of this namespace.
func TestServer(t *testing.T) {
	at := slices.IndexFunc(recipes, func(r recipe) bool { return r.name == os.Getenv(envServer) })
	if at < 0 {
		t.Fatalf("%s=%q names no server", envServer, os.Getenv(envServer))
	}
	r := recipes[at]
	a := &account{sum: outcome{Protocols: r.protocols()}}
	defer func() {
		text, err := json.Marshal(a.sum)
		if err == nil {
			err = os.WriteFile(os.Getenv(envOutcome), text, 0o600)
		}
		if err != nil {
			t.Errorf("write outcome: %v", err)
		}
	}()
	m := enter(t, os.Getenv(envPackage))
	e := r.start(m)
	for _, w := range r.ways {
		t.Run(w.user(), func(t *testing.T) { mainJob(t, a, r, e, w) })
	}
	t.Run("wrong-password", func(t *testing.T) { wrongPassword(t, a, r, e) })
	if quirks, ok := quirksOf[r.name]; ok {
		t.Run("quirks", func(t *testing.T) { quirks(t, a, e) })
	}
	t.Run("facts", func(t *testing.T) {
		a.sum.Facts = append([]fact{{"version", r.version(os.Getenv(envPackage))}}, measure(t, r, e)...)
	})
}

// supplierRules are five rules of the kind that admins write.
const supplierRules = `rules:
  - {name: autoparts, from: ["*@autoparts.example"], files: ["*.{xls,xlsx}"]}
  - {name: kolesa, from: ["kolesa.example"], files: ["*остатки*"]}
  - {name: maslo, from: [price@maslo.example], subject: ["*прайс*"], files: ["*.csv"]}
  - {name: filter, from: ["*.filter.example"], files: ["*"], exclude: ["*old*"]}
  - {name: optom, from: ["*@optom.example"], files: ["*.zip"], save_to: optom/zip}
`

// suppliers are the senders of what the rules want, each with the folder and the name of its n-th file.
var suppliers = []struct{ from, subject, dir, name string }{
	{"Автозапчасти <price@autoparts.example>", "Прайс", "autoparts", "Прайс автозапчасти %d.xlsx"},
	{`"Колёса, ООО" <sklad@kolesa.example>`, "Остатки", "kolesa", "Остатки на складе %d.csv"},
	{"price@maslo.example", "Свежий ПРАЙС-лист", "maslo", "масло_%d.csv"},
	{"<bot@mail.filter.example>", "", "filter", "filter %d.txt"},
	{"Оптом <o@optom.example>", "From here on", "optom/zip", "оптом-%d.zip"},
}

// flood makes the messages, every fifth of them wanted, and the files that are wanted; ids are those that carry them.
func flood(user string, received time.Time) (letters []letter, files map[string]string, ids []string) {
	files = map[string]string{}
	for i := range messages {
		id := fmt.Sprintf("%s-%d@servers.example", user, i)
		received := received.Add(-time.Duration(i) * time.Second) // popa3d tells messages apart by it
		o := mailtest.MessageOptions{From: "Реклама <news@spam.example>", Subject: "Скидки", Date: received, ID: id, Received: received,
			Text:  "From Monday on\r\n.a dot\r\n..\r\nFrom here\r\n",
			Files: []mailtest.Attachment{{Name: fmt.Sprintf("акция-%d.xls", i), Content: fill(i, 3000)}}}
		if n := i / 5; i%5 == 0 {
			s := suppliers[n%len(suppliers)]
			name, content := fmt.Sprintf(s.name, n), fill(i, 2000+137*i)
			o.From, o.Subject = s.from, s.subject
			o.Files = []mailtest.Attachment{{Name: name, Content: content, Encoding: mailtest.NameEncoding(n % 5), Quoted: n%7 == 3}}
			files[s.dir+"/"+name] = sum(content)
			ids = append(ids, id)
		}
		letters = append(letters, letter{id: id, raw: mailtest.Message(o), received: received})
	}
	return letters, files, ids
}

// fill makes content that is different for each seed, with every octet in it.
func fill(seed, n int) []byte {
	out := make([]byte, n)
	x := uint32(seed*2654435761 + 1)
	for i := range out {
		x = x*1664525 + 1013904223
		out[i] = byte(x >> 24)
	}
	return out
}

// mainJob is the main job of the program over one way: pass after pass, each with the server's mailbox looked at by
// the server's own means.
func mainJob(t *testing.T, a *account, r recipe, e endpoint, w way) {
	now := time.Now()
	user := w.user()
	letters, files, ids := flood(user, now.Add(-time.Hour))
	old := letter{id: user + "-old@servers.example", received: now.AddDate(0, 0, -40)}
	old.raw = mailtest.Message(mailtest.MessageOptions{From: "price@autoparts.example", Subject: "old", ID: old.id, Date: old.received,
		Received: old.received, Files: []mailtest.Attachment{{Name: "old.xls", Content: []byte("old")}}})
	foreign := letter{id: user + "-foreign@servers.example", received: now.Add(-2 * time.Hour), deleted: true}
	foreign.raw = mailtest.Message(mailtest.MessageOptions{From: "friend@example.org", Subject: "mine", ID: foreign.id, Date: foreign.received, Received: foreign.received})
	all := append(slices.Clone(letters), old, foreign)
	e.store.put(user, all)
	there := map[string]bool{}
	for _, l := range all {
		there[l.id] = true
	}

	s := newSite(t)
	s.configure(w.mailbox(e, user, ""))
	first := s.once(0)
	a.served(first.Listed, len(first.Files))
	if len(first.Files) != wanted || first.Listed != len(all) || first.Baseline != 1 {
		a.wrong(t, "first pass: %d files of %d listed, %d baseline; want %d, %d, 1\n%s", len(first.Files), first.Listed, first.Baseline, wanted, len(all), s.err)
	}
	same(t, a, s.imported(), files)
	stands(t, a, e, user, there)
	if settlesLate[r.name+" "+w.protocol] {
		if p := s.once(0); len(p.Files) != 0 || p.Deleted != 0 {
			a.wrong(t, "the pass that met another UIDVALIDITY saved %d files and deleted %d messages", len(p.Files), p.Deleted)
		}
	}
	if second := s.once(0); second.Read != 0 || second.Wanted != 0 || len(second.Files) != 0 {
		a.wrong(t, "second pass read %d messages and saved %d files\n%s", second.Read, len(second.Files), s.err)
	}
	stands(t, a, e, user, there)

	mode := ", retention: {leave_copy: false, brake: off}"
	s.configure(w.mailbox(e, user, mode))
	gone := ids
	if words, refuses := cannotDelete[r.name+" "+w.protocol]; refuses {
		gone, old.id = nil, ""
		if _, out := s.run("check", "--connect"); !strings.Contains(out, words) {
			a.wrong(t, "check --connect does not say %q:\n%s", words, out)
		}
	}
	third := s.once(0)
	if third.Deleted != len(gone) {
		a.wrong(t, "leave_copy: false deleted %d, want %d\n%s", third.Deleted, len(gone), s.err)
	}
	for _, id := range gone {
		delete(there, id)
	}
	stands(t, a, e, user, there)

	s.configure(w.mailbox(e, user, ", retention: {delete_after_days: 30, brake: off}"))
	s.once(0)
	delete(there, old.id)
	stands(t, a, e, user, there)
	if last := s.once(0); last.Read != 0 || last.Deleted != 0 || last.Ignored != 0 {
		a.wrong(t, "the pass after read %d, deleted %d, ignored %d", last.Read, last.Deleted, last.Ignored)
	}
	stands(t, a, e, user, there)
	same(t, a, s.imported(), files)
}

// same compares what was imported with what was wanted.
func same(t *testing.T, a *account, got, want map[string]string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] != want[path] {
			a.wrong(t, "%s: got %.12q, want %.12q", path, got[path], want[path])
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[path]; !ok {
			a.wrong(t, "%s: not wanted", path)
		}
	}
}

// stands holds the server's mailbox against what should be there.
func stands(t *testing.T, a *account, e endpoint, user string, want map[string]bool) {
	t.Helper()
	var excess, lost []string
	seen := map[string]bool{}
	for _, id := range e.store.left(user) {
		if seen[id] || !want[id] {
			excess = append(excess, id)
		}
		seen[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if !seen[id] {
			lost = append(lost, id)
		}
	}
	if len(excess) > 0 {
		a.wrong(t, "%d messages are on the server twice, or should be gone: %.200q", len(excess), excess)
	}
	if len(lost) > 0 {
		a.wrong(t, "%d messages are no longer on the server: %.200q", len(lost), lost)
	}
}
