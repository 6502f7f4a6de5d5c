// Package senders finds out from messages who sends which files, and drafts the rules that take them: from senders and the
// names of attachments alone. It is pure.
//
// Names are grouped into families: what changes from one list to the next, dates, numbers, weekdays, the number of a copy,
// becomes a * of the family's mask. A mask takes every name that it was made from, and since it keeps their extensions, no
// picture, signature, vCard or calendar.
package senders

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

const (
	maxFamilies = 20_000 // of all senders: they bound what a hostile mailbox may cost in memory to some tens of MB
	maxExts     = 8      // extensions in one mask
	maxFrom     = 4      // addresses of one From
	maxAddress  = 254    // characters of one (RFC 5321 section 4.5.3.1.3)
	maxNewest   = 255    // characters of a name that is only shown
)

// Survey counts messages as they come. It is not for concurrent use.
type Survey struct {
	Messages  int // that were added
	WithFiles int // of them
	Left      int // files that are counted nowhere else: there were too many senders and names

	rules    *match.Rules
	senders  map[string]*sender
	families int
}

// sender is who writes From, all addresses of it together.
type sender struct {
	from     []string // as first written
	families map[familyKey]*family
}

// familyKey tells families of one sender apart.
type familyKey struct {
	rule     string // that takes the file; "" for none
	lead     string
	literals string
	ext      bool
	unmasked bool
}

// family is names of one kind.
type family struct {
	shape  shape // of the first
	varied []bool
	copies bool
	exts   []string
	count  int
	last   time.Time
	newest string
}

// New returns a survey of nothing. rules are those that there are already.
func New(rules *match.Rules) *Survey {
	return &Survey{rules: rules, senders: map[string]*sender{}}
}

// Add counts a message and its attachments.
func (s *Survey) Add(e mail.Envelope, parts []mail.Part) {
	s.Messages++
	found := false
	for _, p := range parts {
		if match.Accessory(p) {
			continue
		}
		found = true
		s.add(e, p)
	}
	if found {
		s.WithFiles++
	}
}

func (s *Survey) add(e mail.Envelope, p mail.Part) {
	addresses := bounded(e.From)
	from := s.sender(addresses)
	sh, ok := understood(p.Name)
	key := familyKey{s.rules.File(e, p).Rule, sh.lead, sh.key(), sh.ext != "", !ok}
	f := from.families[key]
	if f == nil {
		if s.families >= maxFamilies {
			s.Left++
			return
		}
		s.families++
		f = &family{shape: sh, varied: make([]bool, len(sh.slots))}
		from.families[key] = f
		s.senders[senderKey(addresses)] = from
	}
	at := e.Received
	if at.IsZero() {
		at = e.Date
	}
	f.add(sh, at, p.Name)
}

// sender returns who writes; one that is new is not kept before there is a family of it.
func (s *Survey) sender(from []string) *sender {
	if known := s.senders[senderKey(from)]; known != nil {
		return known
	}
	return &sender{from: from, families: map[familyKey]*family{}}
}

// more stands for addresses that are not kept. It is no sender mask, so no rule is drafted of it.
const more = "…"

// bounded are the addresses of a From without those that are too many, and too long.
func bounded(from []string) []string {
	var out []string
	for i, a := range from {
		if i == maxFrom {
			return append(out, more)
		}
		if short := clip(a, maxAddress); short != a {
			a = short + more
		}
		out = append(out, a)
	}
	return out
}

// senderKey is the same for the same addresses, in whatever order and letters.
func senderKey(from []string) string {
	keys := make([]string, len(from))
	for i, a := range from {
		keys[i] = fold(a)
	}
	slices.Sort(keys)
	return strings.Join(slices.Compact(keys), "\n")
}

// add counts a file.
func (f *family) add(s shape, at time.Time, name string) {
	f.count++
	for i := range f.varied {
		f.varied[i] = f.varied[i] || f.shape.slots[i].text != s.slots[i].text
	}
	f.copies = f.copies || s.copies
	if s.ext != "" && !slices.Contains(f.exts, s.ext) {
		f.exts = append(f.exts, s.ext)
		slices.Sort(f.exts)
	}
	if f.newest == "" || !at.Before(f.last) { // of the same moment the later in the listing
		f.last, f.newest = at, clip(name, maxNewest)
	}
}

// join adds what another sender's family of the same names has.
func (f *family) join(o *family) {
	f.count += o.count
	for i := range f.varied {
		f.varied[i] = f.varied[i] || o.varied[i] || f.shape.slots[i].text != o.shape.slots[i].text
	}
	f.copies = f.copies || o.copies
	f.exts = append(f.exts, o.exts...)
	slices.Sort(f.exts)
	f.exts = slices.Compact(f.exts)
	if o.last.After(f.last) {
		f.last, f.newest = o.last, o.newest
	}
}

// masks are what takes the family's files: one, unless there are very many extensions.
func (f *family) masks() []string {
	fixed := make([]bool, len(f.varied))
	for i, s := range f.shape.slots {
		// What never changed is a part of the name, unless it would have to change some day, or there was no time for it to.
		fixed[i] = !f.varied[i] && !s.dated && f.count > 1
		if isWord := i > 0 || f.shape.lead == ""; isWord && !isNumber(s.text) && !s.dated && !f.varied[i] {
			fixed[i] = true // a weekday, or what looks like one
		}
	}
	if len(f.exts) == 0 {
		return []string{f.shape.mask(fixed, nil, f.copies)}
	}
	var out []string
	for exts := range slices.Chunk(f.exts, maxExts) {
		out = append(out, f.shape.mask(fixed, exts, f.copies))
	}
	return out
}

// Row is one kind of file that somebody sends.
type Row struct {
	From   []string  `json:"from"`
	Files  []string  `json:"files"`  // masks; none where none can be written
	Newest string    `json:"newest"` // name of the newest
	Count  int       `json:"count"`  // files
	Last   time.Time `json:"last,omitzero"`
	Rule   string    `json:"rule,omitempty"` // of the configuration, that takes them; "": none
}

// Rows tells who sends what: who sends most comes first, of each what comes most often.
func (s *Survey) Rows() []Row {
	type block struct {
		rows  []Row
		count int
	}
	var blocks []block
	for _, k := range slices.Sorted(maps.Keys(s.senders)) {
		var b block
		for key, f := range s.senders[k].families {
			r := Row{From: s.senders[k].from, Newest: f.newest, Count: f.count, Last: f.last, Rule: key.rule, Files: []string{}}
			if !key.unmasked {
				r.Files = f.masks()
			}
			b.rows, b.count = append(b.rows, r), b.count+f.count
		}
		slices.SortFunc(b.rows, func(x, y Row) int {
			return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Newest, y.Newest), cmp.Compare(x.Rule, y.Rule))
		})
		blocks = append(blocks, b)
	}
	slices.SortStableFunc(blocks, func(x, y block) int { return cmp.Compare(y.count, x.count) })
	rows := []Row{}
	for _, b := range blocks {
		rows = append(rows, b.rows...)
	}
	return rows
}
