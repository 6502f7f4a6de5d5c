package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pricefetch/internal/mail"
)

// known is what sorting needs of a record that listings have shown before.
type known struct {
	id         mail.RecordID
	uid, scope string
	listed     int // 1 in the last complete listing, 2 only in an incomplete one since, 0 in neither
	size       int64
	inspect    bool
	deletion   mail.Deletion
}

// ours reports whether we asked for the deletion and have not yet seen what came of it.
func (k known) ours() bool {
	return k.deletion == mail.DeletionIntended || k.deletion == mail.DeletionAcknowledged
}

// sorting is one listing on its way into the journal.
type sorting struct {
	tx       *transaction
	l        mail.Listing
	o        mail.SortOptions
	f        folder
	seen     time.Time // when what is new counts as first seen
	complete bool      // every message of the folder is accounted for
	whole    bool      // and named by Refs
	known    map[string]known
	stale    []known // listed so far, of another UIDVALIDITY
	reset    string  // found in this listing
	added    int     // ids that the last complete listing did not have
	sight    sight
	order    map[mail.RecordID]int
}

// SortOut holds a listing against the records of its folder (semantics 3). Unknown ids become pending. What a
// complete listing lacks is unlisted and gone, or, where the ids were reset, unlisted only: such a pass proves
// nothing about old ids. An id that was gone or whose deletion was acknowledged, or whose size changed, is to be
// inspected again. A record is never removed.
func (j *Journal) SortOut(ctx context.Context, mailbox string, l mail.Listing, o mail.SortOptions) (mail.Worklist, error) {
	what := "sort out listing of " + place(mailbox, l.Folder)
	if l.Err != nil {
		return mail.Worklist{}, fmt.Errorf("%s: %w", what, l.Err)
	}
	var s *sorting
	var work mail.Worklist
	err := j.write(ctx, what, func(tx *transaction) error {
		m, err := mailboxState(ctx, tx, mailbox)
		if err != nil {
			return err
		}
		if s, err = newSorting(ctx, tx, m, l, o); err != nil {
			return err
		}
		if err := s.run(ctx, m); err != nil {
			return err
		}
		work, err = s.worklist(ctx)
		return err
	})
	if err != nil {
		return mail.Worklist{}, err
	}
	j.setSight(mailbox, l.Folder, s.sight)
	return work, nil
}

// newSorting finds the folder and decides how far the listing can be believed.
func newSorting(ctx context.Context, tx *transaction, m mail.MailboxState, l mail.Listing, o mail.SortOptions) (*sorting, error) {
	if o.Account == (mail.Account{}) {
		o.Account = m.Account
	}
	f, ok, err := folderRow(ctx, tx, m.Name, l.Folder)
	if err == nil && !ok {
		f, err = newFolder(ctx, tx, m.Name, l.Folder, l.Scope, o.Account, o.Now)
	}
	if err != nil {
		return nil, err
	}
	s := &sorting{tx: tx, l: l, o: o, f: f, seen: seenAt(m, o.Now), complete: l.Complete, known: make(map[string]known)}
	if l.Unchanged {
		// Said of a listing that this journal does not have, or of other ids, it proves nothing.
		s.complete = f.based && f.Scope == l.Scope && sameAccount(f.account, o.Account)
	}
	ids := make(map[string]bool, len(l.Refs))
	for _, r := range l.Refs {
		if r.ID == "" {
			return nil, errors.New("listing has a message without an id")
		}
		if ids[r.ID] {
			s.complete = false // an id that stands for two messages: the listing is odd
		}
		ids[r.ID] = true
	}
	s.whole = s.complete && !l.Unchanged
	s.sight = sight{nums: make(map[mail.RecordID]uint32), partial: !s.complete}
	s.order = make(map[mail.RecordID]int, len(l.Refs))
	return s, nil
}

func (s *sorting) run(ctx context.Context, m mail.MailboxState) error {
	if s.o.PolicyHash != "" && s.o.PolicyHash != s.f.PolicyHash {
		if _, err := tryAgain(ctx, s.tx, m, s.f, "the retention policy or the account is new", s.o.Now); err != nil {
			return err
		}
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	before := s.f
	if err := leave(ctx, s.tx, s.f, s.o); err != nil {
		return err
	}
	if s.reset = resetReason(s.f, s.o.Account, s.l.Scope, s.recall()); s.reset != "" {
		if err := s.startOver(ctx, m); err != nil {
			return err
		}
	}
	for i, ref := range s.l.Refs {
		if err := s.take(ctx, i, ref); err != nil {
			return err
		}
	}
	if err := s.dropMissing(ctx); err != nil {
		return err
	}
	s.f.complete = s.complete
	if s.complete {
		s.base()
	}
	if sameListing(before, s.f) {
		return nil
	}
	return storeListing(ctx, s.tx, s.f)
}

// sameListing reports whether SortOut left the folder as it was. It spares a poll that finds nothing its write.
func sameListing(a, b folder) bool {
	return a.Scope == b.Scope && a.account == b.account && a.based == b.based && a.Cursor == b.Cursor && a.Listed == b.Listed &&
		a.complete == b.complete && a.Contact.Equal(b.Contact) && a.firstPoll == b.firstPoll &&
		a.FirstPollDone == b.FirstPollDone && a.reset == b.reset && a.away == b.away
}

// Statements of sorting, run once for each message.
const (
	// Not left to the unique index: of a used id the first generation may have been taken over by another id.
	insertListed = `INSERT INTO record (folder, scope, uid, listed, listed_size, size, first_seen, first_poll, age)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE NOT EXISTS (SELECT 1 FROM record WHERE folder = ?1 AND scope = ?2 AND uid = ?3)`
	updateListed = `UPDATE record SET listed = ?, listed_size = ?, inspect = ?, size = CASE WHEN size < 0 THEN ? ELSE size END WHERE id = ?`
	findListed   = `SELECT id, uid, scope, listed, listed_size, inspect, deletion FROM record
		WHERE folder = ? AND scope = ? AND uid = ? ORDER BY generation DESC LIMIT 1`
)

func scanKnown(row scanner) (k known, err error) {
	err = row.Scan(&k.id, &k.uid, &k.scope, &k.listed, &k.size, &k.inspect, &k.deletion)
	return k, err
}

// load reads the records that are listed so far. Where the server says that nothing changed, only those are in
// question that no complete listing has shown yet.
func (s *sorting) load(ctx context.Context) error {
	query := `SELECT id, uid, scope, listed, listed_size, inspect, deletion FROM record INDEXED BY record_listed WHERE folder = ? AND listed > 0`
	if s.complete && !s.whole {
		query = `SELECT id, uid, scope, listed, listed_size, inspect, deletion FROM record INDEXED BY record_unsure WHERE folder = ? AND listed = 2`
	}
	rows, err := s.tx.QueryContext(ctx, query, s.f.id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		k, err := scanKnown(rows)
		if err != nil {
			return err
		}
		if k.scope != s.l.Scope {
			s.stale = append(s.stale, k)
			continue
		}
		s.known[k.uid] = k
	}
	return rows.Err()
}

// recall counts how much of the last complete listing is left. Ids made from headers cannot be reset: another one is
// another message.
func (s *sorting) recall() recall {
	r := recall{whole: s.whole}
	for _, k := range s.known {
		if k.listed == 1 && !k.ours() && !(mail.Ref{ID: k.uid}).ByHeader() {
			r.base++
		}
	}
	for _, ref := range s.l.Refs {
		switch k, ok := s.known[ref.ID]; {
		case ref.ByHeader():
		case !ok || k.listed != 1: // an incomplete listing may have shown it since
			r.others++
		case !k.ours():
			r.still++
		}
	}
	return r
}

// startOver begins a first poll that follows a reset. Mail that came after the last finished pass is new, by the clock
// of a server which may be slow; what was there before is known again by its header. Of another account nothing is known,
// so only what comes from now on. The policy is as if it were new.
func (s *sorting) startOver(ctx context.Context, m mail.MailboxState) error {
	moved := s.f.away || !sameAccount(s.f.account, s.o.Account)
	switch {
	case moved:
		s.f.Contact = s.o.Now
	case m.LastFinished.After(s.o.Now):
		s.f.Contact = s.o.Now.Add(-mail.ClockSkew)
	case !m.LastFinished.IsZero():
		s.f.Contact = m.LastFinished.Add(-mail.ClockSkew)
	}
	if s.f.FirstPollDone {
		s.f.firstPoll++
		s.f.FirstPollDone = false
	}
	s.f.reset, s.f.account, s.f.Scope, s.f.based, s.f.away = s.reset, s.o.Account, s.l.Scope, false, false
	s.f.Cursor = mail.Cursor{Folder: s.f.Folder, Scope: s.l.Scope}
	if moved {
		if _, err := tryAgain(ctx, s.tx, m, s.f, "the account is new", s.o.Now); err != nil {
			return err
		}
		s.f.PolicyHash = ""
	}
	// Here, and not when the pass comes to deletions: it may die before, with the first poll ended, and what was
	// approved was about other ids.
	s.f.PolicySince, s.f.Settled, s.f.Waiting, s.f.Released = s.o.Now, mail.SettledNot, nil, nil
	return storePolicy(ctx, s.tx, s.f.id, s.f.FolderState)
}

// base makes this complete listing the one that later listings are held against.
func (s *sorting) base() {
	if s.whole {
		s.f.Listed = len(s.l.Refs)
	} else {
		s.f.Listed += s.added
	}
	s.f.based = true
	s.f.Cursor.UIDNext, s.f.Cursor.Count = s.l.Next.UIDNext, s.l.Next.Count
}
