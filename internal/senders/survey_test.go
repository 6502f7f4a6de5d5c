package senders

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// letter is a message with files of those names.
func letter(from string, names ...string) (mail.Envelope, []mail.Part) {
	e := mail.Envelope{Received: noon}
	if from != "" {
		e.From = strings.Split(from, " ")
	}
	var parts []mail.Part
	for i, n := range names {
		parts = append(parts, mail.Part{Path: fmt.Sprint(i + 1), Name: n, Type: "application/octet-stream", Attachment: true, Named: true})
	}
	return e, parts
}

// surveyed is a survey without rules of letters "from: name|name".
func surveyed(t *testing.T, letters ...string) *Survey {
	t.Helper()
	rules, err := match.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := New(rules)
	for _, l := range letters {
		from, names, _ := strings.Cut(l, ": ")
		s.Add(letter(from, strings.Split(names, "|")...))
	}
	return s
}

// TestFamilies: which names are one kind of file, and the mask that a person would write for it.
func TestFamilies(t *testing.T) {
	for _, tt := range []struct{ names, masks string }{
		{"price_2026-11-20.xls|price_2026-11-21.xls", "price_*.xls"},
		{"price_2026-11-20.xls", "price_*.xls"},
		{"Прайс от 20.11.2026.xls|ПРАЙС ОТ 21.11.2026.XLSX", "Прайс от *.{xls,xlsx}"},
		{"прайс.xls", "прайс.xls"},
		{"прайс.xls|прайс (1).xls|прайс (12).xls", "прайс*.xls"},
		{"price_20261120 (3).xls", "price_*.xls"},
		{"price 2026-11-20 10_30_00.csv|price 2026-11-21 10_31_07.csv", "price *.csv"},
		{"Остатки пн.zip|Остатки вт.zip", "Остатки *.zip"},
		{"Остатки пн.zip|Остатки пн.zip", "Остатки пн.zip"},
		{"Остатки за 20 ноября 2026.xls|Остатки за 21 ноября 2026.xls", "Остатки за *.xls"},
		{"Прайс ноябрь.xls|Прайс ноябрь.xls", "Прайс *.xls"},
		{"Friday prices.xls|Monday prices.xls", "* prices.xls"},
		{"Monday.xls", "Monday.xls"},
		{"Ноябрь 2026.xls", "Ноябрь *.xls"},
		{"20.11.2026.xls|21.11.2026.xls", "[0-9]*.xls"},
		{"2026-11-20_price.xls", "[0-9]*_price.xls"},
		{"Склад 1.xls|Склад 1.xls", "Склад 1.xls"},
		{"Склад 1.xls|Склад 2.xls", "Склад *.xls"},
		{"Прайс 2026.xls|Прайс 2026.xls", "Прайс *.xls"},
		{"прайс.xls|остатки.xls", "остатки.xls прайс.xls"},
		{"price.xls|price.csv|price.zip", "price.{csv,xls,zip}"},
		{"a1b2c3d4-e5f6-4711-8899-aabbccddeeff.xlsx|01234567-89ab-cdef-0123-456789abcdef.xlsx", "[0-9a-f]*.xlsx"},
		{"list a1b2c3d4e5f67890.xlsx", "list *.xlsx"},
		{"прайс", "прайс"},
		{"price_20", "price_[0-9][0-9]"},
		{"price.zip.001|price.zip.002", "price.zip.[0-9][0-9][0-9]"},
		{`C:\Docs\price.xls|docs/price.xls`, "price.xls"},
		{"[опт] *цены* {a,b} что?.xls", `\[опт\] \*цены\* \{a,b\} что\?.xls`},
		{"a\nb\u202eslx.xls", "a?b?slx.xls"},
		{`"quoted".xls`, `"quoted".xls`},
		{" .xls", "?.xls"},
		{"a. b", "a. b"},
		{strings.Repeat("длинное имя ", 60) + ".xls", strings.Repeat("длинное имя ", 8) + "длин*.xls"},
		{"logo.png|smime.p7s|me.vcf|invite.ics|photo.JPG", ""},
		{"unnamed-1.xls|unnamed-2.xls", "unnamed-*.xls"},
	} {
		var got []string
		for _, r := range surveyed(t, "a@b.ru: "+tt.names).Rows() {
			got = append(got, r.Files...)
		}
		if slices.Sort(got); strings.Join(got, " ") != tt.masks {
			t.Errorf("%q: masks %q, want %q", tt.names, got, tt.masks)
		}
	}
}

// TestDrafts: who shares a rule with whom, and what it is called.
func TestDrafts(t *testing.T) {
	for name, tt := range map[string]struct {
		letters []string
		taken   []string
		want    []string // name: senders: masks
	}{
		"one":                  {[]string{"price@autoparts.ru: price_1.xls|b.zip"}, nil, []string{"autoparts: price@autoparts.ru: b.zip price_*.xls"}},
		"two addresses":        {[]string{"b@a.ru: p.xls", "A@mail.a.ru: P.xls"}, nil, []string{"a: b@a.ru A@mail.a.ru: P.xls"}},
		"another's files":      {[]string{"b@a.ru: p.xls", "c@a.ru: q.xls"}, nil, []string{"b@a.ru: b@a.ru: p.xls", "c@a.ru: c@a.ru: q.xls"}},
		"a domain":             {[]string{"b@a.ru: p.xls", "c@a.ru: p.xls", "d@a.ru: p.xls|q.xls"}, nil, []string{"a: @a.ru: p.xls q.xls"}},
		"not a whole domain":   {[]string{"b@a.ru: p.xls", "c@a.ru: p.xls", "d@a.ru: p.xls", "e@a.ru: q.xls"}, nil, []string{"b@a.ru: b@a.ru c@a.ru d@a.ru: p.xls", "e@a.ru: e@a.ru: q.xls"}},
		"joined by a third":    {[]string{"b@a.ru: p.xls", "c@a.ru: q.xls", "z@sub.a.ru: p.xls|q.xls"}, nil, []string{"a: b@a.ru c@a.ru z@sub.a.ru: p.xls q.xls"}},
		"a provider":           {[]string{"b@mail.ru: p.xls", "c@mail.ru: p.xls", "d@mail.ru: p.xls"}, nil, []string{"b@mail.ru: b@mail.ru: p.xls", "c@mail.ru: c@mail.ru: p.xls", "d@mail.ru: d@mail.ru: p.xls"}},
		"two authors":          {[]string{"b@a.ru c@d.ru: p.xls"}, nil, []string{"b@a.ru: b@a.ru c@d.ru: p.xls"}},
		"IDN":                  {[]string{"b@xn--80aesudx7b0a.xn--p1ai: p.xls"}, nil, []string{"автошины: b@xn--80aesudx7b0a.xn--p1ai: p.xls"}},
		"names taken":          {[]string{"b@a.ru: p.xls", "b@a.com: p.xls", "b@a.org: p.xls"}, []string{"A", "a.com"}, []string{"b@a.com: b@a.com: p.xls", "a.org: b@a.org: p.xls", "a.ru: b@a.ru: p.xls"}},
		"numbered":             {[]string{"b@mail.ru: p.xls"}, []string{"b@mail.ru", "b@mail.ru-2"}, []string{"b@mail.ru-3: b@mail.ru: p.xls"}},
		"odd address":          {[]string{"\"-a/b\"@mail.ru: p.xls"}, nil, []string{"a-b-@mail.ru: \"-a/b\"@mail.ru: p.xls"}},
		"none to write":        {[]string{": p.xls", "nobody: p.xls", "*@a.ru: p.xls", "@a.ru: p.xls", "a*@a.ru: p.xls", "a@b@: p.xls", "<a@b.ru>: p.xls"}, nil, nil},
		"more than four":       {[]string{"a@a.ru b@a.ru c@a.ru d@a.ru e@a.ru: p.xls"}, nil, nil},
		"nothing but pictures": {[]string{"b@a.ru: p.png"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			drafts, _ := surveyed(t, tt.letters...).Drafts(tt.taken)
			for _, d := range drafts {
				got = append(got, d.Name+": "+strings.Join(d.From, " ")+": "+strings.Join(d.Files, " "))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// Who sends files of very many kinds is taken by their extensions.
func TestDraftOfManyKinds(t *testing.T) {
	s := surveyed(t)
	for i := range 30 {
		s.Add(letter("b@a.ru", strings.Repeat("x", i+1)+"."+[]string{"pdf", "doc"}[i%2]))
	}
	s.Add(letter("b@a.ru", "Договор"))
	drafts, _ := s.Drafts(nil)
	if len(drafts) != 1 || strings.Join(drafts[0].Files, " ") != "*.{doc,pdf} Договор" || drafts[0].Count != 31 {
		t.Errorf("%+v", drafts)
	}
}

// What rules take already is told, and needs none.
func TestKnownFiles(t *testing.T) {
	rules, err := match.Compile([]match.Rule{{Name: "known", From: []string{"b@a.ru"}, Files: []string{"*.xls"}}})
	if err != nil {
		t.Fatal(err)
	}
	s := New(rules)
	s.Add(letter("b@a.ru", "p.xls", "p.csv"))
	got := map[string]string{}
	for _, r := range s.Rows() {
		got[r.Files[0]] = r.Rule
	}
	if drafts, _ := s.Drafts(nil); len(drafts) != 1 || drafts[0].Files[0] != "p.csv" || got["p.xls"] != "known" || got["p.csv"] != "" {
		t.Errorf("rows %v, drafts %+v", got, drafts)
	}
}

// However many senders and names somebody makes up, what is kept of them has a bound.
func TestBounded(t *testing.T) {
	s := surveyed(t)
	for i := range maxFamilies + 500 {
		s.Add(letter(fmt.Sprintf("%d@a%d.ru", i, i/9), strings.Repeat("б", i%7)+".xls"))
	}
	if s.Left != 500 || s.Messages != maxFamilies+500 || len(s.senders) > maxFamilies {
		t.Errorf("%d files left, %d messages, %d senders", s.Left, s.Messages, len(s.senders))
	}
	s = surveyed(t)
	long := strings.Repeat("a", 3000)
	for i := range 100 {
		s.Add(letter(fmt.Sprintf("%d%s@a.ru %d b%s@a.ru d@a.ru e@a.ru f@a.ru", i, long, i, long), strings.Repeat("б", i)+long+".xls"))
	}
	for key, from := range s.senders {
		if most := 4*maxAddress + 100; len(key) > most || len(strings.Join(from.from, "")) > most {
			t.Fatalf("addresses of %d bytes are kept", len(key))
		}
		for k, f := range from.families {
			if len(k.literals)+len(f.newest)+len(strings.Join(f.masks(), "")) > 4000 {
				t.Fatalf("of a name %d, %d and %d bytes are kept", len(k.literals), len(f.newest), len(f.masks()[0]))
			}
		}
	}
}
