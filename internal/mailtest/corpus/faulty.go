package corpus

import (
	"fmt"
	"strings"
)

// parameterFaults: fields that no standard allows, each with a Latin and a Cyrillic name in their place.
func parameterFaults() []made {
	book := xls(600, "parameters")
	const typ = "Content-Type: " + excel + "\n"
	const at = typ + "Content-Disposition: attachment; "
	faults := []struct{ name, why, fields, want string }{
		{"semicolon", "a semicolon behind the last parameter", at + `filename="%s";`, "%s"},
		{"equals-blanks", "blanks around the equals sign", at + `filename = "%s"`, "%s"},
		{"capitals", "capital letters", strings.ToUpper(at) + `FILENAME="%s"`, "%s"},
		{"apostrophes", "apostrophes for quotes", at + `filename='%s'`, "%s"},
		{"unterminated", "the quote is not closed", at + `filename="%s`, "%s"},
		{"unterminated-more", "the quote is not closed and a parameter follows", at + `filename="%s; size=600; modification-date="Mon, 16 Nov 2026 09:30:58 +0300"`, "%s"},
		{"no-semicolon", "no semicolon in front of the name", typ + `Content-Disposition: attachment filename="%s"`, "%s"},
		{"comma", "a comma for a semicolon", typ + `Content-Disposition: attachment, filename="%s"`, "%s"},
		{"many-semicolons", "semicolons and nothing between them", typ + `Content-Disposition: attachment; ; ;;filename="%s"`, "%s"},
		{"repeated", "the name twice: the first counts", at + `filename="%s"; filename="other.xls"`, "%s"},
		{"comment", "a comment behind the name", at + `filename="%s" (price list)`, "%s"},
		{"empty-extended", "an empty RFC 2231 name beside the plain one", at + `filename="%s"; filename*=`, "%s"},
		{"extended-quoted", "an RFC 2231 name in quotes that states no charset", at + `filename*="%s"`, "%s"},
		{"extended-charset", "an RFC 2231 name whose charset is stated and whose characters are not escaped", at + `filename*="utf-8''%s"`, "%s"},
		{"empty-filename", "an empty filename and a name beside it", at + `filename=""; name="%s"`, "%s"},
		{"no-type", "a Content-Type that begins with its parameter", "Content-Type: name=\"%s\"\nContent-Disposition: attachment", "%s"},
		{"folded", "folded in the middle of the name", at + "filename=\"new\n %s\"", "new %s"},
		{"tabs", "tabs between the parameters", typ + "Content-Disposition: attachment;\tsize=600;\tfilename=\"%s\"", "%s"},
		{"bare-and-more", "blanks without quotes and a parameter without a semicolon behind them", at + "filename=%s size=600", "%s"},
		{"windows-path", "a Windows path", at + `filename="C:\Docs\%s"`, `C:\Docs\%s`},
		{"semicolon-inside", "a semicolon in the name", at + `filename="a; %s"`, "a; %s"},
		{"blanks-inside", "blanks around the name", at + `filename="  %s "`, "%s"},
		{"equals-inside", "an equals sign in the name", at + `filename="a=b %s"`, "a=b %s"},
		{"doubled-quotes", "quotes doubled", at + `filename=""%s""`, "%s"},
		{"no-disposition-word", "parameters without a disposition", typ + `Content-Disposition: filename="%s"`, "%s"},
		{"glued", "parameters with nothing between them", at + `size="600"filename="%s"`, "%s"},
		{"wrong-parameter", "name in Content-Disposition, filename in Content-Type", "Content-Type: " + excel + "; filename=\"wrong.xls\"\nContent-Disposition: attachment; name=\"%s\"", "%s"},
	}
	var out []made
	for i, f := range faults {
		for j, name := range []string{"price list.xls", "Прайс лист.xls"} {
			frame, typ := frames[(2*i+j)%len(frames)], excel
			if f.name == "no-type" {
				typ = "text/plain"
			}
			want := fmt.Sprintf(f.want, name)
			out = append(out, made{
				"param-" + f.name + []string{"", "-cyrillic"}[j], f.why,
				frame.make("Parameters", encoded(strings.Replace(f.fields, "%s", name, 1), book)), []file{{path: frame.path, name: want, typ: typ, content: book}},
			})
		}
	}
	return out
}

// encodingGrid: names of transfer encodings as they are misspelt, and base64 as it is mistreated.
func encodingGrid() []made {
	csv, book := cp1251(7), xls(999, "transfer")
	whole := book[:len(book)/3*3] // needs no padding
	fields := func(transfer string) string {
		return disposed(excel, `filename="price.xls"`) + "\nContent-Transfer-Encoding: " + transfer
	}
	var out []made
	add := func(name, why, part, content string, damaged bool) {
		frame := frames[len(out)%len(frames)]
		out = append(out, made{"transfer-" + name, why, frame.make("Transfer", part), []file{{path: frame.path, name: "price.xls", typ: excel, content: content, damaged: damaged}}})
	}
	for i, token := range []string{"BASE64", "base64;", "'base64'", "base-64", "b64", "base64 (RFC 2045)", "x-base64", "base64; charset=utf-8", "\n base64", " \tBase64 "} {
		add(fmt.Sprintf("base64-%d", i+1), fmt.Sprintf("base64 written as %q", token), part(fields(token), lines64(book, 76)), book, false)
	}
	for i, token := range []string{"quoted-printable;", "Quoted_Printable", "quoted printable", "\"QUOTED-PRINTABLE\"", "qp"} {
		add(fmt.Sprintf("quoted-%d", i+1), fmt.Sprintf("quoted-printable written as %q", token), part(fields(token), quotedBinary(book)), book, false)
	}
	for i, token := range []string{"8-bit", "7bit", "binary", "none", "utf-8", "", "x-unknown"} {
		add(fmt.Sprintf("plain-%d", i+1), fmt.Sprintf("8-bit content declared as %q", token), part(fields(token), csv), csv, false)
	}
	b64 := func(content string) string { return part(fields("base64"), content) }
	lines := lines64(whole, 76)
	add("two-fields", "two transfer encodings: the first counts", part(fields("base64")+"\nContent-Transfer-Encoding: 8bit", lines64(book, 76)), book, false)
	add("width-4", "base64 in lines of four characters", b64(lines64(book[:90], 4)), book[:90], false)
	add("width-998", "base64 in lines as long as SMTP allows", b64(lines64(xls(9000, "wide"), 998)), xls(9000, "wide"), false)
	add("empty-lines", "empty lines in front of, within and behind base64", b64("\r\n\r\n"+strings.ReplaceAll(lines, "\r\n", "\r\n\r\n")+"\r\n\r\n\r\n"), whole, false)
	add("empty-lines-unpadded", "empty lines within base64 that lacks its padding", b64(strings.TrimRight(strings.ReplaceAll(lines64(book[:200], 76), "\r\n", "\r\n\r\n"), "=")), book[:200], false)
	add("quoted-padding", "a gateway made the padding quoted-printable", b64(lines64(book[:100], 76)[:len(lines64(book[:100], 76))-2]+"=3D=3D"), book[:100], false)
	add("more-padding", "more padding than there should be", b64(lines64(book[:100], 76)+"===="), book[:100], false)
	add("footer-unpadded", "a mailing list's footer behind base64 that needs no padding", b64(lines+"\r\n\r\n-- \r\nTo unsubscribe write to list at supplier\r\n"), whole, false)
	add("footer-ruled", "a footer behind a ruled line, without an empty one", b64(lines+"\r\n_______________________________________________\r\nPrices mailing list\r\nPrices@supplier.example\r\n"), whole, false)
	add("footer-words", "a virus scanner's words behind an empty line", b64(lines+"\r\n\r\nNo virus found in this message\r\nChecked by AVG\r\n"), whole, false)
	add("footer-cyrillic", "a footer in raw UTF-8", b64(lines+"\r\n\r\nПисьмо проверено антивирусом\r\n"), whole, false)
	add("footer-resumed", "base64 goes on behind what looks like a footer: nothing may be imported", b64(lines+"\r\n________\r\n"+lines), "", true)
	url := strings.NewReplacer("+", "-", "/", "_")
	add("url-safe", "the alphabet that is meant for addresses (RFC 4648 section 5)", b64(url.Replace(lines64(book, 76))), book, false)
	add("url-safe-long", "the same in one line, without padding", b64(strings.TrimRight(url.Replace(lines64(book[:500], 998)), "=")), book[:500], false)
	add("two-alphabets", "one half in either alphabet: nobody knows what is content and what is not", b64(lines64(whole[:600], 76)+"\r\n"+url.Replace(lines64(whole[:600], 76))), "", true)
	add("banner", "a banner in front of base64 is no base64: nothing may be imported", b64("This message was scanned by the mail gateway of our company and it\r\nis clean as far as we can tell\r\n\r\n"+lines64(book[:30], 76)), "", true)
	add("cut-line", "the last line is cut inside a quantum", b64(lines64(book[:300], 76)[:395]), "", true)
	return out
}
