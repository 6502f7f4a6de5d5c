package match

import (
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"pricefetch/internal/mail"
)

// Lead says that a sender whom no rule knows may be one that a rule is meant for.
type Lead struct {
	Rule string
	Add  []string // addresses that the rule's sender masks lack
	File string   // a file of the message that the rule's masks take; "": the sender's domain tells
}

// Stranger returns the first enabled rule that a message of an unknown sender may be meant for: one that knows the sender's
// domain, else one whose file masks take one of names and would not take just anything. It is false where a rule knows the
// sender, or where the rule would refuse the subject.
func (r *Rules) Stranger(e mail.Envelope, names []string) (Lead, bool) {
	m := prepare(e)
	if len(m.from) == 0 {
		return Lead{}, false
	}
	for _, c := range r.reach {
		if _, refused := refusedSender(c.from, m.from); !refused {
			return Lead{}, false
		}
	}
	var byFile Lead
	for _, c := range r.reach {
		if _, ok := c.subject.find(m.subject); !ok || c.Disabled {
			continue
		}
		unknown := c.unknown(m.from)
		if !valid(unknown) {
			continue
		}
		if !slices.ContainsFunc(unknown, func(a address) bool { return !c.akin(a) }) {
			return Lead{Rule: c.Name, Add: written(unknown)}, true
		}
		if i := slices.IndexFunc(names, c.means); i >= 0 && byFile.Rule == "" {
			byFile = Lead{Rule: c.Name, Add: written(unknown), File: names[i]}
		}
	}
	return byFile, byFile.Rule != ""
}

// Curious reports whether the names of a message's files would tell more about its sender, whom no rule knows: whether
// Stranger could find by them what it does not find without.
func (r *Rules) Curious(e mail.Envelope) bool {
	if _, found := r.Stranger(e, nil); found {
		return false
	}
	m := prepare(e)
	curious := false
	for _, c := range r.reach {
		if _, refused := refusedSender(c.from, m.from); !refused {
			return false
		}
		_, subject := c.subject.find(m.subject)
		curious = curious || subject && !c.Disabled && valid(c.unknown(m.from)) && slices.ContainsFunc(c.files, func(g glob) bool { return !g.any() })
	}
	return curious && len(m.from) > 0
}

// unknown returns the addresses that no sender mask of the rule takes.
func (c *rule) unknown(from []address) []address {
	return slices.DeleteFunc(slices.Clone(from), func(a address) bool {
		_, refused := refusedSender(c.from, []address{a})
		return !refused
	})
}

// means reports whether the rule takes a file of that name because of what it is called.
func (c *rule) means(name string) bool {
	folded := unslash(fold(baseName(name)))
	if _, ok := c.exclude.find(folded); ok {
		return false
	}
	return slices.ContainsFunc(c.files, func(g glob) bool { return !g.any() && doublestar.MatchUnvalidated(g.folded, folded) })
}

// any reports whether a mask takes whatever there is: names that nobody gives to a file.
func (g glob) any() bool {
	return slices.ContainsFunc([]string{"\ue000", "\ue000\ue001\ue002.\ue003", "\ue000\ue001.\ue002\ue003\ue004", "\ue000.\ue001\ue002\ue003\ue004"},
		func(name string) bool { return doublestar.MatchUnvalidated(g.folded, name) })
}

// valid reports whether all can be written as sender masks.
func valid(all []address) bool {
	return !slices.ContainsFunc(all, func(a address) bool { return a.domain == "" || CheckSender(a.written) != nil })
}

func written(all []address) []string {
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.written
	}
	return out
}
