package main

import (
	"fmt"
	"testing"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

// Old mail that is gone, what a mask takes by now, pictures and excluded files are not told of.
func TestMissReport(t *testing.T) {
	rules, err := match.Compile([]match.Rule{{Name: "parts", From: []string{"a.ru"}, Files: []string{"*.xls"}, Exclude: []string{"*.doc"}}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	record := func(id int, days int, listed bool, names ...string) mail.Record {
		r := mail.Record{ID: mail.RecordID(id), FirstSeen: now.AddDate(0, 0, -days), Listed: listed, Outcome: mail.NearMiss}
		r.From = []string{"price@a.ru"}
		for i, name := range names {
			r.Parts = append(r.Parts, mail.PartNote{Path: fmt.Sprint(i + 2), Name: name, Type: "application/octet-stream"})
		}
		return r
	}
	records := []mail.Record{
		record(9, 1, true, "new.xls"), record(8, 1, true, "logo.png"), record(7, 1, false, "x.doc"), record(6, 1, true),
		record(5, 2, false, "a.zip", "b.xls", "c.csv"), record(4, 31, false, "old.zip"), record(3, 90, true, "old.zip"),
		record(2, 91, true, "older.zip"), record(1, 92, true, "oldest.zip"),
	}
	got := missReportOf(records, rules, now)
	if got == nil || got.Count != 4 || got.More || len(got.Newest) != attentionShown {
		t.Fatalf("report %+v", got)
	}
	want := []missedFile{{"a.zip", "parts", "*.{xls,zip}"}, {"c.csv", "parts", "*.{xls,csv}"}}
	if m := got.Newest[0]; m.ID != 5 || fmt.Sprint(m.Files) != fmt.Sprint(want) {
		t.Errorf("newest %+v", m)
	}
	if got := missReportOf(records[:4], rules, now); got != nil {
		t.Errorf("nothing to tell, and the report is %+v", got)
	}
	many := make([]mail.Record, attentionDepth)
	for i := range many {
		many[i] = record(i+1, 1, true, "a.zip")
	}
	if got := missReportOf(many, rules, now); got.Count != attentionDepth || !got.More {
		t.Errorf("count %d, more %v", got.Count, got.More)
	}
}

// A sender is told once, with the newest of its messages; old mail and known senders are not.
func TestStrangersAmong(t *testing.T) {
	c := &config.Config{Rules: []config.Rule{
		{Name: "parts", From: []string{"price@a.ru"}, Enabled: true}, {Name: "tyres", From: []string{"b.ru"}, Files: []string{"шины*"}, Enabled: true},
	}}
	rules, err := match.Compile([]match.Rule{{Name: "parts", From: []string{"price@a.ru"}}, {Name: "tyres", From: []string{"b.ru"}, Files: []string{"шины*"}}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	record := func(id int, days int, from string, names ...string) mail.Record {
		r := mail.Record{ID: mail.RecordID(id), FirstSeen: now.AddDate(0, 0, -days), Listed: true, Outcome: mail.Unmatched}
		r.From = []string{from}
		for _, name := range names {
			r.Parts = append(r.Parts, mail.PartNote{Name: name})
		}
		return r
	}
	records := []mail.Record{
		record(9, 0, "Info@a.ru"), record(8, 1, "x@c.ru", "шины.xls"), record(7, 2, "info@A.ru"), record(6, 2, "price@a.ru"),
		record(5, 3, "y@c.ru", "a.xls"), record(4, 40, "z@a.ru"),
	}
	got := strangersAmong(records, c, rules, now)
	if got == nil || got.Count != 2 || got.More {
		t.Fatalf("report %+v", got)
	}
	first, second := got.Newest[0], got.Newest[1]
	if first.ID != 9 || first.Messages != 2 || first.Rule != "parts" || first.File != "" || first.Line != `from: ["price@a.ru", "Info@a.ru"]` {
		t.Errorf("first %+v", first)
	}
	if second.ID != 8 || second.Rule != "tyres" || second.File != "шины.xls" || second.Line != `from: ["b.ru", "x@c.ru"]` {
		t.Errorf("second %+v", second)
	}
	if got := strangersAmong(records[3:], c, rules, now); got != nil {
		t.Errorf("nothing to tell, and the report is %+v", got)
	}
}
