package mailbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"pricefetch/internal/mail"
)

// maildrop is what STAT, UIDL and LIST told of the messages of this session.
type maildrop struct {
	refs   []mail.Listed     // by number
	byID   map[string]uint32 // number by UIDL; 0 for one that occurs twice
	octets int64             // as STAT says; -1 unknown
	uidl   bool              // the server has UIDL
	why    string            // why the listing is not complete; "" if it is
}

// repeated counts the messages that have no id of their own although the server has UIDL.
func (d *maildrop) repeated() int {
	n := 0
	for _, m := range d.refs {
		if d.uidl && m.ID == "" {
			n++
		}
	}
	return n
}

// List asks for the whole listing: POP3 has no way to ask for what is new.
func (s *pop3Session) List(ctx context.Context, _ []mail.Cursor) ([]mail.Listing, error) {
	release, err := s.use(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := s.list(); err != nil {
		return nil, err
	}
	d := s.maildrop
	l := mail.Listing{Refs: slices.Clone(d.refs), Complete: d.why == "", Why: d.why}
	if l.Complete {
		l.Next = mail.Cursor{Count: len(d.refs)}
	}
	return []mail.Listing{l}, nil
}

// list asks for the maildrop unless this session has done so: within a session it does not change (RFC 1939 section 4).
func (s *pop3Session) list() error {
	if s.maildrop != nil {
		return nil
	}
	d, err := s.survey()
	if err != nil {
		return fmt.Errorf("list mailbox: %w", s.class(err))
	}
	s.maildrop = d
	return nil
}

func (s *pop3Session) survey() (*maildrop, error) {
	text, err := s.command("STAT")
	if err != nil {
		return nil, err
	}
	count, octets, why := parseStat(text)
	uids, err := s.scan("UIDL", s.caps.has("UIDL"), count)
	if err != nil {
		return nil, err
	}
	sizes, err := s.scan("LIST", true, count)
	if err != nil {
		return nil, err
	}
	d := &maildrop{octets: octets, uidl: uids.offered, why: why}
	d.join(uids, sizes)
	d.check(count, uids, sizes)
	return d, nil
}

// parseStat reads "2 320" (RFC 1939 section 5). Without a count no listing is complete.
func parseStat(text string) (count int, octets int64, why string) {
	words := strings.Fields(text)
	if len(words) >= 2 {
		n, err1 := strconv.ParseUint(words[0], 10, 31)
		size, err2 := strconv.ParseUint(words[1], 10, 63)
		if err1 == nil && err2 == nil {
			return int(n), int64(size), ""
		}
	}
	return -1, -1, fmt.Sprintf("STAT answered %q instead of a count", text)
}

// scanned is a UIDL or LIST reply, and what was wrong with it.
type scanned struct {
	offered bool // the server has the command
	lines   []scanLine
	why     string
}

// scanLine is one line of it: what stands behind a message number.
type scanLine struct {
	num   uint32
	value string
}

// scan asks for UIDL or LIST. A refusal means that the server has no such command, if that may be; on an empty
// maildrop, that there is nothing to list.
func (s *pop3Session) scan(verb string, must bool, count int) (scanned, error) {
	r := scanned{offered: true}
	err := s.lines(verb, int64(s.o.MaxListed)*perListed+maxCaps, func(line string) error {
		num, value, ok := parseScan(line)
		if !ok {
			r.fault("%s has a line that cannot be read: %.80q", verb, line)
			return nil
		}
		if len(r.lines) == s.o.MaxListed {
			return s.o.tooMany()
		}
		if len(r.lines) == cap(r.lines) { // append would leave four times as much behind as a long listing takes
			r.lines = slices.Grow(r.lines, max(len(r.lines), 64))
		}
		r.lines = append(r.lines, scanLine{num, value})
		return nil
	})
	if refusal, ok := errors.AsType[*pop3Refusal](err); ok {
		if count == 0 && !refusal.busy() {
			return r, nil
		}
		if !must && !refusal.busy() {
			return scanned{}, nil
		}
	}
	r.settle(verb)
	return r, err
}

// settle brings the lines in the order of their numbers. A number that occurs twice names no message.
func (r *scanned) settle(verb string) {
	byNum := func(a, b scanLine) int { return cmp.Compare(a.num, b.num) }
	if !slices.IsSortedFunc(r.lines, byNum) {
		slices.SortFunc(r.lines, byNum)
	}
	once := r.lines[:0]
	for i, n := 0, 0; i < len(r.lines); i = n {
		for n = i + 1; n < len(r.lines) && r.lines[n].num == r.lines[i].num; n++ {
		}
		if n > i+1 {
			r.fault("%s has message number %d twice", verb, r.lines[i].num)
			continue
		}
		once = append(once, r.lines[i])
	}
	r.lines = once
}

// value returns what stands behind a number; "" if it is not there.
func (r *scanned) value(num uint32) string {
	i, ok := slices.BinarySearchFunc(r.lines, num, func(l scanLine, num uint32) int { return cmp.Compare(l.num, num) })
	if !ok {
		return ""
	}
	return r.lines[i].value
}

// fault keeps the first fault: the others mostly follow from it.
func (r *scanned) fault(format string, args ...any) {
	if r.why == "" {
		r.why = fmt.Sprintf(format, args...)
	}
}

// parseScan splits a line into the message number and what follows.
func parseScan(line string) (num uint32, value string, ok bool) {
	digits, value, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	n, err := strconv.ParseUint(digits, 10, 32)
	value = strings.TrimSpace(value)
	return uint32(n), value, err == nil && n > 0 && value != ""
}

// join makes the refs. A message whose UIDL line is missing or cannot be read is left out rather than offered under no
// identity, where the server has UIDL; the listing is not complete then.
func (d *maildrop) join(uids, sizes scanned) {
	d.byID = make(map[string]uint32, len(uids.lines))
	for _, l := range uids.lines {
		if _, twice := d.byID[l.value]; twice {
			l.num = 0
		}
		d.byID[l.value] = l.num
	}
	from := uids.lines
	if !uids.offered {
		from = sizes.lines
	}
	d.refs = slices.Grow(d.refs, len(from))
	for _, line := range from {
		l := mail.Listed{Ref: mail.Ref{Num: line.num}, Size: parseSize(sizes.value(line.num))}
		if uids.offered && d.byID[line.value] == line.num && printable(line.value) {
			l.ID = line.value
		}
		d.refs = append(d.refs, l)
	}
}

// check finds the first reason, if any, not to trust the listing to be all there is.
func (d *maildrop) check(count int, uids, sizes scanned) {
	whys := []string{d.why, uids.why, sizes.why}
	if len(sizes.lines) != count {
		whys = append(whys, fmt.Sprintf("LIST has %d messages, STAT says %d", len(sizes.lines), count))
	}
	if uids.offered && len(uids.lines) != count {
		whys = append(whys, fmt.Sprintf("UIDL has %d messages, STAT says %d", len(uids.lines), count))
	}
	for _, l := range d.refs {
		if l.Size < 0 {
			whys = append(whys, fmt.Sprintf("LIST has no size for message number %d", l.Num))
			break
		}
	}
	d.why = ""
	for _, why := range whys {
		if why != "" {
			d.why = why
			return
		}
	}
}

// parseSize reads the octets of a LIST line, behind which a server may put more (RFC 1939 section 5); -1 where there
// is none.
func parseSize(value string) int64 {
	digits, _, _ := strings.Cut(value, " ")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return -1
	}
	return int64(n)
}

// printable reports whether a UIDL can be kept as it is. RFC 1939 section 7 allows 1 to 70 characters from 0x21 to 0x7E;
// servers send longer ones and blanks. One that is not text cannot name a message.
func printable(id string) bool {
	return utf8.ValidString(id) && !strings.ContainsFunc(id, func(c rune) bool { return !unicode.IsPrint(c) })
}

// find returns the number of a message in this session: by its number if that was listed under the same UIDL, else by
// its UIDL.
func (d *maildrop) find(ref mail.Ref) (mail.Listed, bool) {
	num := ref.Num
	if ref.ID != "" {
		num = d.byID[ref.ID]
	}
	i, ok := slices.BinarySearchFunc(d.refs, num, func(l mail.Listed, num uint32) int { return cmp.Compare(l.Num, num) })
	if !ok || d.refs[i].ID != ref.ID {
		return mail.Listed{}, false
	}
	return d.refs[i], true
}

// octetsOf bounds how long a message may turn out: servers estimate sizes, but not by more than half and a mebibyte.
func (d *maildrop) octetsOf(num uint32) int64 {
	i, ok := slices.BinarySearchFunc(d.refs, num, func(l mail.Listed, num uint32) int { return cmp.Compare(l.Num, num) })
	if !ok || d.refs[i].Size < 0 || d.refs[i].Size > math.MaxInt64/4 {
		return math.MaxInt64
	}
	return 2*d.refs[i].Size + 1<<20
}

// class makes a refusal by a busy server Temporary, with the delay it stated. Without a class an error is that anyway.
func (s *pop3Session) class(err error) error {
	if r, ok := errors.AsType[*pop3Refusal](err); ok {
		return &mail.Error{Class: mail.Temporary, After: r.delay(s.caps), Err: err}
	}
	return err
}
