package model

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/retain"
)

// traits are what a server is, from the beginning to the end of a schedule.
type traits struct {
	protocol string // "pop3" or "imap"

	noTOP, noUIDL, noCAPA bool
	pipelining            bool
	gmail                 bool // hides what was RETR-ed once the session ends with QUIT
	deaf                  bool // says OK to every deletion and deletes nothing

	noUIDPLUS, noMOVE, noUIDNEXT bool
	trash                        bool
}

func (t traits) String() string {
	text := t.protocol
	for _, f := range []struct {
		on   bool
		name string
	}{{t.noTOP, "no TOP"}, {t.noUIDL, "no UIDL"}, {t.noCAPA, "no CAPA"}, {t.pipelining, "PIPELINING"}, {t.gmail, "hides what was read"},
		{t.deaf, "deletes nothing"}, {t.noUIDPLUS, "no UIDPLUS"}, {t.noMOVE, "no MOVE"}, {t.noUIDNEXT, "no UIDNEXT"}, {t.trash, "Trash"}} {
		if f.on {
			text += ", " + f.name
		}
	}
	return text
}

// Lies are what a server does in one session.
var (
	pop3Lies = []string{"no final dot", "STAT says more", "STAT says 0", "shows nothing", "shows a part", "IN-USE", "LOGIN-DELAY", "QUIT fails"}
	imapLies = []string{"shows nothing", "shows a part", "lists less than EXISTS", "reset before SELECT", "COPY refused", "EXPUNGE refused",
		"MOVE does a part", "items missing", "unsolicited FETCH", "header withheld", "UNAVAILABLE"}
)

// copied is one message on a server.
type copied struct {
	id       string // UIDL or UID
	l        *letter
	arrived  time.Time // INTERNALDATE, where the letter has no date of its own
	deleted  bool      // \Deleted
	ours     bool      // by our session
	hidden   bool      // by a server like Gmail
	shown    time.Time // first named in a listing, by the machine's clock; zero: never
	unseen   bool      // under an id that another message had when it was last shown
	late     bool      // came after the folder's first poll had ended
	old      bool      // older than first_run when a first poll ended
	inPlace  bool      // took a listed id over, with the same size: nobody can see that
	commits  int       // confirmed deletions on record that a deaf server did not carry out
	replaces *letter   // whose id this is, where it took one over
	twin     *copied   // itself under an older id, or a copy of the same letter that went when this one came: nobody can tell
}

// box is one mailbox on its server, with what the model keeps of it.
type box struct {
	w *World
	traits
	name     string
	user     string
	copies   []*copied
	trashed  []*copied
	removed  []*copied // by other people, or by us: may be restored
	windowed bool      // it once showed a part only, over IMAP
	doubled  bool      // an id was given twice: those who have it are known by other ids, which may look like a reset
	ids      int       // the last id given
	valid    int       // UIDVALIDITY

	lies     map[string]bool // of the next session
	policy   retain.Policy
	firstRun mail.FirstRun

	session *session // the last one
	law     law
}

// session is what a server remembers of one session, and the model with it.
type session struct {
	lies        map[string]bool
	view        []*copied // POP3: by number
	retrieved   map[*copied]bool
	verified    map[*copied]bool // header given in this session
	marked      map[*copied]bool
	shown       map[string]bool // ids named in a listing
	reconciling bool
	baseline    int
	honest      bool // a complete listing was given
}

// begin makes a session. What the server is to do wrong is done in this one only.
func (b *box) begin() *session {
	s := &session{lies: b.lies, retrieved: map[*copied]bool{}, verified: map[*copied]bool{}, marked: map[*copied]bool{}, shown: map[string]bool{}}
	for lie := range b.lies {
		b.w.cover("server", b.protocol+": "+lie)
	}
	b.lies, b.session = nil, s
	s.reconciling = b.law.moved
	s.view = slices.DeleteFunc(slices.Clone(b.copies), func(c *copied) bool { return c.hidden })
	switch {
	case s.lies["shows nothing"]:
		s.view = nil
	case s.lies["shows a part"]:
		s.view = s.view[len(s.view)/2:]
		b.windowed = b.protocol == "imap"
	}
	return s
}

// lying tells whether what this session shows does not fit together.
func (s *session) lying() bool {
	for _, lie := range []string{"no final dot", "STAT says more", "STAT says 0"} {
		if s.lies[lie] {
			return true
		}
	}
	return false
}

// show notes that a listing named a message.
func (b *box) show(s *session, c *copied) {
	if c.shown.IsZero() {
		c.shown = b.w.machine()
		c.late = b.law.firstDone
		if old := b.wentFor(s, c); old != nil {
			c.twin = old
		}
	}
	c.unseen = false
	s.shown[c.id] = true
}

// wentFor finds the copy of the same letter that was on show before and is no more: the new one is known again by its
// header, just as if the server had given the old one another id.
func (b *box) wentFor(s *session, c *copied) *copied {
	return c.sameLetter(slices.DeleteFunc(slices.Concat(b.removed, b.copies), func(old *copied) bool { return slices.Contains(s.view, old) }))
}

// sameLetter finds another copy of the same letter that was on show, and is not known by this one.
func (c *copied) sameLetter(among []*copied) *copied {
	for _, old := range among {
		if old != c && old.l == c.l && !old.shown.IsZero() && old.twin != c {
			return old
		}
	}
	return nil
}

// wasOld tells whether it, or what it cannot be told from, was older than first_run when a first poll ended.
func (c *copied) wasOld() bool { return c.old || c.twin != nil && c.twin.wasOld() }

// deliver puts a letter into the mailbox.
func (b *box) deliver(l *letter) *copied {
	b.ids++
	c := &copied{id: b.newID(b.ids), l: l, arrived: b.w.now}
	b.copies = append(b.copies, c)
	return c
}

func (b *box) newID(n int) string {
	if b.protocol == "imap" {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s-%04d", b.name, n)
}

// internal is INTERNALDATE.
func (c *copied) internal() time.Time {
	if c.l.received.IsZero() {
		return c.arrived
	}
	return c.l.received
}

// visible is what is there for a client that is told the truth.
func (b *box) visible() []*copied {
	return slices.DeleteFunc(slices.Clone(b.copies), func(c *copied) bool { return c.hidden })
}

// remove takes a message out of the mailbox.
func (b *box) remove(c *copied) {
	b.copies = slices.DeleteFunc(b.copies, func(o *copied) bool { return o == c })
	b.removed = append(b.removed, c)
}

// restore puts a removed message back, under its old id or a new one.
func (b *box) restore(c *copied, fresh bool) {
	b.removed = slices.DeleteFunc(b.removed, func(o *copied) bool { return o == c })
	back := &copied{id: c.id, l: c.l, arrived: c.arrived, shown: c.shown, late: c.late, old: c.old, inPlace: c.inPlace, replaces: c.replaces}
	taken := slices.ContainsFunc(b.copies, func(o *copied) bool { return o.id == c.id })
	if fresh || taken || b.protocol == "imap" {
		b.ids++
		back.id = b.newID(b.ids)
	}
	if back.id != c.id && !b.noUIDL { // without UIDL the header is the identity
		back.shown, back.late, back.old, back.arrived = time.Time{}, false, false, b.w.now
		back.inPlace, back.replaces = false, nil
		b.removed = append(b.removed, c) // under its old id it is gone
	}
	at := 0
	if b.protocol == "imap" { // UIDs ascend
		at = len(b.copies)
	}
	b.copies = slices.Insert(b.copies, at, back)
}

// rename gives every message another id. Over IMAP the old UIDs then name other messages.
func (b *box) rename() {
	if b.protocol == "imap" {
		b.valid++
		for i, c := range slices.Backward(b.copies) {
			c.id = b.newID(len(b.copies) - i)
		}
		slices.Reverse(b.copies)
		b.ids = max(b.ids, len(b.copies))
	} else {
		for _, c := range b.copies {
			b.ids++
			c.id = b.newID(b.ids)
		}
	}
	for _, c := range b.copies {
		if before := *c; !before.shown.IsZero() {
			c.twin = &before
		} else if c.twin == nil {
			c.twin = c.sameLetter(b.removed)
		}
		c.shown, c.late, c.inPlace, c.replaces, c.commits = time.Time{}, false, false, nil, 0 // the record under it may be another
	}
	b.removed = nil // their ids mean nothing any more
}
