package model

import (
	"fmt"
	"time"

	"pricefetch/internal/mail"
)

// view is what today's rules make of a letter, and what is out of it.
type verdict struct {
	wanted  int // attachments that an enabled rule takes
	missing int // of them, those that are not out
	paused  int // that a disabled rule would take, and the enabled one did not get out under older rules
	missed  int // that count for a near miss and are not out
	out     int // attachments that are out under any rule
}

// judge holds a letter against the present rules.
func (w *World) judge(l *letter) (v verdict) {
	for i, s := range l.slots {
		o := w.rules.of(l, s)
		at, out := w.durable(slotKey{l, i})
		if out {
			v.out++
		}
		if o.rule != "" {
			v.wanted++
			if !out {
				v.missing++
			}
		}
		if o.disabled != "" && (!out || !at.Before(w.rulesSince)) {
			v.paused++
		}
		if o.missed && !out {
			v.missed++
		}
	}
	return v
}

// byCopy tells whether leave_copy: false, with delete_unmatched, names the message.
func (l *law) byCopy(rec mail.Record, c *copied) (bool, string) {
	w, p := l.b.w, l.b.policy
	v := w.judge(c.l)
	switch {
	case p.LeaveCopy:
		return false, "leave_copy: true"
	case v.missing > 0 && !w.dismissed[rec.ID]:
		return false, fmt.Sprintf("%d wanted attachments are not saved", v.missing)
	case v.paused > 0:
		return false, "a disabled rule wants it"
	case v.missed > 0 && !w.dismissed[rec.ID]:
		return false, "a near miss, or a leftover"
	case v.out > 0:
		return true, ""
	case p.DeleteUnmatched && v.wanted == 0 && rec.Outcome == mail.Unmatched:
		return true, ""
	}
	return false, "nothing of it is saved and delete_unmatched does not take it"
}

// byAge tells whether delete_after_days names the message.
func (l *law) byAge(rec mail.Record, c *copied) (bool, string) {
	w, p := l.b.w, l.b.policy
	v := w.judge(c.l)
	excepted := w.dismissed[rec.ID] || rec.Outcome == mail.Superseded && l.b.superseded(c, l.old(c)) ||
		rec.Outcome == mail.Baseline && l.old(c) && (!l.b.firstRun.Newest || w.newerOut(c.l))
	if rec.Outcome == mail.Saved && rec.Leftover && l.b.superseded(c, l.old(c)) {
		return p.AfterDays > 0 && !l.suspended && !l.doubt && w.machine().Sub(l.bornAt(c)) >= time.Duration(p.AfterDays)*day, "superseded, with something left over"
	}
	age := w.machine().Sub(l.bornAt(c))
	switch {
	case p.AfterDays == 0:
		return false, "delete_after_days: off"
	case l.suspended || l.doubt:
		return false, "deletion by age is suspended"
	case age < time.Duration(p.AfterDays)*day:
		return false, fmt.Sprintf("it is %v old, delete_after_days: %d", age.Round(time.Hour), p.AfterDays)
	case excepted && !p.SavedOnly:
		return true, ""
	case v.missing > 0:
		return false, fmt.Sprintf("%d wanted attachments are not saved", v.missing)
	case v.paused > 0:
		return false, "a disabled rule wants it"
	case p.SavedOnly && v.out == 0:
		return false, "delete_scope: saved"
	}
	return true, ""
}

// bornAt is from when a message's age counts.
func (l *law) bornAt(c *copied) time.Time {
	t := l.plausible(c)
	if c.late && !l.b.doubled && t.Before(c.shown) {
		t = c.shown
	}
	if c.twin != nil {
		if of := l.bornAt(c.twin); of.Before(t) {
			return of
		}
	}
	return t
}

// plausible is when it was received, if that can be believed, else when it was first seen.
func (l *law) plausible(c *copied) time.Time {
	received := c.l.received
	if l.b.protocol == "imap" {
		received = c.internal()
	}
	if received.Year() < 1995 || received.After(c.shown.Add(day)) {
		return c.shown
	}
	return received
}

// old tells whether a message may be baseline: there at a first poll, and older than first_run.
func (l *law) old(c *copied) bool {
	f := l.b.firstRun
	if c.twin != nil && l.old(c.twin) {
		return true
	}
	if f.All || c.late && !l.b.doubled {
		return false
	}
	return f.None || f.Newest || l.plausible(c).Before(l.b.w.machine().Add(-f.Age))
}

// superseded tells whether something newer may have come in the way of a message. old is whether it was there at a first poll.
func (b *box) superseded(c *copied, old bool) bool {
	return b.w.overtaken(c.l) || b.firstRun.Newest && old && b.w.newerOut(c.l)
}

// overtaken tells whether a newer list of the same name, or of a rule that takes the newest only, is out, or bound to come
// out. Of a letter whose date cannot be believed nobody knows.
func (w *World) overtaken(l *letter) bool {
	return (l.from == beta || w.schedule.Newest) && w.newerOut(l)
}

// newerOut tells whether a letter of the same sender is out that is not older.
func (w *World) newerOut(l *letter) bool {
	for k := range w.judgedAt {
		if _, out := w.durable(k); !out {
			continue
		}
		doubt := w.skewed || !k.l.dated() || !l.dated()
		if l.from == k.l.from && k.l != l && (doubt || !k.l.received.Before(l.received)) {
			return true
		}
	}
	return false
}

// read is called when a server is told to commit a session: everything that it gave whole must be accounted for.
func (l *law) read(s *session) {
	for c := range s.retrieved {
		if !l.accounted(c) {
			l.b.w.violate("QUIT in %s commits a session that read %s (%s), which is neither saved nor unmatched nor kept", l.b.name, c.id, c.l)
		}
	}
}

func (l *law) accounted(c *copied) bool {
	w := l.b.w
	v := w.judge(c.l)
	switch {
	case v.out > 0 && (v.missing == 0 || w.rulesSince.After(c.arrived)):
		return true
	case v.wanted == 0 && v.missed == 0:
		return true // a paused one too: reading it loses nothing that is wanted now
	case v.missed > 0 && l.b.superseded(c, c.wasOld() || l.old(c)):
		return true // saved, with something left over
	}
	for id := range w.kept {
		if w.printOf[id] == c.l.print {
			return true
		}
	}
	return false
}
