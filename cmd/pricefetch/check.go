package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
	"pricefetch/internal/retain"
)

func (a *app) checkCommand() *cobra.Command {
	var connect, noSecrets bool
	c := &cobra.Command{
		Use: "check", Short: "Check the configuration and say what it does", Args: cobra.NoArgs,
		Long: "Reads the configuration, prints the effective one with its secrets hidden, says in words what retention will\n" +
			"delete, and tries the import directory. With --connect it also logs in to each enabled mailbox and tells what the\n" +
			"server can and cannot do.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if connect && noSecrets {
				return usageError{errors.New("check --connect logs in and so reads the secrets: leave out --no-secrets")}
			}
			c, err := a.load()
			if faults, ok := errors.AsType[config.Faults](err); ok && a.output == "json" {
				return errors.Join(err, a.json(faultyFile(faults)))
			}
			if err != nil {
				return err
			}
			return a.check(cmd.Context(), c, connect, !noSecrets && !connect)
		},
	}
	c.Flags().BoolVar(&connect, "connect", false, "log in to each enabled mailbox")
	c.Flags().BoolVar(&noSecrets, "no-secrets", false, "do not read the secrets")
	return c
}

// checked is the result as JSON shows it.
type checked struct {
	Effective string         `json:"effective,omitempty"`
	Retention []words        `json:"retention,omitempty"`
	ImportDir string         `json:"import_dir,omitempty"` // "works", where it does
	Notes     []string       `json:"notes,omitempty"`
	Faults    []string       `json:"faults,omitempty"`
	Mailboxes []connectedBox `json:"mailboxes,omitempty"`
}

// faultyFile is the result where the configuration itself is wrong.
func faultyFile(faults config.Faults) checked {
	var out checked
	for _, f := range faults {
		out.Faults = append(out.Faults, f.String())
	}
	return out
}

type words struct {
	Mailbox string   `json:"mailbox"`
	Words   []string `json:"words"`
}

func (a *app) check(ctx context.Context, c *config.Config, connect, secrets bool) error {
	out := checked{Effective: string(c.Effective())}
	for _, w := range c.Warnings {
		out.Notes = append(out.Notes, w.String())
	}
	for _, m := range c.Mailboxes {
		out.Retention = append(out.Retention, words{m.Name, retain.Words(daemon.Retention(m))})
	}
	notes, faults := daemon.TryImport(c)
	out.Notes = append(out.Notes, notes...)
	for _, err := range faults {
		out.Faults = append(out.Faults, err.Error())
	}
	if len(faults) == 0 {
		out.ImportDir = "works"
	}
	if secrets {
		out.Faults = append(out.Faults, missingSecrets(ctx, c)...)
	}
	if connect {
		out.Mailboxes = connectAll(ctx, c)
	}
	if err := a.printCheck(c, out); err != nil {
		return err
	}
	bad := len(out.Faults)
	for _, m := range out.Mailboxes {
		if m.Error != "" {
			bad++
		}
	}
	if bad > 0 {
		return partError{text: fmt.Sprintf("check found %s", plural(bad, "fault"))}
	}
	return nil
}

// missingSecrets reads every secret and forgets it.
func missingSecrets(ctx context.Context, c *config.Config) []string {
	var out []string
	for _, m := range c.Mailboxes {
		if !m.Enabled {
			continue
		}
		if _, err := m.Secret.Read(ctx); err != nil {
			out = append(out, fmt.Sprintf("mailbox %s: %v", m.Name, err))
		}
	}
	return out
}

func (a *app) printCheck(c *config.Config, out checked) error {
	if a.output == "json" {
		return a.json(out)
	}
	fmt.Fprintf(a.out, "# %s is sound. The effective configuration:\n\n%s", c.Path, out.Effective)
	fmt.Fprintln(a.out, "\nWhat retention will do:")
	for _, m := range out.Retention {
		fmt.Fprintf(a.out, "  %s:\n", m.Mailbox)
		for _, w := range m.Words {
			fmt.Fprintln(a.out, "    "+w)
		}
	}
	for _, m := range out.Mailboxes {
		a.printConnected(m)
	}
	fmt.Fprintln(a.out)
	for _, n := range out.Notes {
		a.say("note: %s\n", n)
	}
	for _, f := range out.Faults {
		a.say("FAULT: %s\n", f)
	}
	if out.ImportDir != "" {
		a.say("import_dir %s works: files can be saved in every save_to.\n", c.ImportDir)
	}
	return nil
}
