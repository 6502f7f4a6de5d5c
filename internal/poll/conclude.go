package poll

import (
	"context"
	"fmt"
	"io"
	"strings"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

// conclude judges a message that came whole: what is sound and wanted is published, then the outcome is recorded.
func (r *run) conclude(ctx context.Context, it *item, d *delivery) error {
	if it.stranger != nil {
		return r.another(ctx, it)
	}
	j := it.judgement(r.Rules.Hash())
	faults := it.faults()
	if len(it.putOff) > 0 {
		return r.postpone(ctx, it, j, d)
	}
	if len(it.staged) == 0 && len(it.receipts) == 0 && faults == "" {
		return r.unwanted(ctx, it, j)
	}
	if faults != "" {
		// The sound files go out now; the message is tried again for the others.
		j.Outcome = mail.Pending
	}
	if len(it.staged) > 0 || faults == "" {
		outcome, err := r.publish(ctx, it, j)
		if err != nil {
			return r.unpublished(ctx, it, err, d)
		}
		j.Outcome = outcome
	}
	if len(it.tooLarge)+len(it.locked) > 0 {
		return r.hold(ctx, it.rec, faults, d)
	}
	if faults != "" {
		return r.fail(ctx, it, faults, d)
	}
	if j.Outcome == mail.Saved {
		r.saved[it.rec.ID] = true
		r.settled(it.rec.ID)
	}
	return nil
}

// postpone publishes what other rules take of a message, and leaves the rest of it to the contest.
func (r *run) postpone(ctx context.Context, it *item, j mail.Judgement, d *delivery) error {
	if j.Outcome = mail.Pending; len(it.staged) > 0 {
		if _, err := r.publish(ctx, it, j); err != nil {
			return r.unpublished(ctx, it, err, d)
		}
	}
	r.contest.postponed(it)
	return nil
}

// another puts on record that the id stands for another message now. That one is pending, and read by a later pass.
func (r *run) another(ctx context.Context, it *item) error {
	it.stranger.Ref = it.rec.Ref
	records, err := r.Journal.Inspected(ctx, []mail.Inspection{{Record: it.rec, Envelope: *it.stranger}}, r.Now())
	if err != nil {
		return err
	}
	for _, rec := range records {
		r.unsaved[rec.ID] = true // it was given whole
		r.Log.Warn("the server uses the id of a message for another one", "message", it.rec.ID, "now", rec.ID)
	}
	return nil
}

// judgement is the outcome of a message whose every wanted part is sound.
func (it *item) judgement(rulesHash string) mail.Judgement {
	j := mail.Judgement{RulesHash: rulesHash, Parts: it.parts, Outcome: mail.Unmatched, Reason: "it has no file that a rule wants"}
	if j.Parts == nil {
		j.Parts = []mail.PartNote{}
	}
	switch {
	case it.paused != "":
		j.Outcome, j.Reason = mail.Paused, fmt.Sprintf("rule %s wants it and is disabled", it.paused)
	case len(it.staged)+len(it.receipts) > 0:
		j.Outcome, j.Reason = mail.Saved, ""
		if len(it.missed) > 0 {
			j.Leftover, j.Reason = true, "no mask takes "+quoted(it.missed)
		}
		if len(it.remarks) > 0 {
			j.Reason = strings.TrimPrefix(j.Reason+"; "+strings.Join(it.remarks, "; "), "; ")
		}
	case len(it.missed)+len(it.links) > 0:
		j.Outcome, j.Reason = mail.NearMiss, nearMiss(it.missed, it.links)
	}
	if j.Outcome != mail.Saved { // other rules may judge it again
		for _, host := range it.links {
			j.Parts = append(j.Parts, mail.PartNote{Link: host})
		}
	}
	return j
}

// unwanted records a message of a wanted sender from which nothing was taken.
func (r *run) unwanted(ctx context.Context, it *item, j mail.Judgement) error {
	switch j.Outcome {
	case mail.NearMiss:
		r.report.NearMiss++
		r.Log.Warn("near miss: the sender is wanted, its files are not", "message", it.rec.ID,
			"from", strings.Join(it.rec.From, ", "), "reason", j.Reason)
	case mail.Unmatched:
		r.report.Unmatched++
		r.settled(it.rec.ID)
	}
	return r.Journal.Judge(ctx, []mail.RecordID{it.rec.ID}, j, r.Now())
}

// settled notes that reading this message need not keep the session from being committed.
func (r *run) settled(id mail.RecordID) { delete(r.unsaved, id) }

// fail counts a failure of one message; when its fifth retry fails it is held.
func (r *run) fail(ctx context.Context, it *item, why string, d *delivery) error {
	rec, err := r.Journal.Fail(ctx, it.rec.ID, why, r.Now())
	if err != nil {
		return err
	}
	if rec.Outcome == mail.Held {
		r.logHeld(rec.ID, rec.Reason)
		d.toKeep = append(d.toKeep, rec)
		return nil
	}
	r.report.Failed++
	r.Log.Warn("message failed, it will be tried again", "message", rec.ID, "reason", why, "next", rec.Next)
	return nil
}

// logHeld counts a message that needs a person from now on, and tells what that person can do.
func (r *run) logHeld(id mail.RecordID, why string) {
	r.report.Held++
	r.Log.Error(fmt.Sprintf("message held until: pricefetch retry %d, or: pricefetch dismiss %d", id, id), "message", id, "reason", why)
}

// notToBeHad is what is told of a raw message that cannot be put under held/.
const notToBeHad = "; its raw message cannot be had: it stays on the server"

// hold records that a message needs a person.
func (r *run) hold(ctx context.Context, rec mail.Record, why string, d *delivery) error {
	r.logHeld(rec.ID, why)
	if err := r.Journal.Hold(ctx, rec.ID, why, rec.Kept, r.Now()); err != nil {
		return err
	}
	rec.Reason = why
	d.toKeep = append(d.toKeep, rec)
	return nil
}

// keepRaw puts the raw form of messages that were held just now under held/, where it can be had.
func (r *run) keepRaw(ctx context.Context, held []mail.Record) error {
	for _, rec := range held {
		if rec.Kept != "" {
			continue
		}
		if !r.Held.Room(rec.Size) {
			r.Log.Error("held/ is full: the raw message stays on the server and is not fetched again; answer held messages with "+
				"pricefetch retry or dismiss: pricefetch messages --outcome held", "message", rec.ID, "bytes", rec.Size)
			continue
		}
		k := &rawKeeper{ctx: ctx, run: r, rec: rec}
		if err := r.session.Fetch(ctx, []mail.Ref{r.ref(rec)}, k); err != nil {
			return err
		}
		if k.err != nil || k.name == "" {
			r.Log.Error("raw message cannot be kept below held/; it stays on the server", "message", rec.ID, "error", k.err)
			continue
		}
		if err := r.Journal.Hold(context.WithoutCancel(ctx), rec.ID, rec.Reason, k.name, r.Now()); err != nil {
			return err
		}
		r.settled(rec.ID)
	}
	return nil
}

// readable finds the messages whose raw form was kept and is no longer there, as after a restore of the journal alone:
// they are read from the server, or held if it does not have them.
func (r *run) readable(ctx context.Context, work []mail.Record) ([]mail.Record, error) {
	var left []mail.Record
	for _, rec := range work {
		if rec.Kept == "" || r.Held.Has(rec.Kept) {
			left = append(left, rec)
			continue
		}
		if _, shown := r.wire[placeOf(rec.Ref)]; rec.Listed && r.transactional() && !shown {
			continue // its number in this session is not known: a later one shows it
		}
		if rec.Listed {
			r.Log.Warn("the raw message that was kept is missing; the server's copy is read instead", "message", rec.ID, "file", "held/"+rec.Kept)
			rec.Kept = ""
			left = append(left, rec)
			continue
		}
		why := fmt.Sprintf("the server no longer has it and its raw message held/%s is missing: put that file back, then pricefetch retry %d; or pricefetch dismiss %[2]d",
			rec.Kept, rec.ID)
		if err := r.Journal.Hold(ctx, rec.ID, why, "", r.Now()); err != nil {
			return nil, err
		}
		r.report.Held++
		r.Log.Error("message held", "message", rec.ID, "reason", why)
	}
	return left, nil
}

// rawKeeper is the handler that wants the raw message itself.
type rawKeeper struct {
	ctx  context.Context
	run  *run
	rec  mail.Record
	name string
	err  error
}

// Listed tells how long the server said that the message is.
func (k *rawKeeper) Listed(mail.Ref) int64 { return k.rec.Size }

func (k *rawKeeper) Want(_ mail.Ref, p mail.Part) bool { return p.IsRoot() }

func (k *rawKeeper) Part(_ mail.Ref, _ mail.Part, raw io.Reader) error {
	k.name, k.err = k.run.Held.Keep(k.ctx, k.rec.ID, raw)
	return nil
}

func (k *rawKeeper) Done(_ mail.Ref, err error) error {
	if err != nil {
		k.err = err
	}
	return nil
}

// faults says what keeps a message from being saved whole; "" if nothing does.
func (it *item) faults() string {
	var all []string
	if len(it.tooLarge) > 0 {
		all = append(all, quoted(it.tooLarge)+" is larger than limits.message_size")
	}
	all = append(all, it.locked...)
	if len(it.damaged) > 0 {
		all = append(all, quoted(it.damaged)+" is damaged: its content cannot be decoded to the end")
	}
	return strings.Join(all, "; ")
}

// quoted lists file names as a sentence shows them.
func quoted(names []string) string {
	return "«" + strings.Join(names, "», «") + "»"
}

// refusals tells in one line why no rule took a file.
func refusals(all []match.Refusal) string {
	texts := make([]string, len(all))
	for i, f := range all {
		texts[i] = f.Rule + ": " + f.Text
	}
	return strings.Join(texts, "; ")
}
