package poll

import (
	"context"

	"pricefetch/internal/mail"
)

// rejudge holds messages that other rules than today's judged against today's, from what is on record of them. What
// is wanted now becomes pending and is fetched; receipts keep what is out from going out twice.
func (r *run) rejudge(ctx context.Context, records []mail.Record) error {
	wanted := map[mail.Outcome][]mail.RecordID{}
	for _, rec := range records {
		switch {
		case r.wantedNow(rec):
			wanted[mail.Pending] = append(wanted[mail.Pending], rec.ID)
		case rec.Outcome == mail.Saved: // a leftover whose other files are still not wanted
			j := mail.Judgement{Outcome: mail.Saved, Leftover: rec.Leftover, Reason: rec.Reason, RulesHash: r.Rules.Hash()}
			if err := r.Journal.Judge(ctx, []mail.RecordID{rec.ID}, j, r.Now()); err != nil {
				return err
			}
		default:
			outcome := r.outcomeNow(rec)
			wanted[outcome] = append(wanted[outcome], rec.ID)
		}
	}
	return r.judgeAll(ctx, wanted, map[mail.Outcome]string{
		mail.Pending:   "wanted by today's rules",
		mail.Paused:    "only disabled rules want it",
		mail.NearMiss:  "the sender is wanted, no mask takes its files",
		mail.Unmatched: "no rule wants it",
	})
}

// wantedNow reports whether today's enabled rules would take something of a message that is on record. Where its
// parts are not on record, a wanted sender is enough to read it.
func (r *run) wantedNow(rec mail.Record) bool {
	if len(r.Rules.Sender(rec.Envelope).Rules) == 0 {
		return false
	}
	if rec.Parts == nil {
		return true
	}
	for _, part := range rec.Parts {
		if part.Rule == "" && r.Rules.File(rec.Envelope, asPart(part)).Rule != "" {
			return true
		}
	}
	return false
}

// outcomeNow is the outcome of a message from which today's rules take nothing.
func (r *run) outcomeNow(rec mail.Record) mail.Outcome {
	interest := r.Rules.Sender(rec.Envelope)
	if len(interest.Rules) == 0 && len(interest.Disabled) > 0 && rec.Parts == nil {
		return mail.Paused
	}
	outcome := mail.Unmatched
	for _, part := range rec.Parts {
		d := r.Rules.File(rec.Envelope, asPart(part))
		if d.Disabled != "" {
			return mail.Paused
		}
		if d.NearMiss {
			outcome = mail.NearMiss
		}
	}
	return outcome
}

// asPart is what the journal remembers of an attachment.
func asPart(n mail.PartNote) mail.Part {
	return mail.Part{Path: n.Path, Name: n.Name, RawName: n.RawName, Type: n.Type, Referenced: n.Referenced, Attachment: true}
}
