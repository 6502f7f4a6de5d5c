package senders

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/idna"

	"pricefetch/internal/match"
)

const (
	maxMasks    = 20 // of one rule; who sends so many kinds of names is better taken by their extensions
	wholeDomain = 3  // addresses of one domain that send the same files stand for it
	maxRuleName = 80 // bytes
)

// Draft is a rule that takes what somebody sends and no rule takes yet.
type Draft struct {
	Name   string
	From   []string
	Files  []string
	Count  int // files that it was made from
	Last   time.Time
	Newest string // name of the newest of them
}

// Drafts returns rules for all files that none takes, in the order of their names, under names that none of taken has. Addresses of
// one house that send the same files share one. unwritten are the files of senders, or with names, that no mask can be
// written for.
func (s *Survey) Drafts(taken []string) (drafts []Draft, unwritten int) {
	var groups []*group
	byHouse := map[string][]*group{}
	for _, k := range slices.Sorted(maps.Keys(s.senders)) {
		g, n := newGroup(s.senders[k])
		unwritten += n
		if g == nil {
			continue
		}
		if g.house == "" {
			groups = append(groups, g)
		} else {
			byHouse[g.house] = append(byHouse[g.house], g)
		}
	}
	for _, house := range slices.Sorted(maps.Keys(byHouse)) {
		groups = append(groups, merged(byHouse[house])...)
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return cmp.Compare(a.wish(), b.wish()) })
	names := map[string]bool{}
	for _, name := range taken {
		names[fold(name)] = true
	}
	alone := map[string]int{}
	for _, g := range groups {
		alone[g.house]++
	}
	for _, g := range groups {
		d := g.draft(s)
		d.Name = free(names, g.names(alone[g.house] == 1))
		drafts = append(drafts, d)
	}
	return drafts, unwritten
}

// group is what one rule will be made of.
type group struct {
	house    string
	senders  []*sender
	families map[familyKey]*family
}

// newGroup is the files of one sender that no rule takes; nil where there is nothing to write a rule for.
func newGroup(s *sender) (g *group, unwritten int) {
	g = &group{senders: []*sender{s}, families: map[familyKey]*family{}}
	writable := len(s.from) > 0 && !slices.ContainsFunc(s.from, func(a string) bool { return !isAddress(strings.TrimSpace(a)) })
	for key, f := range s.families {
		switch {
		case key.rule != "":
		case key.unmasked, !writable:
			unwritten += f.count
		default:
			own := *f
			own.varied, own.exts = slices.Clone(f.varied), slices.Clone(f.exts)
			g.families[key] = &own
		}
	}
	if len(g.families) == 0 {
		return nil, unwritten
	}
	for i, a := range s.from {
		if house := match.House(a); i == 0 {
			g.house = house
		} else if house != g.house {
			g.house = ""
		}
	}
	return g, unwritten
}

// isAddress reports whether an address is a sender mask for itself alone.
func isAddress(a string) bool {
	local := a[:max(0, strings.LastIndexByte(a, '@'))]
	return local != "" && local != "*" && match.CheckSender(a) == nil
}

// merged joins those groups of one house that have files in common.
func merged(groups []*group) []*group {
	var out []*group
	for _, g := range groups {
		rest := out[:0:0]
		for _, o := range out {
			if o.shares(g) {
				o.take(g)
				g = o
			} else {
				rest = append(rest, o)
			}
		}
		out = append(rest, g)
	}
	return out
}

func (g *group) shares(o *group) bool {
	for key := range g.families {
		if o.families[key] != nil {
			return true
		}
	}
	return false
}

// take joins what another group has.
func (g *group) take(o *group) {
	g.senders = append(g.senders, o.senders...)
	for key, f := range o.families {
		if own := g.families[key]; own != nil {
			own.join(f)
		} else {
			g.families[key] = f
		}
	}
}

// draft makes the rule, without its name.
func (g *group) draft(s *Survey) Draft {
	d := Draft{From: g.from(s), Files: g.files()}
	for _, f := range g.families {
		d.Count += f.count
		if d.Newest == "" || f.last.After(d.Last) || f.last.Equal(d.Last) && f.newest < d.Newest {
			d.Last, d.Newest = f.last, f.newest
		}
	}
	return d
}

// files are the masks, those that stand for most files first.
func (g *group) files() []string {
	families := slices.Collect(maps.Values(g.families))
	slices.SortFunc(families, func(a, b *family) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.masks()[0], b.masks()[0]))
	})
	var masks []string
	var exts []string
	for _, f := range families {
		masks = append(masks, f.masks()...)
		exts = append(exts, f.exts...)
	}
	if len(masks) <= maxMasks {
		return unique(masks)
	}
	masks = nil
	slices.Sort(exts)
	for chunk := range slices.Chunk(slices.Compact(exts), maxExts) {
		masks = append(masks, shape{literals: []string{""}, ext: "x"}.mask(nil, chunk, true))
	}
	for _, f := range families {
		if len(f.exts) == 0 {
			masks = append(masks, f.masks()...)
		}
	}
	return unique(masks)
}

// unique drops masks that occur twice and keeps the order.
func unique(masks []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(masks, func(m string) bool {
		was := seen[fold(m)]
		seen[fold(m)] = true
		return was
	})
}

// from are the sender masks: the addresses, or their domain where several of it send the same and none of it anything else.
func (g *group) from(s *Survey) []string {
	byDomain := map[string][]string{}
	for _, from := range g.senders {
		for _, a := range from.from {
			byDomain[domainOf(a)] = append(byDomain[domainOf(a)], strings.TrimSpace(a))
		}
	}
	var masks []string
	for _, domain := range slices.Sorted(maps.Keys(byDomain)) {
		addresses := unique(byDomain[domain])
		slices.Sort(addresses)
		if g.house != "" && len(addresses) >= wholeDomain && g.has(s, domain) && match.CheckSender("@"+domain) == nil {
			addresses = []string{"@" + domain}
		}
		masks = append(masks, addresses...)
	}
	return masks
}

// has reports whether everybody of that domain who sends files is in the group.
func (g *group) has(s *Survey, domain string) bool {
	for _, from := range s.senders {
		if slices.ContainsFunc(from.from, func(a string) bool { return domainOf(a) == domain }) && !slices.Contains(g.senders, from) {
			return false
		}
	}
	return true
}

// domainOf is the domain of an address, folded.
func domainOf(a string) string { return fold(strings.TrimSpace(a[strings.LastIndexByte(a, '@')+1:])) }

// wish is what the rule would best be called.
func (g *group) wish() string { return g.names(g.house != "")[0] }

// names are what the rule may be called, the best first. A rule that is alone in its house is called like it.
func (g *group) names(alone bool) []string {
	address := safe(g.senders[0].from[0])
	if g.house == "" {
		return []string{address}
	}
	house := g.house
	if text, err := idna.Display.ToUnicode(house); err == nil {
		house = text
	}
	label, _, _ := strings.Cut(house, ".")
	if alone {
		return []string{safe(label), safe(house), address}
	}
	return []string{address}
}

// safe keeps of a text what a rule's name may have.
func safe(text string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.L, unicode.M, unicode.Nd) || strings.ContainsRune("._-@+", r) {
			return r
		}
		return '-'
	}, fold(text))
	for len(name) > maxRuleName {
		name = string([]rune(name)[:len([]rune(name))-1])
	}
	if name = strings.TrimLeft(name, ".-"); name == "" {
		return "sender"
	}
	return name
}

// free takes the first name that is not taken, with a number where all are.
func free(taken map[string]bool, names []string) string {
	for n := 1; ; n++ {
		for _, name := range names {
			if n > 1 {
				name = names[0] + "-" + strconv.Itoa(n)
			}
			if !taken[fold(name)] {
				taken[fold(name)] = true
				return name
			}
		}
	}
}
