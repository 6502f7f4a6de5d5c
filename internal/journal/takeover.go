package journal

import (
	"context"
	"slices"
	"time"

	"pricefetch/internal/mail"
)

// Twins returns, for a dry run, the records that the messages found after a reset of the ids may be: those of the same
// fingerprint and size in the folder, and in folders that the mailbox had under another account.
func (j *Journal) Twins(ctx context.Context, mailbox, folder string, account mail.Account, found []mail.Record) ([]mail.Record, error) {
	what := "look for old records of " + place(mailbox, folder)
	others, err := otherAccounts(ctx, j.r, mailbox, account)
	if err != nil {
		return nil, j.classed(what, err)
	}
	f, ok, err := folderRow(ctx, j.r, mailbox, folder)
	if err != nil {
		return nil, j.classed(what, err)
	}
	if ok && sameAccount(f.account, account) {
		others = append(others, f)
	}
	out, err := twinsIn(ctx, j.r, others, found, "")
	return out, j.classed(what, err)
}

// takeOver gives records whose ids a reset made worthless the new ids of the same messages, so that nothing of them is
// read or judged again. The record that was made for the new id goes: it knows nothing but what the old one knows.
func takeOver(ctx context.Context, tx *transaction, f folder, now time.Time) (map[mail.RecordID]mail.RecordID, error) {
	found, err := records(ctx, tx, selectVia("record_outcome")+`WHERE r.folder = ? AND r.outcome = 'pending' AND r.listed > 0 AND r.inspected = 1
		AND r.first_poll = ? AND r.forced = 0 AND NOT EXISTS (SELECT 1 FROM file x WHERE x.record = r.id)`, f.id, f.firstPoll)
	if err != nil {
		return nil, err
	}
	others, err := otherAccounts(ctx, tx, f.Mailbox, f.account)
	if err != nil {
		return nil, err
	}
	old, err := twinsIn(ctx, tx, append(others, f), found, " AND listed = 0")
	if err != nil {
		return nil, err
	}
	beside, err := twinsIn(ctx, tx, []folder{f}, found, " AND listed > 0")
	if err != nil {
		return nil, err
	}
	own := make(map[mail.RecordID]bool, len(found))
	for _, r := range found {
		own[r.ID] = true
	}
	beside = slices.DeleteFunc(beside, func(r mail.Record) bool { return own[r.ID] })
	taken := make(map[mail.RecordID]mail.RecordID)
	for i, o := range mail.SameMessages(found, beside, old) {
		if o < 0 {
			continue
		}
		if err := adopt(ctx, tx, f, old[o], found[i], f.reset, now); err != nil {
			return nil, err
		}
		taken[found[i].ID] = old[o].ID
	}
	return taken, nil
}

// reappeared does the same in an ordinary pass, where a message that the listing no longer shows under its id is shown
// under another: somebody moved it away and back, or the server gives one id to two messages. out holds records whose
// header has just been stored, fresh tells which of them are new.
func (j *Journal) reappeared(ctx context.Context, tx *transaction, out []mail.Record, fresh []int, now time.Time) error {
	if len(fresh) == 0 {
		return nil
	}
	first := out[fresh[0]]
	f, _, err := folderRow(ctx, tx, first.Mailbox, first.Folder)
	if err != nil || !f.FirstPollDone {
		return err
	}
	var old, found []mail.Record
	for _, id := range j.vanished(first.Mailbox, first.Folder) {
		r, err := record(ctx, tx, id)
		if err != nil {
			return err
		}
		if !r.Listed {
			old = append(old, r)
		}
	}
	for _, i := range fresh {
		found = append(found, out[i])
	}
	for i, o := range mail.SameMessages(found, nil, old) {
		if o < 0 {
			continue
		}
		if err := adopt(ctx, tx, f, old[o], found[i], "it vanished and came back", now); err != nil {
			return err
		}
		if out[fresh[i]], err = record(ctx, tx, old[o].ID); err != nil {
			return err
		}
		out[fresh[i]].Num = found[i].Num
	}
	return nil
}

// vanished returns the records that the folder's last listing no longer showed.
func (j *Journal) vanished(mailbox, folder string) []mail.RecordID {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.sights[mailbox][folder].vanished
}

// twinsIn returns the records of the folders that have the fingerprint and size of one that was found. It reads whole
// folders: a reset is rare, and an index would cost every record.
func twinsIn(ctx context.Context, q querier, folders []folder, found []mail.Record, and string) ([]mail.Record, error) {
	wanted := make(map[mail.Identity]bool, len(found))
	for _, r := range found {
		if id, ok := r.Identity(); ok {
			wanted[id] = true
		}
	}
	var out []mail.Record
	for _, f := range folders {
		var one mail.Identity
		ids, err := collect(ctx, q, func(s scanner) (id mail.RecordID, err error) {
			if err = s.Scan(&id, &one.Fingerprint, &one.Size); err == nil && !wanted[one] {
				id = 0
			}
			return id, err
		}, "SELECT id, fingerprint, size FROM record WHERE folder = ? AND inspected = 1"+and, f.id)
		if err != nil {
			return nil, err
		}
		for _, id := range slices.DeleteFunc(ids, func(id mail.RecordID) bool { return id == 0 }) {
			r, err := record(ctx, q, id)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// adopt moves old to the place of found. What was asked of the server under the old id has not happened to this
// message; only a deletion that was given up for good stays so. One that was gone, or whose deletion was asked for, may
// have been brought back: like all mail that is moved in it is never older than when it was seen again.
func adopt(ctx context.Context, tx *transaction, f folder, old, found mail.Record, why string, now time.Time) error {
	var listed, listedSize int64
	if err := tx.QueryRowContext(ctx, "SELECT listed, listed_size FROM record WHERE id = ?", found.ID).Scan(&listed, &listedSize); err != nil {
		return err
	}
	for _, table := range []string{"step WHERE record", "batch WHERE record", "record WHERE id"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" = ?", found.ID); err != nil {
			return err
		}
	}
	if old.Deletion != mail.DeletionNone && old.Deletion != mail.DeletionIgnored {
		old.FirstSeen, old.AtFirstPoll = found.FirstSeen, false
		if _, err := tx.ExecContext(ctx, "UPDATE record SET first_seen = ?, first_poll = 0, age = ? WHERE id = ?",
			old.FirstSeen.UnixMilli(), old.Age().UnixMilli(), old.ID); err != nil {
			return err
		}
	}
	deletion := mail.DeletionNone
	if old.Deletion == mail.DeletionIgnored && old.Folder == f.Folder {
		deletion = mail.DeletionIgnored
	}
	if _, err := tx.ExecContext(ctx, `UPDATE record SET folder = ?, scope = ?, uid = ?, generation = ?, listed = ?, listed_size = ?, inspect = 0,
		deletion = ?, deletion_since = NULL WHERE id = ?`,
		f.id, found.Scope, found.Ref.ID, found.Generation, listed, listedSize, deletion, old.ID); err != nil {
		return err
	}
	return addStep(ctx, tx, old.ID, now, "known again by its header under another id, %s instead of %s in %s: %s",
		found.Ref.ID, old.Ref.ID, place(old.Mailbox, old.Folder), why)
}

// adopted gives the records that were taken over the message numbers that their new ids were listed under.
func (j *Journal) adopted(mailbox, folder string, taken map[mail.RecordID]mail.RecordID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s, ok := j.sights[mailbox][folder]
	if !ok {
		return
	}
	for found, old := range taken {
		if num, ok := s.nums[found]; ok {
			s.nums[old] = num
			delete(s.nums, found)
		}
	}
}
