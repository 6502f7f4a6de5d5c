//go:build servers

package servers

import (
	"fmt"
	"slices"
	"time"
)

// recipe is one server: what to fetch, how to start it, and what it can be asked for.
type recipe struct {
	name     string
	packages []string // the first one's version is the server's
	ways     []way
	start    func(m *machine) endpoint
}

// endpoint is a running server: where it is reached, and its mailboxes by its own means, without any client of ours.
type endpoint struct {
	pop3, pop3s, imap, imaps int // ports; 0: not offered
	ca                       string
	store                    store
}

// store puts mail into mailboxes and looks what is in them.
type store interface {
	// put adds to a user's INBOX.
	put(user string, letters []letter)
	// renumber makes the server give the letters in a user's INBOX other ids, as after a restore or a repair.
	renumber(user string, letters []letter)
	// left returns the Message-IDs, without angle brackets, of what is in a user's INBOX; one that is there twice, twice.
	left(user string) []string
}

// letter is one message to be put into a mailbox.
type letter struct {
	id       string
	raw      []byte // lines end with CRLF
	received time.Time
	deleted  bool // another client has marked it \Deleted, where the store can hold that
}

// way is one way of reaching a server.
type way struct{ protocol, tls string }

// user is the account that is polled that way alone.
func (w way) user() string { return w.protocol + "-" + w.tls }

func (w way) port(e endpoint) int {
	switch {
	case w.protocol == "imap" && w.tls == "implicit":
		return e.imaps
	case w.protocol == "imap":
		return e.imap
	case w.tls == "implicit":
		return e.pop3s
	default:
		return e.pop3
	}
}

// mailbox is the configuration of one mailbox reached that way.
func (w way) mailbox(e endpoint, user, more string) string {
	trust := ""
	if w.tls != "none" {
		trust = ", ca_file: " + e.ca
	}
	return fmt.Sprintf("  - {name: prices, protocol: %s, host: %s, port: %d, tls: %s%s, username: %s, password: %s%s}\n",
		w.protocol, host, w.port(e), w.tls, trust, user, password, more)
}

var (
	everyWay = []way{{"imap", "none"}, {"imap", "starttls"}, {"imap", "implicit"}, {"pop3", "none"}, {"pop3", "starttls"}, {"pop3", "implicit"}}
	plainPOP = []way{{"pop3", "none"}}
)

// factsUser is the account whose mailbox is only looked at.
const factsUser = "facts"

// spareUser is the account of tests that change a mailbox in ways of their own.
const spareUser = "spare"

// secretUser is the account that a server takes no password of in the clear, where it can be told so.
const secretUser = "secret"

// freshUser and sizesUser are accounts whose mailboxes nobody has opened when they are measured, unreadUser the
// one that nobody opens for writing.
const (
	freshUser  = "fresh"
	unreadUser = "unread"
	sizesUser  = "sizes"
)

// accounts are the users of every server.
var accounts = []string{"imap-none", "imap-starttls", "imap-implicit", "pop3-none", "pop3-starttls", "pop3-implicit", "reset-imap", "reset-pop3",
	factsUser, spareUser, secretUser, freshUser, unreadUser, sizesUser}

func uidOf(user string) int { return 5001 + slices.Index(accounts, user) }

func home(user string) string { return "/var/home/" + user }

// recipes are all servers, in the order of the table.
var recipes = []recipe{
	{"dovecot", []string{"dovecot-core", "dovecot-imapd", "dovecot-pop3d"}, everyWay, startDovecot},
	{"cyrus", []string{"cyrus-imapd", "cyrus-pop3d", "cyrus-common", "sasl2-bin"}, everyWay, startCyrus},
	{"courier", []string{"courier-imap", "courier-pop", "courier-authdaemon", "courier-authlib"}, everyWay, startCourier},
	{"mailutils", []string{"mailutils-imap4d", "mailutils-pop3d"}, everyWay, startMailutils},
	{"popa3d", []string{"popa3d"}, plainPOP, startPopa3d},
	{"solid-pop3d", []string{"solid-pop3d"}, plainPOP, startSolid},
}

// protocols are those that the server offers.
func (r recipe) protocols() []string {
	var out []string
	for _, w := range r.ways {
		if !slices.Contains(out, w.protocol) {
			out = append(out, w.protocol)
		}
	}
	return out
}
