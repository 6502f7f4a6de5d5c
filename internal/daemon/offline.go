package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"pricefetch/internal/config"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailbox"
	"pricefetch/internal/match"
	"pricefetch/internal/mimepart"
	"pricefetch/internal/save"
)

// Inspect logs in to a mailbox for `check --connect` and tells what is there.
func Inspect(ctx context.Context, c *config.Config, m config.Mailbox) (mailbox.Report, error) {
	return mailbox.Inspect(ctx, SessionOptions(c, m, true))
}

// TryImport looks at who can get at state_dir, and does in every directory that a rule saves to what publishing will do there. faults are what keeps it from
// working, notes what an operator should know.
func TryImport(c *config.Config) (notes []string, faults []error) {
	notes = exposed(c.StateDir)
	gid, err := groupID(c.Group)
	if err != nil {
		return notes, []error{err}
	}
	dir, err := save.Open(save.Options{
		ImportDir: c.ImportDir, StateDir: c.StateDir, JournalID: "check", FileMode: c.FileMode, DirMode: c.DirMode, GID: gid,
		MinFree: c.Limits.MinFree,
	}, "")
	if err != nil {
		return notes, []error{err}
	}
	var dirs []string
	for _, r := range c.Rules {
		dirs = append(dirs, r.SaveTo)
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs)
	if faults = dir.Try(dirs); len(faults) > 0 {
		return notes, faults
	}
	for _, d := range dir.Unexclusive(dirs) {
		notes = append(notes, fmt.Sprintf("save_to %q: its file system cannot refuse to replace; absence is checked before each rename instead", d))
	}
	return notes, nil
}

// Explanation is the decision about one message.
type Explanation struct {
	Envelope mail.Envelope
	Interest match.Interest
	Reasons  []match.Reason // every rule's about the sender and the subject
	Parts    []PartDecision
	Links    []string // hosts of links to files in its text
	Stated   []string // attachments that the server tells of, where Unread
	Unread   bool     // a message on record of which nothing was fetched: nobody knows its attachments
}

// PartDecision is the decision about one of its attachments.
type PartDecision struct {
	Part     mail.Part
	Decision match.Decision
	Reasons  []match.Reason // every rule's
	Dir      string         // below import_dir, where a rule takes it
	Name     string         // that it would get now
	Out      []mail.File    // what came of it, where it is on record

	Archive bool             // it is one, and the rule opens it
	Members []MemberDecision // of the archive
	Fault   string           // why it cannot be opened
}

// MemberDecision is the decision about one file in an archive.
type MemberDecision struct {
	Path    string // in the archive
	Name    string // its own; once it is taken, the one that it would get now
	Taken   bool
	Refusal match.Refusal
	Suggest string // a mask under members that would take it; ""
}

// Explain judges a raw message as if it lay in the named mailbox; "" is any.
func Explain(ctx context.Context, c *config.Config, mailboxName, path string) (Explanation, error) {
	rules, err := rulesFor(c, mailboxName)
	if err != nil {
		return Explanation{}, err
	}
	head, err := header(path)
	if err != nil {
		return Explanation{}, err
	}
	return newExplainer(ctx, c, rules, head).read(path)
}

// header reads the envelope of a message file.
func header(path string) (mail.Envelope, error) {
	f, err := os.Open(path)
	if err != nil {
		return mail.Envelope{}, err
	}
	defer f.Close()
	head, err := mimepart.ReadHeader(bufio.NewReader(f), 0)
	if err != nil {
		return mail.Envelope{}, fmt.Errorf("read %s: %w", path, err)
	}
	return mimepart.Envelope(head), nil
}

// Part looks into an attachment that a rule opens if it is an archive.
func (e *explainer) Part(_ mail.Ref, _ mail.Part, content io.Reader) error {
	d := &e.out.Parts[len(e.out.Parts)-1]
	look := &look{rules: e.rules, part: d}
	defer look.close()
	file, err := newScratch()
	if err != nil {
		return err
	}
	defer file.Close()
	defer e.settle()
	if _, err := io.Copy(file, content); err != nil {
		d.Fault = err.Error()
		return nil
	}
	d.Archive, err = e.archives.Unpack(e.ctx, d.Decision.Rule, d.Part.Name, file, look)
	if err != nil {
		d.Archive, d.Fault = true, err.Error()
	}
	return nil
}

func (e *explainer) Done(_ mail.Ref, err error) error {
	e.err = errors.Join(e.err, err)
	return nil
}
