package mailbox

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"pricefetch/internal/mail"
)

// listedBy is the listing of a server that says these pieces; nil where there is none.
func listedBy(t *testing.T, protocol, pieces string) *mail.Listing {
	s, err := Open(t.Context(), saying(protocol, []byte(pieces)))
	if err != nil {
		return nil
	}
	defer s.Close(false)
	listings, err := s.List(t.Context(), nil)
	if err != nil || len(listings) != 1 || listings[0].Err != nil {
		return nil
	}
	return &listings[0]
}

// sane wants of a listing what nobody may be deceived about.
func sane(t *testing.T, l *mail.Listing) {
	ids, numbers := map[string]bool{}, map[uint32]bool{}
	for _, r := range l.Refs {
		if r.ID != "" && ids[r.ID] || r.Num != 0 && numbers[r.Num] {
			t.Errorf("%+v occurs twice", r)
		}
		if r.Size < -1 || r.ID != "" && !printable(r.ID) {
			t.Errorf("%+v", r)
		}
		ids[r.ID], numbers[r.Num] = true, true
	}
	if len(l.Refs) > 100 || l.Complete != (l.Why == "") {
		t.Errorf("%d messages, complete: %v, %q", len(l.Refs), l.Complete, l.Why)
	}
}

// FuzzPOP3Listing: a listing of STAT, UIDL and LIST is complete only if a plain count of their lines says so too.
func FuzzPOP3Listing(f *testing.F) {
	for _, s := range [][3]string{
		{"+OK 2 300", "+OK\r\n1 a\r\n2 b\r\n.", "+OK\r\n1 100\r\n2 200\r\n."}, {"+OK 2 300", "+OK\r\n1 a\r\n2 a\r\n.", "+OK\r\n1 100\r\n2 200\r\n."},
		{"+OK 2 300", "+OK\r\n1 a\r\n1 b\r\n.", "+OK\r\n1 100\r\n2 200\r\n."}, {"+OK 0 0", "+OK\r\n.", "+OK\r\n."}, {"+OK 0 0", "-ERR", "-ERR"}, {"+OK 1 5", "-ERR", "+OK\r\n1 5\r\n."},
		{"+OK", "+OK\r\n..\r\n.", "+OK\r\n1\r\n."}, {"+OK 1 -1", "+OK\r\n4294967296 a\r\n.", "+OK\r\n0 5\r\n."}, {"+OK 1 1", "+OK\r\n01 a b\r\n.", "+OK\r\n1 1 x\r\n."}, {"-ERR [SYS/TEMP]", "", ""},
	} {
		f.Add(s[0], s[1], s[2])
	}
	const in = "+OK\r\n\x00-ERR\r\n\x00+OK\r\n\x00+OK\r\n\x00-ERR\r\n\x00"
	f.Fuzz(func(t *testing.T, stat, uidl, list string) {
		clean := strings.NewReplacer("\x00", "")
		stat, uidl, list = clean.Replace(stat), clean.Replace(uidl), clean.Replace(list)
		synctest.Test(t, func(t *testing.T) {
			l := listedBy(t, ProtocolPOP3, in+stat+"\r\n\x00"+uidl+"\r\n\x00"+list+"\r\n\x00")
			if l == nil {
				return
			}
			sane(t, l)
			words := strings.Fields(stat)
			count := -1
			if len(words) > 1 {
				if n, err := strconv.Atoi(words[1]); err == nil {
					count = n
				}
			}
			lines := strings.Count(list, "\n") - 1 // without the status and the dot
			if l.Complete && (count != len(l.Refs) || count > 0 && lines != count) {
				t.Errorf("complete with %d messages, STAT says %q, LIST has %d lines: %q", len(l.Refs), stat, lines, list)
			}
		})
	})
}

// FuzzIMAPListing: a listing is complete only if it has as many messages as the server announces, each with a UID of its own.
func FuzzIMAPListing(f *testing.F) {
	for _, s := range [][2]string{
		{"* 1 FETCH (UID 1 RFC822.SIZE 10)", "* SEARCH 1"}, {"* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 1)", ""}, {"* 1 FETCH (UID x)", "* SEARCH 1 2"}, {"", "* ESEARCH (TAG \"T4\") UID ALL 1:2"},
		{"* 2 EXPUNGE", ""}, {"* 5 EXISTS", ""}, {"* 1 FETCH (UID 4294967296)", "* SEARCH 0"}, {"* 1 FETCH (RFC822.SIZE -1 UID 3)", ""}, {"T3 NO", ""},
	} {
		f.Add(uint8(1), s[0], s[1])
		f.Add(uint8(2), s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, exists uint8, fetch, search string) {
		clean := strings.NewReplacer("\x00", "")
		fetch, search = clean.Replace(fetch), clean.Replace(search)
		synctest.Test(t, func(t *testing.T) {
			const in = "* OK [CAPABILITY IMAP4rev1] hi\r\n\x00T1 OK [CAPABILITY IMAP4rev1]\r\n\x00"
			l := listedBy(t, ProtocolIMAP, in+fmt.Sprintf("* %d EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT 9] .\r\nT2 OK\r\n\x00", exists)+
				fetch+"\r\nT3 OK\r\n\x00"+search+"\r\nT4 OK\r\n")
			if l == nil {
				return
			}
			sane(t, l)
			for _, r := range l.Refs {
				if _, err := parseUID(r.Ref); err != nil {
					t.Error(err)
				}
			}
			if l.Complete && len(l.Refs) != l.Next.Count {
				t.Errorf("complete with %d messages of %d", len(l.Refs), l.Next.Count)
			}
		})
	})
}

// heard is a connection that plays what was said and remembers what is answered.
type heard struct {
	net.Conn
	in  *bytes.Reader
	out bytes.Buffer
}

func (h *heard) Read(p []byte) (int, error)  { return h.in.Read(p) }
func (h *heard) Write(p []byte) (int, error) { return h.out.Write(p) }

// FuzzStartTLS: before TLS nothing is sent but the wish for it, and agreed is only what a greeting and one positive answer
// say; what stands behind them is left for the TLS layer, which will refuse it.
func FuzzStartTLS(f *testing.F) {
	for _, s := range []string{
		"* OK hi\r\nS1 OK go\r\n", "* OK hi\r\nS1 OK go\r\n* PREAUTH injected\r\n", "* OK hi\r\n* CAPABILITY X\r\nS1 ok\r\n", "* PREAUTH hi\r\nS1 OK\r\n", "* OK\r\nS1 NO\r\n", "* BYE\r\n", "* OK\r\n* BYE\r\nS1 OK\r\n",
		"+OK hi\r\n+OK go\r\n", "+OK\r\n+OK\r\n+OK injected\r\n", "-ERR [IN-USE]\r\n", "+OK\n+ok\n\x16\x03\x01", "+OK\r\n-ERR\r\n+OK\r\n",
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, said []byte, imap bool) {
		conn := &heard{in: bytes.NewReader(said)}
		var err error
		wish := "STLS\r\n"
		if imap {
			wish = "S1 STARTTLS\r\n"
			err = imapStartTLS(conn)
		} else {
			err = stls(Options{Trace: func(string, string) {}}, conn)
		}
		if sent := conn.out.String(); sent != "" && sent != wish {
			t.Errorf("%q was sent in the clear", sent)
		}
		if err != nil {
			return
		}
		rest, _ := io.ReadAll(conn.in)
		taken, whole := bytes.CutSuffix(said, rest)
		lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(taken), "\r\n", "\n"), "\n"), "\n")
		first, last := strings.ToUpper(lines[0]), strings.ToUpper(lines[len(lines)-1])
		agreed := strings.HasPrefix(first, "+OK") && strings.HasPrefix(last, "+OK") && len(lines) == 2
		if imap {
			agreed = strings.HasPrefix(first, "* OK") && strings.HasPrefix(last, "S1 OK") && len(lines) >= 2
		}
		if !whole || !agreed || !bytes.HasSuffix(taken, []byte("\n")) {
			t.Errorf("agreed on TLS by %q, with %q behind it", taken, rest)
		}
	})
}
