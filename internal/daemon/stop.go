package daemon

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// signals subscribes to what stops or reloads the daemon. From its return on no signal is lost, and none kills.
func (d *Daemon) signals(which ...os.Signal) (ch <-chan os.Signal, cancel func()) {
	if d.options.Signals != nil {
		return d.options.Signals, func() {}
	}
	own := make(chan os.Signal, 4)
	signal.Notify(own, which...)
	return own, func() { signal.Stop(own) }
}

// twoSteps stops the daemon in two steps. The first signal, or the end of soft, lets the messages in hand finish and
// calls end; a second one, or the end of the grace, calls abort. It returns once idle is closed.
func (d *Daemon) twoSteps(soft context.Context, signals <-chan os.Signal, end, abort context.CancelFunc, idle <-chan struct{}) {
	if !d.untilStopped(soft, signals, idle) {
		return
	}
	end()
	d.log.Info("stopping: the message in hand is finished first", "grace", d.options.Grace)
	d.tell(sd.SdNotifyStopping)
	d.stopOnce.Do(func() { close(d.stop) })
	if d.options.Stopping != nil {
		d.options.Stopping()
	}
	timer := time.NewTimer(d.options.Grace)
	defer timer.Stop()
	for {
		select {
		case <-idle:
			return
		case s := <-signals:
			if s == syscall.SIGHUP {
				continue // too late for a reload
			}
		case <-timer.C:
		}
		d.log.Warn("stopping at once: what is under way is dropped and goes on at the next start")
		abort()
		<-idle
		return
	}
}

// untilStopped waits for the first reason to stop, and reloads meanwhile. It is false where everything was done first.
func (d *Daemon) untilStopped(soft context.Context, signals <-chan os.Signal, idle <-chan struct{}) bool {
	for {
		select {
		case <-idle:
			return false
		case <-soft.Done():
			return true
		case s := <-signals:
			if s != syscall.SIGHUP {
				return true
			}
			if d.schedule != nil {
				d.Do(soft, Request{Action: ActReload})
			}
		}
	}
}
