package mailbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"pricefetch/internal/mail"
)

// saying are options for a server that says what stands before the first NUL of data as its greeting, one piece more after
// each line of the client, and then hangs up. A second connection is refused.
func saying(protocol string, data []byte) Options {
	dialled := false
	return Options{
		Protocol: protocol, Host: "mail.example.ru", Port: 1, TLS: TLSNone, Username: "joe", Delete: DeleteExpunge,
		Password: func(context.Context) (string, error) { return "s3cret", nil },
		Timeout:  10 * time.Second, MaxMessage: 1 << 20, MaxListed: 100,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			if dialled {
				return nil, errors.New("nobody is at home")
			}
			dialled = true
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				in := bufio.NewReader(server)
				for piece := range bytes.SplitSeq(data, []byte{0}) {
					if _, err := server.Write(piece); err != nil {
						return
					}
					if _, err := in.ReadString('\n'); err != nil {
						return
					}
				}
			}()
			return client, nil
		},
	}
}

// converse does everything that a session can do, and holds the port's promises against it: a Done for each message or
// an error, an answer for each deletion.
func converse(t *testing.T, o Options) {
	s, err := Open(t.Context(), o)
	if err != nil {
		return
	}
	defer s.Close(true)
	listings, err := s.List(t.Context(), nil)
	if err != nil {
		return
	}
	var refs []mail.Ref
	var doomed []mail.Doomed
	for _, l := range listings {
		if l.Complete && (l.Why != "" || l.Err != nil) {
			t.Errorf("complete, and yet %q, %v", l.Why, l.Err)
		}
		for _, r := range l.Refs {
			refs = append(refs, r.Ref)
			doomed = append(doomed, mail.Doomed{Ref: r.Ref, Size: -1})
		}
	}
	if len(refs) > 2*o.MaxListed {
		t.Errorf("%d messages", len(refs))
	}
	_ = s.Envelopes(t.Context(), refs, func(e mail.Envelope) error { return nil })
	c := newCollector()
	if err := s.Fetch(t.Context(), refs, c); err == nil && len(c.done) != len(byName(refs)) {
		t.Errorf("%d of %d messages are done", len(c.done), len(refs))
	}
	deleted, _ := s.Delete(t.Context(), doomed)
	if len(deleted) != len(doomed) {
		t.Errorf("%d answers for %d deletions", len(deleted), len(doomed))
	}
	for _, d := range deleted {
		if d.State == mail.DeleteDone || d.State == mail.DeleteMarked {
			t.Errorf("%+v although no fingerprint was expected", d)
		}
	}
}

// byName leaves each message once.
func byName(refs []mail.Ref) map[string]bool {
	names := map[string]bool{}
	for _, r := range refs {
		names[name(r)] = true
	}
	return names
}

// FuzzPOP3Server: whatever a server says, a session ends, and what it tells is sound.
func FuzzPOP3Server(f *testing.F) {
	const in = "+OK\r\n\x00-ERR\r\n\x00+OK\r\n\x00+OK\r\n\x00-ERR\r\n\x00"
	for _, s := range []string{
		in + "+OK 1 10\r\n\x00+OK\r\n1 a\r\n.\r\n\x00+OK\r\n1 10\r\n.\r\n\x00+OK\r\nFrom: a@b.ru\r\n\r\n.\r\n\x00+OK\r\nFrom: a@b.ru\r\n\r\nx\r\n.\r\n\x00+OK\r\n\x00+OK\r\n",
		"+OK\r\n\x00+OK\r\nTOP\r\nSASL PLAIN\r\nEXPIRE 0\r\n.\r\n\x00+ \r\n\x00+OK\r\n\x00-ERR [SYS/TEMP] 5 minutes\r\n", "-ERR [IN-USE] x\r\n", "+OK\r\n\x00\r\n",
		in + "+OK 2 20\n\x00-ERR\n\x00+OK\n1 10\n2 -5\n.\n\x00-ERR\n\x00+OK\nx\n.\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) { converse(t, saying(ProtocolPOP3, data)) })
	})
}

// FuzzIMAPServer: the same over IMAP.
func FuzzIMAPServer(f *testing.F) {
	const in = "* OK [CAPABILITY IMAP4rev1 UIDPLUS] hi\r\n\x00T1 OK [CAPABILITY IMAP4rev1 UIDPLUS]\r\n\x00"
	const open = "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT 2] .\r\nT2 OK\r\n\x00"
	for _, s := range []string{
		in + open + "* 1 FETCH (UID 1 RFC822.SIZE 10)\r\nT3 OK\r\n\x00* 1 FETCH (UID 1 RFC822.SIZE 10 BODY[HEADER.FIELDS (From)] {3}\r\nX:y)\r\nT4 OK\r\n\x00* 1 FETCH (UID 1 BODY[] {5}\r\nX:y\r\n)\r\nT5 OK\r\n",
		in + open + "* 1 FETCH (UID 1 RFC822.SIZE -1)\r\n", in + "* 0 EXISTS\r\n* OK [UIDVALIDITY 1] .\r\nT2 OK\r\n\x00* SEARCH 0\r\nT3 OK\r\n",
		in + "* 0 EXISTS\r\n* OK [UIDVALIDITY 1] .\r\nT2 OK\r\n\x00* ESEARCH (TAG \"T3\") UID ALL 1:4294967295\r\nT3 OK\r\n",
		"* PREAUTH hi\r\n\x00* CAPABILITY IMAP4rev1\r\nT1 OK\r\n\x00T2 NO [NONEXISTENT] x\r\n", "* BYE Suggested Backoff Time: 5 seconds\r\n", "+ what\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) { converse(t, saying(ProtocolIMAP, data)) })
	})
}

// FuzzIMAPWire: how responses are bounded does not depend on how they arrive, and nothing is changed on the way.
func FuzzIMAPWire(f *testing.F) {
	for _, s := range []string{"* 1 FETCH (BODY[] {7}\r\n* BYE x)\r\n", "* LIST () \"/\" \"a\\\"{3}\r\nb\"\r\n* BYE now\r\n", "T1 OK [CAPABILITY X]\r\n", "* OK {9}\r\n* 2 FETCH (X {3}\r\nabc)"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read := func(r io.Reader) (string, string, bool, error) {
			w := newWire(trickle{r: r, size: 1 << 20}, Options{MaxListed: 1, Trace: func(string, string) {}})
			b, err := io.ReadAll(struct{ io.Reader }{w})
			return string(b), w.Bye(), w.Capable(), err
		}
		whole, bye, caps, err := read(bytes.NewReader(data))
		bitten, bye1, caps1, err1 := read(iotest.OneByteReader(bytes.NewReader(data)))
		if err == nil && whole != string(data) || bye != bye1 || caps != caps1 || (err == nil) != (err1 == nil) || !strings.HasPrefix(string(data), bitten) {
			t.Errorf("at once %q, %q, %v; octet by octet %q, %q, %v", whole, bye, err, bitten, bye1, err1)
		}
	})
}

// FuzzPOP3Reply: the words of a server are parsed without trouble and made fit for logs.
func FuzzPOP3Reply(f *testing.F) {
	for _, s := range []string{"-ERR [IN-USE] wait 15 minutes", "+OK 2 320", "1 uid 5", "LOGIN-DELAY 900", "+ ", "-err [auth", "EXPIRE 0 USER"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, challenged := range []bool{false, true} {
			if ok, _, valid := parseStatus(line, challenged); ok && !valid {
				t.Errorf("%q is a success that is not valid", line)
			}
		}
		if text := clean(line); strings.ContainsAny(text, "\r\n\x00\x1b") || len([]rune(text)) > 301 {
			t.Errorf("%q is shown as %q", line, text)
		}
		if num, value, ok := parseScan(line); ok && (num == 0 || value == "") {
			t.Errorf("%q: %d, %q", line, num, value)
		}
		if count, octets, why := parseStat(line); (count < 0 || octets < 0) != (why != "") {
			t.Errorf("%q: %d, %d, %q", line, count, octets, why)
		}
		caps := pop3Caps{}
		_ = caps.add(line)
		r := &pop3Refusal{text: line}
		if d := r.delay(caps); d < 0 || d > maxDelay || caps.loginDelay() > maxDelay {
			t.Errorf("%q: a delay of %v", line, d)
		}
		if parseSize(line) < -1 {
			t.Errorf("%q: size %d", line, parseSize(line))
		}
	})
}
