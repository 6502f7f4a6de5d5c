package journal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

func TestRecordsFilter(t *testing.T) {
	x := polled(t, "1", "2", "3", "4")
	x.judge("1", mail.Unmatched)
	x.publish(2, file("1", "a.xls", "aa"))
	x.ok(x.Saved(t.Context(), 3, nil, mail.Judgement{Outcome: mail.Saved, Leftover: true}, x.time))
	x.pass(time.Hour)
	x.inspect(x.sort(listing("1", "2", "3", "4", "5")))
	tests := map[string]struct {
		f    Filter
		want string
	}{
		"all":                    {Filter{}, "5 4 3 2 1"},
		"limit":                  {Filter{Limit: 2}, "5 4"},
		"next page":              {Filter{Limit: 2, Before: 4}, "3 2"},
		"mailbox":                {Filter{Mailbox: "other"}, ""},
		"outcome":                {Filter{Outcomes: []mail.Outcome{mail.Unmatched}}, "1"},
		"outcomes":               {Filter{Outcomes: []mail.Outcome{mail.Unmatched, mail.Pending}}, "5 4 1"},
		"leftover":               {Filter{Leftover: true}, "3"},
		"unmatched or leftover":  {Filter{Outcomes: []mail.Outcome{mail.Unmatched}, Leftover: true}, "3 1"},
		"from, in another case":  {Filter{From: "@ПОСТАВЩИК"}, "5 4 3 2 1"},
		"from nobody":            {Filter{From: "@x.ru"}, ""},
		"rule":                   {Filter{Rule: "autoparts"}, "2"},
		"since":                  {Filter{Since: start.Add(time.Minute)}, "5"},
		"until":                  {Filter{Until: start.Add(time.Minute)}, "4 3 2 1"},
		"mailbox and everything": {Filter{Mailbox: box, Outcomes: []mail.Outcome{mail.Saved}, From: "price@", Rule: "autoparts", Since: start, Until: x.time, Limit: 9}, "2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rs, err := x.Records(t.Context(), tt.f)
			x.ok(err)
			equal(t, "ids", ids(rs), tt.want)
		})
	}
	counts, err := x.Counts(t.Context(), box)
	x.ok(err)
	equal(t, "counts", counts, map[mail.Outcome]int{mail.Unmatched: 1, mail.Saved: 2, mail.Pending: 2})
	folders, err := x.Folders(t.Context(), box)
	x.ok(err)
	if len(folders) != 1 || folders[0].Folder != "INBOX" || folders[0].Listed != 5 || !folders[0].FirstPollDone {
		t.Errorf("folders %+v", folders)
	}
}

func TestHistory(t *testing.T) {
	x := copies(t)
	x.publish(1, file("1", "a.xls", "aa"), file("2", "b.xls", "bb"))
	x.time = x.time.Add(time.Hour)
	other := file("2", "c.xls", "cc")
	other.Rule = "kama"
	x.publish(2, file("1", "a.xls", "aa"), other)
	tests := map[string]struct {
		f    FileFilter
		want string
	}{
		"all":               {FileFilter{}, "c.xls a.xls b.xls a.xls"},
		"limit":             {FileFilter{Limit: 1}, "c.xls"},
		"mailbox":           {FileFilter{Mailbox: box}, "b.xls a.xls"},
		"rule":              {FileFilter{Rule: "kama"}, "c.xls"},
		"published":         {FileFilter{State: mail.FilePublished}, "c.xls b.xls a.xls"},
		"since":             {FileFilter{Since: x.time}, "c.xls a.xls"},
		"newest of a rule":  {FileFilter{State: mail.FilePublished, Rule: "autoparts", Limit: 1}, "b.xls"},
		"rule of a mailbox": {FileFilter{State: mail.FilePublished, Rule: "autoparts", Mailbox: "other"}, ""},
		"no such mailbox":   {FileFilter{Mailbox: "none"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			hs, err := x.Files(t.Context(), tt.f)
			x.ok(err)
			var names []string
			for _, h := range hs {
				names = append(names, h.Original)
			}
			equal(t, "files", strings.Join(names, " "), tt.want)
		})
	}
	hs, err := x.Files(t.Context(), FileFilter{Limit: 2})
	x.ok(err)
	h := hs[1]
	if h.Mailbox != "other" || h.Folder != "INBOX" || h.Subject != "Прайс m-1" || fmt.Sprint(h.From) != "[price@поставщик.рф]" || !h.Recorded.Equal(x.time) || h.DuplicateOf != 1 || h.RawName != "raw \xff" {
		t.Errorf("history %+v", h)
	}
	stats, err := x.RuleStats(t.Context())
	x.ok(err)
	if len(stats) != 2 || stats[0].Rule != "autoparts" || stats[0].Count != 2 || !stats[0].Last.Published.Equal(start) || stats[1].Last.Name != "c.xls" || !stats[1].Last.Published.Equal(x.time) {
		t.Errorf("rules %+v", stats)
	}
}

// What every pass asks must not read the whole table: SQLite tells how it would go about it.
func TestQueryPlans(t *testing.T) {
	x := newFixture(t)
	for _, query := range []string{
		"SELECT id FROM record WHERE folder = 1 AND scope = '1' AND uid = '2' ORDER BY generation DESC LIMIT 1",
		selectRecords + "WHERE r.id = 1",
		selectVia("record_outcome") + "WHERE r.folder = 1 AND r.outcome IN ('pending', 'failed')",
		selectVia("record_rules") + "WHERE r.folder = 1 AND r.age >= 5 AND r.listed > 0 AND (r.outcome IN ('unmatched', 'near_miss') OR (r.outcome = 'saved' AND r.leftover = 1))",
		"SELECT id FROM file WHERE rule = 'r' AND fingerprint = 'f' AND original = 'o' AND sha256 = 's' AND ordinal = 0 AND state IN ('intended', 'published')",
		"SELECT received FROM file WHERE dir = 'd' AND name = 'n' AND state = 'intended' AND id <> 1",
		"SELECT count(*) FROM file WHERE record = 1 AND unfinished = 1",
		"DELETE FROM batch WHERE mailbox = 'm'",
		"SELECT record FROM batch WHERE mailbox = 'm' AND in_hand = 1",
	} {
		rows, err := x.r.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
		x.ok(err)
		for rows.Next() {
			var id, parent, unused int
			var detail string
			x.ok(rows.Scan(&id, &parent, &unused, &detail))
			if strings.HasPrefix(detail, "SCAN") || (strings.HasPrefix(detail, "SEARCH") && !strings.Contains(detail, "=")) {
				t.Errorf("%s\n%s", query, detail)
			}
		}
		x.ok(rows.Close())
	}
}
