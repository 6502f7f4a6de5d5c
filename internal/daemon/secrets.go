package daemon

import (
	"context"
	"crypto/sha256"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/mail"
)

// secretEvery is how often a refused secret is looked at again: an admin who mends it should not wait for the back-off.
const secretEvery = 15 * time.Second

// noteSecret remembers which secret a server refused, and forgets it after a login.
func (d *Daemon) noteSecret(m config.Mailbox, err error) {
	refused := err != nil && mail.ClassOf(err) == mail.Auth && m.Secret.Watchable()
	var sum [32]byte
	if refused {
		sum = secretSum(d.hard, m)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if refused {
		d.refused[m.Name] = sum
	} else {
		delete(d.refused, m.Name)
	}
}

// secretSum stands for the present secret; a missing one has a sum too, so that its appearance is a change.
func secretSum(ctx context.Context, m config.Mailbox) [32]byte {
	secret, err := m.Secret.Read(ctx)
	if err != nil {
		return [32]byte{}
	}
	return sha256.Sum256([]byte(secret))
}

// watchSecrets polls a mailbox at once when the secret that was refused has changed.
func (d *Daemon) watchSecrets(ctx context.Context) {
	tick := time.NewTicker(secretEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			d.kickChanged(ctx)
		}
	}
}

// kickChanged starts the mailboxes whose refused secret is another one now.
func (d *Daemon) kickChanged(ctx context.Context) {
	d.mu.Lock()
	refused := make(map[string][32]byte, len(d.refused))
	for name, sum := range d.refused {
		refused[name] = sum
	}
	d.mu.Unlock()
	for _, m := range d.enabled() {
		sum, ok := refused[m.Name]
		if !ok || secretSum(ctx, m) == sum {
			continue
		}
		d.log.Info("the secret changed; trying at once", "mailbox", m.Name)
		d.schedule.Kick(m.Name)
	}
}
