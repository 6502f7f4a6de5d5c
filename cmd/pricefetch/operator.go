package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pricefetch/internal/daemon"
	"pricefetch/internal/mail"
)

func (a *app) pollCommand() *cobra.Command {
	return &cobra.Command{
		Use: "poll MAILBOX…", Short: "Make a pass now, whatever the back-off", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd.Context(), daemon.Request{Action: daemon.ActPoll, Mailboxes: args})
		},
	}
}

func (a *app) approveCommand() *cobra.Command {
	var clock, importDir bool
	c := &cobra.Command{
		Use: "approve MAILBOX… | --clock MAILBOX… | --import-dir", Short: "Release what waits for a person", Args: cobra.ArbitraryArgs,
		Long: "approve MAILBOX releases exactly the plan of deletions that waits and settles the retention policy; a server that\n" +
			"did not honour deletions is given another chance.\n" +
			"approve --clock MAILBOX accepts the clock and a long time without a pass: deletion by age goes on, and what a wrong\n" +
			"clock put on record is set right.\n" +
			"approve --import-dir accepts the import directory as it is now: a new or newly mounted one.",
		RunE: func(cmd *cobra.Command, args []string) error {
			req := daemon.Request{Action: daemon.ActApprove, Mailboxes: args}
			switch {
			case importDir && (clock || len(args) > 0):
				return usageError{errors.New("approve --import-dir stands alone")}
			case importDir:
				req.Action = daemon.ActApproveImportDir
			case len(args) == 0:
				return usageError{errors.New("approve which mailbox? usage: " + cmd.UseLine())}
			case clock:
				req.Action = daemon.ActApproveClock
			}
			return a.ask(cmd.Context(), req)
		},
	}
	c.Flags().BoolVar(&clock, "clock", false, "accept the clock: deletion by age goes on")
	c.Flags().BoolVar(&importDir, "import-dir", false, "accept the import directory as it is now")
	return c
}

func (a *app) retryCommand() *cobra.Command {
	return a.records("retry ID…", "Try held or failed messages again, without the limit that held them", daemon.ActRetry)
}

func (a *app) dismissCommand() *cobra.Command {
	return a.records("dismiss ID…", "Say that messages are not wanted; on a leftover: remove the mark", daemon.ActDismiss)
}

// records is a command over message ids.
func (a *app) records(use, short string, action daemon.Action) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := recordIDs(args)
			if err != nil {
				return err
			}
			return a.ask(cmd.Context(), daemon.Request{Action: action, IDs: ids})
		},
	}
}

// recordIDs reads the short ids that logs and tables name.
func recordIDs(args []string) ([]mail.RecordID, error) {
	var ids []mail.RecordID
	for _, arg := range args {
		n, err := strconv.ParseInt(strings.TrimPrefix(arg, "#"), 10, 64)
		if err != nil || n <= 0 {
			return nil, usageError{fmt.Errorf("%q is no message id: expected a number as in the first column of `pricefetch messages`", arg)}
		}
		ids = append(ids, mail.RecordID(n))
	}
	return ids, nil
}

func (a *app) rescanCommand() *cobra.Command {
	var since, rule string
	c := &cobra.Command{
		Use: "rescan MAILBOX… --since WHEN", Short: "Judge older mail again by today's rules", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := sinceTime(since, time.Now())
			if err != nil {
				return err
			}
			if at.IsZero() {
				return usageError{errors.New("rescan needs --since, for example --since 30d or --since 2026-11-01")}
			}
			return a.ask(cmd.Context(), daemon.Request{Action: daemon.ActRescan, Mailboxes: args, Since: at, Rule: rule})
		},
	}
	c.Flags().StringVar(&since, "since", "", "how far back: 30d, 12h, or a date as in 2026-11-01")
	c.Flags().StringVar(&rule, "rule", "", "only mail that this rule's sender masks want")
	return c
}

// sinceTime reads a time given as an age or as a date; "" is the zero time.
func sinceTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.Add(-time.Duration(n) * 24 * time.Hour), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, usageError{fmt.Errorf("--since %q: expected an age like 30d or 12h, or a date like 2026-11-01", s)}
}

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Let the daemon read its configuration again, and print what changed", Args: cobra.NoArgs,
		Long: "The daemon reads its file again. A faulty one changes nothing: the running configuration stays, status 2.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd.Context(), daemon.Request{Action: daemon.ActReload})
		},
	}
}
