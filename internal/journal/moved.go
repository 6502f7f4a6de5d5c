package journal

import (
	"context"
	"fmt"

	"pricefetch/internal/mail"
)

// otherAccounts returns the folders of a mailbox whose records carry the ids of another account than the given one.
func otherAccounts(ctx context.Context, q querier, mailbox string, account mail.Account) ([]folder, error) {
	all, err := folderRows(ctx, q, mailbox)
	if err != nil {
		return nil, err
	}
	var others []folder
	for _, f := range all {
		if !sameAccount(f.account, account) {
			others = append(others, f)
		}
	}
	return others, nil
}

// movedReason says that a mailbox was moved from the account of the others; "" if there are none.
func movedReason(others []folder, account mail.Account) string {
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf("the account changed from %s to %s", accountText(others[0].account), accountText(account))
}

// leave notes of the mailbox's folders of other accounts that their ids prove nothing any more: what they held may be
// taken over by the folders of the present account, and should the mailbox ever return, that is a reset too.
func leave(ctx context.Context, tx *transaction, f folder, o mail.SortOptions) error {
	others, err := otherAccounts(ctx, tx, f.Mailbox, o.Account)
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.away || other.id == f.id {
			continue
		}
		const listed = " WHERE folder = ? AND listed > 0"
		if _, err := tx.ExecContext(ctx, "INSERT INTO step (record, at, text) SELECT id, ?, ? FROM record INDEXED BY record_listed"+listed,
			o.Now.UnixMilli(), "no longer listed: "+movedReason([]folder{other}, o.Account), other.id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE record INDEXED BY record_listed SET listed = 0, inspect = 0"+listed, other.id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE folder SET away = 1, based = 0 WHERE id = ?", other.id); err != nil {
			return err
		}
	}
	return nil
}
