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
	"pricefetch/internal/journal"
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
			a.warn(config)
			bar := a.bar()
			o := a.daemonOptions(config)
			o.Log = a.quiet(o.Log)
			d, err := daemon.Open(cmd.Context(), o)
			if err != nil {
				return err
			}
			a.notices(d)
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
	DryRun bool       `json:"dry_run,omitempty"`
	Plan   *poll.Plan `json:"plan,omitempty"`
	Error  string     `json:"error,omitempty"`
	Class  string     `json:"class,omitempty"`
}

// outcomes prints one row a mailbox, and below what a person should know.
func (a *app) outcomes(outcomes []daemon.Outcome) error {
	rows, table, failed, stopped := []passRow{}, [][]string{}, 0, 0
	var cause error
	for _, o := range outcomes {
		row := passRow{Report: o.Report, Plan: o.Plan, DryRun: o.DryRun}
		state := "ok"
		switch {
		case o.Err != nil:
			failed++
			if errors.Is(o.Err, journal.ErrUnusable) {
				cause = o.Err
			}
			row.Error, row.Class = o.Err.Error(), mail.ClassOf(o.Err).String()
			state = "FAILED (" + row.Class + ")"
		case o.Report.Stopped:
			stopped++
			state = "stopped"
		case o.DryRun:
			state = "dry run"
		}
		rows = append(rows, row)
		p := o.Report
		table = append(table, []string{
			p.Mailbox, fmt.Sprint(p.Listed), fmt.Sprint(len(p.Files)), octets(p.Bytes), fmt.Sprint(p.Unmatched), fmt.Sprint(p.NearMiss),
			fmt.Sprint(p.Failed), fmt.Sprint(p.Held), fmt.Sprint(p.Deleted), fmt.Sprint(p.Waiting), p.Took.Round(time.Millisecond).String(), state,
		})
	}
	if a.output == "json" {
		if err := a.json(rows); err != nil {
			return err
		}
	} else {
		head := []string{"MAILBOX", "LISTED", "FILES", "BYTES", "UNMATCHED", "NEAR MISS", "FAILED", "HELD", "DELETED", "WAITING", "TOOK", "STATE"}
		if err := a.table("no mailbox is enabled", head, table); err != nil {
			return err
		}
		for _, r := range rows {
			a.remarks(r)
		}
	}
	switch {
	case failed > 0:
		return partError{fmt.Sprintf("%s of %d failed", mailboxes(failed), len(rows)), cause}
	case stopped > 0:
		return partError{text: fmt.Sprintf("stopped: %s of %d not polled to the end", mailboxes(stopped), len(rows))}
	}
	return nil
}

// remarks tell on standard error what the table only counts, and what can be done.
func (a *app) remarks(r passRow) {
	say := func(format string, args ...any) {
		fmt.Fprintf(a.err, "%s: %s\n", r.Mailbox, printable(fmt.Sprintf(format, args...)))
	}
	if r.Error != "" {
		say("%s", r.Error)
	}
	if r.DryRun && r.Error == "" {
		say("dry run: nothing is saved or deleted; see: pricefetch plan %s", r.Mailbox)
	}
	if r.Baseline > 0 {
		say("first poll: %s older than first_run stay on the server and are not imported", plural(r.Baseline, "message"))
	}
	if r.NearMiss > 0 {
		say("%s of wanted senders whose files no mask takes; see: pricefetch messages --mailbox %s --outcome near_miss",
			plural(r.NearMiss, "message"), r.Mailbox)
	}
	if r.Failed > 0 {
		say("%s failed and will be tried again; see: pricefetch messages --mailbox %s --outcome failed", plural(r.Failed, "message"), r.Mailbox)
	}
	if r.Held > 0 {
		say("%s held for a person; see: pricefetch messages --mailbox %s --outcome held", plural(r.Held, "message"), r.Mailbox)
	}
	if r.Waiting > 0 {
		say("%s for approval; see: pricefetch plan %s, release with: pricefetch approve %s", waits(r.Waiting), r.Mailbox, r.Mailbox)
	}
}

func waits(n int) string {
	if n == 1 {
		return "1 deletion waits"
	}
	return fmt.Sprintf("%d deletions wait", n)
}

// bar is the progress of all mailboxes together, on a terminal only.
type bar struct {
	out  *os.File // nil: none is shown
	mu   sync.Mutex
	bar  *progressbar.ProgressBar // nil until there is something to count
	seen map[string]poll.Progress
}

func (a *app) bar() *bar {
	f, ok := a.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || a.output == "json" {
		return &bar{}
	}
	return &bar{out: f, seen: map[string]poll.Progress{}}
}

func (b *bar) update(p poll.Progress) {
	if b.out == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[p.Mailbox] = p
	total, done := 0, 0
	for _, s := range b.seen {
		total, done = total+s.Total, done+s.Done
	}
	if total == 0 {
		return
	}
	if b.bar == nil { // not before: without a total the library draws in a goroutine of its own
		b.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription("reading messages"),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(65*time.Millisecond))
	}
	b.bar.ChangeMax(total)
	// A terminal that cannot be written to is no reason to stop fetching.
	_ = b.bar.Set(done)
}

func (b *bar) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
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
