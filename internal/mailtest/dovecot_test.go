package mailtest

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/go-cmp/cmp"
)

func TestDovecotShowsWhatWasAppended(t *testing.T) {
	s := Dovecot(t, DovecotOptions{})
	const user, folder = "склад@example.ru", "INBOX/Прайсы"
	s.AddUser(user, "пароль: {x}")
	received := time.Date(2023, 11, 20, 6, 30, 15, 0, time.UTC)
	cases := []struct {
		name, raw string
		flags     []string
		want      Info
	}{
		{"Cyrillic in CP1251, form feed and what looks like a field", "Message-ID: <1@x>\r\nSubject: \xcf\xf0\r\n\r\nb\r\n\f\r\nuid: 3\r\n\ntext:\n\r\n",
			nil, Info{UID: 1, MessageID: "<1@x>"}},
		{"no line end at the end", "Message-ID: <2@x>\r\n\r\nbody", []string{`\Seen`, `\Flagged`},
			Info{UID: 2, MessageID: "<2@x>", Flags: []string{`\Flagged`, `\Seen`}}},
		{"no Message-ID", "Subject: x\r\n\r\nbody\r\n", []string{`\Deleted`}, Info{UID: 3, Flags: []string{`\Deleted`}}},
		{"form feed at the end", "Message-ID: <4@x>\r\n\r\nbody\f\n", nil, Info{UID: 4, MessageID: "<4@x>"}},
	}
	var want []Info
	for i, c := range cases {
		at := received.Add(time.Duration(i) * time.Hour)
		s.Append(user, folder, []byte(c.raw), at, c.flags...)
		sum := sha256.Sum256([]byte(c.raw))
		c.want.SHA256, c.want.Received = hex.EncodeToString(sum[:]), at
		c.want.Size = int64(len(c.raw))
		if strings.HasSuffix(c.raw, "\f\n") {
			c.want.Size++ // counted with CRLF
		}
		if strings.Contains(c.raw, "\n\ntext:\n") {
			c.want.Size += 2
		}
		if c.want.Flags == nil {
			c.want.Flags = []string{}
		}
		want = append(want, c.want)
	}
	if diff := cmp.Diff(want, s.Messages(user, folder)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if got := s.Messages(user, "INBOX"); len(got) != 0 {
		t.Errorf("INBOX holds %d messages, want none", len(got))
	}
}

// Messages that come while the folder is known already must be seen at once, although Maildir is told by times.
func TestDovecotSeesEachAppendAtOnce(t *testing.T) {
	s := Dovecot(t, DovecotOptions{})
	s.AddUser("u", "p")
	for i := range 5 {
		s.Append("u", "INBOX", fmt.Appendf(nil, "Message-ID: <%d@x>\r\n\r\n", i), time.Now())
		got := s.Messages("u", "INBOX")
		if len(got) != i+1 || got[i].MessageID != fmt.Sprintf("<%d@x>", i) {
			t.Fatalf("after append %d: %+v", i, got)
		}
	}
}

func TestDovecotServesBothProtocols(t *testing.T) {
	s := Dovecot(t, DovecotOptions{Trash: true})
	s.AddUser("u", "old")
	s.AddUser("u", "new") // of the same length, within the same second
	received := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	const n = 2000
	for i := range n {
		s.Append("u", "INBOX", fmt.Appendf(nil, "Message-ID: <%d@x>\r\n\r\nbody %d\r\n", i, i), received.Add(time.Duration(i)*time.Minute))
	}
	for _, implicit := range []bool{false, true} {
		t.Run(fmt.Sprintf("implicit TLS %t", implicit), func(t *testing.T) {
			if got := s.popStat(t, implicit, "u", "new"); !strings.HasPrefix(got, "+OK 2000 ") {
				t.Errorf("STAT answered %q, want %d messages", got, n)
			}
			s.checkIMAP(t, implicit, n, received)
		})
	}
	if got := s.popStat(t, false, "u", "old"); !strings.HasPrefix(got, "-ERR") {
		t.Errorf("login with the old password answered %q", got)
	}
}

func (s *Server) conn(t *testing.T, port int, implicit bool) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort(s.Host, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if implicit {
		return tls.Client(conn, s.clientTLS(t))
	}
	return conn
}

// clientTLS trusts nobody but the authority in CAFile, and checks Fingerprint.
func (s *Server) clientTLS(t *testing.T) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	config := (&Authority{CA: pem}).ClientConfig()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		sum := sha256.Sum256(state.PeerCertificates[0].Raw)
		if got := hex.EncodeToString(sum[:]); got != s.Fingerprint {
			return fmt.Errorf("fingerprint %s, want %s", got, s.Fingerprint)
		}
		return nil
	}
	return config
}

// popStat logs in and returns the answer to STAT, or the first answer that is not +OK.
func (s *Server) popStat(t *testing.T, implicit bool, user, password string) string {
	t.Helper()
	port := s.POP3Port
	if implicit {
		port = s.POP3SPort
	}
	return dialogue(t, s.conn(t, port, implicit), "USER "+user, "PASS "+password, "STAT")
}

// dialogue sends commands one after the other and returns the last first line, or the first that is not +OK.
func dialogue(t *testing.T, conn net.Conn, commands ...string) string {
	t.Helper()
	r := bufio.NewReader(conn)
	for i := -1; ; i++ {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("read answer: %v", err)
		}
		if i == len(commands)-1 || !strings.HasPrefix(line, "+OK") {
			return strings.TrimSpace(line)
		}
		if _, err := fmt.Fprintf(conn, "%s\r\n", commands[i+1]); err != nil {
			t.Fatalf("send %s: %v", commands[i+1], err)
		}
	}
}

// checkIMAP looks at the folder with go-imap's client: UIDs in order of appending, INTERNALDATE as given, a \Trash.
func (s *Server) checkIMAP(t *testing.T, implicit bool, n int, received time.Time) {
	t.Helper()
	port := s.IMAPPort
	if implicit {
		port = s.IMAPSPort
	}
	c := imapclient.New(s.conn(t, port, implicit), nil)
	defer c.Close()
	if err := c.Login("u", "new").Wait(); err != nil {
		t.Fatal(err)
	}
	list, err := c.List("", "*", &imap.ListOptions{ReturnSpecialUse: true}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	trash := false
	for _, folder := range list {
		trash = trash || folder.Mailbox == "Trash" && strings.Contains(fmt.Sprint(folder.Attrs), `\Trash`)
	}
	if !trash {
		t.Errorf("no folder Trash with \\Trash in %+v", list)
	}
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	last := imap.UIDSetNum(imap.UID(n))
	got, err := c.Fetch(last, &imap.FetchOptions{InternalDate: true, Envelope: true}).Collect()
	if err != nil || len(got) != 1 {
		t.Fatalf("fetch UID %d: %v, %d messages", n, err, len(got))
	}
	want := received.Add(time.Duration(n-1) * time.Minute)
	if id := fmt.Sprintf("%d@x", n-1); got[0].Envelope.MessageID != id || !got[0].InternalDate.Equal(want) {
		t.Errorf("UID %d is %s of %s, want %s of %s", n, got[0].Envelope.MessageID, got[0].InternalDate, id, want)
	}
}

func TestDovecotRequiresTLS(t *testing.T) {
	s := Dovecot(t, DovecotOptions{RequireTLS: true})
	s.AddUser("u", "p")
	if got := s.popStat(t, false, "u", "p"); !strings.HasPrefix(got, "-ERR") {
		t.Errorf("plain login answered %q, want a refusal", got)
	}
	if got := s.popStat(t, true, "u", "p"); !strings.HasPrefix(got, "+OK 0 ") {
		t.Errorf("login over TLS answered %q", got)
	}
}

func TestDovecotStopsWithItsChildren(t *testing.T) {
	var gone *Server
	t.Run("running", func(t *testing.T) {
		gone = Dovecot(t, DovecotOptions{})
		if got := dialogue(t, gone.conn(t, gone.POP3Port, false), "NOOP"); got == "" {
			t.Error("no answer")
		}
	})
	for port, implicit := range map[int]bool{gone.IMAPPort: false, gone.POP3SPort: true} {
		l, err := net.Listen("tcp", net.JoinHostPort(gone.Host, strconv.Itoa(port)))
		if err == nil {
			l.Close()
			continue
		}
		// Another test may have been given the port in the meantime: only our own greeting is a fault.
		if line, err := gone.greetingAt(port, implicit); err == nil && strings.Contains(line, gone.greeting) {
			t.Errorf("port %d still answers after the test", port)
		}
	}
}
