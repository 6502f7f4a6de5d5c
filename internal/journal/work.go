package journal

import (
	"context"
	"slices"
	"time"

	"pricefetch/internal/mail"
)

// worklist reads what is left to do.
func (s *sorting) worklist(ctx context.Context) (mail.Worklist, error) {
	w := mail.Worklist{
		Folder: s.l.Folder, Scope: s.l.Scope, Complete: s.complete, FirstPoll: !s.f.FirstPollDone, Reset: s.f.reset,
		Listed: len(s.order),
	}
	if s.complete {
		w.Listed = s.f.Listed
	}
	inspect, err := records(ctx, s.tx, selectVia("record_inspect")+"WHERE r.folder = ? AND r.inspect = 1 AND r.listed > 0 ORDER BY r.id", s.f.id)
	if err != nil {
		return mail.Worklist{}, err
	}
	w.Inspect = s.sight.of(inspect)
	slices.SortStableFunc(w.Inspect, func(a, b mail.Record) int { return s.position(a.ID) - s.position(b.ID) })
	if w.FirstPoll {
		return w, nil
	}
	if w.Rejudge, err = rejudgeable(ctx, s.tx, s.f, s.o); err != nil {
		return mail.Worklist{}, err
	}
	w.Rejudge = s.sight.of(w.Rejudge)
	return w, nil
}

// position is the record's place in the listing; what an unchanged listing did not name again comes first.
func (s *sorting) position(id mail.RecordID) int {
	if i, ok := s.order[id]; ok {
		return i
	}
	return -1
}

// Work returns the records to fetch: pending ones with a header, then failed ones that are due (mail.Record.Due), each
// oldest first. A record whose raw message is kept is among them even if the server no longer has it; while the folder's
// first poll goes on, only such.
func (j *Journal) Work(ctx context.Context, mailbox, folder string, now time.Time) ([]mail.Record, error) {
	what := "read work of " + place(mailbox, folder)
	f, ok, err := folderRow(ctx, j.r, mailbox, folder)
	if err != nil || !ok {
		return nil, j.classed(what, err)
	}
	list, err := fetchable(ctx, j.r, f, now)
	if err != nil {
		return nil, j.classed(what, err)
	}
	return j.seen(mailbox, folder, list), nil
}

func fetchable(ctx context.Context, q querier, f folder, now time.Time) ([]mail.Record, error) {
	kept := ""
	if !f.FirstPollDone {
		kept = " AND r.kept <> ''" // nothing of it is the server's any more
	}
	return records(ctx, q, selectVia("record_outcome")+`WHERE r.folder = ? AND r.outcome IN ('pending', 'failed') AND r.inspected = 1
		AND ((r.listed > 0 AND r.inspect = 0) OR r.kept <> '') AND r.deletion <> 'ignored'
		AND (r.outcome = 'pending' OR r.next <= ? OR r.next > ?) AND NOT EXISTS (SELECT 1 FROM intent i WHERE i.record = r.id)`+kept+`
		ORDER BY r.outcome = 'failed', r.age, r.id`, f.id, now.UnixMilli(), now.Add(mail.LongestWait).UnixMilli())
}

// rejudgeable returns what is to be judged again: records that today's rules have not seen and that are young
// enough, those a person asked for, and whatever waits for something disabled. Oldest first.
func rejudgeable(ctx context.Context, q querier, f folder, o mail.SortOptions) ([]mail.Record, error) {
	const here = " AND r.listed > 0 AND r.inspect = 0 AND r.deletion <> 'ignored' AND NOT EXISTS (SELECT 1 FROM intent i WHERE i.record = r.id)"
	young, err := records(ctx, q, selectVia("record_rules")+`WHERE r.folder = ? AND r.age >= ? AND r.rules_hash <> ?
		AND (r.outcome IN ('unmatched', 'near_miss') OR (r.outcome = 'saved' AND r.leftover = 1))`+here,
		f.id, o.Now.Add(-o.Rescan).UnixMilli(), o.RulesHash)
	if err != nil {
		return nil, err
	}
	asked, err := records(ctx, q, selectVia("record_rejudge")+"WHERE r.folder = ? AND r.rejudge = 1"+here, f.id)
	if err != nil {
		return nil, err
	}
	paused, err := records(ctx, q, selectVia("record_outcome")+"WHERE r.folder = ? AND r.outcome = 'paused'"+here, f.id)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(young, asked, paused)
	slices.SortFunc(all, func(a, b mail.Record) int {
		if c := a.Age().Compare(b.Age()); c != 0 {
			return c
		}
		return int(a.ID - b.ID)
	})
	return slices.CompactFunc(all, func(a, b mail.Record) bool { return a.ID == b.ID }), nil
}
