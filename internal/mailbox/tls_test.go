package mailbox

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pricefetch/internal/mail"
)

// authority is a certificate for pop.example.ru that has signed itself.
type authority struct {
	cert   tls.Certificate
	caFile string
	print  string // SHA-256 with colons, upper case, as openssl prints it
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "почта"}, DNSNames: []string{"pop.example.ru"},
		IPAddresses: []net.IP{net.IPv6loopback},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	var pairs []string
	hex := strings.ToUpper(fingerprintOf(leaf))
	for i := 0; i < len(hex); i += 2 {
		pairs = append(pairs, hex[i:i+2])
	}
	return authority{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, file, strings.Join(pairs, ":")}
}

// secured is a server that plays plain in the clear, does a handshake and plays the rest within TLS.
func secured(t *testing.T, config *tls.Config, plain, rest string) Options {
	t.Helper()
	before, after := parseScript(t, plain), parseScript(t, rest)
	o := scripted(t, "")
	o.Dialer = func(context.Context, string, string) (net.Conn, error) {
		client, server := connected(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer server.Close()
			playFirst(unclosed{server}, before, octetsOf(before), true)
			conn := tls.Server(server, config)
			if conn.Handshake() != nil {
				return
			}
			if err := play(unclosed{conn}, after); err != nil {
				t.Error(err)
			}
		}()
		t.Cleanup(func() {
			client.Close()
			<-done
		})
		return client, nil
	}
	return o
}

// connected is a TCP connection: unlike a pipe's, its ends may both write.
func connected(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// unclosed keeps a step of a server from closing the connection.
type unclosed struct{ net.Conn }

func (unclosed) Close() error { return nil }

func TestTLSImplicit(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	for _, c := range []struct {
		name  string
		set   func(*Options)
		words []string // of the error; none: it works
	}{
		{"unknown authority", func(*Options) {}, []string{"pop.example.ru:110", "certificate", "ca_file", "fingerprint: " + strings.ToLower(strings.ReplaceAll(ca.print, ":", ""))}},
		{"ca_file", func(o *Options) { o.CAFile = ca.caFile }, nil},
		{"ca_file of another", func(o *Options) { o.CAFile = other.caFile }, []string{"certificate"}},
		{"ca_file, another host", func(o *Options) { o.CAFile, o.Host = ca.caFile, "pop.example.com" }, []string{"pop.example.com"}},
		{"ca_file, IPv6 address", func(o *Options) { o.CAFile, o.Host = ca.caFile, "[::1]" }, nil},
		{"fingerprint", func(o *Options) { o.Fingerprint = ca.print }, nil},
		{"fingerprint, another host", func(o *Options) { o.Fingerprint, o.Host = ca.print, "10.0.0.1" }, nil},
		{"fingerprint of another", func(o *Options) { o.Fingerprint = other.print }, []string{"expected", "renewed"}},
		{"fingerprint is heeded though insecure", func(o *Options) { o.Fingerprint, o.Insecure = other.print, true }, []string{"expected"}},
		{"insecure", func(o *Options) { o.Insecure = true }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			o := secured(t, &tls.Config{Certificates: []tls.Certificate{ca.cert}}, "", hello+"C: QUIT\nS: +OK")
			o.TLS = TLSImplicit
			c.set(&o)
			s, err := Open(t.Context(), o)
			if c.words != nil {
				contains(t, err, c.words...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(true); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func TestTLSTooOld(t *testing.T) {
	ca := newAuthority(t)
	o := secured(t, &tls.Config{Certificates: []tls.Certificate{ca.cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "", hello)
	o.TLS, o.Insecure = TLSImplicit, true
	_, err := Open(t.Context(), o)
	contains(t, err, "start TLS", "version")
}

func TestTLSOnAPortWithout(t *testing.T) {
	o := scripted(t, "")
	o.TLS = TLSImplicit
	o.Dialer = func(context.Context, string, string) (net.Conn, error) {
		client, server := connected(t)
		go playFirst(server, []step{{text: "+OK ready\r\n"}}, 100, false)
		return client, nil
	}
	_, err := Open(t.Context(), o)
	contains(t, err, "port 110 may want tls: starttls")
}

func TestSTLS(t *testing.T) {
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.cert}}
	inside := strings.TrimPrefix(hello, "\nS: +OK ready\n")
	for _, c := range []struct {
		name, plain, rest string
		words             []string
	}{
		{"agreed", "S: +OK ready\nC: STLS\nS: +OK begin", inside + "C: QUIT\nS: +OK", nil},
		{"not offered", "S: +OK ready\nC: STLS\nS: -ERR unknown command", "", []string{"no STLS", "not sent in the clear", "tls: implicit", "unknown command"}},
		{"turned away", "S: -ERR [SYS/TEMP] busy", "", []string{"busy"}},
		{"not POP3", "S: 220 smtp.example.ru", "", []string{"220 smtp.example.ru"}},
		{"odd answer", "S: +OK ready\nC: STLS\nS: 220 go", "", []string{"220 go"}},
		{"a line behind the agreement", "S: +OK ready\nC: STLS\nS: +OK begin\nS: +OK logged in", inside, []string{"start TLS", "in the clear"}},
		{"two lines with the greeting", "S: +OK ready\nS: +OK begin\nC: STLS\nS: +OK logged in", inside, []string{"start TLS", "in the clear"}},
		{"a line without end", "S= \"" + strings.Repeat("x", pop3Line+1) + "\"", "", []string{"longer than"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			o := secured(t, config, c.plain, c.rest)
			o.TLS, o.CAFile = TLSStart, ca.caFile
			s, err := Open(t.Context(), o)
			if c.words != nil {
				contains(t, err, c.words...)
				if mail.ClassOf(err) != mail.Temporary {
					t.Errorf("class %v", mail.ClassOf(err))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(true); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// A server that agrees on TLS and then says nothing is given up after the timeout.
func TestTLSHandshakeStalls(t *testing.T) {
	for name, script := range map[string]string{TLSImplicit: "", TLSStart: "S: +OK ready\nC: STLS\nS: +OK begin"} {
		steps, o := parseScript(t, script), scripted(t, "")
		o.TLS, o.Insecure = name, true
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := Open(t.Context(), partial(o, steps, octetsOf(steps), false))
			if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != o.Timeout {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
		})
	}
}

func TestTLSHandshakeCancelled(t *testing.T) {
	o := scripted(t, "")
	o.TLS, o.Insecure = TLSImplicit, true
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(mail.ErrStopping) })
		if _, err := Open(ctx, partial(o, nil, 0, false)); !errors.Is(err, mail.ErrStopping) {
			t.Error(err)
		}
	})
}

// A connection that is never made is given up as well, whatever the dialer thinks of time.
func TestDialStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := scripted(t, "")
		o.Timeout = time.Minute
		o.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		start := time.Now()
		_, err := Open(t.Context(), o)
		contains(t, err, "connect to pop.example.ru:110", "no connection within 1m0s")
		if time.Since(start) != time.Minute {
			t.Errorf("after %v", time.Since(start))
		}
	})
}

// A connection cut below TLS, inside a message, at a line's end, is a cut.
func TestTLSTruncation(t *testing.T) {
	ca := newAuthority(t)
	script := hello + two + "C: RETR 1\nS: +OK\nS= \"Subject: x\\r\\n\\r\\nhalf\\r\\n\"\n"
	o := scripted(t, "")
	steps := parseScript(t, script)
	o.TLS, o.CAFile = TLSImplicit, ca.caFile
	o.Dialer = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close() // the raw one: no farewell
			playFirst(unclosed{tls.Server(server, &tls.Config{Certificates: []tls.Certificate{ca.cert}})}, steps, octetsOf(steps), true)
		}()
		return client, nil
	}
	s, refs := listed(t, o)
	h := newCollector()
	err := s.Fetch(t.Context(), refs[:1], h)
	contains(t, err, "fetch message uid-a", "closed the connection")
	if len(h.done) != 0 || len(h.raw) != 0 {
		t.Errorf("done %v, %v", h.done, h.raw)
	}
}

func TestReportOfTLS(t *testing.T) {
	ca := newAuthority(t)
	o := secured(t, &tls.Config{Certificates: []tls.Certificate{ca.cert}}, "", hello2("TOP", "UIDL")+two)
	o.TLS, o.Insecure = TLSImplicit, true
	r, err := Inspect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.TLSVersion != "TLS 1.3" || r.CertSubject != "CN=почта" || !r.CertExpires.Equal(ca.cert.Leaf.NotAfter) || r.CertFingerprint != fingerprintOf(ca.cert.Leaf) {
		t.Errorf("%+v", r)
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "nothing is deleted") {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestReadLineLeavesTheRest(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		_, _ = io.WriteString(server, "+OK one\r\nrest")
		server.Close()
	}()
	line, err := readLine(client, 100)
	rest, _ := io.ReadAll(client)
	if line != "+OK one" || err != nil || string(rest) != "rest" {
		t.Errorf("%q, %v, rest %q", line, err, rest)
	}
}
