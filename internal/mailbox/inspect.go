package mailbox

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"
)

// Report is what `check --connect` shows of a mailbox: facts, and in Notes what they mean for retention.
type Report struct {
	Address string // host:port

	TLSVersion      string // "TLS 1.3"; "" in the clear
	CertSubject     string
	CertIssuer      string
	CertExpires     time.Time
	CertFingerprint string // SHA-256 in hex

	Capabilities []string       // sorted, after login
	Folders      []FolderReport // POP3: one, named ""
	Notes        []string       // in plain words: what this server can and cannot do
}

// FolderReport is one folder of a Report.
type FolderReport struct {
	Name       string
	Configured bool   // is polled
	Special    string // "\Trash" and the like (RFC 6154); ""
	Messages   int    // -1: not asked
	Octets     int64  // -1: not told
	Err        error  // why it cannot be polled
}

// Inspect logs in, looks around and leaves everything as it is. Its errors are those of Open.
func Inspect(ctx context.Context, o Options) (Report, error) {
	o = o.withDefaults()
	r, err := inspect(ctx, o)
	r.discreetly(o.Hidden)
	return r, o.Hidden.Error(err)
}

func inspect(ctx context.Context, o Options) (Report, error) {
	switch o.Protocol {
	case ProtocolPOP3:
		return inspectPOP3(ctx, o)
	case ProtocolIMAP:
		return inspectIMAP(ctx, o)
	default:
		return Report{}, fmt.Errorf("inspect mailbox: protocol %q is neither imap nor pop3", o.Protocol)
	}
}

// report begins a Report with what is known of the connection.
func (l *link) report(o Options) Report {
	r := Report{Address: o.address()}
	if l.tls == nil {
		r.note("The connection is in the clear: anyone on the way can read the password and the mail.")
		return r
	}
	r.TLSVersion = tls.VersionName(l.tls.Version)
	if len(l.tls.PeerCertificates) > 0 {
		cert := l.tls.PeerCertificates[0]
		r.CertSubject, r.CertIssuer = cert.Subject.String(), cert.Issuer.String()
		r.CertExpires, r.CertFingerprint = cert.NotAfter, fingerprintOf(cert)
	}
	if o.Insecure && o.Fingerprint == "" {
		r.note("The certificate is not verified (insecure): nothing is deleted from this mailbox. Set fingerprint: %s instead.", r.CertFingerprint)
	}
	return r
}

// note adds a sentence.
func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}
