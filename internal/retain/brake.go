package retain

import (
	"cmp"
	"fmt"
	"slices"
	"time"
	"unicode"

	"pricefetch/internal/mail"
)

// sampleCount is how many messages of a waiting plan are shown, the oldest first.
const sampleCount = 10

// counts is what the brake reckons with. Messages saved since the policy became new are set aside everywhere.
type counts struct {
	listed    int
	due       int
	baseline  int // of the due ones
	undecided int // pending ones that could be due once they are judged
}

func (pl *plan) count() counts {
	c := counts{listed: len(pl.items)}
	for _, it := range pl.items {
		r := it.record
		switch {
		case r.Outcome == mail.Saved && !r.JudgedAt.Before(pl.folder.PolicySince):
			c.listed--
		case it.counted:
			c.due++
			if r.Outcome == mail.Baseline {
				c.baseline++
			}
		case r.Outcome == mail.Pending && pl.couldBeDue(r):
			c.undecided++
		}
	}
	return c
}

// couldBeDue reports whether a pending message would be due if no rule turns out to want it.
func (pl *plan) couldBeDue(r mail.Record) bool {
	r.Outcome = mail.Unmatched
	return pl.policy.due(r, pl.in.Now).due()
}

// braked holds a number of deletions against the brake.
func (c counts) braked(p Policy, due, baseline int) bool {
	return due > brakeCount && due*100 > p.BrakePercent*c.listed || baseline > brakeBaseline
}

// approval puts together the plan that waits: those of the counted deletions that which selects.
func (pl *plan) approval(c counts, which func(item) bool) *mail.Approval {
	a := &mail.Approval{Made: pl.in.Now, Listed: len(pl.items), Baseline: c.baseline}
	var due []mail.Record
	for _, it := range pl.items {
		if !it.counted || !which(it) {
			continue
		}
		due = append(due, it.record)
		if it.record.Outcome == mail.Baseline && pl.in.Wanted != nil && pl.in.Wanted(it.record) {
			a.Wanted++
		}
	}
	slices.SortFunc(due, func(x, y mail.Record) int {
		return cmp.Or(x.Age().Compare(y.Age()), cmp.Compare(x.ID, y.ID))
	})
	a.Count = len(due)
	a.Oldest = due[0].Age()
	for i, r := range due {
		if i < sampleCount {
			a.Samples = append(a.Samples, pl.sample(r))
		}
		a.IDs = append(a.IDs, r.ID)
	}
	slices.Sort(a.IDs)
	a.Why = pl.approvalWords(a)
	return a
}

func (pl *plan) approvalWords(a *mail.Approval) string {
	policy := "the retention policy is new"
	if pl.folder.Settled == mail.SettledSelf {
		policy = "the retention policy was never approved"
	}
	text := fmt.Sprintf("%s and would delete %d of %d messages", policy, a.Count, a.Listed)
	if a.Baseline > 0 {
		text += fmt.Sprintf(", %d of them never imported", a.Baseline)
	}
	if a.Wanted > 0 {
		text += fmt.Sprintf(" (%d from senders that a rule wants)", a.Wanted)
	}
	return text
}

// sample is one line that lets a person recognise a message.
func (pl *plan) sample(r mail.Record) string {
	from := "unknown sender"
	if len(r.From) > 0 {
		from = shown(r.From[0])
	}
	return fmt.Sprintf("%s %s «%s»", r.Age().In(pl.in.Now.Location()).Format(time.DateOnly), from, shown(r.Subject))
}

// shown makes a sender's text fit for a line on a terminal.
func shown(text string) string {
	const limit = 80 // characters
	chars := []rune(text)
	if len(chars) > limit {
		chars = append(chars[:limit], '…')
	}
	for i, c := range chars {
		if !unicode.IsPrint(c) {
			chars[i] = ' '
		}
	}
	return string(chars)
}
