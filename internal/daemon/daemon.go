// Package daemon builds the rooms and joins them: from a configuration to mailboxes that are polled. It owns what
// lives as long as the process: the lock on state_dir, the journal, the scheduler, the control socket, the signals.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
	"pricefetch/internal/save"
	"pricefetch/internal/save/held"
	"pricefetch/internal/schedule"
)

// Options are what the command line gives a daemon.
type Options struct {
	Config  *config.Config
	Log     *slog.Logger
	Now     func() time.Time
	Built   time.Time // of the program; zero: unknown
	Strict  bool      // refuse to start where a secret is missing
	KeepRaw int64     // bytes of raw messages under held/; 0: the default
	Trace   bool      // log the wire at debug level, without credentials and bodies
}

// heldBytes bounds what state_dir/held may take.
const heldBytes = 1 << 30

// Daemon is the house: one journal, one import directory, the mailboxes of the present configuration.
type Daemon struct {
	log     *slog.Logger
	now     func() time.Time
	options Options

	unlock   *os.File
	journal  *journal.Journal
	held     *held.Store
	schedule *schedule.Scheduler // nil: nobody polls by the clock (once, or a single command)
	stop     chan struct{}       // closed: passes finish the message in hand
	hard     context.Context     // ends: passes end at once
	progress func(poll.Progress)

	mu      sync.Mutex
	config  *config.Config
	importd *save.Dir
	saving  save.Options // what importd was opened with
	token   string       // likewise
	rules   *match.Rules
	planned map[string]bool        // dry_run mailboxes that have been planned since the last start, reload or poll
	busy    map[string]*sync.Mutex // one pass of one mailbox at a time, also without a scheduler
	reports map[string]poll.Report // of each mailbox's last pass in this process
	refused map[string][32]byte    // of mailboxes whose secret the server refused: that secret's hash
}

// Open locks state_dir, opens the journal, finishes what a crash interrupted and sweeps what nobody will publish. A
// fault of the configuration is config.Faults, a held lock ErrLocked.
func Open(ctx context.Context, o Options) (*Daemon, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Daemon{
		log: o.Log, now: o.Now, options: o, stop: make(chan struct{}), hard: ctx,
		planned: map[string]bool{}, busy: map[string]*sync.Mutex{}, refused: map[string][32]byte{}, reports: map[string]poll.Report{},
	}
	if err := d.open(ctx, o.Config); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Daemon) open(ctx context.Context, c *config.Config) error {
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return fmt.Errorf("make state_dir: %w", err)
	}
	var err error
	if d.unlock, err = lock(c.StateDir); err != nil {
		return err
	}
	if d.journal, err = journal.Open(ctx, filepath.Join(c.StateDir, "journal.db"), d.now); err != nil {
		return err
	}
	limit := d.options.KeepRaw
	if limit == 0 {
		limit = heldBytes
	}
	if d.held, err = held.Open(filepath.Join(c.StateDir, "held"), limit); err != nil {
		return err
	}
	if err := d.use(ctx, c); err != nil {
		return err
	}
	return d.recover(ctx)
}

// use makes c the running configuration. Everything that can fail comes before anything live is touched.
func (d *Daemon) use(ctx context.Context, c *config.Config) error {
	rules, err := match.Compile(translateRules(c.Rules))
	if err != nil {
		return err
	}
	dir, err := d.importDir(ctx, c)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.config, d.rules, d.importd = c, rules, dir
	d.planned = map[string]bool{}
	for _, m := range c.Mailboxes {
		if d.busy[m.Name] == nil {
			d.busy[m.Name] = new(sync.Mutex)
		}
	}
	return nil
}

// importDir opens the import directory of c. Only a journal that has never known a staging directory lets one be made.
func (d *Daemon) importDir(ctx context.Context, c *config.Config) (*save.Dir, error) {
	token, err := d.journal.Staging(ctx)
	if err != nil {
		return nil, err
	}
	gid, err := groupID(c.Group)
	if err != nil {
		return nil, err
	}
	o := save.Options{
		ImportDir: c.ImportDir, StateDir: c.StateDir, JournalID: d.journal.ID(),
		FileMode: c.FileMode, DirMode: c.DirMode, GID: gid, MinFree: c.Limits.MinFree,
	}
	if o == d.saving && token == d.token && token != "" {
		return d.importd, nil // passes that are under way publish under the same mutexes
	}
	dir, err := save.Open(o, token)
	if err == nil && token == "" {
		token, err = d.establish(ctx, dir)
	}
	if err != nil {
		return nil, err
	}
	d.saving, d.token = o, token
	return dir, nil
}

// establish makes the staging directory and notes in the journal that this is the one.
func (d *Daemon) establish(ctx context.Context, dir *save.Dir) (token string, err error) {
	if token, err = dir.Establish(); err != nil {
		return "", err
	}
	return token, d.journal.SetStaging(ctx, token)
}

// recover publishes what a crash left named in the journal, for every mailbox that was ever polled, and removes what
// was staged and never named. Where the import directory is not ready this waits for the first pass that finds it so.
func (d *Daemon) recover(ctx context.Context) error {
	if err := d.importd.Ready(ctx); err != nil {
		d.log.Error("import directory is not ready; nothing is fetched or deleted until it is", "error", err)
		return nil
	}
	known, err := d.journal.Mailboxes(ctx)
	if err != nil {
		return err
	}
	for _, m := range known {
		p := &poll.Pass{Mailbox: m.Name, Journal: d.journal, Import: d.importd, Now: d.now, Log: d.log.With("mailbox", m.Name)}
		if _, err := p.Recover(ctx); err != nil {
			return fmt.Errorf("recover mailbox %s: %w", m.Name, err)
		}
	}
	return d.sweep(ctx)
}

// sweep removes staged files and kept raw messages that the journal does not name. Nothing else may be running.
func (d *Daemon) sweep(ctx context.Context) error {
	staged, err := d.journal.Staged(ctx)
	if err != nil {
		return err
	}
	n, err := d.importd.Sweep(staged)
	if err != nil {
		return err
	}
	if n > 0 {
		d.log.Info("removed staged files that no message had named", "count", n)
	}
	return d.sweepHeld(ctx)
}

// sweepHeld removes raw messages that no record refers to any more.
func (d *Daemon) sweepHeld(ctx context.Context) error {
	kept, err := d.journal.Kept(ctx)
	if err != nil {
		return err
	}
	keep := make(map[string]bool, len(kept))
	for _, name := range kept {
		keep[name] = true
	}
	_, err = d.held.Sweep(keep)
	return err
}

// Close gives everything back. No pass may be running.
func (d *Daemon) Close() error {
	var errs []error
	if d.journal != nil {
		errs = append(errs, d.journal.Close())
	}
	if d.unlock != nil {
		errs = append(errs, d.unlock.Close())
	}
	return errors.Join(errs...)
}

// Journal gives the commands that report something to read from.
func (d *Daemon) Journal() *journal.Journal { return d.journal }

// ladder is how long to wait before the next try after an error of that class, step by step (semantics 5).
func ladder(err error) []time.Duration {
	if err == nil {
		return nil
	}
	if mail.ClassOf(err) == mail.Auth {
		return []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, time.Hour}
	}
	return []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
}
