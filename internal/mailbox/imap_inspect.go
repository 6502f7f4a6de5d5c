package mailbox

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// inspectIMAP opens the configured folders read only, lists what else there is, and says what imap_delete will do. The
// folders come first, because a list with one odd name can cost the connection.
func inspectIMAP(ctx context.Context, o Options) (Report, error) {
	s, err := connectIMAP(ctx, o)
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = s.Close(false) }() // it always returns nil
	r := s.link.report(o)
	for _, c := range slices.Sorted(maps.Keys(s.caps)) {
		r.Capabilities = append(r.Capabilities, string(c))
	}
	err = s.guarded(ctx, func() error {
		if err := s.inspectFolders(ctx, &r); err != nil {
			return err
		}
		s.inspectDeletion(s.inspectOthers(ctx, &r), &r)
		return nil
	})
	return r, err
}

// inspectFolders opens each configured folder.
func (s *imapSession) inspectFolders(ctx context.Context, r *Report) error {
	for _, folder := range s.folders() {
		err := s.selectFolder(ctx, folder, false)
		if s.lost != nil {
			return err
		}
		f := FolderReport{Name: folder, Configured: true, Messages: -1, Octets: -1, Err: err}
		if err == nil {
			f.Messages = s.selected.exists
		}
		r.Folders = append(r.Folders, f)
	}
	return nil
}

// inspectOthers lists all folders. It reports whether it could.
func (s *imapSession) inspectOthers(ctx context.Context, r *Report) bool {
	list, err := s.listFolders(ctx, false)
	if err != nil {
		r.note("The list of folders cannot be read (%v). Polling needs none; for deletion set imap_delete: expunge or {folder: NAME}.", err)
		return false
	}
	trash := ""
	for _, l := range list {
		special := ""
		for _, attr := range []imap.MailboxAttr{imap.MailboxAttrTrash, imap.MailboxAttrJunk, imap.MailboxAttrSent,
			imap.MailboxAttrDrafts, imap.MailboxAttrArchive, imap.MailboxAttrAll, imap.MailboxAttrFlagged} {
			if special == "" && slices.Contains(l.Attrs, attr) {
				special = string(attr)
			}
		}
		if trash == "" && special == string(imap.MailboxAttrTrash) && selectable(l) {
			trash = l.Mailbox
		}
		at := slices.IndexFunc(r.Folders, func(f FolderReport) bool { return sameFolder(f.Name, l.Mailbox) })
		if at >= 0 {
			r.Folders[at].Special = special
		} else if selectable(l) {
			r.Folders = append(r.Folders, FolderReport{Name: l.Mailbox, Special: special, Messages: -1, Octets: -1})
		}
	}
	s.trash = &trash
	return true
}

// inspectDeletion says in words what deleting a message will do.
func (s *imapSession) inspectDeletion(listed bool, r *Report) {
	if !s.caps.Has(imap.CapUIDPlus) {
		r.note("The server has no UIDPLUS: messages can be moved at best, never expunged one by one.")
	}
	if !listed {
		return
	}
	how, err := chooseDisposal(s.o.Delete, s.o.DeleteFolder, *s.trash, s.caps)
	exists := slices.ContainsFunc(r.Folders, func(f FolderReport) bool { return sameFolder(f.Name, how.target) })
	switch {
	case err != nil:
		r.note("Nothing can be deleted here: %v.", err)
	case how.target == "":
		r.note("A message that retention deletes is expunged: it is gone at once.")
	case !exists:
		r.note("Nothing can be deleted here: the folder %q does not exist. Create it, or choose another imap_delete.", how.target)
	case how.move:
		r.note("A message that retention deletes is moved to the folder %q.", how.target)
	default:
		r.note("A message that retention deletes is copied to the folder %q and then expunged, because the server has no MOVE.", how.target)
	}
	if err == nil && how.target != "" {
		if slices.ContainsFunc(s.folders(), func(f string) bool { return sameFolder(f, how.target) }) {
			r.note("The folder %q is polled itself: nothing is deleted from it. Take it out of folders, or set imap_delete: expunge.", how.target)
		}
	}
	if s.isGmail() && err == nil && how.target == "" {
		r.note("Gmail: what expunging does is decided by its web settings (Forwarding and POP/IMAP); by default it only archives. Set imap_delete: trash.")
	}
}

// isGmail tells Gmail, under whatever name it is reached, by its own extension.
func (s *imapSession) isGmail() bool {
	for c := range s.caps {
		if strings.EqualFold(string(c), "X-GM-EXT-1") {
			return true
		}
	}
	return false
}
