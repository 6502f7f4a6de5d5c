package retain

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

var (
	now     = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	account = mail.Account{Protocol: "imap", Host: "imap.example.ru", User: "price"}
	started = now.Add(-time.Minute)
)

func ago(n float64) time.Time { return now.Add(-time.Duration(n * float64(day))) }

// record makes a record received some days ago, judged before the policies of these tests.
func record(id int, o mail.Outcome, receivedDaysAgo float64) mail.Record {
	return mail.Record{ID: mail.RecordID(id), Outcome: o, AtFirstPoll: true, FirstSeen: ago(min(receivedDaysAgo, 400)), Listed: true,
		Inspected: true, JudgedAt: ago(400), Deletion: mail.DeletionNone,
		Envelope: mail.Envelope{Received: ago(receivedDaysAgo), From: []string{"price@a.ru"}, Subject: fmt.Sprintf("Прайс %d", id)}}
}

// many makes n records with ids from first on.
func many(first, n int, o mail.Outcome, receivedDaysAgo float64) []mail.Record {
	list := make([]mail.Record, n)
	for i := range list {
		list[i] = record(first+i, o, receivedDaysAgo)
	}
	return list
}

// since marks records as judged under the present policy.
func since(records []mail.Record) []mail.Record {
	for i := range records {
		records[i].JudgedAt = now.Add(-30 * time.Second)
	}
	return records
}

// folder is one whose policy holds for a year and is settled as given.
func folder(p Policy, s mail.Settled) mail.FolderState {
	return mail.FolderState{Mailbox: "prices", Folder: "INBOX", FirstPollDone: true, PolicyHash: p.Hash(account), PolicySince: ago(365), Settled: s}
}

func input(p Policy, s mail.Settled, records ...mail.Record) Input {
	return Input{Now: now, Started: started, Account: account, Folder: folder(p, s), Records: records, Complete: true}
}

func deleted(d Decision) []mail.RecordID {
	var ids []mail.RecordID
	for _, v := range d.Verdicts {
		if v.Delete {
			ids = append(ids, v.Record.ID)
		}
	}
	return ids
}

func ids(first, n int) []mail.RecordID {
	list := make([]mail.RecordID, n)
	for i := range list {
		list[i] = mail.RecordID(first + i)
	}
	return list
}

var (
	keepAll   = Policy{LeaveCopy: true, BrakePercent: 25}
	move      = Policy{BrakePercent: 25}
	moveAll   = Policy{DeleteUnmatched: true, BrakePercent: 25}
	month     = Policy{LeaveCopy: true, AfterDays: 30, BrakePercent: 25}
	moveMonth = Policy{AfterDays: 30, BrakePercent: 25}
	savedOnly = Policy{LeaveCopy: true, AfterDays: 30, SavedOnly: true, BrakePercent: 25}
)

// TestOptions is the table of semantics 4, one record at a time, with a policy that a person approved. A "+" before
// the reason means that the message goes.
func TestOptions(t *testing.T) {
	leftover := record(1, mail.Saved, 3)
	leftover.Leftover = true
	oldLeftover := record(1, mail.Saved, 40)
	oldLeftover.Leftover = true
	ignored := record(1, mail.Saved, 400)
	ignored.Deletion = mail.DeletionIgnored
	intended := record(1, mail.Saved, 3)
	intended.Deletion = mail.DeletionIntended
	acknowledged := record(1, mail.Saved, 3)
	acknowledged.Deletion = mail.DeletionAcknowledged
	movedIn := record(1, mail.Unmatched, 300)
	movedIn.AtFirstPoll, movedIn.FirstSeen = false, ago(2)
	movedInLongAgo := movedIn
	movedInLongAgo.FirstSeen = ago(31)
	undated := record(1, mail.Unmatched, 0)
	undated.Received, undated.FirstSeen = time.Time{}, ago(31)
	future := record(1, mail.Unmatched, 0)
	future.Received, future.FirstSeen = now.AddDate(5, 0, 0), ago(31)
	ancient := record(1, mail.Unmatched, 0)
	ancient.Received, ancient.FirstSeen = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), ago(3)
	timeless := mail.Record{ID: 1, Outcome: mail.Unmatched}
	strange := record(1, "melted", 400)
	for _, tt := range []struct {
		name   string
		policy Policy
		record mail.Record
		want   string
	}{
		{"a copy stays", keepAll, record(1, mail.Saved, 400), "kept: saved, leave_copy: true; delete_after_days: off"},
		{"baseline stays", keepAll, record(1, mail.Baseline, 400), "kept: baseline; delete_after_days: off"},
		{"saved goes", move, record(1, mail.Saved, 0), "+saved, leave_copy: false"},
		{"leftover stays", move, leftover, "kept: saved, but a file mask refused one of its attachments; delete_after_days: off"},
		{"superseded stays", move, record(1, mail.Superseded, 3), "kept: superseded; delete_after_days: off"},
		{"dismissed stays", moveAll, record(1, mail.Dismissed, 3), "kept: dismissed; delete_after_days: off"},
		{"unmatched stays", move, record(1, mail.Unmatched, 3), "kept: unmatched; delete_after_days: off"},
		{"unmatched goes", moveAll, record(1, mail.Unmatched, 0), "+unmatched, delete_unmatched: true"},
		{"a near miss stays", moveAll, record(1, mail.NearMiss, 3), "kept: near_miss; delete_after_days: off"},
		{"baseline is not unmatched", moveAll, record(1, mail.Baseline, 300), "kept: baseline; delete_after_days: off"},
		{"delete_unmatched needs leave_copy false", Policy{LeaveCopy: true, DeleteUnmatched: true}, record(1, mail.Unmatched, 3),
			"kept: unmatched; delete_after_days: off"},
		{"intended and still listed", move, intended, "+saved, leave_copy: false"},
		{"acknowledged and listed again", move, acknowledged, "+saved, leave_copy: false"},
		{"deletion not honoured", moveMonth, ignored, "kept: the server does not honour its deletion"},

		{"one second short of 30 days", month, record(1, mail.Saved, 30-1.0/86400), "kept: saved, leave_copy: true; received 29 days ago, delete_after_days: 30"},
		{"exactly 30 days", month, record(1, mail.Saved, 30), "+received 30 days ago, delete_after_days: 30"},
		{"unmatched by age", month, record(1, mail.Unmatched, 34), "+received 34 days ago, delete_after_days: 30"},
		{"near miss by age", month, record(1, mail.NearMiss, 34), "+received 34 days ago, delete_after_days: 30"},
		{"baseline by age", month, record(1, mail.Baseline, 900), "+received 900 days ago, delete_after_days: 30"},
		{"dismissed by age", month, record(1, mail.Dismissed, 34), "+received 34 days ago, delete_after_days: 30"},
		{"superseded by age", month, record(1, mail.Superseded, 34), "+received 34 days ago, delete_after_days: 30"},
		{"leftover by age", moveMonth, oldLeftover, "+received 40 days ago, delete_after_days: 30"},
		{"today's", month, record(1, mail.Unmatched, 0.5), "kept: unmatched; received less than a day ago, delete_after_days: 30"},
		{"one day", Policy{LeaveCopy: true, AfterDays: 1}, record(1, mail.Unmatched, 1.5), "+received 1 day ago, delete_after_days: 1"},
		{"an absurd number of days", Policy{LeaveCopy: true, AfterDays: 1 << 40}, record(1, mail.Unmatched, 900),
			"kept: unmatched; received 900 days ago, delete_after_days: 1099511627776"},
		{"moved in is not deleted on sight", month, movedIn, "kept: unmatched; first seen 2 days ago, delete_after_days: 30"},
		{"moved in long ago", month, movedInLongAgo, "+first seen 31 days ago, delete_after_days: 30"},
		{"no date", month, undated, "+first seen 31 days ago, delete_after_days: 30"},
		{"a date in the future", month, future, "+first seen 31 days ago, delete_after_days: 30"},
		{"a date before 1995", month, ancient, "kept: unmatched; first seen 3 days ago, delete_after_days: 30"},
		{"no time at all", month, timeless, "kept: unmatched; its age is unknown, delete_after_days: 30"},
		{"both", moveMonth, record(1, mail.Saved, 40), "+saved, leave_copy: false"},

		{"scope saved: saved", savedOnly, record(1, mail.Saved, 34), "+received 34 days ago, delete_after_days: 30"},
		{"scope saved: baseline", savedOnly, record(1, mail.Baseline, 900), "kept: baseline; delete_scope: saved"},
		{"scope saved: unmatched", savedOnly, record(1, mail.Unmatched, 34), "kept: unmatched; delete_scope: saved"},
		{"scope saved: dismissed", savedOnly, record(1, mail.Dismissed, 34), "kept: dismissed; delete_scope: saved"},

		{"pending", Policy{DeleteUnmatched: true, AfterDays: 1}, record(1, mail.Pending, 900), "kept: pending, not judged yet"},
		{"failed", Policy{DeleteUnmatched: true, AfterDays: 1}, record(1, mail.Failed, 900), "kept: failed, will be tried again"},
		{"held", Policy{DeleteUnmatched: true, AfterDays: 1}, record(1, mail.Held, 900), "kept: held, needs a person"},
		{"paused", Policy{DeleteUnmatched: true, AfterDays: 1}, record(1, mail.Paused, 900), "kept: paused, wanted by something disabled"},
		{"of an unknown outcome", Policy{DeleteUnmatched: true, AfterDays: 1}, strange, `kept: outcome "melted" is unknown`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Plan(tt.policy, input(tt.policy, mail.SettledApproved, tt.record))
			v := d.Verdicts[0]
			got := v.Reason
			if v.Delete {
				got = "+" + got
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if v.Delete != v.Due || d.HeldBack != "" || d.Waiting != nil {
				t.Errorf("due %v, held back %q, waiting %v", v.Due, d.HeldBack, d.Waiting)
			}
		})
	}
}

// TestForbidden: what stops every deletion of a pass, also under an approved policy, and leaves a waiting plan as it is.
func TestForbidden(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Input)
		want   string
	}{
		{"first poll", func(in *Input) { in.Folder.FirstPollDone = false }, "the folder's first poll has not ended"},
		{"reset", func(in *Input) { in.Reset = true }, "the server's ids were reset and this pass reconciles"},
		{"hold", func(in *Input) { in.Hold = "the certificate is not verified" }, "the certificate is not verified"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := input(moveMonth, mail.SettledApproved, record(1, mail.Saved, 1), record(2, mail.Baseline, 90), record(3, mail.Saved, 90))
			in.Folder.Released = ids(1, 3)
			tt.change(&in)
			d := Plan(moveMonth, in)
			if got := deleted(d); len(got) > 0 {
				t.Errorf("deleted %v", got)
			}
			for _, v := range d.Verdicts {
				if !v.Due || !strings.HasSuffix(v.Reason, "; not now: "+tt.want) {
					t.Errorf("due %v, %s", v.Due, v.Reason)
				}
			}
			if d.HeldBack != tt.want {
				t.Errorf("held back: %q", d.HeldBack)
			}
		})
	}
	in := input(month, mail.SettledNot, record(1, mail.Unmatched, 3))
	in.Folder.Waiting, in.Folder.FirstPollDone = &mail.Approval{Why: "of the ids before a reset"}, false
	if d := Plan(month, in); d.Waiting != nil {
		t.Errorf("a plan of before the first poll waits: %+v", d.Waiting)
	}
	in = input(month, mail.SettledNot, record(1, mail.Unmatched, 3))
	in.Hold = "dry run"
	in.Folder.Waiting = &mail.Approval{Why: "earlier", Count: 7}
	d := Plan(month, in)
	if d.HeldBack != "" || d.Waiting == nil || d.Waiting.Why != "earlier" || d.Folder.Settled != mail.SettledNot {
		t.Errorf("nothing is due: held back %q, waiting %+v, settled %q", d.HeldBack, d.Waiting, d.Folder.Settled)
	}
}

func TestAgeSuspended(t *testing.T) {
	records := []mail.Record{record(1, mail.Saved, 3), record(2, mail.Saved, 90), record(3, mail.Baseline, 90), record(4, mail.Unmatched, 2)}
	for _, s := range []mail.Settled{mail.SettledApproved, mail.SettledSelf, mail.SettledNot} {
		in := input(moveMonth, s, records...)
		in.AgeSuspended = "the clock may have jumped"
		d := Plan(moveMonth, in)
		if got := deleted(d); !slices.Equal(got, ids(1, 2)) {
			t.Errorf("%q: deleted %v, want what leave_copy: false takes", s, got)
		}
		const want = "deletion by age is suspended, the clock may have jumped: pricefetch approve --clock"
		if v := d.Verdicts[2]; v.Reason != "received 90 days ago, delete_after_days: 30; not now: "+want || d.HeldBack != want {
			t.Errorf("%q: %s; held back: %s", s, v.Reason, d.HeldBack)
		}
		if d.Folder.Settled != s {
			t.Errorf("%q became %q while deletion by age is suspended", s, d.Folder.Settled)
		}
	}
	in := input(move, mail.SettledNot, records...)
	in.AgeSuspended = "the clock may have jumped"
	if d := Plan(move, in); d.Folder.Settled != mail.SettledSelf || d.HeldBack != "" {
		t.Errorf("a policy without age: settled %q, held back %q", d.Folder.Settled, d.HeldBack)
	}
}
