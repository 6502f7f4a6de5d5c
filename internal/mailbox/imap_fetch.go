package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"pricefetch/internal/mail"
)

// drainable is how much unread content is read away to keep the connection after a handler ended Fetch. Octets.
const drainable = 256 << 10

// imapGroup is what refs name in one folder.
type imapGroup struct {
	folder, scope string
	uids          []imap.UID
	refs          map[imap.UID]mail.Ref
}

// byFolder groups refs, in the order given.
func byFolder(refs []mail.Ref) ([]*imapGroup, error) {
	var groups []*imapGroup
	for _, ref := range refs {
		uid, err := parseUID(ref)
		if err != nil {
			return nil, err
		}
		var g *imapGroup
		for _, known := range groups {
			if known.folder == ref.Folder && known.scope == ref.Scope {
				g = known
			}
		}
		if g == nil {
			g = &imapGroup{folder: ref.Folder, scope: ref.Scope, refs: map[imap.UID]mail.Ref{}}
			groups = append(groups, g)
		}
		g.uids = append(g.uids, uid)
		g.refs[uid] = ref
	}
	return groups, nil
}

func parseUID(ref mail.Ref) (imap.UID, error) {
	n, err := strconv.ParseUint(ref.ID, 10, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("read message %s: %q is no UID", name(ref), ref.ID)
	}
	return imap.UID(n), nil
}

// fetch sends one FETCH or UID FETCH and calls f for each message that it answers for, in the order of arrival. It
// returns f's error, after what is left of the answer was read, or else the client's. f may drop the connection.
func (s *imapSession) fetch(set imap.NumSet, items *imap.FetchOptions, f func(*imapclient.FetchMessageData) error) error {
	cmd := s.client.Fetch(set, items)
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		if err := f(msg); err != nil {
			_ = cmd.Close() // err comes first
			return err
		}
	}
	return cmd.Close()
}

// Fetch streams the messages through h, whole (BODY.PEEK[]) and in the order in which the server sends them. What the
// server did not answer for is asked for once more alone. If h ends Fetch, a little unread content is read away;
// otherwise, or if other messages are still on their way, the connection is given up and every later call fails.
func (s *imapSession) Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error {
	err := s.guarded(ctx, func() error {
		groups, err := byFolder(refs)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := s.fetchGroup(ctx, g, h); err != nil {
				return err
			}
		}
		return nil
	})
	if a, ok := errors.AsType[*abort](err); ok {
		return a.err
	}
	return err
}

func (s *imapSession) fetchGroup(ctx context.Context, g *imapGroup, h mail.Handler) error {
	if err := s.open(ctx, g.folder, g.scope, false); err != nil {
		return err
	}
	d := &imapDelivery{s: s, h: h, folder: g.folder, waiting: g.refs}
	if _, err := d.ask(ctx, imap.UIDSetNum(g.uids...), nil); err != nil {
		return err
	}
	for _, uid := range g.uids {
		if ref, ok := d.waiting[uid]; ok {
			if err := d.askAgain(ctx, uid, ref); err != nil {
				return err
			}
		}
	}
	return nil
}

// imapDelivery hands the messages of one folder to a handler.
type imapDelivery struct {
	s       *imapSession
	h       mail.Handler
	folder  string
	waiting map[imap.UID]mail.Ref // no Done yet
}

// ask sends one FETCH for set. only is the message that a set of sequence numbers means. A refusal of the server is
// returned apart: some refuse a whole set for one message after having sent the others.
func (d *imapDelivery) ask(ctx context.Context, set imap.NumSet, only *mail.Ref) (*imap.Error, error) {
	items := &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}}
	err := d.s.fetch(set, items, func(msg *imapclient.FetchMessageData) error { return d.message(ctx, msg, only) })
	what := fmt.Sprintf("fetch from folder %q", d.folder)
	switch e := refusal(err); {
	case err == nil:
		return nil, nil
	case isOurs(err):
		return nil, err
	case e != nil && busy(e):
		return nil, refused(mail.Temporary, what, e)
	case e != nil:
		return e, nil
	default:
		return nil, d.s.broken(ctx, what, err)
	}
}

// askAgain asks for one message that a set left out: by UID, because an unsolicited FETCH may have been taken for the
// answer, then by sequence number, because some servers send the UID after the content.
func (d *imapDelivery) askAgain(ctx context.Context, uid imap.UID, ref mail.Ref) error {
	no, err := d.ask(ctx, imap.UIDSetNum(uid), nil)
	if _, left := d.waiting[uid]; err != nil || !left {
		return err
	}
	num, err := d.s.locate(ctx, uid)
	if err != nil {
		return err
	}
	if num == 0 {
		return d.done(uid, ref, mail.Errorf(mail.Message, "fetch message %s: the server no longer offers it", name(ref)))
	}
	again, err := d.ask(ctx, imap.SeqSetNum(num), &ref)
	if _, left := d.waiting[uid]; err != nil || !left {
		return err
	}
	what := "fetch message " + name(ref)
	for _, e := range []*imap.Error{no, again} {
		if e != nil {
			return d.done(uid, ref, refused(mail.Message, what, e))
		}
	}
	return d.done(uid, ref, mail.Errorf(mail.Message, "%s: the server lists it but sends no content", what))
}

// locate returns the sequence number of a message; 0 if the folder no longer has it.
func (s *imapSession) locate(ctx context.Context, uid imap.UID) (uint32, error) {
	data, err := s.client.Search(&imap.SearchCriteria{UID: []imap.UIDSet{imap.UIDSetNum(uid)}}, nil).Wait()
	what := fmt.Sprintf("look for UID %d in folder %q", uid, s.selected.name)
	if err != nil {
		return 0, s.failed(ctx, what, err)
	}
	set, _ := data.All.(imap.SeqSet)
	if len(set) == 0 {
		return 0, nil
	}
	if set[0].Start == 0 {
		return 0, mail.Errorf(mail.Temporary, "%s: server answers with message number 0", what)
	}
	return set[0].Start, nil
}

// message hands over one FETCH response. Without content it leaves the message waiting.
func (d *imapDelivery) message(ctx context.Context, msg *imapclient.FetchMessageData, only *mail.Ref) error {
	var uid imap.UID
	var ref mail.Ref
	if only != nil {
		ref = *only
	}
	var content *imapContent
	var err error
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			uid = item.UID
			if only == nil {
				ref = d.waiting[uid]
			}
		case imapclient.FetchItemDataBodySection:
			if content != nil || !isWhole(item.Section) || item.Literal == nil || item.Literal.Size() == 0 || ref.ID == "" {
				continue
			}
			content = &imapContent{r: item.Literal, size: item.Literal.Size(), guard: d.s.link.guard}
			if err = d.content(ctx, ref, content); isOurs(err) || d.s.lost != nil {
				return err
			}
		}
	}
	if content == nil {
		return nil
	}
	if want, _ := parseUID(ref); want != uid {
		err = mail.Errorf(mail.Message, "fetch message %s: the server answered with UID %d", name(ref), uid)
		uid = want
	}
	return d.done(uid, ref, err)
}

// isWhole tells the section BODY[] from others.
func isWhole(sec *imap.FetchItemBodySection) bool {
	return sec.Specifier == imap.PartSpecifierNone && len(sec.Part) == 0 && sec.Partial == nil
}

// content streams one message. An error of class Message is for Done; *abort is the handler's; any other has cost the
// connection.
func (d *imapDelivery) content(ctx context.Context, ref mail.Ref, c *imapContent) error {
	if limit := d.s.o.most(d.h, ref); limit > 0 && c.size > limit {
		return d.tooLarge(ref, c.size, limit)
	}
	d.s.link.guard.arm(false)
	_, err := deliver(ref, c, d.h, d.s.o.SpoolDir)
	d.s.link.guard.arm(true)
	a, ended := errors.AsType[*abort](err)
	switch {
	case ended && c.err == nil:
		if c.size-c.got > drainable || len(d.waiting) > 1 {
			d.s.drop()
		}
		return a
	case c.err != nil:
		err = d.s.broken(ctx, "fetch message "+name(ref), err)
		d.s.end()
		return &abort{err}
	default:
		return err
	}
}

// tooLarge ends a message that was announced longer than allowed, and the session with it: to read on, all of it would
// have to be read away.
func (d *imapDelivery) tooLarge(ref mail.Ref, size, limit int64) error {
	err := mail.Errorf(mail.Message, "fetch message %s: server sends %d bytes, %d are allowed: %w", name(ref), size, limit, mail.ErrTooLarge)
	uid, _ := parseUID(ref)
	if herr := d.done(uid, ref, err); herr != nil {
		return herr
	}
	d.s.drop()
	return &abort{mail.Errorf(mail.Temporary, "fetch from folder %q: gave the connection up in a message that is too large", d.folder)}
}

// done ends one message. If the handler ends Fetch while others are on their way, the connection is given up.
func (d *imapDelivery) done(uid imap.UID, ref mail.Ref, err error) error {
	delete(d.waiting, uid)
	d.s.link.guard.arm(false)
	defer d.s.link.guard.arm(true)
	if err := d.h.Done(ref, err); err != nil {
		if len(d.waiting) > 0 {
			d.s.drop()
		}
		return &abort{err}
	}
	return nil
}

// isOurs reports whether err ends Fetch as it is: the handler's, or one that was explained already.
func isOurs(err error) bool {
	_, ok := errors.AsType[*abort](err)
	return ok
}

// imapContent reads a literal and knows when it was cut: the library then says io.EOF. Only while it reads does the
// server's silence count, not while a handler is busy.
type imapContent struct {
	r         io.Reader
	size, got int64
	err       error // not io.EOF: the connection broke
	guard     *guard
}

func (c *imapContent) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	c.guard.arm(true)
	defer c.guard.arm(false)
	n, err := c.r.Read(p)
	c.got += int64(n)
	if err == io.EOF && c.got < c.size {
		err = fmt.Errorf("content was cut after %d of %d bytes: %w", c.got, c.size, io.ErrUnexpectedEOF)
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}
