package mimepart

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"pricefetch/internal/mail"
)

// got is what a visit found: one line a leaf, and the contents of those that were wanted.
type got struct {
	leaves   []mail.Part
	contents map[string]string
	errs     map[string]error
}

// visit walks raw and wants everything that wanted says, all of it if that is nil.
func visit(r io.Reader, lim Limits, wanted func(mail.Part) bool) (got, error) {
	g := got{contents: map[string]string{}, errs: map[string]error{}}
	err := Walk(r, Visitor{
		Want: func(p mail.Part) bool {
			g.leaves = append(g.leaves, p)
			return wanted == nil || wanted(p)
		},
		Part: func(p mail.Part, r io.Reader) error {
			b, err := io.ReadAll(r)
			g.contents[p.Path] = string(b)
			g.errs[p.Path] = err
			return nil
		},
	}, lim)
	return g, err
}

func text(s string) io.Reader { return strings.NewReader(strings.ReplaceAll(s, "\n", "\r\n")) }

func TestWalkLeaves(t *testing.T) {
	const msg = `Content-Type: multipart/related; boundary=a

--a
Content-Type: multipart/alternative; boundary=b

--b

body
--b
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<img src=3D"CID:Logo%40x"><a href=3D'cid:other@x'>=
cid:third@x<td background=3Dcid:fourth>
--b--
--a
Content-Type: image/png
Content-ID: <logo@x>
Content-Disposition: inline

png
--a
Content-Type: image/png; name="=?utf-8?B?0J8=?=.png"
Content-ID: other@x

png
--a
Content-Type: image/png
Content-ID: <unknown@x>
Content-Disposition: attachment

png
--a
Content-Type: application/x-foo
Content-Disposition: weird
Content-ID: <fourth>

x
--a--
`
	want := []mail.Part{
		{Path: "1.1", Type: "text/plain"},
		{Path: "1.2", Type: "text/html"},
		{Path: "2", Type: "image/png", Disposition: "inline", ContentID: "logo@x", Referenced: true},
		{Path: "3", Type: "image/png", Name: "П.png", RawName: "=?utf-8?B?0J8=?=.png", Attachment: true, Named: true, ContentID: "other@x", Referenced: true},
		{Path: "4", Type: "image/png", Name: "unnamed-1.png", Disposition: "attachment", Attachment: true, ContentID: "unknown@x"},
		{Path: "5", Type: "application/x-foo", Name: "unnamed-2.bin", Disposition: "attachment", Attachment: true, ContentID: "fourth", Referenced: true},
	}
	for name, wanted := range map[string]func(mail.Part) bool{"all": nil, "none": func(mail.Part) bool { return false }} {
		g, err := visit(text(msg), Limits{}, wanted)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, g.leaves); diff != "" {
			t.Errorf("%s wanted:\n%s", name, diff)
		}
	}
}

func TestWalkHeader(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"usual", "From: a\r\nTo: b\r\n\r\nbody\r\n", "From: a\r\nTo: b\r\n"},
		{"no body", "From: a\r\n", "From: a\r\n"},
		{"no line end", "From: a", "From: a"},
		{"blank lines first", "\r\n\r\nFrom: a\r\n\r\nx", "From: a\r\n"},
	}
	for _, tt := range tests {
		var header string
		asked := false
		err := Walk(strings.NewReader(tt.raw), Visitor{
			Header: func(b []byte) {
				if asked {
					t.Errorf("%s: header after Want", tt.name)
				}
				header += string(b)
			},
			Want: func(mail.Part) bool { asked = true; return false },
		}, Limits{})
		if err != nil || header != tt.want || !asked {
			t.Errorf("%s: header %q, error %v, leaf announced %v", tt.name, header, err, asked)
		}
	}
}

func TestWalkEmpty(t *testing.T) {
	for _, raw := range []string{"", "\r\n", "\r\n\r\n", "\n", "\r", "-", "--", "\xef\xbb\xbf"} {
		g, err := visit(strings.NewReader(raw), Limits{}, nil)
		if err != nil || len(g.leaves) != 1 || g.leaves[0].Path != "1" || g.leaves[0].Attachment {
			t.Errorf("%q: leaves %+v, error %v", raw, g.leaves, err)
		}
	}
	g, err := visit(text("Content-Type: multipart/mixed; boundary=x\n\nno part at all\n"), Limits{}, nil)
	if err != nil || len(g.leaves) != 0 {
		t.Errorf("multipart without parts: leaves %+v, error %v", g.leaves, err)
	}
}

func TestWalkBroken(t *testing.T) {
	tests := []struct {
		name, raw string
		want      map[string]string
	}{
		{"LF only", "Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\nb\n--x\n\nc\n--x--\n", map[string]string{"1": "a\nb", "2": "c"}},
		{"boundary right behind the header", "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n--x\r\nX: y\r\n--x\r\n\r\nc\r\n--x--", map[string]string{"1": "", "2": "", "3": "c"}},
		{"no parts but the closing one", "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x--\r\nepilogue\r\n", map[string]string{}},
		{"boundary at the very end", "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\na\r\n--x", map[string]string{"1": "a", "2": ""}},
		{"empty inner multipart", "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n--x\r\nContent-Type: text/csv\r\n\r\na\r\n--x--\r\n",
			map[string]string{"2": "a"}},
		{"two inner ones not closed", "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/a; boundary=y\n\n--y\nContent-Type: multipart/b; boundary=z\n\n--z\n\na\n--x\n\nb\n--x--\n",
			map[string]string{"1.1.1": "a", "2": "b"}},
		{"wrong boundary declared", "Content-Type: multipart/mixed; boundary=x\n\npreamble\n--y\nContent-Type: text/csv\n\na\n--y--\n", map[string]string{"1": "a"}},
		{"header runs into the text", "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/csv\nА;Б\nВ;Г\n--x--\n", map[string]string{"1": "А;Б\nВ;Г"}},
		{"header runs into two lines and an empty one", "Content-Type: text/csv\nА;Б\nВ;Г\n\nД\n", map[string]string{"1": "А;Б\nВ;Г\n\nД\n"}},
		{"header ends with one odd line", "Content-Type: text/csv\nodd\n\nД\n", map[string]string{"1": "Д\n"}},
		{"odd lines in front of base64", "Content-Transfer-Encoding: base64\nodd line\nanother odd line\n\n0J8=\n", map[string]string{"1": "П"}},
		{"carriage returns alone are content", "X: y\r\n\r\na\rb\r", map[string]string{"1": "a\rb\r"}},
	}
	for _, tt := range tests {
		for how, r := range map[string]io.Reader{"whole": strings.NewReader(tt.raw), "bytewise": iotest.OneByteReader(strings.NewReader(tt.raw))} {
			g, err := visit(r, Limits{}, nil)
			if err != nil {
				t.Errorf("%s, %s: %v", tt.name, how, err)
			}
			if diff := cmp.Diff(tt.want, g.contents); diff != "" {
				t.Errorf("%s, %s:\n%s", tt.name, how, diff)
			}
		}
	}
}

func TestWalkLimits(t *testing.T) {
	nested := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
		}
		return b.String() + "\r\nleaf\r\n"
	}
	forwarded := func(n int) string { return strings.Repeat("Content-Type: message/rfc822\r\n\r\n", n) + "\r\nleaf\r\n" }
	many := func(n int) string {
		return "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n\r\n", n) + "--b--\r\n"
	}
	long := func(n int) string { return "X: " + strings.Repeat("x", n) + "\r\n\r\n" }
	tests := []struct {
		name, raw string
		lim       Limits
		tooMuch   bool
	}{
		{"depth reached", nested(100), Limits{}, false},
		{"depth passed", nested(101), Limits{}, true},
		{"own depth", nested(3), Limits{Depth: 2}, true},
		{"forwards reached", forwarded(100), Limits{}, false},
		{"forwards passed", forwarded(101), Limits{}, true},
		{"parts reached", many(999), Limits{}, false},
		{"parts passed", many(1000), Limits{}, true},
		{"own parts", many(3), Limits{Parts: 3}, true},
		{"header reached", long(1<<20 - 8), Limits{}, false},
		{"header passed", long(1 << 20), Limits{}, true},
		{"own header limit", long(100), Limits{HeaderBytes: 50}, true},
		{"part header passed", many(1) + "", Limits{HeaderBytes: 10}, true},
	}
	for _, tt := range tests {
		_, err := visit(strings.NewReader(tt.raw), tt.lim, nil)
		if !tt.tooMuch {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if !errors.Is(err, mail.ErrTooLarge) || mail.ClassOf(err) != mail.Message {
			t.Errorf("%s: error %v, expected class message and ErrTooLarge", tt.name, err)
		}
	}
}

func TestWalkErrors(t *testing.T) {
	const msg = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>\r\n--x\r\n\r\nsecond\r\n--x--\r\n"
	broken := errors.New("broken")
	calls := 0
	err := Walk(strings.NewReader(msg), Visitor{
		Want: func(mail.Part) bool { return true },
		Part: func(mail.Part, io.Reader) error { calls++; return broken },
	}, Limits{})
	if err != broken || calls != 1 {
		t.Errorf("error %v after %d calls, expected the visitor's own after one", err, calls)
	}
	for at := range len(msg) {
		cut := errors.New("cut")
		_, err := visit(io.MultiReader(strings.NewReader(msg[:at]), iotest.ErrReader(cut)), Limits{}, nil)
		if !errors.Is(err, cut) {
			t.Errorf("cut at %d: error %v", at, err)
		}
	}
	if err := Walk(stuck{}, Visitor{}, Limits{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: error %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// TestWalkUnread: what a visitor leaves unread is skipped, whatever its encoding.
func TestWalkUnread(t *testing.T) {
	for _, enc := range []string{"8bit", "base64", "quoted-printable"} {
		raw := "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Transfer-Encoding: " + enc + "\n\n" +
			strings.Repeat("QUJD\n", 50000) + "--x\n\nsecond\n--x--\n"
		var second string
		err := Walk(strings.NewReader(raw), Visitor{
			Want: func(mail.Part) bool { return true },
			Part: func(p mail.Part, r io.Reader) error {
				b := make([]byte, 2)
				if p.Path == "2" {
					b = make([]byte, 6)
				}
				_, err := io.ReadFull(r, b)
				second = string(b)
				return err
			},
		}, Limits{})
		if err != nil || second != "second" {
			t.Errorf("%s: then came %q, error %v", enc, second, err)
		}
	}
}

// TestWalkForwardedDamaged: a forwarded message that cannot be decoded to its end may have lost parts; the others come
// out and the message is reported.
func TestWalkForwardedDamaged(t *testing.T) {
	inner := base64.StdEncoding.EncodeToString([]byte("Content-Type: multipart/mixed; boundary=i\n\n--i\n\nfirst\n--i\n\nsecond, whole"))
	raw := "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" +
		strings.TrimRight(inner, "=") + "\nA\n--x\n\nthird\n--x--\n"
	for len(strings.TrimRight(inner, "="))%4 != 0 {
		t.Fatal("the sample needs a length without padding")
	}
	g, err := visit(strings.NewReader(raw), Limits{}, nil)
	if !errors.Is(err, mail.ErrDamaged) || mail.ClassOf(err) != mail.Message || !strings.Contains(err.Error(), "part 1") {
		t.Errorf("error %v", err)
	}
	if g.errs["1.1"] != nil || !errors.Is(g.errs["1.2"], mail.ErrDamaged) || g.contents["2"] != "third" || g.errs["2"] != nil {
		t.Errorf("contents %q, errors %v", g.contents, g.errs)
	}
}

// TestWalkMemory: neither an endless line nor an endless header nor a long content is held in memory.
func TestWalkMemory(t *testing.T) {
	const size = 4 << 20
	endless := func(head, unit string) io.Reader {
		return io.MultiReader(strings.NewReader(head), io.LimitReader(&repeat{unit: unit}, size))
	}
	multi := "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n"
	for name, r := range map[string]io.Reader{
		"endless line":         endless(multi+"\r\n", "a"),
		"endless blanks in QP": endless(multi+"Content-Transfer-Encoding: quoted-printable\r\n\r\n", " "),
		"endless signs in QP":  endless(multi+"Content-Transfer-Encoding: quoted-printable\r\n\r\n", "="),
		"endless base64":       endless(multi+"Content-Transfer-Encoding: base64\r\n\r\n", "QUJD"),
		"endless padding":      endless(multi+"Content-Transfer-Encoding: base64\r\n\r\n", "QQ=="),
		"endless junk":         endless(multi+"Content-Transfer-Encoding: base64\r\n\r\n", "!"),
		"endless dashes":       endless(multi+"\r\n", "\r\n--"),
		"endless cids":         endless(multi+"\r\n", "cid:a1 "),
		"endless cid":          endless(multi+"\r\ncid:", "a"),
		"endless preamble":     endless("Content-Type: multipart/mixed; boundary=x\r\n\r\n", "text\r\n"),
		"endless header":       endless("", "x"),
		"endless blank lines":  endless("", "\r\n"),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Walk(r, Visitor{
			Want: func(mail.Part) bool { return true },
			Part: func(_ mail.Part, r io.Reader) error { _, _ = io.Copy(io.Discard, r); return nil },
		}, Limits{HeaderBytes: 64 << 10})
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<20 {
			t.Errorf("%s: %d KiB allocated in all (error %v)", name, grown>>10, err)
		}
	}
}

// repeat reads as one unit over and over.
type repeat struct {
	unit string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.unit[r.at]
		r.at = (r.at + 1) % len(r.unit)
	}
	return len(p), nil
}

func BenchmarkWalk(b *testing.B) {
	content := bytes.Repeat([]byte("0123456789abcdef;Фильтр\r\n"), 1<<16)
	enc := base64.StdEncoding.EncodeToString(content)
	var lines strings.Builder
	for ; len(enc) > 76; enc = enc[76:] {
		lines.WriteString(enc[:76] + "\r\n")
	}
	msg := func(cte, body string) []byte {
		return []byte("From: a@a.ru\r\nSubject: =?utf-8?B?0J8=?=\r\nContent-Type: multipart/mixed; boundary=\"----=_Part\"\r\n\r\n------=_Part\r\n" +
			"Content-Type: application/vnd.ms-excel; name=price.xls\r\nContent-Disposition: attachment; filename=price.xls\r\nContent-Transfer-Encoding: " + cte + "\r\n\r\n" +
			body + enc + "\r\n------=_Part--\r\n")
	}
	for _, bb := range []struct {
		name string
		raw  []byte
		want bool
	}{
		{"base64", msg("base64", lines.String()), true},
		{"skipped", msg("base64", lines.String()), false},
		{"8bit", msg("8bit", string(content)), true},
		{"quoted", msg("quoted-printable", strings.Repeat("=D0=A4=D0=B8=D0=BB=D1=8C=D1=82=D1=80;100;200;300=\r\n", 1<<15)), true},
		{"small", msg("base64", ""), true},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bb.raw)))
			r := bytes.NewReader(nil)
			for b.Loop() {
				r.Reset(bb.raw)
				err := Walk(r, Visitor{
					Want: func(mail.Part) bool { return bb.want },
					Part: func(_ mail.Part, r io.Reader) error { _, err := io.Copy(io.Discard, r); return err },
				}, Limits{})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
