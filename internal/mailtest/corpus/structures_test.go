package corpus

import "golang.org/x/text/encoding/charmap"

// structures: how parts are put together.
func structures() []made {
	csv, book, archive := cp1251(12), xls(2048, "structures"), zipped("price.csv", cp1251(20))
	named := func(typ, name string) string {
		return "Content-Type: " + typ + "; name=\"" + name + "\"\nContent-Disposition: attachment; filename=\"" + name + "\""
	}
	html := part("Content-Type: text/html; charset=windows-1251\nContent-Transfer-Encoding: 8bit",
		in(charmap.Windows1251, crlf("<html><body>Добрый день!<img src=\"cid:logo@supplier.example\"></body></html>\n")))
	logo := encoded("Content-Type: image/png; name=\"logo.png\"\nContent-ID: <logo@supplier.example>\nContent-Disposition: inline; filename=\"logo.png\"", png)
	return []made{
		{"single-attachment", "no multipart: the message is the attachment",
			single(price("Price"), "Content-Type: "+excel+"; name=\"price.xls\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"price.xls\"\n",
				lines64(book, 76)+"\r\n"), []file{{path: "1", name: "price.xls", typ: excel, content: book}}},
		{"single-csv", "no multipart: a CSV in windows-1251 as it is, not to be decoded to UTF-8",
			single(price("CSV"), "Content-Type: text/csv; charset=windows-1251; name=price.csv\nContent-Transfer-Encoding: 8bit\nContent-Disposition: attachment\n", csv),
			[]file{{path: "1", name: "price.csv", typ: "text/csv", content: csv}}},
		{"single-text", "plain text and nothing to import",
			single(price("Hello"), "Content-Type: text/plain; charset=utf-8\n", crlf("Прайс будет завтра.\n")), nil},
		{"no-mime", "no MIME fields at all", single(price("Old"), "X-Mailer: cron\n", crlf("The list is late.\n")), nil},
		{"several", "three lists of different kinds in one message",
			multi(price("Three"), "mixed", "b2", note(), encoded(named("application/zip", "all.zip"), archive), encoded(named(excel, "price.xls"), book),
				encoded(named("text/csv; charset=windows-1251", "stock.csv"), csv)),
			[]file{{path: "2", name: "all.zip", typ: "application/zip", content: archive}, {path: "3", name: "price.xls", typ: excel, content: book},
				{path: "4", name: "stock.csv", typ: "text/csv", content: csv}}},
		{"same-name", "two attachments with the same name and different contents",
			multi(price("Twins"), "mixed", "b3", encoded(named(excel, "price.xls"), book), encoded(named(excel, "price.xls"), book[:700])),
			[]file{{path: "1", name: "price.xls", typ: excel, content: book}, {path: "2", name: "price.xls", typ: excel, content: book[:700]}}},
		{"nested", "mixed around related around alternative, as Outlook sends it",
			multi(price("Nested"), "mixed", "----=_NextPart_000_0001", body("related", "----=_NextPart_001_0002",
				body("alternative", "----=_NextPart_002_0003", note(), html), logo), encoded(named(excel, "price.xls"), book)),
			[]file{{path: "1.2", name: "logo.png", typ: "image/png", content: png}, {path: "2", name: "price.xls", typ: excel, content: book}}},
		{"boundary-prefix", "the outer boundary begins like the inner one, as Apple Mail has it",
			multi(price("Prefix"), "mixed", "Apple-Mail-10", body("alternative", "Apple-Mail-1", note(), html), encoded(named(excel, "price.xls"), book)),
			one("price.xls", excel, book)},
		{"html-cid", "an HTML body with an image that it refers to, and one that it does not",
			multi(price("Images"), "related", "b4", html, logo, encoded("Content-Type: image/png\nContent-ID: <other@supplier.example>\nContent-Disposition: attachment", png)),
			[]file{{path: "2", name: "logo.png", typ: "image/png", content: png}, {path: "3", name: "unnamed-1.png", typ: "image/png", content: png}}},
		{"signed", "S/MIME signature next to the list",
			multi(price("Signed"), "signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256", "b5",
				body("mixed", "b6", note(), encoded(named(excel, "price.xls"), book)), encoded(named("application/pkcs7-signature", "smime.p7s"), "0\x82signature")),
			[]file{{path: "1.2", name: "price.xls", typ: excel, content: book}, {path: "2", name: "smime.p7s", typ: "application/pkcs7-signature", content: "0\x82signature"}}},
		{"pgp", "a PGP signature without a file name is no attachment",
			multi(price("PGP"), "signed; protocol=\"application/pgp-signature\"", "b7", body("mixed", "b8", note(), encoded(named(excel, "price.xls"), book)),
				part("Content-Type: application/pgp-signature", "-----BEGIN PGP SIGNATURE-----\r\niQ==\r\n-----END PGP SIGNATURE-----\r\n")),
			[]file{{path: "1.2", name: "price.xls", typ: excel, content: book}}},
		{"vcard", "a business card travels along",
			multi(price("Card"), "mixed", "b9", note(), part(named("text/x-vcard; charset=utf-8", "ivanov.vcf")+"\nContent-Transfer-Encoding: 8bit", crlf("BEGIN:VCARD\nFN:Иванов\nEND:VCARD\n")),
				encoded(named(excel, "price.xls"), book)),
			[]file{{path: "2", name: "ivanov.vcf", typ: "text/x-vcard", content: crlf("BEGIN:VCARD\nFN:Иванов\nEND:VCARD\n")}, {path: "3", name: "price.xls", typ: excel, content: book}}},
		{"calendar", "an invitation: body text in alternative, and a copy marked attachment without a name",
			multi(price("Meeting"), "mixed", "b10", body("alternative", "b11", note(), part("Content-Type: text/calendar; method=REQUEST", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")),
				encoded("Content-Type: text/calendar\nContent-Disposition: attachment", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")),
			[]file{{path: "2", name: "unnamed-1.ics", typ: "text/calendar", content: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"}}},
		{"preamble", "text before the first and behind the last boundary",
			price("Preamble") + "Content-Type: multipart/mixed; boundary=b12\r\n\r\nThis is a multi-part message in MIME format.\r\n\r\n--b12\r\n" + note() + "\r\n--b12  \r\n" +
				encoded(named(excel, "price.xls"), book) + "\r\n--b12--\r\n--\r\nMailing list of the trade\r\n", one("price.xls", excel, book)},
		{"comments", "comments in the fields, capital letters everywhere",
			multi(price("Comments"), "mixed", "b13", note(), part("CONTENT-TYPE: APPLICATION/VND.MS-EXCEL (Excel); NAME=\"price.xls\"\nCONTENT-TRANSFER-ENCODING: BASE64\nCONTENT-DISPOSITION: ATTACHMENT (file)",
				lines64(book, 76))), one("price.xls", excel, book)},
	}
}

// forwards: messages within messages.
func forwards() []made {
	book := xls(1000, "forwards")
	attached := encoded("Content-Type: "+excel+"\nContent-Disposition: attachment; filename=\"price.xls\"", book)
	letter := multi(head("director@supplier.example", "Original"), "mixed", "inner", note(), attached)
	bare := single(head("robot@supplier.example", "Bare"), "Content-Type: "+excel+"; name=\"stock.xls\"\nContent-Transfer-Encoding: base64\n", lines64(book, 76))
	eml := "Content-Type: message/rfc822; name=\"letter.eml\"\nContent-Disposition: attachment; filename=\"letter.eml\""
	deep := letter
	for range 4 {
		deep = single(price("Fwd"), "Content-Type: message/rfc822\n", deep)
	}
	return []made{
		{"forward", "a forwarded message: its attachments count", multi(price("Fwd: list"), "mixed", "outer", note(), part("Content-Type: message/rfc822", letter)),
			[]file{{path: "2.2", name: "price.xls", typ: excel, content: book}}},
		{"forward-base64", "a forwarded message in base64, which the standard forbids",
			multi(price("Fwd: base64"), "mixed", "outer", note(), encoded(eml, letter)), []file{{path: "2.2", name: "price.xls", typ: excel, content: book}}},
		{"forward-single", "a forwarded message that is the attachment itself",
			multi(price("Fwd: bare"), "mixed", "outer", note(), part(eml, bare), attached),
			[]file{{path: "2.1", name: "stock.xls", typ: excel, content: book}, {path: "3", name: "price.xls", typ: excel, content: book}}},
		{"forward-deep", "forwarded over and over, each time as the whole message", deep, []file{{path: "1.1.1.1.2", name: "price.xls", typ: excel, content: book}}},
		{"forward-not-encoded", "declared as base64, but not encoded",
			multi(price("Fwd: plain"), "mixed", "outer", note(), part(eml+"\nContent-Transfer-Encoding: base64", letter)), []file{{path: "2.2", name: "price.xls", typ: excel, content: book}}},
		{"digest", "a digest: its parts are messages without saying so",
			multi(price("Digest"), "digest", "outer", "\r\n"+letter, "\r\n"+bare),
			[]file{{path: "1.2", name: "price.xls", typ: excel, content: book}, {path: "2.1", name: "stock.xls", typ: excel, content: book}}},
		{"forward-same-boundary", "the forwarded message uses the boundary of the outer one",
			multi(price("Fwd: same"), "mixed", "inner", note(), part("Content-Type: message/rfc822", letter), attached),
			[]file{{path: "2.2", name: "price.xls", typ: excel, content: book}, {path: "3", name: "price.xls", typ: excel, content: book}}},
	}
}
