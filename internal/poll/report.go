package poll

import (
	"strings"
	"time"

	"pricefetch/internal/mail"
)

// Report is what one pass did.
type Report struct {
	Mailbox   string        `json:"mailbox"`
	Listed    int           `json:"listed"`
	Wanted    int           `json:"wanted"` // messages of wanted senders that were to be read
	Read      int           `json:"read"`
	Bytes     int64         `json:"bytes"`    // of staged files
	Files     []mail.File   `json:"files"`    // published
	Repeated  int           `json:"repeated"` // the same file went out before
	Unmatched int           `json:"unmatched"`
	NearMiss  int           `json:"near_miss"`
	Baseline  int           `json:"baseline"`
	Failed    int           `json:"failed"`
	Held      int           `json:"held"`
	Deleted   int           `json:"deleted"`
	Ignored   int           `json:"ignored"` // deletions that the server confirmed and did not carry out
	Waiting   int           `json:"waiting"` // deletions that wait for approve
	Stopped   bool          `json:"stopped"` // ended early because the daemon stops
	Took      time.Duration `json:"took"`
}

func (r *Report) add(f mail.File) {
	switch f.State {
	case mail.FilePublished:
		if !f.Found.IsZero() {
			r.Repeated++
			return
		}
		r.Files = append(r.Files, f)
	case mail.FileDuplicate, mail.FileSuperseded:
		r.Repeated++
	}
}

// logFile tells what became of one file.
func (r *run) logFile(id mail.RecordID, f mail.File) {
	name := strings.TrimPrefix(f.Dir+"/"+f.Name, "/")
	switch f.State {
	case mail.FilePublished:
		if !f.Found.IsZero() {
			r.Log.Info("not saved again: the journal that was lost had saved it", "message", id, "rule", f.Rule, "file", name)
			return
		}
		r.Log.Info("saved", "message", id, "rule", f.Rule, "file", name, "bytes", f.Size)
	case mail.FileDuplicate:
		r.Log.Info("not saved again: this file went out before", "message", id, "rule", f.Rule, "file", f.Original)
	case mail.FileSuperseded:
		r.Log.Info("not saved: "+supersededBy(f), "message", id, "rule", f.Rule, "file", name)
	}
}

// logEnd is the one line that a pass leaves in the log: quiet where nothing happened.
func (r *run) logEnd(err error, now time.Time) {
	p := r.report
	args := []any{
		"listed", p.Listed, "files", len(p.Files), "bytes", p.Bytes, "unmatched", p.Unmatched, "near_miss", p.NearMiss,
		"failed", p.Failed, "held", p.Held, "deleted", p.Deleted, "took", now.Sub(r.started).Round(time.Millisecond),
	}
	switch {
	case err != nil:
		r.Log.Error("pass ended early", append(args, "class", mail.ClassOf(err).String(), "error", err)...)
	case len(p.Files)+p.Unmatched+p.NearMiss+p.Failed+p.Held+p.Deleted+p.Baseline > 0:
		r.Log.Info("pass finished", args...)
	default:
		r.Log.Debug("pass finished, nothing new", args...)
	}
}
