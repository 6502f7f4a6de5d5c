package journal

import (
	"errors"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// again lists 1 (with the given size) and reads its header as that message.
func (x *fixture) again(size, message string) mail.Record {
	x.t.Helper()
	w := x.sort(listing("1/"+size, "2"))
	if len(w.Inspect) != 1 {
		x.t.Fatalf("to inspect: %q", ids(w.Inspect))
	}
	e := header(w.Inspect[0], message, x.time)
	e.Size = -1
	out, err := x.Inspected(x.t.Context(), []mail.Inspection{{Record: w.Inspect[0], Envelope: e}}, x.time)
	x.ok(err)
	return out[0]
}

func TestIdentifiedAgain(t *testing.T) {
	vanish := func(x *fixture) { x.sort(listing("2")) }
	acknowledge := func(x *fixture) {
		r := x.by("1")
		x.ok(x.Deleting(x.t.Context(), []mail.RecordID{r.ID}, x.time))
		x.ok(x.Deleted(x.t.Context(), []mail.DeleteAnswer{{ID: r.ID, State: mail.DeleteDone, Why: ""}}, x.time))
	}
	tests := map[string]struct {
		before  func(*fixture)
		size    string
		message string
		same    bool
		want    mail.Deletion
		old     mail.Deletion // of the old record, where another is made
		ignored int
	}{
		"another size, same message":    {func(*fixture) {}, "200", "m-1", true, mail.DeletionNone, "", 0},
		"another size, other message":   {func(*fixture) {}, "200", "other", false, mail.DeletionNone, mail.DeletionGone, 0},
		"back after it vanished":        {vanish, "100", "m-1", true, mail.DeletionNone, "", 0},
		"id used again after vanishing": {vanish, "100", "other", false, mail.DeletionNone, mail.DeletionGone, 0},
		"deletion not honoured":         {acknowledge, "100", "m-1", true, mail.DeletionNone, "", 1},
		"id used again after deletion":  {acknowledge, "100", "other", false, mail.DeletionNone, mail.DeletionGone, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			x := polled(t, "1", "2")
			id := x.judge("1", mail.Unmatched)
			x.pass(time.Hour)
			tt.before(x)
			x.pass(time.Hour)
			r := x.again(tt.size, tt.message)
			if (r.ID == id) != tt.same || r.Deletion != tt.want || r.Ignored != tt.ignored || !r.Listed || r.Num != 1 {
				t.Errorf("record %+v", r)
			}
			if want := map[string]int64{"100": 100, "200": 200}[tt.size]; r.Size != want {
				t.Errorf("size %d, want %d", r.Size, want)
			}
			if tt.same {
				equal(t, "outcome", r.Outcome, mail.Unmatched)
			} else {
				old, err := x.Record(t.Context(), id)
				x.ok(err)
				if old.Deletion != tt.old || old.Listed || old.Outcome != mail.Unmatched || r.Generation != 1 || r.Outcome != mail.Pending || r.AtFirstPoll {
					t.Errorf("old %+v\nnew %+v", old, r)
				}
				rs, err := x.Listed(t.Context(), box, "INBOX")
				x.ok(err)
				for _, l := range rs {
					if l.ID == r.ID && l.Num != 1 {
						t.Errorf("new generation listed with number %d", l.Num)
					}
				}
			}
			if w := x.sort(listing("1/"+tt.size, "2")); len(w.Inspect) != 0 {
				t.Errorf("in doubt again: %q", ids(w.Inspect))
			}
		})
	}
}

func TestDeletionIgnoredAtTheThirdTime(t *testing.T) {
	for name, list := range map[string]mail.Listing{
		"full listing": listing("1", "2"),
		"unchanged":    {Folder: "INBOX", Scope: "1", Complete: true, Unchanged: true, Next: mail.Cursor{UIDNext: 3, Count: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			x := polled(t, "1", "2")
			id := x.judge("1", mail.Unmatched)
			first := x.time
			for n := 1; n <= 3; n++ {
				x.ok(x.Deleting(t.Context(), []mail.RecordID{id}, x.time))
				x.ok(x.Deleted(t.Context(), []mail.DeleteAnswer{{ID: id, State: mail.DeleteDone, Why: ""}}, x.time))
				x.pass(time.Hour)
				w := x.sort(list)
				x.inspect(w)
				r, err := x.Record(t.Context(), id)
				x.ok(err)
				want := mail.DeletionNone
				if n == 3 {
					want = mail.DeletionIgnored
				}
				if r.Deletion != want || r.Ignored != n || !r.DeletionSince.Equal(first) {
					t.Errorf("after %d: %s, ignored %d, since %v", n, r.Deletion, r.Ignored, r.DeletionSince)
				}
			}
			m, err := x.Mailboxes(t.Context())
			x.ok(err)
			if !m[0].NotHonoured {
				t.Error("mailbox is not reported")
			}
			wantErr(t, x.Deleting(t.Context(), []mail.RecordID{id}, x.time), "given up")
			x.pass(time.Hour)
			if w := x.sort(list); len(w.Inspect) != 0 {
				t.Error("given up, yet in doubt again")
			}
		})
	}
}

func TestInspectedUnknown(t *testing.T) {
	x := polled(t, "1")
	_, err := x.Inspected(t.Context(), []mail.Inspection{{Record: mail.Record{ID: 99}}}, x.time)
	if !errors.Is(err, mail.ErrNoRecord) {
		t.Errorf("error %v", err)
	}
	if mail.ClassOf(err) == mail.Storage {
		t.Error("an unknown record is not the disk's fault")
	}
}

func TestFirstPoll(t *testing.T) {
	day := 24 * time.Hour
	tests := map[string]struct {
		first mail.FirstRun
		want  string // baseline ids, newest record first
	}{
		"7 days": {mail.FirstRun{Age: 7 * day}, "3 2"},
		"all":    {mail.FirstRun{All: true}, ""},
		"none":   {mail.FirstRun{None: true}, "3 2 1"},
		"since":  {mail.FirstRun{Since: start.Add(-20 * day)}, "3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			x := newFixture(t)
			x.pass(0)
			var in []mail.Inspection
			for _, r := range x.sort(listing("1", "2", "3", "4")).Inspect {
				age := map[string]time.Duration{"1": day, "2": 10 * day, "3": 400 * day}
				e := header(r, r.Ref.ID, start.Add(-age[r.Ref.ID]))
				if r.Ref.ID == "4" {
					e.Received = time.Time{} // no word of the server: as old as its first sight
				}
				in = append(in, mail.Inspection{Record: r, Envelope: e})
			}
			_, err := x.Inspected(t.Context(), in, x.time)
			x.ok(err)
			n, err := x.EndFirstPoll(t.Context(), box, "INBOX", tt.first, x.time)
			x.ok(err)
			got, err := x.Records(t.Context(), Filter{Outcomes: []mail.Outcome{mail.Baseline}})
			x.ok(err)
			if ids(got) != tt.want || n.Baseline != len(got) {
				t.Errorf("baseline %q (%d), want %q", ids(got), n.Baseline, tt.want)
			}
			for _, r := range got {
				if x.lastStep(r.ID) != "baseline, not imported: "+r.Reason || !r.JudgedAt.Equal(x.time) {
					t.Errorf("record %+v, step %q", r, x.lastStep(r.ID))
				}
			}
			if f, err := x.Folder(t.Context(), box, "INBOX"); err != nil || !f.FirstPollDone {
				t.Errorf("first poll did not end: %+v, %v", f, err)
			}
		})
	}
}

// The first poll ends only with a complete, non-empty listing of which every header is on record; a cut session
// goes on where it stopped.
func TestFirstPollGoesOn(t *testing.T) {
	x := newFixture(t)
	done := func() bool {
		t.Helper()
		if n := x.endFirstPoll(); n != 0 {
			t.Errorf("%d baseline", n)
		}
		f, err := x.Folder(t.Context(), box, "INBOX")
		x.ok(err)
		work, err := x.Work(t.Context(), box, "INBOX", x.time)
		x.ok(err)
		if (len(work) > 0) != f.FirstPollDone {
			t.Errorf("%d to fetch, first poll done %v", len(work), f.FirstPollDone)
		}
		return f.FirstPollDone
	}
	x.pass(0)
	x.sort(listing())
	if done() {
		t.Error("ended by an empty listing")
	}
	x.pass(time.Minute)
	l := listing("1", "2")
	l.Complete = false
	x.inspect(x.sort(l))
	if done() {
		t.Error("ended by an incomplete listing")
	}
	x.pass(time.Minute)
	w := x.sort(listing("1", "2", "3", "4"))
	equal(t, "headers still wanted", ids(w.Inspect), "3 4")
	w.Inspect = w.Inspect[:1]
	x.inspect(w)
	if done() {
		t.Error("ended without the header of 4")
	}
	x.pass(time.Minute)
	l = listing("1", "2", "3", "4")
	l.Complete = false
	x.inspect(x.sort(l))
	if done() {
		t.Error("ended by an incomplete listing, with all headers")
	}
	x.pass(time.Minute)
	w = x.sort(mail.Listing{Folder: "INBOX", Scope: "1", Complete: true, Unchanged: true})
	equal(t, "headers still wanted", ids(w.Inspect), "")
	if !done() {
		t.Error("not ended with all headers")
	}
	f, _ := x.Folder(t.Context(), box, "INBOX")
	if !f.Contact.Equal(start) {
		t.Errorf("contact %v, want the first poll's start", f.Contact)
	}
	x.pass(time.Minute)
	x.sort(listing("1", "2", "3", "4", "5"))
	if x.by("5").AtFirstPoll || !x.by("4").AtFirstPoll {
		t.Error("AtFirstPoll is wrong")
	}
}

// The first contact was made while the folder was empty; the clock has been set back by years since. What comes now is new.
func TestFirstPollAfterTheClockWasSetBack(t *testing.T) {
	x := newFixture(t)
	x.pass(0)
	x.sort(listing())
	x.finish()
	x.time = x.time.AddDate(-10, 0, 0)
	w := x.sort(listing("1"))
	_, err := x.Inspected(t.Context(), []mail.Inspection{{Record: w.Inspect[0], Envelope: header(w.Inspect[0], "m-1", x.time.AddDate(10, 0, 0))}}, x.time)
	x.ok(err)
	if n := x.endFirstPoll(); n != 0 || x.by("1").Outcome != mail.Pending {
		t.Errorf("%d messages are baseline, the new one is %s", n, x.by("1").Outcome)
	}
}

// TestIDUsedAgainBeforeItsHeaderWasRead: the message that was listed went, and another got its id, before anybody knew
// either. What counts is when that one came: by the older time it would be deleted at once.
func TestIDUsedAgainBeforeItsHeaderWasRead(t *testing.T) {
	x := polled(t, "1")
	x.pass(time.Hour)
	x.sort(listing("1", "2")) // its header is not asked for
	x.pass(120 * time.Hour)
	w := x.sort(listing("1", "2"))
	r := w.Inspect[len(w.Inspect)-1]
	received := x.time.Add(-time.Minute)
	_, err := x.Inspected(t.Context(), []mail.Inspection{{Record: r, Envelope: header(r, "another", received)}}, x.time)
	x.ok(err)
	if got := x.by("2"); !got.Age().Equal(x.time) || !got.FirstSeen.Equal(x.time) {
		t.Errorf("first seen %s, as old as %s, received %s", got.FirstSeen, got.Age(), received)
	}
}
