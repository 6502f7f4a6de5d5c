package journal

import (
	"context"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// renumber builds a complete listing under another UIDVALIDITY.
func renumber(scope string, ids ...string) mail.Listing {
	l := listing(ids...)
	l.Scope, l.Next.Scope = scope, scope
	for i := range l.Refs {
		l.Refs[i].Scope = scope
	}
	return l
}

// identified reads the headers that a worklist asks for; message tells which message an id stands for.
func (x *fixture) identified(w mail.Worklist, message func(id string) string) {
	x.t.Helper()
	var in []mail.Inspection
	for _, r := range w.Inspect {
		in = append(in, mail.Inspection{Record: r, Envelope: header(r, message(r.Ref.ID), start.Add(-30*24*time.Hour))})
	}
	_, err := x.Inspected(x.t.Context(), in, x.time)
	x.ok(err)
}

// shifted says that ids count from 101 now: 117 is message m-17.
func shifted(id string) string { return "m-" + strings.TrimPrefix(strings.TrimPrefix(id, "1"), "0") }

// TestTakeOver: after a reset the records of old ids go on under the new ones, whatever was judged of them.
func TestTakeOver(t *testing.T) {
	x := polled(t, numbered(1, 9)...)
	for id, o := range map[string]mail.Outcome{"1": mail.Unmatched, "2": mail.NearMiss, "3": mail.Paused, "4": mail.Baseline, "5": mail.Superseded} {
		x.judge(id, o)
	}
	x.ok(x.Hold(t.Context(), x.by("6").ID, "damaged", "6.eml", x.time))
	_, err := x.Dismiss(t.Context(), x.by("7").ID, x.time)
	x.ok(err)
	_, err = x.Fail(t.Context(), x.by("8").ID, "cut", x.time)
	x.ok(err)
	old := map[mail.RecordID]mail.Record{}
	for _, r := range x.all() {
		old[r.ID] = r
	}
	x.pass(time.Hour)
	w := x.sort(renumber("2", append(numbered(101, 109), "110")...))
	if w.Reset == "" {
		t.Fatal("no reset")
	}
	x.identified(w, shifted)
	n, err := x.EndFirstPoll(t.Context(), box, "INBOX", mail.FirstRun{Age: 7 * 24 * time.Hour}, x.time)
	x.ok(err)
	equal(t, "first poll", n, mail.FirstPoll{Baseline: 1, TakenOver: 9})
	equal(t, "records", len(x.all()), 10)
	for _, now := range x.all() {
		was, known := old[now.ID]
		if !known {
			equal(t, "the only new one", now.Ref.ID+" "+string(now.Outcome), "110 baseline")
			continue
		}
		equal(t, "id", shifted(now.Ref.ID), "m-"+was.Ref.ID)
		was.Ref = now.Ref
		equal(t, "record", now, was)
		equal(t, "step", strings.Contains(x.lastStep(now.ID), "UIDVALIDITY changed from 1 to 2"), true)
	}
	w = x.sort(renumber("2", append(numbered(101, 109), "110")...))
	if w.Reset != "" || w.FirstPoll || len(w.Inspect) != 0 {
		t.Errorf("the pass after: %+v", w)
	}
	work, err := x.Work(t.Context(), box, "INBOX", x.time.Add(time.Hour))
	x.ok(err)
	equal(t, "work", ids(work), "109 108")
}

// Over POP3 the record goes on with the message number that its new id was listed under.
func TestTakenOverRecordHasItsNumber(t *testing.T) {
	x := polled(t, "1", "2")
	x.pass(time.Hour)
	x.identified(x.sort(renumber("2", "102", "101")), shifted)
	x.endFirstPoll()
	work, err := x.Work(t.Context(), box, "INBOX", x.time)
	x.ok(err)
	for _, r := range work {
		equal(t, "number of "+r.Ref.ID, r.Num, map[string]uint32{"102": 1, "101": 2}[r.Ref.ID])
	}
	equal(t, "work", len(work), 2)
}

// What a server may do to a deletion that we asked for under the old id: the message is there, so it did not happen.
func TestTakeOverForgetsDeletion(t *testing.T) {
	x := polled(t, numbered(1, 5)...)
	answers := map[string]mail.DeleteState{"2": mail.DeleteUnknown, "3": mail.DeleteDone, "4": mail.DeleteDone}
	for _, id := range numbered(1, 4) {
		x.judge(id, mail.Unmatched)
		x.ok(x.Deleting(t.Context(), []mail.RecordID{x.by(id).ID}, x.time))
		if a, ok := answers[id]; ok {
			x.ok(x.Deleted(t.Context(), []mail.DeleteAnswer{{ID: x.by(id).ID, State: a}}, x.time))
		}
	}
	x.pass(time.Hour)
	x.sort(listing("1", "2", "3", "5")) // 4 is gone
	equal(t, "deletion", x.by("4").Deletion, mail.DeletionGone)
	x.pass(400 * 24 * time.Hour)
	x.identified(x.sort(renumber("2", numbered(101, 105)...)), shifted)
	x.endFirstPoll()
	for _, id := range numbered(101, 105) {
		r := x.by(id)
		if r.Deletion != mail.DeletionNone || !r.DeletionSince.IsZero() || !r.Listed {
			t.Errorf("message %s: %+v", id, r)
		}
	}
	equal(t, "records", len(x.all()), 5)
	equal(t, "age of one that was brought back", x.by("104").Age(), x.time)
	if !x.by("105").Age().Before(x.time.Add(-300 * 24 * time.Hour)) {
		t.Errorf("age of one that was there all the time: %s", x.by("105").Age())
	}
}

// TestTakenOverAfterDeletion: the server confirmed, or may have carried out, a deletion that no listing has shown yet; then
// the ids are reset and the message is there. Somebody has brought it back, or else it was never deleted: it stays for
// as long as new mail does.
func TestTakenOverAfterDeletion(t *testing.T) {
	x := polled(t, numbered(1, 3)...)
	for id, a := range map[string]mail.DeleteState{"2": mail.DeleteUnknown, "3": mail.DeleteDone} {
		x.judge(id, mail.Unmatched)
		x.ok(x.Deleting(t.Context(), []mail.RecordID{x.by(id).ID}, x.time))
		x.ok(x.Deleted(t.Context(), []mail.DeleteAnswer{{ID: x.by(id).ID, State: a}}, x.time))
	}
	x.pass(400 * 24 * time.Hour)
	x.identified(x.sort(renumber("2", numbered(101, 103)...)), shifted)
	x.endFirstPoll()
	for id, brought := range map[string]bool{"101": false, "102": true, "103": true} {
		if got := x.by(id).Age().Equal(x.time); got != brought {
			t.Errorf("message %s is as old as %s, brought back: %v", id, x.by(id).Age(), brought)
		}
	}
}

// A reset that several passes need to see through, and one that another reset interrupts.
func TestTakeOverAfterInterruptedReset(t *testing.T) {
	x := polled(t, numbered(1, 6)...)
	for _, id := range numbered(1, 6) {
		x.judge(id, mail.Unmatched)
	}
	x.pass(time.Hour)
	w := x.sort(renumber("2", numbered(101, 106)...))
	w.Inspect = w.Inspect[:4] // then the connection broke
	x.identified(w, shifted)
	equal(t, "baseline while headers are missing", x.endFirstPoll(), 0)
	x.pass(time.Hour)
	w = x.sort(renumber("3", numbered(101, 106)...))
	x.identified(w, shifted)
	n, err := x.EndFirstPoll(t.Context(), box, "INBOX", mail.FirstRun{None: true}, x.time)
	x.ok(err)
	equal(t, "first poll", n, mail.FirstPoll{TakenOver: 6})
	listed, err := x.Listed(t.Context(), box, "INBOX")
	x.ok(err)
	equal(t, "listed", ids(listed), strings.Join(numbered(101, 106), " "))
	for _, r := range listed {
		equal(t, "outcome of "+r.Ref.ID, r.Outcome, mail.Unmatched)
	}
}

// A used id whose first record was taken over by another id is still known by its later one.
func TestUsedIDAfterTakeOver(t *testing.T) {
	x := polled(t, numbered(1, 5)...)
	x.pass(time.Hour)
	same := func(id string) string { return "m-" + id }
	x.identified(x.sort(listing("1", "2", "3", "4", "5/200")), func(id string) string { return map[string]string{"5": "other"}[id] })
	if r := x.by("5"); r.Generation != 1 {
		t.Fatalf("no second generation: %+v", r)
	}
	x.pass(time.Hour)
	x.identified(x.sort(renumber("2", "9")), func(string) string { return "m-5" }) // takes the first one over
	x.endFirstPoll()
	equal(t, "id of the first", x.by("9").ID, mail.RecordID(5))
	x.pass(time.Hour)
	x.identified(x.sort(listing("1", "2", "3", "4", "5/200")), func(id string) string {
		if id == "5" {
			return "other"
		}
		return same(id)
	})
	x.endFirstPoll()
	for range 2 {
		l := listing("1", "2", "3", "4", "5/200")
		l.Unchanged = true
		x.pass(time.Hour)
		x.sort(l)
		listed, err := x.Listed(t.Context(), box, "INBOX")
		x.ok(err)
		equal(t, "listed", len(listed), 5)
	}
}

// move makes a pass over one folder of an account.
func (x *fixture) move(ctx context.Context, account mail.Account, l mail.Listing, message func(string) string) (mail.Worklist, mail.FirstPoll) {
	x.t.Helper()
	x.time = x.time.Add(time.Hour)
	_, err := x.Started(ctx, box, account, x.time)
	x.ok(err)
	o := x.options()
	o.Account = account
	w, err := x.SortOut(ctx, box, l, o)
	x.ok(err)
	x.identified(w, message)
	n, err := x.EndFirstPoll(ctx, box, l.Folder, mail.FirstRun{Age: 7 * 24 * time.Hour}, x.time)
	x.ok(err)
	x.finish()
	return w, n
}

func inFolder(l mail.Listing, folder, scope string) mail.Listing {
	l.Folder, l.Scope, l.Next.Folder, l.Next.Scope = folder, scope, folder, scope
	for i := range l.Refs {
		l.Refs[i].Folder, l.Refs[i].Scope = folder, scope
	}
	return l
}

// TestMoveBetweenProtocols: a mailbox that goes from POP3 to IMAP and back keeps what is known of its messages.
func TestMoveBetweenProtocols(t *testing.T) {
	x := newFixture(t)
	pop3 := mail.Account{Protocol: "pop3", Host: "pop.example.ru", User: "u"}
	imap := mail.Account{Protocol: "imap", Host: "imap.example.ru", User: "u"}
	atPOP3 := func(ids ...string) mail.Listing { return inFolder(listing(ids...), "", "") }
	same := func(id string) string { return "m-" + id }

	_, n := x.move(t.Context(), pop3, atPOP3("1", "2", "3"), same)
	equal(t, "first poll", n, mail.FirstPoll{Baseline: 3})
	dismissed := x.by("2").ID
	x.ok(x.Judge(t.Context(), []mail.RecordID{dismissed}, mail.Judgement{Outcome: mail.NearMiss}, x.time))

	w, n := x.move(t.Context(), imap, listing(numbered(101, 104)...), shifted)
	equal(t, "reset", w.Reset, "the account changed from pop3 u@pop.example.ru to imap u@imap.example.ru")
	equal(t, "moved to IMAP", n, mail.FirstPoll{TakenOver: 3, Baseline: 1})
	equal(t, "record", x.by("102").ID, dismissed)
	equal(t, "outcome", x.by("102").Outcome, mail.NearMiss)
	equal(t, "folder", x.by("102").Folder, "INBOX")
	left, err := x.Listed(t.Context(), box, "")
	x.ok(err)
	equal(t, "still listed over POP3", len(left), 0)

	w, n = x.move(t.Context(), imap, listing(numbered(101, 104)...), shifted)
	equal(t, "the next pass", w.Reset+ids(w.Inspect), "")
	equal(t, "the next pass", n, mail.FirstPoll{})

	reason, err := x.Reset(t.Context(), box, atPOP3("1", "2", "3", "4"), pop3)
	x.ok(err)
	equal(t, "dry run", reason != "", true)
	w, n = x.move(t.Context(), pop3, atPOP3("1", "2", "3", "4"), same)
	equal(t, "reset", w.Reset != "", true)
	equal(t, "moved back", n, mail.FirstPoll{TakenOver: 4})
	equal(t, "record", x.by("2").ID, dismissed)
	equal(t, "records", len(x.all()), 4)
}

// Both folders of a mailbox move to another host: each keeps its own, and a message that changed folders is known too.
func TestMoveOfSeveralFolders(t *testing.T) {
	x := newFixture(t)
	other := account
	other.Host = "mail.example.ru"
	same := func(id string) string { return "m-" + id }
	archive := func(ids ...string) mail.Listing { return inFolder(listing(ids...), "Архив", "1") }
	x.move(t.Context(), account, listing("1", "2"), same)
	x.move(t.Context(), account, archive("3", "4"), same)
	was := map[string]mail.RecordID{}
	for _, id := range numbered(1, 4) {
		was[id] = x.by(id).ID
	}
	w, n := x.move(t.Context(), other, listing("1", "2", "4"), same)
	equal(t, "reset", w.Reset, "the account changed from imap sklad@example.ru@imap.example.ru to imap sklad@example.ru@mail.example.ru")
	equal(t, "INBOX", n, mail.FirstPoll{TakenOver: 1}) // 1 and 2 have kept their ids and need not be taken over
	w, n = x.move(t.Context(), other, archive("3"), same)
	equal(t, "reset", strings.HasPrefix(w.Reset, "the account changed from imap sklad@example.ru@imap.example.ru"), true)
	equal(t, "archive", n, mail.FirstPoll{})
	for id, r := range was {
		equal(t, "record of "+id, x.by(id).ID, r)
	}
	equal(t, "folder", x.by("4").Folder, "INBOX")
	equal(t, "records", len(x.all()), 4)
}

// A server that did not honour deletions is forgiven by the next account's.
func TestMoveForgives(t *testing.T) {
	x := polled(t, "1", "2")
	id := x.judge("1", mail.Unmatched)
	x.judge("2", mail.Unmatched)
	for range toleratedIgnored {
		x.pass(time.Hour)
		x.ok(x.Deleting(t.Context(), []mail.RecordID{id}, x.time))
		x.ok(x.Deleted(t.Context(), []mail.DeleteAnswer{{ID: id, State: mail.DeleteDone}}, x.time))
		x.pass(time.Hour)
		x.inspect(x.sort(listing("1", "2")))
	}
	equal(t, "deletion", x.by("1").Deletion, mail.DeletionIgnored)
	x.pass(time.Hour)
	x.identified(x.sort(renumber("2", "101", "102")), shifted)
	x.endFirstPoll()
	equal(t, "after new ids", x.by("101").Deletion, mail.DeletionIgnored)
	other := account
	other.User = "price@example.ru"
	x.move(t.Context(), other, renumber("3", "101", "102"), shifted)
	m, err := x.Mailbox(t.Context(), box)
	x.ok(err)
	if r := x.by("101"); r.Deletion != mail.DeletionNone || r.Ignored != 0 || m.NotHonoured {
		t.Errorf("another account: %+v, mailbox %+v", r, m)
	}
}

// TestTakeOverBesideCopy: an incomplete listing showed a message under its new id, and it was judged. What the complete one
// shows beside it, with the same header, is a copy of it: mail that was put there now, and as old as that.
func TestTakeOverBesideCopy(t *testing.T) {
	x := polled(t, "1", "2")
	x.judge("1", mail.Unmatched)
	x.judge("2", mail.Unmatched)
	x.pass(5 * 24 * time.Hour)
	part := listing("101", "102")
	part.Complete = false
	x.identified(x.sort(part), shifted)
	x.judge("101", mail.Unmatched)
	x.pass(time.Hour)
	w := x.sort(listing("101", "102", "103"))
	if w.Reset == "" {
		t.Fatal("no reset")
	}
	x.identified(w, func(id string) string { return strings.Replace(shifted(id), "m-3", "m-1", 1) })
	n, err := x.EndFirstPoll(t.Context(), box, "INBOX", mail.FirstRun{All: true}, x.time)
	x.ok(err)
	equal(t, "first poll", n, mail.FirstPoll{})
	equal(t, "outcome of the copy", x.by("103").Outcome, mail.Pending)
}
