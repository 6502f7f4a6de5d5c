package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pricefetch/internal/mail"
)

// What needs a person names the mailbox, the cause and the command, whatever the mailbox is otherwise.
func TestTroublesNameTheRemedy(t *testing.T) {
	at := time.Date(2026, 1, 2, 12, 0, 0, 0, time.Local)
	for name, c := range map[string]struct {
		status mailboxStatus
		want   string
	}{
		"well": {mailboxStatus{Health: "ok", Counts: map[mail.Outcome]int{mail.Saved: 3, mail.Unmatched: 9}}, ""},
		"held": {mailboxStatus{Counts: map[mail.Outcome]int{mail.Held: 2}}, `
prices: 2 messages held for a person; see: pricefetch messages --mailbox prices --outcome held
  then: pricefetch retry ID, or: pricefetch dismiss ID
`},
		"failed": {mailboxStatus{Counts: map[mail.Outcome]int{mail.Failed: 1}}, `
prices: 1 message failed and will be tried again without your doing; see: pricefetch messages --mailbox prices --outcome failed
  at once: pricefetch retry ID, or never: pricefetch dismiss ID
`},
		"braked": {mailboxStatus{Folders: []folderStatus{{Folder: "INBOX", Waiting: &mail.Approval{Count: 30, Why: "the retention policy is new and would delete 30 of 60 messages"}}}}, `
prices: 30 deletions wait for approval: the retention policy is new and would delete 30 of 60 messages
  see: pricefetch plan prices   release: pricefetch approve prices
`},
		"suspended": {mailboxStatus{AgeSuspended: "the last finished pass was 2025-12-02 12:00 UTC, 31 days ago: the clock may have jumped"}, `
prices: deletion by age is suspended: the last finished pass was 2025-12-02 12:00 UTC, 31 days ago: the clock may have jumped
  go on with: pricefetch approve --clock prices
`},
		"clock": {mailboxStatus{ClockDoubt: "the clock says 2026-01-02 12:00 UTC, but an earlier pass ran at 2027-01-02 12:00 UTC"}, `
prices: nothing is deleted: the clock says 2026-01-02 12:00 UTC, but an earlier pass ran at 2027-01-02 12:00 UTC
  set the clock right, or if it is: pricefetch approve --clock prices
`},
		"not honoured": {mailboxStatus{NotHonoured: true}, `
prices: does not honour deletion: the server confirms it and lists the message again; such messages are neither deleted nor imported again
  once the server deletes: pricefetch approve prices
`},
		"due": {mailboxStatus{DueSince: at}, `
prices: deletions are due since 2026-01-02 12:00 and not committed yet: each session read a message that could not be saved
  see: pricefetch messages --mailbox prices --outcome failed
`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			a := &app{out: &out, err: &out}
			c.status.Name = "prices"
			a.printTroubles(c.status)
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
