package match

import (
	"fmt"
	"testing"

	"pricefetch/internal/mail"
)

func TestStrangers(t *testing.T) {
	rules := compile(t,
		Rule{Name: "parts", From: []string{"price@parts.ru"}, Files: []string{"*"}},
		Rule{Name: "tyres", From: []string{"tyres.ru"}, Subject: []string{"*прайс*"}, Files: []string{"шины*.xls", "*.*"}, Exclude: []string{"*архив*"}},
		Rule{Name: "free", From: []string{"ivan@mail.ru"}, Files: []string{"иван*.zip"}},
		Rule{Name: "off", From: []string{"off.ru"}, Disabled: true},
		Rule{Name: "later", From: []string{"info@tyres.ru"}},
	)
	for name, tt := range map[string]struct {
		from    []string
		subject string
		files   []string
		want    string
	}{
		"a colleague":                      {[]string{"Boss@Parts.ru"}, "", nil, "parts [Boss@Parts.ru] "},
		"a colleague at a subdomain":       {[]string{"a@mail.parts.ru"}, "", nil, "parts [a@mail.parts.ru] "},
		"one of two is known":              {[]string{"price@parts.ru", "b@parts.ru"}, "", nil, "parts [b@parts.ru] "},
		"one of two is of another house":   {[]string{"a@parts.ru", "b@c.ru"}, "", nil, ""},
		"another house":                    {[]string{"b@c.ru"}, "", []string{"x.xls"}, ""},
		"a neighbour at a provider":        {[]string{"petr@mail.ru"}, "", nil, ""},
		"a known sender":                   {[]string{"price@parts.ru"}, "", nil, ""},
		"known, its subject is refused":    {[]string{"x@tyres.ru"}, "счёт", []string{"шины.xls"}, ""},
		"a subdomain, its subject refused": {[]string{"x@a.tyres.ru"}, "счёт", nil, "later [x@a.tyres.ru] "},
		"a subdomain, its subject taken":   {[]string{"x@a.tyres.ru"}, "Прайс", nil, "tyres [x@a.tyres.ru] "},
		"of a disabled rule's house":       {[]string{"x@mail.off.ru"}, "", nil, ""},
		"a file that a mask means":         {[]string{"new@c.ru"}, "прайс", []string{"a.txt", "Шины 25.xls"}, "tyres [new@c.ru] Шины 25.xls"},
		"at a provider, by its file":       {[]string{"petr@mail.ru"}, "", []string{"Иван и Пётр.zip"}, "free [petr@mail.ru] Иван и Пётр.zip"},
		"excluded":                         {[]string{"new@c.ru"}, "прайс", []string{"Шины архив.xls"}, ""},
		"by masks for everything":          {[]string{"new@c.ru"}, "прайс", []string{"a.xls"}, ""},
		"the domain before the file":       {[]string{"a@mail.parts.ru"}, "прайс", []string{"шины.xls"}, "parts [a@mail.parts.ru] "},
		"no address":                       {nil, "", []string{"шины.xls"}, ""},
		"no readable address":              {[]string{"nobody"}, "прайс", []string{"шины.xls"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if lead, ok := rules.Stranger(mail.Envelope{From: tt.from, Subject: tt.subject}, tt.files); ok {
				got = fmt.Sprintf("%s %v %s", lead.Rule, lead.Add, lead.File)
			}
			if got != tt.want {
				t.Errorf("lead %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCurious(t *testing.T) {
	rules := []Rule{
		{Name: "all", From: []string{"all.ru"}},
		{Name: "xls", From: []string{"xls.ru"}, Subject: []string{"*прайс*"}, Files: []string{"*.xls"}},
	}
	for _, tt := range []struct {
		from, subject string
		rules         []Rule
		want          bool
	}{
		{"a@new.ru", "прайс", rules, true}, {"a@new.ru", "счёт", rules, false}, {"a@new.ru", "прайс", rules[:1], false},
		{"a@all.ru", "прайс", rules, false}, {"a@mail.all.ru", "прайс", rules, false}, {"a@xls.ru", "счёт", rules, false}, {"", "прайс", rules, false},
		{"nobody", "прайс", rules, false},
	} {
		e := mail.Envelope{Subject: tt.subject}
		if tt.from != "" {
			e.From = []string{tt.from}
		}
		if got := compile(t, tt.rules...).Curious(e); got != tt.want {
			t.Errorf("%q «%s», %d rules: %v", tt.from, tt.subject, len(tt.rules), got)
		}
	}
}

func TestMasksForEverything(t *testing.T) {
	for mask, want := range map[string]bool{
		"*": true, "*.*": true, "?*": true, "**": true, "*.???": true, "*.????": true, "{*,x}": true, "*[^x]": true,
		"*.xls": false, "*.{xls,csv}": false, "*прайс*": false, "p*": false, "*.xl?": false, "*.[xX]*": false,
	} {
		g, err := compileGlobs("files", []string{mask}, true)
		if err != nil {
			t.Fatal(err)
		}
		if g[0].any() != want {
			t.Errorf("%s takes everything: %v", mask, !want)
		}
	}
}
