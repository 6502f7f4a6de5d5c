package corpus

import (
	"strings"

	"golang.org/x/text/encoding/charmap"
)

const (
	xlsx    = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	zipType = "application/x-zip-compressed"
)

// from is a header as a program writes it: its own fields in front of the Content fields.
func from(fields string) string { return head("prices@supplier.example", "Price") + crlf(fields) }

// htmlNote is the same note as HTML that shows an image.
func htmlNote(cid string) string {
	return part("Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit", "<html><body>Добрый день!<img src=\"cid:"+cid+"\"></body></html>")
}

// mailers: what programs that people and accountants use are known to send.
func mailers() []made {
	book, csv := xls(1300, "mailers"), cp1251(6)
	const name = "Прайс-лист от 16.11.2026.xls"
	win, koi := in(charmap.Windows1251, name), in(charmap.KOI8R, name)
	image := encoded("Content-Type: image/png; name=\"image001.png\"\nContent-ID: <image001.png@01DD.7A>", png)
	file2 := func(path string) []file { return []file{{path: path, name: name, typ: excel, content: book}} }
	withImage := func(path string) []file {
		return []file{{path: "1.2", name: "image001.png", typ: "image/png", content: png}, {path: path, name: name, typ: excel, content: book}}
	}
	return []made{
		{"mailer-outlook-2003", "Outlook 2003 in Russia: KOI8-R words in both fields", multi(from("X-Mailer: Microsoft Office Outlook 11\nX-MimeOLE: Produced By Microsoft MimeOLE V6.00\n"), "mixed", "----=_NextPart_000_0001_01C7",
			part("Content-Type: text/plain;\n\tcharset=\"koi8-r\"\nContent-Transfer-Encoding: 8bit", in(charmap.KOI8R, "Прайс\r\n")),
			encoded("Content-Type: "+excel+";\n\tname=\""+wordB("koi8-r", koi)+"\"\nContent-Disposition: attachment;\n\tfilename=\""+wordB("koi8-r", koi)+"\"", book)), file2("2")},
		{"mailer-outlook-365", "Outlook 365: related around alternative, size and dates beside an RFC 2231 name", multi(from("X-MS-Has-Attach: yes\nThread-Topic: Price\n"), "mixed", "_004_AM0PR",
			body("related", "_003_AM0PR", body("alternative", "_000_AM0PR", note(), htmlNote("image001.png@01DD.7A")), image),
			encoded("Content-Type: "+excel+";\n\tname=\""+wordB("utf-8", name)+"\"\nContent-Description: "+wordB("utf-8", name)+"\nContent-Disposition: attachment;\n\tfilename*=utf-8''"+percent(name)+"; size=1300;\n\tcreation-date=\"Mon, 16 Nov 2026 06:30:00 GMT\"", book)), withImage("2")},
		{"mailer-outlook-express", "Outlook Express 6: raw windows-1251 in quotes", multi(from("X-Mailer: Microsoft Outlook Express 6.00.2900.5512\n"), "mixed", "----=_NextPart_000_000C_01C8",
			part("Content-Type: text/plain;\n\tformat=flowed;\n\tcharset=\"windows-1251\"\nContent-Transfer-Encoding: 8bit", in(charmap.Windows1251, "Добрый день\r\n")),
			encoded("Content-Type: "+excel+";\n\tname=\""+win+"\"\nContent-Disposition: attachment;\n\tfilename=\""+win+"\"", book)), file2("2")},
		{"mailer-exchange-journal", "Exchange journals a letter: the envelope as text, the letter attached", multi(from("X-MS-Journal-Report:\n"), "mixed", "_journal",
			part("Content-Type: text/plain; charset=us-ascii", "Sender: prices@supplier.example\r\nRecipient: price@shop.example\r\n"),
			part("Content-Type: message/rfc822", multi(head("prices@supplier.example", "Journalled"), "mixed", "_inner", note(), encoded(disposed(excel, "filename*=utf-8''"+percent(name)), book)))), file2("2.2")},
		{"mailer-1c", "1C 8: words of 75 characters, each in quotes of its own line, name in both fields", multi(from("X-Mailer: 1C:Enterprise 8.3\n"), "mixed", "----=_1C_8_3",
			part("Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64", lines64("<p>Прайс</p>", 76)),
			encoded("Content-Type: application/octet-stream; name=\""+wordB("UTF-8", name[:24])+"\n "+wordB("UTF-8", name[24:])+"\"\nContent-Disposition: attachment; filename=\""+wordB("UTF-8", name[:24])+"\n "+wordB("UTF-8", name[24:])+"\"", book)),
			[]file{{path: "2", name: name, typ: octet, content: book}}},
		{"mailer-1c-77", "1C 7.7 by a MAPI script: the type is unknown, the name raw CP1251 without quotes", multi(from("X-Mailer: 1C 7.7 mail component\n"), "mixed", "1c77",
			part("Content-Type: text/plain; charset=windows-1251", in(charmap.Windows1251, "Прайс\r\n")), encoded("Content-Type: application/x-msexcel; name="+win+"\nContent-Disposition: attachment; filename="+win, book)),
			[]file{{path: "2", name: name, typ: "application/x-msexcel", content: book}}},
		{"mailer-the-bat", "The Bat!: windows-1251 words folded, uppercase types", multi(from("X-Mailer: The Bat! (v3.99.3) Professional\n"), "mixed", "----------0E51C1751F0B2C",
			part("Content-Type: text/plain; charset=windows-1251\nContent-Transfer-Encoding: 8bit", in(charmap.Windows1251, "Здравствуйте.\r\n")),
			encoded("Content-Type: APPLICATION/VND.MS-EXCEL;\n name=\""+wordB("windows-1251", win[:12])+"\n "+wordB("windows-1251", win[12:])+"\"\nContent-Disposition: attachment;\n filename=\""+wordB("windows-1251", win[:12])+"\n "+wordB("windows-1251", win[12:])+"\"", book)), file2("2")},
		{"mailer-mail-ru", "Mail.ru: alternative in front, base64 text, words of utf-8", multi(from("X-Mailer: Mail.Ru Mailer 1.0\nX-Priority: 3 (Normal)\n"), "mixed", "--ALT--a7Bc1234-mixed",
			body("alternative", "--ALT--a7Bc1234", encoded("Content-Type: text/plain; charset=utf-8", "Прайс во вложении"), encoded("Content-Type: text/html; charset=utf-8", "<p>Прайс</p>")),
			encoded("Content-Type: "+excel+"; name=\""+wordB("UTF-8", name)+"\"\nContent-Disposition: attachment; filename=\""+wordB("UTF-8", name)+"\"", book)), file2("2")},
		{"mailer-yandex", "Yandex: the name in both fields, as words and as RFC 2231", multi(from("X-Mailer: Yamail [ http://yandex.ru ] 5.0\n"), "mixed", "----==--bound.123.web42o",
			part("Content-Transfer-Encoding: 7bit\nContent-Type: text/html", "<div>Hello</div>"),
			encoded("Content-Disposition: attachment;\n\tfilename=\""+wordB("UTF-8", name)+"\"\nContent-Type: "+excel+";\n\tname=\""+wordB("UTF-8", name)+"\"", book)), file2("2")},
		{"mailer-gmail", "Gmail: X-Attachment-Id and a Content-ID that nothing refers to", multi(from("X-Gm-Message-State: AOJu0Y\n"), "mixed", "000000000000a1b2c3",
			body("alternative", "000000000000a1b2c2", note(), htmlNote("none")),
			encoded("Content-Type: "+excel+"; name=\""+wordB("UTF-8", name)+"\"\nContent-Disposition: attachment; filename=\""+wordB("UTF-8", name)+"\"\nX-Attachment-Id: f_lz1\nContent-ID: <f_lz1>", book)), file2("2")},
		{"mailer-gmail-inline", "Gmail on a phone: a workbook inline with a Content-ID", multi(from("X-Gm-Message-State: AOJu0Z\n"), "related", "000000000000a1b2c4", htmlNote("f_lz2"),
			encoded("Content-Type: "+excel+"; name=\"price.xls\"\nContent-Disposition: inline; filename=\"price.xls\"\nContent-ID: <f_lz2>", book)), one("price.xls", excel, book)},
		{"mailer-apple", "Apple Mail: й decomposed, the file within alternative/related, inline", multi(from("X-Mailer: Apple Mail (2.3826.100.1)\n"), "alternative", "Apple-Mail=_A1",
			note(), body("mixed", "Apple-Mail=_A2", htmlNote("x"), encoded("Content-Disposition: inline;\n\tfilename*=utf-8''"+percent("Прайс новыи\u0306.xls")+"\nContent-Type: "+excel+";\n\tx-unix-mode=0644;\n\tname=\""+wordQ("utf-8", "Прайс новыи\u0306.xls")+"\"", book), htmlNote("y"))),
			[]file{{path: "2.2", name: "Прайс новый.xls", typ: excel, content: book}}},
		{"mailer-apple-words", "an old Apple Mail: decomposed ё in Q words", list("Apple", disposed(excel, `filename="`+wordQ("utf-8", "Ще\u0308тки.xls")+`"`), book), one("Щётки.xls", excel, book)},
		{"mailer-thunderbird", "Thunderbird: RFC 2231 continuations of utf-8 and a word in Content-Type", multi(from("User-Agent: Mozilla Thunderbird\n"), "mixed", "------------0yQ4",
			part("Content-Type: text/plain; charset=UTF-8; format=flowed\nContent-Transfer-Encoding: 8bit", crlf("Прайс\n")),
			encoded("Content-Type: "+excel+"; name=\""+wordB("UTF-8", name)+"\"\nContent-Disposition: attachment;\n filename*0*=UTF-8''"+percent(name)[:60]+";\n filename*1*="+percent(name)[60:], book)), file2("2")},
		{"mailer-lotus", "Lotus Notes: KOI8-R in Q words, the name in Content-Type, a disposition with a name of its own", multi(from("X-Mailer: Lotus Notes Release 6.5\n"), "mixed", "=_mixed 00342",
			note(), encoded("Content-Type: application/octet-stream; name=\""+wordQ("KOI8-R", koi)+"\"\nContent-Disposition: attachment; filename=\""+wordQ("KOI8-R", koi)+"\"", book)), []file{{path: "2", name: name, typ: octet, content: book}}},
		{"mailer-php", "a web shop's mail(): no name in Content-Disposition, octet stream, text 8bit without charset", multi(from("X-Mailer: PHP/5.2.17\n"), "mixed", "a94a8fe5ccb19ba6",
			part("Content-type: text/plain; charset=windows-1251\nContent-Transfer-Encoding: 8bit", in(charmap.Windows1251, "Прайс\r\n")),
			encoded("Content-Type: application/octet-stream; name==?windows-1251?B?"+wordB("", win)[5:]+"\nContent-Disposition: attachment", book)), []file{{path: "2", name: name, typ: octet, content: book}}},
		{"mailer-php-raw", "another: raw utf-8, everything in Content-Type, the part ends without an empty line", multi(from("X-Mailer: PHP/7.4\n"), "mixed", "==Multipart_Boundary_x1x",
			note(), encoded("Content-Type: {\"application/octet-stream\"};\n name=\""+name+"\"\nContent-Disposition: attachment;\n filename=\""+name+"\"", book)), []file{{path: "2", name: name, typ: octet, content: book}}},
		{"mailer-phpmailer", "PHPMailer: a Q word longer than the standard has it", list("PHPMailer", "Content-Type: "+excel+"; name=\""+wordQ("UTF-8", name)+"\"\nContent-Disposition: attachment; filename=\""+wordQ("UTF-8", name)+"\"", book), file2("2")},
		{"mailer-swift", "SwiftMailer: RFC 2231 with a language", list("Swift", disposed(excel, "filename*=utf-8'ru'"+percent(name)), book), file2("2")},
		{"mailer-indy", "Delphi with Indy 9: windows-1251 words in quotes, type in capitals, no text part", multi(from("X-Library: Indy 9.0.18\n"), "mixed", "=_NextPart_2rfkindysadvnqw3nerasdf",
			encoded("Content-Type: "+excel+";\n\tname=\""+wordB("windows-1251", win)+"\"\nContent-Disposition: attachment;\n\tfilename=\""+wordB("windows-1251", win)+"\"", book)), file2("1")},
		{"mailer-indy-10", "Indy 10: raw windows-1251 declared as us-ascii", multi(from("X-Library: Indy 10.5.7.0\n"), "mixed", "indy10", part("Content-Type: text/plain; charset=us-ascii", "Price\r\n"),
			encoded("Content-Type: "+excel+"; charset=us-ascii; name=\""+win+"\"\nContent-Disposition: attachment; filename=\""+win+"\"", book)), file2("2")},
		{"mailer-blat", "blat from a batch file: a name without quotes", multi(from("X-Mailer: Blat v3.2.1, a Win32 SMTP/NNTP mailer http://www.blat.net\n"), "mixed", "BoundaryBlat", note(),
			encoded("Content-Type: application/octet-stream;\n name=price list 16.11.xls\nContent-Disposition: attachment;\n filename=price list 16.11.xls", book)), []file{{path: "2", name: "price list 16.11.xls", typ: octet, content: book}}},
		{"mailer-sap", "SAP: the description is the name, the name is there as well, lines of 255 characters", multi(from("X-Mailer: SAP NetWeaver 7.40\n"), "mixed", "=_5A1", note(),
			part("Content-Type: application/vnd.ms-excel; name=\"PRICE_0001.XLS\"\nContent-Description: PRICE_0001\nContent-Disposition: attachment; filename=\"PRICE_0001.XLS\"\nContent-Transfer-Encoding: base64", lines64(book, 252))),
			one("PRICE_0001.XLS", excel, book)},
		{"mailer-sap-nameless", "SAP without a name: the type is all there is", multi(from("X-Mailer: SAP Web Application Server 6.20\n"), "mixed", "=_5A2", note(), encoded("Content-Type: application/pdf\nContent-Description: Preisliste", book)),
			[]file{{path: "2", name: "unnamed-1.pdf", typ: "application/pdf", content: book}}},
		{"mailer-oracle", "a PL/SQL procedure: the CSV is the message, 7bit declared, windows-1251 in fact", single(from("X-Mailer: UTL_SMTP\n"), "Content-Type: text/csv; name=\"stock.csv\"\nContent-Transfer-Encoding: 7bit\nContent-Disposition: attachment; filename=\"stock.csv\"\n", csv),
			[]file{{path: "1", name: "stock.csv", typ: "text/csv", content: csv}}},
		{"mailer-perl", "MIME::Lite: X-Mailer, quoted-printable CSV", list8("MIME::Lite 3.01 (F2.77)", part("Content-Disposition: attachment; filename=\"stock.csv\"\nContent-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; name=\"stock.csv\"", quoted(csv))),
			one("stock.csv", "text/plain", csv)},
		{"mailer-python", "Python's email: RFC 2231 of utf-8, MIME-Version in each part", list8("python", encoded("Content-Type: "+xlsx+"\nMIME-Version: 1.0\nContent-Disposition: attachment; filename*=utf-8''"+percent(name), book)),
			[]file{{path: "2", name: name, typ: xlsx, content: book}}},
		{"mailer-dotnet", "System.Net.Mail: a long name in several Q words, two Content-Type charsets", list8(".NET", encoded("Content-Type: application/octet-stream;\n name=\""+wordB("utf-8", name[:20])+"\n "+wordB("utf-8", name[20:])+"\"\nContent-Disposition: attachment", book)),
			[]file{{path: "2", name: name, typ: octet, content: book}}},
		{"mailer-zip-shop", "a web shop sends a zip under a name of digits", list("Shop", "Content-Type: "+zipType+"; name=\"20261116.zip\"\nContent-Disposition: attachment; filename=\"20261116.zip\"", zipped("price.csv", csv)), one("20261116.zip", zipType, zipped("price.csv", csv))},
		{"mailer-percent", "a web form escaped the plain name: it stays as it was sent", list("Percent", disposed(excel, `filename="price%20list.xls"`), book), one("price%20list.xls", excel, book)},
		{"mailer-fax", "a digest of a fax server: TIFF without any name", multi(from("X-Mailer: HylaFAX\n"), "mixed", "fax", note(), encoded("Content-Type: image/tiff", "II*\x00fax")), []file{{path: "2", name: "unnamed-1.tif", typ: "image/tiff", content: "II*\x00fax"}}},
	}
}

// list8 is a note and one part, from a program of that name.
func list8(mailer, attached string) string {
	return multi(from("X-Mailer: "+mailer+"\n"), "mixed", "=_8", note(), attached)
}

// devices: phones, scanners, fax servers, registers.
func devices() []made {
	pdf, book := "%PDF-1.4\n"+xls(700, "devices"), xls(500, "phones")
	jpeg := "\xff\xd8\xff\xe0" + xls(300, "photo")
	return []made{
		{"device-iphone", "an iPhone: the list inline between two pieces of text", multi(from("X-Mailer: iPhone Mail (22A3354)\n"), "mixed", "Apple-Mail-3F",
			part("Content-Type: text/plain; charset=utf-8", ""), encoded("Content-Type: "+xlsx+";\n\tname=\"price.xlsx\";\n\tx-apple-part-url=7F\nContent-Disposition: inline;\n\tfilename=price.xlsx", book),
			part("Content-Type: text/plain; charset=utf-8", "\r\nОтправлено с iPhone\r\n")), one("price.xlsx", xlsx, book)},
		{"device-android", "an Android mailer: RFC 2047 in capitals, no text", multi(from("X-Mailer: AquaMail\n"), "mixed", "----HF7Q", encoded("Content-Type: "+octet+";\n name=\""+wordB("UTF-8", "Остатки.xls")+"\"\nContent-Disposition: attachment;\n filename=\""+wordB("UTF-8", "Остатки.xls")+"\";\n size=500", book)),
			[]file{{path: "1", name: "Остатки.xls", typ: octet, content: book}}},
		{"device-scanner", "a scanner: everything in capitals, the file is the message", single(from("X-Mailer: KONICA MINOLTA bizhub C224e\n"), "CONTENT-TYPE: APPLICATION/PDF; NAME=\"SKM_C224E16111609300.PDF\"\nCONTENT-TRANSFER-ENCODING: BASE64\nCONTENT-DISPOSITION: ATTACHMENT; FILENAME=\"SKM_C224E16111609300.PDF\"\n", lines64(pdf, 72)+"\r\n"),
			[]file{{path: "1", name: "SKM_C224E16111609300.PDF", typ: "application/pdf", content: pdf}}},
		{"device-multifunction", "a copier: base64 in lines of 60, an empty text part without a type", multi(from("X-Mailer: HP Digital Sending\n"), "mixed", "hp", "\r\n", part("Content-Type: application/pdf; name=[Untitled].pdf\nContent-Disposition: attachment; filename=[Untitled].pdf\nContent-Transfer-Encoding: base64", lines64(pdf, 60))),
			one("[Untitled].pdf", "application/pdf", pdf)},
		{"device-fax", "a fax gateway: a TIFF named after the number, with a plus and blanks", multi(from("X-Mailer: Kerio Operator\n"), "mixed", "fax1", note(), encoded("Content-Type: image/tiff; name=\"+7 495 123-45-67.tif\"\nContent-Disposition: attachment; filename=\"+7 495 123-45-67.tif\"", "II*\x00fax")),
			one("+7 495 123-45-67.tif", "image/tiff", "II*\x00fax")},
		{"device-camera", "a photo of a price list, 8-bit name in KOI8-R", multi(from("X-Mailer: camera\n"), "mixed", "cam", encoded("Content-Type: image/jpeg; name=\""+in(charmap.KOI8R, "Фото прайса.jpg")+"\"", jpeg)), []file{{path: "1", name: "Фото прайса.jpg", typ: "image/jpeg", content: jpeg}}},
		{"device-till", "a till: CSV as the whole message with a type and nothing else", single(from("X-Mailer: Shtrih-M\n"), "Content-Type: text/csv; charset=cp866\n", in(charmap.CodePage866, "Товар;Цена\r\nХлеб;30\r\n")),
			[]file{{path: "1", name: "unnamed-1.csv", typ: "text/csv", content: in(charmap.CodePage866, "Товар;Цена\r\nХлеб;30\r\n")}}},
		{"device-xml", "an exchange of data: XML as text/xml without a name", multi(from("X-Mailer: EDI\n"), "mixed", "edi", note(), part("Content-Type: text/xml; charset=windows-1251", "<?xml version=\"1.0\"?><price/>\r\n")),
			[]file{{path: "2", name: "unnamed-1.xml", typ: "text/xml", content: "<?xml version=\"1.0\"?><price/>\r\n"}}},
	}
}

// rewrites: what lists, scanners and servers make of a letter on its way.
func rewrites() []made {
	book := xls(1100, "rewrites")
	attached := encoded(disposed(excel, `filename="price.xls"`), book)
	letter := multi(head("prices@supplier.example", "Original"), "mixed", "=_o", note(), attached)
	footer := part("Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\nContent-Disposition: inline", "_______________\r\nPrices mailing list\r\n")
	status := part("Content-Type: message/delivery-status", "Reporting-MTA: dns; mx.shop.example\r\n\r\nFinal-Recipient: rfc822; price@shop.example\r\nAction: failed\r\nStatus: 5.2.2\r\n")
	forward := func(path string) []file { return []file{{path: path, name: "price.xls", typ: excel, content: book}} }
	html := part("Content-Type: text/html; charset=utf-8", "<p>ok</p>")
	return []made{
		{"rewrite-mailman", "Mailman put the letter and its footer into a multipart", multi(from("X-Mailman-Version: 2.1.39\n"), "mixed", "===============1==", body("mixed", "=_o", note(), attached), footer), forward("1.2")},
		{"rewrite-mailman-single", "Mailman's footer behind a single workbook", multi(from("X-Mailman-Version: 2.1.39\n"), "mixed", "===============2==", attached, footer), forward("1")},
		{"rewrite-yahoo-groups", "a list's banner in front", multi(from("X-eGroups-Version: 1\n"), "mixed", "=_y", html, note(), attached), forward("3")},
		{"rewrite-dkim-footer", "a disclaimer between the text and the list", multi(from("X-Disclaimer: yes\n"), "mixed", "=_d", note(), footer, attached, footer), forward("3")},
		{"rewrite-virus-report", "a scanner removed one list and left another: what it left is a text file", multi(from("X-Virus-Scanned: by Dr.Web\n"), "mixed", "=_v", note(), part("Content-Type: text/plain; name=\"price.xls.txt\"\nContent-Disposition: attachment; filename=\"price.xls.txt\"", "price.xls was deleted\r\n"), attached),
			[]file{{path: "2", name: "price.xls.txt", typ: "text/plain", content: "price.xls was deleted\r\n"}, {path: "3", name: "price.xls", typ: excel, content: book}}},
		{"rewrite-virus-wrapped", "SpamAssassin put the letter into its report", multi(from("X-Spam-Flag: YES\n"), "mixed", "----------=_spam", part("Content-Type: text/plain; charset=utf-8\nContent-Disposition: inline", "Spam detection software\r\n"),
			part("Content-Type: message/rfc822; x-spam-type=original\nContent-Description: original message before SpamAssassin\nContent-Disposition: inline\nContent-Transfer-Encoding: 8bit", letter)), forward("2.2")},
		{"rewrite-bounce", "a bounce with the letter attached", multi(from("Auto-Submitted: auto-replied\n"), "report; report-type=delivery-status", "=_b", note(), status, part("Content-Type: message/rfc822", letter)), forward("3.2")},
		{"rewrite-bounce-headers", "a bounce with the letter's header only", multi(from("Auto-Submitted: auto-replied\n"), "report; report-type=delivery-status", "=_b", note(), status, part("Content-Type: text/rfc822-headers", head("prices@supplier.example", "Original"))), nil},
		{"rewrite-bounce-exchange", "Exchange's bounce: the letter has a name of its own", multi(from("X-Auto-Response-Suppress: All\n"), "report; report-type=delivery-status", "=_x", html, status, part("Content-Type: message/rfc822; name=\"Original.eml\"\nContent-Disposition: attachment; filename=\"Original.eml\"", letter)), forward("3.2")},
		{"rewrite-eml", "a saved letter attached as any other file, by webmail", multi(head("buyer@shop.example", "FW"), "mixed", "=_e", note(), encoded("Content-Type: application/octet-stream; name=\"Прайс.eml\"\nContent-Disposition: attachment; filename=\"Прайс.eml\"", letter)), forward("2.2")},
		{"rewrite-eml-text", "the same as text, by a mailer that knows no better", multi(head("buyer@shop.example", "FW"), "mixed", "=_e", note(), part("Content-Type: text/plain; name=\"Original.EML\"\nContent-Disposition: attachment; filename=\"Original.EML\"", letter)), forward("2.2")},
		{"rewrite-eml-none", "a file of that name which is no letter stays a file", multi(head("buyer@shop.example", "FW"), "mixed", "=_e", note(), encoded("Content-Type: application/octet-stream; name=\"price.eml\"", book)),
			[]file{{path: "2", name: "price.eml", typ: octet, content: book}}},
		{"rewrite-global", "a forwarded letter with addresses in UTF-8 (message/global)", multi(from("X-SMTPUTF8: 1\n"), "mixed", "=_g", note(), part("Content-Type: message/global", letter)), forward("2.2")},
		{"rewrite-receipt", "a read receipt carries no file", multi(from("Auto-Submitted: auto-replied\n"), "report; report-type=disposition-notification", "=_r", note(), part("Content-Type: message/disposition-notification", "Final-Recipient: rfc822;price@shop.example\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n")), nil},
		{"rewrite-feedback", "an abuse report with the letter", multi(from("X-FBL: 1\n"), "report; report-type=feedback-report", "=_f", note(), part("Content-Type: message/feedback-report", "Feedback-Type: abuse\r\n"), part("Content-Type: message/rfc822", letter)), forward("3.2")},
		{"rewrite-invitation", "an invitation with a file of its own", multi(from("X-MS-Exchange-Calendar: 1\n"), "mixed", "=_i", body("alternative", "=_j", note(), part("Content-Type: text/calendar; charset=utf-8; method=REQUEST; name=\"meeting.ics\"", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")), attached),
			[]file{{path: "1.2", name: "meeting.ics", typ: "text/calendar", content: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"}, {path: "2", name: "price.xls", typ: excel, content: book}}},
		{"rewrite-vcard", "a business card in quoted-printable behind the list", multi(from("X-Mailer: card\n"), "mixed", "=_c", note(), attached, part("Content-Type: text/vcard; name=\"Иванов.vcf\"\nContent-Transfer-Encoding: quoted-printable", quoted("BEGIN:VCARD\r\nFN:Иванов\r\nEND:VCARD\r\n"))),
			[]file{{path: "2", name: "price.xls", typ: excel, content: book}, {path: "3", name: "Иванов.vcf", typ: "text/vcard", content: "BEGIN:VCARD\r\nFN:Иванов\r\nEND:VCARD\r\n"}}},
		{"rewrite-forward-twice", "forwarded as attachment by two people", multi(head("buyer@shop.example", "FW: FW"), "mixed", "=_1", note(), part("Content-Type: message/rfc822", multi(head("chef@shop.example", "FW"), "mixed", "=_2", note(), part("Content-Type: message/rfc822", letter)))), forward("2.2.2")},
		{"rewrite-forward-quoted", "a forwarded letter in quoted-printable", multi(head("buyer@shop.example", "FW"), "mixed", "=_1", note(), part("Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable", quoted(letter))), forward("2.2")},
		{"rewrite-fields-between", "fields that gateways put between the Content fields", multi(from("X-Gate: 1\n"), "mixed", "=_h", note(), encoded("X-Scan: ok\nContent-Type: "+excel+";\n name=\"price.xls\"\nX-Scan-Result: "+strings.Repeat("clean ", 40)+"\nContent-Disposition: attachment;\n filename=\"price.xls\"\nContent-MD5: Q2hlY2s=", book)), forward("2")},
		{"rewrite-outer-base64", "a gateway sent the whole letter as base64 of one part", single(from("X-Gate: 2\n"), "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n", lines64(letter, 76)+"\r\n"), forward("1.2")},
	}
}
