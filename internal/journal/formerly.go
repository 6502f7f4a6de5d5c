package journal

import (
	"context"
	"errors"
	"fmt"
)

// ErrKnown: both names are on record, so that nothing can be carried over from one to the other.
var ErrKnown = errors.New("both names have mail on record")

// CarryMailbox gives a renamed mailbox what is on record under its former name, and reports whether there was
// anything. A mailbox that has listed mail under its new name too is ErrKnown. No pass over either may be running.
func (j *Journal) CarryMailbox(ctx context.Context, from, to string) (carried bool, err error) {
	what := fmt.Sprintf("carry records of mailbox %s over to %s", from, to)
	var known bool
	if err := j.r.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM mailbox WHERE name = ?)", from).Scan(&known); err != nil || !known {
		return false, j.classed(what, err)
	}
	err = j.write(ctx, what, func(tx *transaction) error {
		var listed bool
		if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM folder WHERE mailbox = ?)", to).Scan(&listed); err != nil {
			return err
		}
		if listed {
			return ErrKnown
		}
		// It was polled and never got as far as a listing: nothing of it is worth keeping.
		if _, err := tx.ExecContext(ctx, "DELETE FROM mailbox WHERE name = ?", to); err != nil {
			return err
		}
		for _, column := range []string{"mailbox SET name = ?1 WHERE name", "folder SET mailbox = ?1 WHERE mailbox",
			"batch SET mailbox = ?1 WHERE mailbox", "intent SET mailbox = ?1 WHERE mailbox"} {
			if _, err := tx.ExecContext(ctx, "UPDATE "+column+" = ?2", to, from); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		j.dropSights(from)
	}
	return err == nil, err
}

// CarryRule gives a renamed rule the files that went out under its former name, so that they do not go out again, and
// returns how many. A file that went out under both names stays on record under both.
func (j *Journal) CarryRule(ctx context.Context, from, to string) (int64, error) {
	what := fmt.Sprintf("carry files of rule %s over to %s", from, to)
	var some bool
	err := j.r.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM file f INDEXED BY file_once
		WHERE f.rule = ? AND f.state IN ('intended', 'published') AND NOT EXISTS (SELECT 1 FROM file g INDEXED BY file_once
			WHERE g.rule = ? AND g.fingerprint = f.fingerprint AND g.original = f.original AND g.sha256 = f.sha256
			AND g.ordinal = f.ordinal AND g.state IN ('intended', 'published')))`, from, to).Scan(&some)
	if err != nil || !some {
		return 0, j.classed(what, err)
	}
	var n int64
	err = j.write(ctx, what, func(tx *transaction) error {
		res, err := tx.ExecContext(ctx, "UPDATE OR IGNORE file SET rule = ? WHERE rule = ?", to, from)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}
