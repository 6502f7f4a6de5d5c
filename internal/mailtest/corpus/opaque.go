package corpus

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// uu encodes a file as uuencode does; zero is the character that a zero becomes, "`" or a blank.
func uu(name, content string, zero byte) string {
	var b strings.Builder
	char := func(v byte) {
		if v &= 63; v == 0 {
			b.WriteByte(zero)
		} else {
			b.WriteByte(v + ' ')
		}
	}
	fmt.Fprintf(&b, "begin 644 %s\r\n", name)
	for len(content) > 0 {
		n := min(45, len(content))
		char(byte(n))
		line := content[:n] + "\x00\x00"
		for i := 0; i < n; i += 3 {
			char(line[i] >> 2)
			char(line[i]<<4 | line[i+1]>>4)
			char(line[i+1]<<2 | line[i+2]>>6)
			char(line[i+2])
		}
		b.WriteString("\r\n")
		content = content[n:]
	}
	return b.String() + string([]byte{zero}) + "\r\nend\r\n"
}

// stripped takes the blanks off the lines' ends, as gateways do.
func stripped(s string) string {
	lines := strings.Split(s, "\r\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\r\n")
}

// uuencodes: files within the text, as mailers without MIME put them.
func uuencodes() []made {
	book, csv := xls(1001, "uu"), cp1251(5)
	const name = "Прайс лист.xls"
	f := func(path, name, content string) file {
		return file{path: path, name: name, typ: octet, content: content}
	}
	text := func(s string) string { return single(price("uu"), "X-Mailer: UUCP\n", s) }
	hello := "Price list follows.\r\n\r\n"
	first := []file{f("1.1", "price.xls", book)}
	const cte = "Content-Transfer-Encoding: x-uuencode"
	zeros := strings.Repeat("\x00", 60) + "price" + strings.Repeat("\x00", 100)
	stream := winmail(1251, rendData()+title("in.xls")+fileData(book))
	cut := uu("price.xls", book, '`')
	quotedLine := slices.Insert(strings.Split(cut, "\r\n"), 5, "> quoted by somebody")
	summed := strings.Split(cut, "\r\n")
	for i := 1; len(summed[i]) > 1; i++ {
		summed[i] += "#"
	}
	return []made{
		{"uu-text", "one file in the text of a letter without MIME", text(hello + uu("price.xls", book, '`') + "\r\n-- \r\nSupplier\r\n"), first},
		{"uu-two", "two files and words between them", text(hello + uu("price.xls", book, '`') + "\r\nand the stock\r\n" + uu("stock.csv", csv, '`')), []file{first[0], f("1.2", "stock.csv", csv)}},
		{"uu-blanks", "zero as a blank", text(hello + uu("price.xls", zeros, ' ')), []file{f("1.1", "price.xls", zeros)}},
		{"uu-stripped", "blanks at the lines' ends were lost on the way", text(hello + stripped(uu("price.xls", zeros, ' '))), []file{f("1.1", "price.xls", zeros)}},
		{"uu-cp1251", "a raw name in windows-1251", text(hello + uu(in(charmap.Windows1251, name), book, '`')), []file{f("1.1", name, book)}},
		{"uu-koi8", "a raw name in KOI8-R", text(hello + uu(in(charmap.KOI8R, name), book, '`')), []file{f("1.1", name, book)}},
		{"uu-mixed", "in the text part of a multipart, beside a MIME attachment", multi(price("uu"), "mixed", "=_u", part("Content-Type: text/plain; charset=us-ascii", hello+uu("price.xls", book, '`')), encoded(disposed(excel, `filename="b.xls"`), csv)),
			[]file{first[0], {path: "2", name: "b.xls", typ: excel, content: csv}}},
		{"uu-quoted", "in a text that is quoted-printable", single(price("uu"), "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n", quoted(hello+uu("price.xls", book, '`'))), first},
		{"uu-base64", "in a text that is base64", single(price("uu"), "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n", lines64(hello+uu("price.xls", book, '`'), 76)+"\r\n"), first},
		{"uu-forwarded", "in a forwarded message", multi(price("uu"), "mixed", "=_u", note(), part("Content-Type: message/rfc822", text(hello+uu("price.xls", book, '`')))), []file{f("2.1.1", "price.xls", book)}},
		{"uu-empty", "an empty file", text(hello + "begin 644 empty.csv\r\n`\r\nend\r\n"), []file{f("1.1", "empty.csv", "")}},
		{"uu-no-end", "the end is missing: nothing may be imported", text(hello + cut[:len(cut)-8]), []file{{path: "1.1", name: "price.xls", typ: octet, damaged: true}}},
		{"uu-broken-line", "a line that is no code: nothing may be imported, what follows is read", text(hello + strings.Join(quotedLine, "\r\n") + uu("stock.csv", csv, '`')),
			[]file{{path: "1.1", name: "price.xls", typ: octet, damaged: true}, f("1.2", "stock.csv", csv)}},
		{"uu-words", "words that begin like a file", text("Dear all,\r\nbegin 644 things\r\nas we said: begin\r\nend\r\n"), nil},
		{"uu-encoding", "a part in the transfer encoding x-uuencode", multi(price("uu"), "mixed", "=_u", note(), part(disposed(excel, `filename="price.xls"`)+"\n"+cte, uu("other.xls", book, '`'))), one("price.xls", excel, book)},
		{"uu-encoding-nameless", "the same, named only by its first line", multi(price("uu"), "mixed", "=_u", note(), part("Content-Type: "+octet+"\nContent-Transfer-Encoding: x-uue", uu("price.xls", book, ' '))), []file{f("2", "price.xls", book)}},
		{"uu-encoding-alone", "the whole message in the transfer encoding uuencode, and of no type", single(price("uu"), "Content-Transfer-Encoding: uuencode\n", uu("price.xls", book, '`')), []file{{path: "1", name: "price.xls", typ: "text/plain", content: book}}},
		{"uu-encoding-not", "declared as x-uuencode and no line begins a file: nothing may be imported", multi(price("uu"), "mixed", "=_u", note(), part(disposed(excel, `filename="price.xls"`)+"\n"+cte, "1;2;3\r\n")), []file{{path: "2", name: "price.xls", typ: excel, damaged: true}}},
		{"uu-winmail", "Outlook without MIME: winmail.dat in the text", text(hello + strings.Replace(uu("winmail.dat", stream, '`'), "644", "600", 1)), []file{f("1.1.1", "in.xls", book)}},
		{"uu-checksums", "each line with a checksum character behind it", text(hello + strings.Join(summed, "\r\n")), first},
	}
}

// der is one element of definite length.
func der(tag byte, content ...string) string {
	s := strings.Join(content, "")
	n := len(s)
	switch {
	case n < 0x80:
		return string([]byte{tag, byte(n)}) + s
	case n < 0x10000:
		return string([]byte{tag, 0x82, byte(n >> 8), byte(n)}) + s
	}
	return string([]byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}) + s
}

// open is one element of indefinite length.
func open(tag byte, content ...string) string {
	return string([]byte{tag, 0x80}) + strings.Join(content, "") + "\x00\x00"
}

const (
	oidSigned    = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
	oidData      = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
	oidEnveloped = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
	sha256ID     = "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
)

// signedDER is signed data around content, with something like certificates and a signature behind it.
func signedDER(content string) string {
	return der(0x30, oidSigned, der(0xa0, der(0x30, "\x02\x01\x01", der(0x31, sha256ID), der(0x30, oidData, der(0xa0, content)), der(0xa0, xls(700, "certificate")), der(0x31, xls(300, "signature")))))
}

// signedBER is the same with indefinite lengths, as Outlook and OpenSSL stream it.
func signedBER(content string) string {
	return open(0x30, oidSigned, open(0xa0, open(0x30, "\x02\x01\x01", der(0x31, sha256ID), open(0x30, oidData, open(0xa0, content)), der(0xa0, xls(700, "certificate")), der(0x31, xls(300, "signature")))))
}

// pieces cuts content into octet strings of so many bytes.
func pieces(content string, n int) (out []string) {
	for ; len(content) > n; content = content[n:] {
		out = append(out, der(4, content[:n]))
	}
	return append(out, der(4, content))
}

// signedMails: S/MIME with the letter inside the signature.
func signedMails() []made {
	book := xls(1900, "smime")
	const as = "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=\"smime.p7m\"\nContent-Disposition: attachment; filename=\"smime.p7m\""
	inner := body("mixed", "=_signed", note(), encoded(disposed(excel, `filename="price.xls"`), book))
	alone := func(fields, content string) string {
		return single(price("Signed"), fields+"\nContent-Transfer-Encoding: base64\n", lines64(content, 76)+"\r\n")
	}
	want := func(path string) []file { return []file{{path: path, name: "price.xls", typ: excel, content: book}} }
	kept := func(content string) []file {
		return []file{{path: "1", name: "smime.p7m", typ: "application/pkcs7-mime", content: content}}
	}
	der4 := signedDER(der(4, inner))
	enveloped := der(0x30, oidEnveloped, der(0xa0, der(0x30, "\x02\x01\x00", xls(900, "secret"))))
	detached := der(0x30, oidSigned, der(0xa0, der(0x30, "\x02\x01\x01", der(0x31, sha256ID), der(0x30, oidData), der(0x31, xls(300, "signature")))))
	plain := signedDER(der(4, book))
	nested := "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines64(der4, 76) + "\r\n"
	return []made{
		{"smime-opaque", "signed in one piece, as the standard has it", alone(as, der4), want("1.2")},
		{"smime-streamed", "indefinite lengths and the letter in pieces of 1000 bytes", alone(as, signedBER(open(0x24, pieces(inner, 1000)...))), want("1.2")},
		{"smime-pieces", "definite lengths and the letter in pieces of 61 bytes", alone(as, signedDER(der(0x24, pieces(inner, 61)...))), want("1.2")},
		{"smime-nested-pieces", "pieces within pieces", alone(as, signedBER(open(0x24, der(0x24, pieces(inner[:900], 100)...), open(0x24, pieces(inner[900:], 77)...)))), want("1.2")},
		{"smime-old-type", "application/x-pkcs7-mime without smime-type", alone(strings.Replace(strings.Replace(as, "pkcs7", "x-pkcs7", 1), " smime-type=signed-data;", "", 1), der4), want("1.2")},
		{"smime-octet", "an octet stream of another name: told by what it is", alone("Content-Type: application/octet-stream; name=\"letter.bin\"", der4), want("1.2")},
		{"smime-list", "a mailing list wrapped the signed letter", multi(price("Signed"), "mixed", "=_l", note(), encoded(as, der4), note()), want("2.2")},
		{"smime-twice", "signed by two people, one after the other", alone(as, signedDER(der(4, nested))), want("1.1.2")},
		{"smime-single", "the signed entity is the workbook itself", alone(as, signedDER(der(4, encoded(disposed(excel, `filename="price.xls"`), book)))), want("1.1")},
		{"smime-forwarded", "the signed entity is a whole letter", alone(as, signedDER(der(4, "Content-Type: message/rfc822\r\n\r\n"+price("Inner")+inner))), want("1.1.2")},
		{"smime-winmail", "a signed winmail.dat", alone(as, signedDER(der(4, encoded("Content-Type: application/ms-tnef; name=winmail.dat", winmail(1251, rendData()+title("in.xls")+fileData(book)))))),
			[]file{{path: "1.1.1", name: "in.xls", typ: octet, content: book}}},
		{"smime-encrypted", "encrypted: an attachment like any other", alone(strings.Replace(as, "signed-data", "enveloped-data", 1), enveloped), kept(enveloped)},
		{"smime-certificates", "a signature and nothing signed: an attachment like any other", alone(as, detached), kept(detached)},
		{"smime-file", "a signed file that is no letter: an attachment like any other", alone(as, plain), kept(plain)},
		{"smime-garbage", "named smime.p7m and something else", alone(as, book), kept(book)},
		{"smime-clear", "a signature beside the letter", multi(price("Signed"), "signed; protocol=\"application/x-pkcs7-signature\"", "=_c", inner, encoded("Content-Type: application/x-pkcs7-signature; name=\"smime.p7s\"\nContent-Disposition: attachment; filename=\"smime.p7s\"", detached)),
			[]file{{path: "1.2", name: "price.xls", typ: excel, content: book}, {path: "2", name: "smime.p7s", typ: "application/x-pkcs7-signature", content: detached}}},
	}
}
