package corpus

import (
	"fmt"
	"strings"
)

// structureGrid: multiparts that are put together wrongly, or in a way that is rarely seen.
func structureGrid() []made {
	book, csv := xls(800, "shapes"), cp1251(4)
	list := encoded(disposed(excel, `filename="price.xls"`), book)
	text := part(disposed("text/csv", `filename="price.csv"`), csv)
	want := func(path string) []file { return []file{{path: path, name: "price.xls", typ: excel, content: book}} }
	replace := func(s, old, with string) string { return strings.Replace(s, old, with, 1) }
	usual := func(kind string) string { return multi(price("Shape"), kind, "=_s", note(), list) }
	many, deep := make([]string, 0, 200), list
	var manyWant []file
	for i := range 200 {
		name := fmt.Sprintf("price-%03d.csv", i+1)
		many = append(many, part("Content-Type: text/csv; name="+name, fmt.Sprintf("%d;%d\r\n", i, i*i)))
		manyWant = append(manyWant, file{path: fmt.Sprint(i + 1), name: name, typ: "text/csv", content: fmt.Sprintf("%d;%d\r\n", i, i*i)})
	}
	for i := range 20 {
		deep = body("mixed", fmt.Sprintf("=_d%d", i), deep)
	}
	return []made{
		{"shape-subtype", "a kind of multipart that nobody knows", usual("x-price-list"), want("2")},
		{"shape-parallel", "multipart/parallel", usual("parallel"), want("2")},
		{"shape-report", "a list in a multipart/report", usual("report; report-type=price"), want("2")},
		{"shape-bare-multipart", "multipart without a kind", replace(usual("mixed"), "multipart/mixed", "multipart"), want("2")},
		{"shape-not-closed-8bit", "no closing boundary behind 8-bit text: nothing tells that it was cut", price("Open") + strings.TrimSuffix(body("mixed", "=_s", note(), text), "\r\n--=_s--\r\n"),
			[]file{{path: "2", name: "price.csv", typ: "text/csv", content: csv}}},
		{"shape-not-closed-quoted", "cut behind a soft line break: nothing may be imported", price("Cut") + "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n" +
			part(disposed("text/csv", `filename="price.csv"`)+"\nContent-Transfer-Encoding: quoted-printable", "a;b;=D0=9F=\r\n"), []file{{path: "1", name: "price.csv", typ: "text/csv", damaged: true}}},
		{"shape-closed-half", "a closing boundary that lacks its last dashes", replace(usual("mixed"), "--=_s--\r\n", "--=_s-\r\n"), []file{{path: "2", name: "price.xls", typ: excel, content: book}}},
		{"shape-boundary-blanks", "blanks behind the boundary lines", strings.ReplaceAll(usual("mixed"), "--=_s\r\n", "--=_s \t \r\n"), want("2")},
		{"shape-boundary-continued", "the boundary as RFC 2231 continuations", replace(usual("mixed"), `boundary="=_s"`, "boundary*0=\"=\";\r\n boundary*1=\"_s\""), want("2")},
		{"shape-boundary-apostrophes", "the boundary in apostrophes", replace(usual("mixed"), `"=_s"`, `'=_s'`), want("2")},
		{"shape-boundary-dashes", "the boundary is declared with its dashes", replace(usual("mixed"), `"=_s"`, `"--=_s"`), want("2")},
		{"shape-boundary-other", "another boundary is declared than used", replace(usual("mixed"), `"=_s"`, `"=_other"`), want("2")},
		{"shape-boundary-long", "a boundary of 200 characters", strings.ReplaceAll(usual("mixed"), "=_s", strings.Repeat("x", 200)), want("2")},
		{"shape-empty-multipart", "a multipart with no part in front of the list", multi(price("Empty"), "mixed", "=_s", "Content-Type: multipart/alternative; boundary=e\r\n\r\n--e--\r\n", list), want("2")},
		{"shape-part-without-header", "a part that begins with its empty line", multi(price("Bare"), "mixed", "=_s", "\r\nДобрый день!\r\n", list), want("2")},
		{"shape-part-without-body", "a part that ends with its header", multi(price("Empty"), "mixed", "=_s", "Content-Type: text/plain", list), want("2")},
		{"shape-first-part", "the list in front of the text", multi(price("First"), "mixed", "=_s", list, note()), want("1")},
		{"shape-only-part", "the list is the only part", multi(price("Only"), "mixed", "=_s", list), want("1")},
		{"shape-alternative", "the list as an alternative of the text, as calendar programs do it", multi(price("Alternative"), "alternative", "=_s", note(), list), want("2")},
		{"shape-deep", "20 multiparts within each other", price("Deep") + deep, []file{{path: strings.Repeat("1.", 19) + "1", name: "price.xls", typ: excel, content: book}}},
		{"shape-many", "200 lists in one message", multi(price("Many"), "mixed", "=_s", many...), manyWant},
		{"shape-encoded-multipart", "a gateway put the whole multipart into base64",
			price("Encoded") + "Content-Type: multipart/mixed; boundary=\"=_s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines64(strings.TrimPrefix(body("mixed", "=_s", note(), list), "Content-Type: multipart/mixed; boundary=\"=_s\"\r\n\r\n"), 76) + "\r\n", want("2")},
		{"shape-declared-base64", "a multipart that says base64 and is not encoded", replace(usual("mixed"), "Content-Type: multipart", "Content-Transfer-Encoding: base64\r\nContent-Type: multipart"), want("2")},
		{"shape-two-types", "two Content-Type fields: the first counts", replace(usual("mixed"), "\r\n\r\n--=_s", "\r\nContent-Type: text/plain\r\n\r\n--=_s"), want("2")},
		{"shape-two-types-text", "a script's mail() put a type of its own in front of the multipart's", replace(usual("mixed"), "Content-Type: multipart", "Content-type: text/plain; charset=windows-1251\r\nContent-Type: multipart"), want("2")},
		{"shape-two-types-part", "the same in a part, folded", multi(price("Types"), "mixed", "=_s", "Content-Type: text/html;\r\n charset=utf-8\r\n"+body("alternative", "=_t", note(), list)), want("1.2")},
		{"shape-two-types-file", "two types of a file: the first counts", replace(usual("mixed"), "Content-Type: "+excel, "Content-Type: "+excel+"\r\nContent-Type: text/plain"), want("2")},
		{"shape-nameless", "a workbook with nothing but its type", multi(price("Nameless"), "mixed", "=_s", note(), encoded("Content-Type: "+excel, book), part("Content-Type: text/csv", csv)),
			[]file{{path: "2", name: "unnamed-1.xls", typ: excel, content: book}, {path: "3", name: "unnamed-2.csv", typ: "text/csv", content: csv}}},
		{"shape-nameless-alone", "a workbook with nothing but its type is the whole message", single(price("Nameless"), "Content-Type: application/zip\nContent-Transfer-Encoding: base64\n", lines64(book, 76)+"\r\n"),
			[]file{{path: "1", name: "unnamed-1.zip", typ: "application/zip", content: book}}},
		{"shape-partial", "a piece of a letter sent in pieces: it cannot be read, and must not be overlooked", single(price("Piece"), "Content-Type: message/partial; id=\"a@supplier.example\"; number=2; total=3\n", lines64(book, 76)+"\r\n"),
			[]file{{path: "1", name: "unnamed-1.part", typ: "message/partial", content: lines64(book, 76) + "\r\n"}}},
		{"shape-appledouble", "a Mac sent what it keeps beside the file, under the same name", multi(price("Mac"), "mixed", "=_s", note(), body("appledouble", "=_m",
			encoded("Content-Type: application/applefile; name=\"price.xls\"", "\x00\x05\x16\x07resource"), list)), []file{{path: "2.2", name: "price.xls", typ: excel, content: book}}},
	}
}
