package poll

import (
	"context"
	"errors"

	"pricefetch/internal/mail"
)

// obstacle is what keeps the files of one message from being published while the import directory as a whole is
// sound: a directory stands where a file is to be replaced, the destination of one rule cannot be entered. Other
// messages go on.
type obstacle struct{ error }

func (o obstacle) Unwrap() error { return o.error }

func isObstacle(err error) bool {
	_, ok := errors.AsType[obstacle](err)
	return ok
}

// obstacle marks an error of the import directory that concerns one name or one destination only.
func (r *run) obstacle(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, mail.ErrStagedLost), ctx.Err() != nil:
		return err
	case mail.ClassOf(err) == mail.Message, mail.ClassOf(err) == mail.Storage && r.Import.Ready(ctx) == nil:
		return obstacle{err}
	}
	return err
}

// stuck reports a message whose files cannot be published now. It stays pending; the pass goes on with the others and
// ends with this error.
func (r *run) stuck(id mail.RecordID, err error) {
	r.Log.Error("files of a message cannot be published; this is tried again in every pass", "message", id, "error", err)
	r.trouble = errors.Join(r.trouble, err)
}

// unpublished decides what becomes of a message whose files did not come out.
func (r *run) unpublished(ctx context.Context, it *item, err error, d *delivery) error {
	intended := it.staged == nil
	switch {
	case errors.Is(err, mail.ErrNameTaken) && !intended:
		r.Log.Warn("message waits for another one that is about to be saved under the same name", "message", it.rec.ID, "reason", err)
		return nil
	case !isObstacle(err):
		return err
	case mail.ClassOf(err) == mail.Message && !intended:
		return r.fail(ctx, it, err.Error(), d)
	}
	r.stuck(it.rec.ID, err)
	return nil
}
