package mailtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Supplier sends price lists.
type Supplier struct {
	Name    string // display name
	Address string
	Domain  string
	File    string // stem of its files' names
	Kind    Kind
}

// Kind is what a supplier's files are.
type Kind string

// The kinds of files, by their extensions.
const (
	KindXLS  Kind = "xls"
	KindXLSX Kind = "xlsx"
	KindCSV  Kind = "csv"
	KindZip  Kind = "zip"
)

// Suppliers returns those that letters are made of, all with domains reserved by RFC 2606.
func Suppliers() []Supplier {
	return []Supplier{
		{"ООО «Автозапчасть»", "price@autoparts.example", "autoparts.example", "Прайс-лист Автозапчасть", KindXLS},
		{"Шины и диски", "rassylka@opt.shiny.example", "opt.shiny.example", "прайс шины", KindXLSX},
		{"ИП Ёлкин А. Б.", "elkin@sklad.example", "sklad.example", "остатки_ёмкости", KindCSV},
		{"Северный склад", "noreply@sever.example", "sever.example", "price_sever", KindZip},
		{"Торговый дом «Свеча»", "Price@Svecha.Example", "svecha.example", "ПРАЙС СВЕЧИ ЗАЖИГАНИЯ", KindXLS},
		{"Bearings GmbH", "preisliste@bearings.example", "bearings.example", "pricelist bearings", KindXLSX},
	}
}

// MediaType returns what most mail programs call the kind.
func (k Kind) MediaType() string {
	switch k {
	case KindXLS:
		return "application/vnd.ms-excel"
	case KindXLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case KindCSV:
		return "text/csv"
	default:
		return "application/zip"
	}
}

// Content returns a file of the kind with n rows, always the same for the same seed.
func (k Kind) Content(seed uint64, n int) []byte {
	rows := Rows(seed, n)
	switch k {
	case KindXLS:
		return XLS(rows)
	case KindXLSX:
		return XLSX(rows)
	case KindCSV:
		return CSV(rows)
	default:
		return ZipCP866(Member{"прайс.csv", CSV(rows)}, Member{"условия.txt", cp1251("Отсрочка 14 дней.\r\n")})
	}
}

// PriceLetter returns a supplier's letter with one price list. seed chooses content, encoding and layout, and is part
// of Message-ID: letters of different seeds are different messages.
func PriceLetter(s Supplier, seed uint64, received time.Time) MessageOptions {
	r := rand.New(rand.NewPCG(seed, 0x2545f4914f6cdd1d))
	encodings := []NameEncoding{RFC2231, RFC2231Parts, RFC2047B, RFC2047Q, RFC2047KOI8, RawUTF8, RawCP1251, TypeOnly}
	day := received.Format("02.01.2006")
	return MessageOptions{
		From: s.Name + " <" + s.Address + ">", Subject: "Прайс-лист " + s.Name + " на " + day,
		Date: received.Add(-90 * time.Second), Received: received,
		ID: fmt.Sprintf("%016x.%d@%s", r.Uint64(), seed, s.Domain), HTML: r.IntN(2) == 0,
		Files: []Attachment{{
			Name: s.File + " " + day + "." + string(s.Kind), Type: s.Kind.MediaType(), Content: s.Kind.Content(seed, 20+r.IntN(180)),
			Encoding: encodings[r.IntN(len(encodings))], Inline: r.IntN(4) == 0, Quoted: s.Kind == KindCSV && r.IntN(2) == 0,
		}},
	}
}

// OtherLetter returns mail of the kind that lies between price lists and that no rule for Suppliers wants: seed
// chooses among a newsletter, an invoice with a PDF, a question with a spreadsheet and a signature picture.
func OtherLetter(seed uint64, received time.Time) MessageOptions {
	r := rand.New(rand.NewPCG(seed, 0x9fb21c651e98df25))
	o := MessageOptions{Date: received.Add(-time.Minute), Received: received,
		ID: fmt.Sprintf("%016x.%d@other.example", r.Uint64(), seed)}
	switch r.IntN(4) {
	case 0:
		o.From, o.Subject, o.HTML = "Новости рынка <news@novosti.example>", "Скидки недели", true
		o.Text = strings.Repeat("Спешите, предложение ограничено.\r\n", 5+r.IntN(20))
	case 1:
		o.From, o.Subject = "Бухгалтерия <buh@uslugi.example>", fmt.Sprintf("Счёт № %d", r.IntN(9000))
		o.Files = []Attachment{{Name: fmt.Sprintf("Счёт %d.pdf", seed), Type: "application/pdf", Content: []byte("%PDF-1.4\n%%EOF\n")}}
	case 2:
		o.From, o.Subject = "Пётр <petr@klient.example>", "Вопрос по заказу"
		o.Files = []Attachment{{Name: "заказ.xlsx", Type: KindXLSX.MediaType(), Content: KindXLSX.Content(seed, 5), Encoding: RFC2047B}}
	default:
		o.From, o.Subject = "Анна <anna@klient.example>", "Re: доставка"
		o.Files = []Attachment{{Name: "logo.png", Type: "image/png", Content: []byte("\x89PNG\r\n\x1a\n"), Inline: true}}
	}
	return o
}
