package mailbox

import (
	"context"
	"io"

	"pricefetch/internal/mail"
)

// discreet is a session whose words show no secret: everything that a server said and that leaves this room goes through
// its Hidden. What a server makes of the mail itself, its ids and its content, is handed on as it is.
type discreet struct {
	Session
	hidden *Hidden
}

func (d *discreet) List(ctx context.Context, prev []mail.Cursor) ([]mail.Listing, error) {
	listings, err := d.Session.List(ctx, prev)
	for i := range listings {
		l := &listings[i]
		l.Why, l.Err = d.hidden.Text(l.Why), d.hidden.Error(l.Err)
	}
	return listings, d.hidden.Error(err)
}

func (d *discreet) Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) error {
	return d.hidden.Error(d.Session.Envelopes(ctx, refs, each))
}

func (d *discreet) Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error {
	return d.hidden.Error(d.Session.Fetch(ctx, refs, discreetHandler{h, d.hidden}))
}

func (d *discreet) Delete(ctx context.Context, doomed []mail.Doomed) ([]mail.Deleted, error) {
	deleted, err := d.Session.Delete(ctx, doomed)
	for i := range deleted {
		deleted[i].Err = d.hidden.Error(deleted[i].Err)
	}
	return deleted, d.hidden.Error(err)
}

func (d *discreet) Close(commit bool) error { return d.hidden.Error(d.Session.Close(commit)) }

// Retrieved is that of a POP3 session; no other commits what was read.
func (d *discreet) Retrieved() []mail.Ref {
	if s, ok := d.Session.(*pop3Session); ok {
		return s.Retrieved()
	}
	return nil
}

// Structures is that of an IMAP session. POP3 has none, and nothing is told.
func (d *discreet) Structures(ctx context.Context, refs []mail.Ref, each func(mail.Structure) error) error {
	if s, ok := d.Session.(*imapSession); ok {
		return d.hidden.Error(s.Structures(ctx, refs, each))
	}
	return nil
}

// discreetHandler is a handler that is told of no secret.
type discreetHandler struct {
	mail.Handler
	hidden *Hidden
}

func (h discreetHandler) Part(ref mail.Ref, p mail.Part, r io.Reader) error {
	return h.Handler.Part(ref, p, discreetReader{r, h.hidden})
}

func (h discreetHandler) Done(ref mail.Ref, err error) error {
	return h.Handler.Done(ref, h.hidden.Error(err))
}

// Listed is what the handler knows, if it does.
func (h discreetHandler) Listed(ref mail.Ref) int64 {
	if s, ok := h.Handler.(mail.Sizer); ok {
		return s.Listed(ref)
	}
	return -1
}

// Identify asks the handler, if it cares which message arrives.
func (h discreetHandler) Identify(ref mail.Ref, e mail.Envelope) bool {
	i, ok := h.Handler.(mail.Identifier)
	return !ok || i.Identify(ref, e)
}

// Remark tells the handler, if it listens to remarks.
func (h discreetHandler) Remark(ref mail.Ref, text string) {
	if r, ok := h.Handler.(mail.Remarker); ok {
		r.Remark(ref, text)
	}
}

// Linked tells the handler, if it listens to links.
func (h discreetHandler) Linked(ref mail.Ref, host string) { tellLink(ref, h.Handler, host) }

// discreetReader changes nothing but errors.
type discreetReader struct {
	io.Reader
	hidden *Hidden
}

func (r discreetReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = r.hidden.Error(err)
	}
	return n, err
}

// discreetly takes the secrets out of a report.
func (r *Report) discreetly(h *Hidden) {
	r.CertSubject, r.CertIssuer = h.Text(r.CertSubject), h.Text(r.CertIssuer)
	for _, list := range [][]string{r.Capabilities, r.Notes} {
		for i := range list {
			list[i] = h.Text(list[i])
		}
	}
	for i := range r.Folders {
		f := &r.Folders[i]
		f.Name, f.Special, f.Err = h.Text(f.Name), h.Text(f.Special), h.Error(f.Err)
	}
}
