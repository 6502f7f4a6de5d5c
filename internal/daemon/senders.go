package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
	"pricefetch/internal/senders"
)

// Senders finds out who has sent which files to a mailbox since then, beside a daemon that may be running: nothing is
// recorded, marked or deleted. o.Config need not have any rule. What was found before an error is returned with it.
func Senders(ctx context.Context, c *config.Config, m config.Mailbox, since time.Time, o Options, progress func(poll.Progress)) (*senders.Survey, poll.Surveyed, error) {
	rules, err := knownSenders(c)
	if err != nil {
		return nil, poll.Surveyed{}, err
	}
	p := Planner(c, rules, m, o)
	p.Progress = progress
	s := senders.New(p.Rules)
	out, err := p.Survey(ctx, since, s.Add)
	return s, out, err
}

// knownSenders are the rules that know whom they are for. One that takes the files of everybody does not tell that a
// supplier has a rule.
func knownSenders(c *config.Config) (*match.Rules, error) {
	known := slices.DeleteFunc(slices.Clone(c.Rules), func(r config.Rule) bool { return forEverybody(r) })
	return match.Compile(translateRules(known))
}

func forEverybody(r config.Rule) bool { return slices.Contains(r.From, "*") }

// DraftRules writes rules for what a survey of a mailbox found and no rule takes, as a file that can be included. remarks
// stand above them.
func DraftRules(c *config.Config, m config.Mailbox, s *senders.Survey, remarks []string) []byte {
	taken := make([]string, 0, len(c.Rules))
	for _, r := range c.Rules {
		taken = append(taken, r.Name)
		if forEverybody(r) && r.Reaches(m.Name) {
			remarks = append(remarks, fmt.Sprintf("Rule %s takes the files of everybody: these rules have to come before it.", r.Name))
		}
	}
	found, unwritten := s.Drafts(taken)
	var drafts []config.Draft
	for _, d := range found {
		rule := config.Rule{Name: d.Name, From: d.From, Files: d.Files}
		if len(c.Mailboxes) > 1 {
			rule.Mailboxes = []string{m.Name}
		}
		remark := fmt.Sprintf("%d files", d.Count)
		if d.Count == 1 {
			remark = "1 file"
		}
		if !d.Last.IsZero() {
			remark += ", the last on " + d.Last.In(c.Location).Format(time.DateOnly)
		}
		drafts = append(drafts, config.Draft{Rule: rule, Remark: remark + ": " + d.Newest})
	}
	if len(drafts) == 0 {
		remarks = append(remarks, "Nobody has sent a file that no rule takes.")
	}
	if unwritten > 0 {
		remarks = append(remarks, fmt.Sprintf("Left out: %d files of senders without a plain address, or with names of which no mask can be made.", unwritten))
	}
	return config.Drafts(remarks, drafts)
}
