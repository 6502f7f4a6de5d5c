package model

import (
	"fmt"
	"slices"
	"strings"
)

// fetch answers for the chosen messages; end tells that the connection breaks in one of them.
func (p *imap) fetch(chosen []*copied, items string, byUID bool) (answer string, end bool) {
	var b strings.Builder
	header, body := strings.Contains(items, "BODY.PEEK[HEADER"), strings.Contains(items, "BODY.PEEK[]")
	if p.s.lies["unsolicited FETCH"] && len(p.s.view) > 0 {
		fmt.Fprintf(&b, "* 1 FETCH (FLAGS (\\Seen))\r\n* 1 FETCH (UID %s FLAGS ())\r\n", p.s.view[0].id)
	}
	listing, whole := !header && !body, true
	for i, c := range chosen {
		switch {
		case i == 0 && len(chosen) > 1 && (listing && p.s.lies["lists less than EXISTS"] || !listing && p.s.lies["items missing"]):
			if whole = p.s.lies["unsolicited FETCH"] && c == p.s.view[0]; whole && listing { // which names it all the same
				p.b.show(p.s, c)
			}
			continue
		case header && p.s.lies["header withheld"] && c == p.s.view[0]:
			continue
		}
		num := slices.Index(p.s.view, c) + 1
		switch {
		case body:
			raw := c.l.raw
			if c.l.poison {
				raw = raw[:2*len(raw)/3]
			}
			fmt.Fprintf(&b, "* %d FETCH (UID %s BODY[] {%d}\r\n%s", num, c.id, len(c.l.raw), raw)
			if c.l.poison {
				return b.String(), true
			}
			b.WriteString(")\r\n")
		case header:
			p.s.verified[c] = true
			b.WriteString(p.header(num, c))
		default:
			p.b.show(p.s, c)
			fmt.Fprintf(&b, "* %d FETCH (UID %s RFC822.SIZE %d)\r\n", num, c.id, len(c.l.raw))
		}
	}
	if listing {
		p.b.listed(p.s, whole)
	}
	return b.String(), false
}

// header is the answer to a request for header fields.
func (p *imap) header(num int, c *copied) string {
	head, _, _ := strings.Cut(c.l.raw, "\r\n\r\n")
	var fields strings.Builder
	for line := range strings.SplitSeq(head, "\r\n") {
		switch name, _, _ := strings.Cut(line, ":"); strings.ToLower(name) {
		case "from", "subject", "date", "message-id", "received":
			fields.WriteString(line + "\r\n")
		}
	}
	fields.WriteString("\r\n")
	more := fmt.Sprintf(" RFC822.SIZE %d INTERNALDATE %q", len(c.l.raw), c.internal().UTC().Format(internalDate))
	if p.s.lies["items missing"] && num%2 == 1 {
		more = ""
	}
	return fmt.Sprintf("* %d FETCH (UID %s%s BODY[HEADER.FIELDS (From Subject Date Message-ID Received)] {%d}\r\n%s)\r\n",
		num, c.id, more, fields.Len(), fields.String())
}

// internalDate is how INTERNALDATE is written (RFC 3501 section 9, date-time).
const internalDate = "02-Jan-2006 15:04:05 -0700"
