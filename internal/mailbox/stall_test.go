package mailbox

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// faltering is a connection whose writer is silent after so many octets, or takes its time for each.
type faltering struct {
	net.Conn
	left *int          // nil: without end
	each time.Duration // for an octet
}

var errFaltered = errors.New("said enough")

func (f faltering) Write(p []byte) (int, error) {
	if f.each > 0 {
		for i := range p {
			time.Sleep(f.each)
			if _, err := f.Conn.Write(p[i : i+1]); err != nil {
				return i, err
			}
		}
		return len(p), nil
	}
	n := min(len(p), *f.left)
	*f.left -= n
	if _, err := f.Conn.Write(p[:n]); err != nil || n == len(p) {
		return n, err
	}
	_, _ = io.Copy(io.Discard, f.Conn) // until the client has had enough
	return n, errFaltered
}

// faltered are options for a server that answers as by says, over a connection that makes trouble.
func faltered(protocol, security string, by replies, cert tls.Certificate, trouble func(net.Conn) faltering) Options {
	config := &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true} // nobody reads tickets off a pipe
	return Options{
		Protocol: protocol, Host: "mail.example.ru", Port: 1, TLS: security, Insecure: true, Username: "joe", Delete: DeleteExpunge,
		Password: func(context.Context) (string, error) { return "s3cret-word", nil }, Timeout: 20 * time.Second, MaxListed: 100,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				var conn net.Conn = trouble(server)
				switch security {
				case TLSImplicit:
					conn = tls.Server(conn, config)
				case TLSStart:
					if begin(protocol, conn) != nil {
						return
					}
					conn = tls.Server(conn, config)
					if protocol == ProtocolPOP3 || protocol == ProtocolIMAP {
						by = maps.Clone(by)
						by[""] = answering("") // no second greeting
					}
				}
				scriptedServer(by)(conn, bufio.NewReader(conn))
			}()
			return client, nil
		},
	}
}

// begin agrees on TLS.
func begin(protocol string, conn net.Conn) error {
	greeting, agreed := "+OK hi\r\n", "+OK go\r\n"
	if protocol == ProtocolIMAP {
		greeting, agreed = "* OK hi\r\n", "S1 OK go\r\n"
	}
	if _, err := io.WriteString(conn, greeting); err != nil {
		return err
	}
	if _, err := readLine(conn, 100); err != nil {
		return err
	}
	_, err := io.WriteString(conn, agreed)
	return err
}

// wholeSession is a well-behaved server for everything that a session says: its answers to FETCH differ by what is asked.
func wholeSession(protocol string) replies {
	by := echoBase(protocol)
	if protocol == ProtocolIMAP {
		head := "From: a@b.ru\r\n\r\n"
		by["HEADER.FIELDS"] = answering(fmt.Sprintf("* 1 FETCH (UID 1 RFC822.SIZE 10 INTERNALDATE \" 5-Jan-2026 10:00:01 +0300\" BODY[HEADER.FIELDS (From)] {%d}\nFrom: a@b.ru\n\n)\nT OK\n", len(head)))
		by["BODY.PEEK[]"] = answering(fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\nFrom: a@b.ru\n\nx)\nT OK\n", len(head)+1))
	}
	return by
}

// troubles says everything to a server and returns the errors, and how long it took.
func troubles(t *testing.T, o Options) (errs []string, took time.Duration) {
	start := time.Now()
	s, err := Open(t.Context(), o)
	if err != nil {
		return []string{err.Error()}, time.Since(start)
	}
	talk(t.Context(), s, func(what string, err error) {
		if err != nil && !strings.HasPrefix(err.Error(), "delete message INBOX/1: ") { // no fingerprint is expected
			errs = append(errs, what+": "+err.Error())
		}
	})
	return errs, time.Since(start)
}

// A server may fall silent at any point of a whole session, over every kind of connection, handshakes included: it costs one
// timeout, once, and the error says so.
func TestSilentAtEveryPoint(t *testing.T) {
	cert := newAuthority(t).cert
	for _, protocol := range []string{ProtocolPOP3, ProtocolIMAP} {
		for security, stride := range map[string]int{TLSNone: 1, TLSImplicit: 41, TLSStart: 41} {
			t.Run(protocol+"-"+security, func(t *testing.T) {
				at := func(n int) (errs []string, took time.Duration, used int) {
					left := n
					synctest.Test(t, func(t *testing.T) {
						errs, took = troubles(t, faltered(protocol, security, wholeSession(protocol), cert, func(c net.Conn) faltering { return faltering{Conn: c, left: &left} }))
					})
					return errs, took, n - left
				}
				errs, _, all := at(1 << 30)
				if len(errs) > 0 || all < 100 {
					t.Fatalf("undisturbed, after %d octets: %q", all, errs)
				}
				for n := 0; n < all; n += stride {
					errs, took, _ := at(n)
					quiet := len(errs) == 0 && protocol == ProtocolIMAP && n > all-50 // LOGOUT: nothing depends on its answer
					if !quiet && !slices.ContainsFunc(errs, func(e string) bool { return strings.Contains(e, "silent for 20s") }) || took > 20*time.Second+logoutTime {
						t.Fatalf("silent after %d of %d octets: %q after %v", n, all, errs, took)
					}
				}
			})
		}
	}
}

// A server that drips an octet a second is given up in its first long answer.
func TestDrippingServer(t *testing.T) {
	cert := newAuthority(t).cert
	for _, protocol := range []string{ProtocolPOP3, ProtocolIMAP} {
		for _, security := range []string{TLSNone, TLSImplicit, TLSStart} {
			t.Run(protocol+"-"+security, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					by := wholeSession(protocol)
					long := strings.Repeat("x", 5000)
					by["RETR"] = answering("+OK\nFrom: a@b.ru\n\n" + long + "\n.\n")
					by["BODY.PEEK[]"] = answering(fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\nFrom: a@b.ru\n\n%s)\nT OK\n", 16+len(long), long))
					errs, took := troubles(t, faltered(protocol, security, by, cert, func(c net.Conn) faltering { return faltering{Conn: c, each: time.Second} }))
					time.Sleep(2 * time.Second) // the server finds out
					if len(errs) == 0 || !strings.Contains(errs[0], "too slow to go on") || took > 20*time.Minute {
						t.Errorf("%q after %v", errs, took)
					}
				})
			})
		}
	}
}

// A server that answers each command with what belongs to another one deceives nobody: the session ends soon, and nothing
// is taken for deleted or complete that is not.
func TestAnswersOfOtherCommands(t *testing.T) {
	for _, protocol := range []string{ProtocolPOP3, ProtocolIMAP} {
		good := wholeSession(protocol)
		for _, asked := range slices.Sorted(maps.Keys(good)) {
			for _, other := range slices.Sorted(maps.Keys(good)) {
				synctest.Test(t, func(t *testing.T) {
					by := maps.Clone(good)
					by[asked] = good[other]
					start := time.Now()
					converse(t, faltered(protocol, TLSNone, by, tls.Certificate{}, func(c net.Conn) faltering { left := 1 << 30; return faltering{Conn: c, left: &left} }))
					if took := time.Since(start); took > 3*20*time.Second {
						t.Errorf("%q answered as %q: it took %v", asked, other, took)
					}
				})
			}
		}
	}
}
