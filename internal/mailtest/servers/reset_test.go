//go:build servers

package servers

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// ownIDs are the servers that make a message's id of the message itself, so that no reset can come about.
var ownIDs = map[string]bool{"popa3d": true}

// reset has the server give every message of a mailbox another id, while the options change and a letter comes in. The
// pass that finds it imports nothing again and deletes nothing; those after it are as any other.
func reset(t *testing.T, a *account, r recipe, e endpoint, protocol string) {
	now := time.Now()
	w := way{protocol, "none"}
	user := "reset-" + protocol
	letters, files, ids := wantedOnly(user, now.Add(-time.Hour))
	old, _, _ := priceLetter(user+"-old@servers.example", now.AddDate(0, 0, -40), "old.xls")
	letters = append(letters, old)
	e.store.put(user, letters)
	s := newSite(t)
	s.configure(w.mailbox(e, user, ""))
	s.once(0)
	if settlesLate[r.name+" "+protocol] {
		s.once(0)
	}
	if p := s.once(0); p.Read != 0 || p.Deleted != 0 {
		a.wrong(t, "before the reset a pass read %d and deleted %d messages", p.Read, p.Deleted)
	}
	same(t, a, s.imported(), files)

	before := idsOf(t, e, protocol, user)
	<-time.After(1100 * time.Millisecond) // most servers make the new numbers of the time, in seconds
	e.store.renumber(user, letters)
	between, path, sum := priceLetter(user+"-between@servers.example", now, "Новый.xls")
	e.store.put(user, []letter{between})
	letters, ids = append(letters, between), append(ids, between.id, old.id)
	after := idsOf(t, e, protocol, user)
	if still := slices.IndexFunc(before, func(id string) bool { return slices.Contains(after, id) }); still >= 0 {
		t.Fatalf("the id %q is there before and after: nothing is shown", before[still])
	}
	there := map[string]bool{}
	for _, l := range letters {
		there[l.id] = true
	}
	stands(t, a, e, user, there)

	s.configure(w.mailbox(e, user, ", retention: {leave_copy: false, delete_after_days: 30, brake: off}"))
	saved := 0
	first := s.once(0)
	saved += len(first.Files)
	if first.Deleted != 0 {
		a.wrong(t, "the pass that found other ids deleted %d messages, want none\n%s", first.Deleted, s.err)
	}
	stands(t, a, e, user, there)
	if _, refuses := cannotDelete[r.name+" "+protocol]; !refuses {
		for _, id := range ids {
			delete(there, id)
		}
	}
	second := s.once(0)
	saved += len(second.Files)
	stands(t, a, e, user, there)
	if last := s.once(0); last.Read != 0 || last.Deleted != 0 || len(last.Files) != 0 {
		a.wrong(t, "the last pass read %d and deleted %d messages, saved %d files", last.Read, last.Deleted, len(last.Files))
	}
	files[path] = sum
	same(t, a, s.imported(), files)
	if saved != 1 {
		a.wrong(t, "after the reset %d files were saved, want the one that came in", saved)
	}
	t.Logf("after the reset a pass read %d of %d messages again", first.Read, len(letters))
}

// idsOf are the ids that the server gives a mailbox's messages, in its own words.
func idsOf(t *testing.T, e endpoint, protocol, user string) []string {
	t.Helper()
	if protocol == "pop3" {
		k := logIn(t, e.pop3, user)
		defer k.close()
		_, lines := k.list("UIDL")
		k.pop("QUIT")
		return identifiers(lines)
	}
	k := dial(t, e.imap)
	defer k.close()
	k.ok(k.imap("LOGIN %s %s", user, password))
	validity := code(k.ok(k.imap("SELECT INBOX")), "UIDVALIDITY")
	var ids []string
	for _, line := range k.ok(k.imap("UID SEARCH ALL")) {
		var first string
		if n, _ := fmt.Sscanf(line, "* SEARCH %s", &first); n == 1 {
			ids = append(ids, validity+" "+first)
		}
	}
	k.ok(k.imap("LOGOUT"))
	if len(ids) == 0 {
		t.Fatalf("%s has no messages", user)
	}
	return ids
}
