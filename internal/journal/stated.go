package journal

import (
	"context"

	"pricefetch/internal/mail"
)

// Stated notes which attachments a server says that messages have which were not read because no rule wants their sender.
// Nothing is decided by it: it tells a person who that may be. A message that was read, or judged otherwise since, keeps
// what is known of it. No parts: the server was asked.
func (j *Journal) Stated(ctx context.Context, parts map[mail.RecordID][]mail.PartNote) error {
	return j.write(ctx, "note what the server says of messages", func(tx *transaction) error {
		for id, notes := range parts {
			text, err := statedJSON(notes)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "UPDATE record SET parts = ? WHERE id = ? AND outcome = 'unmatched' AND (parts IS NULL OR substr(parts, 1, 1) = '{')",
				text, id); err != nil {
				return err
			}
		}
		return nil
	})
}
