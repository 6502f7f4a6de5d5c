// Package match decides which rule takes which attachment, and says why the others do not (semantics 1.1–1.3, 1.7).
// It is pure: rules, an envelope and a part go in, a decision with its reasons comes out.
//
// Names, subjects and masks are compared in NFC and case-folded, in every script. A class follows the code points:
// [а-я] does not hold ё, write [а-яё]. A literal [ in a name needs an escape: price\[1\].csv.
package match

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Rule is what an admin wrote of one rule, as far as it decides.
type Rule struct {
	Name      string
	Mailboxes []string // names of the mailboxes that it reaches; empty: all
	From      []string // sender masks, see CheckSender; at least one
	Subject   []string // globs over the decoded subject; empty: any
	Files     []string // globs over the file name; empty: every attachment
	Exclude   []string // globs that win over Files
	Unpack    bool     // archives are opened
	Members   []string // with Unpack: globs over the names in an archive; empty: all
	Disabled  bool     // enabled: false: its mail is left alone
}

// Rules are compiled rules in the order in which they are tried. They are immutable and safe for concurrent use.
type Rules struct {
	reach     []*rule
	elsewhere []*rule // left out by For
}

// rule is one compiled Rule.
type rule struct {
	Rule
	from    []senderMask
	subject globs
	files   globs
	exclude globs
	members globs
}

// Compile checks and prepares rules. Its error joins every fault of every rule, each naming the rule and the mask.
func Compile(rules []Rule) (*Rules, error) {
	compiled := &Rules{}
	var faults []error
	for _, r := range rules {
		c, err := compileRule(r)
		if err != nil {
			faults = append(faults, fmt.Errorf("compile rule %s: %w", r.Name, err))
			continue
		}
		compiled.reach = append(compiled.reach, c)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return compiled, nil
}

func compileRule(r Rule) (*rule, error) {
	c := &rule{Rule: cloneRule(r)}
	var faults [5]error
	c.from, faults[0] = compileSenders(r.From)
	c.subject, faults[1] = compileGlobs("subject", orAny(r.Subject), false)
	c.files, faults[2] = compileGlobs("files", orAny(r.Files), true)
	c.exclude, faults[3] = compileGlobs("exclude", r.Exclude, true)
	c.members, faults[4] = compileGlobs("members", orAny(r.Members), true)
	return c, errors.Join(faults[:]...)
}

// cloneRule keeps a compiled rule from changing when its caller's slices do.
func cloneRule(r Rule) Rule {
	r.Mailboxes = slices.Clone(r.Mailboxes)
	r.From = slices.Clone(r.From)
	r.Subject = slices.Clone(r.Subject)
	r.Files = slices.Clone(r.Files)
	r.Exclude = slices.Clone(r.Exclude)
	r.Members = slices.Clone(r.Members)
	return r
}

func orAny(masks []string) []string {
	if len(masks) == 0 {
		return []string{"*"}
	}
	return masks
}

// For returns the rules that reach mailbox, in their order.
func (r *Rules) For(mailbox string) *Rules {
	f := &Rules{elsewhere: slices.Clone(r.elsewhere)}
	for _, c := range r.reach {
		if len(c.Mailboxes) == 0 || slices.Contains(c.Mailboxes, mailbox) {
			f.reach = append(f.reach, c)
		} else {
			f.elsewhere = append(f.elsewhere, c)
		}
	}
	return f
}

// Elsewhere tells which rules For left out, for explanations. Decisions do not repeat them: an installation may have
// thousands of rules for other mailboxes.
func (r *Rules) Elsewhere() []Refusal {
	refusals := make([]Refusal, 0, len(r.elsewhere))
	for _, c := range r.elsewhere {
		text := "the rule is for other mailboxes (mailboxes: " + shownMasks(c.Mailboxes) + ")"
		refusals = append(refusals, Refusal{Rule: c.Name, Kind: KindMailbox, Text: text})
	}
	return refusals
}

// hashVersion changes when the same masks come to decide otherwise, so that mail is judged again.
const hashVersion = 1

// Hash is the lower-case hex SHA-256 of everything that decides: the order of the rules, their masks, whether they
// are enabled. It stays the same when a rule is renamed, or masks are put in another order or letter case.
func (r *Rules) Hash() string {
	type deciding struct {
		From, Subject, Files, Exclude []string
		Disabled                      bool
		Unpack                        bool     `json:",omitempty"` // left out, rules without it keep their hash
		Members                       []string `json:",omitempty"`
	}
	all := make([]deciding, 0, len(r.reach))
	for _, c := range r.reach {
		members := c.members.canonical()
		if !c.Unpack {
			members = nil
		}
		all = append(all, deciding{
			From:     canonicalSenders(c.from),
			Subject:  c.subject.canonical(),
			Files:    c.files.canonical(),
			Exclude:  c.exclude.canonical(),
			Disabled: c.Disabled,
			Unpack:   c.Unpack,
			Members:  members,
		})
	}
	text, err := json.Marshal(struct {
		Version int
		Rules   []deciding
	}{hashVersion, all})
	if err != nil { // strings and booleans always encode
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
