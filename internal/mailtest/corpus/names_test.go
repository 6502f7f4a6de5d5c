package corpus

import "golang.org/x/text/encoding/charmap"

// names: each way to write a Cyrillic name that a standard knows.
func names() []made {
	book := xls(1500, "names")
	const name = "Прайс-лист «Осень» 2026.xls"
	koi, win, dos := in(charmap.KOI8R, "Прайс осень.xls"), in(charmap.Windows1251, "Прайс осень.xls"), in(charmap.CodePage866, "Прайс осень.xls")
	full := percent(name)
	attach := func(params string) string {
		return "Content-Type: " + excel + "\nContent-Disposition: attachment;\n " + params
	}
	return []made{
		{"name-ascii", "plain name, the base case", list("Price list", attach(`filename="price.xls"`), book), one("price.xls", excel, book)},
		{"name-2231-utf8", "RFC 2231 name in UTF-8", list("2231", attach("filename*=UTF-8''"+full), book), one(name, excel, book)},
		{"name-2231-koi8r", "RFC 2231 name in KOI8-R, which the standard library gives up on",
			list("2231 koi8", attach("filename*=koi8-r'ru'"+percent(koi)), book), one("Прайс осень.xls", excel, book)},
		{"name-2231-cp1251", "RFC 2231 name in windows-1251", list("2231 cp1251", attach("filename*=windows-1251''"+percent(win)), book),
			one("Прайс осень.xls", excel, book)},
		{"name-2231-continued", "RFC 2231 continuations, split in the middle of a character and of an escape",
			list("2231 parts", attach("filename*0*=utf-8''"+full[:42]+";\n filename*1*="+full[42:79]+";\n filename*2*="+full[79:]), book), one(name, excel, book)},
		{"name-2231-disorder", "RFC 2231 continuations of KOI8-R out of order, the last one unescaped",
			list("2231 disorder", attach("filename*2=.xls;\n filename*1*="+percent(koi[5:11])+";\n filename*0*=KOI8-R''"+percent(koi[:5])), book),
			one("Прайс осень.xls", excel, book)},
		{"name-2231-and-plain", "an ASCII fallback stands next to the RFC 2231 name",
			list("2231 both", attach("filename=\"Prajs.xls\";\n filename*=UTF-8''"+full), book), one(name, excel, book)},
		{"name-2047-b", "RFC 2047 base64 word in quotes, windows-1251", list("2047 b", attach(`filename="`+wordB("windows-1251", win)+`"`), book),
			one("Прайс осень.xls", excel, book)},
		{"name-2047-q", "RFC 2047 Q word in KOI8-R", list("2047 q", attach(`filename="`+wordQ("koi8-r", koi)+`"`), book), one("Прайс осень.xls", excel, book)},
		{"name-2047-cp866", "RFC 2047 word in CP866", list("2047 dos", attach(`filename="`+wordB("cp866", dos)+`"`), book), one("Прайс осень.xls", excel, book)},
		{"name-2047-split", "two UTF-8 words, split in the middle of a character",
			list("2047 split", attach(`filename="`+wordB("utf-8", name[:15])+"\n "+wordB("UTF-8", name[15:])+`"`), book), one(name, excel, book)},
		{"name-2047-language", "RFC 2231 language suffix in an encoded word", list("2047 lang", attach(`filename="`+wordB("utf-8*ru", name)+`"`), book),
			one(name, excel, book)},
		{"name-2047-unquoted", "an encoded word without quotes, in Content-Type too",
			list("2047 bare", "Content-Type: "+excel+"; name="+wordB("utf-8", "Остатки.xls")+"\nContent-Disposition: attachment; filename="+wordB("utf-8", name), book),
			one(name, excel, book)},
		{"name-2047-underscore", "Q word with blanks as underscores", list("2047 blanks", attach(`filename="=?utf-8?Q?price_=D1=81_=D0=BE=D1=81=D1=82=2Exls?="`), book),
			one("price с ост.xls", excel, book)},
		{"name-type-only", "the name is in Content-Type only, as old scripts have it", list("name in type", "Content-Type: "+excel+"; name=\"price.xls\"", book),
			one("price.xls", excel, book)},
		{"name-inline", "a workbook marked inline", list("inline", "Content-Type: "+excel+"\nContent-Disposition: inline; filename=\"price.xls\"", book),
			one("price.xls", excel, book)},
		{"name-decomposed", "macOS sends й and ё decomposed",
			list("macOS", attach("filename*=utf-8''"+percent("Прайс-и\u0306 е\u0308лки.xls")), book), one("Прайс-й ёлки.xls", excel, book)},
		{"name-first-wins", "the same parameter twice: the first counts", list("twice", attach(`filename="first.xls"; filename="second.xls"`), book),
			one("first.xls", excel, book)},
		{"name-none", "marked attachment, but nobody gave it a name",
			multi(price("no name"), "mixed", "b0", note(), encoded("Content-Type: "+excel+"\nContent-Disposition: attachment", book),
				encoded("Content-Type: application/x-unheard-of\nContent-Disposition: attachment", "тест")),
			[]file{{path: "2", name: "unnamed-1.xls", typ: excel, content: book}, {path: "3", name: "unnamed-2.bin", typ: "application/x-unheard-of", content: "тест"}}},
		{"name-long", "a name of 180 Cyrillic letters, folded with tabs",
			list("long", attach("filename*0*=utf-8''"+percent(longName()[:200])+";\n\tfilename*1*="+percent(longName()[200:])), book), one(longName(), excel, book)},
	}
}

func longName() string {
	s := ""
	for range 20 {
		s += "Прайслист"
	}
	return s + ".xls"
}

// rawNames: names that no standard allows and many scripts send.
func rawNames() []made {
	book := xls(900, "raw")
	const name = "Прайс лист остатки.xls"
	attach := func(params string) string {
		return "Content-Type: " + excel + "\nContent-Disposition: attachment; " + params
	}
	return []made{
		{"raw-utf8", "raw UTF-8 in quotes", list("raw utf-8", attach(`filename="`+name+`"`), book), one(name, excel, book)},
		{"raw-cp1251", "raw windows-1251 in quotes", list("raw cp1251", attach(`filename="`+in(charmap.Windows1251, name)+`"`), book), one(name, excel, book)},
		{"raw-koi8r", "raw KOI8-R in quotes", list("raw koi8", attach(`filename="`+in(charmap.KOI8R, name)+`"`), book), one(name, excel, book)},
		{"raw-cp866", "raw CP866 in quotes", list("raw dos", attach(`filename="`+in(charmap.CodePage866, name)+`"`), book), one(name, excel, book)},
		{"raw-unquoted", "raw UTF-8 with blanks and without quotes", list("raw bare", attach("filename="+name), book), one(name, excel, book)},
		{"raw-declared", "a name too short to guess: the text part declares KOI8-R",
			multi(price("declared"), "mixed", "b1", part("Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit", in(charmap.KOI8R, "Прайс\r\n")),
				encoded(attach(`filename="`+in(charmap.KOI8R, "УЦ.xls")+`"`), book)), one("УЦ.xls", excel, book)},
		{"param-no-quote", "the closing quote is missing", list("no quote", attach(`filename="price list.xls; size=900`), book), one("price list.xls", excel, book)},
		{"param-inner-quotes", "quotes within quotes", list("quotes", attach(`filename="ООО "Ромашка" прайс.xls"`), book), one(`ООО "Ромашка" прайс.xls`, excel, book)},
		{"param-escapes", "escaped quotes, as the standard has it", list("escapes", attach(`filename="a \"b\"; c.xls"`), book), one(`a "b"; c.xls`, excel, book)},
		{"param-semicolons", "doubled semicolons and a parameter without a value", list("semicolons", attach(`size;; filename="price.xls";;`), book), one("price.xls", excel, book)},
	}
}
