package mailbox

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"pricefetch/internal/mail"
	"pricefetch/internal/mimepart"
)

const (
	statedParts = 100 // leaves of one message that are told
	statedDepth = 20  // parts within each other that are looked at
)

// Structures asks which parts messages have (BODYSTRUCTURE, RFC 3501 section 6.4.5), without reading them: nothing of a
// message is sent, and none is marked. What a server says of a message is less than the message itself tells: the files in
// a container are missing. A message of which the server says nothing is left out. A server whose answer cannot be read
// costs the connection; what it told before is handed over all the same.
func (s *imapSession) Structures(ctx context.Context, refs []mail.Ref, each func(mail.Structure) error) error {
	return s.guarded(ctx, func() error {
		groups, err := byFolder(refs)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := s.open(ctx, g.folder, g.scope, false); err != nil {
				return err
			}
			for uids := range slices.Chunk(g.uids, chunk) {
				if err := s.structures(ctx, g, uids, each); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *imapSession) structures(ctx context.Context, g *imapGroup, uids []imap.UID, each func(mail.Structure) error) error {
	items := &imap.FetchOptions{UID: true, BodyStructure: &imap.FetchItemBodyStructure{Extended: true}}
	got := map[imap.UID]mail.Structure{}
	lost := s.fetch(imap.UIDSetNum(uids...), items, func(msg *imapclient.FetchMessageData) error {
		var uid imap.UID
		var structure imap.BodyStructure
		for item := msg.Next(); item != nil; item = msg.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				uid = item.UID
			case imapclient.FetchItemDataBodyStructure:
				structure = item.BodyStructure
			}
		}
		if ref, asked := g.refs[uid]; asked && structure != nil {
			got[uid] = stated(ref, structure)
		}
		return nil
	})
	if lost != nil {
		lost = s.failed(ctx, fmt.Sprintf("read structures in folder %q", g.folder), lost)
	}
	for _, uid := range uids {
		if told, ok := got[uid]; ok {
			if err := each(told); err != nil {
				return err
			}
		}
	}
	return lost
}

// stated is what a structure says of a message.
func stated(ref mail.Ref, structure imap.BodyStructure) mail.Structure {
	r := statedReader{sure: true}
	r.read(structure, 0)
	// A mailer that uuencodes writes one text with everything in it. And a multipart/mixed in which nothing has a name is
	// more often one that the server could not take apart.
	if !r.named && (r.text && !r.html || r.mixed) {
		r.sure = false
	}
	return mail.Structure{Ref: ref, Parts: r.parts, Sure: r.sure}
}

// statedReader reads a structure.
type statedReader struct {
	parts []mail.Part
	sure  bool // every part tells what it is

	named, text, html, mixed bool // there is one
}

// read adds the leaves of a structure, those of forwarded messages included.
func (r *statedReader) read(structure imap.BodyStructure, depth int) {
	if depth > statedDepth || len(r.parts) >= statedParts {
		r.sure = false
		return
	}
	switch b := structure.(type) {
	case *imap.BodyStructureMultiPart:
		r.mixed = r.mixed || strings.EqualFold(b.Subtype, "mixed")
		for _, child := range b.Children {
			leaf, ok := child.(*imap.BodyStructureSinglePart)
			if ok && strings.EqualFold(b.Subtype, "appledouble") && strings.EqualFold(leaf.MediaType(), "application/applefile") {
				continue // what a Mac keeps beside a file, under the same name
			}
			r.read(child, depth+1)
		}
	case *imap.BodyStructureSinglePart:
		if b.MessageRFC822 != nil && b.MessageRFC822.BodyStructure != nil && !strings.EqualFold(b.Encoding, "base64") && !strings.EqualFold(b.Encoding, "quoted-printable") {
			r.read(b.MessageRFC822.BodyStructure, depth+1)
			return
		}
		how, params := "", map[string]string(nil)
		if d := b.Disposition(); d != nil {
			how, params = d.Value, d.Params
		}
		r.leaf(mimepart.Stated(b.MediaType(), b.Params, how, params, b.ID))
	}
}

func (r *statedReader) leaf(p mail.Part) {
	r.parts = append(r.parts, p)
	r.sure = r.sure && !mimepart.Untold(p)
	r.named = r.named || p.Named
	r.text = r.text || p.Type == "text/plain"
	r.html = r.html || p.Type == "text/html"
}
