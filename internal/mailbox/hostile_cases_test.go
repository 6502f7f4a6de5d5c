package mailbox

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
)

// from begins every hostile message.
const from = "From: price@a.ru\r\nSubject: list\r\n"

// csv is a part with an attachment, without its boundary line.
const csv = "Content-Type: text/csv; name=p.csv\r\n\r\n1;2\r\n"

// said makes the writer of a message that is pieces, each repeated.
func said(pieces ...any) func(io.Writer) {
	return func(w io.Writer) {
		for i := 0; i < len(pieces); i += 2 {
			repeated(w, pieces[i].(string), pieces[i+1].(int))
		}
	}
}

// levels nests n messages, each opened and never closed.
func levels(n int, open string) func(io.Writer) {
	return func(w io.Writer) {
		_, _ = io.WriteString(w, from)
		for i := range n {
			_, _ = io.WriteString(w, strings.ReplaceAll(open, "#", fmt.Sprint(i)))
		}
		_, _ = io.WriteString(w, csv)
	}
}

// hostileMail are messages that attack what takes them apart.
func hostileMail() []hostileCase {
	const mixed = from + "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	attached := func(field string) string { return from + "Content-Disposition: attachment; " + field }
	return []hostileCase{
		{name: "999 parts", mail: said(mixed, 1, "--b\r\n"+csv, 999), check: served("ok", 999, "p.csv")},
		{name: "100,000 parts", mail: said(mixed, 1, "--b\r\n"+csv, 100_000), check: served("more than 1000 parts", 999)},
		{name: "1,000 multiparts within each other", mail: levels(1000, "Content-Type: multipart/mixed; boundary=b#\r\n\r\n--b#\r\n"),
			check: served("more than 100 parts within each other", 0)},
		{name: "1,000 messages within each other", mail: levels(1000, "Content-Type: message/rfc822\r\n\r\n"),
			check: served("more than 100 parts within each other", 0)},
		{name: "90 encoded messages with long headers within each other", mail: func(w io.Writer) {
			_, _ = io.WriteString(w, from)
			for range 90 {
				_, _ = io.WriteString(w, "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
				repeated(w, "no field at all\r\n", 50_000)
			}
		}, check: served("encoded messages within each other", 0)},
		{name: "a line of 300 MB", mail: said(from+"Content-Type: text/csv; name=p.csv\r\n\r\n", 1, "x", 300_000_000), check: served("ok", 1)},
		{name: "a line of 300 MB in base64", mail: said(from+"Content-Transfer-Encoding: base64\r\nContent-Type: text/csv; name=p.csv\r\n\r\n", 1, "QUJD", 75_000_000),
			check: served("ok", 1)},
		{name: "a line of 300 MB in the header", mail: said(from+"X: ", 1, "x", 300_000_000, "\r\n"+csv, 1), check: servedOrCut("header longer than 1048576 bytes")},
		{name: "a header of 10 MB", mail: said(from+"X: y", 1, "\r\n z", 2_500_000, "\r\n"+csv, 1), check: served("header longer than 1048576 bytes", 0)},
		{name: "a From of 10 MB", mail: said("From: ", 1, "price@a.ru, ", 900_000, "\r\n"+csv, 1), check: served("header longer than 1048576 bytes", 0)},
		{name: "100,000 header lines", mail: said(from, 1, "A: b\r\n", 100_000, csv, 1), check: served("ok", 1, "p.csv")},
		{name: "100,000 lines that are no fields", mail: said(from, 1, "junk\r\n", 100_000, csv, 1), check: served("ok", 1, "p.csv")},
		{name: "boundaries that never close", mail: said(mixed, 1, "--b\r\n"+csv, 1, "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n", 50, "\r\n", 1, "x\r\n", 1_000_000),
			check: served("ok", -1, "p.csv")},
		{name: "a boundary of 10,000 characters", mail: said(from+"Content-Type: multipart/mixed; boundary=", 1, "b", 10_000, "\r\n\r\n--", 1, "b", 10_000, "\r\n"+csv, 1),
			check: served("boundary longer than 1000 characters", 0)},
		{name: "a boundary of 900 characters", mail: said(from+"Content-Type: multipart/mixed; boundary=", 1, "b", 900, "\r\n\r\n--", 1, "b", 900, "\r\n"+csv, 1),
			check: served("ok", 1, "p.csv")},
		{name: "10 million lines like boundaries", mail: said(mixed+"--b\r\n"+csv, 1, "\r\n--", 10_000_000), check: served("ok", 1)},
		{name: "base64 that never ends", limit: 20 << 20, check: tooLarge,
			mail: said(from+"Content-Transfer-Encoding: base64\r\nContent-Type: text/csv; name=p.csv\r\n\r\n", 1, "QUJD\r\n", 10_000_000)},
		{name: "a million parameters", mail: said(from+"Content-Type: text/csv", 1, ";\r\n a=b", 1_000_000, "; name=p.csv\r\n\r\n1", 1),
			check: served("header longer than", 0)},
		{name: "100,000 parameters", mail: said(from+"Content-Type: text/csv", 1, "; a=b", 100_000, "; name=p.csv\r\n\r\n1", 1),
			check: served("header field content-type longer than 65536 bytes", 0)},
		{name: "10,000 parameters", mail: said(from+"Content-Type: text/csv", 1, "; a=b", 10_000, "; name=p.csv\r\n\r\n1", 1), check: served("ok", 1, "p.csv")},
		{name: "open quotes in 100 parts", mail: said(mixed, 1, "--b\r\nContent-Type: text/csv"+strings.Repeat(`; a="b`, 10_000)+"\r\nContent-Disposition: attachment\r\n\r\n1\r\n", 100),
			check: served("ok", 100, "unnamed-1.csv")},
		{name: "encoded words without end in 100 parts", mail: said(mixed, 1, "--b\r\nContent-Type: text/csv"+strings.Repeat(`; a==?b`, 9_000)+"\r\nContent-Disposition: attachment\r\n\r\n1\r\n", 100),
			check: served("ok", 100, "unnamed-1.csv")},
		{name: "4,000 continuations, backwards", mail: func(w io.Writer) {
			_, _ = io.WriteString(w, attached("a=b"))
			for i := range 4000 {
				fmt.Fprintf(w, ";filename*%d=x", 4000-i)
			}
			_, _ = io.WriteString(w, ";filename*4001=.xls\r\n\r\n1")
		}, check: served("ok", 1, strings.Repeat("x", 4000)+".xls")},
		{name: "continuations with huge numbers", mail: said(attached("filename*99999999999999999999=a;filename*-1=b;filename*2147483647=.xls;filename*00000000000000000000000=c\r\n\r\n1"), 1),
			check: served("ok", 1, "c.xls")},
		{name: "encoded words by the ten thousand", mail: said(attached("filename=\""), 1, "=?cp1251?Q?=CF?= =?koi8-r?Q?=D0?= ", 1500, ".xls\"\r\n\r\n1", 1),
			check: served("ok", 1, strings.Repeat("Пп", 1500)[:4092]+".xls")},
		{name: "a subject of encoded words", mail: said("From: price@a.ru\r\nSubject: ", 1, "=?cp1251?Q?=CF?=\r\n =?koi8-r?Q?=D0?=\r\n ", 20_000, "x\r\n"+csv, 1),
			check: served("ok", 1, "p.csv")},
		{name: "a name of 1,000 characters", mail: said(attached("filename=\""), 1, "Ж", 1000, ".xls\"\r\n\r\n1", 1), check: served("ok", 1, strings.Repeat("Ж", 1000)+".xls")},
		{name: "a name of 60,000 bytes", mail: said(attached("filename=\""), 1, "Ж", 30_000, ".xls\"\r\n\r\n1", 1), check: served("ok", 1, strings.Repeat("Ж", 2046)+".xls")},
		{name: "100 names of 60,000 bytes", mail: said(mixed, 1, "--b\r\nContent-Disposition: attachment; filename=\""+strings.Repeat("\xc6", 60_000)+".xls\"\r\n\r\n1\r\n", 100),
			check: served("ok", 100)},
		{name: "NUL in the header", mail: said(from+"X\x00Y: z\x00\r\nSubject: \x00\r\n"+csv, 1), check: served("ok", 1, "p.csv")},
		{name: "CR alone", mail: said("From: a@b.ru\rContent-Type: text/csv; name=p.csv\r\r1\r", 1), check: served("ok", 0)},
		{name: "50 MB of HTML with cids", mail: func(w io.Writer) {
			_, _ = io.WriteString(w, mixed+"--b\r\nContent-Type: text/html\r\n\r\n")
			_ = numbered(w, "<img src=\"cid:picture-number-#@a.ru\">", 1_000_000, 1_300_000)
			_, _ = io.WriteString(w, "\r\n--b\r\nContent-ID: <picture-number-1000000@a.ru>\r\n"+csv)
		}, check: served("ok", 1, "p.csv")},
		{name: "one cid of 50 MB", mail: said(from+"Content-Type: text/html\r\n\r\n<img src=cid:", 1, "x", 50_000_000), check: served("ok", 0)},
		{name: "blanks to be judged in quoted-printable", mail: said(from+"Content-Transfer-Encoding: quoted-printable\r\n"+csv, 1, " ", 50_000_000, "=", 1_000_000, "= ", 1_000_000),
			check: served("ok", 1)},
		{name: "padding in base64", mail: said(from+"Content-Transfer-Encoding: base64\r\nContent-Type: text/csv; name=p.csv\r\n\r\n", 1, "QQ==\r\n", 5_000_000, "====", 1_000_000),
			check: served("ok", 1)},
	}
}

// tooLarge wants the message refused and the session, which cannot be read on, given up with a temporary error or, where
// the rest of the pass found that out, none.
func tooLarge(t *testing.T, r hostileResult) {
	t.Helper()
	if len(r.Done) == 0 || !strings.HasPrefix(r.Done[0], "message: ") || !strings.Contains(r.Done[0], "larger than the limit") {
		t.Errorf("done %q", r.Done)
	}
	if r.Class != "temporary" {
		t.Errorf("error %q of class %q", r.Error, r.Class)
	}
}

// servedOrCut wants the message refused, or the session given up because not even its header could be had.
func servedOrCut(words string) func(*testing.T, hostileResult) {
	return func(t *testing.T, r hostileResult) {
		t.Helper()
		if r.Error == "" {
			served(words, 0)(t, r)
			return
		}
		lost("header of")(t, r)
	}
}

// replies are what a server says to commands, by the longest string that is in them.
type replies map[string]func(w *bufio.Writer, tag string) error

// scriptedServer answers each command by what is in it; "" is the greeting, a nil answer hangs up.
func scriptedServer(by replies) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, in *bufio.Reader) {
		w := bufio.NewWriterSize(conn, 1<<16)
		if by[""](w, "") != nil || w.Flush() != nil {
			return
		}
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			tag, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			var answer func(w *bufio.Writer, tag string) error
			longest := 0
			for key, a := range by {
				if key != "" && len(key) > longest && strings.Contains(line, key) {
					answer, longest = a, len(key)
				}
			}
			if answer == nil || answer(w, tag) != nil || w.Flush() != nil {
				return
			}
		}
	}
}

// answering sends lines; T at the beginning stands for the tag.
func answering(lines string) func(*bufio.Writer, string) error {
	return func(w *bufio.Writer, tag string) error {
		for line := range strings.Lines(lines) {
			if rest, tagged := strings.CutPrefix(line, "T "); tagged {
				line = tag + " " + rest
			}
			if _, err := w.WriteString(strings.TrimSuffix(line, "\n") + "\r\n"); err != nil {
				return err
			}
		}
		return nil
	}
}

// endless sends begin and then again and again piece, in which # counts.
func endless(begin, piece string) func(*bufio.Writer, string) error {
	return func(w *bufio.Writer, _ string) error {
		if _, err := w.WriteString(begin); err != nil {
			return err
		}
		for i := 1; ; i += 1000 {
			if err := numbered(w, piece, i, 1000); err != nil {
				return err
			}
		}
	}
}

// hostileServers are servers that attack what reads their answers.
func hostileServers(protocol string) []hostileCase {
	if protocol == ProtocolIMAP {
		return hostileIMAP()
	}
	return hostilePOP3()
}

// hostilePOP3 are servers that behave but for one answer.
func hostilePOP3() []hostileCase {
	base := func(changed replies) func(net.Conn, *bufio.Reader) {
		a := replies{
			"": answering("+OK\n"), "CAPA": answering("+OK\nUIDL\nTOP\nUSER\n.\n"), "USER": answering("+OK\n"), "PASS": answering("+OK\n"),
			"STAT": answering("+OK 1 10\n"), "UIDL": answering("+OK\n1 a\n.\n"), "LIST": answering("+OK\n1 10\n.\n"),
			"TOP": answering("+OK\nFrom: a@b.ru\n\n.\n"), "RETR": answering("+OK\nFrom: a@b.ru\n\nx\n.\n"),
		}
		maps.Copy(a, changed)
		return scriptedServer(a)
	}
	return []hostileCase{
		{name: "endless greeting", serve: base(replies{"": endless("+OK", "x#")}), check: lost("more than 65536 octets")},
		{name: "endless capabilities", serve: base(replies{"CAPA": endless("+OK\r\n", "X# y\r\n")}), check: lost("CAPA", "more than 65536 octets")},
		{name: "endless line", serve: base(replies{"STAT": endless("+OK ", "#")}), check: lost("more than 65536 octets")},
		{name: "endless UIDL", serve: base(replies{"UIDL": endless("+OK\r\n", "# "+strings.Repeat("u", 60)+"#\r\n")}), check: lost("UIDL", "too many messages", "100000")},
		{name: "endless LIST", serve: base(replies{"LIST": endless("+OK\r\n", "# 1000000\r\n")}), check: lost("LIST", "too many messages")},
		{name: "endless long ids", serve: base(replies{"UIDL": endless("+OK\r\n", "# "+strings.Repeat("u", 60_000)+"#\r\n")}), check: lost("UIDL", "a list of more than")},
		{name: "endless lines that cannot be read", serve: base(replies{"LIST": endless("+OK\r\n", "what#\r\n")}), check: lost("LIST", "a list of more than")},
		{name: "endless header", serve: base(replies{"TOP": endless("+OK\r\n", "X-#: y\r\n")}), check: lost("header of message a", "given up half way")},
		{name: "header of one endless line", serve: base(replies{"TOP": endless("+OK\r\nX: ", "#")}), check: lost("header of message a", "given up half way")},
		{name: "answers nobody asked for", serve: base(replies{"USER": answering("+OK\n+OK\n+OK 5 100\n")}), check: lost("nobody asked for")},
		{name: "answers in the wrong order", serve: base(replies{"STAT": answering("+OK\n1 a\n.\n+OK 1 10\n")}), check: lost("nobody asked for")},
		{name: "a listing in the place of STAT's answer", serve: base(replies{"STAT": answering("1 10\n")}), check: lost("not the answer of a POP3 server")},
		{name: "silence", serve: base(replies{"LIST": func(*bufio.Writer, string) error { return nil }}), check: lost("silent for 5s")},
		{name: "hanging up in an answer", serve: base(replies{"LIST": func(w *bufio.Writer, _ string) error {
			_, _ = w.WriteString("+OK\r\n1 1")
			_ = w.Flush()
			return io.EOF
		}}), check: lost("closed the connection")},
		{name: "negative size", serve: base(replies{"LIST": answering("+OK\n1 -10\n.\n")}), check: listedOne},
		{name: "size over 2^63", serve: base(replies{"LIST": answering("+OK\n1 99999999999999999999\n.\n")}), check: listedOne},
		{name: "number over 2^32", serve: base(replies{"LIST": answering("+OK\n4294967297 10\n.\n")}), check: listedOne},
	}
}

// listedOne wants the one message served whatever the listing says of it.
func listedOne(t *testing.T, r hostileResult) {
	t.Helper()
	if r.Error != "" || r.Listed != 1 || len(r.Done) != 1 || r.Done[0] != "ok" {
		t.Errorf("%+v", r)
	}
}

// hostileIMAP are servers that behave but for one answer.
func hostileIMAP() []hostileCase {
	const head = "BODY[HEADER.FIELDS (From)] "
	const sizes, headers, content = "1:* (UID RFC", "HEADER.FIELDS", "BODY.PEEK[]"
	base := func(changed replies) func(net.Conn, *bufio.Reader) {
		a := replies{
			"": answering("* OK [CAPABILITY IMAP4rev1] hi\n"), "CAPABILITY": answering("* CAPABILITY IMAP4rev1\nT OK\n"), "LOGIN": answering("T OK\n"),
			"EXAMINE":    answering("* 1 EXISTS\n* OK [UIDVALIDITY 7] .\n* OK [UIDNEXT 2] .\nT OK\n"),
			sizes:        answering("* 1 FETCH (UID 1 RFC822.SIZE 10)\nT OK\n"),
			"UID SEARCH": answering("* SEARCH 1\nT OK\n"), "SEARCH": answering("* SEARCH 1\nT OK\n"), "LOGOUT": answering("* BYE\nT OK\n"),
			headers: answering("* 1 FETCH (UID 1 RFC822.SIZE 10 INTERNALDATE \" 5-Jan-2026 10:00:01 +0300\" " + head + "{16}\nFrom: a@b.ru\n\n)\nT OK\n"),
			content: answering("* 1 FETCH (UID 1 BODY[] {17}\nFrom: a@b.ru\n\nx)\nT OK\n"),
		}
		maps.Copy(a, changed)
		return scriptedServer(a)
	}
	return []hostileCase{
		{name: "endless greeting", serve: base(replies{"": endless("* OK ", "x#")}), check: lost("longer than 65536")},
		{name: "capabilities on an endless line", serve: base(replies{"CAPABILITY": endless("* CAPABILITY", " X#")}), check: lost("longer than 65536")},
		{name: "endless capability lists", serve: base(replies{"CAPABILITY": endless("", "* CAPABILITY X#"+strings.Repeat(" Y#", 2000)+"\r\n")}), check: lost("log in")},
		{name: "endless remarks", serve: base(replies{"LOGIN": endless("", "* OK still here #\r\n")}), check: lost("answered with more than")},
		{name: "endless listing", serve: base(replies{sizes: endless("", "* # FETCH (UID # RFC822.SIZE 1)\r\n")}), check: listedOne},
		{name: "endless listing and search", serve: base(replies{sizes: endless("", "* # FETCH (UID #)\r\n"), "UID SEARCH": endless("", "* SEARCH #\r\n")}), check: lost("answered with more than 2204096")},
		{name: "endless search result", serve: base(replies{sizes: answering("* 1 FETCH (UID x)\n"), "UID SEARCH": endless("* SEARCH", " #")}), check: lost("longer than 1102048")},
		{name: "endless flags", serve: base(replies{"EXAMINE": endless("* FLAGS (", "x# ")}), check: lost("longer than 65536")},
		{name: "FETCH responses nobody asked for", serve: base(replies{"EXAMINE": endless("", "* # FETCH (UID # FLAGS ())\r\n")}), check: lost("answered with more than")},
		{name: "content nobody asked for", serve: base(replies{"EXAMINE": func(w *bufio.Writer, tag string) error {
			for i := range 1000 {
				if _, err := fmt.Fprintf(w, "* 9 FETCH (UID %d BODY[] {100000}\r\n%s)\r\n", i+10, strings.Repeat("x", 100_000)); err != nil {
					return err
				}
			}
			return answering("* 1 EXISTS\n* OK [UIDVALIDITY 7] .\n* OK [UIDNEXT 2] .\nT OK\n")(w, tag)
		}}), check: listedOne},
		{name: "header of 3.9 GB", serve: base(replies{headers: endless("* 1 FETCH (UID 1 "+head+"{3900000000}\r\n", "x")}), check: lost("header of 3900000000 bytes")},
		{name: "header of 30 MB", serve: base(replies{headers: func(w *bufio.Writer, tag string) error {
			_, _ = w.WriteString("* 1 FETCH (UID 1 " + head + "{30000000}\r\n")
			repeated(w, "Subject: y\r\n", 2_500_000)
			return answering(")\nT OK\n")(w, tag)
		}}), check: listedOne},
		{name: "500 headers of 1 MB", serve: base(replies{"EXAMINE": answering("* 500 EXISTS\n* OK [UIDVALIDITY 7] .\n* OK [UIDNEXT 501] .\nT OK\n"), sizes: manyMessages(500), headers: func(w *bufio.Writer, tag string) error {
			field := "Subject: " + strings.Repeat("=?cp1251?Q?=CF?= ", 60_000) + "\r\n"
			for i := range 500 {
				if _, err := fmt.Fprintf(w, "* %d FETCH (UID %d %s{%d}\r\n%s)\r\n", i+1, i+1, head, len(field), field); err != nil {
					return err
				}
			}
			return answering("T OK\n")(w, tag)
		}, content: func(w *bufio.Writer, tag string) error {
			if err := numbered(w, "* # FETCH (UID # BODY[] {1}\r\nx)\r\n", 1, 500); err != nil {
				return err
			}
			return answering("T OK\n")(w, tag)
		}}), check: func(t *testing.T, r hostileResult) {
			if r.Error != "" || r.Listed != 500 || len(r.Done) != 500 {
				t.Errorf("error %q, %d listed, %d done", r.Error, r.Listed, len(r.Done))
			}
		}},
		{name: "content of 3.9 GB", serve: base(replies{content: endless("* 1 FETCH (UID 1 BODY[] {3900000000}\r\n", "x")}), check: tooLarge},
		{name: "content of -5 octets", serve: base(replies{content: answering("* 1 FETCH (UID 1 BODY[] {-5}\n)\nT OK\n")}), check: lost("fetch from folder")},
		{name: "literal of 3.9 GB in a flag", serve: base(replies{sizes: endless("* 1 FETCH (FLAGS ({3900000000}\r\n", "x")}), check: listedOne},
		{name: "UID 0", serve: base(replies{sizes: answering("* 1 FETCH (UID 0 RFC822.SIZE 1)\n* 1 FETCH (UID 1 RFC822.SIZE 10)\nT OK\n")}), check: listedOne},
		{name: "search that answers 0", serve: base(replies{sizes: answering("* 1 FETCH (UID 4294967296)\n"), "UID SEARCH": answering("* SEARCH 0\nT OK\n")}), check: lost("a UID that is none")},
		{name: "answers in the wrong order", serve: base(replies{"LOGIN": answering("T9 OK\n* 1 EXISTS\n")}), check: lost("log in")},
		{name: "silence", serve: base(replies{"EXAMINE": func(*bufio.Writer, string) error { return nil }}), check: lost("silent for 5s")},
		{name: "BYE", serve: base(replies{headers: answering("* BYE enough\n")}), check: lost("BYE enough")},
	}
}

// manyMessages is a listing of n messages.
func manyMessages(n int) func(*bufio.Writer, string) error {
	return func(w *bufio.Writer, tag string) error {
		if err := numbered(w, "* # FETCH (UID # RFC822.SIZE 10)\r\n", 1, n); err != nil {
			return err
		}
		return answering("T OK\n")(w, tag)
	}
}
