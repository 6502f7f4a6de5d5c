package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

// strangerReport is mail of senders that no rule knows and a rule may be meant for.
type strangerReport struct {
	Count  int        `json:"count"`          // of senders
	More   bool       `json:"more,omitempty"` // only the newest messages were looked at: there may be more
	Newest []stranger `json:"newest"`
}

// stranger is one such sender.
type stranger struct {
	From     []string      `json:"from"`
	Messages int           `json:"messages"`
	ID       mail.RecordID `json:"id"` // of the newest message
	Received time.Time     `json:"received"`
	Subject  string        `json:"subject"`
	Rule     string        `json:"rule"`           // that may be meant
	File     string        `json:"file,omitempty"` // its masks take it; "": it knows the sender's domain
	Line     string        `json:"line"`           // what to write in the rule
}

// strangers looks for them among the newest messages that no rule wants.
func strangers(ctx context.Context, c *config.Config, j *journal.Journal, rules *match.Rules, mailbox string, now time.Time) (*strangerReport, error) {
	records, err := j.Records(ctx, journal.Filter{Mailbox: mailbox, Outcomes: []mail.Outcome{mail.Unmatched}, Limit: attentionDepth})
	if err != nil {
		return nil, err
	}
	return strangersAmong(records, c, rules, now), nil
}

// strangersAmong reports on records, the newest first; nil if there is nothing to tell.
func strangersAmong(records []mail.Record, c *config.Config, rules *match.Rules, now time.Time) *strangerReport {
	var all []stranger
	for _, rec := range records {
		if now.Sub(rec.Age()) > attentionFor {
			continue
		}
		lead, ok := rules.Stranger(rec.Envelope, fileNames(rec))
		if !ok {
			continue
		}
		known := slices.IndexFunc(all, func(s stranger) bool {
			return s.Rule == lead.Rule && strings.EqualFold(strings.Join(s.From, "\n"), strings.Join(rec.From, "\n"))
		})
		if known >= 0 {
			all[known].Messages++
			continue
		}
		all = append(all, stranger{
			From: rec.From, Messages: 1, ID: rec.ID, Received: rec.Age(), Subject: rec.Subject, Rule: lead.Rule, File: lead.File, Line: fromLine(c, lead),
		})
	}
	if len(all) == 0 {
		return nil
	}
	return &strangerReport{len(all), len(records) >= attentionDepth, all[:min(len(all), attentionShown)]}
}

// fileNames are the attachments of a message, as far as they are on record: its own, or those that the server tells of.
func fileNames(rec mail.Record) []string {
	var names []string
	for _, n := range slices.Concat(rec.Parts, rec.Stated) {
		if n.Link == "" {
			names = append(names, n.Name)
		}
	}
	return names
}

// fromLine is the rule's from: as it has to be for the sender to be wanted.
func fromLine(c *config.Config, lead match.Lead) string {
	var masks []string
	for _, r := range c.Rules {
		if r.Name == lead.Rule {
			masks = slices.Concat(r.From, lead.Add)
		}
	}
	for i, m := range masks {
		masks[i] = fmt.Sprintf("%q", m)
	}
	return "from: [" + strings.Join(masks, ", ") + "]"
}

// printStrangers tells about senders that nobody knows, and what to write for them to be known.
func (a *app) printStrangers(m mailboxStatus) {
	r := m.Strangers
	if r == nil {
		return
	}
	count := plural(r.Count, "sender")
	if r.More {
		count = "at least " + count
	}
	a.say("\n%s: %s that no rule knows may be meant by one; the newest:\n", m.Name, count)
	for _, s := range r.Newest {
		why := "rule " + s.Rule + " knows the domain"
		if s.File != "" {
			why = "«" + s.File + "» is what rule " + s.Rule + " takes"
		}
		a.say("  %d  %s  %s  «%s», %s: %s\n", s.ID, shortTime(s.Received), clip(sender(s.From), 60), clip(s.Subject, 40), plural(s.Messages, "message"), why)
		a.say("     if it is wanted, write in rule %s: %s\n", s.Rule, s.Line)
	}
}
