package poll

import (
	"context"
	"slices"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

// rejudge holds messages that other rules than today's judged against today's, from what is on record of them. What
// is wanted now becomes pending and is fetched; receipts keep what is out from going out twice.
func (r *run) rejudge(ctx context.Context, records []mail.Record) error {
	outcomes := map[mail.Outcome][]mail.RecordID{}
	for _, rec := range records {
		now := r.outcomeNow(rec)
		if now == mail.Saved {
			if err := r.savedAgain(ctx, rec); err != nil {
				return err
			}
			continue
		}
		outcomes[now] = append(outcomes[now], rec.ID)
	}
	return r.judgeAll(ctx, outcomes, map[mail.Outcome]string{
		mail.Pending:   "wanted by today's rules",
		mail.Paused:    "disabled rules want it",
		mail.NearMiss:  "the sender is wanted, and nothing of it is taken",
		mail.Unmatched: "no rule wants it",
	})
}

// savedAgain judges a message of which something is saved and today's rules want nothing more: whether a file that a
// mask refused still is one that may be a renamed list.
func (r *run) savedAgain(ctx context.Context, rec mail.Record) error {
	j := mail.Judgement{Outcome: mail.Saved, RulesHash: r.Rules.Hash()}
	if missed := r.missed(rec); len(missed) > 0 {
		j.Leftover, j.Reason = true, "no mask takes "+quoted(missed)
	}
	j, err := r.overtaken(ctx, rec.ID, nil, j)
	if err != nil {
		return err
	}
	return r.Journal.Judge(ctx, []mail.RecordID{rec.ID}, j, r.Now())
}

// missed returns the files of a message on record that today's rules refuse though they want its sender.
func (r *run) missed(rec mail.Record) []string { return Missed(r.Rules, rec) }

// Missed returns the files of a message on record that rules refuse by their masks though they want its sender: what makes
// it a near miss, or a saved one with something left over.
func Missed(rules *match.Rules, rec mail.Record) []string {
	var names []string
	for _, part := range rec.Parts {
		if part.Link != "" {
			continue
		}
		d := rules.File(rec.Envelope, asPart(part))
		if part.Rule == "" && (d.NearMiss || d.Rule != "" && !fits(rules, part, d)) {
			names = append(names, part.Name)
		}
	}
	return names
}

// judgedNow is the outcome of a message that is about to be deleted: what no rule wanted, all of it or a part, is judged
// by today's.
func (r *run) judgedNow(rec mail.Record) mail.Outcome {
	refused := rec.Outcome == mail.Unmatched || rec.Outcome == mail.NearMiss || rec.Outcome == mail.Saved && rec.Leftover
	if refused && rec.RulesHash != r.Rules.Hash() {
		return r.outcomeNow(rec)
	}
	return rec.Outcome
}

// outcomeNow is what today's rules make of a message that is on record. Pending says that they want to take something
// of it; where its parts are not on record, a wanted sender is enough to read it.
func (r *run) outcomeNow(rec mail.Record) mail.Outcome {
	interest := r.Rules.Sender(rec.Envelope)
	onlyDisabled := len(interest.Rules) == 0 && len(interest.Disabled) > 0
	if rec.Parts == nil {
		switch {
		case len(interest.Rules) > 0:
			return mail.Pending
		case onlyDisabled:
			return mail.Paused
		}
		return mail.Unmatched
	}
	var wanted, paused, saved bool
	missed := len(interest.Rules) > 0 && len(rec.Links()) > 0
	for _, part := range rec.Parts {
		if part.Link != "" {
			continue
		}
		d := r.Rules.File(rec.Envelope, asPart(part))
		out := part.Rule != ""
		saved = saved || out
		fits := fits(r.Rules, part, d)
		wanted = wanted || !out && d.Rule != "" && fits
		paused = paused || d.Disabled != ""
		missed = missed || !out && (d.NearMiss || d.Rule != "" && !fits)
	}
	switch {
	case wanted:
		return mail.Pending
	case paused:
		return mail.Paused
	case saved:
		return mail.Saved
	case onlyDisabled: // as of a message that came today: a disabled rule's mail is left alone
		return mail.Paused
	case missed:
		return mail.NearMiss
	}
	return mail.Unmatched
}

// fits reports whether a rule that takes an attachment finds something in it: of an archive that nothing was taken from,
// the names of its files are on record.
func fits(rules *match.Rules, part mail.PartNote, d match.Decision) bool {
	return part.Members == nil || !d.Unpack || slices.ContainsFunc(part.Members, func(name string) bool {
		_, ok := rules.Member(d.Rule, name)
		return ok
	})
}

// asPart is what the journal remembers of an attachment.
func asPart(n mail.PartNote) mail.Part {
	return mail.Part{Path: n.Path, Name: n.Name, RawName: n.RawName, Type: n.Type, Referenced: n.Referenced, Attachment: true}
}
