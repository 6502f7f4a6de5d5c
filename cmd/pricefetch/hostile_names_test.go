package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pricefetch/internal/mailtest"
)

// hostileNames are file names as they come out of a header, and what becomes of them where that is not obvious.
var hostileNames = map[string]string{
	"../../../../etc/passwd": "passwd", "/etc/cron.d/job": "job", `..\..\..\Windows\system32\x.dll`: "x.dll", `C:\autoexec.bat`: "autoexec.bat", `\\server\share\a.xls`: "a.xls",
	"..": "", ".": "", "/": "", "...": "", ".pricefetch": "pricefetch", ".pricefetch/token": "token", ".htaccess": "htaccess", "-rf": "-rf", "~root": "~root", "a/.": "",
	"CON": "_CON", "nul.xls": "_nul.xls", "COM1.csv": "_COM1.csv", "aux.tar.gz": "_aux.tar.gz", "LPT¹.csv": "_LPT¹.csv", "price.xls:evil": "price.xls_evil",
	"price\u202Eslx.exe": "priceslx.exe", "\u2066a\u2069\u200f.xls": "a.xls", "a\u200bb\ufeff.xls": "ab.xls", "bell\a\x1b[31m.xls": "bell[31m.xls", "line\r\nbreak.xls": "", "nul\x00byte.xls": "",
	"trailing. . .": "trailing", " blanks .xls": "blanks .xls", "$(reboot).xls": "$(reboot).xls", "`id`;rm -rf *.xls": "`id`;rm -rf _.xls", "%2e%2e%2fx.xls": "%2e%2e%2fx.xls",
	strings.Repeat("Ж", 1000) + ".xls": "", strings.Repeat("a", 1000) + ".tar.gz": "", strings.Repeat("../", 300) + "deep.xls": "deep.xls", strings.Repeat("\u0301", 400): "",
}

// named are the ways to write a name into a header, as far as they can: as it is, as an encoded word, by RFC 2231, and by
// RFC 2231 in pieces.
func named(name string) []string {
	percent := ""
	for _, c := range []byte(name) {
		percent += fmt.Sprintf("%%%02X", c)
	}
	var pieces []string
	for i := 0; i*150 < len(percent); i++ {
		pieces = append(pieces, fmt.Sprintf("filename*%d*=%s%s", i, map[bool]string{true: "utf-8''"}[i == 0], percent[i*150:min(len(percent), (i+1)*150)]))
	}
	ways := []string{`filename="=?utf-8?B?` + base64.StdEncoding.EncodeToString([]byte(name)) + `?="`, "filename*=utf-8''" + percent, strings.Join(pieces, ";\r\n ")}
	if !strings.ContainsAny(name, "\r\n\x00") {
		ways = append(ways, `filename="`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)+`"`)
	}
	return ways
}

// TestHostileNames: from the wire to the import directory no name gets out of it, hides, means a device, or shows another
// than it is; not in what the program prints either.
func TestHostileNames(t *testing.T) {
	for _, protocol := range []string{"pop3", "imap"} {
		t.Run(protocol, func(t *testing.T) {
			var letter strings.Builder
			letter.WriteString(hostileFrom + "Content-Type: multipart/mixed; boundary=b\r\n\r\n")
			parts := 0
			for name := range hostileNames {
				for _, way := range named(name) {
					parts++
					fmt.Fprintf(&letter, "--b\r\nContent-Disposition: attachment;\r\n %s\r\n\r\n%d\r\n", way, parts)
				}
			}
			letter.WriteString("--b--\r\n")
			port := listen(t, func(conn net.Conn) {
				mailtest.Streamed{func(w io.Writer) { _, _ = io.WriteString(w, letter.String()) }}.Serve(conn, protocol)
			})
			s := newSite(t)
			s.hostile(protocol, port, "20MB")
			before := tree(t, s.dir)
			out := s.must(0, "--log-level", "info", "once")
			files := s.imported()
			if len(files) != parts {
				t.Errorf("%d files of %d attachments\n%s", len(files), parts, out.err)
			}
			for path := range files {
				wantDecent(t, path)
			}
			for name, want := range hostileNames {
				if _, ok := files["r/"+want]; want != "" && !ok {
					t.Errorf("%q did not become %q", name, want)
				}
			}
			for _, path := range tree(t, s.dir) {
				if !slices.Contains(before, path) && !strings.HasPrefix(path, "import/") && !strings.HasPrefix(path, "state/") {
					t.Errorf("%s was made outside of its directories", path)
				}
			}
			for _, args := range [][]string{{"history"}, {"show", "1"}, {"messages"}, {"status"}} {
				r := s.must(0, args...)
				printed := r.out + r.err + out.out + out.err
				if i := strings.IndexFunc(printed, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) || unicode.Is(unicode.Bidi_Control, c) }); i >= 0 {
					t.Errorf("%v prints %q", args, printed[max(0, i-40):min(len(printed), i+20)])
				}
			}
		})
	}
}

// wantDecent wants of a path below import_dir what every importer may count on.
func wantDecent(t *testing.T, path string) {
	t.Helper()
	name, below := strings.CutPrefix(path, "r/")
	if !below || strings.ContainsAny(name, `/\`) || len(name) > 255 || !utf8.ValidString(name) || strings.HasPrefix(name, ".") ||
		strings.ContainsFunc(name, func(c rune) bool { return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
		t.Errorf("a file is called %q", path)
	}
}

// tree lists everything below a directory.
func tree(t testing.TB, root string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		all = append(all, rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
