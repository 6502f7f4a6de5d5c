package journal

import (
	"context"
	"slices"

	"pricefetch/internal/mail"
)

// take enters one listed message: a new record, or what the listing tells of an old one.
func (s *sorting) take(ctx context.Context, i int, ref mail.Listed) error {
	listed := 2
	if s.complete {
		listed = 1
	}
	k, ok := s.known[ref.ID]
	if !ok {
		id, err := s.add(ctx, ref, listed)
		if err != nil {
			return err
		}
		if id != 0 {
			s.added++
			s.show(i, id, ref.Num)
			return nil
		}
		if k, err = scanKnown(s.tx.QueryRowContext(ctx, findListed, s.f.id, s.l.Scope, ref.ID)); err != nil {
			return err
		}
	}
	s.show(i, k.id, ref.Num)
	if k.listed != 1 {
		s.added++
	}
	if k.listed == 1 {
		listed = 1
	}
	return s.refresh(ctx, k, ref, listed)
}

// add inserts a pending record; 0 means that the id is on record already.
func (s *sorting) add(ctx context.Context, ref mail.Listed, listed int) (mail.RecordID, error) {
	firstPoll := 0
	if !s.f.FirstPollDone {
		firstPoll = s.f.firstPoll
	}
	seen := s.seen.UnixMilli()
	res, err := s.tx.ExecContext(ctx, insertListed, s.f.id, s.l.Scope, ref.ID, listed, ref.Size, ref.Size, seen, firstPoll, seen)
	if err != nil {
		return 0, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return 0, err
	}
	id, err := res.LastInsertId()
	return mail.RecordID(id), err
}

// refresh stores what the listing changes of a record that is known, and flags it where its identity is in doubt.
func (s *sorting) refresh(ctx context.Context, k known, ref mail.Listed, listed int) error {
	size, doubt := k.size, ""
	if ref.Size >= 0 {
		size = ref.Size
	}
	switch {
	case k.listed == 0:
		doubt = "listed again"
	case s.reset != "":
		doubt = "still listed after a reset of the ids"
	case k.size >= 0 && size != k.size:
		doubt = "listed with another size"
	case k.deletion == mail.DeletionAcknowledged:
		doubt = "listed although the server confirmed the deletion"
	}
	inspect := k.inspect || doubt != ""
	if listed == k.listed && size == k.size && inspect == k.inspect {
		return nil
	}
	if _, err := s.tx.ExecContext(ctx, updateListed, listed, size, inspect, size, k.id); err != nil {
		return err
	}
	if doubt == "" || k.inspect {
		return nil
	}
	return addStep(ctx, s.tx, k.id, s.o.Now, "%s: to be identified by its header", doubt)
}

// show notes that the listing has the record.
func (s *sorting) show(i int, id mail.RecordID, num uint32) {
	if _, twice := s.order[id]; twice {
		return
	}
	s.order[id] = i
	if s.sight.partial || num != 0 {
		s.sight.nums[id] = num
	}
}

// dropMissing unlists what the listing lacks. Only a complete one may; only where the ids were not reset does it
// mean that the message is gone.
func (s *sorting) dropMissing(ctx context.Context) error {
	missing := s.stale
	for _, k := range s.known {
		if _, shown := s.order[k.id]; !shown {
			missing = append(missing, k)
		}
	}
	slices.SortFunc(missing, func(a, b known) int { return int(a.id - b.id) })
	for _, k := range missing {
		var err error
		switch {
		case s.reset != "":
			err = s.unlist(ctx, k, false, "no longer listed: "+s.reset)
		case !s.complete:
			continue
		case k.ours():
			err = s.unlist(ctx, k, true, "gone from the server after its deletion")
		default:
			err = s.unlist(ctx, k, true, "gone from the server; it was not deleted by this program")
			if err == nil { // that says so should it come back
				_, err = s.tx.ExecContext(ctx, "UPDATE record SET deletion_since = NULL WHERE id = ?", k.id)
			}
			s.sight.vanished = append(s.sight.vanished, k.id)
		}
		if err != nil {
			return err
		}
	}
	return s.doubtAcknowledged(ctx)
}

func (s *sorting) unlist(ctx context.Context, k known, gone bool, step string) error {
	if _, err := s.tx.ExecContext(ctx, "UPDATE record SET listed = 0, inspect = 0, deletion = CASE WHEN ? THEN 'gone' ELSE deletion END WHERE id = ?", gone, k.id); err != nil {
		return err
	}
	return addStep(ctx, s.tx, k.id, s.o.Now, "%s", step)
}

// doubtAcknowledged flags, where the server says that nothing changed, the deletions that it had confirmed.
func (s *sorting) doubtAcknowledged(ctx context.Context) error {
	if !s.complete || s.whole {
		return nil
	}
	_, err := s.tx.ExecContext(ctx, `UPDATE record INDEXED BY record_acknowledged SET inspect = 1
		WHERE folder = ? AND deletion = 'acknowledged' AND listed > 0`, s.f.id)
	return err
}
