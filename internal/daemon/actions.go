package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"pricefetch/internal/config"
	"pricefetch/internal/mail"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
	"pricefetch/internal/schedule"
)

// Do carries out what an operator asks for, in this process. Its answer says what was done, or why not.
func (d *Daemon) Do(ctx context.Context, req Request) Answer {
	lines, err := d.do(ctx, req)
	a := Answer{Lines: lines}
	if err != nil {
		a.Error, a.Fault = err.Error(), IsFault(err)
		d.log.Warn("request refused", "action", string(req.Action), "error", err)
	}
	return a
}

func (d *Daemon) do(ctx context.Context, req Request) ([]string, error) {
	switch req.Action {
	case ActPoll:
		return d.pollNow(ctx, req.Mailboxes)
	case ActApprove:
		return d.approve(ctx, req)
	case ActApproveClock:
		return d.approveClock(ctx, req)
	case ActApproveImportDir:
		return d.approveImportDir(ctx)
	case ActRetry:
		return d.eachRecord(req.IDs, func(id mail.RecordID) (mail.Record, error) { return d.journal.Retry(ctx, id, d.now()) })
	case ActDismiss:
		return d.eachRecord(req.IDs, func(id mail.RecordID) (mail.Record, error) { return d.journal.Dismiss(ctx, id, d.now()) })
	case ActRescan:
		return d.rescan(ctx, req)
	case ActReload:
		return d.reload(ctx)
	default:
		return nil, fault("unknown request %q: the daemon is of another version than this command; restart it", req.Action)
	}
}

// faultError is an error of what was asked, not of the doing.
type faultError struct{ error }

func fault(format string, args ...any) error { return faultError{fmt.Errorf(format, args...)} }

// IsFault reports whether what was asked is wrong, rather than that it could not be done: exit status 2.
func IsFault(err error) bool {
	if _, ok := errors.AsType[faultError](err); ok {
		return true
	}
	_, ok := errors.AsType[config.Faults](err)
	return ok
}

// eachMailbox does one thing for each named mailbox; the others go on where one fails.
func (d *Daemon) eachMailbox(names []string, f func(string) ([]string, error)) ([]string, error) {
	var lines []string
	var errs []error
	for _, name := range names {
		if _, ok := find(d.current(), name); !ok {
			errs = append(errs, fault("mailbox %s: not in the configuration", name))
			continue
		}
		out, err := f(name)
		for _, line := range out {
			lines = append(lines, name+": "+line)
			d.log.Info("operator: "+line, "mailbox", name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("mailbox %s: %w", name, err))
		}
	}
	return lines, errors.Join(errs...)
}

// approve releases the plans of deletion that wait.
func (d *Daemon) approve(ctx context.Context, req Request) ([]string, error) {
	lines, err := d.eachMailbox(req.Mailboxes, func(name string) ([]string, error) {
		released, err := d.journal.Approve(ctx, name, d.now())
		var lines []string
		for _, a := range released {
			line := fmt.Sprintf("%d messages may be deleted now", a.Count)
			if a.Folder != "" {
				line += " from folder " + a.Folder
			}
			lines = append(lines, line)
		}
		return lines, err
	})
	d.kick(req.Mailboxes)
	return lines, err
}

// approveClock lets deletion by age go on.
func (d *Daemon) approveClock(ctx context.Context, req Request) ([]string, error) {
	return d.eachMailbox(req.Mailboxes, func(name string) ([]string, error) {
		why, err := d.journal.ApproveClock(ctx, name, d.now())
		if err != nil {
			return nil, err
		}
		return []string{"deletion by age goes on; it was suspended because " + why}, nil
	})
}

// eachRecord does one thing for each record.
func (d *Daemon) eachRecord(ids []mail.RecordID, f func(mail.RecordID) (mail.Record, error)) ([]string, error) {
	var lines []string
	var errs []error
	var mailboxes []string
	for _, id := range ids {
		rec, err := f(id)
		if err != nil {
			errs = append(errs, fmt.Errorf("message %d: %w", id, err))
			continue
		}
		lines = append(lines, fmt.Sprintf("message %d is %s now", id, rec.Outcome))
		mailboxes = append(mailboxes, rec.Mailbox)
		d.log.Info("operator changed a message", "mailbox", rec.Mailbox, "message", id, "outcome", string(rec.Outcome))
	}
	d.kick(mailboxes)
	return lines, errors.Join(errs...)
}

// kick lets the scheduler poll at once, where there is one.
func (d *Daemon) kick(mailboxes []string) {
	if d.schedule == nil {
		return
	}
	slices.Sort(mailboxes)
	for _, name := range slices.Compact(mailboxes) {
		d.schedule.Kick(name)
	}
}

// rescan judges older mail again by today's rules.
func (d *Daemon) rescan(ctx context.Context, req Request) ([]string, error) {
	want, err := d.wantedBy(req.Rule)
	if err != nil {
		return nil, err
	}
	lines, err := d.eachMailbox(req.Mailboxes, func(name string) ([]string, error) {
		n, err := d.journal.Rescan(ctx, name, req.Since, want, d.now())
		return []string{fmt.Sprintf("%d messages received since %s are judged again", n, req.Since.Format("2006-01-02"))}, err
	})
	d.kick(req.Mailboxes)
	return lines, err
}

// wantedBy tells whether one rule wants a message's sender; nil, for no rule, wants every message.
func (d *Daemon) wantedBy(rule string) (func(mail.Record) bool, error) {
	if rule == "" {
		return nil, nil
	}
	all := d.current().Rules
	i := slices.IndexFunc(all, func(r config.Rule) bool { return r.Name == rule })
	if i < 0 {
		return nil, fault("rule %s: not in the configuration", rule)
	}
	rules, err := match.Compile(translateRules(all[i : i+1]))
	if err != nil {
		return nil, err
	}
	return func(rec mail.Record) bool { return len(rules.For(rec.Mailbox).Sender(rec.Envelope).Rules) > 0 }, nil
}

// approveImportDir accepts the import directory of the configuration as the journal's own.
func (d *Daemon) approveImportDir(ctx context.Context) ([]string, error) {
	d.mu.Lock()
	dir, path := d.importd, d.config.ImportDir
	d.mu.Unlock()
	if err := dir.Known(); err == nil {
		return []string{path + " is the directory that the journal knows: nothing to approve"}, nil
	}
	if _, err := d.establish(ctx, dir); err != nil {
		return nil, err
	}
	if err := d.use(ctx, d.current()); err != nil {
		return nil, err
	}
	d.log.Info("operator approved the import directory", "import_dir", path)
	return []string{path + " is accepted; messages whose staged files were lost with the old one are fetched again"}, nil
}

// pollNow makes a pass over each mailbox now, whatever the back-off, and waits for it.
func (d *Daemon) pollNow(ctx context.Context, names []string) ([]string, error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	lines := make([]string, len(names))
	var errs []error
	for i, name := range names {
		wg.Go(func() {
			report, err := d.pollOne(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("mailbox %s: %w", name, err))
				return
			}
			lines[i] = fmt.Sprintf("%s: %d messages, %d files saved, %d deleted", name, report.Listed, len(report.Files), report.Deleted)
		})
	}
	wg.Wait()
	return slices.DeleteFunc(lines, func(s string) bool { return s == "" }), errors.Join(errs...)
}

// pollOne asks the scheduler where there is one, so that its limits hold.
func (d *Daemon) pollOne(ctx context.Context, name string) (poll.Report, error) {
	m, ok := find(d.current(), name)
	if !ok {
		return poll.Report{}, fault("not in the configuration")
	}
	if !m.Enabled {
		return poll.Report{}, fault("it has enabled: false")
	}
	d.mu.Lock()
	delete(d.planned, name)
	d.mu.Unlock()
	if d.schedule == nil {
		return d.poll(ctx, name)
	}
	done, err := d.schedule.Poll(name)
	if err != nil {
		return poll.Report{}, err
	}
	select {
	case result, ok := <-done:
		if !ok {
			return poll.Report{}, schedule.ErrStopped
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.reports[name], result.Err
	case <-ctx.Done():
		return poll.Report{}, ctx.Err()
	}
}
