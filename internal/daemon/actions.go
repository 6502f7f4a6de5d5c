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
		if req.Action != ActPoll && req.Action != ActReload { // those have told it in their own words
			d.log.Warn("operator's request was not, or not wholly, carried out", "action", string(req.Action), "error", err)
		}
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
		return d.retry(ctx, req.IDs)
	case ActDismiss:
		return d.dismiss(ctx, req.IDs)
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
			where := ""
			if a.Folder != "" {
				where = " from folder " + a.Folder
			}
			if a.Count > 0 {
				lines = append(lines, messages(a.Count)+" may be deleted now"+where)
			}
			if a.Again > 0 {
				lines = append(lines, "the server is told again to delete "+messages(a.Again)+where)
			}
		}
		if err == nil && len(lines) == 0 {
			lines = []string{"it no longer counts as not honouring deletion"}
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

// retry lets the next pass take held or failed messages again, and makes that pass at once where a scheduler runs.
func (d *Daemon) retry(ctx context.Context, ids []mail.RecordID) ([]string, error) {
	var mailboxes []string
	lines, err := d.eachRecord(ids, func(id mail.RecordID) (string, mail.Record, error) {
		rec, err := d.journal.Retry(ctx, id, d.now())
		mailboxes = append(mailboxes, rec.Mailbox)
		return "the next pass takes it again", rec, err
	})
	d.kick(mailboxes)
	return lines, err
}

// dismiss notes that a person does not want messages; what was kept of them is not needed any more.
func (d *Daemon) dismiss(ctx context.Context, ids []mail.RecordID) ([]string, error) {
	defer d.tidy()
	return d.eachRecord(ids, func(id mail.RecordID) (string, mail.Record, error) {
		rec, err := d.journal.Dismiss(ctx, id, d.now())
		if rec.Outcome == mail.Saved {
			return "what was left over of it is not wanted", rec, err
		}
		return "it is left alone from now on and deleted by age only", rec, err
	})
}

// eachRecord does one thing for each record; the others go on where one fails.
func (d *Daemon) eachRecord(ids []mail.RecordID, f func(mail.RecordID) (string, mail.Record, error)) ([]string, error) {
	var lines []string
	var errs []error
	for _, id := range ids {
		what, rec, err := f(id)
		switch {
		case errors.Is(err, mail.ErrNoRecord):
			errs = append(errs, fmt.Errorf("message %d: there is none of that id; see: pricefetch messages", id))
		case err != nil:
			errs = append(errs, err)
		default:
			lines = append(lines, fmt.Sprintf("message %d (%s): %s", id, rec.Mailbox, what))
			d.log.Info("operator: "+what, "mailbox", rec.Mailbox, "message", id, "outcome", string(rec.Outcome))
		}
	}
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
		if err != nil {
			return nil, err
		}
		return []string{fmt.Sprintf("the next pass judges again %s received since %s", messages(n), req.Since.Local().Format("2006-01-02 15:04"))}, nil
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

// messages counts them in words.
func messages(n int) string { return count(n, "message", "messages") }

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// approveImportDir accepts the import directory of the configuration as the journal's own.
func (d *Daemon) approveImportDir(ctx context.Context) ([]string, error) {
	d.changing.Lock()
	defer d.changing.Unlock()
	d.mu.Lock()
	dir, path := d.importd, d.config.ImportDir
	d.mu.Unlock()
	if err := dir.Known(); err == nil {
		return []string{path + " is the directory that the journal knows: nothing to approve"}, nil
	}
	if err := dir.establish(ctx, true); err != nil {
		return nil, err
	}
	d.log.Info("operator approved the import directory", "import_dir", path)
	var all []string
	for _, m := range d.enabled() {
		all = append(all, m.Name)
	}
	d.kick(all)
	return []string{path + " is accepted; messages whose staged files were lost with the old one are fetched again"}, nil
}

// pollNow makes a pass over each mailbox now, whatever the back-off, and waits for it.
func (d *Daemon) pollNow(ctx context.Context, names []string) ([]string, error) {
	var wg sync.WaitGroup
	outcomes := make([]Outcome, len(names))
	for i, name := range names {
		wg.Go(func() { outcomes[i] = d.pollOne(ctx, name) })
	}
	wg.Wait()
	var lines []string
	var errs []error
	for i, o := range outcomes {
		switch {
		case o.Err != nil:
			errs = append(errs, fmt.Errorf("mailbox %s: %w", names[i], o.Err))
		case o.Report.Stopped:
			errs = append(errs, fmt.Errorf("mailbox %s: stopped before the pass came to its end", names[i]))
		default:
			lines = append(lines, names[i]+": "+o.words())
		}
	}
	return lines, errors.Join(errs...)
}

// words tell what came of a pass, in one line.
func (o Outcome) words() string {
	r := o.Report
	if o.DryRun {
		save, del := 0, 0
		if o.Plan != nil {
			for _, f := range o.Plan.Folders {
				save, del = save+len(f.Save), del+len(f.Delete)
			}
		}
		return fmt.Sprintf("dry run: %s listed, would save %s and delete %d; see: pricefetch plan %s", messages(r.Listed),
			count(save, "file", "files"), del, r.Mailbox)
	}
	text := fmt.Sprintf("%s listed, %s saved, %d deleted", messages(r.Listed), count(len(r.Files), "file", "files"), r.Deleted)
	for _, more := range []struct {
		n         int
		one, many string
	}{{r.NearMiss, "near miss", "near misses"}, {r.Failed, "failed", "failed"}, {r.Held, "held", "held"},
		{r.Waiting, "deletion waits for approval", "deletions wait for approval"}} {
		if more.n > 0 {
			text += ", " + count(more.n, more.one, more.many)
		}
	}
	return text
}

// pollOne asks the scheduler where there is one, so that its limits hold.
func (d *Daemon) pollOne(ctx context.Context, name string) Outcome {
	m, ok := find(d.current(), name)
	if !ok {
		return Outcome{Err: fault("not in the configuration")}
	}
	if !m.Enabled {
		return Outcome{Err: fault("it has enabled: false")}
	}
	d.mu.Lock()
	delete(d.planned, name)
	d.mu.Unlock()
	if d.schedule == nil {
		return d.limited(m)
	}
	done, err := d.schedule.Poll(name)
	if errors.Is(err, schedule.ErrStopped) {
		return Outcome{Report: poll.Report{Stopped: true}}
	}
	if err != nil {
		return Outcome{Err: err}
	}
	select {
	case result := <-done:
		if errors.Is(result.Err, schedule.ErrStopped) {
			break
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		out := d.last[name]
		out.Err = result.Err
		return out
	case <-ctx.Done():
	}
	return Outcome{Report: poll.Report{Stopped: true}}
}
