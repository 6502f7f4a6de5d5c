package journal

import (
	"testing"

	"pricefetch/internal/mail"
)

// What a server states is kept apart from what a message itself told, and never in its place.
func TestStated(t *testing.T) {
	x := polled(t, "1", "2", "3", "4")
	x.judge("1", mail.Unmatched)
	x.judge("2", mail.Unmatched)
	x.publish(3, file("1", "a.xls", "aa"))
	own := []mail.PartNote{{Path: "2", Name: "own.xls", Reason: "r: no"}}
	x.ok(x.Judge(t.Context(), []mail.RecordID{2}, mail.Judgement{Outcome: mail.Unmatched, Parts: own}, x.time))
	said := []mail.PartNote{{Name: "прайс.xls", Type: "application/x"}}
	x.ok(x.Stated(t.Context(), map[mail.RecordID][]mail.PartNote{1: nil, 2: said, 3: said, 4: said, 99: said}))
	records := func() (all []mail.Record) {
		for id := range mail.RecordID(4) {
			r, err := x.Record(t.Context(), id+1)
			x.ok(err)
			all = append(all, r)
		}
		return all
	}
	rs := records()
	if rs[0].Stated == nil || len(rs[0].Stated) != 0 || rs[0].Parts != nil {
		t.Errorf("asked in vain: stated %v, parts %v", rs[0].Stated, rs[0].Parts)
	}
	equal(t, "parts of a message that was read", rs[1].Parts, own)
	for i, r := range rs[1:] {
		if r.Stated != nil {
			t.Errorf("message %d: stated %v", i+2, r.Stated)
		}
	}
	x.ok(x.Stated(t.Context(), map[mail.RecordID][]mail.PartNote{1: said}))
	equal(t, "stated", records()[0].Stated, said)
	x.judge("1", mail.NearMiss) // a judgement without parts leaves it
	equal(t, "stated, judged again", records()[0].Stated, said)
	x.ok(x.Judge(t.Context(), []mail.RecordID{1}, mail.Judgement{Outcome: mail.Unmatched, Parts: own}, x.time))
	if r := records()[0]; r.Stated != nil || len(r.Parts) != 1 {
		t.Errorf("read since: stated %v, parts %v", r.Stated, r.Parts)
	}
}
