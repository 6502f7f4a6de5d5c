package poll

import (
	"context"
	"errors"
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
		_, err := r.complete(ctx, in.Record.ID, in.Files, in.Judgement)
		if isObstacle(err) {
			r.stuck(in.Record.ID, err)
			continue
		}
		if err != nil {
			return err
		}
		r.Log.Info("finished what an earlier pass had begun", "message", in.Record.ID, "files", len(in.Files))
	}
	return nil
}

// publish names a message's staged files in the journal, moves them into the import directory, and records them as
// saved. From here on everything is done from the journal, whatever happens to this process. It returns the outcome.
func (r *run) publish(ctx context.Context, it *item, j mail.Judgement) (mail.Outcome, error) {
	if len(it.staged) == 0 {
		return r.complete(ctx, it.rec.ID, nil, j)
	}
	files, err := r.intend(ctx, it, j)
	if err != nil {
		return "", err
	}
	r.warnTwice(it.rec, files)
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
			err := r.name(ctx, it.rec, f, func(name string) bool {
				return mine.has(f.Dir, name) || !f.Replace && taken.has(f.Dir, name)
			})
			if err != nil {
				return nil, r.obstacle(ctx, err)
			}
			mine.add(f.Dir, f.Name)
		}
		out, err := r.Journal.Intend(ctx, it.rec.ID, files, j, r.Now())
		if !errors.Is(err, mail.ErrNameTaken) {
			// They belong to the journal now. After an error nobody knows whether it has them: they stay for the next
			// pass, which finds the intent, or for the sweep at the next start.
			it.staged = nil
			return out, err
		}
		if !slices.ContainsFunc(files, func(f mail.File) bool { return !f.Replace }) {
			return nil, err // there is no other name to choose
		}
		for dir := range mine {
			for name := range mine[dir] {
				taken.add(dir, name)
			}
		}
	}
	return nil, mail.Errorf(mail.Temporary, "choose names for message %d: %w", it.rec.ID, mail.ErrNameTaken)
}

// name gives a file its final name: that of the same file where a lost journal has published it, else a free one.
func (r *run) name(ctx context.Context, rec mail.Record, f *mail.File, taken func(name string) bool) (err error) {
	if r.Finder != nil && r.Finder.May(rec) {
		if f.Name, f.Found, err = r.Finder.Find(ctx, rec, *f, taken); err != nil || f.Name != "" {
			return err
		}
	}
	f.Name, err = r.Import.Free(f.Dir, f.Original, f.Replace, taken)
	return err
}

// warnTwice names the files that a lost journal may have saved and the importer taken: nobody can tell.
func (r *run) warnTwice(rec mail.Record, files []mail.File) {
	if r.Finder == nil || !r.Finder.May(rec) {
		return
	}
	for _, f := range files {
		if f.State == mail.FileIntended {
			r.Log.Warn("the journal that was lost may have saved this file; if it did, it is imported a second time now",
				"message", rec.ID, "rule", f.Rule, "file", f.Original, "received", rec.Received)
		}
	}
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

// complete moves the files of one intent and ends it, and returns the outcome. It is the same for a new message and in
// recovery. An obstacle to one file leaves the intent as it is, with whatever is out of it already.
func (r *run) complete(ctx context.Context, id mail.RecordID, files []mail.File, j mail.Judgement) (mail.Outcome, error) {
	lost := ""
	var stuck error
	for i := range files {
		err := r.move(ctx, &files[i])
		switch {
		case errors.Is(err, mail.ErrStagedLost):
			lost = err.Error() // the others may be sound
		case isObstacle(err):
			stuck = errors.Join(stuck, err)
		case err != nil:
			return "", err
		}
	}
	if stuck != nil {
		return "", stuck
	}
	if lost != "" {
		r.Log.Error("staged files are lost; the message is fetched again", "message", id, "reason", lost)
		return mail.Pending, r.abandon(ctx, id, files, lost)
	}
	j, err := r.overtaken(ctx, id, files, j)
	if err != nil {
		return "", err
	}
	if err := r.Journal.Saved(ctx, id, files, j, r.Now()); err != nil {
		return "", err
	}
	for _, f := range files {
		r.report.add(f)
		r.logFile(id, f)
	}
	r.tidy(files)
	return j.Outcome, nil
}

// overtaken turns the judgement of a message of which not everything wanted is saved, because a newer list of that
// name is out, into superseded: nothing but its age may delete it then.
func (r *run) overtaken(ctx context.Context, id mail.RecordID, files []mail.File, j mail.Judgement) (mail.Judgement, error) {
	if j.Outcome != mail.Saved || j.Leftover {
		return j, nil
	}
	receipts, err := r.Journal.Receipts(ctx, id)
	if err != nil {
		return j, err
	}
	// The receipts of this very intent still say intended.
	for _, f := range slices.Concat(receipts, files) {
		if f.State == mail.FileSuperseded {
			j.Outcome, j.Reason = mail.Superseded, supersededBy(f)
		}
	}
	return j, nil
}

// supersededBy says what a superseded file had to give way to.
func supersededBy(f mail.File) string {
	if f.Newest {
		return "something newer of rule " + f.Rule + " is out"
	}
	return "a newer " + f.Name + " is out"
}

// abandon gives up an intent that can never be carried out whole. What is out of it stays out, and is not repeated. The
// journal comes first: of an intent that still stands, a staged file that is gone counts as published.
func (r *run) abandon(ctx context.Context, id mail.RecordID, files []mail.File, why string) error {
	if err := r.Journal.Abandon(ctx, id, files, why, r.Now()); err != nil {
		return err
	}
	for _, f := range files {
		r.report.add(f)
	}
	r.tidy(files)
	return nil
}

// tidy removes what was staged and not published, once the journal has ended its intent. What it cannot remove is
// swept at the next start.
func (r *run) tidy(files []mail.File) {
	for _, f := range files {
		if f.State == mail.FilePublished && f.Found.IsZero() {
			continue
		}
		if err := r.Import.Discard(f.Staged.Name); err != nil {
			r.Log.Warn("staged file cannot be removed", "file", f.Staged.Name, "error", err)
		}
	}
}

// move publishes one file under its journalled name, or takes note that it needs no publishing.
func (r *run) move(ctx context.Context, f *mail.File) error {
	if f.State != mail.FileIntended {
		return nil
	}
	refused := names{}
	for range namingTries {
		done, err := r.Import.Publish(ctx, *f, func() (bool, error) { return r.superseded(ctx, f) })
		if err != nil {
			return r.obstacle(ctx, err)
		}
		switch done {
		case mail.PublishedNow, mail.PublishedBefore:
			f.State, f.Published = mail.FilePublished, r.Now()
			return nil
		case mail.PublishSuperseded:
			f.State = mail.FileSuperseded
			return nil
		}
		refused.add(f.Dir, f.Name)
		if err := r.rename(ctx, f, refused); err != nil {
			return err
		}
	}
	return obstacle{mail.Errorf(mail.Storage, "publish %s/%s: %w", f.Dir, f.Original, mail.ErrNameTaken)}
}

// rename gives a file whose name was taken in the meantime a new free one: in the journal first.
func (r *run) rename(ctx context.Context, f *mail.File, refused names) error {
	for range namingTries {
		name, err := r.Import.Free(f.Dir, f.Original, f.Replace, func(name string) bool { return refused.has(f.Dir, name) })
		if err != nil {
			return r.obstacle(ctx, err)
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
	return obstacle{mail.Errorf(mail.Temporary, "choose a name for %s: %w", f.Original, mail.ErrNameTaken)}
}

// superseded reports whether a newer file is out under the name that f would replace, or of its rule where only the
// newest counts.
func (r *run) superseded(ctx context.Context, f *mail.File) (bool, error) {
	if f.Newest {
		latest, err := r.Journal.Latest(ctx, f.Rule)
		if err != nil || latest.After(f.Received) {
			return true, err
		}
	}
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
