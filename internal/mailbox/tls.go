package mailbox

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// link is a connection that is ready for its protocol: TLS or, where the options say so, plain TCP, above the guard.
type link struct {
	net.Conn
	guard *guard
	tls   *tls.ConnectionState // nil: in the clear
}

// Close closes the socket first. tls.Conn.Close would write to it, and go-imap's Close waits for its reader.
func (l *link) Close() error { return l.guard.Close() }

// Err is the error that the connection ended with; nil while it lives.
func (l *link) Err() error { return l.guard.cause() }

// dial connects and secures the connection. starttls is called with TLS "starttls" only: it reads the greeting and
// asks for TLS, octet by octet so that nothing that came in the clear is left for the protocol (readLine), and returns
// nil when the server agreed.
func dial(ctx context.Context, o Options, starttls func(ctx context.Context, conn net.Conn) error) (*link, error) {
	config, err := o.tlsConfig()
	if err != nil {
		return nil, err
	}
	raw, err := dialTCP(ctx, o)
	if err != nil {
		return nil, err
	}
	g := newGuard(raw, o.Timeout)
	defer g.bind(ctx)()
	l, err := secure(ctx, o, g, config, starttls)
	if err != nil {
		_ = g.Close()
		return nil, err
	}
	return l, nil
}

func dialTCP(ctx context.Context, o Options) (net.Conn, error) {
	limited, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("no connection within %v", o.Timeout))
	defer cancel()
	conn, err := o.Dialer(limited, "tcp", o.address())
	if err != nil {
		if cause := context.Cause(limited); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return nil, fmt.Errorf("connect to %s: %w", o.address(), err)
	}
	return conn, nil
}

func secure(ctx context.Context, o Options, g *guard, config *tls.Config, starttls func(context.Context, net.Conn) error) (*link, error) {
	switch o.TLS {
	case TLSNone:
		return &link{Conn: g, guard: g}, nil
	case TLSStart:
		if err := starttls(ctx, g); err != nil {
			return nil, fmt.Errorf("start TLS on %s: %w", o.address(), err)
		}
	}
	conn := tls.Client(g, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("start TLS on %s: %w", o.address(), explainTLS(o, err))
	}
	state := conn.ConnectionState()
	return &link{Conn: conn, guard: g, tls: &state}, nil
}

// tlsConfig turns the options into a configuration. An unknown o.TLS is an error, never plain text.
func (o Options) tlsConfig() (*tls.Config, error) {
	switch o.TLS {
	case TLSImplicit, TLSStart:
	case TLSNone:
		return nil, nil
	default:
		return nil, fmt.Errorf("open mailbox: tls %q is none of implicit, starttls, none", o.TLS)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.server()}
	switch {
	case o.Fingerprint != "":
		want, err := parseFingerprint(o.Fingerprint)
		if err != nil {
			return nil, err
		}
		c.InsecureSkipVerify = true // VerifyConnection takes its place, on resumed sessions too
		c.VerifyConnection = func(state tls.ConnectionState) error { return verifyPinned(state, want) }
	case o.Insecure:
		c.InsecureSkipVerify = true
	case o.CAFile != "":
		pool, err := readRoots(o.CAFile)
		if err != nil {
			return nil, err
		}
		c.RootCAs = pool
	}
	return c, nil
}

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read ca_file %s: no certificate in it; it must be PEM", file)
	}
	return pool, nil
}

func parseFingerprint(s string) (string, error) {
	clean := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(s))
	b, err := hex.DecodeString(clean)
	if err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("open mailbox: fingerprint %q is not a SHA-256 in hex", s)
	}
	return clean, nil
}

func verifyPinned(state tls.ConnectionState, want string) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server sent no certificate")
	}
	if got := fingerprintOf(state.PeerCertificates[0]); got != want {
		return fmt.Errorf("the certificate has fingerprint %s, expected %s: if it was renewed, write the new one into the configuration", got, want)
	}
	return nil
}

// fingerprintOf is the SHA-256 of the certificate in lower-case hex.
func fingerprintOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// explainTLS adds what an admin can do about the two usual troubles: a private certificate and a port without TLS.
func explainTLS(o Options, err error) error {
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(cert.UnverifiedCertificates) > 0 {
		return fmt.Errorf("%w; if this is your server, set ca_file, or fingerprint: %s", err, fingerprintOf(cert.UnverifiedCertificates[0]))
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if o.TLS == TLSStart {
			return fmt.Errorf("%w; something was sent in the clear after TLS had been agreed on", err)
		}
		return fmt.Errorf("%w; port %d may want tls: starttls", err, o.Port)
	}
	return err
}

// readLine reads one line of at most limit octets and returns it without its line break. It reads octet by octet:
// whatever follows the line stays in the socket.
func readLine(conn net.Conn, limit int) (string, error) {
	line := make([]byte, 0, 128)
	var b [1]byte
	for len(line) < limit {
		if _, err := io.ReadFull(conn, b[:]); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, b[0])
	}
	return "", fmt.Errorf("a line is longer than %d octets", limit)
}
