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
	for _, protocol := range r.protocols() {
		if !ownIDs[r.name] {
			t.Run("reset-"+protocol, func(t *testing.T) { reset(t, a, r, e, protocol) })
		}
	}
	for i, quirk := range quirksOf[r.name] {
		t.Run(fmt.Sprintf("quirk-%d", i+1), func(t *testing.T) { quirk(t, a, e) })
	}
	t.Run("facts", func(t *testing.T) {
		a.sum.Facts = append([]fact{{"version", r.version(os.Getenv(envPackage))}}, measure(t, r, e)...)
	})
	t.Run("check", func(t *testing.T) { connected(t, a, r, e) })
}

// flood makes the messages; ids are those of the wanted ones, files what they bring.
func flood(user string, received time.Time) (letters []letter, files map[string]string, ids []string) {
	files = map[string]string{}
	for _, m := range mailtest.Flood(user, received) {
		letters = append(letters, letter{id: m.ID, raw: m.Raw, received: m.Received})
		if m.Path != "" {
			files[m.Path] = m.Sum
			ids = append(ids, m.ID)
		}
	}
	return letters, files, ids
}

// wantedOnly is a flood without what no rule wants: enough where it is not about telling mail apart.
func wantedOnly(user string, received time.Time) (letters []letter, files map[string]string, ids []string) {
	all, files, ids := flood(user, received)
	for _, l := range all {
		if slices.Contains(ids, l.id) {
			letters = append(letters, l)
		}
	}
	return letters, files, ids
}

// priceLetter is one wanted letter with one file, and what it is saved as.
func priceLetter(id string, received time.Time, name string) (l letter, path, sum string) {
	content := mailtest.Fill(len(id), 700)
	return letter{id: id, received: received, raw: mailtest.Message(mailtest.MessageOptions{
		From: "price@autoparts.example", Subject: name, ID: id, Date: received, Received: received,
		Files: []mailtest.Attachment{{Name: name, Content: content}}})}, "autoparts/" + name, mailtest.Sum(content)
}

// mainJob is the main job of the program over one way: pass after pass, each with the server's mailbox looked at by
// the server's own means.
func mainJob(t *testing.T, a *account, r recipe, e endpoint, w way) {
	now := time.Now()
	user := w.user()
	letters, files, ids := flood(user, now.Add(-time.Hour))
	old, _, _ := priceLetter(user+"-old@servers.example", now.AddDate(0, 0, -40), "old.xls")
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
	if len(first.Files) != mailtest.FloodWanted || first.Listed != len(all) || first.Baseline != 1 {
		a.wrong(t, "first pass: %d files of %d listed, %d baseline; want %d, %d, 1\n%s", len(first.Files), first.Listed, first.Baseline, mailtest.FloodWanted, len(all), s.err)
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

	between, path, sum := priceLetter(user+"-between@servers.example", now, "Новый.xls")
	e.store.put(user, []letter{between})
	files[path], there[between.id], ids = sum, true, append(ids, between.id)
	if p := s.once(0); p.Read != 1 && !numbersAnew[r.name+" "+w.protocol] || len(p.Files) != 1 {
		a.wrong(t, "of one message that came in between %d were read and %d files saved\n%s", p.Read, len(p.Files), s.err)
	}
	a.served(1, 1)
	same(t, a, s.imported(), files)

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
	for _, difference := range mailtest.Differences(got, want) {
		a.wrong(t, "%s", difference)
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
