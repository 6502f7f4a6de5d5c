package cyrillic

import "testing"

func TestScore(t *testing.T) {
	for _, tt := range []struct{ russian, other string }{
		{"Прайс-лист", "оПЮИЯ-КХЯР"},     // CP1251 read as KOI8-R
		{"Остатки на складе", "Ћбв вЄЁ"}, // CP866 read as CP1251
		{"цены", "ЖХМШ"},
		{"Прайс", "прАЙС"},
		{"мышь", "ьмыш"},
	} {
		good, n := Score([]rune(tt.russian))
		bad, _ := Score([]rune(tt.other))
		if good <= bad || good <= 0 || n == 0 {
			t.Errorf("%q scores %.2f over %d letters, %q %.2f", tt.russian, good, n, tt.other, bad)
		}
	}
	if _, n := Score([]rune("price 2026.xls")); n != 0 {
		t.Errorf("ASCII has %d letters to tell by", n)
	}
	if s, _ := Score([]rune("Übersicht größer")); s >= 0 {
		t.Errorf("German scores %.2f", s)
	}
}
