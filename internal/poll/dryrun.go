package poll

import (
	"context"
	"fmt"
	"io"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/retain"
)

// Known is the part of the journal that a dry run reads. It writes nothing.
type Known interface {
	Listed(ctx context.Context, mailbox, folder string) ([]mail.Record, error)
	Folder(ctx context.Context, mailbox, folder string) (mail.FolderState, error)
	Mailbox(ctx context.Context, name string) (mail.MailboxState, error)
}

// Plan is what a pass would do now.
type Plan struct {
	Mailbox string       `json:"mailbox"`
	Folders []FolderPlan `json:"folders"`
}

// FolderPlan is the plan of one folder.
type FolderPlan struct {
	Folder    string           `json:"folder"`
	Error     string           `json:"error,omitempty"`
	Listed    int              `json:"listed"`
	FirstPoll bool             `json:"first_poll"`
	Save      []PlannedFile    `json:"save"`
	Leave     []PlannedMessage `json:"leave"`  // judged now, and nothing of them taken
	Delete    []PlannedMessage `json:"delete"` // what retention would delete now
	Wait      []PlannedMessage `json:"wait"`   // due for deletion, but kept back
	Waiting   *mail.Approval   `json:"waiting,omitempty"`
	HeldBack  string           `json:"held_back,omitempty"`
}

// PlannedFile is a file that would be saved.
type PlannedFile struct {
	PlannedMessage
	Rule string `json:"rule"`
	File string `json:"file"` // decoded name
	Dir  string `json:"dir"`  // below import_dir
}

// PlannedMessage names a message for a person.
type PlannedMessage struct {
	ID       mail.RecordID `json:"id,omitempty"` // 0: not on record yet
	From     []string      `json:"from"`
	Subject  string        `json:"subject"`
	Received time.Time     `json:"received"`
	Outcome  mail.Outcome  `json:"outcome"`
	Reason   string        `json:"reason"`
}

func planned(rec mail.Record, reason string) PlannedMessage {
	return PlannedMessage{ID: rec.ID, From: rec.From, Subject: rec.Subject, Received: rec.Age(), Outcome: rec.Outcome, Reason: reason}
}

// Plan tells what a pass would do now. Open must give a read-only session; it is dropped without a commit. Nothing is
// recorded, staged or deleted.
func (p *Pass) Plan(ctx context.Context, known Known) (Plan, error) {
	r := p.begin()
	out := Plan{Mailbox: p.Mailbox}
	session, err := p.Open(ctx)
	if err != nil {
		return out, err
	}
	r.session = session
	defer session.Close(false)
	if r.state, err = known.Mailbox(ctx, p.Mailbox); err != nil {
		return out, err
	}
	listings, err := session.List(ctx, nil)
	if err != nil {
		return out, err
	}
	for _, l := range listings {
		f := FolderPlan{Folder: l.Folder, Listed: len(l.Refs)}
		if l.Err != nil {
			f.Error = l.Err.Error()
		} else if err := r.planFolder(ctx, known, &l, &f); err != nil {
			return out, err
		}
		out.Folders = append(out.Folders, f)
	}
	return out, nil
}

// Look only logs in and lists: what a dry_run mailbox does between two plans.
func (p *Pass) Look(ctx context.Context) (Report, error) {
	report := Report{Mailbox: p.Mailbox}
	session, err := p.Open(ctx)
	if err != nil {
		return report, err
	}
	defer session.Close(false)
	listings, err := session.List(ctx, nil)
	for _, l := range listings {
		report.Listed += len(l.Refs)
	}
	return report, err
}

// planFolder does for one folder what a pass would, on copies of the records.
func (r *run) planFolder(ctx context.Context, known Known, l *mail.Listing, f *FolderPlan) error {
	if err := r.identify(ctx, l); err != nil {
		return err
	}
	state, err := known.Folder(ctx, r.Mailbox, l.Folder)
	if err != nil {
		return err
	}
	if state.Contact.IsZero() {
		state.Contact = r.started
	}
	f.FirstPoll = !state.FirstPollDone
	records, err := r.imagine(ctx, known, l, state)
	if err != nil {
		return err
	}
	if err := r.imagineFetch(ctx, records, f); err != nil {
		return err
	}
	state.FirstPollDone = true
	r.imagineRetention(l, state, records, f)
	return nil
}

// imagine returns the records that a pass would have after inspecting what the folder lists.
func (r *run) imagine(ctx context.Context, known Known, l *mail.Listing, state mail.FolderState) ([]mail.Record, error) {
	old, err := known.Listed(ctx, r.Mailbox, l.Folder)
	if err != nil {
		return nil, err
	}
	byPlace := map[place]mail.Record{}
	for _, rec := range old {
		byPlace[placeOf(rec.Ref)] = rec
	}
	var records []mail.Record
	unknown := map[mail.Ref]int{}
	var ask []mail.Ref
	for _, m := range l.Refs {
		rec, ok := byPlace[place{l.Folder, l.Scope, m.ID}]
		if !ok || !rec.Inspected {
			wire := r.ref(mail.Record{Envelope: mail.Envelope{Ref: m.Ref}})
			unknown[wire] = len(records)
			ask = append(ask, wire)
			rec.Mailbox, rec.Ref, rec.Size = r.Mailbox, m.Ref, m.Size
			rec.FirstSeen, rec.AtFirstPoll, rec.Outcome = r.started, !state.FirstPollDone, mail.Pending
		}
		records = append(records, rec)
	}
	err = r.session.Envelopes(ctx, ask, func(e mail.Envelope) error {
		if i, ok := unknown[e.Ref]; ok {
			e.Ref = records[i].Ref
			records[i].Envelope, records[i].Inspected = e, true
		}
		return nil
	})
	cutoff := r.FirstRun.Cutoff(state.Contact)
	for i := range records {
		if !state.FirstPollDone && records[i].Outcome == mail.Pending && records[i].Age().Before(cutoff) {
			records[i].Outcome, records[i].Reason = mail.Baseline, "older than first_run"
		}
	}
	return records, err
}

// imagineFetch reads the structure of what is wanted and tells what would be saved; the outcomes go into records.
func (r *run) imagineFetch(ctx context.Context, records []mail.Record, f *FolderPlan) error {
	d := &imagined{run: r, plan: f, items: map[mail.Ref]*item{}, index: map[mail.Ref]*mail.Record{}}
	var refs []mail.Ref
	for i := range records {
		rec := &records[i]
		due := rec.Outcome == mail.Failed && !rec.Next.After(r.started)
		if rec.Outcome != mail.Pending && !due {
			continue
		}
		interest := r.Rules.Sender(rec.Envelope)
		switch {
		case len(interest.Rules) == 0 && len(interest.Disabled) > 0:
			d.leave(rec, mail.Paused, "only disabled rules want its sender")
		case len(interest.Rules) == 0:
			d.leave(rec, mail.Unmatched, "no rule wants its sender")
		case r.oversize(*rec):
			d.leave(rec, mail.Held, fmt.Sprintf("%d bytes, limits.message_size is %d", rec.Size, r.MessageSize))
		default:
			ref := r.ref(*rec)
			refs = append(refs, ref)
			d.items[ref], d.index[ref] = newItem(*rec, nil), rec
		}
	}
	return r.session.Fetch(ctx, refs, d)
}

// imagined is a handler that asks the rules about every part and takes none.
type imagined struct {
	run   *run
	plan  *FolderPlan
	items map[mail.Ref]*item
	index map[mail.Ref]*mail.Record
}

func (d *imagined) Want(ref mail.Ref, p mail.Part) bool {
	it, ok := d.items[ref]
	if !ok || p.IsRoot() || !p.Attachment || !it.want(d.run, p) {
		return false
	}
	rule := it.rules[p.Path]
	d.plan.Save = append(d.plan.Save, PlannedFile{
		PlannedMessage: planned(*d.index[ref], ""), Rule: rule, File: p.Name, Dir: d.run.Destination(rule).Dir,
	})
	it.staged = append(it.staged, mail.File{Part: p.Path})
	return false
}

func (d *imagined) Part(mail.Ref, mail.Part, io.Reader) error { return nil }

func (d *imagined) Done(ref mail.Ref, err error) error {
	rec, ok := d.index[ref]
	switch {
	case !ok:
	case err != nil:
		d.leave(rec, rec.Outcome, err.Error())
	default:
		j := d.items[ref].judgement(d.run.Rules.Hash())
		rec.Leftover, rec.JudgedAt, rec.RulesHash = j.Leftover, d.run.started, j.RulesHash
		if len(d.items[ref].staged) > 0 && j.Outcome == mail.Saved {
			rec.Outcome = j.Outcome
			return nil
		}
		d.leave(rec, j.Outcome, j.Reason)
	}
	return nil
}

// leave notes a message of which nothing would be taken.
func (d *imagined) leave(rec *mail.Record, o mail.Outcome, why string) {
	rec.Outcome, rec.Reason = o, why
	d.plan.Leave = append(d.plan.Leave, planned(*rec, why))
}

// imagineRetention tells what would be deleted once all that were done.
func (r *run) imagineRetention(l *mail.Listing, state mail.FolderState, records []mail.Record, f *FolderPlan) {
	hold := ""
	if r.Insecure {
		hold = "the server's certificate is not verified (insecure: true)"
	}
	clock, suspend := retain.Clock(r.started, r.state.Newest, r.Built)
	if hold == "" {
		hold = clock
	}
	if r.state.AgeSuspended != "" {
		suspend = r.state.AgeSuspended
	}
	d := retain.Plan(r.Retention, retain.Input{
		Now: r.started, Folder: state, Records: records, Complete: l.Complete, Account: r.Account, Hold: hold,
		AgeSuspended: suspend, Wanted: r.wantsSender,
	})
	f.Waiting, f.HeldBack = d.Waiting, d.HeldBack
	for _, v := range d.Verdicts {
		switch {
		case v.Delete:
			f.Delete = append(f.Delete, planned(v.Record, v.Reason))
		case v.Due:
			f.Wait = append(f.Wait, planned(v.Record, v.Reason))
		}
	}
}
