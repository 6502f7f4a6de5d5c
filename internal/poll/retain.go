package poll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/retain"
)

// overdue is how long deletions may be due before an operator is told that they do not come through.
const overdue = 24 * time.Hour

// retain applies the retention policy folder by folder, from the journal.
func (r *run) retain(ctx context.Context) error {
	hold, err := r.watchClock(ctx)
	if err != nil {
		return err
	}
	for _, f := range r.folders {
		if r.stopping() {
			return mail.ErrStopping
		}
		doomed, settled, err := r.plan(ctx, f, hold)
		if err != nil {
			return err
		}
		if err := r.delete(ctx, doomed); err != nil {
			return err
		}
		if settled != nil {
			err = r.Journal.SetPolicy(ctx, *settled)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// watchClock tells why this pass may not delete anything.
func (r *run) watchClock(ctx context.Context) (hold string, err error) {
	hold, _ = r.doubts()
	if clock, _ := retain.Clock(r.Now(), r.state.Newest, r.Built); clock != "" {
		r.Log.Error("nothing is deleted: the clock is doubtful; set it right, or if it is: pricefetch approve --clock "+r.Mailbox, "reason", clock)
	}
	return hold, r.suspend(ctx)
}

// suspend holds deletion by age back, for this and all later passes, where the clock, or a long time without a pass,
// makes ages doubtful. It is done at the beginning of a pass too: the doubt stays on record however the pass ends.
func (r *run) suspend(ctx context.Context) error {
	_, suspend := r.doubts()
	if suspend == r.state.AgeSuspended {
		return nil
	}
	r.Log.Error("deletion by age is suspended until: pricefetch approve --clock "+r.Mailbox, "reason", suspend)
	r.state.AgeSuspended = suspend
	return r.Journal.Update(ctx, r.Mailbox, func(s *mail.MailboxState) { s.AgeSuspended = suspend })
}

// doubts tells why nothing may be deleted now, and why nothing may be deleted by age; "" if it may.
func (r *run) doubts() (hold, suspend string) {
	now := r.Now()
	hold, suspend = retain.Clock(now, r.state.Newest, r.Built)
	if r.Insecure {
		hold = "the server's certificate is not verified (insecure: true)"
	}
	switch {
	case r.state.AgeSuspended != "":
		suspend = r.state.AgeSuspended
	case suspend == "":
		suspend = retain.Gap(now, r.lastSure(), r.Interval)
	}
	return hold, suspend
}

// lastSure is the last finished pass, or the last time that a person said that the clock is right. A finished pass that
// is still to come was one under a wrong clock.
func (r *run) lastSure() time.Time {
	finished, approved := r.state.LastFinished, r.state.ClockApproved
	if !finished.IsZero() && (approved.After(finished) || finished.After(r.Now())) {
		return approved
	}
	return finished
}

// plan asks the policy which messages may go and stores what it decided about itself. settled, where it settled itself,
// is to be stored when these deletions have come to their end: one that did not has not shown yet what it deletes.
func (r *run) plan(ctx context.Context, f *folder, hold string) (doomed []mail.Record, settled *mail.FolderState, err error) {
	records, err := r.Journal.Listed(ctx, r.Mailbox, f.listing.Folder)
	if err != nil {
		return nil, nil, err
	}
	state, err := r.Journal.Folder(ctx, r.Mailbox, f.listing.Folder)
	if err != nil {
		return nil, nil, err
	}
	d := retain.Plan(r.Retention, retain.Input{
		Now: r.Now(), Started: r.notBefore(), Folder: state, Records: records, Complete: f.listing.Complete, Reset: f.work.Reset != "",
		Account: r.Account, Hold: hold, AgeSuspended: r.state.AgeSuspended, Wanted: r.wantsSender,
	})
	if d.Folder.Settled == mail.SettledSelf && (state.Settled != mail.SettledSelf || !state.PolicySince.Equal(d.Folder.PolicySince)) {
		if then := d.Folder; !r.putsOff(d) {
			settled = &then
		}
		d.Folder.Settled = mail.SettledNot
	}
	if err := r.Journal.SetPolicy(ctx, d.Folder); err != nil {
		return nil, nil, err
	}
	if d.Waiting != nil {
		r.report.Waiting += d.Waiting.Count
		r.Log.Warn("deletions wait for: pricefetch approve "+r.Mailbox, "folder", f.listing.Folder,
			"count", d.Waiting.Count, "baseline", d.Waiting.Baseline, "reason", d.Waiting.Why)
	}
	for _, v := range d.Verdicts {
		if v.Delete {
			doomed = append(doomed, v.Record)
		}
	}
	doomed, err = r.sure(ctx, doomed)
	return doomed, settled, err
}

// notBefore is when this pass counts as begun: not before an earlier one. A policy that changes while the clock is
// behind would otherwise take everything for saved since, and not be braked.
func (r *run) notBefore() time.Time {
	if r.state.Newest.After(r.started) {
		return r.state.Newest.Add(time.Millisecond) // as precise as the journal keeps times
	}
	return r.started
}

// putsOff reports whether deletions are due that this session cannot commit.
func (r *run) putsOff(d retain.Decision) bool {
	return r.transactional() && !r.committable() && slices.ContainsFunc(d.Verdicts, func(v retain.Verdict) bool { return v.Delete })
}

func (r *run) wantsSender(rec mail.Record) bool { return len(r.Rules.Sender(rec.Envelope).Rules) > 0 }

// sure drops from what may go whatever today's rules want after all, and what has no identity beyond this session.
func (r *run) sure(ctx context.Context, doomed []mail.Record) ([]mail.Record, error) {
	var out []mail.Record
	changed := map[mail.Outcome][]mail.RecordID{}
	for _, rec := range doomed {
		now := r.judgedNow(rec)
		switch {
		case now != rec.Outcome:
			changed[now] = append(changed[now], rec.ID)
		case rec.Ref.ByHeader() && !r.saved[rec.ID]:
			// Without a UIDL nothing but what this session saved is sure to be this message.
		default:
			out = append(out, rec)
		}
	}
	return out, r.judgeAll(ctx, changed, map[mail.Outcome]string{
		mail.Pending:   "was to be deleted, and today's rules want it",
		mail.Paused:    "was to be deleted, and a disabled rule wants it",
		mail.NearMiss:  "was to be deleted, and today's rules want its sender",
		mail.Unmatched: "was to be deleted, and today's rules no longer want its sender",
	})
}

// delete journals the intention, asks the server, and journals the answer. Over POP3 nothing is asked for in a session
// that cannot be committed.
func (r *run) delete(ctx context.Context, doomed []mail.Record) error {
	if len(doomed) == 0 {
		return nil
	}
	if r.transactional() && !r.committable() {
		r.due = true
		return r.reportOverdue(len(doomed))
	}
	ids := make([]mail.RecordID, len(doomed))
	ask := make([]mail.Doomed, len(doomed))
	byRef := map[mail.Ref]mail.RecordID{}
	for i, rec := range doomed {
		ref := r.ref(rec)
		ids[i], byRef[ref] = rec.ID, rec.ID
		ask[i] = mail.Doomed{Ref: ref, Fingerprint: rec.Fingerprint, Size: rec.Size}
	}
	if err := r.Journal.Deleting(ctx, ids, r.Now()); err != nil {
		return err
	}
	answers, err := r.session.Delete(ctx, ask)
	return errors.Join(err, r.record(answers, byRef))
}

// record journals what became of each deletion, also while the pass is being cancelled: the server has acted.
func (r *run) record(answers []mail.Deleted, byRef map[mail.Ref]mail.RecordID) error {
	out := make([]mail.DeleteAnswer, 0, len(answers))
	refused := map[string]int{}
	for _, a := range answers {
		answer := mail.DeleteAnswer{ID: byRef[a.Ref], State: a.State}
		if a.Err != nil {
			answer.Why = a.Err.Error()
		}
		switch a.State {
		case mail.DeleteMarked:
			r.marked = append(r.marked, answer.ID)
		case mail.DeleteDone:
			r.report.Deleted++
		case mail.DeleteRefused, mail.DeleteMismatch:
			refused[answer.Why]++
		}
		out = append(out, answer)
	}
	for why, n := range refused {
		r.Log.Error("messages are not deleted", "count", n, "reason", why)
	}
	return r.Journal.Deleted(context.Background(), out, r.Now())
}

// reportOverdue tells the operator about deletions that have not come through for a day.
func (r *run) reportOverdue(n int) error {
	since := r.state.DueSince
	if !since.IsZero() && r.Now().Sub(since) > overdue {
		r.Log.Error("deletions have been due for more than a day and could not be committed: each session read a message "+
			"that could not be saved", "count", n, "since", since)
	}
	r.Log.Info("deletions are put off: this session read a message that is not saved yet", "count", n,
		"messages", fmt.Sprint(len(r.unsaved)))
	return nil
}
