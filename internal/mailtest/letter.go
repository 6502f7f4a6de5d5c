package mailtest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// NameEncoding is how a mail program writes the name of an attachment.
type NameEncoding int

const (
	RFC2231      NameEncoding = iota // filename*=UTF-8''%D0… (the standard)
	RFC2231Parts                     // filename*0*=…; filename*1*=… (RFC 2231 section 3)
	RFC2047B                         // filename="=?UTF-8?B?…?=" (forbidden by RFC 2047 section 5, and everywhere)
	RFC2047Q                         // filename="=?UTF-8?Q?…?="
	RFC2047KOI8                      // filename="=?koi8-r?B?…?="
	RawUTF8                          // filename="прайс.xls", eight-bit
	RawCP1251                        // the same in Windows-1251
	TypeOnly                         // no filename, only name= of Content-Type, in RFC 2047 B
)

const (
	lineLength    = 76 // RFC 2045 section 6.8
	segmentLength = 13 // octets of a name in one RFC 2231 segment; odd, so that characters are split
)

// Attachment is one file of a letter.
type Attachment struct {
	Name     string
	Type     string // media type; "": application/octet-stream
	Content  []byte
	Encoding NameEncoding
	Inline   bool // Content-Disposition: inline
	Quoted   bool // quoted-printable instead of base64
}

// MessageOptions describe a supplier's letter. What is left zero is made up, or left out where that is said.
type MessageOptions struct {
	From     string    // mailbox of From as in a header, display name in UTF-8: `ООО «Запчасть» <price@a.ru>`
	To       string    // default price@example.ru
	Subject  string    // UTF-8; "": no Subject field
	Date     time.Time // zero: no Date field
	ID       string    // Message-ID without angle brackets; "": no such field
	Received time.Time // of the topmost Received field; zero: none
	Text     string    // of the body; default a short Russian one
	HTML     bool      // the body also as HTML, in a multipart/alternative
	Files    []Attachment
}

// Message returns the raw letter with CRLF as line ends. The same options give the same octets.
func Message(o MessageOptions) []byte {
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	if !o.Received.IsZero() {
		header("Received", "from mx.supplier.example (mx.supplier.example [192.0.2.7])\r\n\tby mail.example.ru with ESMTPS id 4F2a; "+
			o.Received.Format(time.RFC1123Z))
	}
	if !o.Date.IsZero() {
		header("Date", o.Date.Format(time.RFC1123Z))
	}
	header("From", addressField(o.From))
	header("To", addressField(orElse(o.To, "price@example.ru")))
	if o.Subject != "" {
		header("Subject", words(mime.BEncoding, "utf-8", o.Subject))
	}
	if o.ID != "" {
		header("Message-ID", "<"+o.ID+">")
	}
	header("MIME-Version", "1.0")
	text := orElse(o.Text, "Добрый день!\r\n\r\nВо вложении актуальный прайс-лист.\r\n..\r\nС уважением, отдел продаж\r\n")
	if len(o.Files) == 0 {
		body(&b, text, o.HTML)
		return b.Bytes()
	}
	const boundary = "=_mixed_7b1f0c52"
	header("Content-Type", `multipart/mixed; boundary="`+boundary+`"`)
	b.WriteString("\r\nThis is a multi-part message in MIME format.\r\n--" + boundary + "\r\n")
	body(&b, text, o.HTML)
	for _, f := range o.Files {
		b.WriteString("--" + boundary + "\r\n")
		attach(&b, f)
	}
	b.WriteString("--" + boundary + "--\r\n")
	return b.Bytes()
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// addressField encodes the display name of a mailbox and leaves its address alone.
func addressField(s string) string {
	name, address, found := strings.Cut(s, " <")
	if !found {
		return s
	}
	return words(mime.BEncoding, "utf-8", name) + " <" + address
}

// words encodes s in RFC 2047 words, one a line; ASCII stays as it is.
func words(e mime.WordEncoder, charset, s string) string {
	return strings.ReplaceAll(e.Encode(charset, s), "?= =?", "?=\r\n =?")
}

// body writes the text with its part header, alone or beside its HTML form.
func body(b *bytes.Buffer, text string, withHTML bool) {
	if !withHTML {
		textPart(b, "text/plain", text)
		return
	}
	const boundary = "=_alternative_7b1f0c53"
	fmt.Fprintf(b, "Content-Type: multipart/alternative;\r\n\tboundary=%q\r\n\r\n", boundary)
	fmt.Fprintf(b, "--%s\r\n", boundary)
	textPart(b, "text/plain", text)
	fmt.Fprintf(b, "--%s\r\n", boundary)
	textPart(b, "text/html", "<html><body><p>"+strings.ReplaceAll(text, "\r\n", "<br>\r\n")+"</p></body></html>\r\n")
	fmt.Fprintf(b, "--%s--\r\n", boundary)
}

func textPart(b *bytes.Buffer, mediaType, text string) {
	fmt.Fprintf(b, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s\r\n", mediaType,
		strings.TrimSuffix(text, "\r\n"))
}

// attach writes one attachment with its part header.
func attach(b *bytes.Buffer, f Attachment) {
	disposition := "attachment"
	if f.Inline {
		disposition = "inline"
	}
	fmt.Fprintf(b, "Content-Type: %s", orElse(f.Type, "application/octet-stream"))
	if f.Encoding == TypeOnly {
		b.WriteString(";\r\n\t" + parameter("name", f.Name, RFC2047B) + "\r\n")
	} else {
		fmt.Fprintf(b, "\r\nContent-Disposition: %s;\r\n\t%s\r\n", disposition, parameter("filename", f.Name, f.Encoding))
	}
	if f.Quoted {
		b.WriteString("Content-Transfer-Encoding: quoted-printable\r\n\r\n")
		w := quotedprintable.NewWriter(b)
		w.Binary = true
		_, _ = w.Write(f.Content) // a buffer takes everything
		_ = w.Close()
		b.WriteString("\r\n")
		return
	}
	b.WriteString("Content-Transfer-Encoding: base64\r\n\r\n")
	text := base64.StdEncoding.EncodeToString(f.Content)
	for len(text) > lineLength {
		b.WriteString(text[:lineLength] + "\r\n")
		text = text[lineLength:]
	}
	b.WriteString(text + "\r\n")
}

// parameter returns name=value of a MIME field in the given encoding.
func parameter(name, value string, e NameEncoding) string {
	switch e {
	case RFC2231:
		return name + "*=UTF-8''" + percent([]byte(value))
	case RFC2231Parts:
		return segments(name, []byte(value))
	case RFC2047Q:
		return name + `="` + words(mime.QEncoding, "utf-8", value) + `"`
	case RFC2047KOI8:
		encoded := base64.StdEncoding.EncodeToString(inCharset(charmap.KOI8R, value))
		return name + `="=?koi8-r?B?` + encoded + `?="`
	case RawUTF8:
		return name + `="` + value + `"`
	case RawCP1251:
		return name + `="` + string(cp1251(value)) + `"`
	default:
		return name + `="` + words(mime.BEncoding, "utf-8", value) + `"`
	}
}

// segments splits a value into RFC 2231 continuations, inside characters where it falls so.
func segments(name string, value []byte) string {
	var out []string
	prefix := "UTF-8''"
	for i := 0; len(value) > 0; i++ {
		n := min(segmentLength, len(value))
		out = append(out, fmt.Sprintf("%s*%d*=%s%s", name, i, prefix, percent(value[:n])))
		value, prefix = value[n:], ""
	}
	return strings.Join(out, ";\r\n\t")
}

// percent encodes octets as RFC 2231 section 7 asks: all but letters, digits, dot, hyphen and underscore.
func percent(value []byte) string {
	var b strings.Builder
	for _, c := range value {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
