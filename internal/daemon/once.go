package daemon

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"pricefetch/internal/config"
	"pricefetch/internal/poll"
)

// Outcome is what came of one mailbox's pass.
type Outcome struct {
	Report poll.Report
	Err    error
}

// Once makes one pass over each named mailbox, all enabled ones if none is named, within the limits of sessions and
// per_host. Like Run it serves the control socket meanwhile, and stops in two steps. Outcomes come in the order of the
// configuration.
func (d *Daemon) Once(ctx context.Context, names []string, progress func(poll.Progress)) ([]Outcome, error) {
	boxes, err := d.chosen(names)
	if err != nil {
		return nil, err
	}
	d.progress = progress
	hard, abort := context.WithCancel(ctx)
	defer abort()
	d.hard = hard
	listener, err := listen(d.config.StateDir)
	if err != nil {
		return nil, err
	}
	soft, done := context.WithCancel(ctx)
	var side sync.WaitGroup
	side.Go(func() { d.serve(soft, listener) })
	side.Go(func() { d.interrupts(soft, abort) })
	defer side.Wait()
	defer done()

	outcomes := make([]Outcome, len(boxes))
	limit := newLimit(d.config.Limits.Sessions, d.perHost)
	var passes sync.WaitGroup
	for i, m := range boxes {
		passes.Go(func() {
			outcomes[i].Report.Mailbox = m.Name
			defer limit.enter(strings.ToLower(m.Host))()
			outcomes[i].Report, outcomes[i].Err = d.poll(hard, m.Name)
		})
	}
	passes.Wait()
	return outcomes, nil
}

// chosen returns the named mailboxes, or all enabled ones.
func (d *Daemon) chosen(names []string) ([]config.Mailbox, error) {
	if len(names) == 0 {
		return d.enabled(), nil
	}
	var boxes []config.Mailbox
	for _, name := range names {
		m, ok := find(d.current(), name)
		switch {
		case !ok:
			return nil, fault("mailbox %s: not in the configuration", name)
		case !m.Enabled:
			return nil, fault("mailbox %s: it has enabled: false", name)
		}
		boxes = append(boxes, m)
	}
	return boxes, nil
}

// interrupts stops in two steps: the first signal lets the messages in hand finish, the second ends everything.
func (d *Daemon) interrupts(ctx context.Context, abort context.CancelFunc) {
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(ch)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case s := <-ch:
			if n == 0 {
				d.log.Info(fmt.Sprintf("%s: finishing the messages in hand; once more ends at once", s))
				close(d.stop)
			} else {
				abort()
				return
			}
		}
	}
}

// limit keeps the sessions of one run of passes within the configured bounds.
type limit struct {
	sessions chan struct{}
	perHost  func(string) int
	mu       sync.Mutex
	hosts    map[string]chan struct{}
}

func newLimit(sessions int, perHost func(string) int) *limit {
	return &limit{sessions: make(chan struct{}, max(sessions, 1)), perHost: perHost, hosts: map[string]chan struct{}{}}
}

// enter waits for a place at the host first, so that a busy host does not take up places that others could use.
func (l *limit) enter(host string) (leave func()) {
	l.mu.Lock()
	at, ok := l.hosts[host]
	if !ok {
		at = make(chan struct{}, max(l.perHost(host), 1))
		l.hosts[host] = at
	}
	l.mu.Unlock()
	at <- struct{}{}
	l.sessions <- struct{}{}
	return func() { <-l.sessions; <-at }
}
