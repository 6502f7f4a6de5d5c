package retain

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pricefetch/internal/mail"
)

// TestInvariants holds Plan to its promises over random mailboxes, policies and states.
func TestInvariants(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 22))
	outcomes := []mail.Outcome{mail.Pending, mail.Unmatched, mail.NearMiss, mail.Baseline, mail.Paused, mail.Superseded, mail.Saved, mail.Failed, mail.Held, mail.Dismissed}
	for n := range 300 {
		p := Policy{LeaveCopy: random.IntN(2) == 0, DeleteUnmatched: random.IntN(2) == 0, AfterDays: random.IntN(3) * 15,
			SavedOnly: random.IntN(4) == 0, BrakeOff: random.IntN(8) == 0, BrakePercent: 1 + random.IntN(100)}
		var records []mail.Record
		for i := range random.IntN(120) {
			r := record(i+1, outcomes[random.IntN(len(outcomes))], random.Float64()*60)
			r.Leftover = random.IntN(4) == 0
			r.AtFirstPoll = random.IntN(2) == 0
			if random.IntN(2) == 0 {
				since([]mail.Record{r})
				r.JudgedAt = now.Add(-30 * time.Second)
			}
			if random.IntN(10) == 0 {
				r.Deletion = mail.DeletionIgnored
			}
			records = append(records, r)
		}
		in := input(p, []mail.Settled{mail.SettledNot, mail.SettledSelf, mail.SettledApproved}[random.IntN(3)], records...)
		in.Folder.PolicySince = ago(1)
		in.Complete, in.Reset, in.Folder.FirstPollDone = random.IntN(5) > 0, random.IntN(20) == 0, random.IntN(20) > 0
		if random.IntN(10) == 0 {
			in.Hold = "hold"
		}
		if random.IntN(6) == 0 {
			in.AgeSuspended = "gap"
		}
		for in.Folder.Settled == mail.SettledApproved && random.IntN(30) > 0 {
			in.Folder.Released = append(in.Folder.Released, mail.RecordID(random.IntN(200)))
		}
		slices.Sort(in.Folder.Released)
		in.Folder.Released = slices.Compact(in.Folder.Released)
		d := Plan(p, in)
		checkInvariants(t, n, p, in, d)
		checkOrder(t, n, p, in, d, random)
		if t.Failed() {
			t.Fatalf("case %d: policy %+v, folder %+v", n, p, in.Folder)
		}
	}
}

func checkInvariants(t *testing.T, n int, p Policy, in Input, d Decision) {
	t.Helper()
	if len(d.Verdicts) != len(in.Records) {
		t.Fatalf("case %d: %d verdicts for %d records", n, len(d.Verdicts), len(in.Records))
	}
	counted, baseline, held := 0, 0, 0
	for i, v := range d.Verdicts {
		r := v.Record
		if r.ID != in.Records[i].ID || v.Reason == "" {
			t.Errorf("case %d: verdict %d is about record %d, reason %q", n, i, r.ID, v.Reason)
		}
		if v.Due && !v.Delete {
			held++
		}
		if !v.Delete {
			continue
		}
		forbidden := !v.Due || in.Reset || in.Hold != "" || !in.Folder.FirstPollDone || r.Deletion == mail.DeletionIgnored ||
			slices.Contains([]mail.Outcome{mail.Pending, mail.Failed, mail.Held, mail.Paused}, r.Outcome)
		byCopy := !p.LeaveCopy && (r.Outcome == mail.Saved && !r.Leftover || r.Outcome == mail.Unmatched && p.DeleteUnmatched)
		byAge := p.AfterDays > 0 && in.AgeSuspended == "" && (!p.SavedOnly || r.Outcome == mail.Saved) &&
			!r.Age().After(now.AddDate(0, 0, -p.AfterDays))
		if forbidden || !byCopy && !byAge {
			t.Errorf("case %d: deletes %s record %d, %s", n, r.Outcome, r.ID, v.Reason)
		}
		if !(r.Outcome == mail.Saved && r.JudgedAt.After(ago(1))) && !slices.Contains(in.Folder.Released, r.ID) {
			counted++
			if r.Outcome == mail.Baseline {
				baseline++
			}
		}
	}
	if (held > 0) != (d.HeldBack != "") {
		t.Errorf("case %d: %d held back, reason %q", n, held, d.HeldBack)
	}
	if d.Folder.Settled != mail.SettledApproved && (baseline > 20 || in.Folder.Settled == mail.SettledNot && counted > 20 && counted*100 > p.BrakePercent*len(in.Records)) {
		t.Errorf("case %d: %d counted deletions, %d of them baseline, of %d without approval", n, counted, baseline, len(in.Records))
	}
	if in.Folder.Settled != d.Folder.Settled && d.Folder.Settled == mail.SettledSelf && (!in.Complete || held > 0) {
		t.Errorf("case %d: settled itself with %d held back, complete %v", n, held, in.Complete)
	}
	if p.LeaveCopy && p.AfterDays == 0 && len(deleted(d)) > 0 {
		t.Errorf("case %d: deletes with default options", n)
	}
}

// checkOrder: the order of the records decides nothing.
func checkOrder(t *testing.T, n int, p Policy, in Input, d Decision, random *rand.Rand) {
	t.Helper()
	in.Records = slices.Clone(in.Records)
	random.Shuffle(len(in.Records), func(i, j int) { in.Records[i], in.Records[j] = in.Records[j], in.Records[i] })
	shuffled := Plan(p, in)
	a, b := deleted(d), deleted(shuffled)
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) || d.HeldBack != shuffled.HeldBack || !cmp.Equal(d.Folder, shuffled.Folder) {
		t.Errorf("case %d: another order, another decision: %v and %v", n, a, b)
	}
}
