package corpus

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"
)

// TNEF is written here by the book ([MS-OXTNEF]), and knows nothing of the reader.

// le is a number in so many bytes, little endian.
func le(n uint32, bytes int) string {
	b := binary.LittleEndian.AppendUint32(nil, n)
	return string(b[:bytes])
}

// attribute is one TNEF attribute with its checksum.
func attribute(level byte, id uint32, data string) string {
	sum := uint16(0)
	for i := range len(data) {
		sum += uint16(data[i])
	}
	return string([]byte{level}) + le(id, 4) + le(uint32(len(data)), 4) + data + le(uint32(sum), 2)
}

// property is one MAPI property of variable length.
func property(id, typ uint32, values ...string) string {
	s := le(id<<16|typ, 4) + le(uint32(len(values)), 4)
	for _, v := range values {
		s += le(uint32(len(v)), 4) + v + strings.Repeat("\x00", -len(v)&3)
	}
	return s
}

// number is one MAPI property that is a 32-bit number.
func number(id, n uint32) string { return le(id<<16|3, 4) + le(n, 4) }

// properties is a list of MAPI properties.
func properties(list ...string) string { return le(uint32(len(list)), 4) + strings.Join(list, "") }

// utf16le is text as MAPI has it.
func utf16le(s string) string {
	b := []byte{}
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// winmail is a TNEF stream: codepage, message and what is attached.
func winmail(codepage uint32, attached ...string) string {
	html := properties(property(0x1013, 0x102, "<html><img src=\"cid:logo@x\"></html>"), number(0x0e07, 1))
	return "\x78\x9f\x3e\x22\x01\x00" + attribute(1, 0x00089006, "\x00\x00\x01\x00") + attribute(1, 0x00069007, le(codepage, 4)+"\x00\x00\x00\x00") +
		attribute(1, 0x00078008, "IPM.Microsoft Mail.Note\x00") + attribute(1, 0x00018004, "Price\x00") + attribute(1, 0x00069003, html) + strings.Join(attached, "")
}

// rendData begins an attachment.
func rendData() string {
	return attribute(2, 0x00069002, "\x01\x00\xff\xff\xff\xff\x20\x00\x20\x00\x00\x00\x00\x00")
}

func title(raw string) string     { return attribute(2, 0x00018010, raw+"\x00") }
func fileData(data string) string { return attribute(2, 0x0006800f, data) }
func fileProps(list ...string) string {
	return attribute(2, 0x00069005, properties(append([]string{number(0x0e21, 0), number(0x3705, 1), number(0x370b, 0xffffffff)}, list...)...))
}

// long is the name in UTF-16, longAnsi the same in bytes of a code page, short the one of 8.3.
func long(name string) string     { return property(0x3707, 0x1f, utf16le(name)) }
func longAnsi(name string) string { return property(0x3707, 0x1e, name+"\x00") }
func short(name string) string    { return property(0x3704, 0x1e, name+"\x00") }
func mimeTag(typ string) string   { return property(0x370e, 0x1e, typ+"\x00") }

// winmails: what Outlook and Exchange wrap into winmail.dat.
func winmails() []made {
	book, csv := xls(2100, "tnef"), cp1251(8)
	const name = "Прайс-лист на осень 2026.xls"
	win, koi, dos := in(charmap.Windows1251, name), in(charmap.KOI8R, name), in(charmap.CodePage866, name)
	usual := rendData() + title("PRAJS~1.XLS") + fileData(book) + fileProps(short("PRAJS~1.XLS"), long(name))
	second := rendData() + title("stock.csv") + fileData(csv) + fileProps(long("Остатки.csv"), mimeTag("text/csv"))
	const as = "Content-Type: application/ms-tnef; name=\"winmail.dat\"\nContent-Disposition: attachment; filename=\"winmail.dat\""
	send := func(fields, stream string) string {
		return multi(price("TNEF"), "mixed", "=_tnef", note(), encoded(fields, stream))
	}
	f := func(path, name, content string) file {
		return file{path: path, name: name, typ: octet, content: content}
	}
	first := []file{f("2.1", name, book)}
	object := func(id, data string) string {
		return fileProps(property(0x3701, 0x0d, id+data), long(""))
	}
	const iMessage, iStorage = "\x07\x03\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46", "\x0b\x00\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"
	letter := multi(head("chef@supplier.example", "Inner"), "mixed", "=_in", note(), encoded(disposed(excel, `filename="inner.xls"`), book[:500]))
	named := property(0x3707, 0x1f, utf16le(name))
	oddProps := attribute(2, 0x00069005, properties(
		le(0x8001<<16|0x1f, 4)+iMessage+le(1, 4)+le(6, 4)+"a\x00b\x00\x00\x00\x00\x00"+le(1, 4)+le(2, 4)+"x\x00\x00\x00", // named by a string
		le(0x8002<<16|3, 4)+iMessage+le(0, 4)+le(7, 4)+le(1, 4),                                                          // named by a number
		le(0x1234<<16|0x1003, 4)+le(2, 4)+le(1, 4)+le(2, 4),                                                              // a list of numbers
		property(0x1235, 0x101e, "one\x00", "three\x00"), le(0x3007<<16|0x40, 4)+le(1, 4)+le(2, 4), le(0x7ffe<<16|0x0b, 4)+le(0, 4), named))
	broken := strings.Replace(usual, book[:64], strings.Repeat("?", 64), 1)
	return []made{
		{"tnef-long-name", "winmail.dat: the long name in UTF-16, behind the content", send(as, winmail(1251, usual)), first},
		{"tnef-two", "winmail.dat with two files, one of a stated type", send(as, winmail(1251, usual, second)), []file{first[0], {path: "2.2", name: "Остатки.csv", typ: "text/csv", content: csv}}},
		{"tnef-ansi-1251", "the long name in the code page 1251 that the stream states", send(as, winmail(1251, rendData()+fileData(book)+fileProps(longAnsi(win)))), first},
		{"tnef-ansi-koi8", "the same in 20866, which is KOI8-R", send(as, winmail(20866, rendData()+fileData(book)+fileProps(longAnsi(koi)))), first},
		{"tnef-ansi-866", "the same in 866", send(as, winmail(866, rendData()+fileData(book)+fileProps(longAnsi(dos)))), first},
		{"tnef-ansi-lies", "code page 1252 is stated and 1251 meant: guessed", send(as, winmail(1252, rendData()+fileData(book)+fileProps(longAnsi(win)))), first},
		{"tnef-ansi-utf8", "code page 1252 is stated and UTF-8 written", send(as, winmail(1252, rendData()+fileData(book)+fileProps(longAnsi(name)))), first},
		{"tnef-title", "no properties: the title is the name", send(as, winmail(1251, rendData()+title(win)+fileData(book))), first},
		{"tnef-title-behind", "the title behind the content", send(as, winmail(1251, rendData()+fileData(book)+title(win))), first},
		{"tnef-short", "nothing but a name of 8.3 among the properties", send(as, winmail(1251, rendData()+fileData(book)+fileProps(short("PRICE.XLS")))), []file{f("2.1", "PRICE.XLS", book)}},
		{"tnef-nameless", "a file without any name", send(as, winmail(1251, rendData()+fileData(book))), []file{f("2.1", "unnamed-1.bin", book)}},
		{"tnef-no-start", "the attribute that begins an attachment is missing", send(as, winmail(1251, title("a.xls")+fileData(book)+title("b.csv")+fileData(csv))), []file{f("2.1", "b.csv", book), f("2.2", "unnamed-1.bin", csv)}},
		{"tnef-inline", "the content among the properties", send(as, winmail(1251, rendData()+fileProps(long(name), property(0x3701, 0x102, book)))), first},
		{"tnef-odd-properties", "named properties, lists and types that are passed over", send(as, winmail(1251, rendData()+fileData(book)+oddProps)), first},
		{"tnef-embedded", "a letter attached to the letter, with a list of its own", send(as, winmail(1251, rendData()+object(iMessage, winmail(1251, usual)), second)),
			[]file{f("2.1.1", name, book), {path: "2.2", name: "Остатки.csv", typ: "text/csv", content: csv}}},
		{"tnef-embedded-twice", "a letter in a letter in a letter", send(as, winmail(1251, rendData()+object(iMessage, winmail(1251, rendData()+object(iMessage, winmail(1251, usual)))))), []file{f("2.1.1.1", name, book)}},
		{"tnef-embedded-mail", "a letter attached as Internet mail", send(as, winmail(1251, rendData()+fileData(letter)+fileProps(long("letter.eml"), mimeTag("message/rfc822")))),
			[]file{{path: "2.1.2", name: "inner.xls", typ: excel, content: book[:500]}}},
		{"tnef-ole", "an OLE object is a file", send(as, winmail(1251, rendData()+title("Object.ole")+object(iStorage, book))), []file{f("2.1", "Object.ole", book)}},
		{"tnef-empty", "winmail.dat with nothing attached", send(as, winmail(1251)), nil},
		{"tnef-empty-file", "an empty file", send(as, winmail(1251, rendData()+title("empty.csv")+fileData(""))), []file{f("2.1", "empty.csv", "")}},
		{"tnef-other-name", "under another name and type: told by its signature", send("Content-Type: application/octet-stream; name=\"ATT00001.dat\"\nContent-Disposition: attachment", winmail(1251, usual)), first},
		{"tnef-old-type", "application/vnd.ms-tnef without a name", send("Content-Type: application/vnd.ms-tnef", winmail(1251, usual)), first},
		{"tnef-quoted", "in quoted-printable", multi(price("TNEF"), "mixed", "=_tnef", note(), part(as+"\nContent-Transfer-Encoding: quoted-printable", quotedBinary(winmail(1251, usual)))), first},
		{"tnef-alone", "the whole message", single(price("TNEF"), as+"\nContent-Transfer-Encoding: base64\n", lines64(winmail(1251, usual), 76)+"\r\n"), []file{f("1.1", name, book)}},
		{"tnef-forwarded", "in a forwarded message", multi(price("Fwd"), "mixed", "=_fw", note(), part("Content-Type: message/rfc822", send(as, winmail(1251, usual)))), []file{f("2.2.1", name, book)}},
		{"tnef-cruft", "bytes behind the last attribute", send(as, winmail(1251, usual)+"\r\n\r\n"), first},
		{"tnef-unsigned", "named winmail.dat and something else: an attachment like any other", send(as, book), []file{{path: "2", name: "winmail.dat", typ: "application/ms-tnef", content: book}}},
		{"tnef-checksum", "bytes changed on the way: the checksum tells; the file behind is sound", send(as, winmail(1251, broken, second)),
			[]file{{path: "2.1", name: name, typ: octet, damaged: true}, {path: "2.2", name: "Остатки.csv", typ: "text/csv", content: csv}}},
		{"tnef-reference", "a file that is elsewhere: named, not there", send(as, winmail(1251, rendData()+fileProps(long("link.xls")))), []file{{path: "2.1", name: "link.xls", typ: octet, damaged: true}}},
		{"tnef-cid", "an image that the HTML shows", send(as, winmail(1251, rendData()+fileData(png)+fileProps(long("logo.png"), mimeTag("image/png"), property(0x3712, 0x1e, "logo@x\x00")))),
			[]file{{path: "2.1", name: "logo.png", typ: "image/png", content: png}}},
	}
}

// quotedBinary is quoted-printable that keeps line ends as they are. It ends with a soft line break.
func quotedBinary(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteString("=" + strings.ToUpper(hex2(s[i])))
		if i%24 == 23 || i == len(s)-1 {
			b.WriteString("=\r\n")
		}
	}
	return b.String()
}

func hex2(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}
