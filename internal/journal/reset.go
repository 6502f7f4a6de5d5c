package journal

import (
	"context"
	"fmt"

	"pricefetch/internal/mail"
)

// smallBase is the number of known ids below which losing most of them proves nothing: a person may have tidied up.
const smallBase = 20

// recall says how much of the last complete listing a new one still shows.
type recall struct {
	base   int  // ids of the last complete listing, without those whose deletion we asked for
	still  int  // of them, listed now
	others int  // ids listed now that it did not have
	whole  bool // the new listing is complete and names every message
}

// resetReason tells why the ids of a folder must be taken for reset (semantics 3), "" if they need not.
func resetReason(f folder, account mail.Account, scope string, r recall) string {
	switch {
	case !sameAccount(f.account, account):
		return movedReason([]folder{f}, account)
	case f.away:
		return "the mailbox was polled under another account in the meantime"
	case f.Scope != scope:
		return fmt.Sprintf("UIDVALIDITY changed from %s to %s", f.Scope, scope)
	case !r.whole:
		return ""
	case r.base >= smallBase && r.still*5 < r.base,
		r.base > 0 && r.base < smallBase && r.still == 0 && r.others > 0:
		return fmt.Sprintf("only %d of the %d known ids are still listed, beside %d new ones", r.still, r.base, r.others)
	}
	return ""
}

// Reset tells, for a dry run, why SortOut would find the ids of a listing reset; "" if it would not. It changes nothing.
func (j *Journal) Reset(ctx context.Context, mailbox string, l mail.Listing, account mail.Account) (string, error) {
	what := "hold listing against " + place(mailbox, l.Folder)
	tx, err := j.r.begin(ctx)
	if err != nil {
		return "", j.classed(what, err)
	}
	defer tx.end(ctx)
	f, ok, err := folderRow(ctx, tx, mailbox, l.Folder)
	if err != nil {
		return "", j.classed(what, err)
	}
	if !ok {
		others, err := otherAccounts(ctx, tx, mailbox, account)
		return movedReason(others, account), j.classed(what, err)
	}
	s := &sorting{tx: tx, l: l, f: f, complete: l.Complete, whole: l.Complete, known: make(map[string]known)}
	if err := s.load(ctx); err != nil {
		return "", j.classed(what, err)
	}
	reason := resetReason(f, account, l.Scope, s.recall())
	if reason == "" && !f.FirstPollDone {
		reason = f.reset // an earlier pass found it and did not get through
	}
	return reason, nil
}
