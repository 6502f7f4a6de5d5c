package mimepart

import (
	"strings"
	"testing"
	"time"
)

func TestFileName(t *testing.T) {
	tests := []struct{ name, field, want, raw string }{
		{"quoted", `attachment; filename="price.xls"`, "price.xls", "price.xls"},
		{"token", `attachment; filename=price.xls`, "price.xls", "price.xls"},
		{"no blank, capitals", `Attachment;FileName=price.xls;size=1`, "price.xls", "price.xls"},
		{"blanks around =", `attachment; filename = "price.xls" ; size = 1`, "price.xls", "price.xls"},
		{"blanks unquoted", `attachment; filename=price list 2.xls; size=1`, "price list 2.xls", "price list 2.xls"},
		{"brackets unquoted", `attachment; filename=price (2).xls`, "price (2).xls", "price (2).xls"},
		{"semicolon quoted", `attachment; filename="a; b.xls"`, "a; b.xls", "a; b.xls"},
		{"no closing quote", `attachment; filename="price.xls`, "price.xls", "price.xls"},
		{"no closing quote, more behind", `attachment; filename="price.xls; size=5`, "price.xls", "price.xls"},
		{"quotes inside", `attachment; filename="a "b" c.xls"; size=5`, `a "b" c.xls`, `a "b" c.xls`},
		{"escaped", `attachment; filename="a\"b\\c.xls"`, `a"b\c.xls`, `a"b\c.xls`},
		{"Windows path", `attachment; filename="C:\lists\price.xls"`, `C:\lists\price.xls`, `C:\lists\price.xls`},
		{"Windows folder", `attachment; filename="C:\lists\"; size=1`, `C:\lists\`, `C:\lists\`},
		{"semicolon forgotten", `attachment filename="price.xls" size=1`, "price.xls", "price.xls"},
		{"semicolon forgotten, token", `attachment; filename=price.xls size=1`, "price.xls", "price.xls"},
		{"comment", `attachment (a file); filename="price.xls" (the list)`, "price.xls", "price.xls"},
		{"field begins with the parameter", `filename="price.xls"`, "price.xls", "price.xls"},
		{"empty, then one", `attachment; filename=; filename*=utf-8''a.xls`, "a.xls", "utf-8''a.xls"},
		{"first wins", `attachment; filename=a.xls; filename=b.xls`, "a.xls", "a.xls"},
		{"extended first", `attachment; filename=a.xls; filename*=utf-8''%D0%9F.xls`, "П.xls", "utf-8''%D0%9F.xls"},
		{"extended, quoted", `attachment; filename*="utf-8'ru'%D0%9F.xls"`, "П.xls", "utf-8'ru'%D0%9F.xls"},
		{"extended, no charset", `attachment; filename*=''%CF%F0%E0%E9%F1.xls`, "Прайс.xls", "''%CF%F0%E0%E9%F1.xls"},
		{"extended, no quotes at all", `attachment; filename*=%D0%9F.xls`, "П.xls", "%D0%9F.xls"},
		{"extended, stray percent", `attachment; filename*=utf-8''100%.xls`, "100%.xls", "utf-8''100%.xls"},
		{"extended, unknown charset", `attachment; filename*=nobody''%CF%F0%E0%E9%F1.xls`, "Прайс.xls", "nobody''%CF%F0%E0%E9%F1.xls"},
		{"extended, wrong charset", `attachment; filename*=utf-8''%CF%F0%E0%E9%F1.xls`, "Прайс.xls", "utf-8''%CF%F0%E0%E9%F1.xls"},
		{"pieces plain", `attachment; filename*0="price-"; filename*1="list.xls"`, "price-list.xls", "price-list.xls"},
		{"pieces from 1", `attachment; filename*1=price-; filename*2=list.xls`, "price-list.xls", "price-list.xls"},
		{"pieces out of order", `attachment; filename*1=b; filename*2=c.xls; filename*0=a`, "abc.xls", "abc.xls"},
		{"piece twice", `attachment; filename*0=a; filename*0=x; filename*1=b`, "ab", "ab"},
		{"ten pieces", `attachment; filename*10=k; filename*9=j; filename*0=a; filename*1=b`, "abjk", "abjk"},
		{"pieces mixed", `attachment; filename*0*=koi8-r''%F0%D2; filename*1=".xls"`, "Пр.xls", "koi8-r''%F0%D2.xls"},
		{"pieces with encoded words", `attachment; filename*0="=?utf-8?B?0J"; filename*1="8=?=.xls"`, "П.xls", "=?utf-8?B?0J8=?=.xls"},
		{"encoded word unquoted with semicolon", `attachment; filename==?utf-8?Q?a;b=D0=9F?=.xls; size=1`, "a;bП.xls", "=?utf-8?Q?a;b=D0=9F?=.xls"},
		{"raw 8-bit unquoted", "attachment; filename=\xcf\xf0\xe0\xe9\xf1 \xeb\xe8\xf1\xf2.xls", "Прайс лист.xls", "\xcf\xf0\xe0\xe9\xf1 \xeb\xe8\xf1\xf2.xls"},
		{"name for filename", `attachment; name=price.xls`, "price.xls", "price.xls"},
		{"decomposed", "attachment; filename=\"и\u0306.xls\"", "й.xls", "и\u0306.xls"},
		{"blank name", `attachment; filename="  "`, "", ""},
		{"none", `attachment`, "", ""},
		{"only noise", `;;; ;==;"`, "", ""},
	}
	for _, tt := range tests {
		w := &walker{}
		_, params := parseParams(tt.field)
		name, raw := w.name(params, nil)
		if name != tt.want || raw != tt.raw {
			t.Errorf("%s: %q gives %q raw %q, expected %q raw %q", tt.name, tt.field, name, raw, tt.want, tt.raw)
		}
	}
}

func TestContentType(t *testing.T) {
	tests := []struct{ field, typ, boundary, charset string }{
		{`Multipart/Mixed; boundary="a b"`, "multipart/mixed", "a b", ""},
		{`multipart/mixed; boundary=a:b=?; charset=x`, "multipart/mixed", "a:b=?", "x"},
		{`multipart/mixed boundary=ab`, "multipart/mixed", "ab", ""},
		{`multipart/mixed; type="text/html"; boundary=" lead "`, "multipart/mixed", "lead", ""},
		{`multipart/mixed; boundary*0="ab"; boundary*1="cd"`, "multipart/mixed", "abcd", ""},
		{`text/csv; charset=windows-1251; header=present`, "text/csv", "", "windows-1251"},
		{`"text/csv"; charset="cp1251"`, "text/csv", "", "cp1251"},
		{`text/plain (plain) ; charset=utf-8`, "text/plain", "", "utf-8"},
		{`charset=utf-8`, "text/plain", "", "utf-8"},
		{``, "text/plain", "", ""},
		{`text`, "text/plain", "", ""},
		{`xls; name=a`, "application/octet-stream", "", ""},
		{`/; name=a`, "application/octet-stream", "", ""},
	}
	for _, tt := range tests {
		typ, params := parseParams(tt.field)
		if got := mediaType(typ, "text/plain"); got != tt.typ {
			t.Errorf("%q: type %q, expected %q", tt.field, got, tt.typ)
		}
		if got := token(params, "boundary"); got != tt.boundary {
			t.Errorf("%q: boundary %q, expected %q", tt.field, got, tt.boundary)
		}
		if got := token(params, "charset"); got != tt.charset {
			t.Errorf("%q: charset %q, expected %q", tt.field, got, tt.charset)
		}
	}
}

// TestFieldsHostile: a field of the greatest size allowed, made to be read over and over, is read in passable time.
func TestFieldsHostile(t *testing.T) {
	const size = 64 << 10
	for _, unit := range []string{`"`, `" `, `\"`, `\";`, ` `, ` "a`, `;`, `a;`, `a=`, `=?`, `=?a?b?`, `=?a?b?x?=`, `(`, `<`, `,`, `:`, `@ `, `a @`, `'`, `%`,
		`;f*0=a`, "\xcf", `"\";`, `"(`, `<"`} {
		s := strings.Repeat(unit, size/len(unit))
		start := time.Now()
		_, params := parseParams("a; filename=" + s)
		fileName(params, "filename", "")
		_, params = parseParams(s)
		fileName(params, "f", "")
		parseAddresses(s)
		decodeText(s, "")
		parseDate(s)
		receivedDate(s)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%q repeated: took %v", unit, took)
		} else if took > time.Second {
			t.Logf("%q repeated: took %v", unit, took)
		}
	}
}
