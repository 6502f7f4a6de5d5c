// Package config turns the YAML file that an admin writes into one immutable, typed Config.
//
// It is strict: every fault of every file is found in one run, each with file, line, column, the path of the key and,
// for a misspelt key, the nearest right one. The declarative tables in tables.go say which keys there are; they feed
// the reader, the effective configuration, the comparison of two configurations and the JSON Schema.
//
// Scalars are taken as raw text and nothing is expanded inside them. Relative paths are relative to the folder of the
// file in which they stand. Secrets are read anew at each login and are printed nowhere.
package config

import (
	"io/fs"
	"slices"
	"time"
)

// Values of Mailbox.Protocol, Mailbox.TLS, Retention.DeleteScope, Retention.IMAPDelete and Rule.OnConflict.
const (
	IMAP = "imap"
	POP3 = "pop3"

	TLSImplicit = "implicit" // TLS from the first byte
	TLSStart    = "starttls" // STARTTLS (RFC 3501 section 6.2.1) or STLS (RFC 2595 section 4), never optional
	TLSNone     = "none"     // the password goes over the network in clear

	ScopeAll   = "all"   // age deletes every message
	ScopeSaved = "saved" // age deletes only what was saved

	DeleteAuto    = "auto"    // trash where the server marks such a folder, else expunge
	DeleteTrash   = "trash"   // move to the \Trash folder (RFC 6154)
	DeleteExpunge = "expunge" // \Deleted and UID EXPUNGE (RFC 4315)
	DeleteFolder  = "folder"  // move to Retention.IMAPDeleteFolder

	ConflictRename  = "rename"  // "name (2).xls"
	ConflictReplace = "replace" // over the existing file

	TakeAll    = "all"    // every letter
	TakeNewest = "newest" // of those that wait the most recent one
)

// Config is the whole configuration with every default filled in. It is not changed after Load.
type Config struct {
	Path  string   // of the main file, as given to Load
	Files []string // every file that was read: the main one, then the included ones in order

	ImportDir  string         // absolute
	StateDir   string         // absolute
	Location   *time.Location // for dates in the file
	SecretsDir string         // absolute; "" if there is none
	FileMode   fs.FileMode    // permission bits of a saved file
	DirMode    fs.FileMode    // of a created directory: permission bits and fs.ModeSetgid, fs.ModeSticky
	Group      string         // name or number; "": the process's own
	Limits     Limits
	Mailboxes  []Mailbox
	Rules      []Rule // in the order in which they are tried: the main file's, then those of the included files

	Warnings Faults // what is allowed but unwise
}

// Limits bound what the daemon does at the same time, how large things may be and how long they may take.
type Limits struct {
	Sessions    int            // mailboxes polled at the same time
	PerHost     map[string]int // sessions to one server by lower-case host name; "*" is every other and always there
	MessageSize int64          // bytes; a wanted message larger than this is held
	MinFree     int64          // bytes; below, in import_dir or state_dir, nothing is fetched and nothing deleted; 0: off
	Messages    int            // that a folder or maildrop may offer; one with more is not read at all
	Held        int64          // bytes of raw messages under state_dir/held; when they are used up no more mail that needs it is fetched
	Timeout     time.Duration  // of a server's silence
	Pass        time.Duration  // for one pass over one mailbox
}

// Mailbox is one account to poll.
type Mailbox struct {
	Name        string
	Formerly    string // its name before it was renamed; "": it was not
	Protocol    string // IMAP or POP3
	Host        string
	Port        int
	TLS         string // TLSImplicit, TLSStart or TLSNone
	CAFile      string // absolute; PEM file of the authorities to trust instead of the system's; "": the system's
	Fingerprint string // SHA-256 of the server's certificate in lower-case hex without colons; "": not pinned
	Insecure    bool   // TLS without verification; nothing is deleted from such a mailbox
	Username    string
	Secret      Secret
	Folders     []string // IMAP: in UTF-8; POP3: nil
	Poll        time.Duration
	FirstRun    FirstRun
	Rescan      time.Duration // how far back changed rules look again; 0: not at all
	Retention   Retention
	Enabled     bool
	DryRun      bool

	File string // where it stands
	Line int
}

// Equal reports whether the two mailboxes are configured alike, wherever they stand in the files.
func (m Mailbox) Equal(o Mailbox) bool { return len(mailboxChanges(&m, &o)) == 0 }

// FirstRun says how far back the first poll of a folder imports.
type FirstRun struct {
	All    bool
	None   bool
	Newest bool          // for each rule the most recent message
	Age    time.Duration // none of them and Since zero: this far back
	Since  time.Time
}

// Retention says when messages are deleted from the server.
type Retention struct {
	LeaveCopy        bool
	DeleteUnmatched  bool   // only with LeaveCopy false
	DeleteAfterDays  int    // days of 24 h; 0: off
	DeleteScope      string // ScopeAll or ScopeSaved
	IMAPDelete       string // DeleteAuto, DeleteTrash, DeleteExpunge or DeleteFolder; POP3: ""
	IMAPDeleteFolder string // in UTF-8, with DeleteFolder only
	BrakeOff         bool
	BrakePercent     int // of the listed messages; 0 with BrakeOff
}

// Rule says whose attachments are saved, and where.
type Rule struct {
	Name       string
	Formerly   string   // its name before it was renamed; "": it was not
	Mailboxes  []string // names; empty: all
	From       []string // sender masks
	Subject    []string // globs; empty: any
	Files      []string // globs
	Exclude    []string // globs
	Unpack     bool     // archives are opened and what is in them is saved
	Members    []string // globs over the names in an archive; empty: all
	Passwords  Passwords
	SaveTo     string // below import_dir, slash-separated, clean; "" is import_dir itself
	OnConflict string // ConflictRename or ConflictReplace
	Take       string // TakeAll or TakeNewest
	Enabled    bool

	File string // where it stands
	Line int
}

// Equal reports whether the two rules say the same, wherever they stand in the files.
func (r Rule) Equal(o Rule) bool { return len(ruleChanges(&r, &o)) == 0 }

// Reaches reports whether the rule applies to the mailbox of that name.
func (r Rule) Reaches(mailbox string) bool {
	return len(r.Mailboxes) == 0 || slices.Contains(r.Mailboxes, mailbox)
}

// Checks are the tests of masks, which live with the matching itself. A nil one is not applied.
type Checks struct {
	Sender func(mask string) error
	Glob   func(mask string) error
}

const day = 24 * time.Hour

func newConfig(path string) *Config {
	return &Config{
		Path:     path,
		Location: time.Local,
		FileMode: 0o640,
		DirMode:  fs.ModeSetgid | 0o750,
		Limits: Limits{
			Sessions:    16,
			PerHost:     map[string]int{anyHost: 3},
			MessageSize: 100_000_000,
			MinFree:     500_000_000,
			Messages:    100_000,
			Held:        1_000_000_000,
			Timeout:     time.Minute,
			Pass:        2 * time.Hour,
		},
	}
}

func newMailbox() Mailbox {
	return Mailbox{
		TLS:       TLSImplicit,
		Folders:   []string{"INBOX"},
		Poll:      5 * time.Minute,
		FirstRun:  FirstRun{Age: 7 * day},
		Rescan:    7 * day,
		Retention: newRetention(),
		Enabled:   true,
	}
}

func newRetention() Retention {
	return Retention{LeaveCopy: true, DeleteScope: ScopeAll, IMAPDelete: DeleteAuto, BrakePercent: 25}
}

func newRule() Rule {
	return Rule{Files: []string{"*"}, OnConflict: ConflictRename, Take: TakeAll, Enabled: true}
}
