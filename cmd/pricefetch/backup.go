package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pricefetch/internal/daemon"
)

func (a *app) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Copy the journal into a new file, also while the daemon runs", Args: cobra.ExactArgs(1),
		Long: "Copies the journal, state_dir/journal.db, into a new file: whole and durable, or not at all. To restore it: stop the\n" +
			"daemon, move journal.db, journal.db-wal and journal.db-shm away, copy the backup to journal.db as the daemon's user,\n" +
			"start the daemon. Raw messages under state_dir/held are not in it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			made, err := daemon.Backup(ctx, c, args[0], time.Now())
			if err != nil {
				return err
			}
			return a.printBackup(made)
		},
	}
}

func (a *app) printBackup(made daemon.Copy) error {
	if a.output == "json" {
		return a.json(made)
	}
	a.say("%s: %s on record, %s\n", made.File, plural(made.Messages, "message"), octets(made.Bytes))
	if made.Held > 0 {
		a.say("not in it: %s under held/, which the server has too unless it hides what was read\n", plural(made.Held, "raw message"))
	}
	return nil
}
