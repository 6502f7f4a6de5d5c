package poll

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"pricefetch/internal/mail"
)

// notedMembers bounds how many names of an archive's files are kept on record.
const notedMembers = 100

// unpack opens what was staged of a message and is an archive: its members are staged in its place. All of an archive or
// nothing: what cannot be opened needs a person, and the message's other files go out.
func (r *run) unpack(ctx context.Context, it *item) error {
	for i := 0; i < len(it.staged); i++ {
		f := it.staged[i]
		if !it.unpack[f.Part] || f.Member != "" {
			continue
		}
		box := &box{ctx: ctx, run: r, it: it, archive: f}
		isArchive, err := box.open()
		if err == nil && !isArchive {
			continue
		}
		if err != nil && !unreadable(err) {
			box.discard()
			return err
		}
		if err != nil {
			box.discard()
			it.lock(f, err)
			r.Log.Warn("archive cannot be unpacked", "message", it.rec.ID, "rule", f.Rule, "file", f.Original, "error", err)
		} else if box.empty() {
			it.noFit(f.Part, f.Original, box.refused)
		}
		it.staged = slices.Replace(it.staged, i, i+1, box.staged...)
		i += len(box.staged) - 1
		r.dropStaged(f)
	}
	return nil
}

// lock notes an archive that cannot be opened, and what to do if something can be done.
func (it *item) lock(f mail.File, err error) {
	text := fmt.Sprintf("«%s» cannot be unpacked: %v", f.Original, err)
	if errors.Is(err, mail.ErrEncrypted) {
		text += fmt.Sprintf(" (give its password under passwords: in rule %s, then retry)", f.Rule)
	}
	it.locked = append(it.locked, text)
}

// unreadable reports whether err is the archive's own fault.
func unreadable(err error) bool {
	for _, fault := range []error{mail.ErrEncrypted, mail.ErrDamaged, mail.ErrTooLarge, mail.ErrUnsupported} {
		if errors.Is(err, fault) {
			return mail.ClassOf(err) != mail.Storage
		}
	}
	return false
}

func (r *run) dropStaged(f mail.File) {
	if err := r.Import.Discard(f.Staged.Name); err != nil {
		r.Log.Warn("staged file cannot be removed", "file", f.Staged.Name, "error", err)
	}
}

// box is one archive of a message while it is opened: the sink of its members.
type box struct {
	ctx     context.Context // of the one call of unpack that the box lives in
	run     *run
	it      *item
	archive mail.File
	staged  []mail.File
	refused []string // no mask takes them
	known   int      // have a receipt from an earlier time
}

func (b *box) open() (isArchive bool, err error) {
	content, err := b.run.Import.Reopen(b.archive.Staged.Name)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	return b.run.Archives.Unpack(b.ctx, b.archive.Rule, b.archive.Original, content, b)
}

// empty reports whether the archive had nothing that the rule takes.
func (b *box) empty() bool { return len(b.staged)+b.known == 0 }

func (b *box) Want(m mail.Member) bool {
	if _, out := b.it.receipts[receiptOf(b.archive.Part, m.Path)]; out {
		b.known++
		return false
	}
	if _, ok := b.run.Rules.Member(b.archive.Rule, m.Name); !ok {
		b.refused = append(b.refused, m.Path)
		return false
	}
	return true
}

// Take stages one member. How large it may be, the limits of archives say.
func (b *box) Take(m mail.Member, content io.Reader) error {
	staged, err := b.run.Import.Stage(b.ctx, content, 0)
	if err != nil {
		return err
	}
	f := b.archive
	f.Member, f.Original, f.RawName, f.Staged = m.Path, m.Name, m.RawName, staged
	b.staged = append(b.staged, f)
	b.run.report.Bytes += staged.Size
	return nil
}

func (b *box) Reopen(mail.Member) (mail.Content, error) {
	return b.run.Import.Reopen(b.staged[len(b.staged)-1].Staged.Name)
}

// Drop removes an archive in the archive, which stands before what came of it.
func (b *box) Drop(m mail.Member) error {
	i := slices.IndexFunc(b.staged, func(f mail.File) bool { return f.Member == m.Path })
	name := b.staged[i].Staged.Name
	b.staged = slices.Delete(b.staged, i, i+1)
	return b.run.Import.Discard(name)
}

// discard removes what was staged of an archive that could not be opened to its end.
func (b *box) discard() {
	for _, f := range b.staged {
		b.run.dropStaged(f)
	}
	b.staged = nil
}

// noFit notes an archive that can be opened and has nothing that the rule takes: suppliers rename files.
func (it *item) noFit(part, name string, members []string) {
	i := slices.IndexFunc(it.parts, func(n mail.PartNote) bool { return n.Path == part })
	note := &it.parts[i]
	note.Reason = note.Rule + ": " + nothingIn(members)
	note.Rule = ""
	if len(members) <= notedMembers {
		note.Members = members
	}
	it.missed = append(it.missed, name+" ("+nothingIn(members)+")")
}

// nothingIn says what an archive holds of which nothing is taken.
func nothingIn(members []string) string {
	const most = 8
	switch n := len(members); {
	case n == 0:
		return "it holds no files"
	case n > most:
		return fmt.Sprintf("no members mask takes %s and %d more", strings.Join(members[:most], ", "), n-most)
	}
	return "no members mask takes " + strings.Join(members, ", ")
}
