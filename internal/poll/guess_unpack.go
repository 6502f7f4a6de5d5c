package poll

import (
	"context"
	"errors"
	"io"

	"pricefetch/internal/mail"
)

// opened reads a wanted attachment that is opened if it is an archive, and plans to save what is in it.
func (g *guess) opened(ref mail.Ref, f mail.File, content io.Reader) (err error) {
	it := g.items[ref]
	before := len(it.staged)
	scratch, err := g.Scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	if err := g.read(ref, f, "", content, scratch); err != nil || len(it.staged) == before {
		return err
	}
	p := &peek{guess: g, ref: ref, archive: f, first: before + 1}
	isArchive, err := g.Archives.Unpack(context.Background(), f.Rule, f.Original, scratch, p)
	err = errors.Join(err, p.close())
	switch {
	case err == nil && !isArchive:
		return nil
	case err != nil && !unreadable(err):
		return err
	case err != nil:
		it.staged = it.staged[:before]
		it.lock(f, err)
		return nil
	}
	it.staged = append(it.staged[:before], it.staged[before+1:]...)
	if len(it.staged) == before && p.known == 0 {
		it.noFit(f.Part, f.Original, p.refused)
	}
	return nil
}

// peek is an archive that a dry run looks into: the sink of its members.
type peek struct {
	guess   *guess
	ref     mail.Ref
	archive mail.File
	first   int // of the archive's members in the item's staged files
	last    Scratch
	refused []string
	known   int
}

func (p *peek) Want(m mail.Member) bool {
	if _, out := p.guess.items[p.ref].receipts[receiptOf(p.archive.Part, m.Path)]; out {
		p.known++
		return false
	}
	if _, ok := p.guess.Rules.Member(p.archive.Rule, m.Name); !ok {
		p.refused = append(p.refused, m.Path)
		return false
	}
	return true
}

func (p *peek) Take(m mail.Member, content io.Reader) error {
	if err := p.close(); err != nil {
		return err
	}
	var err error
	if p.last, err = p.guess.Scratch(); err != nil {
		return err
	}
	f := p.archive
	f.Member, f.Original = m.Path, m.Name
	return p.guess.read(p.ref, f, p.archive.Original, content, p.last)
}

// Reopen gives away what was taken last: whoever has it closes it.
func (p *peek) Reopen(mail.Member) (mail.Content, error) {
	last := p.last
	p.last = nil
	return last, nil
}

func (p *peek) Drop(m mail.Member) error {
	it := p.guess.items[p.ref]
	for i := p.first; i < len(it.staged); i++ {
		if it.staged[i].Member == m.Path {
			it.staged = append(it.staged[:i], it.staged[i+1:]...)
			break
		}
	}
	return nil
}

func (p *peek) close() error {
	if p.last == nil {
		return nil
	}
	last := p.last
	p.last = nil
	return last.Close()
}
