package mail

import (
	"io"
	"strings"
	"time"
)

// Ref names one message that a server offers. Together with the mailbox's name, Folder, Scope and ID are its
// identity across sessions; Num is valid in the session that listed it only.
type Ref struct {
	Folder string // IMAP: decoded UTF-8 folder name; POP3: ""
	Scope  string // IMAP: UIDVALIDITY in decimal (RFC 3501 section 2.3.1.1); POP3: ""
	ID     string // IMAP: UID in decimal; POP3: UIDL (RFC 1939 section 7); "" where the server gives none or gives it twice
	Num    uint32 // POP3: message number of this session; IMAP: 0
}

// HeaderID begins the id of a message to which its server gives none, or not one of its own: it is known by its header.
const HeaderID = "fp:"

// ByHeader reports whether the id was made from the message's header.
func (r Ref) ByHeader() bool { return strings.HasPrefix(r.ID, HeaderID) }

// Listed is one message of a Listing.
type Listed struct {
	Ref
	Size int64 // octets as the server states them; -1 where the listing does not tell
}

// Listing is what the server offers now in one folder.
type Listing struct {
	Folder string
	Scope  string
	Refs   []Listed
	// Unchanged: every message of the last complete listing is still there and Refs holds only those that came since.
	Unchanged bool
	// Complete: the server showed everything and said so (POP3: final dot, every line parsed, numbers unique, count
	// equals STAT; IMAP: tagged OK and count equals EXISTS). Only a complete listing may conclude that something is gone.
	Complete bool
	Why      string // where not Complete: what was wrong, for the log
	Next     Cursor // to be handed to List in the next session
	Err      error  // this folder's own trouble (no such folder); the other folders go on
}

// Cursor is what a complete listing leaves behind for the next one, so that IMAP can tell "nothing changed".
type Cursor struct {
	Folder  string
	Scope   string // UIDVALIDITY
	UIDNext uint32 // 0: unknown
	Count   int    // messages in the last complete listing
}

// Envelope holds what is known of a message from its header.
type Envelope struct {
	Ref
	From        []string  // addresses of From, groups included, without display names, as written
	Subject     string    // decoded, UTF-8
	Date        time.Time // Date field; zero if missing or unreadable
	MessageID   string    // first Message-ID with its angle brackets, as written; "" if missing
	Received    time.Time // IMAP: INTERNALDATE; POP3, or where that is missing: date of the topmost Received field; zero if missing
	Size        int64     // octets as the server states them; -1 unknown
	Fingerprint string    // fingerprint v1, "v1:" and lower-case hex
}

// Part is one leaf of a message's MIME tree, or, with Path "", the raw message itself.
type Part struct {
	Path        string // "" is the raw message; else "1", "2.1" … unique within the message and the same over every protocol
	Name        string // decoded file name in NFC, not yet made safe; "unnamed-N.ext" for a nameless attachment; "" for body text
	RawName     string // as it stood in the header
	Type        string // media type in lower case: "application/vnd.ms-excel"
	Disposition string // "attachment", "inline" or ""
	Attachment  bool   // has a file name or is marked attachment (semantics 1.4)
	Named       bool   // the sender gave the name
	ContentID   string // without angle brackets
	Referenced  bool   // the message's HTML refers to ContentID
}

// IsRoot reports whether p stands for the raw message.
func (p Part) IsRoot() bool { return p.Path == "" }

// Structure is what a server says of a message that was not read.
type Structure struct {
	Ref   Ref
	Parts []Part // its leaves in document order, body text included. Path is left out, and so is the name of what has none
	Sure  bool   // the message itself would tell no more of its attachments' names
}

// Handler receives what Fetch reads, in the order the messages arrive. The session owns the connection: a reader
// is valid until the call that got it returns, and whatever is left unread is skipped.
type Handler interface {
	// Want is asked before a part's bytes move. The root part (Path "") is asked first; true means: give me the raw
	// message, once, and none of its parts.
	Want(ref Ref, p Part) bool
	// Part hands over the decoded content. A read error that is ErrDamaged concerns this part alone; a non-nil
	// result ends Fetch with that error.
	Part(ref Ref, p Part, r io.Reader) error
	// Done ends a message: nil means that it came whole. A cut literal or body is an error, never a shorter file. A
	// non-nil result ends Fetch with that error, between two messages.
	Done(ref Ref, err error) error
}

// Sizer is a Handler that knows how long the server said that a message is. A message that turns out much longer, beyond
// every bound that is set, is given up: it may never end.
type Sizer interface {
	// Listed returns the octets that the listing gave for a message; -1 where they are not known.
	Listed(ref Ref) int64
}

// Identifier is a Handler that makes sure which message it is that arrives: a POP3 server may use an id again, with the
// same size, between two sessions.
type Identifier interface {
	// Identify is called with the header that the message itself brings, before its first part is asked about. False:
	// it is another message than ref stands for; none of its parts is asked about, and Done follows.
	Identify(ref Ref, e Envelope) bool
}

// Remarker is a Handler that also hears what is odd about a message without being a reason not to take it. It is told
// before Done.
type Remarker interface {
	Remark(ref Ref, text string)
}

// Linker is a Handler that also hears of the links in a letter's text by which a file can be had. It is told before Done,
// once for each host. Links are never followed.
type Linker interface {
	Linked(ref Ref, host string)
}

// Doomed is a message to be deleted, with what must be verified first in the session that deletes it.
type Doomed struct {
	Ref         Ref
	Fingerprint string
	Size        int64 // -1: not to be compared
}

// DeleteState is what became of one Doomed.
type DeleteState int

const (
	DeleteRefused  DeleteState = iota // not deleted; Err says why; the message stays as it is
	DeleteMismatch                    // the message under this identity is another one: not deleted
	DeleteAbsent                      // the server no longer has it
	DeleteMarked                      // will be deleted when Close(true) succeeds (POP3 DELE)
	DeleteDone                        // the server confirmed the deletion
	DeleteUnknown                     // asked for, the answer was lost
)

// Deleted is the answer to one Doomed.
type Deleted struct {
	Ref   Ref
	State DeleteState
	Err   error
}

// DeleteAnswer is what the journal is told of one deletion.
type DeleteAnswer struct {
	ID    RecordID
	State DeleteState
	Why   string // the server's or our words where it was not deleted
}
