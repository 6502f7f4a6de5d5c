package mimepart_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest/corpus"
	"pricefetch/internal/mimepart"
)

// FuzzWalk: any bytes can be walked to their end, paths are unique, names are readable, and nothing depends on how the
// bytes arrive.
func FuzzWalk(f *testing.F) {
	for _, s := range corpus.Samples() {
		if len(s.Raw) < 32<<10 {
			f.Add(s.Raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, text := range []bool{true, false} {
			walkTwice(t, raw, text)
		}
	})
}

// FuzzTNEF: any bytes behind the signature of a winmail.dat.
func FuzzTNEF(f *testing.F) {
	for _, content := range contents("tnef-") {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		walkTwice(t, append([]byte("Content-Type: application/ms-tnef\r\n\r\nx\x9f>\""), content[min(len(content), 4):]...), false)
	})
}

// FuzzSigned: any bytes behind the beginning of a signed message.
func FuzzSigned(f *testing.F) {
	for _, content := range contents("smime-") {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		walkTwice(t, append([]byte("Content-Type: application/pkcs7-mime\r\n\r\n"), content...), false)
	})
}

// FuzzUU: any text behind the first line of a uuencoded file.
func FuzzUU(f *testing.F) {
	for _, s := range corpus.Samples() {
		if strings.HasPrefix(s.Name, "uu-") {
			_, text, _ := bytes.Cut(s.Raw, []byte("\nbegin 644 "))
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		walkTwice(t, append([]byte("\r\n\r\nbegin 644 "), text...), false)
	})
}

// contents are the base64 contents in the samples whose names begin so.
func contents(prefix string) (out [][]byte) {
	for _, s := range corpus.Samples() {
		_, text, ok := bytes.Cut(s.Raw, []byte("Content-Transfer-Encoding: base64\r\n\r\n"))
		if !ok || !strings.HasPrefix(s.Name, prefix) {
			continue
		}
		text, _, _ = bytes.Cut(text, []byte("\r\n--"))
		content, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(text), "\r\n", ""))
		if err == nil {
			out = append(out, content)
		}
	}
	return out
}

// walkTwice walks a message at once and byte by byte.
func walkTwice(t *testing.T, raw []byte, text bool) {
	whole := walkAll(t, bytes.NewReader(raw), text)
	bitten := walkAll(t, iotest.OneByteReader(bytes.NewReader(raw)), text)
	if whole != bitten {
		t.Errorf("read at once and byte by byte differ")
	}
}

// walkAll returns a digest of everything that a walk gives. text: body text is wanted too, and so not searched.
func walkAll(t *testing.T, r io.Reader, text bool) [32]byte {
	sum := sha256.New()
	paths := map[string]bool{}
	err := mimepart.Walk(r, mimepart.Visitor{
		Header: func(raw []byte) { sum.Write(raw) },
		Want: func(p mail.Part) bool {
			if paths[p.Path] || p.Path == "" {
				t.Errorf("path %q occurs twice or is empty", p.Path)
			}
			paths[p.Path] = true
			if !utf8.ValidString(p.Name) || !norm.NFC.IsNormalString(p.Name) || p.Attachment != (p.Name != "") {
				t.Errorf("part %+v", p)
			}
			sum.Write([]byte(p.Path + p.Name + p.RawName + p.Type + p.Disposition + p.ContentID))
			return text || p.Attachment
		},
		Part: func(_ mail.Part, r io.Reader) error {
			if _, err := io.Copy(sum, r); err != nil && !errors.Is(err, mail.ErrDamaged) {
				t.Errorf("read part: %v", err)
			} else if err != nil {
				sum.Write([]byte(err.Error()))
			}
			return nil
		},
	}, mimepart.Limits{})
	if err != nil {
		if mail.ClassOf(err) != mail.Message {
			t.Errorf("walk: %v", err)
		}
		sum.Write([]byte(err.Error()))
	}
	return [32]byte(sum.Sum(nil))
}

// FuzzEnvelope: any header gives an envelope with readable text.
func FuzzEnvelope(f *testing.F) {
	for _, s := range corpus.Samples() {
		head, _, _ := bytes.Cut(s.Raw, []byte("\r\n\r\n"))
		f.Add(head)
	}
	f.Add([]byte("From: \"a, b\" <x@y.ru>, g: c@d.ru (x;y);\nDate: Mon Nov 16 09:30 26 MSK\nSubject: =?koi8-r?Q?=F0?= =?x?B?a?="))
	f.Fuzz(func(t *testing.T, raw []byte) {
		env := mimepart.Envelope(raw)
		if !utf8.ValidString(env.Subject) || !utf8.ValidString(env.MessageID) || len(env.Fingerprint) != 3+64 {
			t.Errorf("envelope %+v", env)
		}
		for _, a := range env.From {
			if !utf8.ValidString(a) || !bytes.ContainsRune([]byte(a), '@') {
				t.Errorf("address %q", a)
			}
		}
	})
}

// FuzzParams: any Content-Disposition gives a readable name or none.
func FuzzParams(f *testing.F) {
	for _, s := range []string{
		`attachment; filename="a.xls"`, `attachment; filename*0*=koi8-r''%F0; filename*1="b\"c.xls"`, "attachment; filename=\xcf\xf0.xls size=1",
		`inline; filename="a "b"; c.xls`, `x; filename==?utf-8?B?0J8=?= =?utf-8?Q?=D0?=`, `filename*=''%`, `a (b; c="d"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		walkAll(t, bytes.NewReader([]byte("Content-Disposition: "+value+"\r\n\r\n")), true)
	})
}
