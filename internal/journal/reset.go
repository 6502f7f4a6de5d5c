package journal

import (
	"fmt"

	"pricefetch/internal/mail"
)

// smallBase is the number of known ids below which losing most of them proves nothing: a person may have tidied up.
const smallBase = 20

// recall says how much of the last complete listing a new one still shows.
type recall struct {
	base   int  // ids of the last complete listing, without those whose deletion we asked for
	still  int  // of them, listed now
	others int  // ids listed now that were in no listing since
	whole  bool // the new listing is complete and names every message
}

// resetReason tells why the ids of a folder must be taken for reset (semantics 3), "" if they need not.
func resetReason(f folder, account mail.Account, scope string, r recall) string {
	switch {
	case !sameAccount(f.account, account):
		return fmt.Sprintf("the account changed from %s to %s", accountText(f.account), accountText(account))
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
