package model

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/retain"
)

// Schedule is one course of events. The same schedule takes the same course each time.
type Schedule struct {
	Seed     uint64 // that it was drawn from
	Servers  []traits
	Policy   int // of policies
	FirstRun int // of firstRuns
	Eager    bool
	Rival    bool // somebody's file takes a name at the moment that an intent has named it
	Rescan   bool // at the end an operator has everything judged again
	Newest   bool // alpha and beta take the newest letter only
	Steps    []Step
}

// Step is one event.
type Step struct {
	Op     string
	Box    int
	N      int
	Kind   string
	Span   time.Duration
	Faults []fault
	Events []event
}

// event is what somebody else does in the middle of a pass.
type event struct {
	call int
	op   string
	n    int
}

var policies = []retain.Policy{
	{LeaveCopy: true, BrakePercent: 25},
	{BrakePercent: 25},
	{BrakePercent: 25, DeleteUnmatched: true},
	{LeaveCopy: true, AfterDays: 3, BrakePercent: 25},
	{LeaveCopy: true, AfterDays: 30, BrakePercent: 25},
	{AfterDays: 3, BrakePercent: 25},
	{LeaveCopy: true, AfterDays: 3, SavedOnly: true, BrakePercent: 25},
	{AfterDays: 10, DeleteUnmatched: true, BrakeOff: true},
}

var firstRuns = []mail.FirstRun{{Age: 7 * day}, {All: true}, {None: true}, {Newest: true}}

var rulesets = []ruleset{
	{mask: "price*.csv"}, {mask: "*.csv"}, {mask: "new*.csv"}, {mask: "price*.csv", gammaOff: true},
	{mask: "price*.csv", alphaOff: true}, {mask: "*.csv", gammaOff: true}, {mask: "price*.csv", betaOff: true},
}

// noDate stands for a letter without Received.
const noDate = time.Duration(-1 << 62)

// ages are how long ago arriving mail says that it was received; a negative one is ahead.
var ages = []time.Duration{0, 0, 0, time.Hour, 2 * day, 4 * day, 8 * day, 40 * day, -3 * time.Hour, -10 * day, noDate, 50 * 365 * day}

// words are the step as an engineer reads it.
func (s Step) words() string {
	text := s.Op
	box := string(rune('A' + s.Box))
	switch s.Op {
	case "arrive":
		text = fmt.Sprintf("mail for %s: %s, received %s", box, s.Kind, ago(s.Span))
	case "pass":
		text = "pass over " + box
	case "lie":
		text = fmt.Sprintf("in its next session the server of %s: %s", box, s.Kind)
	case "wait":
		text = fmt.Sprintf("%v later", s.Span)
	case "clock":
		text = fmt.Sprintf("the clock jumps by %v", s.Span)
	case "rules":
		text = "the rules change: " + rulesets[s.N%len(rulesets)].String()
	case "policy":
		text = fmt.Sprintf("retention of %s changes: %+v", box, policies[s.N%len(policies)])
	case "kill", "importer takes", "somebody's file", "importer waits", "importer is eager":
	default:
		text = fmt.Sprintf("%s, %s (%d)", s.Op, box, s.N)
	}
	for _, f := range s.Faults {
		text += "; " + f.String()
	}
	for _, e := range s.Events {
		text += fmt.Sprintf("; at call %d: %s (%d)", e.call, e.op, e.n)
	}
	return text
}

func ago(d time.Duration) string {
	switch {
	case d == noDate:
		return "at no stated time"
	case d < 0:
		return fmt.Sprintf("%v ahead", -d)
	case d == 0:
		return "now"
	}
	return fmt.Sprintf("%v ago", d)
}

func (s Schedule) String() string {
	var b strings.Builder
	for i, t := range s.Servers {
		fmt.Fprintf(&b, "   mailbox %c: %s\n", 'A'+i, t)
	}
	fmt.Fprintf(&b, "   retention %+v; first_run %+v; importer eager: %v; a rival file: %v; everything judged again at the end: %v; take: newest: %v\n",
		policies[s.Policy], firstRuns[s.FirstRun], s.Eager, s.Rival, s.Rescan, s.Newest)
	for i, step := range s.Steps {
		fmt.Fprintf(&b, "   %d. %s\n", i+1, step.words())
	}
	return b.String()
}

// draw makes the schedule of a seed.
func draw(seed uint64) Schedule {
	d := dice{rand.New(rand.NewPCG(seed, 0x70726963656d6f64))}
	s := Schedule{Seed: seed, Policy: d.IntN(len(policies)), Eager: d.in(2), Rival: d.in(12), Rescan: d.in(3)}
	if d.in(3) {
		s.FirstRun = d.IntN(len(firstRuns))
	}
	s.Servers = []traits{d.server()}
	if d.in(7) {
		s.Servers = append(s.Servers, d.server())
	}
	d.begin(&s)
	if d.in(4) {
		d.story(&s)
	}
	for range 1 + d.IntN(4) {
		for range d.IntN(4) {
			s.Steps = append(s.Steps, d.between(&s))
		}
		s.Steps = append(s.Steps, d.pass(&s))
		s.Steps = append(s.Steps, Step{Op: "wait", Span: d.span()})
	}
	s.Newest = d.in(4)
	return s
}

// dice draw.
type dice struct{ *rand.Rand }

// in is true once in n times.
func (d dice) in(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, from []T) T { return from[d.IntN(len(from))] }

func (d dice) server() traits {
	if d.in(2) {
		return traits{protocol: "imap", noUIDPLUS: d.in(6), noMOVE: d.in(2), noUIDNEXT: d.in(5), trash: d.in(3), deaf: d.in(12)}
	}
	return traits{protocol: "pop3", noTOP: d.in(6), noUIDL: d.in(8), noCAPA: d.in(8), pipelining: d.in(2), gmail: d.in(3), deaf: d.in(12)}
}

// begin is what lies in the mailboxes before the first pass.
func (d dice) begin(s *Schedule) {
	n := d.IntN(4)
	kind := ""
	age := pick(d, ages)
	if d.in(30) {
		n, kind = 22+d.IntN(8), pick(d, []string{"spam", "spam", "price", "near miss"})
		s.Policy, age = pick(d, []int{2, 3, 4, 5}), pick(d, []time.Duration{0, 4 * day, 40 * day})
	}
	for range n {
		step := d.arrival(s)
		if kind != "" {
			step.Kind, step.Span, step.Box = kind, age, 0
		}
		s.Steps = append(s.Steps, step)
	}
}

func (d dice) arrival(s *Schedule) Step {
	return Step{Op: "arrive", Box: d.IntN(len(s.Servers)), Kind: pick(d, letterKinds), Span: pick(d, ages), N: d.IntN(40)}
}

// ops are what may happen between two passes, the frequent ones several times.
var ops = []string{
	"arrive", "arrive", "arrive", "arrive", "arrive", "arrive", "lie", "lie", "lie", "lie", "lie",
	"other deletes", "other deletes", "other restores", "other restores", "other marks", "other expunges", "copy", "copy", "copy",
	"ids change", "id is used again", "id is used again", "same id twice", "rules", "policy", "account", "approve", "approve clock",
	"retry", "dismiss", "rescan", "clock", "importer takes", "importer waits", "importer is eager", "kill",
}

// between is one event between two passes.
func (d dice) between(s *Schedule) Step {
	step := Step{Op: pick(d, ops), Box: d.IntN(len(s.Servers)), N: d.IntN(60)}
	switch step.Op {
	case "arrive":
		return d.arrival(s)
	case "lie":
		step.Kind = pick(d, pop3Lies)
		if s.Servers[step.Box].protocol == "imap" {
			step.Kind = pick(d, imapLies)
		}
	case "clock":
		step.Span = pick(d, []time.Duration{-10 * 365 * day, -2 * day, -time.Hour, 400 * day, 20 * day})
	}
	return step
}

func (d dice) span() time.Duration {
	return pick(d, []time.Duration{5 * time.Minute, 5 * time.Minute, 40 * time.Minute, 9 * time.Hour, 26 * time.Hour, 5 * day, 16 * day})
}

// pass is a pass with its faults.
func (d dice) pass(s *Schedule) Step {
	step := Step{Op: "pass", Box: d.IntN(len(s.Servers))}
	for range []int{0, 1, 1, 1, 1, 2}[d.IntN(6)] {
		step.Faults = append(step.Faults, fault{call: 1 + d.call(), kind: faultKind(1 + d.IntN(int(faultKinds)-1))})
	}
	if d.in(5) {
		op := pick(d, []string{"other deletes", "other restores", "other marks", "arrives", "importer takes", "somebody's file"})
		step.Events = append(step.Events, event{1 + d.call(), op, d.IntN(60)})
	}
	return step
}

// call is how far into a pass something happens.
func (d dice) call() int {
	if d.in(4) {
		return d.IntN(140)
	}
	return d.IntN(60)
}

// story is a course of events that seldom comes about by chance.
func (d dice) story(s *Schedule) {
	box := d.IntN(len(s.Servers))
	arrive := func(kind string) Step { return Step{Op: "arrive", Box: box, Kind: kind, N: d.IntN(40)} }
	policy := func(n int) Step { return Step{Op: "policy", Box: box, N: n} }
	pass, days := Step{Op: "pass", Box: box}, Step{Op: "wait", Span: 5 * day}
	switch d.IntN(4) {
	case 0: // an id is used again for a message of the same size, and then deletion begins
		again := Step{Op: "id is used again", Box: box, N: 1 + 3*d.IntN(3)}
		s.Steps = append(s.Steps, policy(0), arrive("price"), pass, again, policy(pick(d, []int{1, 3})), days, d.pass(s), pass)
	case 1: // the clock goes back when deletion begins
		back := Step{Op: "clock", Span: pick(d, []time.Duration{-2 * day, -time.Hour})}
		s.Steps = append(s.Steps, policy(0), arrive("price"), arrive("leftover"), pass, back, policy(pick(d, []int{1, 3})), pass)
	case 2: // what a disabled rule wants grows old
		off := Step{Op: "rules", N: pick(d, []int{3, 4, 5})}
		s.Steps = append(s.Steps, policy(3), off, arrive("price and stock"), d.pass(s), days, pass)
	case 3: // an old list comes after a newer one
		s.Steps = append(s.Steps, arrive("list"), pass, Step{Op: "arrive", Box: box, Kind: "list", Span: 2 * day}, d.pass(s))
	}
}
