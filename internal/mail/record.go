package mail

import "time"

// RecordID is the short id under which commands and logs name a journal record.
type RecordID int64

// Outcome is what was judged of a message (semantics 3).
type Outcome string

const (
	Pending    Outcome = "pending"    // listed, not yet judged
	Unmatched  Outcome = "unmatched"  // no rule wants it
	NearMiss   Outcome = "near_miss"  // a rule wants the sender, a mask refused every file
	Baseline   Outcome = "baseline"   // older than first_run at the first poll
	Paused     Outcome = "paused"     // wanted by something disabled
	Superseded Outcome = "superseded" // a newer list of that name is out already
	Saved      Outcome = "saved"
	Failed     Outcome = "failed" // tried again at Record.Next
	Held       Outcome = "held"   // needs a person
	Dismissed  Outcome = "dismissed"
)

// Outcomes are all that there are.
func Outcomes() []Outcome {
	return []Outcome{Pending, Unmatched, NearMiss, Baseline, Paused, Superseded, Saved, Failed, Held, Dismissed}
}

// Deletion is how far a message's deletion on the server has come.
type Deletion string

const (
	DeletionNone         Deletion = "none"
	DeletionIntended     Deletion = "intended"     // journalled before it was asked for
	DeletionAcknowledged Deletion = "acknowledged" // the server confirmed
	DeletionGone         Deletion = "gone"         // a later complete listing lacks it
	DeletionIgnored      Deletion = "ignored"      // confirmed three times and still listed
)

// Record is the journal's record of one message in one folder of one mailbox.
type Record struct {
	ID         RecordID
	Mailbox    string
	Generation int  // 0; counts up where the server used an id again for another message
	Envelope        // Ref, header, sizes. Ref.Num belongs to the session that just listed it
	Inspected  bool // the header is on record

	FirstSeen   time.Time
	AtFirstPoll bool // was there when the folder was first polled, or reconciled after a reset
	Listed      bool // in the last listing
	Outcome     Outcome
	Reason      string // why: for held, failed, near_miss, baseline …
	Leftover    bool   // saved, but a mask refused one of its attachments
	RulesHash   string // of the rules it was judged by
	Parts       []PartNote
	Stated      []PartNote // what the server says of a message that was not read: nothing is decided by it. nil: it was not asked

	Failures int       // counted failures; when the fifth retry fails, at the sixth, the record is held
	Losses   int       // sessions lost with this message in hand; two are one failure
	Next     time.Time // failed: not before
	Solo     bool      // to be fetched alone: a batch with it was lost
	Forced   bool      // a person asked for it by retry: limits that held it do not apply
	Kept     string    // name of the raw message below state_dir/held; "" if none

	Deletion      Deletion
	DeletionSince time.Time // of the first intention
	Ignored       int       // how often an acknowledged deletion was found listed again

	JudgedAt time.Time // when the present outcome was reached
}

// Age is the time that retention and first_run reckon a message's age from: the server's word if it is plausible,
// else when it was first seen. Mail that was not there at the first poll is never older than when it was first seen.
func (r Record) Age() time.Time {
	t := PlausibleReceived(r.Received, r.FirstSeen)
	if !r.AtFirstPoll && t.Before(r.FirstSeen) {
		return r.FirstSeen
	}
	return t
}

// LongestWait is the longest time between two tries of a failed message (semantics 3).
const LongestWait = 24 * time.Hour

// Due reports whether a failed message is to be tried again. A time further ahead than the longest wait is of a clock
// that was wrong.
func (r Record) Due(now time.Time) bool {
	return !r.Next.After(now) || r.Next.After(now.Add(LongestWait))
}

// ClockSkew is how far a server's clock may be from ours, at most, for what it dates to be believed.
const ClockSkew = 24 * time.Hour

// PlausibleReceived returns received unless it is missing, more than ClockSkew after seen, or before 1995; then seen.
func PlausibleReceived(received, seen time.Time) time.Time {
	if received.Year() < 1995 || received.After(seen.Add(ClockSkew)) {
		return seen
	}
	return received
}

// PartNote is what the journal keeps of an attachment, whether taken or not.
type PartNote struct {
	Path       string `json:"path"`
	Name       string `json:"name"`
	RawName    string `json:"raw_name,omitempty"`
	Type       string `json:"type,omitempty"`
	Referenced bool   `json:"referenced,omitempty"` // the HTML shows it
	Rule       string `json:"rule,omitempty"`       // the rule that takes it
	Reason     string `json:"reason,omitempty"`     // why none does

	Members []string `json:"members,omitempty"` // of an archive that Rule would open: the files in it, of which none is taken

	// Link is the host of a link to a file in the letter's text, of which nothing is attached that a rule takes. Such a note
	// is of no attachment, and has nothing else.
	Link string `json:"link,omitempty"`
}

// Links returns the hosts of the links to files that are on record in place of an attachment.
func (r Record) Links() []string {
	var hosts []string
	for _, n := range r.Parts {
		if n.Link != "" {
			hosts = append(hosts, n.Link)
		}
	}
	return hosts
}

// Judgement is the outcome of judging one message.
type Judgement struct {
	Outcome   Outcome
	Reason    string
	Leftover  bool
	RulesHash string
	Parts     []PartNote // nil: leave what is on record
}

// FirstRun says how far back the first poll imports.
type FirstRun struct {
	All    bool
	None   bool
	Newest bool          // for each rule the most recent message: no date decides, but what else there is
	Age    time.Duration // none of them and Since zero: this far back
	Since  time.Time
}

// Cutoff returns the time before which mail is baseline, reckoned from the first contact with the folder. The zero
// time means that nothing is because of its date.
func (f FirstRun) Cutoff(contact time.Time) time.Time {
	switch {
	case f.All, f.Newest:
		return time.Time{}
	case f.None:
		return contact
	case !f.Since.IsZero():
		return f.Since
	default:
		return contact.Add(-f.Age)
	}
}
