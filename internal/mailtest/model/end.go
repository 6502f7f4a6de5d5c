package model

import (
	"slices"
	"time"

	"pricefetch/internal/mail"
)

// rounds is how many passes a mailbox has to come to rest. A message that kills each connection is held after ten.
func (b *box) rounds() int {
	n := 18
	for _, c := range b.visible() {
		if c.l.poison {
			n += 10
		}
	}
	return n
}

// quiesce lets faults and lies end and passes go on until nothing changes, then holds the world to its promises.
func (w *World) quiesce() error {
	w.calm = true
	for _, b := range w.boxes {
		b.lies = nil
	}
	w.eager = true
	w.take()
	w.note("quiet: no faults, no lies")
	// By the count alone nobody can tell that one message went and another came into view: where a folder once showed
	// a part only, something has to come and to go.
	passing := map[*box]*copied{}
	for _, b := range w.boxes {
		if b.windowed {
			passing[b] = w.arrive(b, "spam", 0, 0)
		}
	}
	if err := w.settle(); err != nil || w.Violation != "" {
		return err
	}
	for b, c := range passing {
		b.remove(c)
	}
	if len(passing) > 0 {
		if err := w.settle(); err != nil || w.Violation != "" {
			return err
		}
	}
	if w.schedule.Rescan {
		w.note("everything is judged again")
		for _, b := range w.boxes {
			w.rescan(b)
		}
		if err := w.settle(); err != nil || w.Violation != "" {
			return err
		}
	}
	for _, b := range w.boxes {
		w.accountFor(b)
	}
	return nil
}

// settle makes passes in turn until nothing changes: one mailbox may wait for what another has begun.
func (w *World) settle() error {
	restless, most := slices.Clone(w.boxes), 0
	for _, b := range w.boxes {
		most = max(most, b.rounds())
	}
	for n := 0; len(restless) > 0; n++ {
		if b := restless[0]; n == most {
			w.violate("%s does not come to rest: %s", b.name, w.unrest(b))
		}
		var still []*box
		for _, b := range restless {
			if err := w.ready(); err != nil {
				return err
			}
			if w.restless(b, n) {
				still = append(still, b)
			}
			if w.Violation != "" {
				return nil
			}
		}
		restless = still
	}
	return nil
}

// restless makes the n-th pass over a mailbox and tells whether another one is needed.
func (w *World) restless(b *box, n int) bool {
	before := b.visible()
	report, err := w.pass(b)
	w.look()
	why := w.unrest(b)
	w.note("   pass over %s: %d listed, %d read, %d files, %d deleted, error %v; %s", b.name, report.Listed, report.Read, len(report.Files), report.Deleted, err, why)
	if w.now = w.now.Add(5 * time.Minute); why != "" && n > 0 {
		w.now = w.now.Add(25 * time.Hour)
	}
	return n == 0 || err != nil || why != "" || !slices.Equal(before, b.visible()) // after a reset the next pass asks new rules
}

// unrest names a listed message that is not judged yet; "" if there is none.
func (w *World) unrest(b *box) string {
	for _, r := range w.records(b) {
		if r.Listed && (r.Outcome == mail.Pending || r.Outcome == mail.Failed) {
			return "record " + r.Ref.ID + " is " + string(r.Outcome) + ": " + r.Reason
		}
	}
	return ""
}

// accountFor looks for every message that the server offers.
func (w *World) accountFor(b *box) {
	records := w.records(b)
	for _, c := range b.visible() {
		rec, found := w.recordOf(b, c, records)
		switch {
		case !found:
			w.violate("%s of %s (%s) is on the server and not on record", c.id, b.name, c.l)
		case !rec.Inspected && rec.Outcome == mail.Held && b.noTOP && c.l.poison: // not even its header can be had
		case rec.Fingerprint != c.l.print && !c.inPlace:
			w.violate("%s of %s is %s, the record is of another message", c.id, b.name, c.l)
		case rec.Fingerprint == c.l.print:
			w.cover("outcome", string(rec.Outcome))
			w.cover("deletion", string(rec.Deletion))
			w.accountForSlots(b, c, rec)
		}
	}
}

func (w *World) recordOf(b *box, c *copied, records []mail.Record) (rec mail.Record, found bool) {
	twice := 0
	for _, o := range b.visible() {
		if o.id == c.id {
			twice++
		}
	}
	for _, r := range records {
		same := r.Ref.ID == c.id
		if b.noUIDL || twice > 1 {
			same = r.Fingerprint == c.l.print
		}
		if r.Listed && same && (!found || r.Generation > rec.Generation) {
			rec, found = r, true
		}
	}
	return rec, found
}

// accountForSlots looks for every attachment that today's rules want.
func (w *World) accountForSlots(b *box, c *copied, rec mail.Record) {
	for i, s := range c.l.slots {
		o := w.rules.of(c.l, s)
		if _, out := w.published[slotKey{c.l, i}]; out || o.rule == "" {
			continue
		}
		if !w.excused(b, c, s, rec) {
			w.violate("%s of %s (%s of %s) was never published for rule %s: record %d is %s, %q", s.name, c.l, c.id, b.name, o.rule, rec.ID, rec.Outcome, rec.Reason)
		}
	}
}

// excused tells whether there is a documented reason not to have an attachment.
func (w *World) excused(b *box, c *copied, s slot, rec mail.Record) bool {
	sick := s.damaged || c.l.poison || c.l.kind == "huge"
	always := !slices.ContainsFunc(w.history, func(r ruleset) bool { return r.of(c.l, s).rule == "" })
	switch {
	case w.dismissed[rec.ID], rec.Deletion == mail.DeletionIgnored, rec.Deletion == mail.DeletionAcknowledged:
		return true
	case sick && (rec.Outcome == mail.Held || !always):
		return true
	}
	switch rec.Outcome {
	case mail.Baseline:
		return !w.schedule.Rescan && c.wasOld() && (!b.firstRun.Newest || w.newerOut(c.l))
	case mail.Superseded, mail.Paused, mail.Held: // of a paused or held one a part may have been superseded
		return b.superseded(c, c.wasOld())
	case mail.Saved, mail.Unmatched, mail.NearMiss:
		return !always && !w.schedule.Rescan || rec.Leftover && b.superseded(c, c.wasOld())
	}
	return false
}
