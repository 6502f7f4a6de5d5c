package daemon

import (
	"context"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

// clockSkew is how far a mail server's clock may be ahead of this machine's.
const clockSkew = 5 * time.Minute

// finder recognises, after a restore, the files that the lost journal had published and that still lie in the import
// directory. A journal that was never restored needs none: two letters with the same file are two files.
func (d *Daemon) finder(ctx context.Context) (poll.Finder, error) {
	doubt, err := d.journal.Doubt(ctx)
	if err != nil || doubt == (journal.Doubt{}) {
		return nil, err
	}
	return &doubtful{d.importd, d.journal, doubt, d.current().Limits.Pass}, nil
}

type doubtful struct {
	dir     *importDir
	journal *journal.Journal
	doubt   journal.Doubt
	pass    time.Duration // the longest that one may take
}

// May tells whether the lost journal may have saved the message: it came before the restore. A message of unknown time
// may have.
func (q *doubtful) May(rec mail.Record) bool { return !rec.Received.After(q.doubt.Until) }

// Find looks for a file of that message that was written while the lost journal was at work and after the message came,
// and for which no receipt of this journal stands.
func (q *doubtful) Find(ctx context.Context, rec mail.Record, f mail.File, taken func(name string) bool) (string, time.Time, error) {
	return q.dir.Find(ctx, f, func(name string, modified time.Time) (bool, error) {
		// What was saved a moment after the backup may have been staged in a pass that had begun before it.
		if modified.Before(q.doubt.From.Add(-q.pass)) || modified.After(q.doubt.Until) || modified.Before(rec.Received.Add(-clockSkew)) || taken(name) {
			return false, nil
		}
		claimed, err := q.journal.Claimed(ctx, f.Dir, name, modified)
		return !claimed, err
	})
}
