package daemon

import (
	"context"
	"errors"
	"fmt"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"pricefetch/internal/config"
)

// errNoReload is the answer to reload where no daemon runs that could have an old configuration.
var errNoReload = errors.New("nothing to reload: the configuration is read at each start, and only `run` keeps running")

// reload reads the configuration again. A faulty one changes nothing: the running one stays.
func (d *Daemon) reload(ctx context.Context) ([]string, error) {
	if d.schedule == nil {
		return nil, errNoReload
	}
	d.changing.Lock()
	defer d.changing.Unlock()
	d.tell(reloading())
	defer d.ready()
	old := d.current()
	c, err := d.renew(ctx, old)
	if err != nil {
		d.log.Error("the new configuration is not used; the running one stays", "error", err)
		return nil, fmt.Errorf("%w\nthe new configuration is not used; the running one stays", err)
	}
	lines := config.Diff(old, c)
	if len(lines) == 0 {
		lines = []string{"nothing changed"}
	}
	for _, w := range c.Warnings {
		lines = append(lines, "warning: "+w.String())
	}
	if err := d.importd.Ready(ctx); err != nil {
		lines = append(lines, "warning: nothing is fetched or deleted: "+err.Error())
	}
	for _, line := range lines {
		d.log.Info("reloaded: " + line)
	}
	d.schedule.SetSessions(c.Limits.Sessions)
	d.schedule.Set(d.jobs())
	d.kickAfterReload(old, c)
	return lines, nil
}

// renew loads the file again and makes it the running configuration, or leaves everything as it is.
func (d *Daemon) renew(ctx context.Context, old *config.Config) (*config.Config, error) {
	c, err := config.Load(old.Path, Checks())
	if err != nil {
		return nil, faultError{err}
	}
	if c.StateDir != old.StateDir {
		return nil, fault("state_dir: %s cannot become %s while the daemon runs: restart it", old.StateDir, c.StateDir)
	}
	return c, d.use(ctx, c)
}

// kickAfterReload polls at once those mailboxes whose settings changed: an admin who mends one wants to see it.
func (d *Daemon) kickAfterReload(old, c *config.Config) {
	for _, m := range c.Mailboxes {
		if before, ok := find(old, m.Name); ok && m.Enabled && !m.Equal(before) {
			d.schedule.Kick(m.Name)
		}
	}
}

// reloading is what systemd wants to hear at the start of a reload: with the monotonic time, in microseconds, so that
// it can tell this reload's READY=1 from an earlier one (sd_notify(3)).
func reloading() string {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return sd.SdNotifyReloading
	}
	return fmt.Sprintf("%s\nMONOTONIC_USEC=%d", sd.SdNotifyReloading, t.Nano()/1000)
}
