package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// imap is one session with an IMAP server (RFC 3501), as far as a client that downloads and deletes needs one.
type imap struct {
	b       *box
	s       *session
	open    bool
	writing bool
	exists  int // as last announced
}

func (p *imap) greeting() string           { return "* OK ready\r\n" }
func (p *imap) busy(line string) string    { return tag(line) + " NO [UNAVAILABLE] try again later\r\n" }
func (p *imap) refusal(line string) string { return tag(line) + " NO no\r\n" }
func (p *imap) bye() string                { return "* BYE going down\r\n" }

func tag(line string) string {
	t, _, _ := strings.Cut(line, " ")
	return t
}

func (p *imap) caps() string {
	caps := "IMAP4rev1 SPECIAL-USE"
	if !p.b.noUIDPLUS {
		caps += " UIDPLUS"
	}
	if !p.b.noMOVE {
		caps += " MOVE"
	}
	return caps
}

func (p *imap) command(line string) (string, bool) {
	t, rest, _ := strings.Cut(line, " ")
	done := func(untagged string) string { return untagged + t + " OK done\r\n" }
	name := verb("imap", line)
	args := strings.TrimPrefix(rest, rest[:min(len(name), len(rest))])
	args = strings.TrimSpace(args)
	switch name {
	case "CAPABILITY":
		return done("* CAPABILITY " + p.caps() + "\r\n"), false
	case "LOGIN":
		if p.s.lies["UNAVAILABLE"] {
			return t + " NO [UNAVAILABLE] not now\r\n", false
		}
		return t + " OK [CAPABILITY " + p.caps() + "] welcome\r\n", false
	case "LIST":
		list := `* LIST (\HasNoChildren) "/" INBOX` + "\r\n"
		if p.b.trash {
			list += `* LIST (\HasNoChildren \Trash) "/" Trash` + "\r\n"
		}
		return done(list), false
	case "EXAMINE", "SELECT":
		return done(p.choose(name == "SELECT")), false
	case "NOOP":
		return done(p.news(true)), false
	case "LOGOUT":
		return done("* BYE bye\r\n"), true
	}
	if !p.open {
		return t + " BAD nothing is selected\r\n", false
	}
	return p.selected(t, name, args)
}

// selected carries out what needs a selected folder.
func (p *imap) selected(t, name, args string) (string, bool) {
	set, more, _ := strings.Cut(args, " ")
	news := p.news(strings.HasPrefix(name, "UID"))
	done := func(untagged string) (string, bool) { return news + untagged + t + " OK done\r\n", false }
	no := func(why string) (string, bool) { return news + t + " NO " + why + "\r\n", false }
	switch name {
	case "UID FETCH", "FETCH":
		answer, end := p.fetch(p.members(set, name == "UID FETCH"), more, name == "UID FETCH")
		return news + answer + t + " OK done\r\n", end
	case "UID SEARCH", "SEARCH":
		return done(p.search(args, name == "UID SEARCH"))
	}
	if !p.writing {
		return no("[READ-ONLY] the folder is open to read")
	}
	chosen := p.members(set, true)
	switch name {
	case "UID STORE":
		for _, c := range chosen {
			c.deleted, c.ours = strings.HasPrefix(more, "+"), strings.HasPrefix(more, "+")
		}
		return done("")
	case "UID COPY":
		if p.s.lies["COPY refused"] {
			return no("[OVERQUOTA] no room")
		}
		p.b.trashed = append(p.b.trashed, chosen...)
		return news + t + " OK " + p.copyUID(chosen) + "done\r\n", false
	case "UID MOVE":
		return p.move(t, news, chosen)
	case "UID EXPUNGE", "EXPUNGE", "CLOSE":
		if p.s.lies["EXPUNGE refused"] {
			return no("not now")
		}
		marked := slices.DeleteFunc(slices.Clone(p.s.view), func(c *copied) bool {
			return !c.deleted || name == "UID EXPUNGE" && !slices.Contains(chosen, c)
		})
		return done(p.drop(marked))
	}
	return t + " BAD what?\r\n", false
}

func (p *imap) copyUID(chosen []*copied) string {
	if p.b.noUIDPLUS || len(chosen) == 0 {
		return ""
	}
	ids := make([]string, len(chosen))
	for i, c := range chosen {
		ids[i] = c.id
	}
	return fmt.Sprintf("[COPYUID 9 %s %s] ", strings.Join(ids, ","), strings.Join(ids, ","))
}

func (p *imap) move(t, news string, chosen []*copied) (string, bool) {
	if p.b.noMOVE {
		return t + " BAD what?\r\n", false
	}
	if p.s.lies["MOVE does a part"] {
		part := chosen[:len(chosen)/2]
		p.b.trashed = append(p.b.trashed, part...)
		return news + p.drop(part) + t + " NO only a part\r\n", false
	}
	p.b.trashed = append(p.b.trashed, chosen...)
	return news + "* OK " + p.copyUID(chosen) + "moved\r\n" + p.drop(chosen) + t + " OK done\r\n", false
}

// drop removes messages and tells so.
func (p *imap) drop(chosen []*copied) string {
	var b strings.Builder
	for _, c := range chosen {
		p.b.law.deleted(p.s, c)
		p.b.w.cover("server", "imap: deletes")
		if p.b.deaf {
			continue
		}
		p.b.remove(c)
		i := slices.Index(p.s.view, c)
		p.s.view = slices.Delete(p.s.view, i, i+1)
		p.exists--
		fmt.Fprintf(&b, "* %d EXPUNGE\r\n", i+1)
	}
	return b.String()
}

// choose opens the folder.
func (p *imap) choose(write bool) string {
	if write && p.s.lies["reset before SELECT"] && len(p.s.shown) > 0 {
		p.s.lies["reset before SELECT"] = false
		p.b.rename()
		clear(p.s.verified)
	}
	p.open, p.writing = true, write
	p.see()
	p.exists = len(p.s.view)
	announced := p.exists
	answer := fmt.Sprintf("* %d EXISTS\r\n* OK [UIDVALIDITY %d] ids\r\n* OK [PERMANENTFLAGS (\\Deleted \\Seen)] flags\r\n", announced, p.b.valid)
	if !p.b.noUIDNEXT {
		answer += fmt.Sprintf("* OK [UIDNEXT %d] next\r\n", p.b.ids+1)
	}
	p.b.chosen(p.s)
	return answer
}

// see makes the view what is in the folder now, as far as this session shows it.
func (p *imap) see() {
	p.s.view = p.b.visible()
	switch {
	case p.s.lies["shows nothing"]:
		p.s.view = nil
	case p.s.lies["shows a part"]:
		p.s.view = p.s.view[len(p.s.view)/2:]
	}
}

// news tells what other people did meanwhile.
func (p *imap) news(expunges bool) string {
	if !p.open || p.s.lies["shows nothing"] || p.s.lies["shows a part"] {
		return ""
	}
	var b strings.Builder
	there := p.b.visible()
	for i := len(p.s.view) - 1; expunges && i >= 0; i-- {
		if !slices.Contains(there, p.s.view[i]) {
			p.s.view = slices.Delete(p.s.view, i, i+1)
			p.exists--
			fmt.Fprintf(&b, "* %d EXPUNGE\r\n", i+1)
		}
	}
	for _, c := range there {
		if !slices.Contains(p.s.view, c) {
			p.s.view = append(p.s.view, c)
		}
	}
	if len(p.s.view) != p.exists {
		p.exists = len(p.s.view)
		fmt.Fprintf(&b, "* %d EXISTS\r\n", p.exists)
	}
	return b.String()
}

// members are the messages of a set.
func (p *imap) members(set string, uids bool) (chosen []*copied) {
	for i, c := range p.s.view {
		n := i + 1
		if uids {
			n, _ = strconv.Atoi(c.id)
		}
		if within(set, n, i == len(p.s.view)-1) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// within tells whether n is in a set; a star is the last one, whatever its number.
func within(set string, n int, last bool) bool {
	for one := range strings.SplitSeq(set, ",") {
		low, high, isRange := strings.Cut(one, ":")
		a, _ := strconv.Atoi(low)
		b, err := strconv.Atoi(high)
		switch {
		case !isRange && n == a, isRange && err == nil && n >= a && n <= b:
			return true
		case isRange && err != nil && (n >= a || last), low == "*" && last:
			return true
		}
	}
	return false
}

func (p *imap) search(args string, uids bool) string {
	found := p.s.view
	words := strings.Fields(args)
	for i, word := range words {
		switch strings.ToUpper(word) {
		case "UID":
			found = p.members(words[i+1], true)
		case "DELETED":
			found = slices.DeleteFunc(slices.Clone(found), func(c *copied) bool { return !c.deleted })
		}
	}
	answer := "* SEARCH"
	for _, c := range found {
		if uids {
			answer += " " + c.id
		} else {
			answer += " " + strconv.Itoa(slices.Index(p.s.view, c)+1)
		}
	}
	return answer + "\r\n"
}
