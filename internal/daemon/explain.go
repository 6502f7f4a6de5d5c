package daemon

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"pricefetch/internal/config"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailbox"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
	"pricefetch/internal/save"
)

// ExplainOne judges a message of that envelope with one attachment of that name, as if it lay in the named mailbox; "" is
// any.
func ExplainOne(c *config.Config, mailboxName string, head mail.Envelope, file string) (Explanation, error) {
	rules, err := rulesFor(c, mailboxName)
	if err != nil {
		return Explanation{}, err
	}
	e := newExplainer(context.Background(), c, rules, head)
	if e.Want(mail.Ref{}, mail.Part{Path: "1", Name: file, Attachment: true, Named: true}) {
		e.settle()
	}
	return e.out, nil
}

// ExplainRecord judges a message on record by today's rules: by its raw form where that is kept below held/, else by what
// is on record of its attachments. files are its receipts.
func ExplainRecord(ctx context.Context, c *config.Config, rec mail.Record, files []mail.File) (Explanation, error) {
	rules, err := rulesFor(c, rec.Mailbox)
	if err != nil {
		return Explanation{}, err
	}
	e := newExplainer(ctx, c, rules, rec.Envelope)
	e.files = files
	if rec.Kept != "" {
		raw := filepath.Join(c.StateDir, "held", rec.Kept)
		if _, missing := os.Stat(raw); missing == nil {
			return e.read(raw)
		}
	}
	e.out.Unread = rec.Parts == nil
	e.out.Links = rec.Links()
	for _, note := range rec.Stated {
		e.out.Stated = append(e.out.Stated, note.Name)
	}
	for _, note := range rec.Parts {
		if note.Link == "" {
			e.note(note)
		}
	}
	return e.out, nil
}

func rulesFor(c *config.Config, mailboxName string) (*match.Rules, error) {
	rules, err := Rules(c)
	if err == nil && mailboxName != "" {
		rules = rules.For(mailboxName)
	}
	return rules, err
}

// explainer is a handler that asks the rules, and takes nothing but a look into archives.
type explainer struct {
	ctx       context.Context // of the one call of Explain that it lives in
	importDir string
	rules     *match.Rules
	archives  *archives
	to        func(string) poll.Destination
	files     []mail.File     // receipts
	names     map[string]bool // by directory and name: what this message has taken already
	out       Explanation
	err       error
}

func newExplainer(ctx context.Context, c *config.Config, rules *match.Rules, head mail.Envelope) *explainer {
	return &explainer{
		ctx: ctx, importDir: c.ImportDir, rules: rules, archives: newArchives(c.Rules), to: destinations(c.Rules), names: map[string]bool{},
		out: Explanation{Envelope: head, Interest: rules.Sender(head), Reasons: rules.SenderReasons(head)},
	}
}

// read explains a raw message.
func (e *explainer) read(file string) (Explanation, error) {
	raw := mailbox.Kept(mail.Ref{}, func() (io.ReadCloser, error) { return os.Open(file) })
	if err := raw.Fetch(e.ctx, []mail.Ref{{}}, e); err != nil {
		return e.out, fmt.Errorf("read %s: %w", file, err)
	}
	if e.err != nil {
		return e.out, fmt.Errorf("read %s: %w", file, e.err)
	}
	return e.out, nil
}

// Want explains an attachment, and asks for it if it may have to be opened.
func (e *explainer) Want(_ mail.Ref, p mail.Part) bool {
	if p.IsRoot() || !p.Attachment {
		return false
	}
	d := PartDecision{Part: p, Decision: e.rules.File(e.out.Envelope, p), Reasons: e.rules.Reasons(e.out.Envelope, p)}
	for _, f := range e.files {
		if f.Part == p.Path {
			d.Out = append(d.Out, f)
		}
	}
	if d.Decision.Rule != "" {
		d.Dir = e.to(d.Decision.Rule).Dir
	}
	e.out.Parts = append(e.out.Parts, d)
	if !d.Decision.Unpack {
		e.settle()
	}
	return d.Decision.Unpack
}

// Linked notes the host of a link to a file.
func (e *explainer) Linked(_ mail.Ref, host string) { e.out.Links = append(e.out.Links, host) }

// note explains an attachment that is only on record. Of an archive that nothing was taken from, it has the names.
func (e *explainer) note(n mail.PartNote) {
	p := mail.Part{Path: n.Path, Name: n.Name, RawName: n.RawName, Type: n.Type, Referenced: n.Referenced, Attachment: true}
	if !e.Want(mail.Ref{}, p) {
		return
	}
	d := &e.out.Parts[len(e.out.Parts)-1]
	d.Archive = n.Members != nil
	for _, in := range n.Members {
		d.Members = append(d.Members, member(e.rules, d.Decision.Rule, mail.Member{Path: in, Name: path.Base(in)}))
	}
	e.settle()
}

// settle names what is taken of the last attachment.
func (e *explainer) settle() {
	d := &e.out.Parts[len(e.out.Parts)-1]
	switch {
	case d.Decision.Rule == "" || d.Fault != "":
	case !d.Archive:
		d.Name = e.name(d.Decision.Rule, d.Part.Name)
	default:
		for i, m := range d.Members {
			if m.Taken {
				d.Members[i].Name = e.name(d.Decision.Rule, m.Name)
			}
		}
	}
}

// name is what a file of that name would be called now in the directory of its rule. Within a message every name is given
// once.
func (e *explainer) name(rule, file string) string {
	to := e.to(rule)
	name := save.Likely(e.importDir, to.Dir, file, to.Replace, func(name string) bool { return e.names[to.Dir+"/"+name] })
	e.names[to.Dir+"/"+name] = true
	return name
}
