package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

// Outcome is what came of one mailbox's pass.
type Outcome struct {
	Report poll.Report
	Plan   *poll.Plan // of a dry_run mailbox that was planned; nil otherwise
	DryRun bool
	Err    error
}

// poll makes one pass over one mailbox, after the present one if it has one. A pass that begins while the daemon
// stops does nothing.
func (d *Daemon) poll(ctx context.Context, name string) Outcome {
	d.mu.Lock()
	one := d.busy[name]
	d.mu.Unlock()
	out := Outcome{Report: poll.Report{Mailbox: name}}
	if one == nil {
		out.Err = fault("mailbox %s: not in the configuration", name)
		return out
	}
	one.Lock()
	defer one.Unlock()
	if d.stopping() {
		out.Report.Stopped = true
		return out
	}
	if out.Err = d.unusable(); out.Err != nil {
		return out
	}
	defer d.tidy()
	d.passes.RLock()
	defer d.passes.RUnlock()
	limits := d.current().Limits
	p, m, err := d.pass(ctx, name)
	if err == nil {
		err = d.inherit(ctx, m)
	}
	if err != nil {
		out.Err = err
		return out
	}
	// What it did is on record; the next one goes on from there.
	ctx, cancel := context.WithTimeoutCause(ctx, limits.Pass, passLimit(limits.Pass))
	defer cancel()
	if m.DryRun {
		out = d.rehearse(ctx, p)
	} else {
		out.Report, out.Err = p.Run(ctx)
	}
	d.noteSecret(m, out.Err)
	d.noteJournal(out.Err)
	d.mu.Lock()
	d.last[name] = out
	d.mu.Unlock()
	return out
}

// passLimit is the error of a pass that took too long.
func passLimit(limit time.Duration) error {
	return fmt.Errorf("the pass took longer than limits.pass, %v; the next one goes on: %w", limit, context.DeadlineExceeded)
}

// noteJournal stops everything when a pass finds the journal damaged: it is every mailbox's, and what it no longer says
// can neither be fetched nor deleted safely. It is said once.
func (d *Daemon) noteJournal(err error) {
	if !errors.Is(err, journal.ErrUnusable) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return
	}
	d.broken = err
	d.log.Error("the journal cannot be used any more: nothing is fetched or deleted until a person has acted", "error", err)
	if d.halt != nil {
		d.halt()
	}
}

// unusable is the error of a pass that does not begin because an earlier one found the journal damaged.
func (d *Daemon) unusable() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken == nil {
		return nil
	}
	return mail.Errorf(mail.Storage, "not polled: %w", d.broken)
}

// limited is poll within the limits of sessions and per_host, where no scheduler keeps them.
func (d *Daemon) limited(m config.Mailbox) Outcome {
	leave, ok := d.limit.enter(d.stop, hostOf(m))
	if !ok {
		return Outcome{Report: poll.Report{Mailbox: m.Name, Stopped: true}}
	}
	defer leave()
	return d.poll(d.hard, m.Name)
}

// rehearse is the pass of a dry_run mailbox: planned once after each start, reload or poll, otherwise only looked at.
// Of the mailbox's state it notes how it went, so that `status` can tell; never that a pass was finished.
func (d *Daemon) rehearse(ctx context.Context, p *poll.Pass) Outcome {
	d.mu.Lock()
	done := d.planned[p.Mailbox]
	d.planned[p.Mailbox] = true
	d.mu.Unlock()
	out := Outcome{DryRun: true}
	started := d.now()
	if done {
		out.Report, out.Err = p.Look(ctx)
	} else {
		out = d.plan(ctx, p)
	}
	out.Report.Took = d.now().Sub(started)
	if out.Err != nil {
		p.Log.Error("dry run ended early", "class", mail.ClassOf(out.Err).String(), "error", out.Err)
		d.mu.Lock()
		delete(d.planned, p.Mailbox) // it was not planned after all
		d.mu.Unlock()
	}
	d.noteRehearsal(p.Mailbox, out.Err)
	return out
}

func (d *Daemon) plan(ctx context.Context, p *poll.Pass) Outcome {
	plan, err := p.Plan(ctx, d.journal)
	out := Outcome{DryRun: true, Report: poll.Report{Mailbox: p.Mailbox}, Plan: &plan, Err: err}
	for _, f := range plan.Folders {
		out.Report.Listed += f.Listed
		if f.Error != "" {
			p.Log.Error("folder cannot be read", "folder", f.Folder, "error", f.Error)
			continue
		}
		p.Log.Info("dry run: nothing is saved or deleted; see: pricefetch plan "+p.Mailbox, "folder", f.Folder,
			"listed", f.Listed, "would_save", len(f.Save), "would_delete", len(f.Delete), "would_wait", len(f.Wait))
	}
	return out
}

func (d *Daemon) noteRehearsal(name string, trouble error) {
	now := d.now()
	err := d.journal.Update(context.WithoutCancel(d.hard), name, func(s *mail.MailboxState) {
		switch {
		case trouble == nil:
			s.LastError, s.ErrorClass, s.ErrorSince, s.FailedPasses = "", "", time.Time{}, 0
		default:
			if s.FailedPasses == 0 {
				s.ErrorSince = now
			}
			s.FailedPasses++
			s.LastError, s.ErrorClass = trouble.Error(), mail.ClassOf(trouble).String()
		}
	})
	if err != nil {
		d.log.Error("result of the dry run cannot be noted", "mailbox", name, "error", err)
	}
}
