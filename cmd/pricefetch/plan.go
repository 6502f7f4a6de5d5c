package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

func (a *app) planCommand() *cobra.Command {
	return &cobra.Command{
		Use: "plan [MAILBOX…]", Short: "Tell what a pass would save and delete now, and do nothing", Args: cobra.ArbitraryArgs,
		Long: "Logs in read-only and tells what a pass would save, what it would leave, and what retention would delete, each\n" +
			"with its reason. Nothing is recorded, saved or deleted; a running daemon is not disturbed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			return a.plan(cmd.Context(), c, args)
		},
	}
}

// plannedBox is one mailbox's plan as JSON shows it.
type plannedBox struct {
	poll.Plan
	Error string `json:"error,omitempty"`
}

func (a *app) plan(ctx context.Context, c *config.Config, names []string) error {
	boxes, err := chosen(c, names)
	if err != nil {
		return err
	}
	known, done, err := a.known(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	rules, err := daemon.Rules(c)
	if err != nil {
		return err
	}
	o := a.daemonOptions(c)
	o.Log = a.quiet(o.Log)
	out, failed := []plannedBox{}, 0
	for _, m := range boxes {
		p, err := daemon.PlanKnown(ctx, daemon.Planner(c, rules, m, o), m, known)
		box := plannedBox{Plan: p}
		if err != nil {
			box.Error = err.Error()
		}
		if err != nil || slices.ContainsFunc(p.Folders, func(f poll.FolderPlan) bool { return f.Error != "" }) {
			failed++
		}
		out = append(out, box)
	}
	if a.output == "json" {
		err = a.json(out)
	} else {
		err = a.printPlans(out)
	}
	if err == nil && failed > 0 {
		err = partError{text: mailboxes(failed) + " failed"}
	}
	return err
}

// known is the journal to plan from; before the first pass there is none, and then nothing is known.
func (a *app) known(ctx context.Context, c *config.Config) (poll.Known, func() error, error) {
	path := filepath.Join(c.StateDir, "journal.db")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nothingKnown{}, func() error { return nil }, nil
	}
	j, err := journal.OpenReadOnly(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	return j, j.Close, nil
}

// nothingKnown stands for a journal that is not there yet.
type nothingKnown struct{}

func (nothingKnown) Listed(context.Context, string, string) ([]mail.Record, error) { return nil, nil }
func (nothingKnown) Folder(_ context.Context, mailbox, folder string) (mail.FolderState, error) {
	return mail.FolderState{Mailbox: mailbox, Folder: folder}, nil
}
func (nothingKnown) Mailbox(_ context.Context, name string) (mail.MailboxState, error) {
	return mail.MailboxState{Name: name}, nil
}

// chosen returns the named mailboxes of the configuration, or all enabled ones.
func chosen(c *config.Config, names []string) ([]config.Mailbox, error) {
	var out []config.Mailbox
	for _, m := range c.Mailboxes {
		if len(names) == 0 && m.Enabled {
			out = append(out, m)
		}
	}
next:
	for _, name := range names {
		for _, m := range c.Mailboxes {
			if m.Name == name {
				out = append(out, m)
				continue next
			}
		}
		return nil, usageError{fmt.Errorf("mailbox %s: not in the configuration", name)}
	}
	return out, nil
}

func (a *app) printPlans(plans []plannedBox) error {
	if len(plans) == 0 {
		a.say("no mailbox is enabled\n")
	}
	for _, p := range plans {
		for _, f := range p.Folders {
			if err := a.printFolderPlan(p.Mailbox, f); err != nil {
				return err
			}
		}
		if p.Error != "" {
			a.say("%s: FAILED: %s\n", p.Mailbox, p.Error)
		}
	}
	return nil
}

func (a *app) printFolderPlan(mailbox string, f poll.FolderPlan) error {
	where := mailbox
	if f.Folder != "" {
		where += " " + f.Folder
	}
	if f.Error != "" {
		a.say("%s: FAILED: %s\n", where, f.Error)
		return nil
	}
	a.say("%s: %s listed; a pass would save %s and delete %s\n", where, plural(f.Listed, "message"), plural(len(f.Save), "file"),
		plural(len(f.Delete), "message"))
	if f.FirstPoll {
		fmt.Fprintln(a.out, "  This would be the first poll: what is older than first_run is put on record and not imported.")
	}
	var save [][]string
	for _, s := range f.Save {
		save = append(save, []string{"  save", shortTime(s.Received), sender(s.From), planFile(s), strings.TrimPrefix(s.Dir+"/", "/"), "rule " + s.Rule + " takes it"})
	}
	for _, m := range f.Leave {
		save = append(save, []string{"  leave", shortTime(m.Received), sender(m.From), clip(m.Subject, 40), string(m.Outcome), m.Reason})
	}
	for _, m := range f.Delete {
		save = append(save, []string{"  delete", shortTime(m.Received), sender(m.From), clip(m.Subject, 40), string(m.Outcome), m.Reason})
	}
	for _, m := range f.Wait {
		save = append(save, []string{"  keep", shortTime(m.Received), sender(m.From), clip(m.Subject, 40), string(m.Outcome), m.Reason})
	}
	if err := a.table("  nothing to do", []string{"  WHAT", "RECEIVED", "FROM", "FILE OR SUBJECT", "WHERE OR OUTCOME", "WHY"}, save); err != nil {
		return err
	}
	if f.Waiting != nil {
		a.say("  %s for: pricefetch approve %s (%s)\n", waits(f.Waiting.Count), mailbox, f.Waiting.Why)
	} else if f.HeldBack != "" {
		a.say("  deletions are held back: %s\n", f.HeldBack)
	}
	return nil
}

// planFile names a file; of one in an archive where it lies there.
func planFile(f poll.PlannedFile) string {
	if f.Member == "" || f.Member == f.File {
		return f.File
	}
	return f.File + " (" + f.Member + ")"
}

func sender(from []string) string {
	if len(from) == 0 {
		return "(no sender)"
	}
	return strings.Join(from, ", ")
}
