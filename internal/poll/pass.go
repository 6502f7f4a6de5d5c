package poll

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
	"pricefetch/internal/retain"
)

// Pass is everything that one pass over one mailbox needs. It holds no state of its own: whatever must outlive a
// pass is in the journal.
type Pass struct {
	Mailbox     string
	Account     mail.Account
	Rules       *match.Rules // those that reach this mailbox
	FirstRun    mail.FirstRun
	Rescan      time.Duration
	MessageSize int64 // bytes; a wanted message larger than this is held; 0: no limit
	Retention   retain.Policy
	Interval    time.Duration // between two passes, for noticing long gaps
	Insecure    bool          // the server's certificate is not verified: nothing is deleted
	Built       time.Time     // of the program; a clock that is earlier is wrong. Zero: unknown

	Destination func(rule string) Destination
	Open        func(context.Context) (Session, error)
	OpenKept    func(mail.Record) Fetcher // reads a raw message below held/
	Journal     Journal
	Import      Import
	Archives    Archives
	Scratch     func() (Scratch, error) // for Plan
	Held        Held
	Finder      Finder // nil, unless the journal was restored from a backup

	Now      func() time.Time
	Log      *slog.Logger
	Progress func(Progress)  // may be nil
	Stop     <-chan struct{} // closed: finish the message in hand, start nothing new. May be nil
}

// Destination is where a rule's files go.
type Destination struct {
	Dir     string // below import_dir, slash-separated
	Replace bool   // on_conflict: replace
	Newest  bool   // take: newest
}

// Fetcher is the part of a Session that reads messages.
type Fetcher interface {
	Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error
}

// Progress tells how far a pass has come with reading messages.
type Progress struct {
	Mailbox string
	Total   int // messages to read
	Done    int
}

// Run makes one pass over the mailbox, in the order that the package comment tells. Its report is valid also where
// it returns an error; the error has a class of mail.Error.
func (p *Pass) Run(ctx context.Context) (Report, error) {
	r := p.begin()
	err := r.pass(ctx)
	if err != nil && r.stopped(err) {
		r.report.Stopped = true
		err = nil
	}
	if end := r.end(context.WithoutCancel(ctx), err); err == nil {
		err = end
	}
	r.report.Took = p.Now().Sub(r.started)
	return r.report, err
}

// pass is a message's life. Each step is one call.
func (r *run) pass(ctx context.Context) error {
	if err := r.Import.Ready(ctx); err != nil {
		return err
	}
	if err := r.finish(ctx); err != nil {
		return err
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	err := r.untilStop(ctx, func(ctx context.Context) (err error) {
		r.session, err = r.Open(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return r.close(r.converse(ctx))
}

// converse is the part of a pass that talks to the server.
func (r *run) converse(ctx context.Context) error {
	if err := r.list(ctx); err != nil {
		return err
	}
	for _, f := range r.folders {
		if err := r.sortOut(ctx, f); err != nil {
			return err
		}
		if err := r.inspect(ctx, f, sound); err != nil {
			return err
		}
	}
	var stop error
	if !r.state.DeleteFirst {
		if stop = r.fetch(ctx); stop == nil {
			stop = r.retryHeaders(ctx)
		}
		if stop != nil && !r.stopped(stop) {
			return stop
		}
	}
	if err := r.account(ctx); err != nil {
		return err
	}
	if stop != nil {
		return stop
	}
	if err := r.retain(ctx); err != nil {
		return err
	}
	return r.strangers(ctx)
}

// retriever is a session that reads whole messages also where only their headers are asked for: POP3 without TOP.
type retriever interface {
	// Retrieved tells which messages the server has given whole so far.
	Retrieved() []mail.Ref
}

// account notes which of the messages that came whole, if only for the sake of their header, are neither saved nor
// unmatched nor kept.
func (r *run) account(ctx context.Context) error {
	s, ok := r.session.(retriever)
	if !ok || len(s.Retrieved()) == 0 {
		return nil
	}
	whole := map[mail.Ref]bool{}
	for _, ref := range s.Retrieved() {
		whole[ref] = true
	}
	for _, f := range r.folders {
		records, err := r.Journal.Listed(ctx, r.Mailbox, f.listing.Folder)
		if err != nil {
			return err
		}
		for _, rec := range records {
			safe := rec.Outcome == mail.Saved || rec.Outcome == mail.Unmatched || rec.Outcome == mail.Held && rec.Kept != "" && r.Held.Has(rec.Kept)
			if whole[r.ref(rec)] && !safe {
				r.unsaved[rec.ID] = true
			}
		}
	}
	return nil
}

// run is one pass under way.
type run struct {
	*Pass
	started time.Time
	state   mail.MailboxState // as it was before this pass
	session Session
	folders []*folder
	report  Report

	wire    map[place]mail.Ref         // how this session calls a record's message
	unsaved map[mail.RecordID]bool     // content was read, and the outcome does not yet allow to commit the session
	saved   map[mail.RecordID]bool     // saved in this pass
	marked  []mail.RecordID            // deletions that become real when the session is committed
	due     bool                       // deletions were due, the session could not be committed
	known   map[mail.Ref]mail.Envelope // headers read while listing, of messages without an id
	contest contest                    // messages of which only the newest count
	trouble error                      // the first folder's own error: the others went on
}

// place is a message's identity without what belongs to a session.
type place struct{ folder, scope, id string }

func placeOf(r mail.Ref) place { return place{r.Folder, r.Scope, r.ID} }

// folder is one listing and what it leaves to do.
type folder struct {
	listing mail.Listing
	work    mail.Worklist
}

func (p *Pass) begin() *run {
	return &run{
		Pass: p, started: p.Now(), report: Report{Mailbox: p.Mailbox},
		wire: map[place]mail.Ref{}, unsaved: map[mail.RecordID]bool{}, saved: map[mail.RecordID]bool{},
		known: map[mail.Ref]mail.Envelope{},
	}
}

// start notes the pass in the journal, doubts the clock, and counts the loss of a batch that the last process died in.
func (r *run) start(ctx context.Context) error {
	var err error
	if r.state, err = r.Journal.Started(ctx, r.Mailbox, r.Account, r.started); err != nil {
		return err
	}
	if err := r.suspend(ctx); err != nil {
		return err
	}
	return r.lost(ctx, "the program ended while this message was being read")
}

// transactional reports whether the protocol commits deletions, and reading, only at the session's end.
func (r *run) transactional() bool { return r.Account.Protocol == "pop3" }

// committable reports whether every message that was read is saved, unmatched or kept (semantics 4, POP3).
func (r *run) committable() bool { return len(r.unsaved) == 0 }

// close ends the session. A session that failed, or that read a message it could not account for, is dropped.
func (r *run) close(err error) error {
	commit := (err == nil || errors.Is(err, mail.ErrStopping)) && r.committable()
	end := r.session.Close(commit)
	if !commit {
		return err
	}
	if end != nil && len(r.marked) > 0 {
		r.due = true
		return errors.Join(err, mail.Errorf(mail.Temporary, "confirm %d deletions: %w", len(r.marked), end))
	}
	if cerr := r.acknowledge(); cerr != nil {
		return errors.Join(err, cerr)
	}
	return err
}

// acknowledge records the deletions that the server confirmed when the session was committed.
func (r *run) acknowledge() error {
	if len(r.marked) == 0 {
		return nil
	}
	answers := make([]mail.DeleteAnswer, len(r.marked))
	for i, id := range r.marked {
		answers[i] = mail.DeleteAnswer{ID: id, State: mail.DeleteDone}
	}
	r.report.Deleted += len(r.marked)
	// The server has already deleted them: that must be on record even if the daemon is being stopped.
	return r.Journal.Deleted(context.Background(), answers, r.Now())
}

// end notes how the pass ended.
func (r *run) end(ctx context.Context, err error) error {
	if err == nil {
		err = r.trouble
	}
	now := r.Now()
	r.logEnd(err, now)
	uerr := r.Journal.Update(ctx, r.Mailbox, func(s *mail.MailboxState) {
		if now.After(s.Newest) {
			s.Newest = now
		}
		if err != nil {
			if s.FailedPasses == 0 {
				s.ErrorSince = now
			}
			s.FailedPasses++
			s.LastError, s.ErrorClass = err.Error(), mail.ClassOf(err).String()
		} else if !r.report.Stopped {
			s.LastFinished, s.LastError, s.ErrorClass, s.ErrorSince, s.FailedPasses = now, "", "", time.Time{}, 0
		}
		r.endDeletions(s, err, now)
	})
	return errors.Join(err, uerr)
}

// endDeletions notes deletions that were due and not committed: the next pass then does nothing else.
func (r *run) endDeletions(s *mail.MailboxState, err error, now time.Time) {
	switch {
	case r.due:
		s.DeleteFirst = !r.state.DeleteFirst // one pass that only deletes, then an ordinary one again
		if s.DueSince.IsZero() {
			s.DueSince = now
		}
	case err == nil && !r.report.Stopped:
		s.DeleteFirst, s.DueSince = false, time.Time{}
	}
	if r.report.Ignored > 0 {
		s.NotHonoured = true
	}
}

// stopped reports whether err only says that the daemon stops.
func (r *run) stopped(err error) bool { return errors.Is(err, mail.ErrStopping) }

// untilStop does what has no message in hand: it ends at once when the daemon begins to stop, with mail.ErrStopping.
func (r *run) untilStop(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-r.Stop:
			cancel(mail.ErrStopping)
		case <-ctx.Done():
		}
	}()
	err := f(ctx)
	if err != nil && errors.Is(context.Cause(ctx), mail.ErrStopping) {
		return mail.ErrStopping
	}
	return err
}

// stopping reports whether nothing new may be started.
func (r *run) stopping() bool {
	select {
	case <-r.Stop:
		return true
	default:
		return false
	}
}

// lost counts a lost session against the message in hand, and reports what was held for it.
func (r *run) lost(ctx context.Context, why string) error {
	records, err := r.Journal.Lost(ctx, r.Mailbox, why, r.Now())
	for _, rec := range records {
		if rec.Outcome == mail.Held {
			r.logHeld(rec.ID, rec.Reason+notToBeHad)
			continue
		}
		r.Log.Warn("connection lost in a message; it is tried again after all others", "message", rec.ID, "outcome", rec.Outcome, "reason", why)
	}
	return err
}
