package poll

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/retain"
)

// guess is the dry run of one folder: the steps of a pass on copies of the records.
type guess struct {
	*run
	known   Known
	plan    *FolderPlan
	listing *mail.Listing
	state   mail.FolderState
	reset   string
	records []mail.Record

	wanted  []mail.Record // to be read next
	items   map[mail.Ref]*item
	index   map[mail.Ref]*mail.Record
	dup     map[mail.Ref]int         // files of a message that went out before
	beaten  map[mail.Ref]string      // why a file of a message is not planned: something newer is
	planned map[mail.Ref][]mail.File // of messages in the contest: what other rules take
	latest  map[string]time.Time     // by rule, of all folders: when the newest message was received of which a file is planned
}

// begin finds out where the folder stands: its first poll, or one that follows a reset.
func (g *guess) begin(ctx context.Context) (err error) {
	if past, ok := g.known.(Past); ok {
		if g.reset, err = past.Reset(ctx, g.Mailbox, *g.listing, g.Account); err != nil {
			return err
		}
	}
	moved := g.run.state.Account != (mail.Account{}) && g.run.state.Account != g.Account
	switch last := g.run.state.LastFinished; {
	case !g.state.FirstPollDone && !g.state.Contact.IsZero(): // the first poll, or a reset, that an earlier pass began
	case g.state.Contact.IsZero(), g.reset != "" && moved:
		g.state.Contact = g.started
	case g.reset != "" && last.After(g.started):
		g.state.Contact = g.started.Add(-mail.ClockSkew)
	case g.reset != "" && !last.IsZero():
		g.state.Contact = last.Add(-mail.ClockSkew)
	}
	if g.reset != "" {
		g.state.FirstPollDone = false
	}
	return nil
}

// inspect makes the records that a pass would have after reading the headers, and ends a first poll that has them all.
func (g *guess) inspect(ctx context.Context) error {
	byPlace, err := g.onRecord(ctx)
	if err != nil {
		return err
	}
	unknown := map[mail.Ref]int{}
	var ask []mail.Ref
	missing := 0
	for _, m := range g.listing.Refs {
		at := place{g.listing.Folder, g.listing.Scope, m.ID}
		rec, ok := byPlace[at]
		delete(byPlace, at)
		if !ok || !rec.Inspected {
			wire := g.ref(mail.Record{Envelope: mail.Envelope{Ref: m.Ref}})
			switch {
			case ok && doubtful(rec) && rec.Outcome == mail.Pending: // it may cost the session: a pass asks for it last
				missing++
			case ok && (doubtful(rec) || g.rests(rec)): // a first poll does not wait for it
			default:
				unknown[wire] = len(g.records)
				ask = append(ask, wire)
				rec.Mailbox, rec.Ref, rec.Size = g.Mailbox, m.Ref, m.Size
				rec.FirstSeen, rec.AtFirstPoll, rec.Outcome = g.notBefore(), !g.state.FirstPollDone, mail.Pending
			}
		}
		g.records = append(g.records, rec)
	}
	missing += len(ask)
	err = g.session.Envelopes(ctx, ask, func(e mail.Envelope) error {
		if i, ok := unknown[e.Ref]; ok {
			e.Ref = g.records[i].Ref
			g.records[i].Envelope, g.records[i].Inspected = e, true
			missing--
		}
		return nil
	})
	if odd, ok := errors.AsType[*mail.OddAnswer](err); err != nil && !(ok && odd.Proven) {
		return err
	}
	if g.state.FirstPollDone {
		g.reappeared(byPlace)
	} else if g.listing.Complete && len(g.records) > 0 && missing == 0 {
		return g.endFirstPoll(ctx)
	}
	return nil
}

// onRecord returns what the journal knows of the listed messages. After a reset it is no help.
func (g *guess) onRecord(ctx context.Context) (map[place]mail.Record, error) {
	if g.reset != "" {
		return nil, nil
	}
	old, err := g.known.Listed(ctx, g.Mailbox, g.listing.Folder)
	byPlace := make(map[place]mail.Record, len(old))
	again := g.state.PolicyHash != g.Retention.Hash(g.Account)
	for _, rec := range old {
		if again && rec.Deletion == mail.DeletionIgnored {
			rec.Deletion = mail.DeletionNone // as when a pass sorts out its listing
		}
		byPlace[placeOf(rec.Ref)] = rec
	}
	return byPlace, err
}

// endFirstPoll takes over what is known under old ids, and draws the line between old mail and mail to import.
func (g *guess) endFirstPoll(ctx context.Context) error {
	if err := g.takeOver(ctx); err != nil {
		return err
	}
	if g.state.Contact.After(g.started) {
		g.state.Contact = g.started // by a clock that has been set back since
	}
	cutoff := g.FirstRun.Cutoff(g.state.Contact)
	for i := range g.records {
		rec := &g.records[i]
		if rec.Outcome == mail.Pending && !rec.Forced && rec.AtFirstPoll && rec.Age().Before(cutoff) {
			rec.Outcome, rec.Reason = mail.Baseline, "older than first_run"
		}
	}
	g.state.FirstPollDone = true
	return nil
}

// match judges senders and finds what a pass would read; the outcomes go into records.
func (g *guess) match() {
	g.items, g.index, g.dup = map[mail.Ref]*item{}, map[mail.Ref]*mail.Record{}, map[mail.Ref]int{}
	g.beaten, g.planned = map[mail.Ref]string{}, map[mail.Ref][]mail.File{}
	for i := range g.records {
		rec := &g.records[i]
		g.rejudge(rec)
		due := rec.Outcome == mail.Failed && rec.Due(g.started)
		if !rec.Inspected || rec.Outcome != mail.Pending && !due {
			continue
		}
		interest := g.Rules.Sender(rec.Envelope)
		switch {
		case len(interest.Rules) == 0 && len(interest.Disabled) > 0:
			g.leave(rec, mail.Paused, "only disabled rules want its sender")
		case len(interest.Rules) == 0:
			g.leave(rec, mail.Unmatched, "no rule wants its sender")
		default:
			g.index[g.ref(*rec)] = rec
			if !g.contend(*rec, interest, g.state.Contact) {
				g.wanted = append(g.wanted, *rec)
			}
		}
	}
}

// readWanted reads the structure of what is wanted and tells what would be saved.
func (g *guess) readWanted(ctx context.Context) error {
	wanted := g.wanted
	g.wanted = nil
	var refs []mail.Ref
	for _, rec := range wanted {
		ref := g.ref(rec)
		if g.oversize(rec) {
			g.leave(g.index[ref], mail.Held, fmt.Sprintf("%d bytes, limits.message_size is %d", rec.Size, g.MessageSize))
			continue
		}
		receipts, err := g.receipts(ctx, rec.ID)
		if err != nil {
			return err
		}
		refs = append(refs, ref)
		g.items[ref] = newItem(rec, append(receipts, g.planned[rec.Ref]...))
	}
	if len(refs) == 0 {
		return nil
	}
	return g.session.Fetch(ctx, refs, g)
}

// rejudge judges a record as a pass would whose rules are others than the record's.
func (g *guess) rejudge(rec *mail.Record) {
	again := rec.Outcome == mail.Unmatched || rec.Outcome == mail.NearMiss || rec.Outcome == mail.Saved && rec.Leftover
	young := !rec.Age().Before(g.started.Add(-g.Rescan))
	if rec.Deletion == mail.DeletionIgnored || rec.Outcome != mail.Paused && (!again || !young || rec.RulesHash == g.Rules.Hash()) {
		return
	}
	rec.Outcome = g.outcomeNow(*rec)
	if rec.Outcome == mail.Saved {
		rec.Leftover = len(g.missed(*rec)) > 0
	}
}

func (g *guess) receipts(ctx context.Context, id mail.RecordID) ([]mail.File, error) {
	past, ok := g.known.(Past)
	if !ok || id == 0 {
		return nil, nil
	}
	return past.Receipts(ctx, id)
}

// Want answers as in a pass: what is wanted is read, to know whether it is sound and new.
func (g *guess) Want(ref mail.Ref, p mail.Part) bool {
	it, ok := g.items[ref]
	return ok && !p.IsRoot() && p.Attachment && it.want(g.run, p)
}

// Part reads one wanted attachment and keeps nothing of it, an archive until it has been opened.
func (g *guess) Part(ref mail.Ref, p mail.Part, content io.Reader) error {
	it := g.items[ref]
	f := mail.File{Part: p.Path, Rule: it.rules[p.Path], Original: p.Name, Received: received(it.rec)}
	f.Newest = g.Destination(f.Rule).Newest || g.contest.first[it.rec.Ref]
	if it.unpack[p.Path] {
		return g.opened(ref, f, content)
	}
	return g.read(ref, f, "", content, io.Discard)
}

// read reads a file to know its checksum and size, and plans to save it.
func (g *guess) read(ref mail.Ref, f mail.File, archive string, content io.Reader, copyTo io.Writer) error {
	it, sum := g.items[ref], sha256.New()
	n, err := io.Copy(io.MultiWriter(sum, copyTo), content)
	switch {
	case errors.Is(err, mail.ErrDamaged) && archive == "":
		it.damaged = append(it.damaged, f.Original)
		return nil
	case err != nil:
		return err
	case g.MessageSize > 0 && n > g.MessageSize && !it.rec.Forced && archive == "":
		it.tooLarge = append(it.tooLarge, f.Original)
		return nil
	}
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	it.staged = append(it.staged, f)
	return nil
}

// save plans to save what was read of a message, unless it went out before.
func (g *guess) save(ref mail.Ref) error {
	it := g.items[ref]
	for _, f := range it.staged {
		if past, ok := g.known.(Past); ok {
			known, err := past.Imported(context.Background(), f.Rule, it.rec.Fingerprint, f.Original, f.SHA256)
			if err != nil {
				return err
			}
			if known {
				g.dup[ref]++
				continue
			}
		}
		newer, err := g.newest(context.Background(), f.Rule)
		if err != nil {
			return err
		}
		if f.Newest && f.Received.Before(newer) {
			g.beaten[ref] = supersededBy(f)
			continue
		}
		if f.Received.After(g.latest[f.Rule]) {
			g.latest[f.Rule] = f.Received
		}
		g.plan.Save = append(g.plan.Save, PlannedFile{
			PlannedMessage: planned(*g.index[ref], ""), Rule: f.Rule, File: f.Original, Member: f.Member, Dir: g.Destination(f.Rule).Dir,
		})
	}
	return nil
}

// Done ends one message.
func (g *guess) Done(ref mail.Ref, err error) error {
	rec, it := g.index[ref], g.items[ref]
	if rec == nil {
		return nil
	}
	if err == nil {
		if err := g.save(ref); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		g.leave(rec, rec.Outcome, err.Error())
	case len(it.putOff) > 0:
		g.planned[rec.Ref] = append(g.planned[rec.Ref], it.staged...)
		g.contest.postponed(it)
	case len(it.tooLarge)+len(it.locked) > 0:
		g.leave(rec, mail.Held, it.faults())
	case it.faults() != "":
		g.leave(rec, mail.Failed, it.faults())
	default:
		j := it.judgement(g.Rules.Hash())
		rec.Leftover, rec.JudgedAt, rec.RulesHash = j.Leftover, g.started, j.RulesHash
		rec.Outcome = j.Outcome
		if why, beaten := g.beaten[ref]; beaten && j.Outcome == mail.Saved && !j.Leftover {
			g.leave(rec, mail.Superseded, why)
			return nil
		}
		if j.Outcome != mail.Saved || len(it.staged) == g.dup[ref] && g.dup[ref] > 0 {
			g.leave(rec, j.Outcome, j.Reason)
		}
	}
	return nil
}

// leave notes a message of which nothing, or not all, would be taken.
func (g *guess) leave(rec *mail.Record, o mail.Outcome, why string) {
	rec.Outcome, rec.Reason = o, why
	g.plan.Leave = append(g.plan.Leave, planned(*rec, why))
}

// retain tells what would be deleted once all that were done.
func (g *guess) retain() {
	hold, suspend := g.doubts()
	d := retain.Plan(g.Retention, retain.Input{
		Now: g.started, Started: g.notBefore(), Folder: g.state, Records: g.records, Complete: g.listing.Complete, Reset: g.reset != "",
		Account: g.Account, Hold: hold, AgeSuspended: suspend, Wanted: g.wantsSender,
	})
	g.plan.Waiting, g.plan.HeldBack = d.Waiting, d.HeldBack
	for _, v := range d.Verdicts {
		now := v.Record.Outcome
		if v.Delete {
			now = g.judgedNow(v.Record)
		}
		switch {
		case now != v.Record.Outcome:
			v.Record.Outcome = now
			g.plan.Wait = append(g.plan.Wait, planned(v.Record, "today's rules make it "+string(now)))
		case v.Delete:
			g.plan.Delete = append(g.plan.Delete, planned(v.Record, v.Reason))
		case v.Due:
			g.plan.Wait = append(g.plan.Wait, planned(v.Record, v.Reason))
		}
	}
}
