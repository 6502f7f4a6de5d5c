package daemon

import (
	"context"
	"fmt"
	"io"
	"os/user"
	"strconv"

	"pricefetch/internal/config"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailbox"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
	"pricefetch/internal/retain"
)

// translateRules gives match what it needs of the configured rules.
func translateRules(rules []config.Rule) []match.Rule {
	out := make([]match.Rule, len(rules))
	for i, r := range rules {
		out[i] = match.Rule{
			Name: r.Name, Mailboxes: r.Mailboxes, From: r.From, Subject: r.Subject, Files: r.Files, Exclude: r.Exclude,
			Unpack: r.Unpack, Members: r.Members, Disabled: !r.Enabled,
		}
	}
	return out
}

// Rules compiles the configured rules, for the commands that explain without a daemon.
func Rules(c *config.Config) (*match.Rules, error) { return match.Compile(translateRules(c.Rules)) }

// Checks are the tests of masks that a configuration is loaded with.
func Checks() config.Checks {
	return config.Checks{Sender: match.CheckSender, Glob: match.CheckGlob}
}

// Retention gives retain what it needs of a mailbox's options.
func Retention(m config.Mailbox) retain.Policy {
	r := m.Retention
	way := r.IMAPDelete
	if r.IMAPDeleteFolder != "" {
		way = r.IMAPDeleteFolder
	}
	return retain.Policy{
		LeaveCopy: r.LeaveCopy, DeleteUnmatched: r.DeleteUnmatched, AfterDays: r.DeleteAfterDays,
		SavedOnly: r.DeleteScope == config.ScopeSaved, BrakeOff: r.BrakeOff, BrakePercent: r.BrakePercent, Way: way,
	}
}

// Account is what a mailbox's ids belong to.
func Account(m config.Mailbox) mail.Account {
	return mail.Account{Protocol: m.Protocol, Host: m.Host, User: m.Username}
}

// SessionOptions gives mailbox what it needs to reach a server.
func SessionOptions(c *config.Config, m config.Mailbox, readOnly bool) mailbox.Options {
	return mailbox.Options{
		Protocol: m.Protocol, Host: m.Host, Port: m.Port, TLS: m.TLS, CAFile: m.CAFile, Fingerprint: m.Fingerprint,
		Insecure: m.Insecure, Username: m.Username, Password: m.Secret.Read, Folders: m.Folders,
		Delete: m.Retention.IMAPDelete, DeleteFolder: m.Retention.IMAPDeleteFolder, ReadOnly: readOnly,
		Timeout: c.Limits.Timeout, MaxListed: c.Limits.Messages, MaxMessage: 2*c.Limits.MessageSize + 1<<20,
	}
}

// Planner is a pass that can only plan, for a journal that may be another process's.
func Planner(c *config.Config, rules *match.Rules, m config.Mailbox, o Options) *poll.Pass {
	p := newPass(c, rules, m, o)
	p.Open = opener(m, SessionOptions(c, m, true), o)
	return p
}

// newPass translates one mailbox of the configuration; the caller adds the rooms.
func newPass(c *config.Config, rules *match.Rules, m config.Mailbox, o Options) *poll.Pass {
	return &poll.Pass{
		Mailbox: m.Name, Account: Account(m), Rules: rules.For(m.Name), Rescan: m.Rescan,
		FirstRun:    mail.FirstRun{All: m.FirstRun.All, None: m.FirstRun.None, Newest: m.FirstRun.Newest, Age: m.FirstRun.Age, Since: m.FirstRun.Since},
		MessageSize: c.Limits.MessageSize, Retention: Retention(m), Interval: m.Poll, Insecure: m.Insecure, Built: o.Built,
		Archives: newArchives(c.Rules), Scratch: newScratch, Destination: destinations(c.Rules), Now: o.Now, Log: o.Log.With("mailbox", m.Name),
	}
}

// destinations tells where a rule's files go.
func destinations(rules []config.Rule) func(string) poll.Destination {
	to := make(map[string]poll.Destination, len(rules))
	for _, r := range rules {
		to[r.Name] = poll.Destination{Dir: r.SaveTo, Replace: r.OnConflict == config.ConflictReplace, Newest: r.Take == config.TakeNewest}
	}
	return func(rule string) poll.Destination { return to[rule] }
}

// opener dials one mailbox.
func opener(m config.Mailbox, so mailbox.Options, o Options) func(context.Context) (poll.Session, error) {
	if o.Trace {
		log := o.Log.With("mailbox", m.Name)
		so.Trace = func(direction, line string) { log.Debug("wire", "direction", direction, "line", line) }
	}
	if o.Timeout > 0 {
		so.Timeout = o.Timeout
	}
	return func(ctx context.Context) (poll.Session, error) { return mailbox.Open(ctx, so) }
}

// pass builds the pass of one mailbox from the running configuration.
func (d *Daemon) pass(ctx context.Context, name string) (*poll.Pass, config.Mailbox, error) {
	finder, err := d.finder(ctx)
	if err != nil {
		return nil, config.Mailbox{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m, ok := find(d.config, name)
	if !ok {
		return nil, m, fault("mailbox %s: not in the configuration", name)
	}
	p := newPass(d.config, d.rules, m, d.options)
	so := SessionOptions(d.config, m, m.DryRun)
	so.Password, so.Hidden, so.SpoolDir = d.password(m), &d.hidden, d.config.StateDir
	p.Open = opener(m, so, d.options)
	p.Journal, p.Import, p.Held, p.Finder = d.journal, d.importd, d.held, finder
	p.OpenKept = func(rec mail.Record) poll.Fetcher {
		kept := mailbox.Kept(rec.Ref, func() (io.ReadCloser, error) { return d.held.Open(rec.Kept) })
		kept.SpoolDir = so.SpoolDir
		return kept
	}
	p.Stop, p.Progress = d.stop, d.progress
	return p, m, nil
}

// find returns the configured mailbox of that name.
func find(c *config.Config, name string) (config.Mailbox, bool) {
	for _, m := range c.Mailboxes {
		if m.Name == name {
			return m, true
		}
	}
	return config.Mailbox{}, false
}

// groupID resolves the configured group; -1 leaves files in the process's own.
func groupID(group string) (int, error) {
	if group == "" {
		return -1, nil
	}
	if n, err := strconv.Atoi(group); err == nil {
		return n, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("find group %q: %w", group, err)
	}
	return strconv.Atoi(g.Gid)
}
