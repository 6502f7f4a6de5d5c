package journal

import (
	"errors"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// A mailbox that was renamed goes on where it was: nothing is listed, inspected or judged anew.
func TestCarryMailbox(t *testing.T) {
	x := polled(t, "1", "2", "3")
	x.judge("1", mail.Baseline)
	x.ok(x.Asking(t.Context(), box, []mail.RecordID{x.by("2").ID}))
	_, err := x.Intend(t.Context(), x.by("3").ID, []mail.File{file("1", "a.xls", "aa")}, mail.Judgement{Outcome: mail.Saved}, x.time)
	x.ok(err)
	before, err := x.Mailbox(t.Context(), box)
	x.ok(err)
	_, err = x.Started(t.Context(), "lists", account, x.time) // polled under the new name, and never logged in
	x.ok(err)

	for _, want := range []bool{true, false} {
		carried, err := x.CarryMailbox(t.Context(), box, "lists")
		x.ok(err)
		equal(t, "carried", carried, want)
	}
	after, err := x.Mailbox(t.Context(), "lists")
	x.ok(err)
	before.Name = "lists"
	equal(t, "mailbox", after, before)
	for _, r := range x.all() {
		equal(t, "mailbox of a record", r.Mailbox, "lists")
	}
	intents, err := x.Intents(t.Context(), "lists")
	x.ok(err)
	equal(t, "intents", len(intents), 1)
	cursors, err := x.Cursors(t.Context(), "lists")
	x.ok(err)
	equal(t, "cursors", len(cursors), 1)
	w, err := x.SortOut(t.Context(), "lists", listing("1", "2", "3"), x.options())
	x.ok(err)
	equal(t, "reset and what to inspect", w.Reset+ids(w.Inspect), "")
	blamed, err := x.Lost(t.Context(), "lists", "cut", x.time)
	x.ok(err)
	equal(t, "in hand", len(blamed), 0)
	equal(t, "asked for alone", x.by("2").Solo, true)
	old, err := x.Mailboxes(t.Context())
	x.ok(err)
	equal(t, "mailboxes", len(old), 1)
}

func TestCarryMailboxRefusesBoth(t *testing.T) {
	x := polled(t, "1")
	_, err := x.Started(t.Context(), "lists", account, x.time)
	x.ok(err)
	_, err = x.SortOut(t.Context(), "lists", listing("1"), x.options())
	x.ok(err)
	if carried, err := x.CarryMailbox(t.Context(), box, "lists"); carried || !errors.Is(err, ErrKnown) {
		t.Errorf("carried %v, %v", carried, err)
	}
	equal(t, "mailbox", x.all()[1].Mailbox, box)
}

// A renamed rule knows what went out under its former name.
func TestCarryRule(t *testing.T) {
	x := polled(t, "1", "2")
	first := x.publish(x.by("1").ID, file("1", "a.xls", "aa"))[0]
	var n int64
	for range 2 {
		more, err := x.CarryRule(t.Context(), "autoparts", "parts")
		x.ok(err)
		n += more
	}
	equal(t, "files", n, int64(1))
	seen, err := x.Imported(t.Context(), "parts", x.by("1").Fingerprint, "a.xls", first.SHA256)
	x.ok(err)
	equal(t, "imported", seen, true)

	// The same file under both names, because formerly was written too late: each stays what it is.
	x.time = x.time.Add(time.Hour)
	again := file("9", "a.xls", "aa")
	again.Name = "a (2).xls"
	x.ok(x.Judge(t.Context(), []mail.RecordID{x.by("1").ID}, mail.Judgement{Outcome: mail.Pending}, x.time))
	x.publish(x.by("1").ID, again)
	more, err := x.CarryRule(t.Context(), "autoparts", "parts")
	x.ok(err)
	equal(t, "files", more, int64(0))
	stats, err := x.RuleStats(t.Context())
	x.ok(err)
	equal(t, "rules", len(stats), 2)
}
