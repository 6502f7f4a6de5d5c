package mailbox

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"pricefetch/internal/mail"
	"pricefetch/internal/mimepart"
)

const (
	// chunk is how many UIDs one command names: a set of that many fits a command line of 8192 octets, which is what
	// RFC 7162 section 4 asks servers to take.
	chunk = 500
	// maxHeader bounds what is kept of the header fields of one message, in octets.
	maxHeader = 1 << 20
)

// imapHeader is what is asked of a message before its content.
type imapHeader struct {
	uid      imap.UID
	size     int64
	received time.Time
	fields   []byte
	whole    bool // fields came, whole
}

// Envelopes reads the header fields that an envelope is made of, many messages with one command. Received is
// INTERNALDATE.
func (s *imapSession) Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) error {
	return s.guarded(ctx, func() error {
		groups, err := byFolder(refs)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := s.open(ctx, g.folder, g.scope, false); err != nil {
				return err
			}
			err := s.headers(ctx, g.uids,
				func(h imapHeader) error { return each(envelopeOf(g.refs[h.uid], h)) },
				func(_ imap.UID, err error) error { return err })
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func envelopeOf(ref mail.Ref, h imapHeader) mail.Envelope {
	env := mimepart.Envelope(h.fields)
	env.Ref, env.Size, env.Received = ref, h.size, h.received
	return env
}

// headers calls each for the header of every message of the selected folder that is still there. What a set left out is
// asked for again alone. odd decides what an error means that concerns one message only.
func (s *imapSession) headers(ctx context.Context, uids []imap.UID, each func(imapHeader) error, odd func(imap.UID, error) error) error {
	for part := range slices.Chunk(uids, chunk) {
		got, err := s.headerSet(ctx, imap.UIDSetNum(part...))
		if err != nil {
			return err
		}
		for _, uid := range part {
			h, ok := got[uid]
			if !ok {
				if h, ok, err = s.headerAgain(ctx, uid); err != nil && s.lost == nil {
					err = odd(uid, err)
				}
				if err != nil {
					return err
				}
			}
			if !ok {
				continue
			}
			s.link.guard.arm(false)
			err := each(h)
			s.link.guard.arm(true)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// headerAgain asks for one header, first by UID, then by sequence number (see imapDelivery.askAgain). It is false if the
// message is gone; one that is there but cannot be had is an error, because it must not be taken for gone.
func (s *imapSession) headerAgain(ctx context.Context, uid imap.UID) (imapHeader, bool, error) {
	got, err := s.headerSet(ctx, imap.UIDSetNum(uid))
	if h, ok := got[uid]; ok || err != nil {
		return h, ok, err
	}
	num, err := s.locate(ctx, uid)
	if num == 0 || err != nil {
		return imapHeader{}, false, err
	}
	got, err = s.headerSet(ctx, imap.SeqSetNum(num))
	if h, ok := got[uid]; ok || err != nil {
		return h, ok, err
	}
	return imapHeader{}, false, mail.Errorf(mail.Temporary, "read header of message %s/%d: server lists the message but sends no header",
		s.selected.name, uid)
}

// headerSet asks for the headers of one set. A server that refuses may have answered in part.
func (s *imapSession) headerSet(ctx context.Context, set imap.NumSet) (map[imap.UID]imapHeader, error) {
	got := map[imap.UID]imapHeader{}
	items := &imap.FetchOptions{
		UID: true, RFC822Size: true, InternalDate: true,
		BodySection: []*imap.FetchItemBodySection{
			{Specifier: imap.PartSpecifierHeader, HeaderFields: mimepart.Fields(), Peek: true},
		},
	}
	err := s.fetch(set, items, func(msg *imapclient.FetchMessageData) error {
		h, err := readIMAPHeader(msg)
		if err != nil {
			s.end()
		} else if h.whole {
			got[h.uid] = h
		}
		return err
	})
	what := fmt.Sprintf("read headers in folder %q", s.selected.name)
	if e := refusal(err); e != nil && !busy(e) {
		return got, nil
	}
	if err != nil {
		return nil, s.failed(ctx, what, err)
	}
	return got, nil
}

// readIMAPHeader reads one FETCH response.
func readIMAPHeader(msg *imapclient.FetchMessageData) (imapHeader, error) {
	h := imapHeader{size: -1}
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			h.uid = item.UID
		case imapclient.FetchItemDataRFC822Size:
			h.size = item.Size
		case imapclient.FetchItemDataInternalDate:
			h.received = item.Time
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil || item.Section.Specifier != imap.PartSpecifierHeader || len(item.Section.Part) > 0 {
				continue
			}
			fields, err := io.ReadAll(io.LimitReader(item.Literal, maxHeader))
			if err == nil && int64(len(fields)) < min(item.Literal.Size(), maxHeader) {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return h, err
			}
			h.fields, h.whole = fields, true
		}
	}
	return h, nil
}
