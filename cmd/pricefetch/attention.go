package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
)

const (
	attentionFor   = 30 * 24 * time.Hour // how long mail that is no longer on the server is still told of
	attentionDepth = 1000                // the newest records of a kind in a mailbox that are looked at
	attentionShown = 3                   // messages that are named
)

// missReport is mail of wanted senders of which today's rules still leave something.
type missReport struct {
	Count  int      `json:"count"`
	More   bool     `json:"more,omitempty"` // only the newest were looked at: there may be more
	Newest []missed `json:"newest"`
}

// missed is one of these messages.
type missed struct {
	ID       mail.RecordID `json:"id"`
	Received time.Time     `json:"received"`
	From     []string      `json:"from"`
	Subject  string        `json:"subject"`
	Files    []missedFile  `json:"files,omitempty"`
	Links    []string      `json:"links,omitempty"` // hosts of links to files, in place of attachments
}

// missedFile is a file that no mask takes.
type missedFile struct {
	Name    string `json:"name"`
	Rule    string `json:"rule,omitempty"`    // one that wants the sender
	Suggest string `json:"suggest,omitempty"` // a mask with which it would take the file
}

// attend finds what a person should look at in a mailbox's mail.
func (s *mailboxStatus) attend(ctx context.Context, c *config.Config, j *journal.Journal, rules *match.Rules, now time.Time) (err error) {
	if s.NearMisses, err = missReports(ctx, j, rules, journal.Filter{Mailbox: s.Name, Outcomes: []mail.Outcome{mail.NearMiss}}, now); err != nil {
		return err
	}
	if s.Leftovers, err = missReports(ctx, j, rules, journal.Filter{Mailbox: s.Name, Leftover: true}, now); err != nil {
		return err
	}
	s.Strangers, err = strangers(ctx, c, j, rules, s.Name, now)
	return err
}

// missReports looks for near misses, or for saved messages with something left over.
func missReports(ctx context.Context, j *journal.Journal, rules *match.Rules, f journal.Filter, now time.Time) (*missReport, error) {
	f.Limit = attentionDepth
	records, err := j.Records(ctx, f)
	if err != nil {
		return nil, err
	}
	return missReportOf(records, rules, now), nil
}

// missReportOf reports on records, the newest first; nil if there is nothing to tell. What today's rules would take after
// all is no news: the next pass, or `rescan`, takes it.
func missReportOf(records []mail.Record, rules *match.Rules, now time.Time) *missReport {
	report := &missReport{More: len(records) >= attentionDepth}
	for _, rec := range records {
		if !rec.Listed && now.Sub(rec.Age()) > attentionFor {
			continue
		}
		names := poll.Missed(rules, rec)
		wanted := len(names) > 0 || len(rec.Links()) > 0 && len(rules.Sender(rec.Envelope).Rules) > 0
		if !wanted {
			continue
		}
		if report.Count++; report.Count <= attentionShown {
			report.Newest = append(report.Newest, missedOf(rules, rec, names))
		}
	}
	if report.Count == 0 {
		return nil
	}
	return report
}

func missedOf(rules *match.Rules, rec mail.Record, names []string) missed {
	m := missed{ID: rec.ID, Received: rec.Age(), From: rec.From, Subject: rec.Subject, Links: rec.Links()}
	for _, part := range rec.Parts {
		if !slices.Contains(names, part.Name) || part.Rule != "" || part.Link != "" {
			continue
		}
		m.Files = append(m.Files, missedFileOf(rules, rec.Envelope, part))
	}
	return m
}

// missedFileOf names the first rule that wants the sender and refuses the file, one that can be helped before others.
func missedFileOf(rules *match.Rules, e mail.Envelope, part mail.PartNote) missedFile {
	f := missedFile{Name: part.Name}
	for _, r := range rules.Reasons(e, mail.Part{Path: part.Path, Name: part.Name, Type: part.Type, Attachment: true}) {
		if r.Kind == match.KindMask && (f.Rule == "" || f.Suggest == "" && r.Suggest != "") {
			f.Rule, f.Suggest = r.Rule, r.Suggest
		}
	}
	return f
}

// printMisses tells about near misses and about leftovers.
func (a *app) printMisses(m mailboxStatus) {
	if r := m.NearMisses; r != nil {
		a.printMissed(m.Name, r, "of wanted senders whose files no mask takes, or that have a link in place of a file", "near_miss")
	}
	if r := m.Leftovers; r != nil {
		a.printMissed(m.Name, r, "saved with a file left over that no mask takes", "leftover")
	}
}

func (a *app) printMissed(mailbox string, r *missReport, what, outcome string) {
	count := plural(r.Count, "message")
	if r.More {
		count = "at least " + count
	}
	a.say("\n%s: %s %s; the newest:\n", mailbox, count, what)
	for _, m := range r.Newest {
		a.say("  %d  %s  %s  %s\n", m.ID, shortTime(m.Received), clip(sender(m.From), 60), m.what())
	}
	a.say("  why: pricefetch explain %d   not wanted: pricefetch dismiss %[1]d   all: pricefetch messages --mailbox %s --outcome %s\n",
		r.Newest[0].ID, mailbox, outcome)
}

// what lists the files with what would take them, and the links.
func (m missed) what() string {
	const most = 4
	files := m.Files
	var all []string
	for i, f := range files {
		if i == most {
			all = append(all, "and "+plural(len(files)-most, "more file"))
			break
		}
		text := "«" + f.Name + "»"
		if f.Suggest != "" {
			text += " (rule " + f.Rule + ": did you mean `" + f.Suggest + "`?)"
		}
		all = append(all, text)
	}
	if len(m.Links) > 0 {
		all = append(all, "a link to a file at "+strings.Join(m.Links, ", "))
	}
	return strings.Join(all, ", ")
}
