package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"pricefetch/internal/mail"
)

// Values of Options.Delete: retention's imap_delete.
const (
	DeleteAuto    = "auto"    // DeleteTrash where the server marks such a folder, else DeleteExpunge
	DeleteTrash   = "trash"   // move to the folder that the server marks \Trash (RFC 6154)
	DeleteExpunge = "expunge" // \Deleted and UID EXPUNGE
	DeleteFolder  = "folder"  // move to Options.DeleteFolder
)

// disposal is how messages of one folder are deleted.
type disposal struct {
	target string // folder to move to; "" where they are expunged
	move   bool   // by UID MOVE; else marked \Deleted, after COPY if there is a target, and expunged
}

// disposal decides how to delete from folder on this server. Its error says why nothing can be deleted, and what to
// choose.
func (s *imapSession) disposal(ctx context.Context, folder string) (disposal, error) {
	var trash string
	if s.o.Delete != DeleteExpunge && s.o.Delete != DeleteFolder {
		var err error
		if trash, err = s.trashFolder(ctx); err != nil {
			return disposal{}, err
		}
	}
	how, err := chooseDisposal(s.o.Delete, s.o.DeleteFolder, trash, s.caps)
	if err == nil && how.target != "" && sameFolder(how.target, folder) {
		err = fmt.Errorf("messages of folder %q cannot be moved to itself: set imap_delete: expunge for this mailbox", folder)
	}
	if err != nil {
		return disposal{}, fmt.Errorf("delete from folder %q: %w", folder, err)
	}
	return how, nil
}

// chooseDisposal is the table of semantics 4; no choice is auto. trash is the folder marked \Trash, "" if there is none.
func chooseDisposal(choice, target, trash string, caps imap.CapSet) (disposal, error) {
	if choice == "" || choice == DeleteAuto {
		choice = DeleteExpunge
		if trash != "" {
			choice = DeleteTrash
		}
	}
	move, plus := caps.Has(imap.CapMove), caps.Has(imap.CapUIDPlus)
	if !move && !plus {
		return disposal{}, errors.New("server has neither MOVE nor UIDPLUS, so nothing can be deleted here without touching " +
			"other messages: set leave_copy: true and no delete_after_days, or use POP3")
	}
	switch choice {
	case DeleteExpunge:
		if !plus {
			return disposal{}, errors.New("server has no UIDPLUS, so nothing can be expunged without touching other messages: " +
				"set imap_delete: {folder: NAME}")
		}
		return disposal{}, nil
	case DeleteTrash:
		if trash == "" {
			return disposal{}, errors.New(`server marks no folder as \Trash: set imap_delete: expunge or {folder: NAME}`)
		}
		return disposal{target: trash, move: move}, nil
	case DeleteFolder:
		if target == "" {
			return disposal{}, errors.New("imap_delete names no folder: set imap_delete: {folder: NAME}")
		}
		return disposal{target: target, move: move}, nil
	default:
		return disposal{}, fmt.Errorf("imap_delete %q is none of auto, trash, expunge, folder", choice)
	}
}

// sameFolder compares names; INBOX is the same in every case (RFC 9051 section 5.1).
func sameFolder(a, b string) bool {
	return a == b || strings.EqualFold(a, "INBOX") && strings.EqualFold(b, "INBOX")
}

// trashFolder finds the folder marked \Trash, once a session; "" if there is none. Only where deleting needs it are
// folders listed at all: one odd name in a list costs the connection.
func (s *imapSession) trashFolder(ctx context.Context) (string, error) {
	if s.trash != nil {
		return *s.trash, nil
	}
	folders, err := s.listFolders(ctx, s.caps.Has(imap.CapSpecialUse))
	if err != nil {
		return "", err
	}
	trash := ""
	for _, f := range folders {
		if trash == "" && slices.Contains(f.Attrs, imap.MailboxAttrTrash) && selectable(f) {
			trash = f.Mailbox
		}
	}
	s.trash = &trash
	return trash, nil
}

// listFolders sends LIST; special asks for folders with a special use only (RFC 6154 section 5.2), or for all of them
// where the server refuses that.
func (s *imapSession) listFolders(ctx context.Context, special bool) ([]*imap.ListData, error) {
	folders, err := s.client.List("", "*", &imap.ListOptions{SelectSpecialUse: special}).Collect()
	if special && refusal(err) != nil {
		folders, err = s.client.List("", "*", nil).Collect()
	}
	if err != nil {
		return nil, s.failed(ctx, "list folders", err)
	}
	return folders, nil
}

func selectable(f *imap.ListData) bool {
	return !slices.Contains(f.Attrs, imap.MailboxAttrNoSelect) && !slices.Contains(f.Attrs, imap.MailboxAttrNonExistent)
}

// keepsDeleted reports whether \Deleted can be set for good. A server that does not tell lets every flag be set (RFC 9051
// section 7.1, PERMANENTFLAGS).
func keepsDeleted(permanent []imap.Flag) bool {
	return len(permanent) == 0 || slices.Contains(permanent, imap.FlagDeleted)
}

// answers collects what became of each Doomed. One that has an answer keeps it.
type answers struct {
	list   []mail.Deleted
	doomed map[mail.Ref]mail.Doomed
	place  map[mail.Ref]int
	known  map[mail.Ref]bool
}

func newAnswers(doomed []mail.Doomed) *answers {
	a := &answers{doomed: map[mail.Ref]mail.Doomed{}, place: map[mail.Ref]int{}, known: map[mail.Ref]bool{}}
	for i, d := range doomed {
		a.list = append(a.list, mail.Deleted{Ref: d.Ref})
		a.doomed[d.Ref], a.place[d.Ref] = d, i
	}
	return a
}

func (a *answers) refs() []mail.Ref {
	refs := make([]mail.Ref, len(a.list))
	for i, d := range a.list {
		refs[i] = d.Ref
	}
	return refs
}

// put answers for uids of g.
func (a *answers) put(g *imapGroup, uids []imap.UID, state mail.DeleteState, err error) {
	for _, ref := range g.named(uids) {
		if !a.known[ref] {
			a.known[ref] = true
			a.list[a.place[ref]] = mail.Deleted{Ref: ref, State: state, Err: err}
		}
	}
}

// rest refuses those of refs that have no answer yet; without refs, all such.
func (a *answers) rest(err error, refs ...mail.Ref) {
	if len(refs) == 0 {
		refs = a.refs()
	}
	for _, ref := range refs {
		if !a.known[ref] {
			a.known[ref] = true
			a.list[a.place[ref]] = mail.Deleted{Ref: ref, State: mail.DeleteRefused, Err: err}
		}
	}
}

// named returns the refs of uids.
func (g *imapGroup) named(uids []imap.UID) []mail.Ref {
	refs := make([]mail.Ref, len(uids))
	for i, uid := range uids {
		refs[i] = g.refs[uid]
	}
	return refs
}
