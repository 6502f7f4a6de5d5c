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
	"pricefetch/internal/mailbox"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
	"pricefetch/internal/save/held"
	"pricefetch/internal/schedule"
)

// Options are what the command line gives a daemon.
type Options struct {
	Config *config.Config
	Log    *slog.Logger
	Now    func() time.Time
	Built  time.Time // of the program; zero: unknown
	Strict bool      // refuse to start where a secret is missing or a mailbox cannot be logged in to
	Trace  bool      // log the wire at debug level, without credentials and bodies

	Stopping func() // told when the first signal has come and the message in hand is being finished; may be nil

	// What tests put in the place of the world's own; zero values are the real thing.
	Signals <-chan os.Signal // nil: SIGHUP, SIGTERM and SIGINT of this process
	Tick    <-chan time.Time // when refused secrets are looked at again; nil: every 15 s
	Grace   time.Duration    // what the message in hand has to finish when the daemon stops; 0: 30 s
	Rand    func() float64   // of the scheduler's jitter
	Timeout time.Duration    // of one read or write on a mail connection; 0: limits.timeout
	KeepRaw int64            // bytes of raw messages under held/; 0: limits.held
}

// grace is what the message in hand has to finish when the daemon stops (semantics 5).
const grace = 30 * time.Second

// Daemon is the house: one journal, one import directory, the mailboxes of the present configuration.
type Daemon struct {
	log     *slog.Logger
	now     func() time.Time
	options Options

	unlock   *os.File
	journal  *journal.Journal
	held     *held.Store
	schedule *schedule.Scheduler // nil: nobody polls by the clock (once, or a single command)
	limit    *limit              // of passes that no scheduler starts
	stop     chan struct{}       // closed: passes finish the message in hand
	stopOnce sync.Once
	hard     context.Context // ends: passes end at once
	progress func(poll.Progress)
	hidden   mailbox.Hidden // the secrets of every login of this process: no server's words may show one of them
	notices  []string       // of arrive, for the commands whose log is silent

	passes   sync.RWMutex // read-locked while a pass runs: a sweep of held/ waits for none to
	changing sync.Mutex   // one change of the configuration, or of the import directory, at a time

	mu      sync.Mutex
	config  *config.Config
	importd *importDir
	rules   *match.Rules
	planned map[string]bool        // dry_run mailboxes that have been planned since the last start, reload or poll
	busy    map[string]*sync.Mutex // one pass of one mailbox at a time, also without a scheduler
	last    map[string]Outcome     // of each mailbox's last pass in this process
	used    map[string][32]byte    // hash of the secret that each mailbox last logged in with
	refused map[string][32]byte    // likewise, of mailboxes whose server refused it
	broken  error                  // why the journal cannot be used any more: no pass begins
	halt    func()                 // stops the daemon as a first signal does; nil where nothing runs on
}

// Open locks state_dir, opens the journal, finishes what a crash interrupted and sweeps what nobody will publish. A
// fault of the configuration is one for IsFault, a held lock is ErrLocked. An import directory that is not there is
// no error: nothing is fetched until it is.
func Open(ctx context.Context, o Options) (*Daemon, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Grace == 0 {
		o.Grace = grace
	}
	d := &Daemon{
		log: o.Log, now: o.Now, options: o, stop: make(chan struct{}), hard: ctx,
		planned: map[string]bool{}, busy: map[string]*sync.Mutex{}, last: map[string]Outcome{},
		used: map[string][32]byte{}, refused: map[string][32]byte{},
	}
	d.limit = newLimit(o.Config.Limits.Sessions, d.perHost)
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
	if d.held, err = held.Open(filepath.Join(c.StateDir, "held"), d.keepRaw(c)); err != nil {
		return err
	}
	if err := d.use(ctx, c); err != nil {
		return err
	}
	for _, m := range c.Mailboxes {
		if err := d.carryMailbox(ctx, m); err != nil {
			return err
		}
	}
	for _, note := range exposed(c.StateDir) {
		d.log.Warn(note)
	}
	if err := d.arrive(ctx); err != nil {
		return err
	}
	return d.recover(ctx)
}

// keepRaw bounds what state_dir/held may take, in bytes.
func (d *Daemon) keepRaw(c *config.Config) int64 {
	if d.options.KeepRaw > 0 {
		return d.options.KeepRaw
	}
	return c.Limits.Held
}

// use makes c the running configuration. Everything that can fail comes before anything live is touched.
func (d *Daemon) use(ctx context.Context, c *config.Config) error {
	rules, err := match.Compile(translateRules(c.Rules))
	if err != nil {
		return faultError{err}
	}
	dir, err := d.importDir(ctx, c)
	if err != nil {
		return err
	}
	if err := d.carryRules(ctx, c); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.config, d.rules, d.importd = c, rules, dir
	d.held.Bound(d.keepRaw(c))
	d.planned = map[string]bool{}
	for _, m := range c.Mailboxes {
		if d.busy[m.Name] == nil {
			d.busy[m.Name] = new(sync.Mutex)
		}
	}
	return nil
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

// current is the running configuration.
func (d *Daemon) current() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config
}

// enabled are the mailboxes to poll.
func (d *Daemon) enabled() []config.Mailbox {
	var out []config.Mailbox
	for _, m := range d.current().Mailboxes {
		if m.Enabled {
			out = append(out, m)
		}
	}
	return out
}

// stopping reports whether nothing new may be started.
func (d *Daemon) stopping() bool {
	select {
	case <-d.stop:
		return true
	default:
		return false
	}
}
