package journal

import (
	"testing"

	"pricefetch/internal/mail"
)

func TestAbandon(t *testing.T) {
	x := polled(t, "1")
	out, err := x.Intend(t.Context(), 1, []mail.File{file("1", "a.xls", "aa"), file("2", "b.xls", "bb")}, savedJudgement, x.time)
	x.ok(err)
	out[0].State = mail.FilePublished
	x.ok(x.Abandon(t.Context(), 1, out, "staged file is lost", x.time))
	r := x.by("1")
	if r.Outcome != mail.Pending || r.Reason != "to be fetched again: staged file is lost" {
		t.Errorf("record %+v", r)
	}
	receipts, err := x.Receipts(t.Context(), 1)
	x.ok(err)
	if len(receipts) != 1 || receipts[0].Original != "a.xls" || receipts[0].State != mail.FilePublished {
		t.Errorf("receipts %+v", receipts)
	}
	work, err := x.Work(t.Context(), box, "INBOX", x.time)
	x.ok(err)
	equal(t, "to fetch", ids(work), "1")
	wantErr(t, x.Abandon(t.Context(), 1, nil, "again", x.time), "no unfinished intent")
	// The lost one is free to go out, under its own name and as if it had never been seen.
	equal(t, "second try", x.publish(1, file("2", "b.xls", "bb"))[0].State, mail.FilePublished)
}

// A copy in another mailbox was recorded as a duplicate of the file that is lost now: it must be fetched after all.
func TestAbandonReopensDuplicates(t *testing.T) {
	for name, recorded := range map[string]bool{"recorded": true, "on its way": false} {
		t.Run(name, func(t *testing.T) {
			x := copies(t)
			first, err := x.Intend(t.Context(), 1, []mail.File{file("1", "a.xls", "aa")}, savedJudgement, x.time)
			x.ok(err)
			second, err := x.Intend(t.Context(), 2, []mail.File{file("1", "a.xls", "aa")}, savedJudgement, x.time)
			x.ok(err)
			equal(t, "state of the copy", second[0].State, mail.FileDuplicate)
			if recorded {
				x.ok(x.Saved(t.Context(), 2, second, savedJudgement, x.time))
			}
			x.ok(x.Abandon(t.Context(), 1, first, "staged file is lost", x.time))
			if !recorded {
				x.ok(x.Saved(t.Context(), 2, second, savedJudgement, x.time))
			}
			r, err := x.Record(t.Context(), 2)
			x.ok(err)
			receipts, err := x.Receipts(t.Context(), 2)
			x.ok(err)
			if r.Outcome != mail.Pending || r.Reason != repeatsLost || len(receipts) != 0 {
				t.Errorf("copy %+v, receipts %+v", r, receipts)
			}
			equal(t, "the copy goes out", x.publish(2, file("1", "a.xls", "aa"))[0].State, mail.FilePublished)
			equal(t, "the first is its duplicate now", x.publish(1, file("1", "a.xls", "aa"))[0].State, mail.FileDuplicate)
		})
	}
}

// Sound files going out between two failures do not make the message start counting anew.
func TestPendingKeepsFailures(t *testing.T) {
	x := polled(t, "1")
	for range 5 {
		_, err := x.Fail(t.Context(), 1, "b.xls is damaged", x.time)
		x.ok(err)
	}
	out, err := x.Intend(t.Context(), 1, []mail.File{file("1", "a.xls", "aa")}, mail.Judgement{Outcome: mail.Pending}, x.time)
	x.ok(err)
	out[0].State = mail.FilePublished
	x.ok(x.Saved(t.Context(), 1, out, mail.Judgement{Outcome: mail.Pending}, x.time))
	r, err := x.Fail(t.Context(), 1, "b.xls is damaged", x.time)
	x.ok(err)
	equal(t, "after the fifth retry", r.Outcome, mail.Held)
	r, err = x.Retry(t.Context(), 1, x.time)
	x.ok(err)
	equal(t, "failures after retry", r.Failures, 0)
}
