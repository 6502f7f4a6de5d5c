package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
)

// do carries out one step. The error is trouble of the model itself.
func (w *World) do(s *Step) error {
	b := w.boxes[s.Box%len(w.boxes)]
	w.cover("step", s.Op)
	switch s.Op {
	case "pass":
		for i := range s.Faults {
			s.Faults[i].hit = ""
		}
		w.polled, w.calls, w.faults, w.events = b, 0, s.Faults, s.Events
		err := w.poll(b)
		w.faults, w.events = nil, nil
		return err
	case "kill":
		if w.house != nil {
			w.house.life.dead = true
		}
	case "wait":
		w.now = w.now.Add(s.Span)
	case "clock":
		w.skew, w.skewed = w.skew+s.Span, true
	case "approve", "approve clock", "retry", "dismiss", "rescan":
		return w.operator(b, s)
	case "rules":
		w.rules = rulesets[s.N%len(rulesets)]
		w.rulesSince = w.now
		w.history = append(w.history, w.rules)
	case "policy":
		b.policy = policies[s.N%len(policies)]
		b.anotherChance()
	case "account":
		b.user += "x"
		b.law.accountChanged()
		b.anotherChance()
	case "importer takes":
		w.take()
	case "somebody's file":
		w.plant(s.N)
	case "importer waits":
		w.eager = false
	case "importer is eager":
		w.eager = true
		w.take()
	default:
		w.other(b, s)
	}
	return nil
}

// anotherChance is what a server gets that did not honour deletions.
func (b *box) anotherChance() {
	for _, c := range b.copies {
		c.commits = 0
	}
}

// other is what happens on a server without us.
func (w *World) other(b *box, s *Step) {
	switch s.Op {
	case "arrive":
		w.arrive(b, s.Kind, s.Span, s.N)
	case "arrives":
		w.arrive(b, letterKinds[s.N%len(letterKinds)], 0, s.N)
	case "copy":
		if n := len(w.letters); n > 0 && !(w.letters[s.N%n].poison && b.noUIDL && b.noTOP) {
			b.deliver(w.letters[s.N%n])
		}
	case "lie":
		if b.lies == nil {
			b.lies = map[string]bool{}
		}
		b.lies[s.Kind] = true
	case "ids change":
		b.rename()
	case "other restores":
		if len(b.removed) > 0 {
			b.restore(b.removed[s.N%len(b.removed)], s.N%3 == 0)
		}
	case "other expunges":
		for _, c := range slices.Clone(b.copies) {
			if c.deleted {
				b.remove(c)
			}
		}
	}
	if len(b.copies) == 0 {
		return
	}
	switch c := b.copies[s.N%len(b.copies)]; s.Op {
	case "other deletes":
		b.remove(c)
	case "other marks":
		c.deleted = true
	case "id is used again":
		w.reuse(b, c, s.N)
	case "same id twice":
		if b.protocol == "pop3" && !(c.l.poison && b.noTOP) { // that one would have no identity at all
			next := w.arrive(b, "price", 0, s.N)
			next.id, next.inPlace = c.id, len(next.l.raw) == len(c.l.raw) // the other one may go unseen
			b.doubled = true
		}
	}
}

// arrive brings a new letter.
func (w *World) arrive(b *box, kind string, age time.Duration, pad int) *copied {
	if kind == "poison" && b.noUIDL && b.noTOP {
		kind = "price" // it would have no identity at all, and nothing could be known of it
	}
	received := time.Time{}
	if age != noDate {
		received = w.now.Add(-age).Truncate(time.Second)
	}
	l := newLetter(len(w.letters)+1, kind, received, pad)
	l.ahead = received.After(w.now)
	return b.deliver(w.send(l))
}

// send notes what a letter carries.
func (w *World) send(l *letter) *letter {
	w.letters = append(w.letters, l)
	w.cover("letter", l.kind)
	for i, s := range l.slots {
		if !s.damaged {
			w.contents[s.content] = append(w.contents[s.content], slotKey{l, i})
			sum := sha256.Sum256([]byte(s.content))
			w.sums[hex.EncodeToString(sum[:])] = w.contents[s.content]
		}
	}
	return l
}

// reuse gives the id of a message that goes to a new one: at once, or that of one that went before. Over IMAP no
// server does that.
func (w *World) reuse(b *box, c *copied, n int) {
	if b.protocol == "imap" {
		return
	}
	if len(b.removed) > 0 && n%3 == 2 {
		old := b.removed[len(b.removed)-1]
		if !slices.ContainsFunc(b.copies, func(o *copied) bool { return o.id == old.id }) {
			w.arrive(b, "price", 0, n).id = old.id
		}
		return
	}
	kind := "price"
	if c.l.kind == "spam" || c.l.kind == "near miss" {
		kind = c.l.kind
	}
	var l *letter
	for pad := range 250 {
		l = newLetter(len(w.letters)+1, kind, w.now.Truncate(time.Second), pad)
		if n%3 == 1 && len(l.raw) == len(c.l.raw) || n%3 == 0 && len(l.raw) != len(c.l.raw) {
			break
		}
	}
	at := slices.Index(b.copies, c)
	b.remove(c)
	next := &copied{id: c.id, l: w.send(l), arrived: w.now, shown: c.shown, late: c.late && !b.law.moved, unseen: true, inPlace: len(l.raw) == len(c.l.raw)}
	b.copies = slices.Insert(b.copies, at, next)
}

// operator is a person at the command line.
func (w *World) operator(b *box, s *Step) error {
	if err := w.ready(); err != nil || w.house.life.dead {
		return err
	}
	ctx, j := context.Background(), w.house.journal
	switch s.Op {
	case "approve":
		if _, err := j.Approve(ctx, b.name, w.machine()); err == nil {
			w.cover("state", "a plan was approved")
			b.law.approved = true
			b.anotherChance()
		}
	case "approve clock":
		if _, err := j.ApproveClock(ctx, b.name, w.machine()); err == nil {
			w.cover("state", "the clock was approved")
			b.law.suspended, b.law.doubt, b.law.newest, b.law.clockOK = false, false, w.machine(), w.machine()
			for _, c := range b.copies {
				if c.shown.After(w.machine()) {
					c.shown = w.machine() // what a wrong clock put ahead is taken back
				}
			}
		}
	case "rescan":
		w.rescan(b)
	default:
		w.answer(j, b, s)
	}
	return nil
}

// rescan has everything judged again.
func (w *World) rescan(b *box) {
	n, err := w.house.journal.Rescan(context.Background(), b.name, time.Time{}.AddDate(1, 0, 0), nil, w.machine()) // none polled yet is no matter
	w.note("   %d to be judged again, %v", n, err)
}

// answer retries or dismisses one message.
func (w *World) answer(j *journal.Journal, b *box, s *Step) {
	ctx := context.Background()
	waiting := slices.DeleteFunc(w.records(b), func(r mail.Record) bool {
		held := r.Outcome == mail.Held || r.Outcome == mail.Failed
		return !held && (s.Op == "retry" || r.Outcome != mail.NearMiss && !(r.Outcome == mail.Saved && r.Leftover))
	})
	if len(waiting) == 0 {
		return
	}
	id := waiting[s.N%len(waiting)].ID
	if s.Op == "retry" {
		if _, err := j.Retry(ctx, id, w.machine()); err == nil {
			w.cover("state", "a message was retried")
		}
		return
	}
	if _, err := j.Dismiss(ctx, id, w.machine()); err == nil {
		w.cover("state", "a message was dismissed")
		w.dismissed[id] = true
	}
}

// keeps notes which message's raw form is kept.
func (w *World) keeps(j *journal.Journal, id mail.RecordID) {
	rec, err := j.Record(context.Background(), id)
	if err != nil {
		w.violate("read record %d: %v", id, err)
		return
	}
	w.cover("state", "a raw message was kept")
	w.kept[id], w.printOf[id] = true, rec.Fingerprint
}

// confirmed counts what a server that deletes nothing has confirmed, where it is on record.
func (w *World) confirmed(j *journal.Journal, answers []mail.DeleteAnswer) {
	for _, a := range answers {
		rec, err := j.Record(context.Background(), a.ID)
		if err != nil {
			w.violate("read record %d: %v", a.ID, err)
			return
		}
		b := w.box(rec.Mailbox)
		for _, c := range b.copies {
			if b.deaf && a.State == mail.DeleteDone && c.id == rec.Ref.ID && c.l.print == rec.Fingerprint {
				c.commits++
			}
		}
	}
}
