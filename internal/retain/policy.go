// Package retain decides which messages may be deleted from the server, each with its reason (semantics 4). It is
// pure: a policy, the time and the records of one folder go in, verdicts and the folder's new policy state come out.
package retain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"pricefetch/internal/mail"
)

// Policy holds the retention options of one mailbox.
type Policy struct {
	LeaveCopy       bool
	DeleteUnmatched bool // counts with LeaveCopy false only
	AfterDays       int  // delete_after_days, in days of 24 h; 0: off
	SavedOnly       bool // delete_scope: saved
	BrakeOff        bool
	BrakePercent    int    // of the listed messages
	Way             string // imap_delete: auto, trash, expunge or the folder to move to; "" over POP3. Decides nothing here
}

// Hash identifies the policy and the account that it holds for: lower-case hex SHA-256. Every retention option counts,
// also where mail is moved to and the brake: whoever changes one gets the brake again.
func (p Policy) Hash(a mail.Account) string {
	a.Host = strings.ToLower(a.Host)
	text, err := json.Marshal(struct {
		Policy  Policy
		Account mail.Account
	}{p, a})
	if err != nil { // strings, numbers and booleans always encode
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// deletes reports whether the policy can delete anything.
func (p Policy) deletes() bool { return !p.LeaveCopy || p.AfterDays > 0 }

// Words tells in sentences what the policy does.
func Words(p Policy) []string {
	if !p.deletes() {
		return []string{"Nothing is deleted: every message stays on the server."}
	}
	var words []string
	if p.LeaveCopy {
		words = append(words, "A copy of every saved message stays on the server until it is old enough (leave_copy: true).")
	} else {
		words = append(words, "A message is deleted once everything wanted from it is saved (leave_copy: false); one with an "+
			"attachment that a file mask refused stays.")
	}
	switch {
	case !p.LeaveCopy && p.DeleteUnmatched:
		words = append(words, "Messages that no rule wants are deleted too (delete_unmatched: true); near misses stay.")
	case !p.LeaveCopy:
		words = append(words, "Messages that no rule wants are left alone (delete_unmatched: false).")
	}
	words = append(words, ageWords(p)...)
	words = append(words, "Never deleted: messages that are pending, failed, held, or wanted by something disabled.")
	return append(words, wayWords(p), brakeWords(p))
}

func ageWords(p Policy) []string {
	switch {
	case p.AfterDays <= 0:
		return []string{"Nothing is deleted because of its age (delete_after_days: off)."}
	case p.SavedOnly:
		return []string{fmt.Sprintf("Saved messages received at least %s ago are deleted (delete_after_days: %d, delete_scope: "+
			"saved); all others stay whatever their age.", days(p.AfterDays), p.AfterDays)}
	default:
		return []string{fmt.Sprintf("Every message received at least %s ago is deleted, wanted or not (delete_after_days: %d); "+
			"wanted ones are saved first.", days(p.AfterDays), p.AfterDays),
			"That includes mail older than first_run, which is deleted without having been imported."}
	}
}

func wayWords(p Policy) string {
	switch p.Way {
	case "", "expunge":
		return "Deleted means gone from the server at once, as far as the server honours it."
	case "trash":
		return `Deleted means moved to the server's \Trash folder (imap_delete: trash).`
	case "auto":
		return `Deleted means moved to the server's \Trash folder where it marks one, else gone at once (imap_delete: auto).`
	default:
		return fmt.Sprintf("Deleted means moved to a folder (imap_delete: %s).", p.Way)
	}
}

func brakeWords(p Policy) string {
	if p.BrakeOff {
		return "No brake: the first pass deletes all of that without asking (brake: off)."
	}
	return fmt.Sprintf("A new policy that would delete more than %d messages and more than %d %% of those listed, or more than "+
		"%d that were never imported, waits for: pricefetch approve.", brakeCount, p.BrakePercent, brakeBaseline)
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}
