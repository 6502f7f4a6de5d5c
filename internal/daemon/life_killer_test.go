package daemon

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

// moments of a message's way to us at which it can kill the connection.
const (
	inHeader  = "at its header"      // TOP, or FETCH of the header
	inReply   = "before its content" // RETR, or FETCH of the body: no octet comes
	inStart   = "early in its content"
	inBody    = "inside its content"
	stallHead = "stalls at its header"
	stallBody = "stalls inside its content"
)

// kill lets the named letters kill every connection that asks for them, at that moment, until mend is called.
func (l *life) kill(at string, names ...string) (mend func()) {
	l.t.Helper()
	header, stall := at == inHeader || at == stallHead, at == stallHead || at == stallBody
	after := map[string]int{inHeader: 0, inReply: 0, stallHead: 0, inStart: 40, inBody: 600, stallBody: 600}[at]
	is := func(raw []byte) bool {
		return slices.ContainsFunc(names, func(name string) bool { return bytes.Contains(raw, []byte("Message-ID: <"+name+"@")) })
	}
	if l.protocol == "pop3" {
		verb := "RETR"
		if header {
			verb = "TOP"
		}
		l.onPOP3(func(x *mailtest.Exchange) {
			if x.Verb == verb && is(x.Reply) {
				x.Reply, x.Cut, x.Stall = x.Reply[:min(after, len(x.Reply))], !stall, stall
			}
		})
		return func() { l.script.Store(nil) }
	}
	all, err := l.imap.Messages("prices", "INBOX")
	if err != nil {
		l.t.Fatal(err)
	}
	uids := map[uint32]bool{}
	for _, m := range all {
		uids[m.UID] = is([]byte("Message-ID: " + m.MessageID))
	}
	l.imap.Script(mailtest.IMAPScript{Fetch: func(f *mailtest.IMAPFetch) {
		if !uids[f.UID] || f.Header != header {
			return
		}
		f.Cut, f.Stall = after, stall
	}})
	return func() { l.imap.Script(mailtest.IMAPScript{}) }
}

// A message that kills the connection each time never blocks the next: wherever it lies in the mailbox, whenever it
// kills, every other message is saved and deleted, and it ends up held and stays on the server. n killers cost n passes.
func TestKiller(t *testing.T) {
	for name, c := range map[string]struct {
		at      string
		killers string
		passes  map[string]int // until all others are saved, by protocol
	}{
		"header, first":        {inHeader, "w0", map[string]int{"imap": 2, "pop3": 2}},
		"header, last":         {inHeader, "w5", map[string]int{"imap": 2, "pop3": 2}},
		"header, three":        {inHeader, "w0 w2 w5", map[string]int{"imap": 4, "pop3": 4}},
		"reply, first":         {inReply, "w0", map[string]int{"imap": 3, "pop3": 2}},
		"reply, in the middle": {inReply, "w3", map[string]int{"imap": 3, "pop3": 2}},
		"reply, last":          {inReply, "w5", map[string]int{"imap": 1, "pop3": 1}},
		"start, first":         {inStart, "w0", map[string]int{"imap": 3, "pop3": 2}},
		"body, first":          {inBody, "w0", map[string]int{"imap": 2, "pop3": 2}},
		"body, in the middle":  {inBody, "w3", map[string]int{"imap": 2, "pop3": 2}},
		"body, last":           {inBody, "w5", map[string]int{"imap": 1, "pop3": 1}},
		"body, three":          {inBody, "w0 w2 w4", map[string]int{"imap": 4, "pop3": 4}},
		"reply, three":         {inReply, "w0 w2 w4", map[string]int{"imap": 5, "pop3": 4}},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, l *life) {
				killers := strings.Fields(c.killers)
				l.policy = "leave_copy: false"
				l.put(l.now, "w") // the first poll is over when the killers come
				l.mustPass()
				l.put(l.now, numbered("w", 6)...)
				l.kill(c.at, killers...)
				passes := 0
				for ; passes < 10 && l.missing(killers) > 0; passes++ {
					l.pass()
					l.now = l.now.Add(5 * time.Minute)
				}
				if want := c.passes[l.protocol]; passes > want {
					t.Errorf("the other messages were saved after %d passes, want %d\n%s", passes, want, l.log)
				}
				l.untilHeld(killers)
				l.mustPass()
				l.wantLeft(strings.Join(killers, " "))
			})
		})
	}
}

// missing counts letters w0 … w5 that are no killers and are not saved.
func (l *life) missing(killers []string) int {
	l.t.Helper()
	n, records := 0, l.records()
	for _, name := range numbered("w", 6) {
		if !slices.Contains(killers, name) && records[name].Outcome != mail.Saved {
			n++
		}
	}
	return n
}

// untilHeld makes passes until every killer has used up its tries.
func (l *life) untilHeld(killers []string) {
	l.t.Helper()
	for range 14 * len(killers) {
		l.pass()
		l.now = l.now.Add(25 * time.Hour)
	}
	held := 0
	all, err := l.daemon().journal.Records(l.t.Context(), journal.Filter{Mailbox: "prices", Outcomes: []mail.Outcome{mail.Held}})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, r := range all {
		held++
		if r.Kept != "" || r.Failures != 6 || !r.Listed {
			l.t.Errorf("message %d: kept %q, failures %d, listed %v", r.ID, r.Kept, r.Failures, r.Listed)
		}
		if !l.said("message held", fmt.Sprintf("message=%d ", r.ID), "stays on the server") {
			l.t.Errorf("it is not reported that message %d is held and its raw message not to be had:\n%s", r.ID, l.log)
		}
	}
	if held != len(killers) {
		l.t.Errorf("%d messages are held, want %d\n%s", held, len(killers), l.log)
	}
}

// One that stalls costs a pass its deadline, and is passed by in the next.
func TestKillerThatStalls(t *testing.T) {
	for _, at := range []string{stallHead, stallBody} {
		t.Run(at, func(t *testing.T) {
			overBoth(t, func(t *testing.T, l *life) {
				t.Parallel() // it waits
				l.timeout = 2 * time.Second
				l.put(l.now, "w")
				l.mustPass()
				l.put(l.now, numbered("w", 6)...)
				mend := l.kill(at, "w1")
				l.pass()
				l.now = l.now.Add(5 * time.Minute)
				l.pass()
				if n := l.missing([]string{"w1"}); n > 0 {
					t.Errorf("%d of the other messages are not saved after two passes\n%s", n, l.log)
				}
				mend()
				l.now = l.now.Add(time.Hour)
				l.mustPass()
				if n := l.missing(nil); n > 0 {
					t.Errorf("not saved when the server is well again\n%s", l.log)
				}
			})
		})
	}
}

// A first poll is not stopped by a header that kills: the mailbox's other mail is imported, two passes later.
func TestKillerInTheFirstPoll(t *testing.T) {
	overBoth(t, func(t *testing.T, l *life) {
		l.put(l.now, numbered("w", 6)...)
		mend := l.kill(inHeader, "w0")
		for range 3 {
			l.pass()
			l.now = l.now.Add(5 * time.Minute)
		}
		if n := l.missing([]string{"w0"}); n > 0 {
			t.Errorf("%d of the other messages are not saved after three passes\n%s", n, l.log)
		}
		mend()
		l.now = l.now.Add(time.Hour)
		l.mustPass()
		if n := l.missing(nil); n > 0 {
			t.Errorf("not saved when the server is well again\n%s", l.log)
		}
	})
}
