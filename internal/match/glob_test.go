package match

import (
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// takes compiles one rule with one file mask and asks it about a name.
func takes(t *testing.T, mask, name string) bool {
	t.Helper()
	rules, err := Compile([]Rule{{Name: "r", From: []string{"*"}, Files: []string{mask}}})
	if err != nil {
		t.Fatalf("Compile(%q): %v", mask, err)
	}
	return rules.File(mail.Envelope{}, mail.Part{Path: "2", Name: name, Attachment: true}).Rule == "r"
}

func TestFileMasks(t *testing.T) {
	for _, tt := range []struct {
		mask string
		yes  []string
		no   []string
	}{
		{"price*.{xls,xlsx,csv}", []string{"price.xls", "PRICE 2026.XLSX", "price.old.csv"}, []string{"price.xlsm", "aprice.xls", "price.xls.exe"}},
		{"*остатки*.zip", []string{"Остатки.zip", "НАШИ ОСТАТКИ 01.11.ZIP"}, []string{"Остатки.7z"}},
		{"Прайс.xls", []string{"ПРАЙС.XLS", "праи\u0306с.xls"}, []string{"праис.xls"}},
		{"Праи\u0306с*", []string{"Прайс.xls", "праи\u0306с.csv"}, nil},
		{"ё*.csv", []string{"Ёлки.csv", "е\u0308лки.csv", "Е\u0308ЛКИ.csv"}, []string{"елки.csv"}},
		{"[а-я]*.xls", []string{"прайс.xls", "Прайс.xls"}, []string{"ёлка.xls", "price.xls"}},
		{"[а-яё]*.xls", []string{"ёлка.xls", "Ёлка.xls", "прайс.xls"}, []string{"price.xls"}},
		{"[^0-9]*", []string{"a.xls"}, []string{"1.xls"}},
		{"?.xls", []string{"ц.xls", "и\u0306.xls", "😀.xls", "ǰ.xls", "j\u030c.xls"}, []string{"цц.xls", ".xls"}},
		{`price\[1\].csv`, []string{"Price[1].csv"}, []string{"price1.csv"}},
		{"price[1].csv", []string{"price1.csv"}, []string{"price[1].csv"}},
		{"{прайс,{ост,нал}*}.xls", []string{"прайс.xls", "Остатки.xls", "НАЛичие.xls"}, []string{"прайсы.xls"}},
		{"{[,]a,b}.c", []string{",a.c", "b.c"}, []string{"a.c"}},
		{"a,b.xls", []string{"A,B.xls"}, []string{"a.xls"}},
		{"straße.xls", []string{"STRASSE.xls", "strasse.xls", "Straße.xls"}, nil},
		{"α\u0301\u0345.xls", []string{"α\u0345\u0301.xls", "ᾴ.xls", "ΆΙ.xls"}, nil}, // marks in another order
		{"ΣΑΣ*", []string{"σας.xls"}, nil},
		{"*", []string{"a", ".hidden", "без расширения", "a/b.xls", "\xff\xfe.xls", ""}, nil},
		{"**", []string{"a.xls"}, nil},
		{"price.xls", []string{`C:\Обмен\price.xls`, "in/2026/price.xls", `mixed/of\price.xls`, "price.xls/"}, []string{"price.xls/other"}},
		{"*.xls", []string{strings.Repeat("я", 5000) + ".xls"}, nil},
	} {
		for _, name := range tt.yes {
			if !takes(t, tt.mask, name) {
				t.Errorf("%q does not take %q", tt.mask, name)
			}
		}
		for _, name := range tt.no {
			if takes(t, tt.mask, name) {
				t.Errorf("%q takes %q", tt.mask, name)
			}
		}
	}
}

func TestCheckGlob(t *testing.T) {
	for _, mask := range []string{"*", "a{b,c}d", "[]]x]"[1:], `\[`, "*прайс*", "{a,b}{c,d}{e,f}", "01/02", "[{]", `\{`,
		strings.Repeat("{a,b}", 8), strings.Repeat("{a", 8) + strings.Repeat("}", 8), "{" + strings.Repeat("a,", 200) + "b}"} {
		if err := CheckGlob(mask); err != nil {
			t.Errorf("%q is refused: %v", mask, err)
		}
	}
	for mask, want := range map[string]string{
		"":                          "is empty",
		"[":                         "cannot be read",
		"[]":                        "cannot be read",
		"a[b":                       "cannot be read",
		"{a,b":                      "cannot be read",
		"a}":                        "cannot be read",
		`a\`:                        "cannot be read",
		"\xd0.xls":                  "is not UTF-8",
		"{a{b}{c},d":                "cannot be read",
		strings.Repeat("a", 501):    "longer than 500",
		strings.Repeat("{a,b}", 9):  "more than 256 masks",
		strings.Repeat("{a,b}", 90): "more than 256 masks",
		strings.Repeat("{a,", 22) + "b" + strings.Repeat("}", 22):               "deeper than 8",
		strings.Repeat("{", 9) + strings.Repeat("}", 9):                         "deeper than 8",
		"{" + strings.Repeat("{a,b},", 80) + strings.Repeat("{}", 1) + "}{a,b}": "more than 256 masks",
	} {
		err := CheckGlob(mask)
		if err == nil {
			t.Errorf("%q is accepted", mask)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", mask, err, want)
		}
	}
}

func TestPlainMasks(t *testing.T) {
	for mask, want := range map[string]int{
		"abc": 1, "a,b": 1, "{a}": 1, "{a,b}": 2, "{a,b}{c,d,e}": 6, "{a,{b,c}d}": 3, "{,a}": 2, `\{a,b`: 1, "[{,}]": 1,
		"{[,],b}": 2, "{a,b}{c,{d,e}{f,g}}": 10, `{\},b}`: 2,
	} {
		if got, _ := plainMasks(mask); got != want {
			t.Errorf("%q stands for %d masks, want %d", mask, got, want)
		}
	}
}

// FuzzCheckGlob: a mask that is accepted compiles, and matching it against any name ends soon and without trouble.
func FuzzCheckGlob(f *testing.F) {
	for _, seed := range []string{"price*.{xls,xlsx}", "[а-яё]*", `\[1\]`, "{a,{b,c}}", "*{a,b}*{a,b}*", "[!a]", "[Z-a]", "И\u0306*"} {
		f.Add(seed, "Прайс.xls")
	}
	f.Fuzz(func(t *testing.T, mask, name string) {
		if CheckGlob(mask) != nil {
			return
		}
		gs, err := compileGlobs("subject", []string{mask}, false)
		if err != nil {
			t.Fatalf("CheckGlob accepts %q, Compile does not: %v", mask, err)
		}
		gs.find(unslash(fold(name)))
	})
}

// TestWorstMaskEndsSoon has no clock: with an unbounded mask it would not end within the time of the test run.
func TestWorstMaskEndsSoon(t *testing.T) {
	mask := strings.Repeat("*{a,b}", 8) + "c"
	if takes(t, mask, strings.Repeat("ab", 2000)) {
		t.Error("the name has no c")
	}
}
