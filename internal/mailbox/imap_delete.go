package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"

	"pricefetch/internal/mail"
)

// Delete verifies and deletes folder by folder, as imap_delete says. Only UIDs that were verified in this session are
// ever named in a command that changes something. EXPUNGE and CLOSE are never sent: they take along what other people
// marked \Deleted. Where the answer to a command that deletes is lost, the messages that it named are DeleteUnknown,
// and what had not been asked for is refused.
func (s *imapSession) Delete(ctx context.Context, doomed []mail.Doomed) ([]mail.Deleted, error) {
	a := newAnswers(doomed)
	err := s.guarded(ctx, func() error {
		if s.o.ReadOnly {
			a.rest(errors.New("delete message: this session only reads"))
			return nil
		}
		groups, err := byFolder(a.refs())
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := s.deleteGroup(ctx, g, a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		a.rest(fmt.Errorf("delete message: not asked for, because the session ended: %w", err))
	}
	return a.list, err
}

// deleteGroup deletes in one folder. It returns an error only where the session is lost; the folder's own trouble is
// the answer to each of its messages.
func (s *imapSession) deleteGroup(ctx context.Context, g *imapGroup, a *answers) error {
	how, err := s.openToDelete(ctx, g.folder)
	if err == nil && s.selected.scope != g.scope {
		a.put(g, g.uids, mail.DeleteMismatch, fmt.Errorf("delete from folder %q: its UIDVALIDITY was %s and is now %s",
			g.folder, g.scope, s.selected.scope))
		return nil
	}
	if err != nil {
		a.rest(err, g.named(g.uids)...)
		return s.lost
	}
	for uids := range slices.Chunk(g.uids, chunk) {
		sound, err := s.verify(ctx, g, uids, a)
		if err == nil && len(sound) > 0 {
			err = s.dispose(ctx, g, sound, how, a)
		}
		a.rest(err, g.named(uids)...)
		if s.lost != nil {
			return s.lost
		}
	}
	return nil
}

// openToDelete finds out how to delete and selects the folder for writing, anew even if it is: the messages are then
// verified as they stand.
func (s *imapSession) openToDelete(ctx context.Context, folder string) (disposal, error) {
	how, err := s.disposal(ctx, folder)
	if err != nil {
		return how, err
	}
	if err := s.selectFolder(ctx, folder, true); err != nil {
		return how, err
	}
	if !how.move && !s.selected.sticky {
		return how, fmt.Errorf("delete from folder %q: server does not let this user mark messages as deleted", folder)
	}
	return how, nil
}

// verify returns those of uids whose header and size are the expected ones, and answers for the others.
func (s *imapSession) verify(ctx context.Context, g *imapGroup, uids []imap.UID, a *answers) ([]imap.UID, error) {
	var sound []imap.UID
	seen := map[imap.UID]bool{}
	check := func(h imapHeader) error {
		seen[h.uid] = true
		d := a.doomed[g.refs[h.uid]]
		switch print := h.envelope.Fingerprint; {
		case print != d.Fingerprint:
			a.put(g, []imap.UID{h.uid}, mail.DeleteMismatch, fmt.Errorf("delete message %s: another message has its UID now", name(d.Ref)))
		case d.Size >= 0 && h.envelope.Size != d.Size:
			a.put(g, []imap.UID{h.uid}, mail.DeleteMismatch, fmt.Errorf("delete message %s: it had %d bytes and has %d now", name(d.Ref), d.Size, h.envelope.Size))
		default:
			sound = append(sound, h.uid)
		}
		return nil
	}
	odd := func(uid imap.UID, err error) error {
		seen[uid] = true
		a.put(g, []imap.UID{uid}, mail.DeleteRefused, err)
		return nil
	}
	if err := s.headers(ctx, g, uids, headerSink{check, odd}); err != nil {
		return nil, err
	}
	for _, uid := range uids {
		if !seen[uid] {
			a.put(g, []imap.UID{uid}, mail.DeleteAbsent, nil)
		}
	}
	return sound, nil
}

// dispose deletes verified messages and answers for each.
func (s *imapSession) dispose(ctx context.Context, g *imapGroup, uids []imap.UID, how disposal, a *answers) error {
	switch {
	case how.move:
		return s.move(ctx, g, uids, how.target, a)
	case how.target != "":
		copied, err := s.copy(ctx, g, uids, how.target, a)
		if err != nil || len(copied) == 0 {
			return err
		}
		return s.expunge(ctx, g, copied, a)
	default:
		return s.expunge(ctx, g, uids, a)
	}
}

// move sends UID MOVE (RFC 6851). The library is asked once more whether the server has it, because its own fallback
// deletes without waiting for the copy.
func (s *imapSession) move(ctx context.Context, g *imapGroup, uids []imap.UID, target string, a *answers) error {
	what := fmt.Sprintf("move from folder %q to %q", g.folder, target)
	if !s.client.Caps().Has(imap.CapMove) {
		return fmt.Errorf("%s: server no longer offers MOVE", what)
	}
	data, err := s.client.Move(imap.UIDSetNum(uids...), target).Wait()
	if e := refusal(err); e != nil {
		return s.sortLeft(ctx, g, uids, refused(mail.Temporary, what+wrongTarget(e), e), a)
	}
	if err != nil {
		err = s.broken(ctx, what, err)
		a.put(g, uids, mail.DeleteUnknown, err)
		return err
	}
	moved, left := split(uids, data.SourceUIDs)
	a.put(g, moved, mail.DeleteDone, nil)
	if len(left) == 0 {
		return nil
	}
	return s.sortLeft(ctx, g, left, fmt.Errorf("%s: server moved others, not this one", what), a)
}

// copy sends UID COPY and waits: only what the server says it copied may be deleted afterwards.
func (s *imapSession) copy(ctx context.Context, g *imapGroup, uids []imap.UID, target string, a *answers) ([]imap.UID, error) {
	what := fmt.Sprintf("copy from folder %q to %q", g.folder, target)
	data, err := s.client.Copy(imap.UIDSetNum(uids...), target).Wait()
	if e := refusal(err); e != nil {
		return nil, refused(mail.Temporary, what+wrongTarget(e), e)
	}
	if err != nil {
		return nil, s.broken(ctx, what, err)
	}
	copied, left := split(uids, data.SourceUIDs)
	a.put(g, left, mail.DeleteRefused, fmt.Errorf("%s: server copied others, not this one", what))
	return copied, nil
}

// expunge marks and expunges (UIDPLUS, RFC 4315 section 2.1). Marks that are there already stay what they are: ours of
// an earlier session, or somebody's. If the server then refuses to expunge, our own marks are taken back.
func (s *imapSession) expunge(ctx context.Context, g *imapGroup, uids []imap.UID, a *answers) error {
	what := fmt.Sprintf("expunge from folder %q", g.folder)
	before, err := s.find(ctx, imap.SearchCriteria{UID: []imap.UIDSet{imap.UIDSetNum(uids...)}, Flag: []imap.Flag{imap.FlagDeleted}})
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(uids), func(uid imap.UID) bool { return before[uid] })
	err = s.mark(fresh, imap.StoreFlagsAdd)
	if err == nil {
		err = s.client.UIDExpunge(imap.UIDSetNum(uids...)).Close()
	}
	if err == nil {
		a.put(g, uids, mail.DeleteDone, nil)
		return nil
	}
	e := refusal(err)
	if e != nil {
		err = refused(mail.Temporary, what, e)
		if back := s.mark(fresh, imap.StoreFlagsDel); back == nil {
			return s.sortLeft(ctx, g, uids, err, a)
		}
		// Refused, and still marked: the next client that sends EXPUNGE deletes them.
		a.put(g, uids, mail.DeleteUnknown, err)
		return nil
	}
	err = s.broken(ctx, what, err)
	a.put(g, uids, mail.DeleteUnknown, err)
	return err
}

// mark sets or takes back \Deleted. Its error is the client's.
func (s *imapSession) mark(uids []imap.UID, op imap.StoreFlagsOp) error {
	if len(uids) == 0 {
		return nil
	}
	flags := &imap.StoreFlags{Op: op, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	return s.client.Store(imap.UIDSetNum(uids...), flags, nil).Close()
}

// sortLeft answers for messages whose deletion the server refused: RFC 6851 section 3.3 lets it have done a part. Those
// still there were refused with err.
func (s *imapSession) sortLeft(ctx context.Context, g *imapGroup, uids []imap.UID, err error, a *answers) error {
	left, ferr := s.find(ctx, imap.SearchCriteria{UID: []imap.UIDSet{imap.UIDSetNum(uids...)}})
	if ferr != nil {
		a.put(g, uids, mail.DeleteUnknown, err)
		return ferr
	}
	for _, uid := range uids {
		if left[uid] {
			a.put(g, []imap.UID{uid}, mail.DeleteRefused, err)
		} else {
			a.put(g, []imap.UID{uid}, mail.DeleteDone, nil)
		}
	}
	return nil
}

// find sends UID SEARCH.
func (s *imapSession) find(ctx context.Context, criteria imap.SearchCriteria) (map[imap.UID]bool, error) {
	uids, err := s.search(&criteria)
	if err != nil {
		return nil, s.failed(ctx, fmt.Sprintf("search folder %q", s.selected.name), err)
	}
	found := map[imap.UID]bool{}
	for _, uid := range uids {
		found[uid] = true
	}
	return found, nil
}

// split parts uids by whether the server named them in COPYUID (RFC 4315 section 3). One that names nothing means all.
func split(uids []imap.UID, named imap.NumSet) (in, out []imap.UID) {
	set, ok := named.(imap.UIDSet)
	if !ok || len(set) == 0 {
		return uids, nil
	}
	for _, uid := range uids {
		if set.Contains(uid) {
			in = append(in, uid)
		} else {
			out = append(out, uid)
		}
	}
	return in, out
}

// wrongTarget says what to do where a folder to move to is missing (RFC 9051 section 7.1, TRYCREATE).
func wrongTarget(e *imap.Error) string {
	if e.Code == imap.ResponseCodeTryCreate || e.Code == imap.ResponseCodeNonExistent {
		return " (which does not exist: create it, or choose another imap_delete)"
	}
	return ""
}
