package journal

import (
	"context"
	"database/sql"

	"pricefetch/internal/mail"
)

// Kept returns the names below held/ that records still need; any other may be swept.
func (j *Journal) Kept(ctx context.Context) ([]string, error) {
	out, err := collect(ctx, j.r, func(s scanner) (name string, err error) {
		err = s.Scan(&name)
		return name, err
	}, "SELECT kept FROM record INDEXED BY record_kept WHERE kept <> '' ORDER BY id")
	return out, j.classed("read kept messages", err)
}

// Unkept notes that raw messages are no longer below held/: the server's are read from now on. One that was to be tried
// again and that the server does not have either is held. It returns the records.
func (j *Journal) Unkept(ctx context.Context, names []string) ([]mail.Record, error) {
	var out []mail.Record
	err := j.write(ctx, "note missing raw messages", func(tx *sql.Tx) error {
		for _, name := range names {
			list, err := records(ctx, tx, selectRecords+"WHERE r.kept = ?", name)
			if err != nil {
				return err
			}
			for _, r := range list {
				if r, err = unkept(ctx, tx, r, j); err != nil {
					return err
				}
				out = append(out, r)
			}
		}
		return nil
	})
	return out, err
}

func unkept(ctx context.Context, tx *sql.Tx, r mail.Record, j *Journal) (mail.Record, error) {
	text := "its raw message held/" + r.Kept + " is missing"
	r.Kept = ""
	if _, err := tx.ExecContext(ctx, "UPDATE record SET kept = '' WHERE id = ?", r.ID); err != nil {
		return r, err
	}
	switch {
	case r.Listed:
		text += "; a retry reads the server's"
	case r.Outcome == mail.Pending, r.Outcome == mail.Failed:
		return hold(ctx, tx, r, text+", and the server no longer has it", "", j.now())
	default:
		text += ", and the server no longer has it"
	}
	return r, addStep(ctx, tx, r.ID, j.now(), "%s", text)
}
