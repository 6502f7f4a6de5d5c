package mimepart

import (
	"testing"

	"golang.org/x/text/encoding/charmap"
)

// TestGuess: file names as Russian suppliers have them, in each raw charset.
func TestGuess(t *testing.T) {
	names := []string{
		"Прайс.xls", "прайс.xls", "ПРАЙС.XLS", "Прайс-лист.xlsx", "прайс лист 12.10.2026.xls", "Остатки.csv", "остатки на складе.csv",
		"ОСТАТКИ.xls", "Цены.xls", "цены оптовые.xls", "Номенклатура.xlsx", "Каталог товаров.pdf", "Автозапчасти.zip", "Розница.xls",
		"Склад Москва.xls", "Наличие и цены.xls", "Прайс_ООО_Ромашка_осень.xls", "Фильтры масляные.xls", "Шины и диски.xls",
		"Электроинструмент.xls", "Бытовая химия.xls", "Новый прайс с 01 ноября.xls", "Коммерческое предложение.doc", "Счет на оплату.pdf",
		"Реквизиты.doc", "Акция!.xls", "Распродажа.xls", "Ёлки и игрушки.xls", "Объявление.txt", "Сантехника (полный).xls",
		"Прайс «Весна».xls", "Канцтовары №5.xls", "Подшипники.csv", "Инструмент.xls", "Кабель.xls", "Стройматериалы.xls",
		"Мебель.xls", "Обувь детская.xls", "Запчасти ВАЗ.xls", "Price Москва.xls", "Спецпредложение.xlsx", "Хозтовары.xls",
	}
	for _, c := range []struct {
		name string
		cm   *charmap.Charmap
	}{{"windows-1251", charmap.Windows1251}, {"koi8-r", charmap.KOI8R}, {"ibm866", charmap.CodePage866}} {
		hits := 0
		for _, name := range names {
			raw, err := c.cm.NewEncoder().Bytes([]byte(name))
			if err != nil {
				hits++ // this charset has no way to write it
				continue
			}
			if got := guess(raw, ""); got == name {
				hits++
			} else {
				t.Logf("%s: %q read as %q", c.name, name, got)
			}
			if got := guess(raw, c.name); got != name {
				t.Errorf("%s: %q with the charset declared read as %q", c.name, name, got)
			}
		}
		if missed := len(names) - hits; missed > 1 {
			t.Errorf("%s: %d of %d names guessed wrong", c.name, missed, len(names))
		}
	}
}

func TestGuessHints(t *testing.T) {
	tests := []struct{ name, raw, hint, want string }{
		{"UTF-8 stays whatever is declared", "Прайс", "koi8-r", "Прайс"},
		{"a Latin declaration is no word on Cyrillic", "\xcf\xf0\xe0\xe9\xf1", "iso-8859-1", "Прайс"},
		{"nor is ASCII", "\xcf\xf0\xe0\xe9\xf1", "us-ascii", "Прайс"},
		{"but counts for German", "Preisliste f\xfcr \xd6l", "windows-1252", "Preisliste für Öl"},
		{"a wrong Cyrillic declaration loses to the looks", "\xcf\xf0\xe0\xe9\xf1-\xeb\xe8\xf1\xf2 \xee\xf1\xf2\xe0\xf2\xea\xe8", "koi8-r", "Прайс-лист остатки"},
		{"Chinese where declared", "\xbc\xdb\xb8\xf1", "gb2312", "价格"},
		{"an unknown declaration is none", "\xcf\xf0\xe0\xe9\xf1", "x-nobody-knows", "Прайс"},
		{"Macintosh where declared", "\x8f\xf0\xe0\xe9\xf1", "x-mac-cyrillic", "Прайс"},
	}
	for _, tt := range tests {
		if got := guess([]byte(tt.raw), tt.hint); got != tt.want {
			t.Errorf("%s: guess(%q, %s) = %q, expected %q", tt.name, tt.raw, tt.hint, got, tt.want)
		}
	}
}
