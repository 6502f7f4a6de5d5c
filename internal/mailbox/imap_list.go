package mailbox

import (
	"context"
	"fmt"
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
	err := s.guarded(ctx, func() error {
		for _, folder := range s.folders() {
			l, err := s.list(ctx, folder, cursorOf(prev, folder))
			if err != nil {
				if s.lost != nil {
					return err
				}
				l = mail.Listing{Folder: folder, Err: err}
			}
			listings = append(listings, l)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return listings, nil
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
	if f := s.selected; prev.Scope == f.scope && prev.UIDNext != 0 && f.uidNext >= prev.UIDNext {
		l, unchanged, err := s.listNew(ctx, prev)
		if err != nil || unchanged {
			return l, err
		}
	}
	return s.listAll(ctx)
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
	data, err := s.client.UIDSearch(&imap.SearchCriteria{}, nil).Wait()
	if err != nil {
		return nil, err
	}
	if len(data.AllUIDs()) == 0 {
		return nil, nil
	}
	return s.uidsFrom(ctx, 1)
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
		refs = append(refs, listed)
		return nil
	})
	return refs, err
}
