package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"pricefetch/internal/config"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailbox"
	"pricefetch/internal/schedule"
)

// Run polls every enabled mailbox until a signal, or the end of ctx, stops it: the first one lets the message in hand
// finish, a second one, or 30 s, ends everything at once. SIGHUP reloads.
func (d *Daemon) Run(ctx context.Context) error {
	if d.options.Strict {
		if err := d.tryAll(ctx); err != nil {
			return fmt.Errorf("start with --strict: %w", err)
		}
	}
	hard, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	soft, stop := context.WithCancel(ctx)
	defer stop()
	d.hard = hard
	d.mu.Lock()
	d.halt = stop
	d.mu.Unlock()
	listener, err := listen(d.config.StateDir)
	if err != nil {
		return err
	}
	d.schedule = schedule.New(schedule.Options{
		Sessions: d.config.Limits.Sessions, PerHost: d.perHost, Now: d.now, Rand: d.options.Rand, Planned: d.notePlan,
	})
	d.schedule.Set(d.jobs())
	signals, cancel := d.signals(syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	var side sync.WaitGroup
	side.Go(func() { d.serve(soft, listener) })
	side.Go(func() { d.watchSecrets(soft) })
	idle := make(chan struct{})
	d.log.Info("started", "mailboxes", len(d.enabled()), "rules", len(d.current().Rules), "journal", d.journal.ID())
	d.ready()
	side.Go(func() { d.twoSteps(soft, signals, stop, abort, idle) })
	err = d.schedule.Run(soft)
	close(idle)
	stop()
	side.Wait()
	d.log.Info("stopped")
	d.mu.Lock()
	defer d.mu.Unlock()
	return errors.Join(err, d.broken)
}

// ready tells systemd what is running.
func (d *Daemon) ready() {
	d.tell(fmt.Sprintf("%s\nSTATUS=polling %d mailboxes by %d rules", sd.SdNotifyReady, len(d.enabled()), len(d.current().Rules)))
}

// tell sends systemd the state of a running daemon; without systemd it does nothing.
func (d *Daemon) tell(state string) {
	if d.schedule == nil {
		return
	}
	if _, err := sd.SdNotify(false, state); err != nil {
		d.log.Warn("systemd cannot be notified", "error", err)
	}
}

// jobs are the schedule's view of the enabled mailboxes.
func (d *Daemon) jobs() []schedule.Job {
	var jobs []schedule.Job
	for _, m := range d.enabled() {
		jobs = append(jobs, schedule.Job{
			Name: m.Name, Host: hostOf(m), Interval: m.Poll,
			Run: func(context.Context) schedule.Result {
				err := d.poll(d.hard, m.Name).Err
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

// notePlan puts the time of the next pass where `status` finds it.
func (d *Daemon) notePlan(name string, next time.Time) {
	err := d.journal.Update(context.WithoutCancel(d.hard), name, func(s *mail.MailboxState) { s.NextPass = next })
	if err != nil {
		d.log.Error("next pass cannot be noted", "mailbox", name, "error", err)
	}
}

// tryAll is run --strict: every enabled mailbox must have its secret and let us in.
func (d *Daemon) tryAll(ctx context.Context) error {
	boxes := d.enabled()
	errs := make([]error, len(boxes))
	var tries sync.WaitGroup
	for i, m := range boxes {
		tries.Go(func() { errs[i] = d.try(ctx, m) })
	}
	tries.Wait()
	return errors.Join(errs...)
}

func (d *Daemon) try(ctx context.Context, m config.Mailbox) error {
	leave, ok := d.limit.enter(ctx.Done(), hostOf(m))
	if !ok {
		return ctx.Err()
	}
	defer leave()
	so := SessionOptions(d.current(), m, true)
	so.Hidden = &d.hidden
	session, err := mailbox.Open(ctx, so)
	if err != nil {
		return fmt.Errorf("mailbox %s: %w", m.Name, err)
	}
	// It was opened to see whether it can be; how it ends is of no interest.
	_ = session.Close(false)
	return nil
}
