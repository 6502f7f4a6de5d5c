package retain

import (
	"slices"
	"strings"
	"time"

	"pricefetch/internal/mail"
)

const (
	brakeCount    = 20 // a new policy may delete this many whatever their share
	brakeBaseline = 20 // this many never imported ones go without asking
)

// waits is the reason of what waits for a person.
const waits = "waits for approve"

// Input is what a plan rests on: one folder of one mailbox, at one moment.
type Input struct {
	Now     time.Time
	Started time.Time // of this pass: a policy found to be new is new since then. Zero: Now
	Account mail.Account
	Folder  mail.FolderState
	Records []mail.Record // all that the last listing showed
	// Complete: the listing of this pass is complete. Without it a policy neither settles nor is its share of the
	// listed messages known.
	Complete     bool
	Reset        bool                   // this pass reconciles after a reset of the ids
	Hold         string                 // why nothing may be deleted in this session; "" if it may
	AgeSuspended string                 // why nothing is deleted by age; "" if it is
	Wanted       func(mail.Record) bool // whether a rule wants its sender; nil: none does
}

// Decision is what a folder's policy does in this pass.
type Decision struct {
	Verdicts []Verdict        // one per record, in the order given
	Folder   mail.FolderState // with the policy fields as they should be stored now
	Waiting  *mail.Approval   // Folder.Waiting
	HeldBack string           // why due deletions do not happen now; "" if all do
}

// Verdict is what becomes of one message.
type Verdict struct {
	Record mail.Record
	Delete bool   // now
	Due    bool   // the options want it deleted
	Reason string // "saved, leave_copy: false"; "kept: held, needs a person"; "…; not now: …"
}

// Plan decides which messages go now. It deletes nothing that is pending, failed, held or paused, whatever the
// options; a policy that is new and would delete much waits for a person (semantics 4).
//
// For a dry run the caller leaves Hold empty and deletes nothing.
func Plan(p Policy, in Input) Decision {
	pl := &plan{policy: p, in: in, folder: renew(p, in), held: map[string]bool{}}
	pl.judge()
	pl.brake()
	pl.carryOut()
	return Decision{Verdicts: pl.verdicts(), Folder: pl.folder, Waiting: pl.folder.Waiting, HeldBack: pl.heldBack()}
}

// plan is the work on one Decision.
type plan struct {
	policy Policy
	in     Input
	folder mail.FolderState
	items  []item
	why    string          // why counted deletions do not happen now; "" if they do
	asked  func(item) bool // which of the counted ones why speaks of
	held   map[string]bool
}

// item is one record on its way to a verdict.
type item struct {
	verdict
	record  mail.Record
	counted bool // the brake counts it: due, and not saved since the policy became new
	block   string
}

// renew returns the folder's state with a policy that became new started afresh: at the folder's first poll, after a
// reset, which is judged like a first poll, and when options or account changed.
func renew(p Policy, in Input) mail.FolderState {
	f := in.Folder
	f.Released = slices.Clone(f.Released)
	hash := p.Hash(in.Account)
	begun := f.FirstPollDone || f.Settled == mail.SettledNot // the second: a first poll that takes several passes
	if f.PolicyHash != hash || in.Reset || !begun {
		f.PolicyHash, f.PolicySince, f.Settled = hash, in.Started, mail.SettledNot
		f.Waiting, f.Released = nil, nil
		if in.Started.IsZero() {
			f.PolicySince = in.Now
		}
		f.PolicySince = f.PolicySince.Truncate(time.Millisecond) // as precise as the journal keeps JudgedAt
	}
	if !f.FirstPollDone {
		f.Waiting, f.Released = nil, nil
	}
	if p.BrakeOff {
		f.Settled, f.Waiting = mail.SettledApproved, nil
	}
	return f
}

// judge asks the options about every record, and what forbids deletions as a whole.
func (pl *plan) judge() {
	forbidden := pl.forbidden()
	pl.items = make([]item, len(pl.in.Records))
	for i, r := range pl.in.Records {
		it := item{record: r, verdict: pl.policy.due(r, pl.in.Now)}
		it.block = forbidden
		if it.block == "" && it.byAge && !it.byCopy && pl.in.AgeSuspended != "" {
			it.block = "deletion by age is suspended, " + pl.in.AgeSuspended + ": pricefetch approve --clock"
		}
		savedSince := r.Outcome == mail.Saved && !r.JudgedAt.Before(pl.folder.PolicySince)
		it.counted = it.due() && it.block == "" && !savedSince
		pl.items[i] = it
	}
}

// forbidden tells why nothing at all may be deleted in this pass.
func (pl *plan) forbidden() string {
	switch {
	case !pl.in.Folder.FirstPollDone:
		return "the folder's first poll has not ended"
	case pl.in.Reset:
		return "the server's ids were reset and this pass reconciles"
	default:
		return pl.in.Hold
	}
}

// brake settles the policy, or finds what has to wait.
func (pl *plan) brake() {
	if pl.forbidden() != "" {
		return
	}
	f := &pl.folder
	switch f.Settled {
	case mail.SettledApproved:
		f.Waiting = nil
	case mail.SettledSelf:
		pl.brakeSettled()
	default:
		pl.brakeNew()
	}
}

// brakeSettled asks once before a policy that settled itself deletes many messages that were never imported.
func (pl *plan) brakeSettled() {
	baseline := func(it item) bool { return it.record.Outcome == mail.Baseline }
	c := pl.count()
	if c.baseline <= brakeBaseline {
		pl.folder.Waiting = nil
		return
	}
	pl.ask(c, baseline)
}

// brakeNew lets a new policy settle itself where it deletes little, in a pass that saw everything.
func (pl *plan) brakeNew() {
	all := func(item) bool { return true }
	c := pl.count()
	switch {
	case !pl.in.Complete:
		// The share of an unknown whole cannot be told; small parts of it would slip under the brake pass by pass.
		pl.why, pl.asked = "the policy is new and the listing is not complete", all
	case c.braked(pl.policy, c.due, c.baseline):
		pl.ask(c, all)
	case c.braked(pl.policy, c.due+c.undecided, c.baseline):
		pl.folder.Waiting = nil
		pl.why, pl.asked = "the policy is new and many messages are not judged yet", all
	default:
		pl.folder.Waiting = nil
		if !pl.suspended() {
			pl.folder.Settled = mail.SettledSelf
		}
	}
}

// suspended reports whether deletions by age are held back: then the policy has not shown yet what it deletes.
func (pl *plan) suspended() bool { return pl.in.AgeSuspended != "" && pl.policy.AfterDays > 0 }

// ask lets those of the counted deletions that which selects wait for a person.
func (pl *plan) ask(c counts, which func(item) bool) {
	waiting := pl.approval(c, which)
	if old := pl.folder.Waiting; old != nil && slices.Equal(old.IDs, waiting.IDs) {
		waiting.Made = old.Made
	}
	pl.folder.Waiting = waiting
	pl.why, pl.asked = waits, which
}

// carryOut tells each counted deletion whether it happens in this pass. An approved plan is carried out exactly:
// until each of its messages was asked for once, nothing else that counts goes.
func (pl *plan) carryOut() {
	released := pl.released()
	why, asked := pl.why, pl.asked
	if why == "" && slices.ContainsFunc(pl.items, func(it item) bool {
		return released[it.record.ID] && it.counted && it.record.DeletionSince.IsZero()
	}) {
		why, asked = "the approved plan is carried out first", func(item) bool { return true }
	}
	if why == "" {
		return
	}
	for i := range pl.items {
		if it := &pl.items[i]; it.counted && !released[it.record.ID] && asked(*it) {
			it.block = why
		}
	}
}

// released forgets of the approved plan what is no longer there or no longer due, and returns the rest.
func (pl *plan) released() map[mail.RecordID]bool {
	due := make(map[mail.RecordID]bool, len(pl.items))
	for _, it := range pl.items {
		due[it.record.ID] = it.due()
	}
	pl.folder.Released = slices.DeleteFunc(pl.folder.Released, func(id mail.RecordID) bool {
		isDue, listed := due[id]
		return listed && !isDue || !listed && pl.in.Complete
	})
	ids := make(map[mail.RecordID]bool, len(pl.folder.Released))
	for _, id := range pl.folder.Released {
		ids[id] = true
	}
	return ids
}

func (pl *plan) verdicts() []Verdict {
	list := make([]Verdict, len(pl.items))
	for i, it := range pl.items {
		list[i] = Verdict{Record: it.record, Due: it.due(), Delete: it.due() && it.block == "", Reason: it.reason}
		if it.due() && it.block != "" {
			list[i].Reason += "; not now: " + it.block
			pl.held[it.block] = true
		}
	}
	return list
}

// heldBack joins the reasons that verdicts met, in a fixed order.
func (pl *plan) heldBack() string {
	reasons := make([]string, 0, len(pl.held))
	for why := range pl.held {
		if why == waits {
			why = pl.folder.Waiting.Why + ": " + waits
		}
		reasons = append(reasons, why)
	}
	slices.Sort(reasons)
	return strings.Join(reasons, "; ")
}
