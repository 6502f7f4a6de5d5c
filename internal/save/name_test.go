package save

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestSafeName(t *testing.T) {
	for _, tt := range []struct{ name, original, want string }{
		{"plain", "price.xls", "price.xls"},
		{"Cyrillic", "Прайс-лист ООО «Ромашка» №5.xlsx", "Прайс-лист ООО «Ромашка» №5.xlsx"},
		{"Chinese, Arabic, emoji", "价格 سعر 💰.csv", "价格 سعر 💰.csv"},
		{"decomposed", "Праи\u0306с е\u0308.xls", "Прайс ё.xls"},
		{"mark behind a joiner", "е\u200d\u0308.xls", "ё.xls"},
		{"Unix path", "/etc/passwd", "passwd"},
		{"climbing", "../../etc/cron.d/job", "job"},
		{"Windows path", `C:\Users\Иван\Прайс.xls`, "Прайс.xls"},
		{"drive alone", "c:Прайс.xls", "Прайс.xls"},
		{"Cyrillic letter is no drive", "С:Прайс.xls", "С_Прайс.xls"},
		{"mixed separators", `a/b\c.xls`, "c.xls"},
		{"UNC", `\\server\share\price.xls`, "price.xls"},
		{"separator at the end", "прайсы/", "прайсы"},
		{"dots alone", "..", "unnamed"},
		{"path of dots", "a/..", "unnamed"},
		{"empty", "", "unnamed"},
		{"blanks", " \t\u00a0 ", "unnamed"},
		{"separators alone", `/\/`, "unnamed"},
		{"hidden", ".htaccess", "htaccess"},
		{"hidden twice", ". .bashrc", "bashrc"},
		{"own hidden directory", ".pricefetch", "pricefetch"},
		{"blanks around", "  Прайс.xls  ", "Прайс.xls"},
		{"dots at the end", "Прайс.xls. . .", "Прайс.xls"},
		{"NUL and control", "pri\x00ce\x07\x7f.xls", "price.xls"},
		{"C1 control", "price\u0085\u009b.xls", "price .xls"},
		{"folded line", "Прайс\r\n\tлист.xls", "Прайс   лист.xls"},
		{"line separators", "a\u2028b\u2029c.xls", "a b c.xls"},
		{"right-to-left override", "price\u202Eslx.exe", "priceslx.exe"},
		{"isolates and marks", "\u2066a\u2069\u200e\u200f\u061c.xls", "a.xls"},
		{"zero width", "pr\u200bi\u200c\u200dce\u2060\ufeff.xls", "price.xls"},
		{"refused by Windows", `Цена<1>:"a"|?*.xls`, "Цена_1___a____.xls"},
		{"alternate stream", "price.xls:evil.exe", "price.xls_evil.exe"},
		{"invalid UTF-8", "\xcf\xf0\xe0.xls", "_.xls"},
		{"device", "CON", "_CON"},
		{"device with extension", "nul.tar.gz", "_nul.tar.gz"},
		{"device with blanks", "Aux .xls", "_Aux .xls"},
		{"port", "com1.csv", "_com1.csv"},
		{"port in superscript", "LPT².txt", "_LPT².txt"},
		{"console input", "conin$.txt", "_conin$.txt"},
		{"no port", "com10.csv", "com10.csv"},
		{"no device", "console.xls", "console.xls"},
		{"device behind a path", "a/prn.xls", "_prn.xls"},
		{"device behind a dot", ".con", "_con"},
		{"no-break space stays inside", "Прайс\u00a01.xls", "Прайс\u00a01.xls"},
		{"long", strings.Repeat("я", 300) + ".xls", strings.Repeat("я", (maxSafe-4)/2) + ".xls"},
		{"long with two extensions", strings.Repeat("a", 300) + ".tar.gz", strings.Repeat("a", maxSafe-7) + ".tar.gz"},
		{"long without", strings.Repeat("a", 300), strings.Repeat("a", maxSafe)},
		{"long, what follows the dot is no extension", "a." + strings.Repeat("b", 300), "a." + strings.Repeat("b", maxSafe-2)},
		{"device by cutting", "con" + strings.Repeat(" ", 300) + "x.xls", "_con.xls"},
		{"blank where it is cut", strings.Repeat("a", maxSafe-6) + " " + strings.Repeat("b", 30) + ".xls", strings.Repeat("a", maxSafe-6) + " b.xls"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := SafeName(tt.original)
			if got != tt.want {
				t.Errorf("SafeName(%q) = %q, want %q", tt.original, got, tt.want)
			}
			wantSafe(t, got)
		})
	}
}

// wantSafe wants of a name what every safe name must be.
func wantSafe(t *testing.T, name string) {
	t.Helper()
	for what, bad := range map[string]bool{
		"empty":             name == "",
		"no UTF-8":          !utf8.ValidString(name),
		"not NFC":           !norm.NFC.IsNormalString(name),
		"too long":          len(numbered(name, numbers))+len(".json") > maxName,
		"separators":        strings.ContainsAny(name, "/\\"),
		"Windows":           strings.ContainsAny(name, `<>:"|?*`),
		"dots or blanks":    trim(name) != name,
		"device":            offDevice(name) != name,
		"unseen characters": strings.ContainsFunc(name, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }),
		"not idempotent":    SafeName(name) != name,
	} {
		if bad {
			t.Errorf("%q: %s", name, what)
		}
	}
}

func TestSafeNameKeepsMarksWithTheirLetters(t *testing.T) {
	letter := "e\u0323\u0302\u0331" // NFC keeps marks on it
	for pad := range 16 {
		got := SafeName(strings.Repeat("x", pad) + strings.Repeat(letter, 80) + ".xls")
		wantSafe(t, got)
		stem := strings.TrimLeft(strings.TrimSuffix(got, ".xls"), "x")
		if whole := norm.NFC.String(letter); len(stem)%len(whole) != 0 {
			t.Errorf("padded by %d the name ends in half a character: %q", pad, got)
		}
	}
	wantSafe(t, SafeName(strings.Repeat("\u0301", 300)+".xls"))
}

func TestNumbered(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    int
		want string
	}{
		{"Прайс.xls", 1, "Прайс.xls"},
		{"Прайс.xls", 2, "Прайс (2).xls"},
		{"Прайс", 10, "Прайс (10)"},
		{"list.tar.gz", 2, "list (2).tar.gz"},
		{"list.CSV.ZIP", 2, "list (2).CSV.ZIP"},
		{"v1.2.gz", 2, "v1.2 (2).gz"},
		{"Прайс от 12.03.2026", 2, "Прайс от 12.03.2026 (2)"},
		{"ООО Ромашка. Остатки на складе", 2, "ООО Ромашка. Остатки на складе (2)"},
		{"Прайс.xls.bak", 3, "Прайс.xls (3).bak"},
		{"a." + strings.Repeat("b", 40), 2, "a." + strings.Repeat("b", 40) + " (2)"},
	} {
		if got := numbered(tt.name, tt.n); got != tt.want {
			t.Errorf("numbered(%q, %d) = %q, want %q", tt.name, tt.n, got, tt.want)
		}
	}
}

func FuzzSafeName(f *testing.F) {
	for _, seed := range []string{
		"Прайс.xls", "../../x", `C:\a\b.tar.gz`, "CON", "con .x", "\u202e\ufeff", "a\u0301" + strings.Repeat("\u0301", 300),
		strings.Repeat("я", 200) + ".xlsx", "con" + strings.Repeat(" ", 260) + ".x", ". . .", "\xff\xfe", "a:b:c", "\u037e\u1fef\u212a",
		"x" + strings.Repeat("\u1100\u1161", 120) + ".ё", strings.Repeat(" .", 200) + "nul", strings.Repeat("a.", 200),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, original string) { wantSafe(t, SafeName(original)) })
}
