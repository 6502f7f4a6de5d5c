package poll

import (
	"context"
	"time"

	"pricefetch/internal/mail"
)

// Known is the part of the journal that a dry run reads. It writes nothing.
type Known interface {
	Listed(ctx context.Context, mailbox, folder string) ([]mail.Record, error)
	Folder(ctx context.Context, mailbox, folder string) (mail.FolderState, error)
	Mailbox(ctx context.Context, name string) (mail.MailboxState, error)
}

// Past is what a journal with mail on record knows in addition: then a dry run can tell what was imported before.
type Past interface {
	Receipts(ctx context.Context, id mail.RecordID) ([]mail.File, error)
	// Imported reports whether a file of that rule, message, name and content went out before.
	Imported(ctx context.Context, rule, fingerprint, original, sha256 string) (bool, error)
	// Latest returns when the newest message was received of which a file of the rule is published; zero if there is none.
	Latest(ctx context.Context, rule string) (time.Time, error)
	// Reset tells why SortOut would find the ids of a listing reset; "" if it would not.
	Reset(ctx context.Context, mailbox string, l mail.Listing, account mail.Account) (string, error)
	// Twins returns the records that messages found after a reset may be known by.
	Twins(ctx context.Context, mailbox, folder string, account mail.Account, found []mail.Record) ([]mail.Record, error)
}

// Plan is what a pass would do now.
type Plan struct {
	Mailbox string       `json:"mailbox"`
	Folders []FolderPlan `json:"folders"`
}

// FolderPlan is the plan of one folder.
type FolderPlan struct {
	Folder    string           `json:"folder"`
	Error     string           `json:"error,omitempty"`
	Listed    int              `json:"listed"`
	FirstPoll bool             `json:"first_poll"`
	Save      []PlannedFile    `json:"save"`
	Leave     []PlannedMessage `json:"leave"`  // judged now, and nothing of them taken
	Delete    []PlannedMessage `json:"delete"` // what retention would delete now
	Wait      []PlannedMessage `json:"wait"`   // due for deletion, but kept back
	Waiting   *mail.Approval   `json:"waiting,omitempty"`
	HeldBack  string           `json:"held_back,omitempty"`
}

// PlannedFile is a file that would be saved.
type PlannedFile struct {
	PlannedMessage
	Rule string `json:"rule"`
	File string `json:"file"` // decoded name
	Dir  string `json:"dir"`  // below import_dir

	Member string `json:"member,omitempty"` // path in the archive that File comes out of
}

// PlannedMessage names a message for a person.
type PlannedMessage struct {
	ID       mail.RecordID `json:"id,omitempty"` // 0: not on record yet
	From     []string      `json:"from"`
	Subject  string        `json:"subject"`
	Received time.Time     `json:"received"`
	Outcome  mail.Outcome  `json:"outcome"`
	Reason   string        `json:"reason"`
}

func planned(rec mail.Record, reason string) PlannedMessage {
	return PlannedMessage{ID: rec.ID, From: rec.From, Subject: rec.Subject, Received: rec.Age(), Outcome: rec.Outcome, Reason: reason}
}

// Plan tells what a pass would do now. Open must give a read-only session; it is dropped without a commit. Nothing is
// recorded, staged or deleted.
func (p *Pass) Plan(ctx context.Context, known Known) (Plan, error) {
	r := p.begin()
	out := Plan{Mailbox: p.Mailbox}
	session, err := p.Open(ctx)
	if err != nil {
		return out, err
	}
	r.session = session
	defer session.Close(false)
	if r.state, err = known.Mailbox(ctx, p.Mailbox); err != nil {
		return out, err
	}
	listings, err := session.List(ctx, nil)
	if err != nil {
		return out, err
	}
	r.contest = newContest()
	plans := make([]FolderPlan, len(listings))
	var all []*guess
	for i := range listings {
		l, f := &listings[i], &plans[i]
		f.Folder, f.Listed = l.Folder, len(l.Refs)
		if l.Err != nil {
			f.Error = l.Err.Error()
			continue
		}
		g := &guess{run: r, known: known, plan: f, listing: l}
		all = append(all, g)
		if err := g.try(g.prepare(ctx)); err != nil {
			return out, err
		}
	}
	if err := r.guessContents(ctx, all); err != nil {
		return out, err
	}
	for _, g := range all {
		if g.plan.Error == "" {
			g.retain()
		}
	}
	out.Folders = plans
	return out, nil
}

// Look only logs in and lists: what a dry_run mailbox does between two plans.
func (p *Pass) Look(ctx context.Context) (Report, error) {
	report := Report{Mailbox: p.Mailbox}
	session, err := p.Open(ctx)
	if err != nil {
		return report, err
	}
	defer session.Close(false)
	listings, err := session.List(ctx, nil)
	for _, l := range listings {
		report.Listed += len(l.Refs)
	}
	return report, err
}

// prepare does for one folder what a pass would before it reads messages, on copies of the records.
func (g *guess) prepare(ctx context.Context) (err error) {
	if err := g.identify(ctx, g.listing); err != nil {
		return err
	}
	if g.state, err = g.known.Folder(ctx, g.Mailbox, g.listing.Folder); err != nil {
		return err
	}
	if err := g.begin(ctx); err != nil {
		return err
	}
	g.plan.FirstPoll = !g.state.FirstPollDone
	if err := g.inspect(ctx); err != nil {
		return err
	}
	if g.state.FirstPollDone {
		g.match()
	}
	return nil
}

// try puts an error that concerns one folder alone into its plan, and returns any other. Without TOP the attachments of
// POP3 are unknown.
func (g *guess) try(err error) error {
	if err == nil || mail.ClassOf(err) != mail.Message {
		return err
	}
	g.plan.Error = err.Error()
	return nil
}
