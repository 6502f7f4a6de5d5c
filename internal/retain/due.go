package retain

import (
	"fmt"
	"time"

	"pricefetch/internal/mail"
)

const day = 24 * time.Hour

// verdict is what the options alone say of a record.
type verdict struct {
	byCopy bool // due by leave_copy or delete_unmatched
	byAge  bool // due by delete_after_days
	reason string
}

func (v verdict) due() bool { return v.byCopy || v.byAge }

// due tells whether the options want a record deleted. What needs somebody or something first is never due.
func (p Policy) due(r mail.Record, now time.Time) verdict {
	if why := untouchable(r); why != "" {
		return verdict{reason: "kept: " + why}
	}
	v := verdict{byCopy: p.dueByCopy(r), byAge: p.dueByAge(r, now)}
	switch {
	case v.byCopy && r.Outcome == mail.Unmatched:
		v.reason = "unmatched, delete_unmatched: true"
	case v.byCopy:
		v.reason = "saved, leave_copy: false"
	case v.byAge:
		v.reason = ageReason(p, r, now)
	default:
		v.reason = p.keptReason(r, now)
	}
	return v
}

// untouchable tells why a record is never deleted, whatever the options.
func untouchable(r mail.Record) string {
	switch r.Outcome {
	case mail.Pending:
		return "pending, not judged yet"
	case mail.Failed:
		return "failed, will be tried again"
	case mail.Held:
		return "held, needs a person"
	case mail.Paused:
		return "paused, wanted by something disabled"
	case mail.Unmatched, mail.NearMiss, mail.Baseline, mail.Superseded, mail.Saved, mail.Dismissed:
	default:
		return fmt.Sprintf("outcome %q is unknown", r.Outcome)
	}
	if r.Deletion == mail.DeletionIgnored {
		return "the server does not honour its deletion"
	}
	return ""
}

// dueByCopy: superseded mail is not due here. Nothing of it is saved, so only its age takes it.
func (p Policy) dueByCopy(r mail.Record) bool {
	if p.LeaveCopy {
		return false
	}
	return r.Outcome == mail.Saved && !r.Leftover || r.Outcome == mail.Unmatched && p.DeleteUnmatched
}

func (p Policy) dueByAge(r mail.Record, now time.Time) bool {
	if p.AfterDays <= 0 || p.SavedOnly && r.Outcome != mail.Saved {
		return false
	}
	// A record without any usable time has no age. Whole days are compared: N×24 h overflow for a very large N.
	return hasAge(r) && int(now.Sub(r.Age())/day) >= p.AfterDays
}

func hasAge(r mail.Record) bool { return r.Age().Year() >= 1995 }

func ageReason(p Policy, r mail.Record, now time.Time) string {
	return fmt.Sprintf("%s, delete_after_days: %d", ageText(r, now), p.AfterDays)
}

// ageText tells a record's age, and which time it is reckoned from.
func ageText(r mail.Record, now time.Time) string {
	if !hasAge(r) {
		return "its age is unknown"
	}
	from := "received"
	if !r.Age().Equal(r.Received) {
		from = "first seen"
	}
	n := int(now.Sub(r.Age()) / day)
	if n < 1 {
		return from + " less than a day ago"
	}
	return fmt.Sprintf("%s %s ago", from, days(n))
}

// keptReason tells why the options do not want a record deleted.
func (p Policy) keptReason(r mail.Record, now time.Time) string {
	byAge := "delete_after_days: off"
	switch {
	case p.AfterDays > 0 && p.SavedOnly && r.Outcome != mail.Saved:
		byAge = "delete_scope: saved"
	case p.AfterDays > 0:
		byAge = ageReason(p, r, now)
	}
	switch {
	case r.Outcome == mail.Saved && p.LeaveCopy:
		return "kept: saved, leave_copy: true; " + byAge
	case r.Outcome == mail.Saved:
		return "kept: saved, but a file mask refused one of its attachments; " + byAge
	default:
		return fmt.Sprintf("kept: %s; %s", r.Outcome, byAge)
	}
}
