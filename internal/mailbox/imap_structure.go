package mailbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"pricefetch/internal/mail"
	"pricefetch/internal/mimepart"
)

const (
	statedParts = 100 // attachments of one message that are told
	statedDepth = 20  // parts within each other that are looked at
)

// Structures asks which attachments messages have (BODYSTRUCTURE, RFC 3501 section 6.4.5), without reading them: nothing of
// a message is sent, and none is marked. What a server says of a message is less than the message itself tells: the files in
// a container are missing. A message of which the server says nothing is left out. A server whose answer cannot be read
// costs the connection.
func (s *imapSession) Structures(ctx context.Context, refs []mail.Ref, each func(mail.Ref, []mail.Part) error) error {
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
				if err := s.structures(ctx, g, imap.UIDSetNum(uids...), each); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *imapSession) structures(ctx context.Context, g *imapGroup, set imap.NumSet, each func(mail.Ref, []mail.Part) error) error {
	items := &imap.FetchOptions{UID: true, BodyStructure: &imap.FetchItemBodyStructure{Extended: true}}
	got := map[imap.UID][]mail.Part{}
	err := s.fetch(set, items, func(msg *imapclient.FetchMessageData) error {
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
		if _, asked := g.refs[uid]; asked && structure != nil {
			got[uid] = stated(nil, structure, 0)
		}
		return nil
	})
	if err != nil {
		return s.failed(ctx, fmt.Sprintf("read structures in folder %q", g.folder), err)
	}
	for _, uid := range g.uids {
		if parts, ok := got[uid]; ok {
			delete(got, uid)
			if err := each(g.refs[uid], parts); err != nil {
				return err
			}
		}
	}
	return nil
}

// stated adds the attachments with a name in a structure, those of forwarded messages included.
func stated(parts []mail.Part, structure imap.BodyStructure, depth int) []mail.Part {
	if depth > statedDepth || len(parts) >= statedParts {
		return parts
	}
	switch b := structure.(type) {
	case *imap.BodyStructureMultiPart:
		for _, child := range b.Children {
			parts = stated(parts, child, depth+1)
		}
	case *imap.BodyStructureSinglePart:
		if b.MessageRFC822 != nil && b.MessageRFC822.BodyStructure != nil {
			return stated(parts, b.MessageRFC822.BodyStructure, depth+1)
		}
		how, params := "", map[string]string(nil)
		if d := b.Disposition(); d != nil {
			how, params = d.Value, d.Params
		}
		if p := mimepart.Stated(b.MediaType(), b.Params, how, params); p.Named {
			parts = append(parts, p)
		}
	}
	return parts
}
