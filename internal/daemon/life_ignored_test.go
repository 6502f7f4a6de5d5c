package daemon

import (
	"fmt"
	"strings"
	"testing"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

// deceive lets the server confirm deletions and keep the messages, until mend is called.
func (l *life) deceive() (mend func()) {
	if l.protocol == "pop3" {
		l.onPOP3(func(x *mailtest.Exchange) { x.Forget = true })
		return func() { l.script.Store(nil) }
	}
	l.imap.Script(mailtest.IMAPScript{Forget: func(uint32) bool { return true }})
	return func() { l.imap.Script(mailtest.IMAPScript{}) }
}

// passes makes n of them, a day apart.
func (l *life) passes(n int) {
	l.t.Helper()
	for range n {
		l.mustPass()
		l.now = l.now.AddDate(0, 0, 1)
	}
}

// given wants w0 … w2 to be given up after three deletions each, and reported; nothing is imported twice.
func (l *life) given() {
	l.t.Helper()
	for _, name := range []string{"w0", "w1", "w2"} {
		rec := l.records()[name]
		if rec.Deletion != mail.DeletionIgnored || rec.Outcome != mail.Saved || rec.Ignored != 3 {
			l.t.Errorf("%s is %s, its deletion %s, found again %d times", name, rec.Outcome, rec.Deletion, rec.Ignored)
		}
		if !l.said("does not honour deletion", "pricefetch approve prices", fmt.Sprintf("message=%d ", rec.ID)) {
			l.t.Errorf("the log does not say so of %s:\n%s", name, l.log)
		}
	}
	if !l.state().NotHonoured {
		l.t.Error("the mailbox does not say so")
	}
	l.imported("autoparts/w0.xls", "autoparts/w1.xls", "autoparts/w2.xls")
}

// A server that confirms deletions and keeps the messages is recognised at the third time; then it is left alone, until
// a person approves or the policy changes: either gives it three tries more. Afterwards it counts as honest again.
func TestServerThatDoesNotDelete(t *testing.T) {
	for name, relent := range map[string]func(l *life){
		"approve":     func(l *life) { l.approve() },
		"policy":      func(l *life) { l.policy = "leave_copy: false, delete_after_days: 300" },
		"way":         func(l *life) { l.policy = "leave_copy: false, brake: 30%" },
		"still lying": nil,
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, l *life) {
				l.policy = "leave_copy: false"
				mend := l.deceive()
				l.put(l.now, numbered("w", 3)...)
				l.passes(4)
				l.given()
				l.log.reset()
				l.passes(4)
				l.wantLeft("w0 w1 w2")
				if l.said("level=ERROR") {
					t.Errorf("it goes on about it:\n%s", l.log)
				}
				if relent == nil {
					lines := strings.Join(l.approve(), "\n")
					if !strings.Contains(lines, "told again to delete 3 messages") {
						t.Errorf("answer %q", lines)
					}
					l.passes(4)
					l.given()
					return
				}
				mend()
				relent(l)
				l.passes(2)
				l.wantLeft("")
				if l.state().NotHonoured {
					t.Error("the mailbox still counts as not honouring deletion")
				}
				l.put(l.now, "w4")
				l.passes(2)
				l.wantLeft("")
			})
		})
	}
}

// Once the messages have gone by other means approve clears the mark all the same.
func TestMarkWithoutMessages(t *testing.T) {
	l := newLife(t, "pop3")
	l.policy = "leave_copy: false"
	mend := l.deceive()
	l.put(l.now, numbered("w", 3)...)
	l.passes(4)
	l.given()
	mend()
	l.drops["prices"].Set(nil)
	l.passes(1)
	if lines := strings.Join(l.approve(), "\n"); !strings.Contains(lines, "no longer counts") || l.state().NotHonoured {
		t.Errorf("answer %q", lines)
	}
	if a := l.d.Do(t.Context(), Request{Action: ActApprove, Mailboxes: []string{"prices"}}); !strings.Contains(a.Error, "no plan of deletion waits") {
		t.Errorf("a second approve: %+v", a)
	}
}

// A server that hides what it was told to delete, and shows it again later, is recognised as well.
func TestServerThatHidesAndShowsAgain(t *testing.T) {
	l := newLife(t, "pop3")
	l.policy = "leave_copy: false"
	l.put(l.now, numbered("w", 3)...)
	l.put(l.now, "x") // the maildrop is never empty
	hidden := l.drops["prices"].Messages()
	for range 3 {
		l.passes(1) // deleted
		l.wantLeft("x")
		l.passes(1) // gone
		if got := l.records()["w0"].Deletion; got != mail.DeletionGone {
			t.Fatalf("deletion %s", got)
		}
		l.drops["prices"].Set(hidden)
	}
	l.passes(1)
	l.given()
	l.passes(3)
	l.wantLeft("w0 w1 w2 x")
}

// A message that somebody else removed and put back twice is no sign of that.
func TestPutBackByOthers(t *testing.T) {
	l := newLife(t, "pop3")
	l.put(l.now, numbered("w", 3)...)
	l.put(l.now, "x")
	all := l.drops["prices"].Messages()
	for range 5 {
		l.passes(1)
		l.drops["prices"].Set(all[3:])
		l.passes(1)
		l.drops["prices"].Set(all)
	}
	l.passes(1)
	if rec := l.records()["w0"]; rec.Ignored != 0 || rec.Deletion != mail.DeletionNone || l.state().NotHonoured {
		t.Errorf("found again %d times, deletion %s", rec.Ignored, rec.Deletion)
	}
	l.policy = "leave_copy: false"
	l.passes(2)
	l.wantLeft("x")
}

// Another account under the mailbox's name starts with a clean slate, and what was ignored on the old one is judged anew.
func TestAccountChangeForgivesDeletions(t *testing.T) {
	l := newLife(t, "pop3")
	l.policy = "leave_copy: false"
	mend := l.deceive()
	l.put(l.now, numbered("w", 3)...)
	l.passes(4)
	l.given()
	mend()
	l.host = "localhost" // the same maildrop behind another name
	l.passes(1)
	l.wantLeft("w0 w1 w2") // reconciles
	if l.state().NotHonoured {
		t.Error("the new account counts as not honouring deletion")
	}
	l.passes(2)
	l.wantLeft("")
	l.imported("autoparts/w0.xls", "autoparts/w1.xls", "autoparts/w2.xls")
}

// One server's ways are nobody else's: another mailbox goes on deleting.
func TestNotHonouredIsOneMailboxesMatter(t *testing.T) {
	l := newLife(t, "pop3")
	l.user("imap", "other", "1.xls")
	l.policy = "leave_copy: false"
	l.more = l.site.box("other", "imap", password+", retention: {leave_copy: false}")
	l.deceive()
	l.put(l.now, numbered("w", 3)...)
	l.passes(4)
	if out := l.daemon().poll(t.Context(), "other"); out.Err != nil || out.Report.Deleted != 1 {
		t.Errorf("the other mailbox: %+v", out)
	}
	if left, err := l.imap.Messages("other", "INBOX"); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	m, err := l.d.journal.Mailbox(t.Context(), "other")
	if err != nil || m.NotHonoured {
		t.Errorf("state %+v, %v", m, err)
	}
}
