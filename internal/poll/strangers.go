package poll

import (
	"context"
	"errors"
	"slices"
	"time"

	"pricefetch/internal/mail"
)

const (
	strangersEvery  = time.Hour          // a pass in each of these asks
	strangersFor    = 7 * 24 * time.Hour // the age of mail that is asked about
	strangersAtOnce = 200                // messages that one pass asks about
)

// teller is a session that can tell which attachments messages have without reading them: IMAP.
type teller interface {
	// Structures calls each for every message that the server says something of, also where it then fails.
	Structures(ctx context.Context, refs []mail.Ref, each func(mail.Structure) error) error
}

// strangers asks the server once for the names of the files in new mail of senders that no rule knows, where masks could know
// them. Nothing is read, marked or decided, nothing waits for it, and what goes wrong with it is no failure of the pass.
func (r *run) strangers(ctx context.Context) error {
	s, ok := r.session.(teller)
	if !ok || r.transactional() || !r.strangersDue() {
		return nil
	}
	asked, err := r.unknownSenders(ctx)
	if err != nil || len(asked) == 0 {
		return err
	}
	// They count as asked about before they are: an answer that breaks the connection does so once.
	told := map[mail.RecordID][]mail.PartNote{}
	var refs []mail.Ref
	byRef := map[mail.Ref]mail.RecordID{}
	for _, rec := range asked {
		told[rec.ID], byRef[r.ref(rec)] = nil, rec.ID
		refs = append(refs, r.ref(rec))
	}
	if err := r.Journal.Stated(ctx, told); err != nil {
		return err
	}
	clear(told)
	err = r.untilStop(ctx, func(ctx context.Context) error {
		return s.Structures(ctx, refs, func(m mail.Structure) error {
			if files := notes(m.Parts); byRef[m.Ref] != 0 && len(files) > 0 {
				told[byRef[m.Ref]] = files
			}
			return nil
		})
	})
	if len(told) > 0 {
		if jerr := r.Journal.Stated(context.WithoutCancel(ctx), told); jerr != nil {
			return jerr
		}
	}
	if err != nil && !errors.Is(err, mail.ErrStopping) {
		r.Log.Debug("the server does not tell what mail of unknown senders has in it", "count", len(refs), "error", err)
	}
	return nil
}

// strangersDue reports whether another hour has begun since the last finished pass. The first one of a mailbox has enough to do.
func (r *run) strangersDue() bool {
	last := r.state.LastFinished
	return !last.IsZero() && last.Truncate(strangersEvery).Before(r.started.Truncate(strangersEvery))
}

// unknownSenders returns the newest messages that are worth asking about and were not yet.
func (r *run) unknownSenders(ctx context.Context) ([]mail.Record, error) {
	var out []mail.Record
	for _, f := range r.folders {
		records, err := r.Journal.Listed(ctx, r.Mailbox, f.listing.Folder)
		if err != nil {
			return nil, err
		}
		for _, rec := range records {
			young := r.started.Sub(rec.Age()) < strangersFor
			if rec.Outcome == mail.Unmatched && rec.Parts == nil && rec.Stated == nil && rec.Inspected && young && rec.Deletion == mail.DeletionNone && r.Rules.Curious(rec.Envelope) {
				out = append(out, rec)
			}
		}
	}
	slices.SortFunc(out, func(a, b mail.Record) int { return int(b.ID - a.ID) })
	return out[:min(len(out), strangersAtOnce)], nil
}

// notes are what is kept of the parts with a name that a server tells of.
func notes(parts []mail.Part) []mail.PartNote {
	var out []mail.PartNote
	for _, p := range parts {
		if p.Named {
			out = append(out, mail.PartNote{Name: p.Name, Type: p.Type})
		}
	}
	return out
}
