package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"pricefetch/internal/mail"
)

// listRounds is how often a folder is listed that changes while it is being listed.
const listRounds = 3

// List shows each configured folder, read only. A folder that cannot be opened says so in its own Listing.
func (s *imapSession) List(ctx context.Context, prev []mail.Cursor) ([]mail.Listing, error) {
	var listings []mail.Listing
	for _, folder := range s.folders() {
		l, err := s.listFolder(ctx, folder, cursorOf(prev, folder))
		if err != nil {
			if s.lost != nil {
				return nil, err
			}
			l = mail.Listing{Folder: folder, Err: err}
		}
		listings = append(listings, l)
	}
	return listings, nil
}

// listFolder shows one folder. An answer that cannot be read costs the connection and would do so in every pass: it is
// made anew, once, and the UIDs are asked for by SEARCH, whose answer says nothing of any one message.
func (s *imapSession) listFolder(ctx context.Context, folder string, prev mail.Cursor) (l mail.Listing, err error) {
	if s.lost != nil {
		return l, s.lost
	}
	err = s.guarded(ctx, func() error {
		l, err = s.list(ctx, folder, prev)
		return err
	})
	if err == nil || !s.choked(ctx, err) {
		return l, err
	}
	if rerr := s.reconnect(ctx); rerr != nil {
		return l, fmt.Errorf("%w; then: %w", err, rerr)
	}
	why := err
	err = s.guarded(ctx, func() error {
		l, err = s.listBySearch(ctx, folder)
		return err
	})
	if err != nil {
		err = fmt.Errorf("%w; asked by SEARCH then: %w", why, err)
	}
	return l, err
}

// choked reports whether the session was lost to an answer that could not be read.
func (s *imapSession) choked(ctx context.Context, err error) bool {
	if s.lost == nil || ctx.Err() != nil {
		return false
	}
	return errors.Is(err, errTooMany) || s.conn.Bye() == "" && !byChance(s.conn.Err())
}

// reconnect replaces a session that was lost.
func (s *imapSession) reconnect(ctx context.Context) error {
	s.end()
	fresh, err := connectIMAP(ctx, s.o)
	if err != nil {
		return err
	}
	*s = *fresh
	return nil
}

// folders are those to be polled.
func (s *imapSession) folders() []string {
	if len(s.o.Folders) == 0 {
		return []string{"INBOX"}
	}
	return s.o.Folders
}

// cursorOf finds the folder's cursor; the zero one knows nothing.
func cursorOf(cursors []mail.Cursor, folder string) mail.Cursor {
	for _, c := range cursors {
		if c.Folder == folder {
			return c
		}
	}
	return mail.Cursor{}
}

// list shows one folder: only what came since prev where the rest provably still stands, else everything.
func (s *imapSession) list(ctx context.Context, folder string, prev mail.Cursor) (mail.Listing, error) {
	if err := s.selectFolder(ctx, folder, false); err != nil {
		return mail.Listing{}, err
	}
	if s.fleeting(prev) {
		if err := s.settle(ctx, folder); err != nil {
			return mail.Listing{}, err
		}
	}
	if f := s.selected; prev.Scope == f.scope && prev.UIDNext != 0 && f.uidNext >= prev.UIDNext {
		l, unchanged, err := s.listNew(ctx, prev)
		if err != nil || unchanged {
			return l, err
		}
	}
	return s.listAll(ctx)
}

// fleeting reports whether the UIDs of a folder opened to read may be made up for this session alone. Courier 5.0.13 and
// GNU Mailutils 3.15 keep the UIDs of new messages, and the UIDVALIDITY of a folder that had none, only once a client
// has opened it for writing: before that every EXAMINE states another UIDVALIDITY, and no message would ever be known
// again. It shows in the change, and Courier is told by its lack of UIDNEXT. A dry run changes nothing, so it does not ask.
func (s *imapSession) fleeting(prev mail.Cursor) bool {
	if s.o.ReadOnly {
		return false
	}
	changed := prev.Scope != "" && prev.Scope != s.selected.scope
	return changed || s.selected.uidNext == 0 && s.selected.exists > 0
}

// settle opens folder for writing, so that the server numbers its messages for good, and then to read again. No flag
// changes but \Recent. A folder that may not be written to is read as it is.
func (s *imapSession) settle(ctx context.Context, folder string) error {
	if err := s.selectFolder(ctx, folder, true); s.lost != nil {
		return err
	}
	return s.selectFolder(ctx, folder, false)
}

// listNew asks only for UIDs at or above the old UIDNEXT. UIDs ascend and are not used again (RFC 9051 section 2.3.1.1),
// so the old set still stands if as many messages are left beside the new ones as it had. UIDNEXT alone proves it
// where nothing came.
func (s *imapSession) listNew(ctx context.Context, prev mail.Cursor) (l mail.Listing, unchanged bool, err error) {
	l = mail.Listing{Folder: s.selected.name, Scope: s.selected.scope}
	if s.selected.uidNext > prev.UIDNext && s.selected.exists > 0 {
		if l.Refs, err = s.uidsFrom(ctx, prev.UIDNext); err != nil {
			if refusal(err) != nil {
				return l, false, nil // the full listing will say what is wrong
			}
			return l, false, s.broken(ctx, s.listing(), err)
		}
	}
	if s.expunged.Load() > 0 || s.exists()-len(l.Refs) != prev.Count {
		return l, false, nil
	}
	l.Unchanged, l.Complete, l.Next = true, true, s.cursor(l.Refs)
	return l, true, nil
}

// listAll asks for every UID. The listing is complete if the count is the one that the server announces; a folder that
// changes meanwhile is listed again.
func (s *imapSession) listAll(ctx context.Context) (mail.Listing, error) {
	l := mail.Listing{Folder: s.selected.name, Scope: s.selected.scope}
	for range listRounds {
		before, expunged := s.exists(), s.expunged.Load()
		refs, err := s.allUIDs(ctx)
		l.Refs = refs
		if e := refusal(err); e != nil {
			if len(refs) == 0 {
				return l, refused(mail.Temporary, s.listing(), e)
			}
			l.Why = words(e)
			return l, nil
		}
		if err != nil {
			return l, s.broken(ctx, s.listing(), err)
		}
		now, quiet := s.exists(), s.expunged.Load() == expunged
		if quiet && now == len(refs) {
			l.Complete, l.Why, l.Next = true, "", s.cursor(refs)
			return l, nil
		}
		l.Why = fmt.Sprintf("server announces %d messages and lists %d", now, len(refs))
		if quiet && now == before {
			return l, nil
		}
	}
	l.Why += "; the folder kept changing"
	return l, nil
}

// listing is what the errors of List call what was being done.
func (s *imapSession) listing() string { return fmt.Sprintf("list folder %q", s.selected.name) }

// exists is the number of messages in the selected folder as last announced.
func (s *imapSession) exists() int {
	if m := s.client.Mailbox(); m != nil {
		return int(m.NumMessages)
	}
	return s.selected.exists
}

// cursor is what a complete listing whose newest messages are refs leaves behind.
func (s *imapSession) cursor(refs []mail.Listed) mail.Cursor {
	next := s.selected.uidNext
	for _, r := range refs {
		if uid, err := parseUID(r.Ref); err == nil && next != 0 {
			next = max(next, uint32(uid)+1)
		}
	}
	return mail.Cursor{Folder: s.selected.name, Scope: s.selected.scope, UIDNext: next, Count: s.exists()}
}

// allUIDs lists the selected folder. An empty one is asked by SEARCH, because some servers call 1:* an error there, and
// asked at all because an EXISTS that got lost must not look like an emptied folder.
func (s *imapSession) allUIDs(ctx context.Context) ([]mail.Listed, error) {
	if s.exists() > 0 {
		return s.uidsFrom(ctx, 1)
	}
	uids, err := s.search(&imap.SearchCriteria{})
	if err != nil || len(uids) == 0 {
		return nil, err
	}
	return s.uidsFrom(ctx, 1)
}

// listBySearch shows a folder without the sizes.
func (s *imapSession) listBySearch(ctx context.Context, folder string) (mail.Listing, error) {
	if err := s.selectFolder(ctx, folder, false); err != nil {
		return mail.Listing{}, err
	}
	l := mail.Listing{Folder: s.selected.name, Scope: s.selected.scope}
	uids, err := s.search(&imap.SearchCriteria{})
	if err != nil {
		return l, s.failed(ctx, s.listing(), err)
	}
	for _, uid := range uids {
		ref := mail.Ref{Folder: l.Folder, Scope: l.Scope, ID: strconv.FormatUint(uint64(uid), 10)}
		l.Refs = append(l.Refs, mail.Listed{Ref: ref, Size: -1})
	}
	if now := s.exists(); s.expunged.Load() > 0 || now != len(uids) {
		l.Why = fmt.Sprintf("server announces %d messages and lists %d", now, len(uids))
		return l, nil
	}
	l.Complete, l.Next = true, s.cursor(l.Refs)
	return l, nil
}

// search returns the UIDs that fit, in ascending order. Its error is the client's, or tells of an answer that nobody may
// expand: the library would do so with "1:*" or four thousand million UIDs.
func (s *imapSession) search(criteria *imap.SearchCriteria) ([]imap.UID, error) {
	data, err := s.client.UIDSearch(criteria, nil).Wait()
	if err != nil {
		return nil, err
	}
	set, _ := data.All.(imap.UIDSet)
	total := uint64(0)
	for _, r := range set {
		if r.Start == 0 || r.Stop < r.Start {
			return nil, errors.New("server answers SEARCH with a UID that is none")
		}
		if total += uint64(r.Stop-r.Start) + 1; total > uint64(s.o.MaxListed) {
			return nil, s.o.tooMany()
		}
	}
	uids, _ := set.Nums() // it has no star
	return uids, nil
}

// uidsFrom lists the messages with UIDs at or above first. Its error is the client's.
func (s *imapSession) uidsFrom(_ context.Context, first uint32) ([]mail.Listed, error) {
	var refs []mail.Listed
	set := imap.UIDSet{{Start: imap.UID(first), Stop: 0}}
	err := s.fetch(set, &imap.FetchOptions{UID: true, RFC822Size: true}, func(msg *imapclient.FetchMessageData) error {
		listed := mail.Listed{Ref: mail.Ref{Folder: s.selected.name, Scope: s.selected.scope}, Size: -1}
		for item := msg.Next(); item != nil; item = msg.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				listed.ID = strconv.FormatUint(uint64(item.UID), 10)
			case imapclient.FetchItemDataRFC822Size:
				listed.Size = item.Size
			}
		}
		if len(refs) == s.o.MaxListed {
			s.drop()
			return s.o.tooMany()
		}
		if len(refs) == cap(refs) { // append would leave four times as much behind as a long listing takes
			refs = slices.Grow(refs, max(len(refs), 64))
		}
		refs = append(refs, listed)
		return nil
	})
	return refs, err
}
