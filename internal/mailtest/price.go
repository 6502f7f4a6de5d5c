package mailtest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"html"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// Row is one line of a price list.
type Row struct {
	Article string
	Name    string
	Price   float64 // roubles
	Stock   int     // pieces
}

// Rows returns n lines, always the same ones for the same seed.
func Rows(seed uint64, n int) []Row {
	r := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	goods := []string{"Фильтр масляный", "Колодки тормозные", "Свеча зажигания", "Ремень ГРМ", "Щётка стеклоочистителя",
		"Аккумулятор 60 А·ч", "Подшипник ступицы", "Ёмкость для воды 5 л", "Шина 205/55 R16", "Лампа H7"}
	makers := []string{"Bosch", "Mann", "ТРЕК", "Лукойл", "БелМаг", "NGK", "Кама"}
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = Row{
			Article: fmt.Sprintf("%c%c-%05d", 'A'+r.IntN(26), 'A'+r.IntN(26), r.IntN(100_000)),
			Name:    goods[r.IntN(len(goods))] + " " + makers[r.IntN(len(makers))],
			Price:   float64(r.IntN(2_000_000)) / 100,
			Stock:   r.IntN(500),
		}
	}
	return rows
}

// heading is the first line of every price list.
func heading() [4]string {
	return [4]string{"Артикул", "Наименование", "Цена, руб.", "Остаток"}
}

// CSV returns the rows in Windows-1251 with semicolons and CRLF, as Russian accounting programs write them.
func CSV(rows []Row) []byte {
	var b strings.Builder
	head := heading()
	b.WriteString(strings.Join(head[:], ";") + "\r\n")
	for _, r := range rows {
		price := strings.Replace(fmt.Sprintf("%.2f", r.Price), ".", ",", 1)
		fmt.Fprintf(&b, "%s;%s;%s;%d\r\n", r.Article, r.Name, price, r.Stock)
	}
	return cp1251(b.String())
}

// cp1251 encodes s; what the charset lacks becomes a question mark, as in those programs.
func cp1251(s string) []byte { return inCharset(charmap.Windows1251, s) }

// inCharset encodes s in an eight-bit charset, with question marks for what it lacks.
func inCharset(c *charmap.Charmap, s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		b, known := c.EncodeRune(r)
		if !known {
			b = '?'
		}
		out = append(out, b)
	}
	return out
}

// XLS returns the rows as a BIFF2 workbook, the oldest kind of .xls: a stream of records without a container.
func XLS(rows []Row) []byte {
	var b bytes.Buffer
	record := func(kind uint16, parts ...any) {
		var body bytes.Buffer
		for _, part := range parts {
			_ = binary.Write(&body, binary.LittleEndian, part) // a buffer takes everything of fixed size
		}
		_ = binary.Write(&b, binary.LittleEndian, [2]uint16{kind, uint16(body.Len())})
		b.Write(body.Bytes())
	}
	attributes := [3]byte{}
	label := func(row, column int, text string) {
		encoded := cp1251(text)
		record(0x0004, uint16(row), uint16(column), attributes, uint8(len(encoded)), encoded)
	}
	number := func(row, column int, value float64) {
		record(0x0003, uint16(row), uint16(column), attributes, math.Float64bits(value))
	}
	record(0x0009, uint16(2), uint16(0x0010)) // BOF: BIFF2, worksheet
	for column, title := range heading() {
		label(0, column, title)
	}
	for i, r := range rows {
		label(i+1, 0, r.Article)
		label(i+1, 1, r.Name)
		number(i+1, 2, r.Price)
		number(i+1, 3, float64(r.Stock))
	}
	record(0x000a) // EOF
	return b.Bytes()
}

// XLSX returns the rows as an Office Open XML workbook with the fewest parts that programs open (ECMA-376).
func XLSX(rows []Row) []byte {
	const declaration = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	var sheet strings.Builder
	sheet.WriteString(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	text := func(s string) string { return `<c t="inlineStr"><is><t>` + html.EscapeString(s) + `</t></is></c>` }
	sheet.WriteString("<row>")
	for _, title := range heading() {
		sheet.WriteString(text(title))
	}
	sheet.WriteString("</row>")
	for _, r := range rows {
		fmt.Fprintf(&sheet, "<row>%s%s<c><v>%.2f</v></c><c><v>%d</v></c></row>", text(r.Article), text(r.Name), r.Price, r.Stock)
	}
	sheet.WriteString("</sheetData></worksheet>")
	return Zip(
		Member{"[Content_Types].xml", []byte(declaration + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
			`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`)},
		Member{"_rels/.rels", []byte(declaration + relationship("officeDocument", "xl/workbook.xml"))},
		Member{"xl/workbook.xml", []byte(declaration + `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" ` +
			`xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Прайс" sheetId="1" r:id="rId1"/></sheets></workbook>`)},
		Member{"xl/_rels/workbook.xml.rels", []byte(declaration + relationship("worksheet", "worksheets/sheet1.xml"))},
		Member{"xl/worksheets/sheet1.xml", []byte(declaration + sheet.String())},
	)
}

func relationship(kind, target string) string {
	return `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" ` +
		`Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/` + kind + `" Target="` + target + `"/></Relationships>`
}

// Member is one file of an archive.
type Member struct {
	Name    string
	Content []byte
}

// Zip returns an archive of the members, with names in UTF-8 and one time for all, so that its bytes are always the same.
func Zip(members ...Member) []byte {
	return zipWith(func(name string) string { return name }, members)
}

// ZipCP866 returns an archive whose names are in CP866 without any mark of it, as old Russian archivers write them.
func ZipCP866(members ...Member) []byte {
	return zipWith(func(name string) string { return string(inCharset(charmap.CodePage866, name)) }, members)
}

func zipWith(encode func(string) string, members []Member) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.CreateHeader(&zip.FileHeader{Name: encode(m.Name), Method: zip.Deflate,
			Modified: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)})
		if err == nil {
			_, err = f.Write(m.Content)
		}
		if err != nil {
			panic(fmt.Sprintf("zip %s in memory: %v", m.Name, err)) // a buffer takes everything
		}
	}
	if err := w.Close(); err != nil {
		panic(fmt.Sprintf("zip in memory: %v", err))
	}
	return b.Bytes()
}
