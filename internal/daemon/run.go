package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"pricefetch/internal/config"
	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
	"pricefetch/internal/schedule"
)

const (
	// passLimit bounds one pass. What it did is on record; the next one goes on from there.
	passLimit = 2 * time.Hour
	// grace is what the message in hand has to finish when the daemon stops.
	grace = 30 * time.Second
)

// Run polls every enabled mailbox until a signal, or the end of ctx, stops it: the first one lets the message in hand
// finish, a second one, or 30 s, ends everything at once. SIGHUP reloads.
func (d *Daemon) Run(ctx context.Context) error {
	if d.options.Strict {
		if err := d.checkSecrets(ctx); err != nil {
			return err
		}
	}
	hard, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	soft, stop := context.WithCancel(ctx)
	defer stop()
	d.hard = hard
	d.schedule = schedule.New(schedule.Options{
		Sessions: d.config.Limits.Sessions, PerHost: d.perHost, Now: d.now, Planned: d.notePlan,
	})
	d.schedule.Set(d.jobs())
	listener, err := listen(d.config.StateDir)
	if err != nil {
		return err
	}
	var side sync.WaitGroup
	side.Go(func() { d.serve(soft, listener) })
	side.Go(func() { d.watchSecrets(soft) })
	idle := make(chan struct{})
	side.Go(func() { d.signals(soft, stop, abort, idle) })
	d.ready()
	err = d.schedule.Run(soft)
	close(idle)
	stop()
	side.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	d.log.Info("stopped")
	return err
}

// ready tells systemd, and the log, what is running.
func (d *Daemon) ready() {
	status := fmt.Sprintf("polling %d mailboxes by %d rules", len(d.enabled()), len(d.current().Rules))
	d.log.Info("started", "mailboxes", len(d.enabled()), "rules", len(d.current().Rules), "journal", d.journal.ID())
	d.tell(sd.SdNotifyReady + "\nSTATUS=" + status)
}

// tell sends systemd a state; without systemd it does nothing.
func (d *Daemon) tell(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		d.log.Warn("systemd cannot be notified", "error", err)
	}
}

// signals waits for what the operator's system says, until soft ends and the grace is over.
func (d *Daemon) signals(soft context.Context, stop, abort context.CancelFunc, idle <-chan struct{}) {
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(ch)
	for soft.Err() == nil {
		select {
		case <-soft.Done():
		case s := <-ch:
			if s == syscall.SIGHUP {
				d.Do(soft, Request{Action: ActReload})
				continue
			}
			stop()
		}
	}
	d.log.Info("stopping: the message in hand is finished first", "grace", grace)
	d.tell(sd.SdNotifyStopping)
	close(d.stop)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for {
		select {
		case <-idle:
			return
		case s := <-ch:
			if s == syscall.SIGHUP {
				continue
			}
		case <-timer.C:
		}
		d.log.Warn("stopping at once: what is under way is dropped and goes on at the next start")
		abort()
		<-idle
		return
	}
}

// jobs are the schedule's view of the enabled mailboxes.
func (d *Daemon) jobs() []schedule.Job {
	var jobs []schedule.Job
	for _, m := range d.enabled() {
		jobs = append(jobs, schedule.Job{
			Name: m.Name, Host: strings.ToLower(m.Host), Interval: m.Poll,
			Run: func(context.Context) schedule.Result {
				_, err := d.poll(d.hard, m.Name)
				result := schedule.Result{Err: err, Ladder: ladder(err)}
				if after := mail.AfterOf(err); after > 0 {
					result.NotBefore = d.now().Add(after)
				}
				return result
			},
		})
	}
	return jobs
}

// poll makes one pass over one mailbox.
func (d *Daemon) poll(ctx context.Context, name string) (poll.Report, error) {
	p, m, err := d.pass(name)
	if err != nil {
		return poll.Report{Mailbox: name}, err
	}
	d.mu.Lock()
	one := d.busy[name]
	d.mu.Unlock()
	one.Lock()
	defer one.Unlock()
	ctx, cancel := context.WithTimeout(ctx, passLimit)
	defer cancel()
	if m.DryRun {
		return d.rehearse(ctx, p)
	}
	report, err := p.Run(ctx)
	d.noteSecret(m, err)
	d.mu.Lock()
	d.reports[name] = report
	d.mu.Unlock()
	return report, err
}

// rehearse is the pass of a dry_run mailbox: planned once after each start, reload or poll, otherwise only looked at.
func (d *Daemon) rehearse(ctx context.Context, p *poll.Pass) (poll.Report, error) {
	d.mu.Lock()
	done := d.planned[p.Mailbox]
	d.planned[p.Mailbox] = true
	d.mu.Unlock()
	if done {
		return p.Look(ctx)
	}
	plan, err := p.Plan(ctx, d.journal)
	report := poll.Report{Mailbox: p.Mailbox}
	for _, f := range plan.Folders {
		report.Listed += f.Listed
		p.Log.Info("dry run", "folder", f.Folder, "listed", f.Listed, "would_save", len(f.Save), "would_delete", len(f.Delete),
			"would_wait", len(f.Wait))
	}
	return report, err
}

// perHost is how many sessions one server may have.
func (d *Daemon) perHost(host string) int {
	limits := d.current().Limits.PerHost
	if n, ok := limits[host]; ok {
		return n
	}
	return limits["*"]
}

// notePlan puts the time of the next pass where `status` finds it.
func (d *Daemon) notePlan(name string, next time.Time) {
	err := d.journal.Update(context.WithoutCancel(d.hard), name, func(s *mail.MailboxState) { s.NextPass = next })
	if err != nil {
		d.log.Error("next pass cannot be noted", "mailbox", name, "error", err)
	}
}

func (d *Daemon) current() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config
}

func (d *Daemon) enabled() []config.Mailbox {
	var out []config.Mailbox
	for _, m := range d.current().Mailboxes {
		if m.Enabled {
			out = append(out, m)
		}
	}
	return out
}

// checkSecrets is run --strict: every secret must be there.
func (d *Daemon) checkSecrets(ctx context.Context) error {
	var errs []error
	for _, m := range d.enabled() {
		if _, err := m.Secret.Read(ctx); err != nil {
			errs = append(errs, fmt.Errorf("mailbox %s: %w", m.Name, err))
		}
	}
	return errors.Join(errs...)
}
