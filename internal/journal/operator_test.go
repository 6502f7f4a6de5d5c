package journal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

func TestApprove(t *testing.T) {
	x := polled(t, "1", "2", "3")
	_, err := x.Approve(t.Context(), box, x.time)
	wantErr(t, err, "approve prices", "no plan of deletion waits")
	plan := &mail.Approval{Made: start, Why: "new policy", Listed: 3, Count: 2, Oldest: start.Add(-time.Hour), Samples: []string{"2024-01-02 price@a.ru «Прайс»"}, IDs: []mail.RecordID{1, 3}}
	s := mail.FolderState{Mailbox: box, Folder: "INBOX", PolicyHash: "p1", PolicySince: start, Waiting: plan}
	x.ok(x.SetPolicy(t.Context(), s))
	f, err := x.Folder(t.Context(), box, "INBOX")
	x.ok(err)
	equal(t, "waiting", f.Waiting, plan)
	got, err := x.Approve(t.Context(), box, x.time)
	x.ok(err)
	equal(t, "approved", got, []Approved{{Folder: "INBOX", Count: 2}})
	f, err = x.Folder(t.Context(), box, "INBOX")
	x.ok(err)
	equal(t, "released", f.Released, []mail.RecordID{1, 3})
	if f.Settled != mail.SettledApproved || f.Waiting != nil || f.PolicyHash != "p1" || !f.PolicySince.Equal(start) {
		t.Errorf("folder %+v", f)
	}
	_, err = x.Approve(t.Context(), box, x.time)
	wantErr(t, err, "no plan")
	wantErr(t, x.SetPolicy(t.Context(), mail.FolderState{Mailbox: box, Folder: "Спам"}), "prices/Спам", "never polled")
}

func TestApproveClock(t *testing.T) {
	x := polled(t)
	_, err := x.ApproveClock(t.Context(), box, x.time)
	wantErr(t, err, "not suspended")
	x.ok(x.Update(t.Context(), box, func(m *mail.MailboxState) { m.AgeSuspended = "no pass for 20 days" }))
	why, err := x.ApproveClock(t.Context(), box, x.time)
	x.ok(err)
	equal(t, "why", why, "no pass for 20 days")

	x.pass(48 * time.Hour) // with a clock that was wrong
	now := x.time.Add(-48 * time.Hour)
	why, err = x.ApproveClock(t.Context(), box, now)
	x.ok(err)
	equal(t, "why", why, "a pass ran when the clock was 48h0m0s later")
	m, err := x.Mailboxes(t.Context())
	x.ok(err)
	if !m[0].Newest.Equal(now) || m[0].AgeSuspended != "" {
		t.Errorf("mailbox %+v", m[0])
	}
}

// What a clock that ran ahead, or behind, put on record is set right towards younger mail; what may be true stays.
func TestApproveClockSetsRight(t *testing.T) {
	x := polled(t, "1", "2", "3")
	now := x.time
	exec := func(query string, args ...any) {
		t.Helper()
		_, err := x.w.Exec(query, args...)
		x.ok(err)
	}
	ahead, received := now.AddDate(1, 0, 0), now.Add(-time.Hour)
	exec("UPDATE mailbox SET newest = ?", ahead.UnixMilli())
	exec("UPDATE record SET first_seen = ?, judged_at = ? WHERE id = 1", ahead.UnixMilli(), ahead.UnixMilli())
	exec("UPDATE record SET first_seen = ?, received = ? WHERE id = 2", now.AddDate(-10, 0, 0).UnixMilli(), received.UnixMilli())
	exec("UPDATE folder SET policy_since = ?, contact = ?", ahead.UnixMilli(), ahead.UnixMilli())
	untouched := x.by("3")
	_, err := x.ApproveClock(t.Context(), box, now)
	x.ok(err)
	if r := x.by("1"); !r.FirstSeen.Equal(now) || !r.JudgedAt.Equal(now) {
		t.Errorf("seen ahead: first seen %s, judged %s", r.FirstSeen, r.JudgedAt)
	}
	if r := x.by("2"); !r.FirstSeen.Equal(received) || !strings.Contains(x.lastStep(2), "clock approved: first seen") {
		t.Errorf("seen behind: first seen %s; %s", r.FirstSeen, x.lastStep(2))
	}
	equal(t, "seen rightly", x.by("3"), untouched)
	f, err := x.Folder(t.Context(), box, "INBOX")
	x.ok(err)
	if !f.PolicySince.Equal(now) || !f.Contact.Equal(now) {
		t.Errorf("folder: policy since %s, contact %s", f.PolicySince, f.Contact)
	}
	m, err := x.Mailboxes(t.Context())
	x.ok(err)
	if !m[0].ClockApproved.Equal(now) {
		t.Errorf("approved %s", m[0].ClockApproved)
	}
}

// reach brings message 1 to an outcome.
func reach(x *fixture, o mail.Outcome, leftover bool) {
	switch o {
	case mail.Failed:
		_, err := x.Fail(x.t.Context(), 1, "cut", x.time)
		x.ok(err)
	case mail.Held:
		x.ok(x.Hold(x.t.Context(), 1, "larger than message_size", "", x.time))
	case mail.Saved:
		x.ok(x.Saved(x.t.Context(), 1, nil, mail.Judgement{Outcome: o, Leftover: leftover, RulesHash: "r1"}, x.time))
	default:
		x.ok(x.Judge(x.t.Context(), []mail.RecordID{1}, mail.Judgement{Outcome: o, RulesHash: "r1"}, x.time))
	}
}

func TestAnswersByOutcome(t *testing.T) {
	type verdict struct{ retry, dismiss, rescan, deletable bool }
	tests := []struct {
		outcome  mail.Outcome
		leftover bool
		want     verdict
	}{
		{mail.Pending, false, verdict{dismiss: true}},
		{mail.Unmatched, false, verdict{dismiss: true, rescan: true, deletable: true}},
		{mail.NearMiss, false, verdict{dismiss: true, rescan: true, deletable: true}},
		{mail.Baseline, false, verdict{rescan: true, deletable: true}},
		{mail.Paused, false, verdict{dismiss: true}},
		{mail.Superseded, false, verdict{deletable: true}},
		{mail.Saved, false, verdict{deletable: true}},
		{mail.Saved, true, verdict{dismiss: true, rescan: true, deletable: true}},
		{mail.Failed, false, verdict{retry: true, dismiss: true}},
		{mail.Held, false, verdict{retry: true, dismiss: true}},
		{mail.Dismissed, false, verdict{deletable: true}},
	}
	for _, tt := range tests {
		name := string(tt.outcome)
		if tt.leftover {
			name += " with leftover"
		}
		t.Run(name, func(t *testing.T) {
			fresh := func() *fixture {
				x := polled(t, "1")
				reach(x, tt.outcome, tt.leftover)
				return x
			}
			var got verdict
			x := fresh()
			r, err := x.Retry(t.Context(), 1, x.time)
			if got.retry = err == nil; got.retry && (r.Outcome != mail.Pending || !r.Forced || r.Failures != 0 || !r.Next.IsZero()) {
				t.Errorf("retried: %+v", r)
			} else if !got.retry {
				wantErr(t, err, "retry message 1", "it is "+string(tt.outcome))
			}
			x = fresh()
			r, err = x.Dismiss(t.Context(), 1, x.time)
			got.dismiss = err == nil
			if want := map[bool]mail.Outcome{true: mail.Saved, false: mail.Dismissed}[tt.leftover]; got.dismiss && (r.Outcome != want || r.Leftover) {
				t.Errorf("dismissed: %+v", r)
			}
			x = fresh()
			n, err := x.Rescan(t.Context(), box, start.Add(-time.Hour), nil, x.time)
			x.ok(err)
			got.rescan = n == 1
			x = fresh()
			err = x.Deleting(t.Context(), []mail.RecordID{1}, x.time)
			got.deletable = err == nil
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestRetryNeedsTheMessage(t *testing.T) {
	x := polled(t, "1", "2")
	x.ok(x.Hold(t.Context(), 1, "oversize", "1.eml", x.time))
	x.ok(x.Hold(t.Context(), 2, "oversize", "", x.time))
	x.pass(time.Hour)
	x.sort(listing())
	_, err := x.Retry(t.Context(), 2, x.time)
	wantErr(t, err, "no longer has it")
	_, err = x.Retry(t.Context(), 1, x.time)
	x.ok(err)
	work, err := x.Work(t.Context(), box, "INBOX", x.time)
	x.ok(err)
	equal(t, "to fetch from what is kept", ids(work), "1")
	_, err = x.Retry(t.Context(), 77, x.time)
	if !errors.Is(err, mail.ErrNoRecord) {
		t.Errorf("error %v", err)
	}
}

func TestRescan(t *testing.T) {
	x := polled(t, "1", "2", "3", "4")
	x.judge("1", mail.Unmatched)
	x.judge("2", mail.Unmatched)
	reach3 := mail.Judgement{Outcome: mail.Saved, Leftover: true, RulesHash: "r1"}
	x.ok(x.Saved(t.Context(), 3, nil, reach3, x.time))
	x.judge("4", mail.Unmatched)
	x.pass(60 * 24 * time.Hour)
	x.sort(listing("1", "2", "3")) // 4 is gone
	n, err := x.Rescan(t.Context(), box, start, func(r mail.Record) bool { return r.Ref.ID != "2" }, x.time)
	x.ok(err)
	equal(t, "count", n, 2)
	w := x.sort(listing("1", "2", "3"))
	equal(t, "to fetch", ids(x.work()), "1")
	equal(t, "to judge again", ids(w.Rejudge), "3")
	// Judged the same as before it is done with.
	x.ok(x.Saved(t.Context(), 3, nil, reach3, x.time))
	equal(t, "to judge again", ids(x.sort(listing("1", "2", "3")).Rejudge), "")
	n, err = x.Rescan(t.Context(), box, x.time, nil, x.time)
	x.ok(err)
	equal(t, "received since now", n, 0)
	_, err = x.Rescan(t.Context(), "nobody", start, nil, x.time)
	wantErr(t, err, "rescan nobody", "never polled")
}

func TestPendingAgainIsNotDeleted(t *testing.T) {
	x := polled(t, "1")
	x.judge("1", mail.Unmatched)
	x.ok(x.Deleting(t.Context(), []mail.RecordID{1}, x.time))
	_, err := x.Rescan(t.Context(), box, start.Add(-time.Hour), nil, x.time)
	x.ok(err)
	if r := x.by("1"); r.Outcome != mail.Pending || r.Deletion != mail.DeletionNone {
		t.Errorf("record %+v", r)
	}
}

// A leftover of which a file was superseded is not saved whole once the mark is gone: leave_copy: false must not take it.
func TestDismissLeftoverOfSuperseded(t *testing.T) {
	x := polled(t, "1", "2")
	x.publish(1, file("1", "p.csv", "aa"))
	older := file("1", "q.csv", "bb")
	older.Newest, older.Received = true, x.time.AddDate(-1, 0, 0)
	leftover := mail.Judgement{Outcome: mail.Saved, Leftover: true}
	out, err := x.Intend(t.Context(), 2, []mail.File{older}, leftover, x.time)
	x.ok(err)
	equal(t, "state", out[0].State, mail.FileSuperseded)
	x.ok(x.Saved(t.Context(), 2, out, leftover, x.time))
	r, err := x.Dismiss(t.Context(), 2, x.time)
	x.ok(err)
	equal(t, "outcome", r.Outcome, mail.Superseded)
}
