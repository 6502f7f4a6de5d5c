package daemon

import (
	"context"

	"pricefetch/internal/poll"
)

// recover publishes what a crash left named in the journal, for every mailbox that was ever polled, and removes what
// was staged and never named. What cannot be published now is left for the mailbox's next pass, or the next start.
func (d *Daemon) recover(ctx context.Context) error {
	known, err := d.journal.Mailboxes(ctx)
	if err != nil {
		return err
	}
	if err := d.reportMissing(ctx); err != nil {
		return err
	}
	if err := d.importd.Ready(ctx); err != nil {
		d.log.Error("import directory is not ready; nothing is fetched or deleted until it is", "error", err)
		return d.sweepHeld(ctx)
	}
	for _, m := range known {
		p := &poll.Pass{Mailbox: m.Name, Journal: d.journal, Import: d.importd, Now: d.now, Log: d.log.With("mailbox", m.Name)}
		if _, err := p.Recover(ctx); err != nil {
			d.log.Error("what an earlier pass had begun cannot be finished now; the next pass tries again", "mailbox", m.Name, "error", err)
		}
	}
	if err := d.sweep(ctx); err != nil {
		return err
	}
	return d.sweepHeld(ctx)
}

// sweep removes staged files that the journal does not name. No pass may be running.
func (d *Daemon) sweep(ctx context.Context) error {
	staged, err := d.journal.Staged(ctx)
	if err != nil {
		return err
	}
	n, err := d.importd.Sweep(staged)
	if err != nil {
		d.log.Warn("staged files that no message had named cannot be removed; the next start tries again", "error", err)
	}
	if n > 0 {
		d.log.Info("removed staged files that no message had named", "count", n)
	}
	return nil
}

// sweepHeld removes raw messages that no record refers to any more. No pass may be running: one may have kept a message
// that the journal is told of a moment later.
func (d *Daemon) sweepHeld(ctx context.Context) error {
	names, err := d.journal.Kept(ctx)
	if err != nil {
		return err
	}
	if d.held.Size() == 0 {
		return nil
	}
	keep := make(map[string]bool, len(names))
	for _, name := range names {
		keep[name] = true
	}
	n, err := d.held.Sweep(keep)
	if err != nil {
		d.log.Warn("raw messages that nobody needs any more cannot be removed", "error", err)
	}
	if n > 0 {
		d.log.Info("removed raw messages that nobody needs any more", "count", n)
	}
	return nil
}

// reportMissing tells of raw messages that somebody removed. The journal goes on naming them: they may be put back.
func (d *Daemon) reportMissing(ctx context.Context) error {
	names, err := d.journal.Kept(ctx)
	if err != nil {
		return err
	}
	for _, name := range d.held.Missing(names) {
		d.log.Error("a raw message that the journal names is missing; put it back, or the server's copy is read instead, if there is one",
			"file", "held/"+name)
	}
	return nil
}

// tidy sweeps held/ if no pass is running; otherwise the one that ends last does.
func (d *Daemon) tidy() {
	if !d.passes.TryLock() {
		return
	}
	defer d.passes.Unlock()
	if err := d.sweepHeld(context.WithoutCancel(d.hard)); err != nil {
		d.log.Warn("raw messages that nobody needs any more cannot be found", "error", err)
	}
}
