// Command pricefetch fetches suppliers' price lists from mail into an import directory. Each command has a file of its
// own beside this one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	_ "golang.org/x/crypto/x509roots/fallback" // CA roots for a container that has none

	_ "time/tzdata" // time zones likewise

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
	"pricefetch/internal/journal"
)

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1 // a mailbox or message failed
	exitFault  = 2 // the configuration or the command line is wrong
	exitLocked = 3 // another daemon holds state_dir
	exitBroken = 4 // the journal is damaged, or of another or a newer program
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{out: stdout, err: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	a.complain(err)
	return status(err)
}

// root is the command line: the global flags and the commands in the order in which help lists them.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "pricefetch",
		Short:         "Fetch suppliers' price lists from mail",
		Long:          "pricefetch polls mailboxes over IMAP and POP3, saves the attachments that its rules want into an import\ndirectory, and deletes mail from the server as the retention options say.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownCommand(cmd, args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	a.globals(root)
	root.AddCommand(
		a.runCommand(), a.onceCommand(), a.checkCommand(), a.planCommand(), a.sendersCommand(), a.explainCommand(), a.statusCommand(),
		a.historyCommand(), a.messagesCommand(), a.showCommand(), a.pollCommand(), a.approveCommand(), a.retryCommand(),
		a.dismissCommand(), a.rescanCommand(), a.reloadCommand(), a.backupCommand(), a.schemaCommand(), a.versionCommand(),
	)
	for _, c := range root.Commands() {
		check := c.Args
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w; usage: %s", err, cmd.UseLine())}
			}
			return nil
		}
	}
	return root
}

// usageError is a fault of the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// partError says that a command did its work and something of it failed.
type partError struct {
	text  string
	cause error // told already; may be nil
}

func (e partError) Error() string { return e.text }
func (e partError) Unwrap() error { return e.cause }

// status is the exit status of an error.
func status(err error) int {
	if errors.Is(err, daemon.ErrLocked) {
		return exitLocked
	}
	if errors.Is(err, journal.ErrUnusable) {
		return exitBroken
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitFault
	}
	if _, ok := errors.AsType[config.Faults](err); ok {
		return exitFault
	}
	if daemon.IsFault(err) {
		return exitFault
	}
	return exitFailed
}

// unknownCommand names the commands that a misspelt one resembles.
func unknownCommand(root *cobra.Command, name string) error {
	err := fmt.Errorf("there is no command %q; see: pricefetch help", name)
	if root.SuggestionsMinimumDistance == 0 {
		root.SuggestionsMinimumDistance = 2
	}
	if like := root.SuggestionsFor(name); len(like) > 0 {
		err = fmt.Errorf("there is no command %q; did you mean %s?", name, strings.Join(like, ", "))
	}
	return usageError{err}
}

// complain prints an error for a person, each of its lines harmless to a terminal.
func (a *app) complain(err error) {
	prefix := ""
	if underJournald(a.err) {
		prefix = fmt.Sprintf("<%d>", priority(slog.LevelError))
	}
	say := "pricefetch: "
	if _, ok := errors.AsType[config.Faults](err); ok {
		say = "" // the lines begin with file:line:col, for editors
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(a.err, "%s%s%s\n", prefix, say, printable(strings.TrimRight(line, "\n")))
		say = ""
	}
	if errors.Is(err, daemon.ErrLocked) {
		fmt.Fprintf(a.err, "%sA daemon is running on this state_dir. Commands that only read work beside it; `pricefetch poll MAILBOX` asks it for a pass.\n", prefix)
	}
}
