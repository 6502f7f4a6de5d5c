package match

import (
	"fmt"

	"pricefetch/internal/mail"
)

// KindLater is the refusal of a rule that would take the file, and is not asked because another one stands before it.
const KindLater Kind = "later"

// Reason is what one rule says to one attachment, or to one sender.
type Reason struct {
	Refusal        // Kind "": the rule takes it
	Suggest string // the mask or address that would make the rule take it; "" where none can be told
}

// Reasons asks every rule about attachment p, in their order: also those behind the one that takes it, and at the end those
// that do not reach this mailbox. It is for explanations; what becomes of p, File decides.
func (r *Rules) Reasons(e mail.Envelope, p mail.Part) []Reason {
	var all []Reason
	taken := ""
	for _, c := range r.reach {
		d := alone(c).File(e, p)
		switch {
		case d.Rule != "" && taken == "":
			taken = c.Name
			all = append(all, Reason{Refusal: Refusal{Rule: c.Name}})
		case d.Rule != "":
			text := fmt.Sprintf("it would take «%s» too, but rule %s stands before it", shown(p.Name), taken)
			all = append(all, Reason{Refusal: Refusal{c.Name, KindLater, text}})
		default:
			for _, f := range d.Refusals {
				all = append(all, Reason{f, c.suggest(f.Kind, e, p.Name)})
			}
		}
	}
	return append(all, r.unreached()...)
}

// SenderReasons asks every rule about a message without regard to what it carries. A rule that wants it has Kind "".
func (r *Rules) SenderReasons(e mail.Envelope) []Reason {
	var all []Reason
	for _, c := range r.reach {
		in := alone(c).Sender(e)
		if len(in.Rules) > 0 {
			all = append(all, Reason{Refusal: Refusal{Rule: c.Name}})
		}
		for _, f := range in.Refusals {
			all = append(all, Reason{f, c.suggest(f.Kind, e, "")})
		}
	}
	return append(all, r.unreached()...)
}

// SuggestMember returns a members mask with which a rule would take a file of that name out of an archive; "" where none can
// be told.
func (r *Rules) SuggestMember(rule, name string) string {
	for _, c := range r.reach {
		if c.Name == rule {
			return c.suggest(KindMember, mail.Envelope{}, name)
		}
	}
	return ""
}

func (r *Rules) unreached() []Reason {
	var all []Reason
	for _, f := range r.Elsewhere() {
		all = append(all, Reason{Refusal: f})
	}
	return all
}

// alone is a set of one rule.
func alone(c *rule) *Rules { return &Rules{reach: []*rule{c}} }

// suggest returns what would have to stand in the rule for it to take a file that it refuses for that reason.
func (c *rule) suggest(kind Kind, e mail.Envelope, name string) string {
	switch kind {
	case KindMask:
		return suggestMask(c.files, name)
	case KindMember:
		return suggestMask(c.members, name)
	case KindSender:
		m := prepare(e)
		for _, a := range m.from {
			if _, refused := refusedSender(c.from, []address{a}); refused {
				if c.akin(a) {
					return a.written
				}
				return ""
			}
		}
	}
	return ""
}
