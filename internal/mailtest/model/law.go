package model

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
	"pricefetch/internal/retain"
)

// law is what semantics allow to be deleted from one mailbox, reckoned from what the server did and what the model
// knows. The journal is asked only for the reasons it claims, and for how far it got.
type law struct {
	b *box

	firstDone bool            // the first poll has ended
	complete  bool            // a complete listing that was not empty was given, ever
	base      map[string]bool // ids of the last complete listing on record
	asked     map[string]bool // of them, those whose deletion we asked for
	gone      map[string]bool // and those that it came true for
	valid     int             // UIDVALIDITY of it
	current   map[string]bool // ids of the last complete listing, whether it is the base or not
	user      string
	moved     bool // the account changed, and no pass has reconciled since

	was      map[mail.RecordID]bool // gone before this pass
	records  []mail.Record          // as Listed last returned them
	intended []mail.Record          // of them, those of the last Deleting

	policy    retain.Policy
	since     time.Time // since when it is so
	approved  bool
	settled   bool      // it may have settled itself
	finished  time.Time // the last finished pass
	clockOK   time.Time // the last approval of the clock
	newest    time.Time // the latest clock reading on record
	suspended bool      // deletion by age, on record
	doubt     bool      // in this pass: it ought to be
	hold      bool      // the clock forbids every deletion in this pass
	counted   int       // deletions that the brake counts, since the policy became new
	listed    int       // messages shown in this pass
}

// passBegins reckons what the clock forbids, and whether the policy is new.
func (l *law) passBegins() {
	now := l.b.w.machine()
	l.hold = now.Before(l.newest.Add(-5*time.Minute)) || now.Before(epoch)
	sure := l.finished // or when a person last said that the clock is right; a finish that is still to come was under a wrong one
	if !sure.IsZero() && (l.clockOK.After(sure) || sure.After(now)) {
		sure = l.clockOK
	}
	gap := now.Sub(sure)
	l.doubt = false
	if l.newest.Sub(now) > day || !sure.IsZero() && gap > 14*day && gap > 15*time.Minute {
		l.doubt = true
	}
	l.intended, l.listed, l.was = nil, 0, map[mail.RecordID]bool{}
	for _, rec := range l.b.w.records(l.b) {
		l.was[rec.ID] = rec.Deletion == mail.DeletionGone
	}
	l.b.session = nil
	if l.policy != l.b.policy || l.user != l.b.user || !l.firstDone {
		l.fresh(now)
	}
}

// fresh begins a policy.
func (l *law) fresh(now time.Time) {
	l.policy, l.user, l.since, l.settled, l.counted = l.b.policy, l.b.user, now, false, 0
	l.approved = l.policy.BrakeOff
}

func (l *law) passEnded(report poll.Report, err error) {
	l.checkGone()
	carried := err == nil || !slices.ContainsFunc(l.intended, func(r mail.Record) bool { return !l.gone[r.Ref.ID] && !l.b.deaf })
	if s := l.b.session; carried && s != nil && s.honest && l.firstDone && !l.hold && report.Waiting == 0 {
		l.settled = true
	}
}

// checkGone holds what the journal calls gone against the server, after a listing that proved nothing.
func (l *law) checkGone() {
	s := l.b.session
	if s == nil || s.honest || len(s.shown) == 0 {
		return
	}
	for _, rec := range l.b.w.records(l.b) {
		for _, c := range l.b.visible() {
			if rec.Deletion == mail.DeletionGone && rec.Ref.ID == c.id && rec.Fingerprint == c.l.print && !l.was[rec.ID] {
				l.b.w.violate("record %d is gone after an incomplete listing, and %s is on the server", rec.ID, c.l)
			}
		}
	}
}

func (l *law) started(now time.Time) {
	if now.After(l.newest) {
		l.newest = now
	}
}

func (l *law) updated(s mail.MailboxState) {
	l.newest, l.finished = s.Newest, s.LastFinished
	l.suspended = l.suspended || s.AgeSuspended != ""
}

// sorted notes that a listing is on record; unless the ids were reset, a complete one is the new base.
func (l *law) sorted(listing mail.Listing) {
	s := l.b.session
	if s == nil || !listing.Complete {
		return
	}
	if !listing.Unchanged || l.current == nil { // otherwise only what is new was asked for
		l.current = map[string]bool{}
	}
	for id := range s.shown {
		l.current[id] = true
	}
	if !s.reconciling {
		l.rebase()
	}
}

func (l *law) rebase() {
	l.base, l.valid = maps.Clone(l.current), l.b.valid
	l.asked, l.gone = map[string]bool{}, map[string]bool{}
}

func (l *law) firstPollEnded() {
	s := l.b.session
	if s == nil {
		return
	}
	l.firstDone, l.moved = true, false
	for _, c := range slices.Concat(l.b.copies, l.b.removed) { // one may have gone since it was listed
		if !c.shown.IsZero() {
			c.old = c.old || l.old(c)
		}
	}
	l.rebase()
}

// listed is called when a server has given its listing: did it change its ids?
func (b *box) listed(s *session, whole bool) {
	l := &b.law
	s.honest = s.honest || whole
	if len(s.shown) > 0 && s.honest {
		l.complete = true
	}
	l.listed = max(l.listed, len(s.shown))
	told := b.protocol == "pop3" && !b.noUIDL || b.protocol == "imap" && len(s.shown) >= len(s.view) && l.valid == b.valid
	if !told || l.base == nil || !whole {
		return
	}
	may, must := l.reset(s)
	s.reconciling = s.reconciling || must && !b.doubled
	if !may {
		return
	}
	b.startsOver(s)
	if must { // otherwise the program may have seen no reset
		l.firstDone = false
		l.fresh(b.w.machine())
	}
}

// accountChanged: the ids are another account's, whether they look the same or not.
func (l *law) accountChanged() {
	l.firstDone, l.moved = false, l.base != nil
	l.forgive(l.b.copies)
}

// forgive takes back what was concluded from when messages were first seen, of those that are on no record yet.
func (l *law) forgive(all []*copied) {
	for _, c := range all {
		if !l.current[c.id] || c.unseen || c.inPlace {
			c.late = false
		}
	}
}

// startsOver is the pass after a reset, which judges like a first poll.
func (b *box) startsOver(s *session) {
	b.w.cover("state", b.protocol+": reconciles after a reset")
	b.law.forgive(s.view)
}

// reset holds the ids shown against those of the last complete listing, deletions of our own aside. What became of one
// that we asked for is not always known.
func (l *law) reset(s *session) (may, must bool) {
	with, without := l.lost(s, nil), l.lost(s, l.asked)
	return with || without, with && without
}

func (l *law) lost(s *session, aside map[string]bool) bool {
	base, still, others := 0, 0, 0
	for id := range l.base {
		switch {
		case aside[id], l.gone[id]:
		case s.shown[id]:
			still++
			fallthrough
		default:
			base++
		}
	}
	for id := range s.shown {
		if !l.base[id] {
			others++
		}
	}
	if base >= 20 {
		return still*5 < base
	}
	return base > 0 && still == 0 && others > 0
}

// chosen is called when an IMAP folder was opened.
func (b *box) chosen(s *session) {
	l := &b.law
	if len(s.view) == 0 { // nothing is left to ask for
		b.listed(s, true)
	}
	if l.base == nil || l.valid == b.valid || len(s.shown) > 0 {
		return
	}
	s.reconciling = true
	b.startsOver(s)
	l.firstDone = false
	l.fresh(b.w.machine())
}

func (l *law) onRecord(list []mail.Record) { l.records = list }

func (l *law) intends(ids []mail.RecordID) {
	for _, id := range ids {
		for _, r := range l.records {
			if r.ID == id {
				l.intended = append(l.intended, r)
				l.asked[r.Ref.ID] = true
			}
		}
	}
}

// claim finds the record that the journal is about to delete as this message.
func (l *law) claim(c *copied) (mail.Record, error) {
	var wrong *mail.Record
	for _, r := range l.intended {
		switch {
		case r.Ref.ID != c.id && !l.nameless(r.Ref.ID):
		case r.Fingerprint == c.l.print:
			return r, nil
		case !l.nameless(r.Ref.ID):
			wrong = &r
		}
	}
	if wrong != nil {
		return *wrong, fmt.Errorf("record %d, which was to be deleted under id %s, is of another message", wrong.ID, c.id)
	}
	return mail.Record{}, fmt.Errorf("the journal has no intention to delete it")
}

func (l *law) nameless(id string) bool { return len(id) > 3 && id[:3] == "fp:" }

// deleted is called when a server removes a message because a session of ours asked it to.
func (l *law) deleted(s *session, c *copied) {
	w := l.b.w
	violate := func(format string, args ...any) {
		w.violate("deleted from %s %s, %s: %s", l.b.name, c.id, c.l, fmt.Sprintf(format, args...))
	}
	rec, err := l.claim(c)
	switch {
	case err != nil:
		violate("%v", err)
		return
	case !s.verified[c]:
		violate("its header was not asked for in this session")
	case s.reconciling:
		violate("the ids were reset and this pass reconciles")
	case l.hold:
		violate("the clock is earlier than before")
	case !l.complete:
		violate("no complete listing was ever given: the first poll cannot have ended")
	case c.commits > 3:
		violate("the server confirmed its deletion %d times before and did not honour it", c.commits)
	}
	byCopy, why := l.byCopy(rec, c)
	byAge := false
	if !byCopy {
		var aged string
		byAge, aged = l.byAge(rec, c)
		if !byAge {
			violate("%s; %s (record %d is %s)", why, aged, rec.ID, rec.Outcome)
		}
		w.cover("deleted", "by age: "+string(rec.Outcome))
	} else {
		w.cover("deleted", "by copy: "+string(rec.Outcome))
	}
	w.deletions++
	l.gone[c.id] = !l.b.deaf
	l.brake(s, rec, violate)
}

// brake counts what a new policy may not delete much of.
func (l *law) brake(s *session, rec mail.Record, violate func(string, ...any)) {
	if rec.Outcome == mail.Baseline {
		s.baseline++
	}
	since := l.since.Truncate(time.Millisecond)
	if rec.Outcome != mail.Saved || rec.JudgedAt.Before(since) {
		l.counted++
	}
	switch {
	case l.approved:
	case s.baseline > 20:
		violate("it is the %d. baseline message of this pass, and nobody approved", s.baseline)
	case !l.settled && l.counted > 20 && l.counted*100 > l.policy.BrakePercent*l.listed:
		violate("it is the %d. of %d messages that a new policy deletes, and nobody approved", l.counted, l.listed)
	}
}
