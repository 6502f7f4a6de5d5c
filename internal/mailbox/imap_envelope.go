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
	envelope mail.Envelope // without Ref
	whole    bool          // the header fields came, whole
}

// headerSink is what becomes of the headers that were asked for.
type headerSink struct {
	each func(imapHeader) error
	// odd decides what an error means that concerns one message only; the session goes on if it returns nil.
	odd func(imap.UID, error) error
}

// Envelopes reads the header fields that an envelope is made of, many messages with one command. Received is
// INTERNALDATE, or where the server leaves that out the date of the topmost Received field. Messages that the server lists but gives no header of, and an answer that costs the connection, are a
// *mail.OddAnswer, after everything else was handed over that can be had.
func (s *imapSession) Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) error {
	return s.guarded(ctx, func() error {
		groups, err := byFolder(refs)
		if err != nil {
			return err
		}
		var without *mail.OddAnswer
		for _, g := range groups {
			if err := s.open(ctx, g.folder, g.scope, false); err != nil {
				return err
			}
			err := s.headers(ctx, g, g.uids, headerSink{
				each: func(h imapHeader) error {
					h.envelope.Ref = g.refs[h.uid]
					return each(h.envelope)
				},
				odd: func(uid imap.UID, err error) error {
					if without == nil {
						without = &mail.OddAnswer{Proven: true, Err: err}
					}
					without.Refs = append(without.Refs, g.refs[uid])
					return nil
				},
			})
			if err != nil {
				return err
			}
		}
		if without != nil {
			return without
		}
		return nil
	})
}

// headers gives sink the header of every message of the selected folder that is still there. What a set left out is
// asked for again alone.
func (s *imapSession) headers(ctx context.Context, g *imapGroup, uids []imap.UID, sink headerSink) error {
	for part := range slices.Chunk(uids, chunk) {
		got, broken, lost := s.headerSet(ctx, imap.UIDSetNum(part...))
		var left []mail.Ref
		for _, uid := range part {
			h, ok := got[uid]
			switch {
			case ok:
			case lost != nil:
				left = append(left, g.refs[uid])
				continue
			default:
				var err error
				if h, ok, err = s.headerAgain(ctx, uid); err != nil && s.lost != nil {
					return s.oddAnswer(ctx, []mail.Ref{g.refs[uid]}, mail.Ref{}, err)
				} else if err != nil {
					err = sink.odd(uid, err)
				}
				if err != nil {
					return err
				}
			}
			if !ok {
				continue
			}
			s.link.guard.arm(false)
			err := sink.each(h)
			s.link.guard.arm(true)
			if err != nil {
				return err
			}
		}
		if lost != nil {
			return s.oddAnswer(ctx, left, g.refs[broken], lost)
		}
	}
	return nil
}

// oddAnswer tells which messages a lost session leaves without an answer, the one first in whose answer it broke where
// that can be told. A session that was not lost, or that the caller ended, is nobody's fault.
func (s *imapSession) oddAnswer(ctx context.Context, left []mail.Ref, broken mail.Ref, err error) error {
	if s.lost == nil || ctx.Err() != nil || s.conn.Bye() != "" || len(left) == 0 {
		return err
	}
	if i := slices.Index(left, broken); i > 0 {
		left = slices.Concat(left[i:i+1], left[:i], left[i+1:])
	}
	return &mail.OddAnswer{Refs: left, Proven: len(left) == 1, Cut: byChance(s.conn.Err()), Err: err}
}

// headerAgain asks for one header, first by UID, then by sequence number (see imapDelivery.askAgain). It is false if the
// message is gone; one that is there but cannot be had is an error, because it must not be taken for gone.
func (s *imapSession) headerAgain(ctx context.Context, uid imap.UID) (imapHeader, bool, error) {
	got, _, err := s.headerSet(ctx, imap.UIDSetNum(uid))
	if h, ok := got[uid]; ok || err != nil {
		return h, ok, err
	}
	num, err := s.locate(ctx, uid)
	if num == 0 || err != nil {
		return imapHeader{}, false, err
	}
	got, _, err = s.headerSet(ctx, imap.SeqSetNum(num))
	if h, ok := got[uid]; ok || err != nil {
		return h, ok, err
	}
	return imapHeader{}, false, mail.Errorf(mail.Temporary, "read header of message %s/%d: server lists the message but sends no header",
		s.selected.name, uid)
}

// headerSet asks for the headers of one set. A server that refuses may have answered in part, and so may one whose
// connection is lost: broken is then the message whose answer was begun and not read to its end, 0 if unknown.
func (s *imapSession) headerSet(ctx context.Context, set imap.NumSet) (got map[imap.UID]imapHeader, broken imap.UID, err error) {
	got = map[imap.UID]imapHeader{}
	items := &imap.FetchOptions{
		UID: true, RFC822Size: true, InternalDate: true,
		BodySection: []*imap.FetchItemBodySection{
			{Specifier: imap.PartSpecifierHeader, HeaderFields: mimepart.Fields(), Peek: true},
		},
	}
	err = s.fetch(set, items, func(msg *imapclient.FetchMessageData) error {
		h, err := readIMAPHeader(msg)
		broken = 0
		if !h.whole {
			broken = h.uid
		}
		if err != nil {
			s.end()
		} else if h.whole {
			got[h.uid] = h
		}
		return err
	})
	what := fmt.Sprintf("read headers in folder %q", s.selected.name)
	if e := refusal(err); e != nil && !busy(e) {
		return got, 0, nil
	}
	if err != nil {
		return got, broken, s.failed(ctx, what, err)
	}
	return got, 0, nil
}

// readIMAPHeader reads one FETCH response. Of the header fields only what an envelope keeps stays in memory.
func readIMAPHeader(msg *imapclient.FetchMessageData) (imapHeader, error) {
	var h imapHeader
	size, received := int64(-1), time.Time{}
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			h.uid = item.UID
		case imapclient.FetchItemDataRFC822Size:
			size = item.Size
		case imapclient.FetchItemDataInternalDate:
			received = item.Time
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
			h.envelope, h.whole = mimepart.Envelope(fields), true
		}
	}
	h.envelope.Size = size
	if !received.IsZero() { // otherwise it is what the topmost Received field says, as over POP3
		h.envelope.Received = received
	}
	return h, nil
}
