package retain

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pricefetch/internal/mail"
)

// TestBrake: what a new policy deletes in its first pass that could settle it.
func TestBrake(t *testing.T) {
	mixed := func(parts ...[]mail.Record) []mail.Record { return slices.Concat(parts...) }
	for _, tt := range []struct {
		name    string
		policy  Policy
		records []mail.Record
		deleted int
		waiting int // messages in the plan
	}{
		{"nothing due", month, many(1, 100, mail.Unmatched, 3), 0, 0},
		{"20 of 20 are few", month, many(1, 20, mail.Unmatched, 90), 20, 0},
		{"21 of 21", month, many(1, 21, mail.Unmatched, 90), 0, 21},
		{"25 of 100 are not more than 25 %", month, mixed(many(1, 25, mail.Unmatched, 90), many(26, 75, mail.Unmatched, 3)), 25, 0},
		{"26 of 100", month, mixed(many(1, 26, mail.Unmatched, 90), many(27, 74, mail.Unmatched, 3)), 0, 26},
		{"20 baseline of 1000", month, mixed(many(1, 20, mail.Baseline, 90), many(21, 980, mail.Unmatched, 3)), 20, 0},
		{"21 baseline of 1000", month, mixed(many(1, 21, mail.Baseline, 90), many(22, 979, mail.Unmatched, 3)), 0, 21},
		{"21 baseline and what else counts", month,
			mixed(many(1, 21, mail.Baseline, 90), many(22, 5, mail.Saved, 90), many(27, 974, mail.Unmatched, 3)), 0, 26},
		{"saved since: aside", move, since(many(1, 200, mail.Saved, 1)), 200, 0},
		{"saved before", move, many(1, 200, mail.Saved, 1), 0, 200},
		{"those saved since go on while the others wait", move, mixed(since(many(1, 50, mail.Saved, 1)), many(51, 30, mail.Saved, 1)), 50, 30},
		{"those saved since count neither above nor below the line", moveMonth,
			mixed(since(many(1, 900, mail.Saved, 1)), many(901, 30, mail.Unmatched, 90), many(931, 70, mail.Unmatched, 1)), 900, 30},
		{"unmatched since are not aside", moveAll, since(many(1, 30, mail.Unmatched, 1)), 0, 30},
		{"old saved since, taken by age", month, since(many(1, 30, mail.Saved, 90)), 30, 0},
		{"never deleted ones are listed all the same", month, mixed(many(1, 25, mail.Unmatched, 90), many(26, 75, mail.Held, 90)), 25, 0},
		{"brake 100 %", Policy{LeaveCopy: true, AfterDays: 30, BrakePercent: 100}, many(1, 500, mail.Unmatched, 90), 500, 0},
		{"brake 100 % still asks for baseline", Policy{LeaveCopy: true, AfterDays: 30, BrakePercent: 100}, many(1, 500, mail.Baseline, 90), 0, 500},
		{"brake off", Policy{LeaveCopy: true, AfterDays: 30, BrakeOff: true}, many(1, 500, mail.Baseline, 90), 500, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := input(tt.policy, mail.SettledNot, tt.records...)
			in.Folder.PolicyHash = "of other options"
			d := Plan(tt.policy, in)
			waiting := 0
			if d.Waiting != nil {
				waiting = d.Waiting.Count
			}
			if got := len(deleted(d)); got != tt.deleted || waiting != tt.waiting {
				t.Errorf("%d deleted, %d waiting; want %d and %d", got, waiting, tt.deleted, tt.waiting)
			}
			settled := mail.SettledSelf
			switch {
			case tt.waiting > 0:
				settled = mail.SettledNot
			case tt.policy.BrakeOff:
				settled = mail.SettledApproved
			}
			if d.Folder.Settled != settled || d.Folder.PolicyHash != tt.policy.Hash(account) || !d.Folder.PolicySince.Equal(started) {
				t.Errorf("settled %q, want %q; policy since %v", d.Folder.Settled, settled, d.Folder.PolicySince)
			}
			if (d.HeldBack == "") != (tt.waiting == 0) {
				t.Errorf("held back: %q", d.HeldBack)
			}
		})
	}
}

func TestApprovalTellsWhatWouldGo(t *testing.T) {
	records := slices.Concat(many(10, 25, mail.Baseline, 90), many(50, 5, mail.Saved, 40), many(60, 10, mail.Unmatched, 2))
	records[3].Received = ago(700)
	records[4].From, records[4].Received = nil, ago(600)
	records[5].Subject = "a\x1b[31m\n" + strings.Repeat("ж", 100)
	records[20].From = []string{"spam@b.ru"}
	in := input(month, mail.SettledNot, records...)
	in.Wanted = func(r mail.Record) bool { return len(r.From) == 1 && r.From[0] == "price@a.ru" }
	d := Plan(month, in)
	want := &mail.Approval{
		Made:   now,
		Why:    "the retention policy is new and would delete 30 of 40 messages, 25 of them never imported (23 from senders that a rule wants)",
		Listed: 40, Count: 30, Baseline: 25, Wanted: 23, Oldest: ago(700),
		IDs: slices.Concat(ids(10, 25), ids(50, 5)),
		Samples: []string{"2024-12-20 price@a.ru «Прайс 13»", "2025-03-30 unknown sender «Прайс 14»",
			"2026-08-22 price@a.ru «Прайс 10»", "2026-08-22 price@a.ru «Прайс 11»", "2026-08-22 price@a.ru «Прайс 12»",
			"2026-08-22 price@a.ru «a [31m " + strings.Repeat("ж", 73) + "…»", "2026-08-22 price@a.ru «Прайс 16»", "2026-08-22 price@a.ru «Прайс 17»",
			"2026-08-22 price@a.ru «Прайс 18»", "2026-08-22 price@a.ru «Прайс 19»"},
	}
	if diff := cmp.Diff(want, d.Waiting); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if d.HeldBack != want.Why+": waits for approve" || d.Verdicts[0].Reason != "received 90 days ago, delete_after_days: 30; not now: waits for approve" {
		t.Errorf("held back %q; %q", d.HeldBack, d.Verdicts[0].Reason)
	}

	in.Folder, in.Now = d.Folder, now.Add(time.Hour)
	if later := Plan(month, in); !later.Waiting.Made.Equal(now) {
		t.Errorf("the same plan was made anew at %v", later.Waiting.Made)
	}
	in.Records = in.Records[:29]
	if later := Plan(month, in); !later.Waiting.Made.Equal(in.Now) || later.Waiting.Count != 29 {
		t.Errorf("another plan: %+v", later.Waiting)
	}
	in.Records = in.Records[:20]
	if later := Plan(month, in); later.Waiting != nil || len(deleted(later)) != 20 || later.Folder.Settled != mail.SettledSelf {
		t.Errorf("few are left: waiting %+v, deleted %v", later.Waiting, deleted(later))
	}
}

func TestPolicyBecomesNew(t *testing.T) {
	other := account
	other.User = "other"
	shout := account
	shout.Host = "IMAP.Example.RU"
	for _, tt := range []struct {
		name   string
		policy Policy
		change func(*Input)
		fresh  bool
	}{
		{"nothing changed", month, func(*Input) {}, false},
		{"host in capitals", month, func(in *Input) { in.Account = shout }, false},
		{"account", month, func(in *Input) { in.Account = other }, true},
		{"days", Policy{LeaveCopy: true, AfterDays: 31, BrakePercent: 25}, func(*Input) {}, true},
		{"way", Policy{LeaveCopy: true, AfterDays: 30, BrakePercent: 25, Way: "trash"}, func(*Input) {}, true},
		{"brake", Policy{LeaveCopy: true, AfterDays: 30, BrakePercent: 26}, func(*Input) {}, true},
		{"journal", month, func(in *Input) { in.Folder = mail.FolderState{FirstPollDone: true} }, true},
		{"first poll", month, func(in *Input) { in.Folder.FirstPollDone = false }, true},
		{"reset", month, func(in *Input) { in.Reset = true }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := input(month, mail.SettledApproved, many(1, 50, mail.Unmatched, 90)...)
			in.Folder.Released, in.Folder.Waiting = ids(1, 50), &mail.Approval{Count: 50}
			tt.change(&in)
			f := Plan(tt.policy, in).Folder
			if tt.fresh != (f.Settled == mail.SettledNot) || tt.fresh != (len(f.Released) == 0) || tt.fresh != f.PolicySince.Equal(started) {
				t.Errorf("settled %q, %d released, since %v", f.Settled, len(f.Released), f.PolicySince)
			}
		})
	}
}

func TestFirstPollOverSeveralPasses(t *testing.T) {
	in := input(move, mail.SettledNot)
	in.Folder = mail.FolderState{Mailbox: "prices"}
	first := Plan(move, in)
	if !first.Folder.PolicySince.Equal(started) {
		t.Fatalf("since %v", first.Folder.PolicySince)
	}
	in.Folder, in.Started, in.Now = first.Folder, now.Add(5*time.Minute), now.Add(6*time.Minute)
	second := Plan(move, in)
	if !second.Folder.PolicySince.Equal(started) || second.Folder.Settled != mail.SettledNot {
		t.Errorf("since %v, settled %q", second.Folder.PolicySince, second.Folder.Settled)
	}
	in.Started, in.Folder = time.Time{}, mail.FolderState{}
	if d := Plan(move, in); !d.Folder.PolicySince.Equal(in.Now) {
		t.Errorf("without Started: since %v", d.Folder.PolicySince)
	}
}

// TestNewPolicySeesTheWhole: neither an incomplete listing nor mail that is not judged yet lets a new policy slip
// under the brake piece by piece.
func TestNewPolicySeesTheWhole(t *testing.T) {
	in := input(month, mail.SettledNot, many(1, 5, mail.Unmatched, 90)...)
	in.Complete = false
	d := Plan(month, in)
	if len(deleted(d)) > 0 || d.Folder.Settled != mail.SettledNot || d.HeldBack != "the policy is new and the listing is not complete" {
		t.Errorf("incomplete: deleted %v, settled %q, held back %q", deleted(d), d.Folder.Settled, d.HeldBack)
	}
	in = input(move, mail.SettledNot, since(many(1, 50, mail.Saved, 1))...)
	in.Complete = false
	if d = Plan(move, in); len(deleted(d)) != 50 || d.Folder.Settled != mail.SettledNot {
		t.Errorf("saved since: deleted %v, settled %q", deleted(d), d.Folder.Settled)
	}

	unread := slices.Concat(many(1, 15, mail.Unmatched, 1), many(16, 40, mail.Pending, 1))
	d = Plan(moveAll, input(moveAll, mail.SettledNot, unread...))
	if len(deleted(d)) > 0 || d.Waiting != nil || d.Folder.Settled != mail.SettledNot {
		t.Errorf("unread: deleted %v, waiting %v, settled %q", deleted(d), d.Waiting, d.Folder.Settled)
	}
	d = Plan(move, input(move, mail.SettledNot, unread...))
	if d.Folder.Settled != mail.SettledSelf {
		t.Errorf("pending mail that can only be saved keeps the policy from settling: %q", d.Folder.Settled)
	}
	for _, s := range []mail.Settled{mail.SettledSelf, mail.SettledApproved} {
		in = input(month, s, many(1, 5, mail.Unmatched, 90)...)
		in.Complete = false
		if d = Plan(month, in); len(deleted(d)) != 5 || d.Folder.Settled != s {
			t.Errorf("%q, incomplete: deleted %v, settled %q", s, deleted(d), d.Folder.Settled)
		}
	}
}

func TestSelfSettledAsksForBaselineOnce(t *testing.T) {
	records := slices.Concat(many(1, 21, mail.Baseline, 90), many(30, 60, mail.Unmatched, 90))
	d := Plan(month, input(month, mail.SettledSelf, records...))
	if !slices.Equal(deleted(d), ids(30, 60)) || d.Waiting == nil || !slices.Equal(d.Waiting.IDs, ids(1, 21)) || d.Folder.Settled != mail.SettledSelf {
		t.Fatalf("deleted %v, waiting %+v, settled %q", deleted(d), d.Waiting, d.Folder.Settled)
	}
	if want := "the retention policy was never approved and would delete 21 of 81 messages, 21 of them never imported"; d.Waiting.Why != want {
		t.Errorf("why: %s", d.Waiting.Why)
	}
	d = Plan(month, input(month, mail.SettledSelf, records[1:]...))
	if len(deleted(d)) != 80 || d.Waiting != nil {
		t.Errorf("20 baseline: deleted %d, waiting %+v", len(deleted(d)), d.Waiting)
	}
	d = Plan(month, input(month, mail.SettledApproved, many(1, 5000, mail.Baseline, 90)...))
	if len(deleted(d)) != 5000 || d.Waiting != nil {
		t.Errorf("approved: deleted %d, waiting %+v", len(deleted(d)), d.Waiting)
	}
}

// TestSavedWithinTheMillisecond: the journal keeps milliseconds, a pass begins at nanoseconds.
func TestSavedWithinTheMillisecond(t *testing.T) {
	in := input(move, mail.SettledNot, many(1, 50, mail.Saved, 1)...)
	in.Folder.PolicyHash, in.Started = "", started.Add(900*time.Nanosecond)
	for i := range in.Records {
		in.Records[i].JudgedAt = in.Started.Truncate(time.Millisecond)
	}
	if d := Plan(move, in); len(deleted(d)) != 50 {
		t.Errorf("%d deleted: %s", len(deleted(d)), d.HeldBack)
	}
}

// approve does what the operator's command does to a folder.
func approve(f mail.FolderState) mail.FolderState {
	f.Settled, f.Released, f.Waiting = mail.SettledApproved, f.Waiting.IDs, nil
	return f
}

func TestApprovedPlanIsCarriedOutExactly(t *testing.T) {
	in := input(month, mail.SettledNot, many(1, 40, mail.Baseline, 90)...)
	in.Folder = approve(Plan(month, in).Folder)
	in.Records = slices.Concat(in.Records, many(41, 30, mail.Unmatched, 31), since(many(71, 2, mail.Saved, 31)))
	in.Records[0].Outcome = mail.Pending // wanted after all
	d := Plan(month, in)
	if want := slices.Concat(ids(2, 39), ids(71, 2)); !slices.Equal(deleted(d), want) {
		t.Fatalf("deleted %v, want exactly the plan and what was saved since", deleted(d))
	}
	if d.HeldBack != "the approved plan is carried out first" || !slices.Equal(d.Folder.Released, ids(2, 39)) {
		t.Errorf("held back %q, released %v", d.HeldBack, d.Folder.Released)
	}

	// One of the plan was refused by the server; the others are gone.
	in.Folder, in.Records = d.Folder, in.Records[38:70]
	in.Records[0].DeletionSince, in.Records[0].Deletion = now, mail.DeletionIntended
	in.Records[1].DeletionSince = now
	d = Plan(month, in)
	if !slices.Equal(deleted(d), ids(39, 32)) || !slices.Equal(d.Folder.Released, ids(39, 2)) {
		t.Errorf("afterwards: deleted %v, released %v", deleted(d), d.Folder.Released)
	}
	in.Folder, in.Complete, in.Records = d.Folder, false, nil
	if d = Plan(month, in); !slices.Equal(d.Folder.Released, ids(39, 2)) {
		t.Errorf("an incomplete listing forgot what was released: %v", d.Folder.Released)
	}
	in.Complete = true
	if d = Plan(month, in); len(d.Folder.Released) != 0 || d.Folder.Settled != mail.SettledApproved {
		t.Errorf("released %v, settled %q", d.Folder.Released, d.Folder.Settled)
	}
}

func TestPlanLeavesItsInputAlone(t *testing.T) {
	in := input(month, mail.SettledApproved, many(1, 3, mail.Unmatched, 2)...)
	in.Folder.Released = ids(1, 3)
	Plan(month, in)
	if !slices.Equal(in.Folder.Released, ids(1, 3)) {
		t.Errorf("released became %v", in.Folder.Released)
	}
}
