package poll

import (
	"context"
	"time"
)

// guessContents reads, as a pass would, what is wanted of all folders: what is in a contest in rounds.
func (r *run) guessContents(ctx context.Context, all []*guess) error {
	latest := map[string]time.Time{}
	byFolder := map[string]*guess{}
	for _, g := range all {
		g.latest = latest
		byFolder[g.listing.Folder] = g
	}
	r.contest.begin()
	if r.state.DeleteFirst && r.transactional() {
		return nil // the next pass only deletes
	}
	for {
		if err := r.guessRound(ctx, all, byFolder); err != nil {
			return err
		}
		read := 0
		for _, g := range all {
			if g.plan.Error != "" {
				continue
			}
			read += len(g.wanted)
			if err := g.try(g.readWanted(ctx)); err != nil {
				return err
			}
		}
		if read == 0 {
			return nil
		}
	}
}

// guessRound ends a round of the contest and adds to what is wanted the messages of the next.
func (r *run) guessRound(ctx context.Context, all []*guess, byFolder map[string]*guess) error {
	if len(all) == 0 {
		return nil
	}
	read, beaten, err := r.contest.round(func(rule string) (time.Time, error) { return all[0].newest(ctx, rule) })
	if err != nil {
		return err
	}
	for _, m := range beaten {
		g, outcome := byFolder[m.rec.Folder], r.contest.lost(m.rec)
		why := reasonsLost[outcome]
		if m.parts != nil {
			why = reasonBeaten(m)
		}
		g.leave(g.index[g.ref(m.rec)], outcome, why)
	}
	for _, m := range read {
		g := byFolder[m.rec.Folder]
		g.wanted = append(g.wanted, m.rec)
	}
	return nil
}

// newest returns when the newest message was received of which a file of the rule is out, or planned.
func (g *guess) newest(ctx context.Context, rule string) (time.Time, error) {
	out := g.latest[rule]
	past, ok := g.known.(Past)
	if !ok {
		return out, nil
	}
	published, err := past.Latest(ctx, rule)
	if published.After(out) {
		out = published
	}
	return out, err
}
