package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"pricefetch/internal/config"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
)

// historyRow is one saved file as JSON shows it.
type historyRow struct {
	Published time.Time     `json:"published"`
	Mailbox   string        `json:"mailbox"`
	Rule      string        `json:"rule"`
	Path      string        `json:"path"` // below import_dir
	Original  string        `json:"original"`
	Size      int64         `json:"size"`
	SHA256    string        `json:"sha256"`
	From      []string      `json:"from"`
	Subject   string        `json:"subject"`
	Message   mail.RecordID `json:"message"`
}

func (a *app) historyCommand() *cobra.Command {
	var mailbox, rule, since string
	var limit int
	c := &cobra.Command{
		Use: "history", Short: "Show which files were saved, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := sinceTime(since, time.Now())
			if err != nil {
				return err
			}
			c, j, err := a.reading(cmd.Context())
			if err != nil {
				return err
			}
			defer j.Close()
			if err := errors.Join(atLeastNone(limit), knownMailbox(cmd.Context(), c, j, mailbox), knownRule(cmd.Context(), c, j, rule)); err != nil {
				return err
			}
			files, err := j.Files(cmd.Context(), journal.FileFilter{Mailbox: mailbox, Rule: rule, Since: at, State: mail.FilePublished, Limit: limit})
			if err != nil {
				return err
			}
			return a.printHistory(files, mailbox+rule+since != "")
		},
	}
	f := c.Flags()
	f.StringVar(&mailbox, "mailbox", "", "only files from this mailbox")
	f.StringVar(&rule, "rule", "", "only files that this rule took")
	f.StringVar(&since, "since", "", "only files saved since then: 30d, 12h, or a date")
	f.IntVar(&limit, "limit", 100, "at most this many; 0: all")
	return c
}

func (a *app) printHistory(files []journal.HistoryFile, narrowed bool) error {
	all, rows := []historyRow{}, [][]string{}
	for _, f := range files {
		all = append(all, historyRow{f.Published, f.Mailbox, f.Rule, path(f.File), f.Original, f.Size, f.SHA256, f.From, f.Subject, f.Record})
		rows = append(rows, []string{
			shortTime(f.Published), f.Mailbox, f.Rule, path(f.File), octets(f.Size), sender(f.From), fmt.Sprint(f.Record),
		})
	}
	if a.output == "json" {
		return a.json(all)
	}
	none := "nothing was saved yet"
	if narrowed {
		none = "no saved file is like that"
	}
	return a.table(none, []string{"SAVED", "MAILBOX", "RULE", "FILE", "SIZE", "FROM", "MESSAGE"}, rows)
}

// atLeastNone refuses a limit that means nothing.
func atLeastNone(limit int) error {
	if limit < 0 {
		return usageError{fmt.Errorf("--limit %d: expected 0 (all) or more", limit)}
	}
	return nil
}

// knownMailbox refuses the name of a mailbox that neither the configuration nor the journal has; "" means any.
func knownMailbox(ctx context.Context, c *config.Config, j *journal.Journal, name string) error {
	if name == "" || slices.ContainsFunc(c.Mailboxes, func(m config.Mailbox) bool { return m.Name == name }) {
		return nil
	}
	all, err := j.Mailboxes(ctx)
	if err != nil || slices.ContainsFunc(all, func(m mail.MailboxState) bool { return m.Name == name }) {
		return err
	}
	return usageError{fmt.Errorf("mailbox %s: neither in the configuration nor on record", name)}
}

// knownRule likewise.
func knownRule(ctx context.Context, c *config.Config, j *journal.Journal, name string) error {
	if name == "" || slices.ContainsFunc(c.Rules, func(r config.Rule) bool { return r.Name == name }) {
		return nil
	}
	all, err := j.RuleStats(ctx)
	if err != nil || slices.ContainsFunc(all, func(s journal.RuleStat) bool { return s.Rule == name }) {
		return err
	}
	return usageError{fmt.Errorf("rule %s: neither in the configuration nor on record", name)}
}
