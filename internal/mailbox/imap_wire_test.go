package mailbox

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// A response that the parser would have to keep whole is bounded; message content is not.
func TestIMAPWireBounds(t *testing.T) {
	long := strings.Repeat("x", maxResponse)
	strs := strings.Repeat(fmt.Sprintf("{%d}\r\n%s ", maxLiteral, long[:maxLiteral]), 5)
	for _, c := range []struct{ name, data, words string }{
		{"line", "* 1 FETCH (FLAGS (" + long, "longer than 1048576"},
		{"status line", "* OK " + long, "longer than 65536"},
		{"literal", "* LIST () \"/\" {262145}\r\n", "string of 262145"},
		{"absurd literal", "* LIST () \"/\" {9223372036854775807}\r\n", "string of 9223372036854775807"},
		{"many literals", "* 1 FETCH (ENVELOPE (" + strs, "longer than 1048576"},
		{"quoted string over lines", "* LIST () \"/\" \"BODY[] {999999999}\r\n" + long, "longer than 1048576"},
		{"text that looks like a literal", "* OK see BODY[] {999999999}\r\n" + "* OK " + long, "longer than 65536"},
		{"tagged text that looks like a literal", "T1 OK see BODY[] {999999999}\r\n" + "* OK " + long, "longer than 65536"},
		{"after content", "* 1 FETCH (BODY[] {3}\r\nabc FLAGS (" + long, "longer than 1048576"},
		{"content", "* 1 FETCH (UID 1 BODY[] {2000000}\r\n" + long + long[:2000000-maxResponse] + ")\r\n", ""},
		{"partial content", "* 1 FETCH (UID 1 BODY[]<0> {2000000}\r\n" + long + long[:2000000-maxResponse] + ")\r\n", ""},
		{"content with quotes and braces", "* 1 FETCH (UID 1 BODY[] {19}\r\n\"* BYE {9999999}\r\n\"\r\n)\r\n* 2 EXISTS\r\n", ""},
		{"capabilities that hang the parser", "* OK [CAPABILITY IMAP4rev1 (\r\n", "has a bracket"},
		{"capabilities that hang the parser, far on", "* capability " + long[:5000] + "(\r\n", "has a bracket"},
		{"brackets elsewhere", "* OK [CAPABILITY IMAP4rev1] ready (on a server)\r\n* FLAGS (CAPABILITY x)\r\n", ""},
		{"header section", "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (From)] {33554433}\r\n", "header of 33554433"},
		{"capabilities", "* CAPABILITY " + long[:maxStatus], "longer than 65536"},
		{"tagged", "T1 OK " + long[:maxStatus], "longer than 65536"},
		{"all that a command brings to be gathered", strings.Repeat("* SEARCH "+long[:1<<19]+"\r\n", 5), "more than 2097152 bytes like"},
		{"all that a command brings", strings.Repeat("* 1 FETCH ("+long[:1<<19]+"\r\n", 4), "more than 1048656 bytes like"},
		{"remarks without end", strings.Repeat("* OK "+long[:1000]+"\r\n", 4200), "more than 4194304 bytes like"},
		{"many lines", strings.Repeat("* OK "+long[:1000]+"\r\n", 3000), ""},
	} {
		for _, size := range []int{61, 4096} {
			t.Run(fmt.Sprintf("%s by %d", c.name, size), func(t *testing.T) {
				w := newWire(trickle{r: strings.NewReader(c.data), size: size}, Options{MaxListed: 1, Trace: func(string, string) {}})
				n, err := io.Copy(io.Discard, struct{ io.Reader }{w})
				if c.words == "" {
					if err != nil || n != int64(len(c.data)) || w.Bye() != "" {
						t.Errorf("%d of %d octets, %v, bye %q", n, len(c.data), err, w.Bye())
					}
					return
				}
				contains(t, err, c.words)
				if len(err.Error()) > 300 {
					t.Errorf("the error has %d octets", len(err.Error()))
				}
				if _, again := w.Read(make([]byte, 1)); again != err {
					t.Errorf("then %v", again)
				}
			})
		}
	}
}

// What a folder may have as many messages as its limit is answered with fits, whatever the limit: a SEARCH in one line, with
// UIDs as long as they get, and an EXPUNGE each.
func TestIMAPWireBoundsGrowWithTheListing(t *testing.T) {
	for _, messages := range []int{1, 100_000, 1_000_000} {
		data := "* SEARCH" + strings.Repeat(" 4294967295", messages) + "\r\n* ESEARCH (TAG \"T1\") UID ALL " + strings.Repeat("4294967295,", messages) + "1\r\n" +
			strings.Repeat("* 1000000 EXPUNGE\r\n", messages)
		w := newWire(trickle{r: strings.NewReader(data), size: 64 << 10}, Options{MaxListed: messages, Trace: func(string, string) {}})
		if n, err := io.Copy(io.Discard, struct{ io.Reader }{w}); err != nil || n != int64(len(data)) {
			t.Errorf("%d messages: %d of %d octets, %v", messages, n, len(data), err)
		}
	}
}

// trickle is a connection that gives at most size octets a read.
type trickle struct {
	net.Conn
	r    io.Reader
	size int
}

func (s trickle) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.size)]) }
func (trickle) Close() error                 { return nil }

func TestIMAPWireRemembersBye(t *testing.T) {
	for data, want := range map[string]string{
		"* BYE over and out\r\n":                                       "over and out",
		"* bye [UNAVAILABLE] \"quoted\r\n":                             "[UNAVAILABLE] \"quoted",
		"* 1 FETCH (BODY[] {7}\r\n* BYE x)\r\n":                        "",
		"* 1 FETCH (BODY[] {10}\r\n* BYE no\r\n)\r\n* BYE yes {5}\r\n": "yes {5}",
		"* OK [X] BYE\r\n* LIST () \"/\" BYE\r\n":                      "",
	} {
		w := newWire(trickle{r: strings.NewReader(data), size: 3}, Options{MaxListed: 1, Trace: func(string, string) {}})
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{w}); err != nil {
			t.Errorf("%q: %v", data, err)
		}
		if w.Bye() != want {
			t.Errorf("%q: bye %q, want %q", data, w.Bye(), want)
		}
	}
}

// A server that floods costs an error, not memory.
func TestIMAPFlood(t *testing.T) {
	o := imapOptions(t, func(conn net.Conn) error {
		defer conn.Close()
		if _, err := io.WriteString(conn, "* OK [CAPABILITY "); err != nil {
			return err
		}
		for {
			if _, err := conn.Write([]byte(strings.Repeat("X", 64<<10))); err != nil {
				return nil
			}
		}
	})
	_, err := Open(t.Context(), o)
	contains(t, err, "longer than 65536")
	if mail.ClassOf(err) != mail.Temporary {
		t.Errorf("class %v", mail.ClassOf(err))
	}
}
