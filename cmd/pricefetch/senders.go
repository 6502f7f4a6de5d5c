package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
	"pricefetch/internal/poll"
	"pricefetch/internal/senders"
)

func (a *app) sendersCommand() *cobra.Command {
	var since string
	var asRules bool
	c := &cobra.Command{
		Use: "senders MAILBOX", Short: "Tell who sends which files to a mailbox, as ready rules with --yaml", Args: cobra.ExactArgs(1),
		Long: "Logs in read-only and tells who has sent which files how often, and which rule takes them. Names that differ by dates,\n" +
			"numbers and weekdays are shown as one mask; pictures, signatures, vCards and calendars are left out. With --yaml the\n" +
			"files that no rule takes become rules, as a file for include. The configuration need not have a rule yet. Nothing is\n" +
			"recorded, saved, marked or deleted; a running daemon is not disturbed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if asRules && cmd.Flags().Changed("output") {
				return usageError{errors.New("senders: --yaml and --output are not for the same time")}
			}
			at, err := sinceTime(since, time.Now())
			if err != nil {
				return err
			}
			c, err := a.loadBy(config.LoadMailboxes)
			if err != nil {
				return err
			}
			boxes, err := chosen(c, args)
			if err != nil {
				return err
			}
			return a.senders(cmd.Context(), c, boxes[0], at, asRules)
		},
	}
	f := c.Flags()
	f.StringVar(&since, "since", "60d", "only mail received since then: 60d, 12h, or a date; \"\": all")
	f.BoolVar(&asRules, "yaml", false, "print rules that take the files")
	return c
}

// sendersReport is what was found, as JSON shows it.
type sendersReport struct {
	poll.Surveyed
	Since     time.Time     `json:"since,omitzero"`
	Messages  int           `json:"messages"`
	WithFiles int           `json:"with_files"`
	Left      int           `json:"left,omitempty"` // files of too many senders and names, which are not among the rows
	Senders   []senders.Row `json:"senders"`
	Error     string        `json:"error,omitempty"`
}

func (a *app) senders(ctx context.Context, c *config.Config, m config.Mailbox, since time.Time, asRules bool) error {
	o := a.daemonOptions(c)
	o.Log = a.quiet(o.Log)
	bar := a.bar()
	s, found, err := daemon.Senders(ctx, c, m, since, o, bar.update)
	bar.finish()
	if s == nil {
		return err
	}
	r := sendersReport{Surveyed: found, Since: since, Messages: s.Messages, WithFiles: s.WithFiles, Left: s.Left, Senders: s.Rows()}
	if err != nil {
		r.Error = err.Error()
	}
	r.Mailbox = m.Name
	switch {
	case err != nil && len(found.Folders) == 0 && (asRules || a.output != "json"): // nothing was looked at
		return err
	case asRules:
		fmt.Fprint(a.out, string(daemon.DraftRules(c, m, s, r.remarks())))
	case a.output == "json":
		err = errors.Join(a.json(r), err)
	default:
		err = errors.Join(a.printSenders(r), err)
	}
	if a.output != "json" || asRules {
		a.sendersTrouble(r)
	}
	if err == nil && slices.ContainsFunc(found.Folders, func(f poll.SurveyedFolder) bool { return f.Error != "" }) {
		err = partError{text: "not every folder of " + m.Name + " could be read"}
	}
	return err
}

// remarks stand above the rules.
func (r sendersReport) remarks() []string {
	return []string{
		fmt.Sprintf("Written by pricefetch senders %s --yaml from %s%s, %d of them with files.", r.Mailbox, plural(r.Messages, "message"), r.span(), r.WithFiles),
		"Look through it, and take out what is no price list. Where the masks name archives, unpack: true saves what is in them.",
	}
}

// span says what was looked at.
func (r sendersReport) span() string {
	if r.Since.IsZero() {
		return ""
	}
	return " since " + r.Since.Local().Format(time.DateOnly)
}

func (a *app) printSenders(r sendersReport) error {
	var rows [][]string
	for _, s := range r.Senders {
		files := strings.Join(s.Files, ", ")
		if files == "" {
			files = "(no mask)"
		}
		rule := s.Rule
		if rule == "" {
			rule = "–"
		}
		rows = append(rows, []string{sender(s.From), files, fmt.Sprint(s.Count), shortTime(s.Last), clip(s.Newest, 50), rule})
	}
	none := "nobody has sent a file" + r.span()
	if slices.ContainsFunc(r.Folders, func(f poll.SurveyedFolder) bool { return f.Error != "" }) {
		none = "no file was found in what could be read"
	}
	if err := a.table(none, []string{"FROM", "FILES", "COUNT", "LAST", "NEWEST", "RULE"}, rows); err != nil {
		return err
	}
	a.say("%s: %s%s, %d with files\n", r.Mailbox, plural(r.Messages, "message"), r.span(), r.WithFiles)
	if slices.ContainsFunc(r.Senders, func(s senders.Row) bool { return s.Rule == "" }) {
		a.say("rules for what no rule takes: pricefetch senders %s --yaml\n", r.Mailbox)
	}
	return nil
}

// sendersTrouble tells on standard error what could not be told.
func (a *app) sendersTrouble(r sendersReport) {
	for _, f := range r.Folders {
		where := strings.TrimSpace(r.Mailbox + " " + f.Folder)
		switch {
		case f.Error != "" && r.Error == "":
			fmt.Fprintf(a.err, "%s: FAILED: %s\n", printable(where), printable(f.Error))
		case f.Unknown > 0:
			fmt.Fprintf(a.err, "%s: of %s it could not be told, or not wholly, what is in them: %s\n", printable(where), plural(f.Unknown, "message"), printable(f.Why))
		case f.Why != "":
			fmt.Fprintf(a.err, "%s: the listing is not complete: %s\n", printable(where), printable(f.Why))
		}
	}
	if r.Left > 0 {
		fmt.Fprintf(a.err, "%s: there are too many senders and names: %s are not shown; a shorter --since shows fewer\n", r.Mailbox, plural(r.Left, "file"))
	}
}
