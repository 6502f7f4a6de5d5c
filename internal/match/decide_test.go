package match

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"pricefetch/internal/mail"
)

func compile(t *testing.T, rules ...Rule) *Rules {
	t.Helper()
	r, err := Compile(rules)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func file(name string) mail.Part {
	return mail.Part{Path: "2", Name: name, Type: "application/vnd.ms-excel", Attachment: true, Named: true}
}

// lines renders refusals for comparison.
func lines(refusals []Refusal) string {
	var b strings.Builder
	for _, r := range refusals {
		fmt.Fprintf(&b, "%s/%s: %s\n", r.Rule, r.Kind, r.Text)
	}
	return b.String()
}

var shop = []Rule{
	{Name: "prices", From: []string{"price@a.ru", "*.a.ru"}, Files: []string{"price*.{xls,xlsx}"}, Exclude: []string{"*old*"}},
	{Name: "stock", From: []string{"a.ru"}, Subject: []string{"*остатки*", "*наличие*"}, Files: []string{"*.zip", "*.csv"}},
	{Name: "off", From: []string{"a.ru"}, Files: []string{"*.xml", "*.csv"}, Disabled: true},
	{Name: "rest", From: []string{"a.ru"}, Files: []string{"*.csv"}},
}

func TestSenderExplains(t *testing.T) {
	in := compile(t, shop...).Sender(mail.Envelope{From: []string{"Info@A.ru"}, Subject: "Прайс\nна ноябрь"})
	if !slices.Equal(in.Rules, []string{"rest"}) || !slices.Equal(in.Disabled, []string{"off"}) {
		t.Errorf("wanted by %q, disabled %q", in.Rules, in.Disabled)
	}
	want := `prices/sender: no sender mask takes Info@A.ru (masks: price@a.ru, *.a.ru)
stock/subject: no subject mask takes «Прайс на ноябрь» (masks: *остатки*, *наличие*)
off/disabled: the rule wants this sender but is disabled (enabled: false)
`
	if got := lines(in.Refusals); got != want {
		t.Errorf("refusals:\n%swant:\n%s", got, want)
	}
	in = compile(t, shop...).Sender(mail.Envelope{Subject: "x"})
	if len(in.Rules) != 0 || !strings.Contains(in.Refusals[0].Text, "no readable From address") {
		t.Errorf("without From: %+v", in)
	}
}

func TestSubjectMasks(t *testing.T) {
	rules := compile(t, Rule{Name: "r", From: []string{"*"}, Subject: []string{"*прайс*", "01/??/2026*"}})
	for subject, want := range map[string]bool{
		"Свежий ПРАЙС на ноябрь 01/11": true, "Fwd: [прайс]": true, "праи\u0306с": true, "01/11/2026 цены": true,
		"счёт": false, "": false, "01/112026": false, "Прайс\nв две строки": true,
	} {
		if got := len(rules.Sender(mail.Envelope{Subject: subject}).Rules) == 1; got != want {
			t.Errorf("subject %q: %v", subject, got)
		}
	}
}

func TestFileDecides(t *testing.T) {
	from := func(address string) mail.Envelope {
		return mail.Envelope{From: []string{address}, Subject: "Остатки"}
	}
	for _, tt := range []struct {
		name     string
		from     string
		file     string
		rule     string
		disabled string
		miss     bool
		refusals string
	}{
		{"the first rule that takes it", "price@a.ru", "Price.XLS", "prices", "", false, ""},
		{"an earlier rule refuses", "info@a.ru", "остатки.zip", "stock", "", false,
			"prices/sender: no sender mask takes info@a.ru (masks: price@a.ru, *.a.ru)\n"},
		{"rules in file order, and a disabled one would take it too", "info@a.ru", "a.csv", "stock", "off", false,
			"prices/sender: no sender mask takes info@a.ru (masks: price@a.ru, *.a.ru)\n" +
				"off/disabled: the rule would take «a.csv» but is disabled (enabled: false)\n"},
		{"only a disabled rule takes it: no near miss", "info@a.ru", "a.xml", "", "off", false,
			"prices/sender: no sender mask takes info@a.ru (masks: price@a.ru, *.a.ru)\n" +
				"stock/mask: no file mask takes «a.xml» (masks: *.zip, *.csv)\n" +
				"off/disabled: the rule would take «a.xml» but is disabled (enabled: false)\n" +
				"rest/mask: no file mask takes «a.xml» (masks: *.csv)\n"},
		{"refused by mask: a near miss", "x@b.a.ru", "Остатки.7z", "", "", true,
			"prices/mask: no file mask takes «Остатки.7z» (masks: price*.{xls,xlsx})\n" +
				"stock/sender: no sender mask takes x@b.a.ru (masks: a.ru)\n" +
				"off/sender: no sender mask takes x@b.a.ru (masks: a.ru)\n" +
				"rest/sender: no sender mask takes x@b.a.ru (masks: a.ru)\n"},
		{"excluded: no near miss", "x@b.a.ru", "price OLD.xls", "", "", false,
			"prices/exclude: exclude mask *old* takes «price OLD.xls»\n" +
				"stock/sender: no sender mask takes x@b.a.ru (masks: a.ru)\n" +
				"off/sender: no sender mask takes x@b.a.ru (masks: a.ru)\n" +
				"rest/sender: no sender mask takes x@b.a.ru (masks: a.ru)\n"},
		{"excluded though no mask takes it either", "x@b.a.ru", "old.txt", "", "", false,
			"prices/exclude: exclude mask *old* takes «old.txt»\n" +
				"stock/sender: no sender mask takes x@b.a.ru (masks: a.ru)\n" +
				"off/sender: no sender mask takes x@b.a.ru (masks: a.ru)\n" +
				"rest/sender: no sender mask takes x@b.a.ru (masks: a.ru)\n"},
		{"excluded by one rule, refused by another's mask", "price@a.ru", "old.txt", "", "", true,
			"prices/exclude: exclude mask *old* takes «old.txt»\n" +
				"stock/mask: no file mask takes «old.txt» (masks: *.zip, *.csv)\n" +
				"off/mask: no file mask takes «old.txt» (masks: *.xml, *.csv)\n" +
				"rest/mask: no file mask takes «old.txt» (masks: *.csv)\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := compile(t, shop...).File(from(tt.from), file(tt.file))
			if d.Rule != tt.rule || d.Disabled != tt.disabled || d.NearMiss != tt.miss {
				t.Errorf("rule %q, disabled %q, near miss %v", d.Rule, d.Disabled, d.NearMiss)
			}
			if got := lines(d.Refusals); got != tt.refusals {
				t.Errorf("refusals:\n%swant:\n%s", got, tt.refusals)
			}
		})
	}
}

func TestDisabledRuleNeverMakesANearMiss(t *testing.T) {
	rules := compile(t, Rule{Name: "off", From: []string{"*"}, Files: []string{"*.xls"}, Disabled: true})
	if d := rules.File(mail.Envelope{}, file("a.csv")); d.NearMiss || d.Rule != "" || d.Disabled != "" {
		t.Errorf("%+v", d)
	}
}

func TestOnlyAttachmentsAreTaken(t *testing.T) {
	rules := compile(t, Rule{Name: "all", From: []string{"*"}})
	for _, p := range []mail.Part{{}, {Attachment: true, Name: "root"}, {Path: "1", Type: "text/plain"}} {
		if d := rules.File(mail.Envelope{}, p); d.Rule != "" || d.NearMiss || len(d.Refusals) > 0 {
			t.Errorf("%+v is decided: %+v", p, d)
		}
	}
	for _, p := range []mail.Part{{Path: "1", Attachment: true, Name: "unnamed-1.xls"}, {Path: "1", Attachment: true, Type: "image/png"}} {
		if d := rules.File(mail.Envelope{}, p); d.Rule != "all" {
			t.Errorf("%+v is not taken: %+v", p, d)
		}
	}
}

func TestKindsThatAreNoNearMiss(t *testing.T) {
	rules := compile(t, Rule{Name: "r", From: []string{"*"}, Files: []string{"price.xls"}})
	for _, tt := range []struct {
		typ, name  string
		referenced bool
		want       bool
	}{
		{"application/vnd.ms-excel", "Прайс.xls", false, true},
		{"application/vnd.ms-excel", "Прайс.xls", true, false},
		{"image/png", "logo.png", false, false},
		{"image/jpeg", "", false, false},
		{"application/pgp-signature", "signature.asc", false, false},
		{"application/pkcs7-signature", "smime.p7s", false, false},
		{"application/x-pkcs7-signature", "smime.p7s", false, false},
		{"text/vcard", "Иван.vcf", false, false},
		{"text/x-vcard", "Иван.vcf", false, false},
		{"text/calendar", "invite.ics", false, false},
		{"application/ics", "invite.ics", false, false},
		{"application/octet-stream", "Logo.PNG", false, false},
		{"application/octet-stream", "визитка.vcf", false, false},
		{"", "smime.p7s", false, false},
		{"application/octet-stream", "Прайс.xlsx", false, true},
		{"application/octet-stream", "прайс", false, true},
		{"application/zip", "photo.png", false, true}, // the type says more than the name
		{"text/plain", "прайс.txt", false, true},
		{"application/pdf", "прайс.pdf", false, true},
	} {
		p := mail.Part{Path: "2", Type: tt.typ, Name: tt.name, Referenced: tt.referenced, Attachment: true}
		if got := rules.File(mail.Envelope{}, p).NearMiss; got != tt.want {
			t.Errorf("%s %q (referenced %v): near miss %v", tt.typ, tt.name, tt.referenced, got)
		}
	}
}

func TestFor(t *testing.T) {
	all := compile(t, Rule{Name: "both", From: []string{"*"}}, Rule{Name: "a only", From: []string{"*"}, Mailboxes: []string{"a"}},
		Rule{Name: "a and b", From: []string{"*"}, Mailboxes: []string{"c", "b", "a"}})
	for mailbox, want := range map[string][]string{"a": {"both", "a only", "a and b"}, "b": {"both", "a and b"}, "A": {"both"}} {
		if got := all.For(mailbox).Sender(mail.Envelope{}).Rules; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", mailbox, got, want)
		}
	}
	want := "a only/mailbox: the rule is for other mailboxes (mailboxes: a)\n"
	if got := lines(all.For("b").Elsewhere()); got != want {
		t.Errorf("elsewhere: %s", got)
	}
	if got := all.Elsewhere(); len(got) != 0 {
		t.Errorf("elsewhere of all: %v", got)
	}
}

func TestHash(t *testing.T) {
	base := []Rule{{Name: "x", From: []string{"a.ru", "*.b.ru"}, Subject: []string{"*s*"}, Files: []string{"*.xls"}, Exclude: []string{"*old*"}},
		{Name: "y", From: []string{"*"}, Mailboxes: []string{"m"}}}
	hash := func(change func(r []Rule)) string {
		rules := []Rule{cloneRule(base[0]), cloneRule(base[1])}
		change(rules)
		return compile(t, rules...).For("m").Hash()
	}
	first := hash(func([]Rule) {})
	for name, change := range map[string]func(r []Rule){
		"renamed":         func(r []Rule) { r[0].Name = "z" },
		"order of masks":  func(r []Rule) { slices.Reverse(r[0].From) },
		"letter case":     func(r []Rule) { r[0].From[0], r[0].Files[0] = "@A.RU", "*.XLS" },
		"other mailboxes": func(r []Rule) { r[1].Mailboxes = []string{"m", "n"} },
		"default spelt":   func(r []Rule) { r[1].Files, r[1].Subject = []string{"*"}, []string{"*"} },
		"mask twice":      func(r []Rule) { r[0].Files = []string{"*.xls", "*.xls"} },
	} {
		if hash(change) != first {
			t.Errorf("%s: the hash changes", name)
		}
	}
	seen := map[string]string{first: "nothing"}
	for name, change := range map[string]func(r []Rule){
		"order of rules": func(r []Rule) { slices.Reverse(r) },
		"from":           func(r []Rule) { r[0].From[0] = "c.ru" },
		"subject":        func(r []Rule) { r[0].Subject = nil },
		"files":          func(r []Rule) { r[0].Files[0] = "*.csv" },
		"exclude":        func(r []Rule) { r[0].Exclude = nil },
		"disabled":       func(r []Rule) { r[0].Disabled = true },
		"unreached":      func(r []Rule) { r[1].Mailboxes = []string{"n"} },
		"moved mask":     func(r []Rule) { r[0].Files, r[0].Exclude = r[0].Exclude, r[0].Files },
	} {
		h := hash(change)
		if other, ok := seen[h]; ok {
			t.Errorf("%s: the same hash as %s", name, other)
		}
		seen[h] = name
	}
	if len(first) != 64 {
		t.Errorf("hash %q", first)
	}
}

func TestCompileNamesEveryFault(t *testing.T) {
	_, err := Compile([]Rule{
		{Name: "good", From: []string{"*"}},
		{Name: "first", From: []string{"price*@a.ru", "b.ru"}, Files: []string{"[", "in/*.xls"}, Exclude: []string{"old/*"}, Subject: []string{"{"}},
		{Name: "second"},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"compile rule first: from: sender mask «price*@a.ru»", "files: mask «[» cannot be read",
		"files: mask «in/*.xls» never matches", "exclude: mask «old/*» never matches", "subject: mask «{» cannot be read",
		"compile rule second: from: no sender is named"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "good") {
		t.Errorf("a good rule is blamed:\n%v", err)
	}
}

func TestCompiledRulesKeepToThemselves(t *testing.T) {
	rules := []Rule{{Name: "r", From: []string{"a.ru"}, Mailboxes: []string{"m"}}}
	compiled := compile(t, rules...)
	rules[0].From[0], rules[0].Mailboxes[0] = "b.ru", "n"
	in := compiled.For("m").Sender(mail.Envelope{From: []string{"x@b.ru"}})
	if len(in.Rules) != 0 || !strings.Contains(lines(in.Refusals), "masks: a.ru") {
		t.Errorf("%+v", in)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { compiled.File(mail.Envelope{From: []string{"x@a.ru"}}, file("ПРАЙС.xls")) })
	}
	wg.Wait()
}

func TestReasonsAreFitForALog(t *testing.T) {
	many := make([]string, 50)
	for i := range many {
		many[i] = fmt.Sprintf("m%d.xls", i)
	}
	rules := compile(t, Rule{Name: "r", From: []string{"*"}, Files: many})
	evil := "a\x1b[31m\r\n\u202egpj.\xff" + strings.Repeat("ж", 500)
	text := rules.File(mail.Envelope{}, file(evil)).Refusals[0].Text
	if strings.ContainsAny(text, "\x1b\r\n\u202e") || !utf8.ValidString(text) || len([]rune(text)) > 300 {
		t.Errorf("%q", text)
	}
	if !strings.Contains(text, "m7.xls and 42 more") {
		t.Errorf("masks are not cut: %s", text)
	}
}
