package daemon

import (
	"context"
	"crypto/sha256"
	"maps"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/mail"
)

// secretEvery is how often a refused secret is looked at again: an admin who mends it should not wait for the back-off.
const secretEvery = 15 * time.Second

// password reads a mailbox's secret for a login and remembers which one it was.
func (d *Daemon) password(m config.Mailbox) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		secret, err := m.Secret.Read(ctx)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.used[m.Name] = sumOf(secret, err)
		return secret, err
	}
}

// sumOf stands for a secret; a missing one has a sum too, so that its appearance is a change.
func sumOf(secret string, err error) [32]byte {
	if err != nil {
		return [32]byte{}
	}
	return sha256.Sum256([]byte(secret))
}

// noteSecret remembers which secret a server refused, and forgets it after a login.
func (d *Daemon) noteSecret(m config.Mailbox, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && mail.ClassOf(err) == mail.Auth && m.Secret.Watchable() {
		d.refused[m.Name] = d.used[m.Name]
	} else {
		delete(d.refused, m.Name)
	}
}

// watchSecrets polls a mailbox at once when the secret that was refused has changed.
func (d *Daemon) watchSecrets(ctx context.Context) {
	tick := d.options.Tick
	if tick == nil {
		ticker := time.NewTicker(secretEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			d.kickChanged(ctx)
		}
	}
}

// kickChanged starts the mailboxes whose refused secret is another one now.
func (d *Daemon) kickChanged(ctx context.Context) {
	d.mu.Lock()
	refused := maps.Clone(d.refused)
	d.mu.Unlock()
	for _, m := range d.enabled() {
		sum, ok := refused[m.Name]
		if !ok || !m.Secret.Watchable() || sumOf(m.Secret.Read(ctx)) == sum {
			continue
		}
		d.mu.Lock()
		delete(d.refused, m.Name) // one try for each change
		d.mu.Unlock()
		d.log.Info("the secret changed; trying at once", "mailbox", m.Name)
		d.schedule.Kick(m.Name)
	}
}
