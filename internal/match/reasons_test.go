package match

import (
	"fmt"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// reasons renders them for comparison.
func reasons(all []Reason) string {
	var b strings.Builder
	for _, r := range all {
		fmt.Fprintf(&b, "%s/%s: %s → %s\n", r.Rule, r.Kind, r.Text, r.Suggest)
	}
	return b.String()
}

// Every rule says why: before and behind the one that takes the file, and those for other mailboxes.
func TestReasonsOfEveryRule(t *testing.T) {
	rules := compile(t,
		Rule{Name: "zips", From: []string{"a.ru"}, Files: []string{"*.zip"}},
		Rule{Name: "takes", From: []string{"a.ru"}, Files: []string{"*.7z"}},
		Rule{Name: "too", From: []string{"*"}},
		Rule{Name: "off", From: []string{"*"}, Disabled: true},
		Rule{Name: "none", From: []string{"*"}, Exclude: []string{"ост*"}},
		Rule{Name: "colleague", From: []string{"price@a.ru"}},
		Rule{Name: "other", From: []string{"b.ru"}},
		Rule{Name: "away", Mailboxes: []string{"sklad"}, From: []string{"*"}},
	).For("prices")
	e := mail.Envelope{From: []string{"info@a.ru"}}
	want := `zips/mask: no file mask takes «Остатки.7z» (masks: *.zip) → *.{zip,7z}
takes/:  → 
too/later: it would take «Остатки.7z» too, but rule takes stands before it → 
off/disabled: the rule would take «Остатки.7z» but is disabled (enabled: false) → 
none/exclude: exclude mask ост* takes «Остатки.7z» → 
colleague/sender: no sender mask takes info@a.ru (masks: price@a.ru) → info@a.ru
other/sender: no sender mask takes info@a.ru (masks: b.ru) → 
away/mailbox: the rule is for other mailboxes (mailboxes: sklad) → 
`
	if got := reasons(rules.Reasons(e, file("Остатки.7z"))); got != want {
		t.Errorf("reasons:\n%swant:\n%s", got, want)
	}
	got := reasons(rules.SenderReasons(e))
	for _, part := range []string{"zips/:  → \n", "off/disabled: the rule wants this sender", "colleague/sender: ", "away/mailbox: "} {
		if !strings.Contains(got, part) {
			t.Errorf("reasons for a sender lack %q:\n%s", part, got)
		}
	}
}

// What is suggested takes the file; what would not is not suggested.
func TestSuggestedMasks(t *testing.T) {
	for _, tt := range []struct{ masks, name, want string }{
		{"*.zip", "Остатки.7z", "*.{zip,7z}"},
		{"*.{xls,xlsx}", "ПРАЙС.CSV", "*.{xls,xlsx,csv}"},
		{"прайс*.xls", "Прайс на 25.11.xlsx", "прайс*.{xls,xlsx}"},
		{"price*.xls|*.pdf", "stock.zip", "*.{pdf,zip}"},
		{"price*.xls", "Остатки 25.11.2026.xls", "Остатки *.xls"},
		{"price*.xls", "Остатки.xls", "Остатки*.xls"},
		{"price*.xls*", "stock_2026-11-25 (3).xlsb", "stock_* (*).xlsb"},
		{"*.xls", "прайс", "прайс*"},
		{"*{.xls,.csv}", "a[1].zip", `a\[*\].zip`},
		{"*.xls", "a{b}*?.xls~", `a\{b\}\*\?.xls~*`},
		{"*.xls", `C:\mail\new.ods`, "*.{xls,ods}"},
		{"*.xls", "price.", "price.*"},
	} {
		rules := compile(t, Rule{Name: "r", From: []string{"*"}, Files: strings.Split(tt.masks, "|")})
		all := rules.Reasons(mail.Envelope{From: []string{"a@a.ru"}}, file(tt.name))
		if all[0].Suggest != tt.want {
			t.Errorf("%s refuses %q: suggested %q, want %q", tt.masks, tt.name, all[0].Suggest, tt.want)
		}
		better := compile(t, Rule{Name: "r", From: []string{"*"}, Files: []string{tt.want}})
		if d := better.File(mail.Envelope{From: []string{"a@a.ru"}}, file(tt.name)); d.Rule != "r" {
			t.Errorf("%q does not take %q", tt.want, tt.name)
		}
	}
}

// A name that no mask can be written for has no suggestion, and no name makes one that cannot be read.
func FuzzSuggest(f *testing.F) {
	for _, name := range []string{"Остатки.7z", "a/b", "", "....", "1.2.3", "a\\", "{,", strings.Repeat("x", 600), "\xff.xls"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		rules, err := Compile([]Rule{{Name: "r", From: []string{"*"}, Files: []string{"*.zip", "прайс*.{xls,xlsx}"}, Unpack: true, Members: []string{"*.csv"}}})
		if err != nil {
			t.Fatal(err)
		}
		e := mail.Envelope{From: []string{"a@a.ru"}}
		for _, r := range rules.Reasons(e, file(name)) {
			if r.Suggest == "" {
				continue
			}
			better, err := Compile([]Rule{{Name: "r", From: []string{"*"}, Files: []string{r.Suggest}}})
			if err != nil {
				t.Fatalf("%q is suggested for %q: %v", r.Suggest, name, err)
			}
			if d := better.File(e, file(name)); d.Rule == "" {
				t.Errorf("%q is suggested and does not take %q", r.Suggest, name)
			}
		}
		_ = rules.SuggestMember("r", name)
	})
}

// A colleague is known by the registered domain, and never at a provider for everybody.
func TestSuggestedSenders(t *testing.T) {
	for _, tt := range []struct {
		mask, from string
		want       bool
	}{
		{"price@a.ru", "info@a.ru", true},
		{"price@a.ru", "info@mail.a.ru", true},
		{"*@mail.a.ru", "info@A.RU", true},
		{"*.a.ru", "info@a.ru", true},
		{"price@a.ru", "info@b.ru", false},
		{"price@mail.ru", "info@mail.ru", false},
		{"price@a.msk.ru", "info@b.msk.ru", false},
		{"price@завод.рф", "info@xn--80aebe3d.xn--p1ai", false},
		{"price@завод.рф", "info@почта.завод.рф", true},
		{"price@[192.0.2.1]", "info@[192.0.2.1]", false},
		{"price@a.ru", "no address", false},
	} {
		rules := compile(t, Rule{Name: "r", From: []string{tt.mask}})
		got := rules.SenderReasons(mail.Envelope{From: []string{tt.from}})[0]
		if got.Kind != KindSender || (got.Suggest == tt.from) != tt.want || !tt.want && got.Suggest != "" {
			t.Errorf("%s and %s: %+v", tt.mask, tt.from, got)
		}
	}
}
