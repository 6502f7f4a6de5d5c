package corpus

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// crlf gives a text CRLF line ends.
func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// head is the header of a supplier's message, up to its own Content fields.
func head(from, subject string) string {
	id := sha256.Sum256([]byte(from + subject))
	return crlf(fmt.Sprintf(`Received: from mx.example.ru (mx.example.ru [192.0.2.1])
	by mail.example.net with ESMTPS id 4XyZ; Mon, 16 Nov 2026 09:31:07 +0300 (MSK)
Received: from [10.0.0.7] by mx.example.ru; Mon, 16 Nov 2026 09:31:02 +0300
From: %s
To: price@shop.example
Subject: %s
Date: Mon, 16 Nov 2026 09:30:58 +0300
Message-ID: <%x@supplier.example>
MIME-Version: 1.0
`, from, subject, id[:6]))
}

// price is the usual header.
func price(subject string) string { return head("prices@supplier.example", subject) }

// single is a message without parts.
func single(head, fields, body string) string { return head + crlf(fields) + "\r\n" + body }

// multi is a multipart message.
func multi(head, kind, boundary string, parts ...string) string {
	return head + body(kind, boundary, parts...)
}

// body is a multipart with its Content-Type: a part of its own or the rest of a message.
func body(kind, boundary string, parts ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Content-Type: multipart/%s; boundary=\"%s\"\r\n\r\n", kind, boundary)
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\r\n%s\r\n", boundary, p)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.String()
}

// part is one part: fields, with "\n" between them, and content as it stands.
func part(fields, content string) string { return crlf(fields) + "\r\n\r\n" + content }

// note is the text that people write around a price list.
func note() string {
	return part("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit", crlf("Добрый день!\nПрайс во вложении.\n"))
}

// encoded is a part whose content is in base64 with lines of 76 characters.
func encoded(fields, content string) string {
	return part(fields+"\nContent-Transfer-Encoding: base64", lines64(content, 76))
}

func lines64(content string, width int) string {
	s := base64.StdEncoding.EncodeToString([]byte(content))
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + "\r\n")
		s = s[width:]
	}
	return b.String() + s
}

func quoted(content string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(content)); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// in encodes a text in a Cyrillic charset.
func in(c *charmap.Charmap, s string) string {
	out, err := c.NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return out
}

// percent is the escaped form of RFC 2231.
func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// wordB and wordQ are encoded words of RFC 2047.
func wordB(charset, s string) string {
	return "=?" + charset + "?B?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
}

func wordQ(charset, s string) string {
	return "=?" + charset + "?Q?" + strings.NewReplacer("%", "=", "%20", "_").Replace(percent(s)) + "?="
}

// table is a price list as text.
func table(rows int) string {
	var b strings.Builder
	b.WriteString("Артикул;Наименование;Цена;Остаток\r\n")
	for i := range rows {
		fmt.Fprintf(&b, "%05d;Фильтр масляный №%d;%d,50;%d\r\n", 10001+i, i+1, 349+i*7, i%12)
	}
	return b.String()
}

// cp1251 is the same in the charset that such lists mostly have.
func cp1251(rows int) string { return in(charmap.Windows1251, table(rows)) }

// xls looks like a workbook: the signature and bytes of all values.
func xls(size int, seed string) string {
	b := []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	for i := 0; len(b) < size; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", seed, i))
		b = append(b, sum[:]...)
	}
	return string(b[:size])
}

// zipped is an archive with one member.
func zipped(member, content string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: member, Method: zip.Store})
	if err != nil {
		panic(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

const (
	excel = "application/vnd.ms-excel"
	octet = "application/octet-stream"
	png   = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06"
)

// list is the commonest message there is: a note and one workbook, with the fields of its part given.
func list(subject, fields, content string) string {
	return multi(price(subject), "mixed", "----=_Part_7", note(), encoded(fields, content))
}

// one is what comes out of it.
func one(name, typ, content string) []file {
	return []file{{path: "2", name: name, typ: typ, content: content}}
}
