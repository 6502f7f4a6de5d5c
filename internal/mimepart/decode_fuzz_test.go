package mimepart

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"pricefetch/internal/mail"
)

// decoded is the content of the only part of a message with that transfer encoding.
func decoded(t *testing.T, encoding string, body []byte, arriving func(io.Reader) io.Reader) (content []byte, err error) {
	t.Helper()
	head := "Content-Type: application/octet-stream; name=x\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n"
	werr := Walk(arriving(io.MultiReader(strings.NewReader(head), bytes.NewReader(body))), Visitor{
		Header: func([]byte) {}, Want: func(mail.Part) bool { return true },
		Part: func(_ mail.Part, r io.Reader) error {
			content, err = io.ReadAll(r)
			return nil
		},
	}, Limits{})
	if werr != nil {
		t.Errorf("walk: %v", werr)
	}
	return content, err
}

func atOnce(r io.Reader) io.Reader { return r }

// FuzzBase64: what the standard library encodes comes back, in lines of any length; anything else is no larger than three
// quarters of it, and does not depend on how it arrives.
func FuzzBase64(f *testing.F) {
	for _, s := range []string{"", "a", "ab", "abc", "1;2\r\n3;4\r\n", "QUJD\r\nQUI=\r\nfooter", "====", "QQ==QUI=QUJD", "Q U J D\x00\xff", strings.Repeat("A", 300)} {
		f.Add([]byte(s), uint8(76))
	}
	f.Fuzz(func(t *testing.T, data []byte, width uint8) {
		var lines strings.Builder
		for text := base64.StdEncoding.EncodeToString(data); text != ""; {
			n := min(len(text), max(1, int(width)))
			lines.WriteString(text[:n] + "\r\n")
			text = text[n:]
		}
		if got, err := decoded(t, "base64", []byte(lines.String()), atOnce); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%q in lines of %d came back as %q, %v", data, width, got, err)
		}
		whole, err := decoded(t, "base64", data, atOnce)
		bitten, err1 := decoded(t, "base64", data, iotest.OneByteReader)
		if !bytes.Equal(whole, bitten) || (err == nil) != (err1 == nil) || len(whole) > len(data)*3/4+3 || err != nil && !errors.Is(err, mail.ErrDamaged) {
			t.Errorf("%q: at once %q, %v; by octets %q, %v", data, whole, err, bitten, err1)
		}
	})
}

// FuzzQuotedPrintable: the same for quoted-printable, which never grows.
func FuzzQuotedPrintable(f *testing.F) {
	for _, s := range []string{"", "Прайс;1\r\n", "=CF=F0=E0=E9=F1", "soft=\r\nbreak", "=", "=\r", "=4", "=xy", "a  \r\n", strings.Repeat("=", 300), strings.Repeat("x", 200)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var text bytes.Buffer
		w := quotedprintable.NewWriter(&text)
		w.Binary = true
		if _, err := w.Write(data); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		if got, err := decoded(t, "quoted-printable", text.Bytes(), atOnce); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%q came back as %q, %v", data, got, err)
		}
		whole, err := decoded(t, "quoted-printable", data, atOnce)
		bitten, err1 := decoded(t, "quoted-printable", data, iotest.OneByteReader)
		if !bytes.Equal(whole, bitten) || (err == nil) != (err1 == nil) || len(whole) > len(data) {
			t.Errorf("%q: at once %q, %v; by octets %q, %v", data, whole, err, bitten, err1)
		}
	})
}

// FuzzEncodedWords: what the standard library encodes comes back; anything else gives readable text of a bounded length.
func FuzzEncodedWords(f *testing.F) {
	for _, s := range []string{"Прайс-лист 5", "=?utf-8?B?0J8=?= =?utf-8?Q?=D0?=", "=?koi8-r?Q?=F0?=", "=?x?B?a?=", "=?utf-8*ru?q?_?=", "a =?? b", strings.Repeat("=?", 50), "\xcf\xf0\xe0"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, inBase64 bool) {
		got := decodeText(s, "")
		if !utf8.ValidString(got) || len(got) > 4*len(s)+4 {
			t.Errorf("%q is read as %q", s, got)
		}
		if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || strings.Contains(s, "=?") || s == "" {
			return // not what an encoder would be given, or nothing to encode
		}
		encoder := mime.QEncoding
		if inBase64 {
			encoder = mime.BEncoding
		}
		if back := decodeText(encoder.Encode("utf-8", s), ""); back != s {
			t.Errorf("%q is encoded as %q, and that read as %q", s, encoder.Encode("utf-8", s), back)
		}
	})
}

// FuzzAddresses: every address that is found has a domain and is readable; what the standard library writes is read alike;
// and addresses that were read, written as a list, are read again.
func FuzzAddresses(f *testing.F) {
	for _, s := range []string{
		"price@a.ru", "Прайс <price@a.ru>", `"a, b" <x@y.ru>, g: c@d.ru (x;y), e@f.ru;`, "<@route.ru:x@y.ru>", `"<a@b.ru>" <c@d.ru>`, "a@b.ru (c@d.ru)", "=?utf-8?B?0J8=?= <a@b.ru>",
		`"quoted local"@a.ru`, "a @ b . ru", "<<a@b.ru>>", "a@b@c", "a@[127.0.0.1]", `\"<a@b.ru>`, "undisclosed-recipients:;", strings.Repeat("(", 100) + "a@b.ru", strings.Repeat("a@b.ru,", 20),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		found := parseAddresses(s)
		total := 0
		for _, a := range found {
			at := strings.LastIndexByte(a, '@')
			if !utf8.ValidString(a) || at < 1 || at == len(a)-1 {
				t.Errorf("%q has the address %q", s, a)
			}
			total += len(a)
		}
		if total > 4*len(s)+4 {
			t.Errorf("%d bytes give %d of addresses", len(s), total)
		}
		list, err := netmail.ParseAddressList(s)
		if err != nil || strings.ContainsAny(s, "\"\\()=?:;<>[]'`") || !utf8.ValidString(s) {
			return // not to be compared: the library decodes, or refuses what is in use
		}
		if len(list) != len(found) {
			t.Errorf("%q: %q, the library finds %v", s, found, list)
			return
		}
		for i, a := range list {
			if a.Address != found[i] {
				t.Errorf("%q: %q, the library finds %q", s, found[i], a.Address)
			}
		}
	})
}

// FuzzDates: a date that is read, written as RFC 5322 wants it, is read as the same moment; nothing outside of four digits
// of a year is a date.
func FuzzDates(f *testing.F) {
	for _, s := range []string{
		"Mon, 16 Nov 2026 09:30:00 +0300", "16 Nov 26 09:30 MSK", "2026-11-16T09:30:00Z", "Mon Nov 16 09:30:00 2026", "Mon, 16 Nov 2026 24:00:00 +0000", "31 Feb 2026 00:00:00 +0000",
		"Mon, 16 Nov 2026 09:30:60 +9999", "(comment) 1 Jan 1970 00:00:00 -0000", "99999999999 Nov 99999", "Пн, 16 ноя 2026 09:30",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := parseDate(s)
		if got.IsZero() {
			return
		}
		if got.Location() != time.UTC || got.Year() < 0 || got.Year() > 9999 {
			t.Errorf("%q is read as %v", s, got)
		}
		if got.Year() < 1900 {
			return // two digits would be taken for another century
		}
		for _, layout := range []string{time.RFC1123Z, "2 Jan 2006 15:04:05 -0700"} {
			if again := parseDate(got.Format(layout)); !again.Equal(got.Truncate(time.Second)) {
				t.Errorf("%q is read as %v, which is written as %q and read as %v", s, got, got.Format(layout), again)
			}
		}
	})
}
