package mimepart

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pricefetch/internal/mail"
)

// Bodies that no empty line separates from their headers, longer than the buffer, one after the other: none loses a byte.
func TestWalkLongUnseparatedBodies(t *testing.T) {
	body := strings.Repeat("1;2;3\r\n", 30_000)
	msg := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: text/csv; name=p.csv\r\n"+body, 5) + "--b--\r\n"
	g, err := visit(strings.NewReader(msg), Limits{}, nil)
	if err != nil || len(g.leaves) != 5 {
		t.Fatalf("%d parts, %v", len(g.leaves), err)
	}
	for path, content := range g.contents {
		if content+"\r\n" != body || g.errs[path] != nil {
			t.Errorf("part %s has %d bytes of %d, %v", path, len(content), len(body)-2, g.errs[path])
		}
	}
}

// What passes a bound is refused whole: nothing is cut that would cost an attachment.
func TestWalkBounds(t *testing.T) {
	part := func(field string) string {
		return "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + field + "\r\n\r\n1\r\n--b--\r\n"
	}
	encoded := func(n int) string {
		return strings.Repeat("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", n) + "Content-Type: text/csv; name=p.csv\r\n\r\n1"
	}
	for _, c := range []struct {
		name, msg, words string
		leaves           int
	}{
		{"a field that fits", part("Content-Type: text/csv;" + strings.Repeat(" ", maxField-30) + "name=p.csv"), "", 1},
		{"a field too long", part("Content-Type: text/csv;" + strings.Repeat(" ", maxField) + "name=p.csv"), "header field content-type longer than 65536", 0},
		{"another field", part("X-Spam: " + strings.Repeat("x", 2*maxField) + "\r\nContent-Type: text/csv; name=p.csv"), "", 1},
		{"a boundary that fits", strings.ReplaceAll(part("Content-Type: text/csv; name=p.csv"), "b\r", strings.Repeat("b", maxBoundary)+"\r"), "", 1},
		{"8 encoded messages", encoded(8), "", 1},
		{"9 encoded messages", encoded(9), "more than 8 encoded messages", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := visit(strings.NewReader(c.msg), Limits{}, nil)
			if c.words == "" {
				if err != nil || c.leaves > 0 && (len(g.leaves) != c.leaves || g.leaves[0].Name != "p.csv") {
					t.Errorf("%+v, %v", g.leaves, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.words) || !errors.Is(err, mail.ErrTooLarge) || mail.ClassOf(err) != mail.Message {
				t.Errorf("%v of class %v, want %q", err, mail.ClassOf(err), c.words)
			}
		})
	}
}

func TestShortenName(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"Прайс.xls", "Прайс.xls"},
		{strings.Repeat("x", maxName-4) + ".xls", strings.Repeat("x", maxName-4) + ".xls"},
		{strings.Repeat("x", maxName) + ".xls", strings.Repeat("x", maxName-4) + ".xls"},
		{strings.Repeat("Ж", maxName) + ".xls", strings.Repeat("Ж", maxName/2-2) + ".xls"},
		{"a." + strings.Repeat("x", maxName), "a." + strings.Repeat("x", maxName-2)},
		{strings.Repeat("Ж", maxName), strings.Repeat("Ж", maxName/2)},
	} {
		got := shortenName(c.in)
		if got != c.want || !utf8.ValidString(got) {
			t.Errorf("%d bytes: %d bytes ending %q, want %d ending %q", len(c.in), len(got), got[len(got)-4:], len(c.want), c.want[len(c.want)-4:])
		}
	}
}

// An envelope is small whatever the header is, and its fingerprint is of all of it.
func TestEnvelopeBounds(t *testing.T) {
	head := func(last string) []byte {
		return []byte("From: " + strings.Repeat("price@a.ru, ", 5000) + last + "@b.ru\r\nSubject: " + strings.Repeat("Ж", 100_000) + last +
			"\r\nMessage-ID: <" + strings.Repeat("x", 100_000) + last + "@a.ru>\r\n\r\n")
	}
	one, other := Envelope(head("x")), Envelope(head("y"))
	if len(one.From) != maxAddresses || len(one.Subject) != maxSubject || len(one.MessageID) != maxSubject || !utf8.ValidString(one.Subject) {
		t.Errorf("%d addresses, subject of %d bytes, id of %d", len(one.From), len(one.Subject), len(one.MessageID))
	}
	if one.Fingerprint == other.Fingerprint {
		t.Error("the fingerprint does not tell what is behind the bounds")
	}
}
