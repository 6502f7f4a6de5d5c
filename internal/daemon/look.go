package daemon

import (
	"io"
	"slices"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
)

// look is the sink of an archive that is only explained.
type look struct {
	rules *match.Rules
	part  *PartDecision
	last  poll.Scratch // what was taken last; it may be an archive itself
}

func (l *look) Want(m mail.Member) bool {
	d := member(l.rules, l.part.Decision.Rule, m)
	l.part.Members = append(l.part.Members, d)
	return d.Taken
}

// member asks a rule about a file in an archive.
func member(rules *match.Rules, rule string, m mail.Member) MemberDecision {
	d := MemberDecision{Path: m.Path, Name: m.Name}
	if d.Refusal, d.Taken = rules.Member(rule, m.Name); !d.Taken {
		d.Suggest = rules.SuggestMember(rule, m.Name)
	}
	return d
}

func (l *look) Take(_ mail.Member, content io.Reader) error {
	l.close()
	var err error
	if l.last, err = newScratch(); err != nil {
		return err
	}
	_, err = io.Copy(l.last, content)
	return err
}

// Reopen gives away what was taken last: whoever has it closes it.
func (l *look) Reopen(mail.Member) (mail.Content, error) {
	last := l.last
	l.last = nil
	return last, nil
}

// Drop forgets an archive in the archive.
func (l *look) Drop(m mail.Member) error {
	l.part.Members = slices.DeleteFunc(l.part.Members, func(d MemberDecision) bool { return d.Path == m.Path })
	return nil
}

func (l *look) close() {
	if l.last != nil {
		_ = l.last.Close() // it has no name and nothing of it is needed
		l.last = nil
	}
}
