package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pricefetch/internal/daemon"
	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

func (a *app) onceCommand() *cobra.Command {
	return &cobra.Command{
		Use: "once [MAILBOX…]", Short: "Make one pass over each mailbox", Args: cobra.ArbitraryArgs,
		Long: "Makes one pass over each named mailbox, or over all enabled ones, and prints what came of it.\n" +
			"Status 1 if a mailbox failed, 3 if a daemon is running (then use: pricefetch poll).",
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := a.load()
			if err != nil {
				return err
			}
			bar := a.bar()
			o := a.daemonOptions(config)
			if bar.shown() && !cmd.Flags().Changed("log-level") {
				a.logLevel = "error" // the bar and the table say the rest
				o.Log = a.logger()
			}
			a.warn(config)
			d, err := daemon.Open(cmd.Context(), o)
			if err != nil {
				return err
			}
			outcomes, err := d.Once(cmd.Context(), args, bar.update)
			bar.finish()
			if err := errors.Join(err, d.Close()); err != nil {
				return err
			}
			return a.outcomes(outcomes)
		},
	}
}

// passRow is one mailbox's pass as JSON shows it.
type passRow struct {
	poll.Report
	Error string `json:"error,omitempty"`
	Class string `json:"class,omitempty"`
}

// outcomes prints one row a mailbox and the errors below.
func (a *app) outcomes(outcomes []daemon.Outcome) error {
	rows, table, failed := []passRow{}, [][]string{}, 0
	for _, o := range outcomes {
		row := passRow{Report: o.Report}
		state := "ok"
		if o.Err != nil {
			failed++
			row.Error, row.Class = o.Err.Error(), mail.ClassOf(o.Err).String()
			state = "FAILED (" + row.Class + ")"
		} else if o.Report.Stopped {
			state = "stopped"
		}
		rows = append(rows, row)
		p := o.Report
		table = append(table, []string{
			p.Mailbox, fmt.Sprint(p.Listed), fmt.Sprint(len(p.Files)), octets(p.Bytes), fmt.Sprint(p.Unmatched), fmt.Sprint(p.NearMiss),
			fmt.Sprint(p.Failed + p.Held), fmt.Sprint(p.Deleted), fmt.Sprint(p.Waiting), p.Took.Round(time.Millisecond).String(), state,
		})
	}
	if a.output == "json" {
		if err := a.json(rows); err != nil {
			return err
		}
	} else {
		head := []string{"MAILBOX", "LISTED", "SAVED", "BYTES", "UNMATCHED", "NEAR MISS", "FAILED", "DELETED", "WAITING", "TOOK", "STATE"}
		if err := a.table("no mailbox is enabled", head, table); err != nil {
			return err
		}
		for _, r := range rows {
			if r.Error != "" {
				fmt.Fprintf(a.err, "%s: %s\n", r.Mailbox, r.Error)
			}
			if r.Waiting > 0 {
				fmt.Fprintf(a.err, "%s: %s for approval; see: pricefetch plan %s, release with: pricefetch approve %s\n", r.Mailbox,
					waits(r.Waiting), r.Mailbox, r.Mailbox)
			}
		}
	}
	if failed > 0 {
		return partError{fmt.Sprintf("%s of %d failed", mailboxes(failed), len(rows))}
	}
	return nil
}

func waits(n int) string {
	if n == 1 {
		return "1 deletion waits"
	}
	return fmt.Sprintf("%d deletions wait", n)
}

// bar is the progress of all mailboxes together, on a terminal only.
type bar struct {
	mu   sync.Mutex
	bar  *progressbar.ProgressBar
	seen map[string]poll.Progress
}

func (a *app) bar() *bar {
	f, ok := a.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || a.output == "json" {
		return &bar{}
	}
	return &bar{
		seen: map[string]poll.Progress{},
		bar: progressbar.NewOptions(-1, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription("reading messages"),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(65*time.Millisecond)),
	}
}

func (b *bar) shown() bool { return b.bar != nil }

func (b *bar) update(p poll.Progress) {
	if b.bar == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[p.Mailbox] = p
	total, done := 0, 0
	for _, s := range b.seen {
		total, done = total+s.Total, done+s.Done
	}
	b.bar.ChangeMax(total)
	// A terminal that cannot be written to is no reason to stop fetching.
	_ = b.bar.Set(done)
}

func (b *bar) finish() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}

func mailboxes(n int) string {
	if n == 1 {
		return "1 mailbox"
	}
	return fmt.Sprintf("%d mailboxes", n)
}
