package journal

import (
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

func TestJudge(t *testing.T) {
	x := polled(t, "1")
	id := x.by("1").ID
	g := mail.Judgement{Outcome: mail.NearMiss, Reason: "остатки.xls fits no mask", RulesHash: "r1",
		Parts: []mail.PartNote{{Path: "2", Name: "остатки.xls", RawName: "\xee\xf1\xf2.xls", Type: "application/vnd.ms-excel", Reason: "mask"}}}
	x.ok(x.Judge(t.Context(), []mail.RecordID{id}, g, x.time))
	r := x.by("1")
	equal(t, "parts", r.Parts, g.Parts)
	if r.Outcome != mail.NearMiss || r.Reason != g.Reason || r.RulesHash != "r1" || !r.JudgedAt.Equal(x.time) {
		t.Errorf("record %+v", r)
	}
	equal(t, "step", x.lastStep(id), "near miss: остатки.xls fits no mask")

	later := x.time.Add(time.Hour)
	x.ok(x.Judge(t.Context(), []mail.RecordID{id}, mail.Judgement{Outcome: mail.NearMiss, Reason: g.Reason, RulesHash: "r2"}, later))
	r = x.by("1")
	steps, err := x.Steps(t.Context(), id)
	x.ok(err)
	if len(steps) != 2 || r.RulesHash != "r2" || !r.JudgedAt.Equal(x.time) || len(r.Parts) != 1 {
		t.Errorf("judged the same again: %+v, %d steps", r, len(steps))
	}
	for _, o := range []mail.Outcome{mail.Saved, mail.Failed, mail.Held} {
		wantErr(t, x.Judge(t.Context(), []mail.RecordID{id}, mail.Judgement{Outcome: o}, later), "judge messages: message 1", string(o))
	}
	if r := x.by("1"); r.Outcome != mail.NearMiss {
		t.Errorf("refused judgement stored: %s", r.Outcome)
	}
}

func TestFailures(t *testing.T) {
	x := polled(t, "1")
	id := x.by("1").ID
	waits := []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 8 * time.Hour, 24 * time.Hour}
	for i, wait := range waits {
		r, err := x.Fail(t.Context(), id, "bad base64", x.time)
		x.ok(err)
		if r.Outcome != mail.Failed || r.Failures != i+1 || !r.Next.Equal(x.time.Add(wait)) || r.Reason != "bad base64" {
			t.Errorf("failure %d: %+v", i+1, r)
		}
		equal(t, "stored", x.by("1"), r)
	}
	r, err := x.Fail(t.Context(), id, "bad base64", x.time)
	x.ok(err)
	if r.Outcome != mail.Held || !r.Next.IsZero() || r.Failures != 6 || !strings.Contains(r.Reason, "failed 6 times") {
		t.Errorf("the fifth retry failed: %+v", r)
	}
	equal(t, "stored", x.by("1"), r)
	equal(t, "step", x.lastStep(id), "held: failed 6 times, the last time: bad base64")
}

func TestSuccessForgetsFailures(t *testing.T) {
	x := polled(t, "1")
	_, err := x.Fail(t.Context(), x.by("1").ID, "cut", x.time)
	x.ok(err)
	x.judge("1", mail.Unmatched)
	if r := x.by("1"); r.Failures != 0 || !r.Next.IsZero() {
		t.Errorf("record %+v", r)
	}
}

func TestHold(t *testing.T) {
	x := polled(t, "1")
	id := x.by("1").ID
	x.ok(x.Hold(t.Context(), id, "larger than message_size", "1.eml", x.time))
	r := x.by("1")
	if r.Outcome != mail.Held || r.Kept != "1.eml" || r.Reason != "larger than message_size" {
		t.Errorf("record %+v", r)
	}
	x.ok(x.Hold(t.Context(), id, "still", "", x.time))
	equal(t, "kept", x.by("1").Kept, "1.eml")
	kept, err := x.Kept(t.Context())
	x.ok(err)
	equal(t, "kept names", kept, []string{"1.eml"})
	_, err = x.Dismiss(t.Context(), id, x.time)
	x.ok(err)
	kept, err = x.Kept(t.Context())
	x.ok(err)
	equal(t, "kept names after dismiss", len(kept), 0)
}

func TestBatch(t *testing.T) {
	type state struct {
		losses, failures int
		solo             bool
	}

	tests := map[string]struct {
		do     func(x *fixture, ids []mail.RecordID)
		blamed string
		want   map[string]state
	}{
		"lost before anything came": {func(x *fixture, ids []mail.RecordID) {}, "",
			map[string]state{"1": {solo: true}, "2": {solo: true}, "3": {solo: true}}},
		"lost with the second in hand": {func(x *fixture, ids []mail.RecordID) {
			x.ok(x.InHand(x.t.Context(), ids[0]))
			x.judge("1", mail.Unmatched)
			x.ok(x.InHand(x.t.Context(), ids[1]))
		}, "2", map[string]state{"1": {}, "2": {losses: 1, solo: true}, "3": {solo: true}}},
		"first came whole, not yet judged": {func(x *fixture, ids []mail.RecordID) {
			x.ok(x.InHand(x.t.Context(), ids[0]))
			x.ok(x.InHand(x.t.Context(), ids[1]))
		}, "2", map[string]state{"1": {solo: true}, "2": {losses: 1, solo: true}, "3": {solo: true}}},
		"lost between two messages": {func(x *fixture, ids []mail.RecordID) {
			x.ok(x.InHand(x.t.Context(), ids[0]))
			x.judge("1", mail.Unmatched)
		}, "", map[string]state{"1": {}, "2": {solo: true}, "3": {solo: true}}},
		"lost after the intent": {func(x *fixture, ids []mail.RecordID) {
			x.ok(x.InHand(x.t.Context(), ids[0]))
			_, err := x.Intend(x.t.Context(), ids[0], nil, mail.Judgement{Outcome: mail.Saved}, x.time)
			x.ok(err)
		}, "", map[string]state{"1": {}, "2": {solo: true}, "3": {solo: true}}},
		"asked": {func(x *fixture, ids []mail.RecordID) {
			x.ok(x.InHand(x.t.Context(), ids[0]))
			x.ok(x.Asked(x.t.Context(), box))
		}, "", map[string]state{"1": {}, "2": {}, "3": {}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			x := polled(t, "1", "2", "3")
			batch := []mail.RecordID{x.by("1").ID, x.by("2").ID, x.by("3").ID}
			x.ok(x.Asking(t.Context(), box, batch))
			tt.do(x, batch)
			x.ok(x.Journal.Close()) // the process dies
			x.open()
			blamed, err := x.Lost(t.Context(), box, "connection reset", x.time)
			x.ok(err)
			equal(t, "blamed", ids(blamed), tt.blamed)
			for id, want := range tt.want {
				r := x.by(id)
				if got := (state{r.Losses, r.Failures, r.Solo}); got != want {
					t.Errorf("message %s: %+v, want %+v", id, got, want)
				}
			}
			blamed, err = x.Lost(t.Context(), box, "connection reset", x.time)
			x.ok(err)
			if len(blamed) != 0 {
				t.Error("blamed twice for one loss")
			}
		})
	}
}

func TestTwoLossesAreAFailure(t *testing.T) {
	x := polled(t, "1", "2")
	id := x.by("1").ID
	for n := 1; n <= 12; n++ {
		x.ok(x.Asking(t.Context(), box, []mail.RecordID{id}))
		x.ok(x.InHand(t.Context(), id))
		blamed, err := x.Lost(t.Context(), box, "cut", x.time)
		x.ok(err)
		if len(blamed) != 1 || blamed[0].Failures != n/2 || blamed[0].Losses != n%2 {
			t.Fatalf("loss %d: %+v", n, blamed)
		}
	}
	if r := x.by("1"); r.Outcome != mail.Held {
		t.Errorf("after twelve losses: %s", r.Outcome)
	}
	wantErr(t, x.InHand(t.Context(), id), "in no batch")
	wantErr(t, x.Asking(t.Context(), box, []mail.RecordID{99}), "message 99")
}

func TestBatchesOfMailboxesAreApart(t *testing.T) {
	x := polled(t, "1")
	o := x.options()
	_, err := x.SortOut(t.Context(), "other", listing("1"), o)
	x.ok(err)
	x.ok(x.Asking(t.Context(), box, []mail.RecordID{1}))
	x.ok(x.Asking(t.Context(), "other", []mail.RecordID{2}))
	x.ok(x.InHand(t.Context(), 1))
	x.ok(x.InHand(t.Context(), 2))
	for _, m := range []string{"other", box} {
		blamed, err := x.Lost(t.Context(), m, "cut", x.time)
		x.ok(err)
		if len(blamed) != 1 || blamed[0].Mailbox != m {
			t.Errorf("%s: blamed %+v", m, blamed)
		}
	}
}
