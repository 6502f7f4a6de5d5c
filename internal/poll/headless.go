package poll

import (
	"context"

	"pricefetch/internal/mail"
)

// rests reports whether a header that could not be read is left alone for now: it is tried again when its delay is
// over, and once it is held when a person asks for it. Meanwhile the headers of the others are read.
func (r *run) rests(rec mail.Record) bool {
	if rec.Inspected {
		return false
	}
	return rec.Outcome == mail.Held || rec.Outcome == mail.Failed && rec.Next.After(r.Now())
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
		r.Log.Warn("header cannot be read", "message", rec.ID, "outcome", rec.Outcome, "reason", rec.Reason)
		if rec.Outcome == mail.Held {
			r.report.Held++
		}
	}
	return nil
}
