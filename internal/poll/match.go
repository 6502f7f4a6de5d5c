package poll

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"pricefetch/internal/mail"
)

// match drops the messages whose sender no rule wants, and puts aside those of which only the newest count.
func (r *run) match(ctx context.Context, work []mail.Record) ([]mail.Record, error) {
	var wanted []mail.Record
	r.contest = newContest()
	contacts, err := r.contacts(ctx)
	if err != nil {
		return nil, err
	}
	outcomes := map[mail.Outcome][]mail.RecordID{}
	for _, rec := range work {
		interest := r.Rules.Sender(rec.Envelope)
		switch {
		case len(interest.Rules) > 0:
			if !r.contend(rec, interest, contacts[rec.Folder]) {
				wanted = append(wanted, rec)
			}
		case len(interest.Disabled) > 0:
			outcomes[mail.Paused] = append(outcomes[mail.Paused], rec.ID)
		default:
			outcomes[mail.Unmatched] = append(outcomes[mail.Unmatched], rec.ID)
		}
	}
	r.contest.begin()
	r.report.Unmatched += len(outcomes[mail.Unmatched])
	return wanted, r.judgeAll(ctx, outcomes, map[mail.Outcome]string{
		mail.Paused:    "only disabled rules want its sender",
		mail.Unmatched: "no rule wants its sender",
	})
}

// judgeAll stores one outcome after the other, each in one transaction, in a fixed order.
func (r *run) judgeAll(ctx context.Context, ids map[mail.Outcome][]mail.RecordID, why map[mail.Outcome]string) error {
	for _, outcome := range slices.Sorted(maps.Keys(ids)) {
		j := mail.Judgement{Outcome: outcome, Reason: why[outcome], RulesHash: r.Rules.Hash()}
		if err := r.Journal.Judge(ctx, ids[outcome], j, r.Now()); err != nil {
			return err
		}
	}
	return nil
}

// notOversize holds the messages that are too large, and returns the others.
func (r *run) notOversize(ctx context.Context, wanted []mail.Record) ([]mail.Record, error) {
	var fit []mail.Record
	for _, rec := range wanted {
		if !r.oversize(rec) {
			fit = append(fit, rec)
			continue
		}
		why := fmt.Sprintf("%d bytes, limits.message_size is %d; pricefetch retry %d takes it all the same", rec.Size, r.MessageSize, rec.ID)
		if err := r.Journal.Hold(ctx, rec.ID, why, "", r.Now()); err != nil {
			return nil, err
		}
		r.logHeld(rec.ID, why)
	}
	return fit, nil
}

func (r *run) oversize(rec mail.Record) bool {
	return r.MessageSize > 0 && rec.Size > r.MessageSize && !rec.Forced
}
