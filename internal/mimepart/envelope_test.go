package mimepart

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAddresses(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
	}{
		{"bare", "price@a.ru", []string{"price@a.ru"}},
		{"brackets", "Иван <Price@A.ru>", []string{"Price@A.ru"}},
		{"quoted name with comma", `"Иванов, Иван" <price@a.ru>`, []string{"price@a.ru"}},
		{"quoted name with an address", `"boss@trusted.ru" <price@a.ru>`, []string{"price@a.ru"}},
		{"name with an address", `boss@trusted.ru <price@a.ru>`, []string{"price@a.ru"}},
		{"encoded name", "=?utf-8?B?0JjQstCw0L0s?= <price@a.ru>", []string{"price@a.ru"}},
		{"all encoded", "=?utf-8?B?0JjQstCw0L0gPHByaWNlQGEucnU+?=", []string{"price@a.ru"}},
		{"raw 8-bit name", "\xc8\xe2\xe0\xed <price@a.ru>", []string{"price@a.ru"}},
		{"several", "a@a.ru, B <b@b.ru>,c@c.ru", []string{"a@a.ru", "b@b.ru", "c@c.ru"}},
		{"semicolons, as Outlook", "a@a.ru; b@b.ru", []string{"a@a.ru", "b@b.ru"}},
		{"group", "Sales: a@a.ru, B <b@b.ru>;, c@c.ru", []string{"a@a.ru", "b@b.ru", "c@c.ru"}},
		{"empty group", "undisclosed: ;", nil},
		{"comments", "(x <no@no.ru>) price@a.ru (the (nested) list)", []string{"price@a.ru"}},
		{"comment in brackets", "<price@a.ru(x)>", []string{"price@a.ru"}},
		{"brackets missing", "Ivan Ivanov price@a.ru", []string{"price@a.ru"}},
		{"closing bracket missing", "Ivan <price@a.ru", []string{"price@a.ru"}},
		{"doubled brackets", "Ivan <<price@a.ru>>", []string{"price@a.ru"}},
		{"two in brackets", "Ivan <a@a.ru> <b@b.ru>", []string{"a@a.ru", "b@b.ru"}},
		{"brackets without address", "price@a.ru <Ivan>", []string{"price@a.ru"}},
		{"quote not closed", `"Ivan <price@a.ru>`, []string{"price@a.ru"}},
		{"comment not closed", `Ivan (boss <price@a.ru>`, []string{"price@a.ru"}},
		{"only quoted", `"price@a.ru"`, []string{"price@a.ru"}},
		{"single quotes", `'price@a.ru'`, []string{"price@a.ru"}},
		{"quoted local part", `"the list"@a.ru`, []string{`"the list"@a.ru`}},
		{"quoted local part in brackets", `X <"a, b"@a.ru>`, []string{`"a, b"@a.ru`}},
		{"route", "<@x.ru,@y.ru:price@a.ru>", []string{"price@a.ru"}},
		{"mailto", "<mailto:price@a.ru>", []string{"price@a.ru"}},
		{"blanks around @", "price @ a.ru", []string{"price@a.ru"}},
		{"IDN as written", "<прайс@пример.рф>", []string{"прайс@пример.рф"}},
		{"punycode as written", "price@xn--e1afmkfd.xn--p1ai", []string{"price@xn--e1afmkfd.xn--p1ai"}},
		{"no domain", "root", nil},
		{"half an address", "price@, @a.ru, <@>", nil},
		{"empty", "", nil},
		{"empty brackets", "Mailer <>", nil},
		{"escaped quote in name", `"a \" <no@no.ru>" <price@a.ru>`, []string{"price@a.ru"}},
	}
	for _, tt := range tests {
		if got := parseAddresses(tt.in); !slices.Equal(got, tt.want) {
			t.Errorf("%s: parseAddresses(%q) = %q, expected %q", tt.name, tt.in, got, tt.want)
		}
	}
}

func TestDates(t *testing.T) {
	want := time.Date(2026, 11, 16, 6, 30, 58, 0, time.UTC)
	minute := want.Truncate(time.Minute)
	tests := []struct {
		in   string
		want time.Time
	}{
		{"Mon, 16 Nov 2026 09:30:58 +0300", want},
		{"16 Nov 2026 09:30:58 +0300", want},
		{"Mon, 16 Nov 2026 09:30:58 +0300 (MSK)", want},
		{"Mon, 16 Nov 2026 09:30:58 +0300 (RTZ 2 (зима))", want},
		{"Mon, 16 Nov 2026 06:30:58 GMT", want},
		{"Mon, 16 Nov 2026 06:30:58 -0000", want},
		{"Mon, 16 Nov 2026 06:30:58 UT", want},
		{"Mon, 16 Nov 2026 09:30:58 MSK", want},
		{"Mon, 16 Nov 2026 01:30:58 EST", want},
		{"Mon, 16 Nov 2026 06:30:58 XYZ", want},
		{"Mon, 16 Nov 2026 06:30:58", want},
		{"Mon, 16 Nov 26 09:30:58 +0300", want},
		{"Mon, 16-Nov-2026 09:30:58 +0300", want},
		{"Monday, 16-Nov-26 09:30:58 +0300", want},
		{"Mon, 16 Nov 2026 09:30:58 GMT+0300", want},
		{"Mon, 16 Nov 2026 09:30:58 +03:00", want},
		{"Mon, 16 Nov 2026 09:30:58+0300", want},
		{"Mon,16 Nov 2026 09:30:58 +0300", want},
		{"Mon 16 Nov 2026 09:30:58 +0300", want},
		{"Mon Nov 16 06:30:58 2026", want},
		{"Mon Nov 16 09:30:58 MSK 2026", want},
		{"16 November 2026 09:30:58 +0300", want},
		{"2026-11-16T09:30:58+03:00", want},
		{"2026-11-16T06:30:58Z", want},
		{"2026-11-16 06:30:58", want},
		{"2026-11-16 09:30:58.123 +0300", want},
		{"16.11.2026 06:30:58", want},
		{"Nov 16, 2026 06:30:58 AM", want},
		{"Mon, 16 Nov 2026 9:30:58 +0300", want},
		{"Mon, 16 Nov 2026 09:30 +0300", minute},
		{"Mon, 16 Nov 1998 09:30:58 +0300", time.Date(1998, 11, 16, 6, 30, 58, 0, time.UTC)},
		{"Mon, 16 Nov 98 09:30:58 +0300", time.Date(1998, 11, 16, 6, 30, 58, 0, time.UTC)},
		{"16 Nov 2026", time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)},
		{"", time.Time{}},
		{"yesterday", time.Time{}},
		{"31 Feb 2026 10:00:00 +0000", time.Time{}},
		{"16 Nov 2026 25:00:00 +0000", time.Time{}},
		{"16 Nov 2026 ten:00", time.Time{}},
		{"16 Nov", time.Time{}},
		{strings.Repeat("1 ", 1000), time.Time{}},
	}
	for _, tt := range tests {
		if got := parseDate(tt.in); !got.Equal(tt.want) {
			t.Errorf("parseDate(%q) = %v, expected %v", tt.in, got, tt.want)
		}
	}
}

func TestReceived(t *testing.T) {
	want := time.Date(2026, 11, 16, 6, 31, 7, 0, time.UTC)
	tests := []struct {
		name, in string
		want     time.Time
	}{
		{"usual", "from a by b with ESMTP id 1; Mon, 16 Nov 2026 09:31:07 +0300 (MSK)", want},
		{"semicolons before", "from a (x; y) by b for <c@d>; Mon, 16 Nov 2026 09:31:07 +0300", want},
		{"semicolon in the comment behind", "from a by b; Mon, 16 Nov 2026 09:31:07 +0300 (MSK; winter)", want},
		{"no date", "from a by b", time.Time{}},
		{"no semicolon", "from a by b Mon, 16 Nov 2026 09:31:07 +0300", time.Time{}},
	}
	for _, tt := range tests {
		if got := receivedDate(tt.in); !got.Equal(tt.want) {
			t.Errorf("%s: %v, expected %v", tt.name, got, tt.want)
		}
	}
}

const full = "Return-Path: <x@y.ru>\r\n" +
	"Received: from a\r\n\tby b; Mon, 16 Nov 2026 09:31:07 +0300\r\n" +
	"Received: from older; Sun, 15 Nov 2026 09:31:07 +0300\r\n" +
	"From: =?utf-8?B?0JjQstCw0L0=?=\r\n <price@a.ru>\r\n" +
	"subject:  =?utf-8?B?0J/RgNCw?=\r\n =?utf-8?B?0LnRgQ==?=\t 2026 \r\n" +
	"Subject: another\r\n" +
	"DATE: Mon, 16 Nov 2026 09:30:58 +0300\r\n" +
	"Message-Id: <1@a.ru> (added)\r\n" +
	"MIME-Version: 1.0\r\n\r\nFrom: nobody@b.ru\r\n"

// subset is what IMAP gives of full for HEADER.FIELDS, in another order of the groups.
const subset = "Message-Id: <1@a.ru> (added)\r\n" +
	"DATE: Mon, 16 Nov 2026 09:30:58 +0300\r\n" +
	"subject:  =?utf-8?B?0J/RgNCw?=\r\n =?utf-8?B?0LnRgQ==?=\t 2026 \r\n" +
	"Subject: another\r\n" +
	"From: =?utf-8?B?0JjQstCw0L0=?=\r\n <price@a.ru>\r\n" +
	"Received: from a\r\n\tby b; Mon, 16 Nov 2026 09:31:07 +0300\r\n" +
	"Received: from older; Sun, 15 Nov 2026 09:31:07 +0300\r\n\r\n"

func TestEnvelope(t *testing.T) {
	sum := sha256.Sum256([]byte("<1@a.ru> (added)\nMon, 16 Nov 2026 09:30:58 +0300\n=?utf-8?B?0JjQstCw0L0=?= <price@a.ru>\n=?utf-8?B?0J/RgNCw?= =?utf-8?B?0LnRgQ==?= 2026"))
	got := Envelope([]byte(full))
	if want := "v1:" + hex.EncodeToString(sum[:]); got.Fingerprint != want {
		t.Errorf("fingerprint %s, expected %s", got.Fingerprint, want)
	}
	if got.Subject != "Прайс\t 2026" || got.MessageID != "<1@a.ru>" || !slices.Equal(got.From, []string{"price@a.ru"}) {
		t.Errorf("envelope is %+v", got)
	}
	if !got.Date.Equal(time.Date(2026, 11, 16, 6, 30, 58, 0, time.UTC)) || !got.Received.Equal(time.Date(2026, 11, 16, 6, 31, 7, 0, time.UTC)) {
		t.Errorf("date %v, received %v", got.Date, got.Received)
	}
	if got.Size != -1 || got.Ref.ID != "" {
		t.Errorf("size %d, ref %+v: not for Envelope to know", got.Size, got.Ref)
	}
	if diff := cmp.Diff(got, Envelope([]byte(subset))); diff != "" {
		t.Errorf("the subset of IMAP gives another envelope:\n%s", diff)
	}
}

func TestFingerprint(t *testing.T) {
	base := "From: a@a.ru\nSubject: s\nDate: d\nMessage-ID: <1>\nReceived: r1\n"
	same := map[string]string{
		"CRLF":            strings.ReplaceAll(base, "\n", "\r\n"),
		"folded":          "From:\r\n a@a.ru\r\nSubject:\ts\r\nDate: d  \r\nMessage-ID: <1>\r\n",
		"other order":     "Message-ID: <1>\nReceived: r1\nDate: d\nSubject: s\nFrom: a@a.ru\n",
		"other Received":  strings.Replace(base, "r1", "r2", 1),
		"second fields":   base + "From: b@b.ru\nMessage-ID: <2>\n",
		"byte order mark": "\xef\xbb\xbf" + base,
		"mbox line":       "From a@a.ru Mon Nov 16 09:30:58 2026\n" + base,
		"blank lines":     "\r\n\r\n" + base,
		"bad lines":       "no field\n continued\n" + base + "8bit\xff: x\n",
		"other fields":    "To: x\n" + base + "X: y\n",
		"body":            base + "\nFrom: c@c.ru\n",
	}
	want := Envelope([]byte(base)).Fingerprint
	for name, h := range same {
		if got := Envelope([]byte(h)).Fingerprint; got != want {
			t.Errorf("%s: another fingerprint", name)
		}
	}
	seen := map[string]string{want: "base"}
	for name, h := range map[string]string{
		"other From":             strings.Replace(base, "a@a", "b@a", 1),
		"other Subject":          strings.Replace(base, ": s", ": t", 1),
		"other Date":             strings.Replace(base, ": d", ": e", 1),
		"other Message-ID":       strings.Replace(base, "<1>", "<2>", 1),
		"no Message-ID":          strings.Replace(base, "Message-ID: <1>\n", "", 1),
		"no Message-ID, other R": strings.Replace(strings.Replace(base, "Message-ID: <1>\n", "", 1), "r1", "r2", 1),
		"no Date":                strings.Replace(base, "Date: d\n", "", 1),
		"empty Date, other R":    strings.Replace(strings.Replace(base, "Date: d", "Date: ", 1), "r1", "r2", 1),
		"raw bytes":              strings.Replace(base, ": s", ": \xcf", 1),
		"other raw bytes":        strings.Replace(base, ": s", ": \xd0", 1),
		"nothing":                "",
	} {
		got := Envelope([]byte(h)).Fingerprint
		if other, ok := seen[got]; ok {
			t.Errorf("%s: the fingerprint of %s", name, other)
		}
		seen[got] = name
	}
}

func TestEnvelopeRaw(t *testing.T) {
	got := Envelope([]byte("From: \"\xce\xce\xce\" <a@a.ru>\r\nSubject: \xcf\xf0\xe0\xe9\xf1\r\nMessage-ID: bare\r\n"))
	if got.Subject != "Прайс" || got.MessageID != "bare" || !slices.Equal(got.From, []string{"a@a.ru"}) {
		t.Errorf("envelope is %+v", got)
	}
	hinted := Envelope([]byte("From: =?koi8-r?Q?=F0?= <a@a.ru>\r\nSubject: \xe3\xe5\r\n"))
	if hinted.Subject != "ЦЕ" {
		t.Errorf("subject %q, expected the charset of From to be taken", hinted.Subject)
	}
}
