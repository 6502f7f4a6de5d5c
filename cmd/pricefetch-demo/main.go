// Command pricefetch-demo starts an IMAP and a POP3 server in its own process, fills them with suppliers' letters, and
// runs the daemon's own code on them with configs/demo.yaml. It shows what was saved where and why the rest was not.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
)

func main() {
	if err := run(context.Background(), "configs/demo.yaml", os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run makes two passes over the embedded mailboxes: the first saves, the second has to find nothing more to save.
func run(ctx context.Context, path string, out, log io.Writer) error {
	c, err := config.Load(path, daemon.Checks())
	if err != nil {
		return fmt.Errorf("%w (run it from the root of the checkout)", err)
	}
	if err := empty(c, filepath.Join(filepath.Dir(filepath.Dir(path)), "demo")); err != nil {
		return err
	}
	s, err := startServers(c, time.Now())
	if err != nil {
		return err
	}
	err = show(ctx, c, s, out, log)
	return errors.Join(err, s.close())
}

// empty removes what the last demo left, and refuses to touch a directory that is not below the demo's own: somebody
// may have put a real one into the file.
func empty(c *config.Config, own string) error {
	own, err := filepath.Abs(own)
	if err != nil {
		return err
	}
	for _, dir := range []string{c.ImportDir, c.StateDir} {
		if filepath.Dir(dir) != own {
			return fmt.Errorf("empty %s: it is not in %s, where the demo keeps its files; change %s back", dir, own, c.Path)
		}
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o750)); err != nil {
			return fmt.Errorf("empty %s: %w", dir, err)
		}
	}
	return nil
}

// show runs the passes and prints what came of them.
func show(ctx context.Context, c *config.Config, s *servers, out, log io.Writer) error {
	d, err := daemon.Open(ctx, daemon.Options{Config: c, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	saved, err := passes(ctx, d, out)
	if err == nil {
		err = report(ctx, c, d.Journal(), s, saved, out)
	}
	return errors.Join(err, d.Close())
}

// passes polls every mailbox twice and returns how many files the first round saved.
func passes(ctx context.Context, d *daemon.Daemon, out io.Writer) (int, error) {
	first := 0
	for round, name := range []string{"first pass", "second pass"} {
		outcomes, err := d.Once(ctx, nil, nil)
		if err != nil {
			return 0, err
		}
		saved := 0
		for _, o := range outcomes {
			if o.Err != nil {
				return 0, fmt.Errorf("poll %s: %w", o.Report.Mailbox, o.Err)
			}
			saved += len(o.Report.Files)
			fmt.Fprintf(out, "%s over %s: %d messages listed, %d files saved, %d deleted from the server\n",
				name, o.Report.Mailbox, o.Report.Listed, len(o.Report.Files), o.Report.Deleted)
		}
		if round == 0 {
			first = saved
		} else if saved > 0 {
			return 0, fmt.Errorf("the second pass saved %d files again", saved)
		}
	}
	return first, nil
}
