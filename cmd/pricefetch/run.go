package main

import (
	"errors"

	"github.com/spf13/cobra"

	"pricefetch/internal/daemon"
)

func (a *app) runCommand() *cobra.Command {
	var strict bool
	c := &cobra.Command{
		Use: "run", Short: "Run the daemon", Args: cobra.NoArgs,
		Long: "Polls every enabled mailbox until SIGTERM or SIGINT. The first signal lets the message in hand finish (30 s at\n" +
			"most), the second ends everything at once. SIGHUP reads the configuration again.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := a.load()
			if err != nil {
				return err
			}
			o := a.daemonOptions(config)
			o.Strict, o.Stopping = strict, nil // the log tells
			for _, w := range config.Warnings {
				o.Log.Warn(w.String())
			}
			d, err := daemon.Open(cmd.Context(), o)
			if err != nil {
				return err
			}
			return errors.Join(d.Run(cmd.Context()), d.Close())
		},
	}
	c.Flags().BoolVar(&strict, "strict", false, "refuse to start where a secret is missing or a mailbox cannot be logged in to")
	return c
}
