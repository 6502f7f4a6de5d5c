package mail

import "time"

// Account is where a mailbox's mail lives. Another account under the same mailbox name means another set of ids.
type Account struct {
	Protocol string // "imap" or "pop3"
	Host     string
	User     string
}

// MailboxState is what the journal keeps of a mailbox between passes.
type MailboxState struct {
	Name          string
	Account       Account
	LastStarted   time.Time
	LastFinished  time.Time // of the last pass that came to its end without an error
	LastError     string    // "" after a pass that finished
	ErrorClass    string
	ErrorSince    time.Time // of the first of the present run of failed passes
	FailedPasses  int       // in a row
	NextPass      time.Time // as the scheduler planned it
	Newest        time.Time // highest clock reading that a pass of this mailbox has seen
	AgeSuspended  string    // why deletion by age waits for approve --clock; "" if it does not
	ClockApproved time.Time // when a person last said that the clock is right; zero: never
	DeleteFirst   bool      // deletions were due and the session had to be dropped: the next pass only deletes
	DueSince      time.Time // since when deletions are due and not committed; zero if none
	NotHonoured   bool      // the server does not honour deletion
}

// Settled says how a folder's retention policy became settled.
type Settled string

const (
	SettledNot      Settled = ""         // new: the brake applies
	SettledSelf     Settled = "self"     // it settled itself; still asks before more than 20 baseline messages
	SettledApproved Settled = "approved" // a person approved, or brake is off
)

// FolderState is what the journal keeps of one folder of a mailbox. POP3 has one folder, named "".
type FolderState struct {
	Mailbox       string
	Folder        string
	Scope         string
	Cursor        Cursor    // of the last complete listing
	Contact       time.Time // what first_run reckons from: the first poll's start; after a reset ClockSkew before the last finished pass
	FirstPollDone bool      // false: nothing is fetched for saving, nothing deleted
	Listed        int       // messages in the last complete listing

	PolicyHash  string    // of the retention options and account that PolicySince belongs to
	PolicySince time.Time // since when the present policy holds
	Settled     Settled
	Waiting     *Approval  // what waits for approve; nil if nothing does
	Released    []RecordID // approved, not yet deleted: exactly the plan that was approved
}

// Approval is a plan of deletion that waits for a person.
type Approval struct {
	Made     time.Time  `json:"made"`
	Why      string     `json:"why"`
	Listed   int        `json:"listed"`
	Count    int        `json:"count"`    // messages that would be deleted
	Baseline int        `json:"baseline"` // of them never imported, because older than first_run
	Wanted   int        `json:"wanted"`   // of the baseline ones: how many a rule's sender wants
	Oldest   time.Time  `json:"oldest"`
	Samples  []string   `json:"samples"` // "2024-01-02 price@a.ru «Прайс»"
	IDs      []RecordID `json:"ids"`
}

// SortOptions steers how a listing is sorted against the journal.
type SortOptions struct {
	Now       time.Time
	RulesHash string        // of the rules that reach this mailbox
	Rescan    time.Duration // how far back changed rules look again
	Account   Account
	// PolicyHash is of today's retention policy. One that is new gives messages whose deletion the server did not honour
	// another chance.
	PolicyHash string
}

// Worklist is what a listing leaves to do in one folder.
type Worklist struct {
	Folder    string
	Scope     string
	Complete  bool
	FirstPoll bool   // the folder's first poll has not ended
	Reset     string // why the ids were found reset; "" if not. Such a pass deletes nothing
	Listed    int
	Inspect   []Record // header not on record, or an id to be identified again; in listing order
	Rejudge   []Record // judged by other rules than today's, or paused
}

// FirstPoll is how a folder's first poll, or the one after a reset of the ids, was judged.
type FirstPoll struct {
	Baseline  int // too old to be imported
	TakenOver int // known under an old id
}

// Inspection is the header that was read for a record.
type Inspection struct {
	Record   Record
	Envelope Envelope
}
