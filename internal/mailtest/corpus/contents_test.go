package corpus

import (
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// contents: how bytes travel.
func contents() []made {
	csv, book := cp1251(15), xls(3001, "contents")
	named := func(typ, name string) string {
		return "Content-Type: " + typ + "\nContent-Disposition: attachment; filename=\"" + name + "\""
	}
	send := func(subject, p string) string { return multi(price(subject), "mixed", "b20", note(), p) }
	dots := crlf(".\n..\n...три\n.артикул;цена\n\n.\n")
	long := strings.Repeat("Очень длинная строка; ", 6000)
	trailing := "a;b \r\nc;d\t\r\n=;=\r\n"
	segments := lines64(book[:100], 76) + "\r\n" + lines64(book[100:], 76)
	return []made{
		{"qp-csv", "a CSV in quoted-printable and windows-1251",
			send("QP", part(named("text/csv; charset=windows-1251", "price.csv")+"\nContent-Transfer-Encoding: quoted-printable", quoted(csv))), one("price.csv", "text/csv", csv)},
		{"qp-lenient", "quoted-printable with stray signs and blanks added on the way",
			send("QP odd", part(named("text/csv", "price.csv")+"\nContent-Transfer-Encoding: Quoted-Printable", "a=3Db;=D0=9f=zz;=\t \r\nrest   \r\n100%=2\r\nend=")),
			one("price.csv", "text/csv", "a=b;П=zz;rest\r\n100%=2\r\nend")},
		{"qp-blanks", "blanks at line ends that were protected",
			send("QP blanks", part(named("text/csv", "price.csv")+"\nContent-Transfer-Encoding: quoted-printable", "a;b=20\r\nc;d=09\r\n=3D;=3D\r\n")), one("price.csv", "text/csv", trailing)},
		{"8bit-csv", "raw windows-1251 text as an attachment", send("8bit", part(named("text/csv; charset=windows-1251", "price.csv")+"\nContent-Transfer-Encoding: 8bit", csv)),
			one("price.csv", "text/csv", csv)},
		{"no-encoding", "raw UTF-8 without any Content-Transfer-Encoding", send("bare", part(named("text/csv; charset=utf-8", "price.csv"), table(5))), one("price.csv", "text/csv", table(5))},
		{"dots", "lines that begin with dots (POP3 doubles them)", send("dots", part(named("text/plain", "dots.txt")+"\nContent-Transfer-Encoding: 8bit", dots)), one("dots.txt", "text/plain", dots)},
		{"dots-single", "the body itself begins with a dot",
			single(price("dot"), named("text/csv", "price.csv")+"\n", "..;.\r\n.\r\n"), []file{{path: "1", name: "price.csv", typ: "text/csv", content: "..;.\r\n.\r\n"}}},
		{"dashes", "lines that look like boundaries",
			send("dashes", part(named("text/plain", "dashes.txt"), "--\r\n--b2\r\n--b200\r\n--b20-\r\n---b20\r\n --b20\r\n--")), one("dashes.txt", "text/plain", "--\r\n--b2\r\n--b200\r\n--b20-\r\n---b20\r\n --b20\r\n--")},
		{"no-newline", "the last line of the file has no line end", send("no newline", part(named("text/csv", "price.csv"), "a;b\r\nc;d")), one("price.csv", "text/csv", "a;b\r\nc;d")},
		{"empty", "an attachment without content, in base64 and without",
			multi(price("empty"), "mixed", "b21", encoded(named(excel, "empty.xls"), ""), part(named("text/csv", "empty.csv"), "")),
			[]file{{path: "1", name: "empty.xls", typ: excel, content: ""}, {path: "2", name: "empty.csv", typ: "text/csv", content: ""}}},
		{"long-line", "a text line of 200 KB", send("long", part(named("text/plain", "long.txt")+"\nContent-Transfer-Encoding: 8bit", long)), one("long.txt", "text/plain", long)},
		{"base64-one-line", "base64 in one line", send("b64 line", part(named(excel, "price.xls")+"\nContent-Transfer-Encoding: base64", lines64(book, 1<<20))), one("price.xls", excel, book)},
		{"base64-odd-lines", "base64 in lines of 61 characters, indented", send("b64 odd", part(named(excel, "price.xls")+"\nContent-Transfer-Encoding: base64",
			strings.ReplaceAll(lines64(book, 61), "\r\n", "\r\n  "))), one("price.xls", excel, book)},
		{"base64-no-padding", "base64 without its padding", send("b64 bare", part(named(excel, "price.xls")+"\nContent-Transfer-Encoding: base64",
			strings.TrimRight(lines64(book, 76), "="))), one("price.xls", excel, book)},
		{"base64-footer", "a mailing list added its footer behind the base64", send("b64 footer", part(named(excel, "price.xls")+"\nContent-Transfer-Encoding: base64",
			lines64(book, 76)+"\r\n_______________________________\r\nTo unsubscribe write to list@supplier.example\r\n")), one("price.xls", excel, book)},
		{"base64-junk", "exclamation marks and blanks within the base64", send("b64 junk", part(named(excel, "price.xls")+"\nContent-Transfer-Encoding: base64",
			strings.ReplaceAll(lines64(book, 76), "\r\n", "!\r\n \r\n"))), one("price.xls", excel, book)},
		{"base64-segments", "base64 of two pieces, each with its padding", send("b64 segments", part(named(excel, "price.xls")+"\nContent-Transfer-Encoding: base64", segments)), one("price.xls", excel, book)},
		{"base64-misspelt", "the encoding is written with quotes and a semicolon", send("b64 misspelt", part(named(excel, "price.xls")+"\nContent-Transfer-Encoding: \"base64\";", lines64(book, 76))),
			one("price.xls", excel, book)},
		{"base64-damaged", "a single character too many: nothing may be imported",
			send("b64 damaged", part(named(excel, "price.xls")+"\nContent-Transfer-Encoding: base64", lines64(book[:300], 76)+"\r\nA")), []file{{path: "2", name: "price.xls", typ: excel, damaged: true}}},
		{"base64-not-at-all", "declared as base64, but plain text: nothing may be imported",
			send("b64 text", part(named("text/csv", "price.csv")+"\nContent-Transfer-Encoding: base64", csv)), []file{{path: "2", name: "price.csv", typ: "text/csv", damaged: true}}},
	}
}

// faults: messages that are broken and yet must be read.
func faults() []made {
	book := xls(1700, "faults")
	fields := "Content-Type: " + excel + "\nContent-Disposition: attachment; filename=\"price.xls\""
	attached := encoded(fields, book)
	return []made{
		{"bad-header-line", "lines in the header, and in a part's header, that are no fields",
			multi(price("Bad")+"this is no field\r\n\xd2\xee\xe2\xe0\xf0: 8-bit\r\n", "mixed", "b30", note(),
				encoded("Content-Type: "+excel+"\n??? broken\nContent-Disposition: attachment; filename=\"price.xls\"", book)), one("price.xls", excel, book)},
		{"from-line", "an mbox line in front of the header", multi("From prices@supplier.example Mon Nov 16 09:31:07 2026\r\n"+price("mbox"), "mixed", "b31", note(), attached), one("price.xls", excel, book)},
		{"lost-fold", "the blank of a folded parameter is missing",
			multi(price("fold"), "mixed", "b32", note(), encoded("Content-Type: "+excel+";\nname=\"type.xls\"\nContent-Disposition: attachment;\nfilename=\"price.xls\"", book)), one("price.xls", excel, book)},
		{"not-closed", "the closing boundary is missing, the padding shows that the content is whole",
			price("open") + "Content-Type: multipart/mixed; boundary=b33\r\n\r\n--b33\r\n" + note() + "\r\n--b33\r\n" + encoded(fields, book[:1699]) + "\r\n", one("price.xls", excel, book[:1699])},
		{"cut", "cut in the middle of base64: nothing may be imported",
			price("cut") + "Content-Type: multipart/mixed; boundary=b34\r\n\r\n--b34\r\n" + note() + "\r\n--b34\r\n" + encoded(fields, book)[:900] + "\r\n",
			[]file{{path: "2", name: "price.xls", typ: excel, damaged: true}}},
		{"inner-not-closed", "the inner multipart is not closed, the list is behind it",
			multi(price("inner"), "mixed", "b35", strings.Replace(body("alternative", "b36", note(), note()), "--b36--\r\n", "", 1), attached), one("price.xls", excel, book)},
		{"boundary-undeclared", "a multipart that does not name its boundary",
			strings.Replace(multi(price("undeclared"), "mixed", "b37", note(), attached), "; boundary=\"b37\"", "", 1), one("price.xls", excel, book)},
		{"boundary-bare", "a boundary without quotes, with characters that need them",
			strings.Replace(multi(price("bare"), "mixed", "b:38=/?", note(), attached), `"b:38=/?"`, "b:38=/? ; charset=utf-8", 1), one("price.xls", excel, book)},
		{"no-empty-line", "nothing separates a part's header from its base64", multi(price("no line"), "mixed", "b39", note(),
			strings.Replace(attached, "\r\n\r\n", "\r\n", 1)), one("price.xls", excel, book)},
		{"type-junk", "a Content-Type that is no type", multi(price("junk"), "mixed", "b40", note(), encoded("Content-Type: xls\nContent-Disposition: attachment; filename=\"price.xls\"", book)),
			one("price.xls", octet, book)},
		{"raw-header", "From and Subject in raw windows-1251",
			multi(head(in(charmap.Windows1251, "\"ООО Ромашка\"")+" <prices@supplier.example>", in(charmap.Windows1251, "Прайс-лист")), "mixed", "b41", note(), attached), one("price.xls", excel, book)},
	}
}
