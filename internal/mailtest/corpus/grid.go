package corpus

import (
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// charsets that names come in.
var charsets = []struct {
	name string
	cm   *charmap.Charmap // nil: UTF-8
}{{"utf-8", nil}, {"windows-1251", charmap.Windows1251}, {"koi8-r", charmap.KOI8R}, {"cp866", charmap.CodePage866}, {"iso-8859-5", charmap.ISO8859_5}}

// transfers are the ways that content travels, by turns.
var transfers = []string{"base64", "quoted-printable", "8bit", ""}

// travel is a part with that content in that transfer encoding.
func travel(fields, transfer, content string) string {
	switch transfer {
	case "base64":
		return encoded(fields, content)
	case "quoted-printable":
		return part(fields+"\nContent-Transfer-Encoding: quoted-printable", quoted(content))
	case "":
		return part(fields, content)
	}
	return part(fields+"\nContent-Transfer-Encoding: "+transfer, content)
}

// frames are the places that a part may have in a message, by turns, each with the path that follows.
var frames = []struct {
	name, path string
	make       func(subject, attached string) string
}{
	{"mixed", "2", func(s, a string) string { return multi(price(s), "mixed", "=_f1", note(), a) }},
	{"alone", "1", func(s, a string) string { return price(s) + ended(a) }},
	{"nested", "1.2", func(s, a string) string {
		return multi(price(s), "mixed", "=_f2", body("related", "=_f3", body("alternative", "=_f4", note(), note()), a))
	}},
	{"forwarded", "2.2", func(s, a string) string {
		return multi(price("Fwd: "+s), "mixed", "=_f5", note(), part("Content-Type: message/rfc822", multi(head("chef@supplier.example", s), "mixed", "=_f6", note(), a)))
	}},
	{"encoded", "1.1", func(s, a string) string {
		return multi(price("Fwd: "+s), "mixed", "=_f7", encoded("Content-Type: message/rfc822", head("chef@supplier.example", s)+ended(a)))
	}},
	{"digest", "1.2", func(s, a string) string {
		return multi(price(s), "digest", "=_f8", "\r\n"+multi(head("list@supplier.example", s), "mixed", "=_f9", note(), a))
	}},
	{"signed", "1.2", func(s, a string) string {
		return multi(price(s), "signed; protocol=\"application/pgp-signature\"", "=_fa", body("mixed", "=_fb", note(), a),
			part("Content-Type: application/pgp-signature", "-----BEGIN PGP SIGNATURE-----\r\niQ==\r\n-----END PGP SIGNATURE-----\r\n"))
	}},
}

// ended ends a message at a line's end, as all of them do.
func ended(s string) string {
	if strings.HasSuffix(s, "\r\n") {
		return s
	}
	return s + "\r\n"
}

// style is one way to write a name into the fields of a part. raw are the name's bytes in the charset.
type style struct {
	name, why string
	fields    func(typ, charset, raw string) string
}

// styles of names that a standard knows, or that mailers use in its stead.
var styles = []style{
	{"2231", "RFC 2231", func(typ, cs, raw string) string { return disposed(typ, "filename*="+cs+"''"+percent(raw)) }},
	{"2231-parts", "RFC 2231 continuations that split characters", func(typ, cs, raw string) string {
		return disposed(typ, strings.Join(continued(cs, raw, 11), ";\n "))
	}},
	{"2231-reversed", "RFC 2231 continuations, the last one first", func(typ, cs, raw string) string {
		parts := continued(cs, raw, 13)
		for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
			parts[i], parts[j] = parts[j], parts[i]
		}
		return disposed(typ, strings.Join(parts, ";\n\t"))
	}},
	{"2231-words", "encoded words cut into RFC 2231 continuations without escapes", func(typ, cs, raw string) string {
		w := wordB(cs, raw)
		return disposed(typ, `filename*0="`+w[:20]+"\";\n filename*1=\""+w[20:]+`"`)
	}},
	{"2231-type", "RFC 2231 name= of Content-Type and nothing else", func(typ, cs, raw string) string {
		return "Content-Type: " + typ + ";\n name*=" + cs + "'ru'" + percent(raw)
	}},
	{"2231-beside", "a transliterated name in Content-Type, the true one as RFC 2231", func(typ, cs, raw string) string {
		return "Content-Type: " + typ + "; name=\"prajs.xls\"\nContent-Disposition: attachment; filename=\"prajs.xls\";\n filename*=" + cs + "''" + percent(raw)
	}},
	{"2047-b", "an RFC 2047 base64 word in quotes", func(typ, cs, raw string) string { return disposed(typ, `filename="`+wordB(cs, raw)+`"`) }},
	{"2047-q", "an RFC 2047 Q word in quotes", func(typ, cs, raw string) string { return disposed(typ, `filename="`+wordQ(cs, raw)+`"`) }},
	{"2047-b-split", "base64 words that split characters", func(typ, cs, raw string) string {
		return disposed(typ, `filename="`+wordB(cs, raw[:7])+"\n "+wordB(cs, raw[7:])+`"`)
	}},
	{"2047-q-split", "Q words that split characters, folded with tabs", func(typ, cs, raw string) string {
		return disposed(typ, `filename="`+wordQ(cs, raw[:5])+"\n\t"+wordQ(cs, raw[5:])+`"`)
	}},
	{"2047-bare", "a base64 word without quotes", func(typ, cs, raw string) string { return disposed(typ, "filename="+wordB(cs, raw)) }},
	{"2047-type", "a base64 word in name= of Content-Type and nothing else", func(typ, cs, raw string) string {
		return "Content-Type: " + typ + ";\n name=\"" + wordB(cs, raw) + `"`
	}},
	{"2047-language", "a lower-case b word with a language", func(typ, cs, raw string) string {
		return disposed(typ, `filename="=?`+cs+"*ru?b?"+base64.StdEncoding.EncodeToString([]byte(raw))+`?="`)
	}},
	{"2047-unpadded", "a base64 word whose padding is missing", func(typ, cs, raw string) string {
		return disposed(typ, `filename="=?`+strings.ToUpper(cs)+"?B?"+base64.RawStdEncoding.EncodeToString([]byte(raw))+`?="`)
	}},
	{"raw", "raw 8-bit characters in quotes", func(typ, cs, raw string) string {
		return disposed(typ+"; charset="+cs, `filename="`+raw+`"`)
	}},
	{"raw-bare", "raw 8-bit characters and blanks without quotes, inline", func(typ, cs, raw string) string {
		return "Content-Type: " + typ + "; charset=" + cs + "; name=" + raw + "\nContent-Disposition: inline; filename=" + raw
	}},
	{"raw-type", "raw 8-bit characters in name= of Content-Type, a disposition without a name", func(typ, cs, raw string) string {
		return "Content-Type: " + typ + "; name=\"" + raw + "\"; charset=" + cs + "\nContent-Disposition: attachment"
	}},
}

// disposed are the fields of a part with that parameter of Content-Disposition.
func disposed(typ, parameter string) string {
	return "Content-Type: " + typ + "\nContent-Disposition: attachment;\n " + parameter
}

// continued cuts a name into RFC 2231 continuations of so many bytes.
func continued(charset, raw string, n int) []string {
	var out []string
	prefix := charset + "''"
	for i := 0; raw != ""; i++ {
		n = min(n, len(raw))
		out = append(out, fmt.Sprintf("filename*%d*=%s%s", i, prefix, percent(raw[:n])))
		raw, prefix = raw[n:], ""
	}
	return out
}

// nameGrid: every style in every charset; transfer encodings and places in the message take turns, so that each meets each.
func nameGrid() []made {
	names := []string{"Прайс-лист осень 2026.csv", "Остатки на складе.csv", "Цены опт и розница.csv"}
	content := cp1251(9)
	var out []made
	for i, s := range styles {
		for j, c := range charsets {
			n := i*len(charsets) + j
			name, transfer, frame := names[n%len(names)], transfers[n%len(transfers)], frames[n%len(frames)]
			raw := name
			if c.cm != nil {
				raw = in(c.cm, name)
			}
			out = append(out, made{
				"grid-" + s.name + "-" + c.name, fmt.Sprintf("name as %s in %s; %s content, %s", s.why, c.name, orNone(transfer), frame.name),
				frame.make("Grid "+s.name, travel(s.fields("text/csv", c.name, raw), transfer, content)),
				[]file{{path: frame.path, name: name, typ: "text/csv", content: content}},
			})
		}
	}
	return out
}

func orNone(transfer string) string {
	if transfer == "" {
		return "undeclared"
	}
	return transfer
}
