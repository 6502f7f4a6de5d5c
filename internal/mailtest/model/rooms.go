package model

import (
	"context"
	"io"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/save"
	"pricefetch/internal/save/held"
)

// diary is the journal of one process: each call may fail, or be the last thing that the process does.
type diary struct {
	*journal.Journal
	w *World
	l *life
}

// ask does a call that returns something.
func ask[T any](d diary, name string, do func() (T, error)) (out T, err error) {
	var got T
	err = d.w.around(d.l, "journal "+name, func() (err error) {
		got, err = do()
		return err
	})
	if err == nil {
		out = got
	}
	return out, err
}

func (d diary) tell(name string, do func() error) error { return d.w.around(d.l, "journal "+name, do) }

func (d diary) Intents(ctx context.Context, m string) ([]mail.Intent, error) {
	return ask(d, "Intents", func() ([]mail.Intent, error) { return d.Journal.Intents(ctx, m) })
}

func (d diary) Lost(ctx context.Context, m, why string, now time.Time) ([]mail.Record, error) {
	return ask(d, "Lost", func() ([]mail.Record, error) { return d.Journal.Lost(ctx, m, why, now) })
}

func (d diary) Started(ctx context.Context, m string, a mail.Account, now time.Time) (mail.MailboxState, error) {
	return ask(d, "Started", func() (mail.MailboxState, error) {
		s, err := d.Journal.Started(ctx, m, a, now)
		if err == nil {
			d.w.box(m).law.started(now)
		}
		return s, err
	})
}

func (d diary) Update(ctx context.Context, m string, f func(*mail.MailboxState)) error {
	return d.tell("Update", func() error {
		var seen mail.MailboxState
		err := d.Journal.Update(ctx, m, func(s *mail.MailboxState) { f(s); seen = *s })
		if err == nil {
			d.w.box(m).law.updated(seen)
		}
		return err
	})
}

func (d diary) Cursors(ctx context.Context, m string) ([]mail.Cursor, error) {
	return ask(d, "Cursors", func() ([]mail.Cursor, error) { return d.Journal.Cursors(ctx, m) })
}

func (d diary) SortOut(ctx context.Context, m string, l mail.Listing, o mail.SortOptions) (mail.Worklist, error) {
	return ask(d, "SortOut", func() (mail.Worklist, error) {
		work, err := d.Journal.SortOut(ctx, m, l, o)
		if err == nil {
			d.w.box(m).law.sorted(l)
		}
		return work, err
	})
}

func (d diary) Inspected(ctx context.Context, in []mail.Inspection, now time.Time) ([]mail.Record, error) {
	return ask(d, "Inspected", func() ([]mail.Record, error) { return d.Journal.Inspected(ctx, in, now) })
}

func (d diary) EndFirstPoll(ctx context.Context, m, f string, first mail.FirstRun, now time.Time) (mail.FirstPoll, error) {
	return ask(d, "EndFirstPoll", func() (mail.FirstPoll, error) {
		n, err := d.Journal.EndFirstPoll(ctx, m, f, first, now)
		if err != nil {
			return n, err
		}
		state, err := d.Journal.Folder(ctx, m, f)
		if err == nil && state.FirstPollDone {
			d.w.box(m).law.firstPollEnded()
		}
		return n, err
	})
}

func (d diary) Work(ctx context.Context, m, f string, now time.Time) ([]mail.Record, error) {
	return ask(d, "Work", func() ([]mail.Record, error) { return d.Journal.Work(ctx, m, f, now) })
}

func (d diary) Judge(ctx context.Context, ids []mail.RecordID, j mail.Judgement, now time.Time) error {
	return d.tell("Judge", func() error { return d.Journal.Judge(ctx, ids, j, now) })
}

func (d diary) Fail(ctx context.Context, id mail.RecordID, why string, now time.Time) (mail.Record, error) {
	return ask(d, "Fail", func() (mail.Record, error) { return d.Journal.Fail(ctx, id, why, now) })
}

func (d diary) Hold(ctx context.Context, id mail.RecordID, why, kept string, now time.Time) error {
	return d.tell("Hold", func() error {
		err := d.Journal.Hold(ctx, id, why, kept, now)
		if err == nil && kept != "" {
			d.w.keeps(d.Journal, id)
		}
		return err
	})
}

func (d diary) Asking(ctx context.Context, m string, ids []mail.RecordID) error {
	return d.tell("Asking", func() error { return d.Journal.Asking(ctx, m, ids) })
}

func (d diary) InHand(ctx context.Context, id mail.RecordID) error {
	return d.tell("InHand", func() error { return d.Journal.InHand(ctx, id) })
}

func (d diary) Asked(ctx context.Context, m string) error {
	return d.tell("Asked", func() error { return d.Journal.Asked(ctx, m) })
}

func (d diary) Receipts(ctx context.Context, id mail.RecordID) ([]mail.File, error) {
	return ask(d, "Receipts", func() ([]mail.File, error) { return d.Journal.Receipts(ctx, id) })
}

func (d diary) Intend(ctx context.Context, id mail.RecordID, files []mail.File, j mail.Judgement, now time.Time) ([]mail.File, error) {
	return ask(d, "Intend", func() ([]mail.File, error) {
		out, err := d.Journal.Intend(ctx, id, files, j, now)
		if err == nil {
			d.w.promise(out, true)
			d.w.rival(out)
		}
		return out, err
	})
}

func (d diary) Rename(ctx context.Context, file int64, name string) error {
	return d.tell("Rename", func() error { return d.Journal.Rename(ctx, file, name) })
}

func (d diary) Latest(ctx context.Context, rule string) (time.Time, error) {
	return ask(d, "Latest", func() (time.Time, error) { return d.Journal.Latest(ctx, rule) })
}

func (d diary) Newest(ctx context.Context, dir, name string) (time.Time, error) {
	return ask(d, "Newest", func() (time.Time, error) { return d.Journal.Newest(ctx, dir, name) })
}

func (d diary) Saved(ctx context.Context, id mail.RecordID, files []mail.File, j mail.Judgement, now time.Time) error {
	return d.tell("Saved", func() error { return d.Journal.Saved(ctx, id, files, j, now) })
}

func (d diary) Abandon(ctx context.Context, id mail.RecordID, files []mail.File, why string, now time.Time) error {
	return d.tell("Abandon", func() error {
		err := d.Journal.Abandon(ctx, id, files, why, now)
		if err == nil {
			d.w.promise(files, false)
		}
		return err
	})
}

func (d diary) Listed(ctx context.Context, m, f string) ([]mail.Record, error) {
	return ask(d, "Listed", func() ([]mail.Record, error) {
		list, err := d.Journal.Listed(ctx, m, f)
		if err == nil {
			d.w.box(m).law.onRecord(list)
		}
		return list, err
	})
}

func (d diary) Folder(ctx context.Context, m, f string) (mail.FolderState, error) {
	return ask(d, "Folder", func() (mail.FolderState, error) { return d.Journal.Folder(ctx, m, f) })
}

func (d diary) SetPolicy(ctx context.Context, s mail.FolderState) error {
	return d.tell("SetPolicy", func() error { return d.Journal.SetPolicy(ctx, s) })
}

func (d diary) Deleting(ctx context.Context, ids []mail.RecordID, now time.Time) error {
	return d.tell("Deleting", func() error {
		err := d.Journal.Deleting(ctx, ids, now)
		if err == nil {
			d.w.polled.law.intends(ids)
		}
		return err
	})
}

func (d diary) Deleted(ctx context.Context, answers []mail.DeleteAnswer, now time.Time) error {
	return d.tell("Deleted", func() error {
		err := d.Journal.Deleted(ctx, answers, now)
		if err == nil {
			d.w.confirmed(d.Journal, answers)
		}
		return err
	})
}

func (d diary) Staging(ctx context.Context) (string, error) {
	return ask(d, "Staging", func() (string, error) { return d.Journal.Staging(ctx) })
}

func (d diary) SetStaging(ctx context.Context, token string) error {
	return d.tell("SetStaging", func() error { return d.Journal.SetStaging(ctx, token) })
}

func (d diary) Mailboxes(ctx context.Context) ([]mail.MailboxState, error) {
	return ask(d, "Mailboxes", func() ([]mail.MailboxState, error) { return d.Journal.Mailboxes(ctx) })
}

func (d diary) Staged(ctx context.Context) (map[string]bool, error) {
	return ask(d, "Staged", func() (map[string]bool, error) { return d.Journal.Staged(ctx) })
}

func (d diary) Kept(ctx context.Context) ([]string, error) {
	return ask(d, "Kept", func() ([]string, error) { return d.Journal.Kept(ctx) })
}

// importd is the import directory of one process. The journal gets its staging directory as in the daemon.
type importd struct {
	*save.Dir
	w     *World
	l     *life
	d     diary
	token string
	made  string
}

// dead keeps a process that has ended from touching the disk, also where no operation that can fail is on the way.
func (i *importd) dead() error {
	if i.l.dead {
		return errDead
	}
	return nil
}

func (i *importd) Ready(ctx context.Context) error {
	if err := i.dead(); err != nil {
		return err
	}
	if i.token == "" {
		if i.made == "" {
			token, err := i.Establish()
			if err != nil {
				return err
			}
			i.made = token
		}
		if err := i.d.SetStaging(ctx, i.made); err != nil {
			return err
		}
		i.token = i.made
	}
	return i.Dir.Ready(ctx)
}

func (i *importd) Stage(ctx context.Context, r io.Reader, limit int64) (mail.Staged, error) {
	if err := i.dead(); err != nil {
		return mail.Staged{}, err
	}
	return i.Dir.Stage(ctx, r, limit)
}

func (i *importd) Free(dir, original string, replace bool, taken func(string) bool) (string, error) {
	if err := i.dead(); err != nil {
		return "", err
	}
	return i.Dir.Free(dir, original, replace, taken)
}

func (i *importd) Publish(ctx context.Context, f mail.File, superseded func() (bool, error)) (mail.Published, error) {
	if err := i.dead(); err != nil {
		return 0, err
	}
	return i.Dir.Publish(ctx, f, superseded)
}

func (i *importd) Discard(name string) error {
	if err := i.dead(); err != nil {
		return err
	}
	return i.Dir.Discard(name)
}

// heldd is the folder of held raw messages of one process.
type heldd struct {
	*held.Store
	w *World
	l *life
}

func (h heldd) Keep(ctx context.Context, id mail.RecordID, r io.Reader) (name string, err error) {
	err = h.w.around(h.l, "held Keep", func() (err error) {
		name, err = h.Store.Keep(ctx, id, r)
		return err
	})
	return name, err
}
