package daemon

import (
	"context"
	"errors"

	"pricefetch/internal/config"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

// carryRules gives renamed rules what went out under their former names. A pass that began before a reload may still
// add to those: the next start carries that over too.
func (d *Daemon) carryRules(ctx context.Context, c *config.Config) error {
	for _, r := range c.Rules {
		if r.Formerly == "" {
			continue
		}
		n, err := d.journal.CarryRule(ctx, r.Formerly, r.Name)
		if err != nil {
			return err
		}
		if n > 0 {
			d.log.Info("carried over what went out under the rule's former name", "rule", r.Name, "formerly", r.Formerly, "files", n)
		}
	}
	return nil
}

// carryMailbox gives a renamed mailbox what is on record under its former name. No pass over either may be running.
func (d *Daemon) carryMailbox(ctx context.Context, m config.Mailbox) error {
	if m.Formerly == "" {
		return nil
	}
	carried, err := d.journal.CarryMailbox(ctx, m.Formerly, m.Name)
	switch {
	case errors.Is(err, journal.ErrKnown):
		d.log.Warn("records of the former name are not carried over: mail is on record under both names; remove the key formerly",
			"mailbox", m.Name, "formerly", m.Formerly)
		return nil
	case err != nil:
		return err
	case carried:
		d.log.Info("carried over what is on record under the mailbox's former name", "mailbox", m.Name, "formerly", m.Formerly)
	}
	return nil
}

// inherit is carryMailbox before a pass: after a reload one over the former name may still be under way.
func (d *Daemon) inherit(ctx context.Context, m config.Mailbox) error {
	d.mu.Lock()
	former := d.busy[m.Formerly]
	d.mu.Unlock()
	if former == nil {
		return nil // nobody polled it in this process: done at the start
	}
	if !former.TryLock() { // not waited for: two mailboxes that swap names would wait for each other
		return mail.Errorf(mail.Temporary, "carry over records of mailbox %s: a pass over it is still under way", m.Formerly)
	}
	defer former.Unlock()
	return d.carryMailbox(ctx, m)
}

// PlanKnown makes a plan from what is on record, of a renamed mailbox also where that is still its former name.
func PlanKnown(ctx context.Context, p *poll.Pass, m config.Mailbox, known poll.Known) (poll.Plan, error) {
	if m.Formerly != "" {
		now, err := known.Mailbox(ctx, m.Name)
		if err != nil {
			return poll.Plan{Mailbox: m.Name}, err
		}
		if now.LastStarted.IsZero() {
			p.Mailbox = m.Formerly
		}
	}
	plan, err := p.Plan(ctx, known)
	plan.Mailbox = m.Name
	return plan, err
}
