package mimepart

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pricefetch/internal/mail"
)

// hostsIn walks a message and returns the hosts that are told.
func hostsIn(t testing.TB, raw string, slow bool) []string {
	t.Helper()
	var hosts []string
	r := strings.NewReader(raw)
	v := Visitor{Link: func(host string) { hosts = append(hosts, host) }}
	var err error
	if slow {
		err = Walk(iotest.OneByteReader(r), v, Limits{})
	} else {
		err = Walk(r, v, Limits{})
	}
	if err != nil && mail.ClassOf(err) != mail.Message {
		t.Fatal(err)
	}
	return hosts
}

// What is told are services for files and files themselves, by whatever program the link was written; not a supplier's site,
// not what pictures and styles come from.
func TestLinksToFiles(t *testing.T) {
	for text, want := range map[string]string{
		"https://cloud.mail.ru/public/AbCd/efgh":                             "cloud.mail.ru",
		"Прайс: https://cloud.mail.ru/stock/ot7HCHvvgMZpAgi2ULUCq2JH.":       "cloud.mail.ru",
		`<a href="https://cloud.mail.ru/attaches/17092%3B0%3B1?cvg=f">x</a>`: "cloud.mail.ru",
		"(https://disk.yandex.ru/d/Abc)":                                     "disk.yandex.ru",
		"https://disk.yandex.ru/mail/?hash=xyz%3D":                           "disk.yandex.ru",
		"https://yadi.sk/i/1":                                                "yadi.sk",
		"HTTPS://Drive.Google.COM/file/d/1/view?usp=sharing":                 "drive.google.com",
		"https://docs.google.com/spreadsheets/d/1/edit#gid=0":                "docs.google.com",
		"https://www.dropbox.com/scl/fi/x/price.xlsx?rlkey=1&amp;dl=0":       "dropbox.com",
		"https://x-my.sharepoint.com/:x:/g/personal/1":                       "x-my.sharepoint.com",
		"https://we.tl/t-AbC":                                                "we.tl",
		"https://user@files.supplier.ru:8443/out/price%202026.XLSX":          "files.supplier.ru",
		"http://supplier.ru/get.php?f=price.zip":                             "supplier.ru",
		"http://поставщик.рф/прайс.xls":                                      "поставщик.рф",
		"https://click.sender.ru/r?u=https%3A%2F%2Fyadi.sk%2Fd%2F1":          "yadi.sk",
		"https://cloud.mail.ru/public/a/b and https://we.tl/x":               "cloud.mail.ru we.tl",
		"https://we.tl/1 https://we.tl/2":                                    "we.tl",
		"https://supplier.ru/price/":                                         "",
		"https://cloud.mail.ru/ https://cloud.mail.ru":                       "",
		"https://disk.yandex.ru/client/disk":                                 "",
		"https://notcloud.mail.ru.evil.ru/x":                                 "",
		"https://evilyadi.sk/d/1":                                            "",
		"http://schemas.microsoft.com/office/2004/12/omml":                   "",
		`<img src="https://img.supplier.ru/logo.png">`:                       "",
		"https:// cloud.mail.ru/public/a/b":                                  "",
		"file:///C:/price.xls http:///price.xls":                             "",
		"a.ru/price.xls":                                                     "",
		"https://localhost/price.xls https://a%62.ru/price.xls":              "",
		"https://" + strings.Repeat("a", 3000) + ".ru/price.xls":             "",
		"https://a.ru/" + strings.Repeat("r?u=https%3A%2F%2Fa.ru%2F", 3):     "",
	} {
		for name, raw := range map[string]string{
			"plain":  "Content-Type: text/plain; charset=utf-8\r\n\r\nДобрый день!\r\n" + text + "\r\nС уважением\r\n",
			"html":   "Content-Type: text/html\r\n\r\n<p>" + text + "<br>",
			"base64": "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(text)) + "\r\n",
		} {
			for _, slow := range []bool{false, true} {
				if got := strings.Join(hostsIn(t, raw, slow), " "); got != want {
					t.Errorf("%s %s (slow %v): %q, want %q", name, text, slow, got, want)
				}
			}
		}
	}
}

// Links count in the letter's text, also of a forwarded one, and not in what is attached to it.
func TestLinksOfTheTextOnly(t *testing.T) {
	raw := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\nhttps://yadi.sk/d/1\r\n--c\r\nContent-Type: text/html\r\n\r\n<a href='https://yadi.sk/d/1'>\r\n--c--\r\n" +
		"--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=a.html\r\n\r\n<a href='https://we.tl/2'>\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhttps://fex.net/s/1\r\n--b--\r\n"
	if got, want := hostsIn(t, raw, false), []string{"yadi.sk", "fex.net"}; !slices.Equal(got, want) {
		t.Errorf("hosts %q, want %q", got, want)
	}
	many := strings.Builder{}
	for i := range 2 * maxLinks {
		many.WriteString("https://s" + strings.Repeat("x", i) + ".ru/p.zip\r\n")
	}
	if got := hostsIn(t, "Subject: x\r\n\r\n"+many.String(), false); len(got) != maxLinks {
		t.Errorf("%d hosts, want %d", len(got), maxLinks)
	}
}

// However the text is cut on its way, the same links are found, and a host is one that can be shown.
func FuzzLinks(f *testing.F) {
	f.Add("see https://cloud.mail.ru/public/a/b and http://a.ru/x.zip", 3)
	f.Add("://://https://a.ru/?u=http%3A%2F%2Fb.ru%2Fx.csv", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		find := func(n int) (hosts []string) {
			l := links{found: func(host string) { hosts = append(hosts, host) }}
			for b := range slices.Chunk([]byte(text), n) {
				_, _ = l.Write(b)
			}
			l.end()
			return hosts
		}
		whole, cut := find(max(len(text), 1)), find(min(max(n, 1), 1000))
		if !slices.Equal(whole, cut) {
			t.Errorf("%q: whole %q, cut %q", text, whole, cut)
		}
		for _, host := range whole {
			if host == "" || strings.ContainsAny(host, " /\x00\n") {
				t.Errorf("%q: host %q", text, host)
			}
		}
	})
}
