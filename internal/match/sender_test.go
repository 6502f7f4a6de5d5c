package match

import (
	"slices"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// wants compiles one rule with the given senders and asks it about a message.
func wants(t *testing.T, masks []string, from ...string) bool {
	t.Helper()
	rules, err := Compile([]Rule{{Name: "r", From: masks}})
	if err != nil {
		t.Fatalf("Compile(%q): %v", masks, err)
	}
	return len(rules.Sender(mail.Envelope{From: from}).Rules) == 1
}

func TestSenderMasks(t *testing.T) {
	const punycode = "xn--80aswg.xn--p1ai" // сайт.рф
	for _, tt := range []struct {
		mask string
		yes  []string
		no   []string
	}{
		{"price@a.ru", []string{"price@a.ru", "PRICE@A.RU", "price@a.ru.", `"price"@a.ru`, " price@a.ru "},
			[]string{"xprice@a.ru", "price@b.a.ru", "price@a.ru.evil.com", "price", "a.ru", "@a.ru", ""}},
		{"*@a.ru", []string{"x@a.ru", "Y@A.ru", `"x@b.ru"@a.ru`}, []string{"x@b.a.ru", "x@ba.ru", "a.ru"}},
		{"@a.ru", []string{"x@a.ru"}, []string{"x@b.a.ru", "x@ba.ru"}},
		{"a.ru", []string{"x@a.ru", "Y@A.RU"}, []string{"x@b.a.ru", "x@ba.ru", "a.ru@b.ru"}},
		{"*.a.ru", []string{"x@b.a.ru", "x@c.b.A.ru"}, []string{"x@a.ru", "x@ba.ru", "x@.a.ru.b"}},
		{"*", []string{"x@a.ru", "", "no address at all", "x@", "@"}, nil},
		{"сайт.рф", []string{"x@сайт.рф", "x@САЙТ.РФ", "x@" + punycode, "x@" + strings.ToUpper(punycode)},
			[]string{"x@мой.сайт.рф", "x@сайт.ру"}},
		{punycode, []string{"x@сайт.рф", "x@Сайт.Рф", "x@" + punycode}, []string{"x@a." + punycode}},
		{"*.сайт.рф", []string{"x@мой.сайт.рф", "x@mail." + punycode}, []string{"x@сайт.рф"}},
		{"прайс@сайт.рф", []string{"ПРАЙС@" + punycode, "прайс@сайт.рф", "праи\u0306с@саи\u0306т.рф"}, []string{"прайсы@сайт.рф"}},
		{"ёлка@сайт.рф", []string{"Ёлка@сайт.рф", "е\u0308лка@сайт.рф"}, []string{"елка@сайт.рф"}},
		{"bücher.example", []string{"x@BÜCHER.example", "x@xn--bcher-kva.example"}, nil},
		{"straße.de", []string{"x@straße.de", "x@xn--strae-oqa.de"}, []string{"x@strasse.de"}},
		{"my_host.local", []string{"x@My_Host.local"}, nil},
		{"localhost", []string{"root@localhost"}, []string{"root@localhost.ru"}},
		{"[192.0.2.1]", []string{"x@[192.0.2.1]"}, []string{"x@192.0.2.1"}},
		{`"a b"@a.ru`, []string{`"A B"@a.ru`, "a b@a.ru"}, []string{"ab@a.ru"}},
		{"xn--zzzzzz--.ru", []string{"x@XN--zzzzzz--.ru", "x@xn--zzzzzz--.ru."}, nil},
		{"аutoparts.ru", []string{"x@аutoparts.ru"}, []string{"x@autoparts.ru"}}, // Cyrillic а
	} {
		for _, from := range tt.yes {
			if !wants(t, []string{tt.mask}, from) {
				t.Errorf("%q does not take %q", tt.mask, from)
			}
		}
		for _, from := range tt.no {
			if wants(t, []string{tt.mask}, from) {
				t.Errorf("%q takes %q", tt.mask, from)
			}
		}
	}
}

func TestSeveralFromAddresses(t *testing.T) {
	for _, tt := range []struct {
		masks, from []string
		want        bool
	}{
		{[]string{"a.ru"}, []string{"x@a.ru", "y@a.ru"}, true},
		{[]string{"a.ru"}, []string{"x@a.ru", "y@b.ru"}, false},
		{[]string{"a.ru"}, []string{"y@b.ru", "x@a.ru"}, false},
		{[]string{"a.ru", "y@b.ru"}, []string{"x@a.ru", "y@b.ru"}, true},
		{[]string{"a.ru"}, []string{"x@a.ru", ""}, false},
		{[]string{"a.ru"}, nil, false},
		{[]string{"*.ru", "a.ru"}, nil, false},
		{[]string{"*"}, nil, true},
		{[]string{"a.ru", "*"}, []string{"x@b.ru", "nonsense"}, true},
	} {
		if got := wants(t, tt.masks, tt.from...); got != tt.want {
			t.Errorf("%q of %q: %v", tt.masks, tt.from, got)
		}
	}
}

func TestCheckSenderRefuses(t *testing.T) {
	for mask, want := range map[string]string{
		"":                               "is empty",
		" ":                              "is no plain address",
		" a.ru":                          "is no plain address",
		"price list@a.ru":                "is no plain address",
		"a.ru,b.ru":                      "is no plain address",
		"Прайс <price@a.ru>":             "is no plain address",
		"a@b@c.ru\n":                     "is no plain address",
		"price*@a.ru":                    "has a wildcard in another place",
		"*@*.a.ru":                       "has a wildcard in another place",
		"price@*.a.ru":                   "has a wildcard in another place",
		"**":                             "has a wildcard in another place",
		"a.*":                            "has a wildcard in another place",
		"{a,b}.ru":                       "is no plain address",
		"a?.ru":                          "has a wildcard in another place",
		"@":                              "has no usable domain",
		"price@":                         "has no usable domain",
		"*.":                             "has no usable domain",
		"*@":                             "has no usable domain",
		".a.ru":                          "has no usable domain",
		"a..ru":                          "has no usable domain",
		`""@a.ru`:                        "has an empty name before the @",
		"a\xff.ru":                       "is not UTF-8",
		strings.Repeat("я", 600) + ".ru": "is longer than 500 characters",
	} {
		err := CheckSender(mask)
		if err == nil {
			t.Errorf("%q is accepted", mask)
		} else if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "«") {
			t.Errorf("%q: %v, want %q and the mask", mask, err, want)
		}
	}
}

func TestCanonicalSenders(t *testing.T) {
	a, err := compileSenders([]string{"*@A.ru", "price@сайт.рф", "*.b.ru", "*"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := compileSenders([]string{"*", "*.B.RU", "PRICE@xn--80aswg.xn--p1ai", "a.ru", "@a.ru"})
	if err != nil {
		t.Fatal(err)
	}
	if x, y := canonicalSenders(a), canonicalSenders(b); !slices.Equal(x, y) || len(x) != 4 {
		t.Errorf("%q and %q are the same masks", x, y)
	}
}
