package poll

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pricefetch/internal/mail"
)

// namingTries bounds how often a name is chosen anew because somebody else took it in between.
const namingTries = 100

// finish publishes what a crash, or a full disk, left named in the journal and not recorded as saved.
func (r *run) finish(ctx context.Context) error {
	intents, err := r.Journal.Intents(ctx, r.Mailbox)
	if err != nil {
		return err
	}
	for _, in := range intents {
		if err := r.complete(ctx, in.Record.ID, in.Files, in.Judgement); err != nil {
			return err
		}
		r.Log.Info("finished what an earlier pass had begun", "message", in.Record.ID, "files", len(in.Files))
	}
	return nil
}

// publish names a message's staged files in the journal, moves them into the import directory, and records them as
// saved. From here on everything is done from the journal, whatever happens to this process.
func (r *run) publish(ctx context.Context, it *item, j mail.Judgement) error {
	if len(it.staged) == 0 {
		return r.Journal.Saved(ctx, it.rec.ID, nil, j, r.Now())
	}
	files, err := r.intend(ctx, it, j)
	if err != nil {
		return err
	}
	it.staged = nil // they belong to the journal now
	return r.complete(ctx, it.rec.ID, files, j)
}

// intend chooses the final names and journals them. A name that another message has reserved is given up for the next.
func (r *run) intend(ctx context.Context, it *item, j mail.Judgement) ([]mail.File, error) {
	taken := names{}
	for range namingTries {
		files := slices.Clone(it.staged)
		mine := names{}
		for i := range files {
			f := &files[i]
			name, err := r.Import.Free(f.Dir, f.Original, f.Replace, func(name string) bool {
				return mine.has(f.Dir, name) || !f.Replace && taken.has(f.Dir, name)
			})
			if err != nil {
				return nil, err
			}
			f.Name = name
			mine.add(f.Dir, name)
		}
		out, err := r.Journal.Intend(ctx, it.rec.ID, files, j, r.Now())
		if !errors.Is(err, mail.ErrNameTaken) {
			return out, err
		}
		for dir := range mine {
			for name := range mine[dir] {
				taken.add(dir, name)
			}
		}
	}
	return nil, mail.Errorf(mail.Temporary, "choose names for message %d: %w", it.rec.ID, mail.ErrNameTaken)
}

// names is a set of names by directory.
type names map[string]map[string]bool

func (n names) has(dir, name string) bool { return n[dir][name] }

func (n names) add(dir, name string) {
	if n[dir] == nil {
		n[dir] = map[string]bool{}
	}
	n[dir][name] = true
}

// complete moves the files of one intent and ends it. It is the same for a new message and in recovery.
func (r *run) complete(ctx context.Context, id mail.RecordID, files []mail.File, j mail.Judgement) error {
	lost := ""
	for i := range files {
		err := r.move(ctx, &files[i])
		if errors.Is(err, mail.ErrStagedLost) {
			lost = err.Error() // the others may be sound
			continue
		}
		if err != nil {
			return err
		}
	}
	if lost != "" {
		r.Log.Error("staged files are lost; the message is fetched again", "message", id, "reason", lost)
		return r.abandon(ctx, id, files, lost)
	}
	if err := r.Journal.Saved(ctx, id, files, j, r.Now()); err != nil {
		return err
	}
	for _, f := range files {
		r.report.add(f)
		r.logFile(id, f)
	}
	return nil
}

// abandon gives up an intent that can never be carried out whole. What is out of it stays out, and is not repeated.
func (r *run) abandon(ctx context.Context, id mail.RecordID, files []mail.File, why string) error {
	for _, f := range files {
		if f.State == mail.FileIntended {
			if err := r.Import.Discard(f.Staged.Name); err != nil {
				return err
			}
		}
		r.report.add(f)
	}
	return r.Journal.Abandon(ctx, id, files, why, r.Now())
}

// move publishes one file under its journalled name, or takes note that it needs no publishing.
func (r *run) move(ctx context.Context, f *mail.File) error {
	if f.State != mail.FileIntended {
		return r.Import.Discard(f.Staged.Name)
	}
	refused := names{}
	for range namingTries {
		done, err := r.Import.Publish(ctx, *f, func() (bool, error) { return r.superseded(ctx, f) })
		if err != nil {
			return fmt.Errorf("publish %s/%s: %w", f.Dir, f.Name, err)
		}
		switch done {
		case mail.PublishedNow, mail.PublishedBefore:
			f.State, f.Published = mail.FilePublished, r.Now()
			return nil
		case mail.PublishSuperseded:
			f.State = mail.FileSuperseded
			return r.Import.Discard(f.Staged.Name)
		}
		refused.add(f.Dir, f.Name)
		if err := r.rename(ctx, f, refused); err != nil {
			return err
		}
	}
	return mail.Errorf(mail.Storage, "publish %s/%s: %w", f.Dir, f.Original, mail.ErrNameTaken)
}

// rename gives a file whose name was taken in the meantime a new free one: in the journal first.
func (r *run) rename(ctx context.Context, f *mail.File, refused names) error {
	for range namingTries {
		name, err := r.Import.Free(f.Dir, f.Original, f.Replace, func(name string) bool { return refused.has(f.Dir, name) })
		if err != nil {
			return err
		}
		err = r.Journal.Rename(ctx, f.ID, name)
		if err == nil {
			f.Name = name
			return nil
		}
		if !errors.Is(err, mail.ErrNameTaken) {
			return err
		}
		refused.add(f.Dir, name)
	}
	return mail.Errorf(mail.Temporary, "choose a name for %s: %w", f.Original, mail.ErrNameTaken)
}

// superseded reports whether a newer file is out under the name that f would replace.
func (r *run) superseded(ctx context.Context, f *mail.File) (bool, error) {
	if !f.Replace {
		return false, nil
	}
	newest, err := r.Journal.Newest(ctx, f.Dir, f.Name)
	return newest.After(f.Received), err
}

// Recover publishes what is named in the journal and not recorded as saved, without a session: at the daemon's start,
// also for mailboxes that the configuration no longer has.
func (p *Pass) Recover(ctx context.Context) (Report, error) {
	r := p.begin()
	err := r.finish(ctx)
	return r.report, err
}
