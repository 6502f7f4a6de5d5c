package poll

import (
	"context"
	"slices"

	"pricefetch/internal/mail"
)

// takeOver finds, after a reset, the records by which the listed messages are known: first those that kept their id.
func (g *guess) takeOver(ctx context.Context) error {
	past, ok := g.known.(Past)
	if !ok || g.reset == "" {
		return nil
	}
	old, err := past.Twins(ctx, g.Mailbox, g.listing.Folder, g.Account, g.records)
	if err != nil {
		return err
	}
	own := map[place]int{}
	for i := range g.records {
		own[placeOf(g.records[i].Ref)] = i
	}
	left := slices.DeleteFunc(old, func(rec mail.Record) bool {
		i, kept := own[placeOf(rec.Ref)]
		judged := rec.Outcome != mail.Pending || !rec.JudgedAt.IsZero()
		if kept = kept && judged && g.records[i].ID == 0 && g.records[i].Fingerprint == rec.Fingerprint; kept {
			g.put(i, rec)
		}
		return kept
	})
	g.adopt(left, slices.DeleteFunc(slices.Clone(g.records), func(rec mail.Record) bool { return rec.ID == 0 }))
	return nil
}

// reappeared does the same in an ordinary pass with what the listing shows under another id than the last one.
func (g *guess) reappeared(left map[place]mail.Record) {
	if !g.listing.Complete || g.listing.Unchanged {
		return
	}
	var old []mail.Record
	for _, rec := range left {
		if rec.Deletion != mail.DeletionIntended && rec.Deletion != mail.DeletionAcknowledged {
			rec.Deletion = mail.DeletionGone
			old = append(old, rec)
		}
	}
	g.adopt(old, nil)
}

// adopt puts old records in the place of those that were made for new ids of the same messages, unless a copy of them is
// among those known already.
func (g *guess) adopt(old, known []mail.Record) {
	var found []mail.Record
	var at []int
	for i, rec := range g.records {
		if rec.ID == 0 {
			found, at = append(found, rec), append(at, i)
		}
	}
	for i, o := range mail.SameMessages(found, known, old) {
		if o >= 0 {
			g.put(at[i], old[o])
		}
	}
}

// put makes rec the record of the i-th message. One that was gone is never older than when it is seen again.
func (g *guess) put(i int, rec mail.Record) {
	if rec.Deletion == mail.DeletionGone {
		rec.FirstSeen, rec.AtFirstPoll, rec.Deletion = g.started, false, mail.DeletionNone
	}
	rec.Ref, rec.Listed = g.records[i].Ref, true
	g.records[i] = rec
}
