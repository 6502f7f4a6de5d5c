// Package mailbox holds one authenticated session with a mail server: the POP3 and the IMAP adapter side by side behind
// the same five methods. It is the only room that dials mail servers. An adapter knows commands only: which mail is
// wanted, what it is called and how long it is kept is decided elsewhere.
package mailbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"pricefetch/internal/mail"
)

// Values of Options.Protocol and Options.TLS.
const (
	ProtocolIMAP = "imap"
	ProtocolPOP3 = "pop3"

	TLSImplicit = "implicit" // TLS from the first octet
	TLSStart    = "starttls" // STARTTLS (RFC 3501 section 6.2.1) or STLS (RFC 2595 section 4); refused if not to be had
	TLSNone     = "none"     // in the clear, the password too
)

// Options says how to reach one mailbox.
type Options struct {
	Protocol string // "imap" or "pop3"
	Host     string // name, IDN in Unicode or ASCII form, or address; an IPv6 literal with or without brackets
	Port     int

	TLS         string // "implicit", "starttls" or "none"
	CAFile      string // PEM; these roots alone are trusted
	Fingerprint string // SHA-256 of the leaf certificate in hex, colons allowed; then nothing else is verified
	Insecure    bool   // nothing is verified

	Username string
	Password func(context.Context) (string, error) // asked once a login, before dialling; its error is of class Auth
	Hidden   *Hidden                               // what no error, trace or report may show; the password is added to it; nil: one of this session alone

	Folders      []string // IMAP, decoded; empty: INBOX
	Delete       string   // imap_delete: auto, trash, expunge or folder
	DeleteFolder string   // with "folder"
	ReadOnly     bool     // dry run: EXAMINE and PEEK; POP3 TOP with all lines, no RETR, no DELE

	Timeout    time.Duration // of one read or write, renewed by every octet that moves; 0: 60 s
	MaxMessage int64         // octets of one message: what is longer, and than a mail.Sizer expects, ends with mail.ErrTooLarge; 0: no bound
	SpoolDir   string        // for temporary files, which only large attachments of a winmail.dat need; "": the system's
	MaxListed  int           // messages that a folder or maildrop may offer, beyond which List fails; 0: 100,000

	Trace  func(direction, line string)                                      // "C" or "S"; credentials and message content are hidden; nil: none
	Dialer func(ctx context.Context, network, addr string) (net.Conn, error) // nil: a net.Dialer
}

// Session is one authenticated connection. It is not for concurrent use. The contract of the methods is that of
// poll.Session.
type Session interface {
	List(ctx context.Context, prev []mail.Cursor) ([]mail.Listing, error)
	Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) error
	Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error
	Delete(ctx context.Context, doomed []mail.Doomed) ([]mail.Deleted, error)
	Close(commit bool) error
}

// Open dials, secures the connection as o.TLS says and authenticates. Refused credentials, and a password that cannot
// be had, are errors of class Auth with the server's own words; everything else is Temporary, with mail.AfterOf where
// the server stated a delay. ctx governs Open only: each method of the session has its own.
func Open(ctx context.Context, o Options) (Session, error) {
	o = o.withDefaults()
	s, err := open(ctx, o)
	if err != nil {
		return nil, o.Hidden.Error(err)
	}
	return &discreet{s, o.Hidden}, nil
}

func open(ctx context.Context, o Options) (Session, error) {
	switch o.Protocol {
	case ProtocolPOP3:
		return openPOP3(ctx, o)
	case ProtocolIMAP:
		return openIMAP(ctx, o)
	default:
		return nil, fmt.Errorf("open mailbox: protocol %q is neither imap nor pop3", o.Protocol)
	}
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 60 * time.Second
	}
	if o.MaxListed <= 0 {
		o.MaxListed = 100_000
	}
	if o.Hidden == nil {
		o.Hidden = new(Hidden)
	}
	if trace := o.Trace; trace == nil {
		o.Trace = func(string, string) {}
	} else {
		o.Trace = func(direction, line string) { trace(direction, o.Hidden.Text(line)) }
	}
	if o.Dialer == nil {
		o.Dialer = new(net.Dialer).DialContext
	}
	return o
}

// server is the host as certificates and the resolver know it: without brackets, IDN in its ASCII form.
func (o Options) server() string {
	host := strings.TrimSuffix(strings.TrimPrefix(o.Host, "["), "]")
	if net.ParseIP(host) != nil {
		return host
	}
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		return ascii
	}
	return host // the resolver's error will name it
}

// address is what is dialled, with an IPv6 literal in brackets.
func (o Options) address() string {
	return net.JoinHostPort(o.server(), strconv.Itoa(o.Port))
}

// most is how many octets a message may turn out to have; 0: no bound. Servers estimate sizes, and a large message that is
// read all the same must not be stopped by the bound that is meant for those who lie.
func (o Options) most(h mail.Handler, ref mail.Ref) int64 {
	if o.MaxMessage <= 0 {
		return 0
	}
	most := o.MaxMessage
	if s, ok := h.(mail.Sizer); ok {
		if listed := s.Listed(ref); listed > 0 && listed < math.MaxInt64/4 {
			most = max(most, 2*listed+1<<20)
		}
	}
	return most
}

// errTooMany: see Options.MaxListed.
var errTooMany = errors.New("the server lists too many messages")

// tooMany is what ends a listing that is longer than it may be.
func (o Options) tooMany() error {
	return fmt.Errorf("%w, more than %d: delete or move away old mail, or raise limits.messages", errTooMany, o.MaxListed)
}

// password asks for the secret, hides it, and refuses what would break out of a command line or cannot be right. It is
// asked for before anything is dialled: what a server says from its greeting on may repeat it, and no server waits while
// a command looks it up.
func (o Options) password(ctx context.Context) (string, error) {
	if strings.ContainsAny(o.Username, "\r\n\x00") || o.Username == "" {
		return "", mail.Errorf(mail.Auth, "log in to %s: the username is empty or contains a line break", o.Host)
	}
	if o.Password == nil {
		return "", mail.Errorf(mail.Auth, "log in to %s: no password is configured", o.Host)
	}
	secret, err := o.Password(ctx)
	switch {
	case err != nil:
		return "", mail.Errorf(mail.Auth, "read password for %s: %w", o.Username, err)
	case secret == "":
		return "", mail.Errorf(mail.Auth, "read password for %s: it is empty", o.Username)
	case strings.ContainsAny(secret, "\r\n\x00"):
		return "", mail.Errorf(mail.Auth, "read password for %s: it contains a line break; the secret must be one line", o.Username)
	}
	o.Hidden.add(o.address()+" "+o.Username, o.Username, secret)
	return secret, nil
}
