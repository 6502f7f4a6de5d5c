package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// pop3 is one session with a POP3 server (RFC 1939).
type pop3 struct {
	b *box
	s *session
}

func (p *pop3) greeting() string        { return "+OK ready\r\n" }
func (p *pop3) busy(string) string      { return "-ERR [SYS/TEMP] try again later\r\n" }
func (p *pop3) refusal(string) string   { return "-ERR no\r\n" }
func (p *pop3) bye() string             { return "-ERR [SYS/TEMP] going down\r\n" }
func ok(format string, a ...any) string { return "+OK " + fmt.Sprintf(format, a...) + "\r\n" }

// multi is a multi-line answer, with dots stuffed.
func multi(text string) string {
	var b strings.Builder
	b.WriteString("+OK\r\n")
	for line := range strings.SplitAfterSeq(text, "\r\n") {
		if strings.HasPrefix(line, ".") {
			b.WriteString(".")
		}
		b.WriteString(line)
	}
	b.WriteString(".\r\n")
	return b.String()
}

func (p *pop3) command(line string) (string, bool) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return p.refusal(line), false
	}
	name := strings.ToUpper(words[0])
	switch name {
	case "CAPA":
		return p.capa(), false
	case "USER":
		return ok("send PASS"), false
	case "PASS":
		switch {
		case p.s.lies["IN-USE"]:
			return "-ERR [IN-USE] maildrop is locked\r\n", false
		case p.s.lies["LOGIN-DELAY"]:
			return "-ERR [LOGIN-DELAY] wait 60 seconds\r\n", false
		}
		return ok("welcome"), false
	case "STAT":
		return p.stat(), false
	case "UIDL", "LIST":
		return p.list(name)
	case "TOP", "RETR", "DELE":
		c := p.numbered(words)
		if c == nil {
			return p.refusal(line), false
		}
		return p.message(name, c)
	case "NOOP":
		return ok(""), false
	case "QUIT":
		return p.quit(), true
	}
	return "-ERR what?\r\n", false
}

func (p *pop3) capa() string {
	if p.b.noCAPA {
		return "-ERR what?\r\n"
	}
	caps := []string{"USER"}
	if !p.b.noTOP {
		caps = append(caps, "TOP")
	}
	if !p.b.noUIDL {
		caps = append(caps, "UIDL")
	}
	if p.b.pipelining {
		caps = append(caps, "PIPELINING")
	}
	return multi(strings.Join(caps, "\r\n") + "\r\n")
}

func (p *pop3) stat() string {
	n, octets := len(p.s.view), 0
	for _, c := range p.s.view {
		octets += len(c.l.raw)
	}
	switch {
	case p.s.lies["STAT says more"]:
		n++
	case p.s.lies["STAT says 0"]:
		n, octets = 0, 0
	}
	return ok("%d %d", n, octets)
}

// list answers UIDL and LIST.
func (p *pop3) list(name string) (string, bool) {
	if name == "UIDL" && p.b.noUIDL {
		return "-ERR what?\r\n", false
	}
	var b strings.Builder
	for i, c := range p.s.view {
		if name == "UIDL" {
			fmt.Fprintf(&b, "%d %s\r\n", i+1, c.id)
		} else {
			fmt.Fprintf(&b, "%d %d\r\n", i+1, len(c.l.raw))
		}
		p.b.show(p.s, c)
	}
	text := multi(b.String())
	if p.s.lies["no final dot"] && (name == "UIDL" || p.b.noUIDL) {
		lines := strings.SplitAfter(text, "\r\n")
		return strings.Join(lines[:1+len(lines)/2], ""), true
	}
	if name == "LIST" {
		p.b.listed(p.s, !p.s.lying())
	}
	return text, false
}

// numbered is the message that a command names.
func (p *pop3) numbered(words []string) *copied {
	if len(words) < 2 {
		return nil
	}
	n, err := strconv.Atoi(words[1])
	if err != nil || n < 1 || n > len(p.s.view) || p.s.marked[p.s.view[n-1]] {
		return nil
	}
	return p.s.view[n-1]
}

func (p *pop3) message(name string, c *copied) (string, bool) {
	switch name {
	case "TOP":
		if p.b.noTOP {
			return "-ERR what?\r\n", false
		}
		p.s.verified[c] = true
		head, _, _ := strings.Cut(c.l.raw, "\r\n\r\n")
		return multi(head + "\r\n\r\n"), false
	case "RETR":
		p.s.retrieved[c], p.s.verified[c] = true, true
		if c.l.poison {
			whole := multi(c.l.raw)
			return whole[:2*len(whole)/3], true
		}
		return multi(c.l.raw), false
	}
	p.s.marked[c] = true
	p.b.w.cover("server", "pop3: DELE")
	return ok("marked"), false
}

// quit commits the session.
func (p *pop3) quit() string {
	p.b.law.read(p.s)
	if p.s.lies["QUIT fails"] {
		return "-ERR some messages were not removed\r\n"
	}
	for _, c := range p.s.view {
		if !p.s.marked[c] || !slices.Contains(p.b.copies, c) {
			continue
		}
		p.b.law.deleted(p.s, c)
		if p.b.deaf {
			continue
		}
		p.b.remove(c)
	}
	if !p.b.gmail {
		return ok("bye")
	}
	for c := range p.s.retrieved {
		if !c.hidden {
			p.b.w.cover("server", "pop3: hides what was read")
		}
		c.hidden = true
	}
	return ok("bye")
}
