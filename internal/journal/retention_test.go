package journal

import (
	"testing"
	"time"

	"pricefetch/internal/mail"
)

func TestDeletionAnswers(t *testing.T) {
	tests := map[string]struct {
		state   mail.DeleteState
		want    mail.Deletion
		step    string
		inspect bool          // in doubt when listed again
		absent  mail.Deletion // when the next complete listing lacks it
	}{
		"done":     {mail.DeleteDone, mail.DeletionAcknowledged, "deletion confirmed by the server: why", true, mail.DeletionGone},
		"absent":   {mail.DeleteAbsent, mail.DeletionIntended, "not deleted: the server no longer has it; the next complete listing tells: why", false, mail.DeletionGone},
		"marked":   {mail.DeleteMarked, mail.DeletionIntended, "marked for deletion: why", false, mail.DeletionGone},
		"unknown":  {mail.DeleteUnknown, mail.DeletionIntended, "deletion asked for, the answer was lost; the next complete listing tells: why", false, mail.DeletionGone},
		"refused":  {mail.DeleteRefused, mail.DeletionNone, "not deleted: why", false, mail.DeletionGone},
		"mismatch": {mail.DeleteMismatch, mail.DeletionNone, "not deleted: the message under its id is another one: why", true, mail.DeletionGone},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			x := polled(t, "1", "2")
			id := x.judge("1", mail.Unmatched)
			x.ok(x.Deleting(t.Context(), []mail.RecordID{id}, x.time))
			if r := x.by("1"); r.Deletion != mail.DeletionIntended || !r.DeletionSince.Equal(x.time) {
				t.Errorf("intended: %+v", r)
			}
			equal(t, "step", x.lastStep(id), "to be deleted from the server")
			x.ok(x.Deleted(t.Context(), []mail.DeleteAnswer{{ID: id, State: tt.state, Why: "why"}}, x.time.Add(time.Second)))
			r := x.by("1")
			if r.Deletion != tt.want || !r.DeletionSince.Equal(x.time) || !r.Listed || r.Outcome != mail.Unmatched {
				t.Errorf("answered: %+v", r)
			}
			equal(t, "step", x.lastStep(id), tt.step)

			short := listing("2")
			short.Complete = false
			x.pass(time.Hour)
			x.sort(short)
			equal(t, "after an incomplete listing", x.by("1").Deletion, tt.want)
			w := x.sort(listing("1", "2"))
			equal(t, "in doubt", len(w.Inspect) == 1, tt.inspect)
			x.sort(listing("2"))
			equal(t, "after a complete listing without it", x.by("1").Deletion, tt.absent)
		})
	}
}

func TestDeletingIsAllOrNothing(t *testing.T) {
	x := polled(t, "1", "2", "3")
	ok := x.judge("1", mail.Unmatched)
	gone := x.judge("3", mail.Unmatched)
	wantErr(t, x.Deleting(t.Context(), []mail.RecordID{ok, x.by("2").ID}, x.time), "message 2 is pending", "must not be deleted")
	x.sort(listing("1", "2"))
	wantErr(t, x.Deleting(t.Context(), []mail.RecordID{ok, gone}, x.time), "message 3 is not listed")
	wantErr(t, x.Deleting(t.Context(), []mail.RecordID{99}, x.time), "no such record")
	if r := x.by("1"); r.Deletion != mail.DeletionNone {
		t.Errorf("message 1 is %s", r.Deletion)
	}
	wantErr(t, x.Deleted(t.Context(), []mail.DeleteAnswer{{ID: ok, State: mail.DeleteState(99), Why: ""}}, x.time), "unknown answer 99")
}

// A server that shows only the newest messages puts an older one in the place of one that was deleted: as many as before,
// and the same UIDNEXT. The listing after a deletion must not pass for unchanged.
func TestADeletionTakesTheCursor(t *testing.T) {
	x := polled(t, "7")
	id := x.judge("7", mail.Unmatched)
	l := listing("7")
	l.Next = mail.Cursor{UIDNext: 8, Count: 1}
	x.sort(l)
	next := func() uint32 {
		t.Helper()
		cursors, err := x.Cursors(t.Context(), box)
		x.ok(err)
		if len(cursors) != 1 {
			t.Fatalf("%d cursors, want 1", len(cursors))
		}
		return cursors[0].UIDNext
	}
	equal(t, "UIDNEXT before", next(), uint32(8))
	x.ok(x.Deleting(t.Context(), []mail.RecordID{id}, x.time))
	equal(t, "UIDNEXT after", next(), uint32(0))
	x.sort(l)
	equal(t, "UIDNEXT of the next listing", next(), uint32(8))
}

// DeletionSince is the first intention's time, however often the deletion is tried.
func TestDeletionSince(t *testing.T) {
	x := polled(t, "1")
	id := x.judge("1", mail.Unmatched)
	first := x.time
	for range 3 {
		x.ok(x.Deleting(t.Context(), []mail.RecordID{id}, x.time))
		x.ok(x.Deleted(t.Context(), []mail.DeleteAnswer{{ID: id, State: mail.DeleteRefused, Why: "read-only"}}, x.time))
		x.time = x.time.Add(time.Hour)
	}
	if r := x.by("1"); !r.DeletionSince.Equal(first) {
		t.Errorf("since %v, want %v", r.DeletionSince, first)
	}
}

func TestMailboxState(t *testing.T) {
	x := newFixture(t)
	before, err := x.Started(t.Context(), box, account, x.time)
	x.ok(err)
	equal(t, "before the first pass", before, mail.MailboxState{Name: box})
	want := mail.MailboxState{Name: box, Account: account, LastStarted: x.time, LastFinished: x.time.Add(time.Second), LastError: "отказ",
		ErrorClass: "auth", ErrorSince: x.time, FailedPasses: 3, NextPass: x.time.Add(time.Hour), Newest: x.time.Add(time.Minute),
		AgeSuspended: "clock", DeleteFirst: true, DueSince: x.time, NotHonoured: true}
	x.ok(x.Update(t.Context(), box, func(m *mail.MailboxState) {
		equal(t, "given to update", *m, mail.MailboxState{Name: box, Account: account, LastStarted: x.time, Newest: x.time})
		*m = want
		m.Name = "renamed"
	}))
	before, err = x.Started(t.Context(), box, account, x.time.Add(-time.Hour)) // the clock went back
	x.ok(err)
	equal(t, "before the second pass", before, want)
	ms, err := x.Mailboxes(t.Context())
	x.ok(err)
	if len(ms) != 1 || !ms[0].Newest.Equal(want.Newest) || !ms[0].LastStarted.Equal(x.time.Add(-time.Hour)) {
		t.Errorf("mailboxes %+v", ms)
	}
	f, err := x.Folder(t.Context(), box, "никогда")
	x.ok(err)
	equal(t, "a folder never listed", f, mail.FolderState{Mailbox: box, Folder: "никогда"})
}
