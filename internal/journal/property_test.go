package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// TestRandomListingsLoseNothing throws listings of every kind at a mailbox and holds the journal to what must be
// true whatever a server says.
func TestRandomListingsLoseNothing(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 20))
			x := polled(t, numbered(1, 30)...)
			for range 30 {
				x.pass(time.Hour)
				before := make(map[mail.RecordID]mail.Record)
				for _, r := range x.all() {
					before[r.ID] = r
				}
				l, o := randomListing(rnd), x.options()
				if rnd.IntN(15) == 0 {
					o.Account.Host = fmt.Sprintf("mail%d.example.ru", rnd.IntN(2))
				}
				w, err := x.SortOut(t.Context(), box, l, o)
				x.ok(err)
				checkListing(t, x, before, l, w)
				act(t, x, rnd, w)
			}
		})
	}
}

// randomListing shows some of 40 ids, now and then with other sizes, another UIDVALIDITY, incomplete or unchanged.
func randomListing(rnd *rand.Rand) mail.Listing {
	var shown []string
	density := rnd.IntN(5)
	for i := 1; i <= 40; i++ {
		if rnd.IntN(4) < density {
			shown = append(shown, fmt.Sprintf("%d/%d", i, 100+rnd.IntN(20)/19))
		}
	}
	l := listing(shown...)
	l.Complete = rnd.IntN(4) > 0
	l.Unchanged = rnd.IntN(6) == 0
	if rnd.IntN(10) == 0 {
		l.Scope = "2"
		for i := range l.Refs {
			l.Refs[i].Scope = "2"
		}
	}
	return l
}

// checkListing compares the journal with what it was before the listing.
func checkListing(t *testing.T, x *fixture, before map[mail.RecordID]mail.Record, l mail.Listing, w mail.Worklist) {
	t.Helper()
	shown := make(map[string]bool)
	for _, ref := range l.Refs {
		shown[ref.ID] = true
	}
	found := make(map[string]bool)
	for _, r := range x.all() {
		old, was := before[r.ID]
		if was && (old.Outcome != r.Outcome || old.Fingerprint != r.Fingerprint) {
			t.Errorf("message %d: the listing made %s of %s", r.ID, r.Outcome, old.Outcome)
		}
		if was && old.Deletion != mail.DeletionGone && r.Deletion == mail.DeletionGone && (!w.Complete || !l.Unchanged && shown[r.Ref.ID] && r.Scope == l.Scope) {
			t.Errorf("message %d is gone by a listing that is not complete or shows it", r.ID)
		}
		if r.Listed && r.Scope == l.Scope {
			if found[r.Ref.ID] {
				t.Errorf("id %s is listed in two generations", r.Ref.ID)
			}
			found[r.Ref.ID] = true
		}
		delete(before, r.ID)
	}
	for id := range before {
		t.Errorf("message %d is forgotten", id)
	}
	for id := range shown {
		if !found[id] {
			t.Errorf("id %s was listed and is not on record", id)
		}
	}
	if w.FirstPoll && len(x.work())+len(w.Rejudge) > 0 {
		t.Error("work before the first poll ended")
	}
	for _, r := range x.work() {
		if !r.Listed || !r.Inspected {
			t.Errorf("to be fetched: %+v", r)
		}
	}
	for _, r := range append(w.Inspect, x.work()...) {
		if !l.Unchanged && r.Num == 0 {
			t.Errorf("message %d has no number of this session", r.ID)
		}
	}
}

// act does something of what a pass does.
func act(t *testing.T, x *fixture, rnd *rand.Rand, w mail.Worklist) {
	t.Helper()
	if rnd.IntN(5) == 0 {
		return // the session was cut
	}
	var in []mail.Inspection
	for _, r := range w.Inspect {
		in = append(in, mail.Inspection{Record: r, Envelope: header(r, fmt.Sprintf("m-%s-%d", r.Ref.ID, rnd.IntN(8)/7), x.time.Add(-time.Duration(rnd.IntN(400))*time.Hour))})
	}
	_, err := x.Inspected(t.Context(), in, x.time)
	x.ok(err)
	x.endFirstPoll()
	work, err := x.Work(t.Context(), box, "INBOX", x.time)
	x.ok(err)
	for _, r := range work {
		if rnd.IntN(2) == 0 {
			x.ok(x.Judge(t.Context(), []mail.RecordID{r.ID}, mail.Judgement{Outcome: mail.Unmatched, RulesHash: "r1"}, x.time))
		}
	}
	listed, err := x.Listed(t.Context(), box, "INBOX")
	x.ok(err)
	for _, r := range listed {
		if r.Outcome == mail.Unmatched && r.Deletion != mail.DeletionIgnored && rnd.IntN(4) == 0 {
			x.ok(x.Deleting(t.Context(), []mail.RecordID{r.ID}, x.time))
			x.ok(x.Deleted(t.Context(), []mail.DeleteAnswer{{ID: r.ID, State: mail.DeleteState(rnd.IntN(6)), Why: ""}}, x.time))
		}
	}
	x.finish()
}

// Many passes and a command that reads, all at once: nobody is refused, nothing is lost.
func TestConcurrentMailboxes(t *testing.T) {
	x := newFixture(t)
	r, err := OpenReadOnly(t.Context(), x.path)
	x.ok(err)
	defer r.Close()
	const mailboxes, messages = 8, 20
	run := func(ctx context.Context, name string) error {
		if _, err := x.Started(ctx, name, account, start); err != nil {
			return err
		}
		w, err := x.SortOut(ctx, name, listing(numbered(1, messages)...), mail.SortOptions{Now: start, RulesHash: "r1", Account: account})
		if err != nil {
			return err
		}
		var in []mail.Inspection
		for _, rec := range w.Inspect {
			in = append(in, mail.Inspection{Record: rec, Envelope: header(rec, name+rec.Ref.ID, start)})
		}
		if _, err = x.Inspected(ctx, in, start); err != nil {
			return err
		}
		if _, err := x.EndFirstPoll(ctx, name, "INBOX", mail.FirstRun{All: true}, start); err != nil {
			return err
		}
		work, err := x.Work(ctx, name, "INBOX", start)
		if err != nil || len(work) != messages {
			return errors.Join(err, fmt.Errorf("%d of %d to fetch", len(work), messages))
		}
		for _, rec := range work {
			if err := x.Judge(ctx, []mail.RecordID{rec.ID}, mail.Judgement{Outcome: mail.Unmatched}, start); err != nil {
				return err
			}
		}
		_, err = r.Records(ctx, Filter{Mailbox: name})
		return err
	}
	var wg sync.WaitGroup
	for i := range mailboxes {
		wg.Go(func() {
			if err := run(t.Context(), fmt.Sprintf("ящик-%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	rs, err := r.Records(t.Context(), Filter{Outcomes: []mail.Outcome{mail.Unmatched}})
	x.ok(err)
	equal(t, "records", len(rs), mailboxes*messages)
}
