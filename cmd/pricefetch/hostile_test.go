package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pricefetch/internal/mailtest"
)

// hostileMemory is what the program may take at most while it is attacked, in bytes.
const hostileMemory = 64 << 20

// attack is mail, or a server, that attacks the program.
type attack struct {
	name  string
	mail  func(w io.Writer)                     // a message; beside it lies a sound one
	serve func(conn net.Conn, protocol string)  // in its place a server; nil: one that serves mail
	saved int                                   // files of the hostile message that are saved
	says  string                                // what the log or the table says of it
	alone bool                                  // the sound message is not served either
	more  func(t *testing.T, s *site, r result) // further wishes; nil: none
}

const (
	hostileFrom = "From: price@a.ru\r\nMessage-ID: <h@a.ru>\r\nDate: Mon, 5 Jan 2026 10:00:00 +0300\r\n"
	hostileCSV  = "Content-Type: text/csv; name=p.csv\r\n\r\n1;2\r\n"
	soundMail   = "From: price@a.ru\r\nMessage-ID: <s@a.ru>\r\nDate: Mon, 5 Jan 2026 10:00:00 +0300\r\nContent-Type: text/csv; name=sound.csv\r\n\r\na;1\r\n"
)

// told writes pieces, each so many times.
func told(pieces ...any) func(io.Writer) {
	return func(w io.Writer) {
		for i := 0; i < len(pieces); i += 2 {
			piece, n := pieces[i].(string), pieces[i+1].(int)
			block := strings.Repeat(piece, max(1, min(n, (64<<10)/len(piece))))
			for each := len(block) / len(piece); n >= each; n -= each {
				if _, err := io.WriteString(w, block); err != nil {
					return
				}
			}
			_, _ = io.WriteString(w, strings.Repeat(piece, n))
		}
	}
}

// listen serves every connection with f until the test ends, and returns the port.
func listen(t *testing.T, f func(conn net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			serving.Go(func() {
				defer conn.Close()
				f(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // nothing depends on it
		serving.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}

// attacks are the heaviest of what internal/mailbox tries without a disk and a journal.
func attacks() []attack {
	const mixed = hostileFrom + "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	nested := func(w io.Writer) {
		_, _ = io.WriteString(w, hostileFrom)
		for i := range 1000 {
			fmt.Fprintf(w, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
		}
		_, _ = io.WriteString(w, hostileCSV)
	}
	return []attack{
		{name: "300 parts", mail: told(mixed, 1, "--b\r\n"+hostileCSV, 300), saved: 300},
		{name: "100,000 parts", mail: told(mixed, 1, "--b\r\n"+hostileCSV, 100_000), says: "more than 1000 parts"},
		{name: "1,000 levels", mail: nested, says: "more than 100 parts within each other"},
		{name: "a line of 300 MB", mail: told(hostileFrom+"Content-Type: text/csv; name=p.csv\r\n\r\n", 1, "x", 300_000_000), saved: 1, more: func(t *testing.T, s *site, _ result) {
			if info, err := os.Stat(s.path("import", "r", "p.csv")); err != nil || info.Size() < 300_000_000 || info.Size() > 300_000_002 {
				t.Errorf("%v, %v", info, err)
			}
		}},
		{name: "a header of 10 MB", mail: told(hostileFrom+"X: y", 1, "\r\n z", 2_500_000, "\r\n"+hostileCSV, 1), says: "header longer than 1048576 bytes"},
		{name: "boundaries that never close", mail: told(mixed, 1, "--b\r\n"+hostileCSV, 1, "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n", 50, "\r\n", 1, "x\r\n", 1_000_000), saved: 1},
		{name: "base64 that never ends", serve: endlessMail, says: "larger than the limit", alone: true},
		{name: "a listing that never ends", serve: endlessListing, says: "limits.messages", alone: true},
		{name: "a listing as long as it may be", serve: longListing, says: "closed the connection", alone: true},
		{name: "a literal that never ends", serve: endlessLiteral, says: "", alone: true},
	}
}

// endlessMail lists a message of 100 octets in base64 that never ends.
func endlessMail(conn net.Conn, protocol string) {
	head := hostileFrom + "Content-Transfer-Encoding: base64\r\nContent-Type: text/csv; name=p.csv\r\n\r\n"
	line := strings.Repeat("QUJD", 19) + "\r\n"
	forever := func(begin string) func(w *bufio.Writer) {
		return func(w *bufio.Writer) {
			for _, err := io.WriteString(w, begin+head); err == nil; {
				_, err = io.WriteString(w, line)
			}
		}
	}
	spoken(conn, protocol, map[string]func(*bufio.Writer){
		"RETR": forever("+OK\r\n"), "TOP": func(w *bufio.Writer) { fmt.Fprintf(w, "+OK\r\n%s.\r\n", head) },
		"BODY.PEEK[]":   forever("* 1 FETCH (UID 1 BODY[] {4000000000}\r\n"),
		"HEADER.FIELDS": func(w *bufio.Writer) { headOf(w, head) },
	})
}

// headOf answers for the header of the only message.
func headOf(w *bufio.Writer, head string) {
	fmt.Fprintf(w, "* 1 FETCH (UID 1 RFC822.SIZE 100 INTERNALDATE \" 5-Jan-2026 10:00:01 +0300\" BODY[HEADER.FIELDS (From)] {%d}\r\n%s)\r\n", len(head), head)
}

// endlessListing lists messages for ever.
func endlessListing(conn net.Conn, protocol string) {
	forever := func(begin, format string) func(w *bufio.Writer) {
		return func(w *bufio.Writer) {
			_, err := io.WriteString(w, begin)
			for i := 1; err == nil; i++ {
				_, err = io.WriteString(w, strings.ReplaceAll(format, "#", fmt.Sprint(i)))
			}
		}
	}
	spoken(conn, protocol, map[string]func(*bufio.Writer){
		"UIDL": forever("+OK\r\n", "# "+strings.Repeat("u", 60)+"#\r\n"), "LIST": forever("+OK\r\n", "# 1000\r\n"),
		"RFC822.SIZE": forever("", "* # FETCH (UID # RFC822.SIZE 1000)\r\n"), "SEARCH": forever("* SEARCH", " #"),
	})
}

// longMessages is how many messages one folder may offer so that the whole program stays within hostileMemory: a message
// that was never seen takes some 3 KB in its first pass.
const longMessages = 8_000

// longListing lists longMessages, and hangs up when it is asked for a header.
func longListing(conn net.Conn, protocol string) {
	const messages = longMessages
	all := func(begin, format, end string) func(w *bufio.Writer) {
		return func(w *bufio.Writer) {
			fmt.Fprint(w, begin)
			for i := 1; i <= messages; i++ {
				fmt.Fprint(w, strings.ReplaceAll(format, "#", fmt.Sprint(i)))
			}
			fmt.Fprint(w, end)
		}
	}
	hangUp := func(*bufio.Writer) { _ = conn.Close() }
	spoken(conn, protocol, map[string]func(*bufio.Writer){
		"STAT": func(w *bufio.Writer) { fmt.Fprintf(w, "+OK %d %d\r\n", messages, messages*1000) },
		"UIDL": all("+OK\r\n", "# "+strings.Repeat("u", 60)+"#\r\n", ".\r\n"), "LIST": all("+OK\r\n", "# 1000\r\n", ".\r\n"),
		"RFC822.SIZE": all("", "* # FETCH (UID # RFC822.SIZE 1000)\r\n", ""), "EXAMINE": func(w *bufio.Writer) {
			fmt.Fprintf(w, "* %d EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT %d] .\r\n", messages, messages+1)
		}, "TOP": hangUp, "HEADER.FIELDS": hangUp,
	})
}

// endlessLiteral announces four gigabytes where a few octets are due.
func endlessLiteral(conn net.Conn, protocol string) {
	forever := func(begin string) func(w *bufio.Writer) {
		return func(w *bufio.Writer) {
			for _, err := io.WriteString(w, begin); err == nil; {
				_, err = io.WriteString(w, strings.Repeat("x", 4096))
			}
		}
	}
	spoken(conn, protocol, map[string]func(*bufio.Writer){
		"TOP": forever("+OK\r\nX: "), "HEADER.FIELDS": forever("* 1 FETCH (UID 1 BODY[HEADER.FIELDS (From)] {3900000000}\r\n"), "EXAMINE": forever("* FLAGS ({3900000000}\r\n"),
	})
}

// spoken is a server with one message of 100 octets that behaves but for the answers given, by what is in the command.
func spoken(conn net.Conn, protocol string, answers map[string]func(*bufio.Writer)) {
	in, w := bufio.NewReader(conn), bufio.NewWriterSize(conn, 1<<16)
	plain := map[string]string{
		"CAPA": "+OK\r\nUSER\r\nUIDL\r\nTOP\r\n.\r\n", "STAT": "+OK 1 100\r\n", "UIDL": "+OK\r\n1 a\r\n.\r\n", "LIST": "+OK\r\n1 100\r\n.\r\n",
		"TOP": "+OK\r\n" + hostileFrom + "\r\n.\r\n", "": "+OK\r\n",
	}
	greeting := "+OK ready\r\n"
	if protocol == "imap" {
		greeting = "* OK [CAPABILITY IMAP4rev1] ready\r\n"
		plain = map[string]string{
			"CAPABILITY": "* CAPABILITY IMAP4rev1\r\n", "EXAMINE": "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT 2] .\r\n",
			"RFC822.SIZE": "* 1 FETCH (UID 1 RFC822.SIZE 100)\r\n",
		}
	}
	fmt.Fprint(w, greeting)
	for w.Flush() == nil {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		word := longest(line, answers)
		if answer := answers[word]; word != "" {
			answer(w)
		} else {
			fmt.Fprint(w, plain[longest(line, plain)])
		}
		if tag, _, _ := strings.Cut(line, " "); protocol == "imap" {
			fmt.Fprintf(w, "%s OK\r\n", tag)
		}
	}
}

// longest is the longest key that is in line; where header fields are asked for, sizes are not what it is about.
func longest[V any](line string, m map[string]V) string {
	if strings.Contains(line, "HEADER.FIELDS") {
		line = "HEADER.FIELDS"
	}
	best := ""
	for key := range m {
		if len(key) > len(best) && strings.Contains(line, key) {
			best = key
		}
	}
	return best
}

// TestHostile lets the real program make passes over mail and servers that attack it: it stays within its memory, says what
// it met, saves the sound message beside it, and leaves nothing half done.
func TestHostile(t *testing.T) {
	for _, protocol := range []string{"pop3", "imap"} {
		for _, a := range attacks() {
			t.Run(protocol+"/"+a.name, func(t *testing.T) {
				t.Parallel()
				port := listen(t, func(conn net.Conn) {
					if a.serve != nil {
						a.serve(conn, protocol)
						return
					}
					mailtest.Streamed{a.mail, func(w io.Writer) { _, _ = io.WriteString(w, soundMail) }}.Serve(conn, protocol)
				})
				s := newSite(t)
				size := "20MB"
				if strings.Contains(a.name, "300 MB") {
					size = "400MB"
				}
				s.hostile(protocol, port, size)
				r := s.run("--log-level", "info", "once")
				t.Logf("peak %d MB, status %d", r.maxRSS>>20, r.status)
				if r.maxRSS == 0 || r.maxRSS > hostileMemory {
					t.Errorf("peak memory %d MB, at most %d MB are allowed", r.maxRSS>>20, hostileMemory>>20)
				}
				if all := r.out + r.err; !strings.Contains(all, a.says) || strings.Contains(all, "panic") {
					t.Errorf("want %q:\n%.3000s", a.says, all)
				}
				s.wantFiles(a.saved, a.alone)
				if a.more != nil {
					a.more(t, s, r)
				}
			})
		}
	}
}

// hostile configures one mailbox on that port.
func (s *site) hostile(protocol string, port int, size string) {
	s.write("pricefetch.yaml", fmt.Sprintf("import_dir: %s\nstate_dir: %s\nlimits: {min_free: 1MB, message_size: %s}\n"+
		"mailboxes:\n  - {name: a, protocol: %s, host: 127.0.0.1, port: %d, tls: none, username: joe, password: s3cret, first_run: all}\n"+
		"rules:\n  - {name: r, from: [price@a.ru], files: ['*']}\n", s.path("import"), s.path("state"), size, protocol, port))
}

// wantFiles wants so many files of the hostile message, the sound one's unless it is alone, and nothing staged.
func (s *site) wantFiles(hostile int, alone bool) {
	s.t.Helper()
	files := s.imported()
	_, sound := files["r/sound.csv"]
	if sound == alone {
		s.t.Errorf("the sound message is saved: %v\n%.2000s", sound, s.last.err)
	}
	if sound {
		hostile++
	}
	if len(files) != hostile {
		s.t.Errorf("%d files, want %d\n%.2000s", len(files), hostile, s.last.err)
	}
	err := filepath.WalkDir(s.path("import", ".pricefetch"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), "staged-") {
			s.t.Errorf("%s is left behind", path)
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}
