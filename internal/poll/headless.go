package poll

import (
	"context"
	"slices"
	"time"

	"pricefetch/internal/mail"
)

// sound selects messages whose header nothing speaks against, doubtful the others: those that cost a session before, or
// whose header could not be had. A header that breaks the connection each time so never comes before another message's
// header, nor before its content.
func sound(rec mail.Record) bool { return !doubtful(rec) }
func doubtful(rec mail.Record) bool {
	return !rec.Inspected && (rec.Outcome == mail.Failed || rec.Losses > 0)
}

// retryHeaders asks for the doubtful headers, after everything else, and fetches what they turn out to belong to.
func (r *run) retryHeaders(ctx context.Context) error {
	again := false
	for _, f := range r.folders {
		due := slices.ContainsFunc(f.work.Inspect, func(rec mail.Record) bool { return doubtful(rec) && !r.rests(rec) })
		if !due {
			continue
		}
		if err := r.inspect(ctx, f, doubtful); err != nil {
			return err
		}
		again = true
	}
	if !again {
		return nil
	}
	return r.fetch(ctx)
}

// tooOld judges messages whose header came late, after the folder's first poll had ended without them, as that would have.
func (r *run) tooOld(ctx context.Context, f *folder, late []mail.Record) error {
	if f.work.FirstPoll || len(late) == 0 {
		return nil
	}
	state, err := r.Journal.Folder(ctx, r.Mailbox, f.listing.Folder)
	if err != nil {
		return err
	}
	cutoff := r.FirstRun.Cutoff(state.Contact)
	var old []mail.RecordID
	for _, rec := range late {
		if rec.AtFirstPoll && rec.Outcome == mail.Pending && rec.Age().Before(cutoff) {
			old = append(old, rec.ID)
		}
	}
	if len(old) == 0 {
		return nil
	}
	r.report.Baseline += len(old)
	return r.judgeAll(ctx, map[mail.Outcome][]mail.RecordID{mail.Baseline: old}, map[mail.Outcome]string{
		mail.Baseline: "older than first_run: received before " + cutoff.UTC().Format(time.RFC3339),
	})
}

// rests reports whether a header that could not be read is left alone for now: it is tried again when its delay is
// over, and once it is held when a person asks for it. Meanwhile the headers of the others are read.
func (r *run) rests(rec mail.Record) bool {
	if rec.Inspected {
		return false
	}
	return rec.Outcome == mail.Held || rec.Outcome == mail.Failed && !rec.Due(r.Now())
}

// blame counts a session that was lost while headers were read against the one that was due next. Otherwise one
// header that breaks the connection would keep every message of the mailbox from being read.
func (r *run) blame(ctx context.Context, cause error, left []mail.Ref, asked map[mail.Ref]mail.Record) error {
	if len(left) == 0 || asked[left[0]].ID == 0 || asked[left[0]].Inspected || cancelled(ctx) || mail.ClassOf(cause) == mail.Storage {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	id := asked[left[0]].ID
	if err := r.Journal.Asking(ctx, r.Mailbox, []mail.RecordID{id}); err != nil {
		return err
	}
	if err := r.Journal.InHand(ctx, id); err != nil {
		return err
	}
	return r.lost(ctx, "read its header: "+cause.Error())
}

// withheld counts a failure of the messages that the server lists without giving their headers.
func (r *run) withheld(ctx context.Context, left []mail.Ref, asked map[mail.Ref]mail.Record) error {
	for _, ref := range left {
		if known, ok := asked[ref]; !ok || known.Inspected {
			continue // it was there before; what it is now will show
		}
		rec, err := r.Journal.Fail(ctx, asked[ref].ID, "the server lists the message and does not give its header", r.Now())
		if err != nil {
			return err
		}
		if rec.Outcome == mail.Held {
			r.logHeld(rec.ID, rec.Reason+notToBeHad)
			continue
		}
		r.Log.Warn("header cannot be read, it will be tried again", "message", rec.ID, "reason", rec.Reason, "next", rec.Next)
	}
	return nil
}
