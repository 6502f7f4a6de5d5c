package daemon

import (
	"context"
	"slices"
	"sync"
	"syscall"

	"pricefetch/internal/config"
	"pricefetch/internal/poll"
)

// Once makes one pass over each named mailbox, all enabled ones if none is named, within the limits of sessions and
// per_host. Like Run it serves the control socket meanwhile, and stops in two steps. Outcomes come in the order of the
// configuration, or of the names.
func (d *Daemon) Once(ctx context.Context, names []string, progress func(poll.Progress)) ([]Outcome, error) {
	boxes, err := d.chosen(names)
	if err != nil {
		return nil, err
	}
	listener, err := listen(d.config.StateDir)
	if err != nil {
		return nil, err
	}
	d.progress = progress
	outcomes := make([]Outcome, len(boxes))
	d.while(ctx, func(soft context.Context) {
		soft, done := context.WithCancel(soft)
		var side sync.WaitGroup
		side.Go(func() { d.serve(soft, listener) })
		var passes sync.WaitGroup
		for i, m := range boxes {
			passes.Go(func() { outcomes[i] = d.limited(m) })
		}
		passes.Wait()
		done()
		side.Wait()
	})
	return outcomes, nil
}

// Act carries out one request in this process, where no daemon runs that could. It stops in two steps.
func (d *Daemon) Act(ctx context.Context, req Request) Answer {
	var a Answer
	d.while(ctx, func(context.Context) { a = d.Do(d.hard, req) })
	return a
}

// while runs work that signals stop in two steps: soft ends at the first, d.hard at the second.
func (d *Daemon) while(ctx context.Context, work func(soft context.Context)) {
	hard, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	soft, end := context.WithCancel(ctx)
	defer end()
	d.hard = hard
	signals, cancel := d.signals(syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	idle := make(chan struct{})
	var side sync.WaitGroup
	side.Go(func() { d.twoSteps(soft, signals, end, abort, idle) })
	work(soft)
	close(idle)
	side.Wait()
}

// chosen returns the named mailboxes, or all enabled ones.
func (d *Daemon) chosen(names []string) ([]config.Mailbox, error) {
	if len(names) == 0 {
		return d.enabled(), nil
	}
	var boxes []config.Mailbox
	for i, name := range names {
		m, ok := find(d.current(), name)
		switch {
		case !ok:
			return nil, fault("mailbox %s: not in the configuration", name)
		case !m.Enabled:
			return nil, fault("mailbox %s: it has enabled: false", name)
		case !slices.Contains(names[:i], name):
			boxes = append(boxes, m)
		}
	}
	return boxes, nil
}
