package journal

import (
	"errors"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

func TestFirstListing(t *testing.T) {
	x := newFixture(t)
	x.pass(0)
	w := x.sort(listing("3/500", "1/-1", "2"))
	equal(t, "inspect, in listing order", ids(w.Inspect), "3 1 2")
	if !w.FirstPoll || !w.Complete || w.Reset != "" || w.Listed != 3 || len(x.work()) != 0 {
		t.Errorf("worklist %+v", w)
	}
	r := w.Inspect[0]
	if r.Num != 1 || r.Size != 500 || r.Outcome != mail.Pending || !r.AtFirstPoll || !r.Listed || !r.FirstSeen.Equal(start) || r.Mailbox != box || r.Folder != "INBOX" || r.Scope != "1" {
		t.Errorf("record %+v", r)
	}
	cursors, err := x.Cursors(t.Context(), box)
	x.ok(err)
	equal(t, "cursor", cursors, []mail.Cursor{{Folder: "INBOX", Scope: "1", UIDNext: 4, Count: 3}})
}

func TestHeadersStay(t *testing.T) {
	x := newFixture(t)
	x.pass(0)
	w := x.sort(listing("1/-1"))
	e := header(w.Inspect[0], "прайс", start.Add(-time.Hour))
	e.From, e.Size, e.Subject = []string{"a@x.ru", "Б@пример.рф"}, 77, "с нулём \x00 и CP1251 \xcf\xf0"
	got, err := x.Inspected(t.Context(), []mail.Inspection{{Record: w.Inspect[0], Envelope: e}}, x.time)
	x.ok(err)
	x.ok(x.Journal.Close())
	x.open()
	r := x.by("1")
	r.Num = got[0].Num
	equal(t, "record after reopening", r, got[0])
	e.Num = 1
	equal(t, "envelope", got[0].Envelope, e)
	if !r.Inspected || r.Age() != start.Add(-time.Hour) {
		t.Errorf("inspected %v, age %v", r.Inspected, r.Age())
	}
}

func TestListings(t *testing.T) {
	incomplete := func(l mail.Listing) mail.Listing { l.Complete = false; return l }
	unchanged := func(l mail.Listing) mail.Listing { l.Unchanged = true; return l }
	type want struct {
		inspect, fetch string
		listed, gone   string // ids by record, newest first
		count          int
		incomplete     bool
	}
	tests := map[string]struct {
		lists []mail.Listing // after a first poll of 1, 2, 3, 4
		want  want
	}{
		"the same":                    {[]mail.Listing{listing("1", "2", "3", "4")}, want{fetch: "1 2 3 4", listed: "4 3 2 1", count: 4}},
		"one more":                    {[]mail.Listing{listing("1", "2", "3", "4", "5")}, want{inspect: "5", fetch: "1 2 3 4", listed: "5 4 3 2 1", count: 5}},
		"one vanished":                {[]mail.Listing{listing("1", "3", "4")}, want{fetch: "1 3 4", listed: "4 3 1", gone: "2", count: 3}},
		"short and incomplete":        {[]mail.Listing{incomplete(listing("3", "9"))}, want{inspect: "9", fetch: "3", listed: "9 4 3 2 1", count: 2, incomplete: true}},
		"incomplete, then complete":   {[]mail.Listing{incomplete(listing("9")), listing("1", "2", "3", "4")}, want{fetch: "1 2 3 4", listed: "4 3 2 1", gone: "9", count: 4}},
		"empty and incomplete":        {[]mail.Listing{incomplete(listing())}, want{listed: "4 3 2 1", incomplete: true}},
		"empty and complete":          {[]mail.Listing{listing()}, want{gone: "4 3 2 1"}},
		"empty once, then all back":   {[]mail.Listing{listing(), listing("1", "2", "3", "4")}, want{inspect: "1 2 3 4", listed: "4 3 2 1", gone: "4 3 2 1", count: 4}},
		"unchanged":                   {[]mail.Listing{unchanged(listing())}, want{fetch: "1 2 3 4", listed: "4 3 2 1", count: 4}},
		"unchanged and one more":      {[]mail.Listing{unchanged(listing("5"))}, want{inspect: "5", fetch: "1 2 3 4", listed: "5 4 3 2 1", count: 5}},
		"one more and then unchanged": {[]mail.Listing{unchanged(listing("5")), unchanged(listing())}, want{inspect: "5", fetch: "1 2 3 4", listed: "5 4 3 2 1", count: 5}},
		"incomplete, then unchanged":  {[]mail.Listing{incomplete(listing("5", "6")), unchanged(listing("6"))}, want{inspect: "6", fetch: "1 2 3 4", listed: "6 4 3 2 1", gone: "5", count: 5}},
		"another size":                {[]mail.Listing{listing("1", "2/101", "3", "4")}, want{inspect: "2", fetch: "1 3 4", listed: "4 3 2 1", count: 4}},
		"size not told":               {[]mail.Listing{listing("1", "2/-1", "3", "4")}, want{fetch: "1 2 3 4", listed: "4 3 2 1", count: 4}},
		"another size, session cut":   {[]mail.Listing{listing("1", "2/101", "3", "4"), listing("1", "2/101", "3", "4")}, want{inspect: "2", fetch: "1 3 4", listed: "4 3 2 1", count: 4}},
		"an id twice is not complete": {[]mail.Listing{listing("1", "1", "2")}, want{fetch: "1 2", listed: "4 3 2 1", count: 2, incomplete: true}},
		"unchanged, of another UIDVALIDITY": {[]mail.Listing{func() mail.Listing {
			l := unchanged(listing("1"))
			l.Scope = "2"
			return l
		}()}, want{inspect: "1", listed: "1", count: 1, incomplete: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			x := polled(t, "1", "2", "3", "4")
			var w mail.Worklist
			for _, l := range tt.lists {
				x.pass(5 * time.Minute)
				w = x.sort(l)
			}
			got := want{inspect: ids(w.Inspect), fetch: ids(x.work()), count: w.Listed, incomplete: !w.Complete}
			var listed, gone []mail.Record
			for _, r := range x.all() {
				if r.Listed {
					listed = append(listed, r)
				}
				if r.Deletion == mail.DeletionGone {
					gone = append(gone, r)
				}
				if r.Outcome != mail.Pending {
					t.Errorf("record %s became %s by a listing", r.Ref.ID, r.Outcome)
				}
			}
			got.listed, got.gone = ids(listed), ids(gone)
			if d := got; d != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestListedShowsWhatTheSessionListed(t *testing.T) {
	x := polled(t, "1", "2", "3")
	x.pass(time.Minute)
	l := listing("3", "2")
	l.Complete = false
	x.sort(l)
	rs, err := x.Listed(t.Context(), box, "INBOX")
	x.ok(err)
	equal(t, "listed", ids(rs), "2 3")
	if rs[0].Num != 2 || rs[1].Num != 1 {
		t.Errorf("numbers %d %d are not this session's", rs[0].Num, rs[1].Num)
	}
}

func TestRefusedListings(t *testing.T) {
	x := polled(t, "1")
	l := listing("1", "")
	_, err := x.SortOut(t.Context(), box, l, x.options())
	wantErr(t, err, "prices/INBOX", "without an id")
	l = listing()
	l.Err = errors.New("no such mailbox")
	_, err = x.SortOut(t.Context(), box, l, x.options())
	wantErr(t, err, "prices/INBOX", "no such mailbox")
	if r := x.by("1"); !r.Listed || r.Deletion != mail.DeletionNone {
		t.Errorf("a refused listing changed %+v", r)
	}
}

func TestFetchOrder(t *testing.T) {
	x := polled(t)
	x.pass(0)
	w := x.sort(listing("1", "2", "3", "4"))
	var in []mail.Inspection
	for i, r := range w.Inspect {
		in = append(in, mail.Inspection{Record: r, Envelope: header(r, r.Ref.ID, start.Add(-time.Duration(i)*time.Hour))})
	}
	_, err := x.Inspected(t.Context(), in, x.time)
	x.ok(err)
	x.endFirstPoll()
	_, err = x.Fail(t.Context(), x.by("4").ID, "cut", x.time)
	x.ok(err)
	work := func() string {
		rs, err := x.Work(t.Context(), box, "INBOX", x.time)
		x.ok(err)
		return ids(rs)
	}
	equal(t, "before the retry is due", work(), "3 2 1")
	x.time = x.time.Add(5 * time.Minute)
	equal(t, "when it is due", work(), "3 2 1 4")
}

func TestRejudge(t *testing.T) {
	day := 24 * time.Hour
	tests := map[string]struct {
		outcome  mail.Outcome
		leftover bool
		hash     string
		age      time.Duration
		want     bool
	}{
		"unmatched by other rules":   {mail.Unmatched, false, "r0", day, true},
		"unmatched by today's rules": {mail.Unmatched, false, "r1", day, false},
		"unmatched long ago":         {mail.Unmatched, false, "r0", 8 * day, false},
		"near miss by other rules":   {mail.NearMiss, false, "r0", 6 * day, true},
		"leftover by other rules":    {mail.Saved, true, "r0", day, true},
		"saved by other rules":       {mail.Saved, false, "r0", day, false},
		"paused by today's rules":    {mail.Paused, false, "r1", 30 * day, true},
		"dismissed by other rules":   {mail.Dismissed, false, "r0", day, false},
		"superseded by other rules":  {mail.Superseded, false, "r0", day, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			x := polled(t, "1")
			r := x.by("1")
			g := mail.Judgement{Outcome: tt.outcome, Leftover: tt.leftover, RulesHash: tt.hash}
			if tt.outcome == mail.Saved {
				x.ok(x.Saved(t.Context(), r.ID, nil, g, x.time))
			} else {
				x.ok(x.Judge(t.Context(), []mail.RecordID{r.ID}, g, x.time))
			}
			x.pass(tt.age)
			for _, l := range []mail.Listing{listing("1"), {Folder: "INBOX", Scope: "1", Complete: true, Unchanged: true}} {
				if got := len(x.sort(l).Rejudge) == 1; got != tt.want {
					t.Errorf("rejudged %v, want %v (unchanged %v)", got, tt.want, l.Unchanged)
				}
			}
		})
	}
}
