package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
	"pricefetch/internal/journal"
)

// app is what every command shares: the global flags and the streams.
type app struct {
	out, err io.Writer

	configPath string
	logFormat  string
	logLevel   string
	output     string
	logAsked   func() bool // whether a log level was given, by flag or environment
}

const defaultConfig = "/etc/pricefetch/pricefetch.yaml"

// globals declares the global flags; each can also be set as PRICEFETCH_… in the environment.
func (a *app) globals(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&a.configPath, "config", env("CONFIG", defaultConfig), "configuration `file`")
	f.StringVar(&a.logFormat, "log-format", env("LOG_FORMAT", "text"), "`text` or json")
	f.StringVar(&a.logLevel, "log-level", env("LOG_LEVEL", "info"), "debug, `info`, warn or error")
	f.StringVar(&a.output, "output", env("OUTPUT", "table"), "`table` or json")
	_, set := os.LookupEnv("PRICEFETCH_LOG_LEVEL")
	a.logAsked = func() bool { return set || f.Changed("log-level") }
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.checkGlobals() }
}

// env is a flag's default from the environment.
func env(name, otherwise string) string {
	if v, ok := os.LookupEnv("PRICEFETCH_" + name); ok {
		return v
	}
	return otherwise
}

func (a *app) checkGlobals() error {
	if a.output != "table" && a.output != "json" {
		return usageError{fmt.Errorf("--output (or PRICEFETCH_OUTPUT) %q: expected table or json", a.output)}
	}
	if a.logFormat != "text" && a.logFormat != "json" {
		return usageError{fmt.Errorf("--log-format (or PRICEFETCH_LOG_FORMAT) %q: expected text or json", a.logFormat)}
	}
	if _, err := a.level(); err != nil {
		return err
	}
	return nil
}

func (a *app) level() (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(a.logLevel)); err != nil {
		return l, usageError{fmt.Errorf("--log-level (or PRICEFETCH_LOG_LEVEL) %q: expected debug, info, warn or error", a.logLevel)}
	}
	return l, nil
}

// logger writes to standard error. Under systemd each line begins with its priority, so that journalctl -p works.
func (a *app) logger() *slog.Logger {
	level, _ := a.level() // it was checked before any command ran
	if a.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.err, &slog.HandlerOptions{Level: level}))
	}
	if underJournald(a.err) {
		return slog.New(&journalHandler{out: a.err, level: level, mu: new(sync.Mutex)})
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
}

// load reads the configuration.
func (a *app) load() (*config.Config, error) { return a.loadBy(config.Load) }

func (a *app) loadBy(load func(string, config.Checks) (*config.Config, error)) (*config.Config, error) {
	c, err := load(a.configPath, daemon.Checks())
	if err != nil {
		if _, ok := errors.AsType[config.Faults](err); ok {
			return nil, err
		}
		return nil, usageError{fmt.Errorf("%w; name another file with --config or PRICEFETCH_CONFIG", err)}
	}
	return c, nil
}

// warn prints what is allowed in the configuration but unwise.
func (a *app) warn(c *config.Config) {
	for _, w := range c.Warnings {
		fmt.Fprintln(a.err, "warning:", w)
	}
}

// daemonOptions is the house that the commands build.
func (a *app) daemonOptions(c *config.Config) daemon.Options {
	level, _ := a.level()
	return daemon.Options{
		Config: c, Log: a.logger(), Now: time.Now, Built: built(), Trace: level <= slog.LevelDebug,
		Stopping: func() {
			fmt.Fprintln(a.err, "stopping: the message in hand is finished first; once more ends at once")
		},
	}
}

// reading opens the journal beside a daemon that may be running. Nothing is written.
func (a *app) reading(ctx context.Context) (*config.Config, *journal.Journal, error) {
	c, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(c.StateDir, "journal.db")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("no journal in %s yet: nothing was polled; start with: pricefetch once", c.StateDir)
	}
	j, err := journal.OpenReadOnly(ctx, path)
	return c, j, err
}

// ask hands a request to the running daemon, or does it in this process if there is none, and prints the answer.
func (a *app) ask(ctx context.Context, req daemon.Request) error {
	c, err := a.load()
	if err != nil && req.Action == daemon.ActReload {
		return fmt.Errorf("%w\nthe new configuration is not used; a daemon that is running keeps the one it has", err)
	}
	if err != nil {
		return err
	}
	answer, err := daemon.Ask(ctx, c.StateDir, req)
	if errors.Is(err, daemon.ErrNoDaemon) {
		answer, err = a.act(ctx, c, req)
	}
	if err != nil {
		return err
	}
	if a.output == "json" {
		if err := a.json(answer); err != nil {
			return err
		}
	} else {
		for _, line := range answer.Lines {
			a.say("%s\n", line)
		}
	}
	switch {
	case answer.Error == "":
		return nil
	case answer.Fault:
		return usageError{errors.New(answer.Error)}
	default:
		return partError{text: strings.TrimSpace(answer.Error)}
	}
}

// act carries a request out in this process, under the lock.
func (a *app) act(ctx context.Context, c *config.Config, req daemon.Request) (daemon.Answer, error) {
	if req.Action == daemon.ActReload {
		return daemon.Answer{}, errors.New("no daemon is running: there is nothing to reload")
	}
	o := a.daemonOptions(c)
	o.Log = a.quiet(o.Log)
	d, err := daemon.Open(ctx, o)
	if err != nil {
		return daemon.Answer{}, err
	}
	a.notices(d)
	return d.Act(ctx, req), d.Close()
}

// notices prints what an operator has to know of the journal, where the log does not tell.
func (a *app) notices(d *daemon.Daemon) {
	if a.logAsked() {
		return
	}
	for _, text := range d.Notices() {
		fmt.Fprintln(a.err, "warning:", printable(text))
	}
}

// quiet is the log of a command whose answer says everything: nothing, unless a level was asked for.
func (a *app) quiet(log *slog.Logger) *slog.Logger {
	if a.logAsked() {
		return log
	}
	return slog.New(slog.DiscardHandler)
}
