package poll

import (
	"context"
	"slices"
	"strings"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

// contest is the mail of which only the newest counts, newest first: what rules with take: newest want, and, with
// first_run: newest, what was there before the first poll. What a message really brings is known only once it has
// been read, so they are read in rounds, in each the newest of every rule; what is older than something that is out
// by then is not read at all.
//
// What other rules want too is read first, oldest first like all mail: they get their files, those of rules with take:
// newest are put off, and the message enters the contest for them.
type contest struct {
	waiting []contender
	rules   map[string]bool   // all that want something of waiting
	first   map[mail.Ref]bool // there before the first poll
	mixed   map[mail.Ref]bool // wanted by other rules too
}

// contender is one message of a contest.
type contender struct {
	rec   mail.Record
	rules []string
	parts []mail.PartNote // where it was read: what is in it
	must  bool            // it must be read in any case
}

// contend puts a message into the contest, if only the newest one of its kind counts. What a disabled rule wants too must be
// read: it is to be paused. contact is the first contact with the message's folder.
func (r *run) contend(rec mail.Record, interest match.Interest, contact time.Time) bool {
	if rec.Forced || len(interest.Disabled) > 0 {
		return false
	}
	// Of mail that came since the first contact nothing is old; what was judged before, somebody wants judged again.
	first := r.FirstRun.Newest && rec.AtFirstPoll && rec.Age().Before(contact) && (rec.Outcome == mail.Failed || rec.JudgedAt.IsZero())
	newest := 0
	for _, rule := range interest.Rules {
		if r.Destination(rule).Newest {
			newest++
		}
	}
	c := &r.contest
	switch {
	case !first && newest == 0:
		return false
	case !first && newest < len(interest.Rules):
		c.mixed[rec.Ref] = true
		return false
	}
	c.first[rec.Ref] = first
	c.enter(contender{rec: rec, rules: interest.Rules})
	return true
}

func newContest() contest {
	return contest{rules: map[string]bool{}, first: map[mail.Ref]bool{}, mixed: map[mail.Ref]bool{}}
}

func (c *contest) enter(m contender) {
	for _, rule := range m.rules {
		c.rules[rule] = true
	}
	c.waiting = append(c.waiting, m)
}

// postpones reports whether what the rule takes of a message is to wait for the contest.
func (r *run) postpones(ref mail.Ref, rule string) bool {
	return r.contest.mixed[ref] && r.Destination(rule).Newest
}

// begin is called once all messages are known: a single one has nothing to compete with.
func (c *contest) begin() {
	if len(c.mixed)+len(c.waiting) == 1 {
		clear(c.mixed)
	}
}

// postponed enters a message into the contest whose other files are out.
func (c *contest) postponed(it *item) {
	delete(c.mixed, it.rec.Ref)
	must := it.faults() != "" || len(it.missed) > 0 // it is judged for these when it is read again
	c.enter(contender{rec: it.rec, rules: it.putOff, parts: it.parts, must: must})
}

// contacts returns the first contact with each folder, where the first poll's mail takes part in a contest.
func (r *run) contacts(ctx context.Context) (map[string]time.Time, error) {
	if !r.FirstRun.Newest {
		return nil, nil
	}
	out := map[string]time.Time{}
	for _, f := range r.folders {
		state, err := r.Journal.Folder(ctx, r.Mailbox, f.listing.Folder)
		if err != nil {
			return nil, err
		}
		out[f.listing.Folder] = state.Contact
	}
	return out, nil
}

// newest ends a round of the contest: what something newer is out of is judged, and the next round's messages are returned.
func (r *run) newest(ctx context.Context) ([]mail.Record, error) {
	read, beaten, err := r.contest.round(func(rule string) (time.Time, error) { return r.Journal.Latest(ctx, rule) })
	if err != nil || len(read)+len(beaten) == 0 {
		return nil, err
	}
	outcomes := map[mail.Outcome][]mail.RecordID{}
	for _, m := range beaten {
		outcome := r.contest.lost(m.rec)
		if m.parts == nil {
			outcomes[outcome] = append(outcomes[outcome], m.rec.ID)
			continue
		}
		j := mail.Judgement{Outcome: outcome, Reason: reasonBeaten(m), RulesHash: r.Rules.Hash(), Parts: m.parts}
		if err := r.Journal.Judge(ctx, []mail.RecordID{m.rec.ID}, j, r.Now()); err != nil {
			return nil, err
		}
	}
	r.report.Baseline += len(outcomes[mail.Baseline])
	var wanted []mail.Record
	for _, m := range read {
		wanted = append(wanted, m.rec)
	}
	return wanted, r.judgeAll(ctx, outcomes, reasonsLost)
}

// reasonsLost are why a message is not read at all.
var reasonsLost = map[mail.Outcome]string{
	mail.Superseded: "not read: something newer of each rule that wants its sender is out (take: newest)",
	mail.Baseline:   "not read: something newer of each rule that wants its sender is out (first_run: newest)",
}

// reasonBeaten is why a message that was read is not read again for what was put off.
func reasonBeaten(m contender) string {
	return "something newer is out (take: newest) of rule " + strings.Join(m.rules, ", ")
}

// lost is the outcome of a message that something newer is out of.
func (c *contest) lost(rec mail.Record) mail.Outcome {
	if c.first[rec.Ref] {
		return mail.Baseline
	}
	return mail.Superseded
}

// round takes out of the contest what is beaten, and what can be read now: of each rule the newest message, none of them
// wanted by a rule of which a newer one still waits.
func (c *contest) round(latest func(rule string) (time.Time, error)) (read, beaten []contender, err error) {
	c.sort()
	out := map[string]time.Time{}
	for rule := range c.rules {
		if out[rule], err = latest(rule); err != nil {
			return nil, nil, err
		}
	}
	taken := map[string]bool{}
	var left []contender
	for i, m := range c.waiting {
		if len(taken) == len(c.rules) {
			left = append(left, c.waiting[i:]...)
			break
		}
		late := !slices.ContainsFunc(m.rules, func(rule string) bool { return !received(m.rec).Before(out[rule]) })
		switch {
		case late && m.must:
			read = append(read, m)
			continue
		case late:
			beaten = append(beaten, m)
			continue
		case slices.ContainsFunc(m.rules, func(rule string) bool { return taken[rule] }):
			left = append(left, m)
		default:
			read = append(read, m)
		}
		for _, rule := range m.rules {
			taken[rule] = true
		}
	}
	c.waiting = left
	return read, beaten, nil
}

func (c *contest) sort() {
	newestFirst := func(a, b contender) int { return received(b.rec).Compare(received(a.rec)) }
	if !slices.IsSortedFunc(c.waiting, newestFirst) {
		slices.SortStableFunc(c.waiting, newestFirst)
	}
}

// received is when a message was received, as far as that can be believed.
func received(rec mail.Record) time.Time { return mail.PlausibleReceived(rec.Received, rec.FirstSeen) }
