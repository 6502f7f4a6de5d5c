package mimepart

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
)

const (
	maxLink  = 2 << 10 // bytes of a link that are looked at
	maxLinks = 20      // hosts of one message that are told
)

// links finds, in the text of a letter, links by which a file can be had: at services to which mailers move what is too
// large for mail, and straight to a file of a kind that price lists have. Text is written to it as it streams by. Nothing is
// ever fetched from a link.
type links struct {
	found func(host string) // nil: nobody wants to know
	told  map[string]bool
	last  [2]byte // in front of the present position
	link  []byte  // behind the "://" of the link in hand
	in    bool    // a link is in hand
}

// Write never fails.
func (l *links) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if l.in {
			p = l.read(p)
			continue
		}
		i := bytes.IndexByte(p, '/')
		if i < 0 {
			l.pass(p)
			break
		}
		l.pass(p[:i])
		l.in = l.last == [2]byte{':', '/'}
		l.pass(p[i : i+1])
		p = p[i+1:]
	}
	return n, nil
}

// pass remembers the last bytes.
func (l *links) pass(p []byte) {
	switch n := len(p); {
	case n >= 2:
		copy(l.last[:], p[n-2:])
	case n == 1:
		l.last = [2]byte{l.last[1], p[0]}
	}
}

// read takes the bytes of a link and returns what follows it.
func (l *links) read(p []byte) []byte {
	i := bytes.IndexAny(p, "\"'<> \t\r\n`")
	if i < 0 {
		i = len(p)
	}
	l.link = append(l.link, p[:min(i, maxLink-len(l.link))]...)
	if i < len(p) {
		l.end()
	}
	return p[i:]
}

// end judges the link in hand, and ends the text.
func (l *links) end() {
	if l.in {
		if host := fileHost(string(l.link), 2); host != "" && !l.told[host] && len(l.told) < maxLinks {
			if l.told == nil {
				l.told = map[string]bool{}
			}
			l.told[host] = true
			l.found(host)
		}
	}
	l.in, l.link, l.last = false, l.link[:0], [2]byte{}
}

// fileHost returns the host of a link, from behind its "://", if a file can be had by it. Of a link that only counts clicks
// the one within it tells; deeper bounds how many are within each other.
func fileHost(link string, deeper int) string {
	link = strings.TrimRight(strings.ReplaceAll(link, "&amp;", "&"), ".,;:!?)]}»”")
	i := strings.IndexAny(link, "/?#")
	if i < 0 {
		return ""
	}
	host, rest := hostName(link[:i]), link[i:]
	if host == "" {
		return ""
	}
	if isCloud(host, rest) || isFileName(rest) {
		return host
	}
	plain, err := url.QueryUnescape(rest)
	if err != nil || deeper == 0 {
		return ""
	}
	if _, inner, ok := strings.Cut(plain, "://"); ok {
		return fileHost(inner, deeper-1)
	}
	return ""
}

// hostName cuts off a user and a port, and returns "" for what cannot be a host.
func hostName(s string) string {
	s = strings.ToLower(s[strings.LastIndexByte(s, '@')+1:])
	s, _, _ = strings.Cut(s, ":")
	s = strings.TrimPrefix(s, "www.")
	plain := func(r rune) bool { return r > ' ' && r != '%' && r != '\\' && r != 0x7f && r != '\ufffd' }
	if len(s) > 253 || !strings.Contains(s, ".") || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return ""
	}
	return s
}

// clouds are services that hand out files, and how their links to files begin; no beginning: any that has more than a host.
var clouds = []struct {
	host  string // a dot in front: its subdomains too
	paths []string
}{
	{"cloud.mail.ru", []string{"/public/", "/stock/", "/attaches/"}},
	{"yadi.sk", nil}, {"disk.360.yandex.ru", []string{"/d/", "/i/"}},
	{"disk.yandex.ru", yandex}, {"disk.yandex.com", yandex}, {"disk.yandex.by", yandex}, {"disk.yandex.kz", yandex}, {"disk.yandex.net", nil},
	{"drive.google.com", []string{"/file/", "/open", "/uc", "/drive/folders/", "/folderview", "/drive/u/"}},
	{"docs.google.com", []string{"/spreadsheets/", "/document/", "/file/", "/uc"}}, {".googleusercontent.com", []string{"/download"}},
	{"dropbox.com", []string{"/s/", "/sh/", "/scl/", "/t/", "/l/"}}, {"db.tt", nil}, {".dropboxusercontent.com", nil},
	{"1drv.ms", nil}, {"onedrive.live.com", nil}, {".sharepoint.com", []string{"/:"}},
	{"icloud.com", []string{"/attachment/", "/iclouddrive/"}}, {".box.com", []string{"/s/"}}, {"mega.nz", []string{"/file/", "/folder/", "/#"}},
	{"we.tl", nil}, {"wetransfer.com", []string{"/downloads/"}}, {"dropmefiles.com", nil}, {"fex.net", nil}, {"files.fm", []string{"/u/", "/f/"}},
	{"mediafire.com", []string{"/file/", "/folder/"}}, {"sendspace.com", []string{"/file/"}}, {"transfernow.net", []string{"/dl/"}},
	{"my-files.su", nil}, {"ru.files.fm", []string{"/u/", "/f/"}}, {"pcloud.link", nil}, {"terabox.com", []string{"/s/"}},
}

var yandex = []string{"/d/", "/i/", "/a/", "/mail/", "/public"}

func isCloud(host, rest string) bool {
	for _, c := range clouds {
		sub, any := strings.CutPrefix(c.host, ".")
		if host != sub && !(any && strings.HasSuffix(host, c.host)) {
			continue
		}
		if c.paths == nil {
			return len(rest) > 1
		}
		return slices.ContainsFunc(c.paths, func(p string) bool { return strings.HasPrefix(rest, p) })
	}
	return false
}

// isFileName reports whether a link ends, before or behind its question mark, in the name of a table or an archive.
func isFileName(rest string) bool {
	rest, _, _ = strings.Cut(rest, "#")
	path, query, _ := strings.Cut(rest, "?")
	for _, s := range []string{path, query} {
		i := strings.LastIndexByte(s, '.')
		if i < 1 {
			continue
		}
		switch strings.ToLower(s[i+1:]) {
		case "xls", "xlsx", "xlsm", "xlsb", "ods", "csv", "tsv", "dbf", "zip", "rar", "7z":
			return true
		}
	}
	return false
}
