package poll

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pricefetch/internal/mail"
)

// list asks what the server offers now.
func (r *run) list(ctx context.Context) error {
	prev, err := r.Journal.Cursors(ctx, r.Mailbox)
	if err != nil {
		return err
	}
	var listings []mail.Listing
	err = r.untilStop(ctx, func(ctx context.Context) (err error) {
		listings, err = r.session.List(ctx, prev)
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range listings {
		if l.Err != nil {
			r.Log.Error("folder cannot be read", "folder", l.Folder, "error", l.Err)
			r.trouble = errors.Join(r.trouble, fmt.Errorf("open folder %q: %w", l.Folder, l.Err))
			continue
		}
		if err := r.identify(ctx, &l); err != nil {
			return err
		}
		r.folders = append(r.folders, &folder{listing: l})
	}
	return nil
}

// identify gives an id to messages that the server gives none, or one that it gave twice: fingerprint, size and
// ordinal among equals in this listing.
func (r *run) identify(ctx context.Context, l *mail.Listing) error {
	var nameless []mail.Ref
	for _, m := range l.Refs {
		if m.ID == "" {
			nameless = append(nameless, m.Ref)
		}
	}
	if len(nameless) == 0 {
		return r.remember(l)
	}
	err := r.session.Envelopes(ctx, nameless, func(e mail.Envelope) error {
		r.known[e.Ref] = e
		return nil
	})
	if err != nil {
		return err
	}
	equals := map[string]int{}
	for i, m := range l.Refs {
		if m.ID != "" {
			continue
		}
		e, ok := r.known[m.Ref]
		if !ok {
			l.Complete, l.Why = false, "a message without an id has no readable header"
			continue
		}
		id := fmt.Sprintf("%s%s:%d", mail.HeaderID, e.Fingerprint, m.Size)
		equals[id]++
		r.wire[place{l.Folder, l.Scope, fmt.Sprintf("%s:%d", id, equals[id])}] = m.Ref
		l.Refs[i].ID = fmt.Sprintf("%s:%d", id, equals[id])
	}
	return r.remember(l)
}

// remember notes how this session calls each message, and drops those that have no identity at all.
func (r *run) remember(l *mail.Listing) error {
	kept := l.Refs[:0]
	for _, m := range l.Refs {
		if m.ID == "" {
			continue
		}
		kept = append(kept, m)
		at := place{l.Folder, l.Scope, m.ID}
		if _, named := r.wire[at]; !named {
			r.wire[at] = m.Ref
		}
	}
	l.Refs = kept
	return nil
}

// ref returns the name by which this session knows a record's message.
func (r *run) ref(rec mail.Record) mail.Ref {
	if ref, ok := r.wire[placeOf(rec.Ref)]; ok {
		return ref
	}
	return rec.Ref
}

// sortOut holds the listing against the journal and judges again what was judged by other rules.
func (r *run) sortOut(ctx context.Context, f *folder) error {
	work, err := r.Journal.SortOut(ctx, r.Mailbox, f.listing, mail.SortOptions{
		Now: r.Now(), RulesHash: r.Rules.Hash(), Rescan: r.Rescan, Account: r.Account,
		PolicyHash: r.Retention.Hash(r.Account),
	})
	if err != nil {
		return err
	}
	f.work = work
	r.report.Listed += work.Listed
	if !f.listing.Complete {
		r.Log.Warn("the listing is not complete; nothing is concluded from what it lacks",
			"folder", f.listing.Folder, "reason", f.listing.Why)
	}
	if work.Reset != "" {
		r.Log.Warn("the server's message ids changed; this pass deletes nothing and judges like a first poll",
			"folder", f.listing.Folder, "reason", work.Reset)
	}
	return r.rejudge(ctx, work.Rejudge)
}

// inspect reads the headers that are not on record of those messages that which selects, and ends the folder's first
// poll once nothing more is waited for.
func (r *run) inspect(ctx context.Context, f *folder, which func(mail.Record) bool) error {
	asked := make(map[mail.Ref]mail.Record, len(f.work.Inspect))
	var ask []mail.Ref
	batch := headers{run: r}
	for _, rec := range f.work.Inspect {
		if !which(rec) {
			continue
		}
		ref := r.ref(rec)
		if e, ok := r.known[ref]; ok {
			if err := batch.add(rec, e); err != nil {
				return err
			}
			continue
		}
		if r.rests(rec) {
			continue
		}
		asked[ref] = rec
		ask = append(ask, ref)
	}
	err := r.untilStop(ctx, func(ctx context.Context) error {
		return r.session.Envelopes(ctx, ask, func(e mail.Envelope) error {
			rec, ok := asked[e.Ref]
			if !ok {
				return nil
			}
			delete(asked, e.Ref)
			return batch.add(rec, e)
		})
	})
	if ferr := batch.flush(); ferr != nil {
		return errors.Join(err, ferr) // what was read before the connection broke need not be read again
	}
	left := slices.DeleteFunc(ask, func(ref mail.Ref) bool { _, missing := asked[ref]; return !missing })
	if odd, ok := errors.AsType[*mail.OddAnswer](err); ok {
		left = odd.Refs // the likeliest culprit first
		if odd.Proven && !odd.Cut {
			r.Log.Warn("some headers cannot be read; the others go on", "folder", f.listing.Folder, "count", len(left), "error", err)
			err = nil
		}
	}
	if r.stopped(err) {
		return err
	}
	if err != nil {
		return errors.Join(err, r.blame(ctx, err, left, asked))
	}
	if err := r.withheld(ctx, left, asked); err != nil {
		return err
	}
	if err := r.tooOld(ctx, f, batch.late); err != nil {
		return err
	}
	return r.endFirstPoll(ctx, f)
}

// endFirstPoll draws the line between old mail and mail to import, once everything in the folder is known.
func (r *run) endFirstPoll(ctx context.Context, f *folder) error {
	if !f.work.FirstPoll || !f.listing.Complete || f.work.Listed == 0 {
		return nil
	}
	n, err := r.Journal.EndFirstPoll(ctx, r.Mailbox, f.listing.Folder, r.FirstRun, r.Now())
	if err != nil {
		return err
	}
	state, err := r.Journal.Folder(ctx, r.Mailbox, f.listing.Folder)
	if err != nil || !state.FirstPollDone {
		return err
	}
	f.work.FirstPoll = false
	r.report.Baseline += n.Baseline
	if f.work.Reset != "" {
		r.Log.Info("the folder's messages are identified anew", "folder", f.listing.Folder, "listed", f.work.Listed,
			"taken_over", n.TakenOver, "baseline", n.Baseline)
		return nil
	}
	r.Log.Info("first poll of the folder is done", "folder", f.listing.Folder, "listed", f.work.Listed, "baseline", n.Baseline)
	return nil
}

// headersAtOnce is how many headers one journal transaction stores: a cut session goes on where it stopped.
const headersAtOnce = 250

// headers collects what Envelopes delivers for the journal.
type headers struct {
	run  *run
	in   []mail.Inspection
	late []mail.Record // had been given up before: a first poll may have ended without them
}

func (h *headers) add(rec mail.Record, e mail.Envelope) error {
	h.in = append(h.in, mail.Inspection{Record: rec, Envelope: e})
	if len(h.in) < headersAtOnce {
		return nil
	}
	return h.flush()
}

// flush stores even if the pass is being cancelled: the headers are here, reading them again costs a connection.
func (h *headers) flush() error {
	if len(h.in) == 0 {
		return nil
	}
	in := h.in
	h.in = nil
	records, err := h.run.Journal.Inspected(context.Background(), in, h.run.Now())
	if err != nil {
		return err
	}
	for i, rec := range records {
		if !in[i].Record.Inspected && in[i].Record.Outcome == mail.Failed {
			h.late = append(h.late, rec)
		}
		if rec.Deletion == mail.DeletionIgnored {
			h.run.report.Ignored++
			h.run.Log.Error("the server does not honour deletion: the message is neither deleted nor imported again until: pricefetch approve "+
				h.run.Mailbox, "message", rec.ID, "reason", fmt.Sprintf("it was deleted %d times and is still listed", rec.Ignored))
		}
	}
	return nil
}
