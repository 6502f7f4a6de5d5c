package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/retain"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show how each mailbox and rule is doing, and what waits for a person", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, j, err := a.reading(cmd.Context())
			if err != nil {
				return err
			}
			defer j.Close()
			s, err := collectStatus(cmd.Context(), c, j, time.Now())
			if err != nil {
				return err
			}
			s.Running = daemon.Running(cmd.Context(), c.StateDir)
			return a.printStatus(s)
		},
	}
}

// statusReport is what JSON shows.
type statusReport struct {
	Running   bool            `json:"running"` // a daemon, or a once, serves this state_dir
	Mailboxes []mailboxStatus `json:"mailboxes"`
	Rules     []ruleStatus    `json:"rules"`
}

type mailboxStatus struct {
	Name         string               `json:"name"`
	Health       string               `json:"health"` // ok, dry run, failing, unhealthy, never polled, disabled, removed
	LastFinished time.Time            `json:"last_finished,omitzero"`
	NextPass     time.Time            `json:"next_pass,omitzero"`
	Error        string               `json:"error,omitempty"`
	ErrorClass   string               `json:"error_class,omitempty"`
	ErrorSince   time.Time            `json:"error_since,omitzero"`
	Counts       map[mail.Outcome]int `json:"counts"`
	Folders      []folderStatus       `json:"folders"`
	ClockDoubt   string               `json:"clock_doubt,omitempty"` // why nothing at all is deleted now
	AgeSuspended string               `json:"age_suspended,omitempty"`
	DueSince     time.Time            `json:"deletions_due_since,omitzero"`
	NotHonoured  bool                 `json:"deletion_not_honoured,omitempty"`
	NearMisses   *missReport          `json:"near_misses,omitempty"` // by today's rules; counts has all that are on record
	Leftovers    *missReport          `json:"leftovers,omitempty"`   // saved, but not all of it
	Strangers    *strangerReport      `json:"strangers,omitempty"`
}

type folderStatus struct {
	Folder    string         `json:"folder"`
	Listed    int            `json:"listed"`
	FirstPoll bool           `json:"first_poll"` // has not ended yet
	Waiting   *mail.Approval `json:"waiting,omitempty"`
}

type ruleStatus struct {
	Name    string    `json:"name"`
	Enabled bool      `json:"enabled"`
	Files   int       `json:"files"`
	Last    time.Time `json:"last,omitzero"`
	File    string    `json:"file,omitempty"`
}

func collectStatus(ctx context.Context, c *config.Config, j *journal.Journal, now time.Time) (statusReport, error) {
	out := statusReport{Mailboxes: []mailboxStatus{}, Rules: []ruleStatus{}}
	rules, err := daemon.Rules(c)
	if err != nil {
		return out, err
	}
	known, err := j.Mailboxes(ctx)
	if err != nil {
		return out, err
	}
	states := map[string]mail.MailboxState{}
	for _, m := range known {
		states[m.Name] = m
	}
	for _, m := range c.Mailboxes {
		s, err := oneMailbox(ctx, j, m.Name, states[m.Name])
		if err != nil {
			return out, err
		}
		if s.Health = health(m, states[m.Name], now); !m.Enabled {
			s.NextPass = time.Time{}
		}
		s.ClockDoubt, _ = retain.Clock(now, states[m.Name].Newest, built())
		if err := s.attend(ctx, c, j, rules.For(m.Name), now); err != nil {
			return out, err
		}
		out.Mailboxes = append(out.Mailboxes, s)
		delete(states, m.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		s, err := oneMailbox(ctx, j, name, states[name])
		if err != nil {
			return out, err
		}
		s.Health, s.NextPass = "removed", time.Time{}
		out.Mailboxes = append(out.Mailboxes, s)
	}
	out.Rules, err = rulesStatus(ctx, c, j)
	return out, err
}

func oneMailbox(ctx context.Context, j *journal.Journal, name string, m mail.MailboxState) (mailboxStatus, error) {
	s := mailboxStatus{
		Name: name, LastFinished: m.LastFinished, NextPass: m.NextPass, Error: m.LastError, ErrorClass: m.ErrorClass,
		ErrorSince: m.ErrorSince, AgeSuspended: m.AgeSuspended, DueSince: m.DueSince, NotHonoured: m.NotHonoured,
	}
	var err error
	if s.Counts, err = j.Counts(ctx, name); err != nil {
		return s, err
	}
	folders, err := j.Folders(ctx, name)
	for _, f := range folders {
		s.Folders = append(s.Folders, folderStatus{f.Folder, f.Listed, !f.FirstPollDone, f.Waiting})
	}
	return s, err
}

// health is unhealthy when no pass has finished in three intervals (semantics 5).
func health(m config.Mailbox, s mail.MailboxState, now time.Time) string {
	switch {
	case !m.Enabled:
		return "disabled"
	case now.Sub(s.LastFinished) > 3*m.Poll && !s.LastFinished.IsZero(), s.LastFinished.IsZero() && now.Sub(s.ErrorSince) > 3*m.Poll && s.LastError != "":
		return "unhealthy"
	case s.LastError != "":
		return "failing"
	case m.DryRun:
		return "dry run"
	case s.LastFinished.IsZero():
		return "never polled"
	default:
		return "ok"
	}
}

func rulesStatus(ctx context.Context, c *config.Config, j *journal.Journal) ([]ruleStatus, error) {
	stats, err := j.RuleStats(ctx)
	if err != nil {
		return nil, err
	}
	byRule := map[string]journal.RuleStat{}
	for _, s := range stats {
		byRule[s.Rule] = s
	}
	out := []ruleStatus{}
	for _, r := range c.Rules {
		s := byRule[r.Name]
		row := ruleStatus{Name: r.Name, Enabled: r.Enabled, Files: s.Count}
		if s.Count > 0 {
			row.Last, row.File = s.Last.Published, path(s.Last)
		}
		out = append(out, row)
	}
	return out, nil
}

func (a *app) printStatus(s statusReport) error {
	if a.output == "json" {
		return a.json(s)
	}
	var rows [][]string
	for _, m := range s.Mailboxes {
		listed := 0
		for _, f := range m.Folders {
			listed += f.Listed
		}
		rows = append(rows, []string{
			m.Name, m.Health, shortTime(m.LastFinished), shortTime(m.NextPass), fmt.Sprint(listed), fmt.Sprint(m.Counts[mail.Saved]),
			fmt.Sprint(m.Counts[mail.NearMiss]), fmt.Sprint(m.Counts[mail.Failed]), fmt.Sprint(m.Counts[mail.Held]),
		})
	}
	head := []string{"MAILBOX", "HEALTH", "LAST PASS", "NEXT", "LISTED", "SAVED", "NEAR MISS", "FAILED", "HELD"}
	if err := a.table("no mailbox is configured", head, rows); err != nil {
		return err
	}
	rows = nil
	for _, r := range s.Rules {
		name := r.Name
		if !r.Enabled {
			name += " (disabled)"
		}
		rows = append(rows, []string{name, fmt.Sprint(r.Files), shortTime(r.Last), r.File})
	}
	fmt.Fprintln(a.out)
	if err := a.table("no rule is configured", []string{"RULE", "FILES", "LAST", "FILE"}, rows); err != nil {
		return err
	}
	for _, m := range s.Mailboxes {
		a.printTroubles(m)
	}
	if !s.Running {
		a.say("\nno daemon is running: nothing is polled until `pricefetch run` or `pricefetch once`\n")
	}
	return nil
}

// printTroubles tells what needs a person, and what to do.
func (a *app) printTroubles(m mailboxStatus) {
	say := func(format string, args ...any) { a.say("\n"+m.Name+": "+format+"\n", args...) }
	if m.Error != "" {
		say("fails since %s (%s): %s", shortTime(m.ErrorSince), m.ErrorClass, m.Error)
	}
	for _, f := range m.Folders {
		if f.FirstPoll && m.Health != "disabled" && m.Health != "removed" {
			say("the first poll of %s has not ended yet: until then nothing of it is saved or deleted", folderName(f.Folder))
		}
		if f.Waiting != nil {
			say("%s for approval: %s\n  see: pricefetch plan %s   release: pricefetch approve %s", waits(f.Waiting.Count), f.Waiting.Why, m.Name, m.Name)
		}
	}
	if m.ClockDoubt != "" {
		say("nothing is deleted: %s\n  set the clock right, or if it is: pricefetch approve --clock %s", m.ClockDoubt, m.Name)
	}
	if m.AgeSuspended != "" {
		say("deletion by age is suspended: %s\n  go on with: pricefetch approve --clock %s", m.AgeSuspended, m.Name)
	}
	if m.NotHonoured {
		say("does not honour deletion: the server confirms it and lists the message again; such messages are neither deleted nor imported again\n  once the server deletes: pricefetch approve %s", m.Name)
	}
	if !m.DueSince.IsZero() {
		say("deletions are due since %s and not committed yet: each session read a message that could not be saved\n"+
			"  see: pricefetch messages --mailbox %s --outcome failed", shortTime(m.DueSince), m.Name)
	}
	if n := m.Counts[mail.Failed]; n > 0 {
		say("%s failed and will be tried again without your doing; see: pricefetch messages --mailbox %s --outcome failed\n"+
			"  at once: pricefetch retry ID, or never: pricefetch dismiss ID", plural(n, "message"), m.Name)
	}
	if n := m.Counts[mail.Held]; n > 0 {
		say("%s held for a person; see: pricefetch messages --mailbox %s --outcome held\n  then: pricefetch retry ID, or: pricefetch dismiss ID", plural(n, "message"), m.Name)
	}
	a.printMisses(m)
	a.printStrangers(m)
}

func folderName(name string) string {
	if name == "" {
		return "the maildrop"
	}
	return "folder " + name
}
