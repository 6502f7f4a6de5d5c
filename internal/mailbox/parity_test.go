package mailbox_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailbox"
	"pricefetch/internal/mailtest"
	"pricefetch/internal/mailtest/corpus"
	"pricefetch/internal/mimepart"
)

const parityUser, parityPassword = "склад@example.ru", "пароль"

// letters are the samples, and headers that a server may write anew or that only some of their fields tell apart.
func letters() []corpus.Sample {
	all := corpus.Samples()
	for i, fields := range []string{
		"From: a@a.ru\r\nSubject: no id\r\nDate: Mon, 16 Nov 2026 09:30:58 +0300\r\n",
		"From: a@a.ru\r\nSubject: no date\r\nMessage-ID: <2@a.ru>\r\n",
		"from: a@a.ru\r\nFROM: b@a.ru\r\nsubject : first\r\nSubject: second\r\nMessage-Id: <3@a.ru>\r\nMESSAGE-ID: <4@a.ru>\r\n",
		"From: =?utf-8?B?0J/RgNCw0LnRgQ==?=\r\n\t <a@a.ru>,\r\n Склад: b@a.ru, c@a.ru;\r\nSubject:\r\n  \xcf\xf0\xe0\xe9\xf1\t x\r\nMessage-ID:\r\n <5@a.ru>\r\nDate: \r\n",
	} {
		raw := "Received: from x by y; Mon, 16 Nov 2026 09:31:07 +0300\r\nReceived: from w by x; Sun, 1 Nov 2026 01:00:00 +0000\r\n" + fields + "\r\ntext\r\n"
		all = append(all, corpus.Sample{Name: fmt.Sprint("header ", i+1), Raw: []byte(raw)})
	}
	return all
}

// source is what the ways of reading a message have in common.
type source interface {
	Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) error
	Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error
}

// route is one way that the samples can take.
type route struct {
	name     string
	open     func(t *testing.T) (source, []mail.Ref) // with the samples, in their order
	kept     bool                                    // no server stated a size
	internal bool                                    // Received is internalDate, not the topmost Received field
	withheld []string                                // samples that the server lists and does not give
}

// routes are all ways to the same samples: kept messages, one Dovecot with one mailbox for both protocols, and the
// servers of mailtest with and without the optional commands.
func routes(t *testing.T) []route {
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	server.AddUser(parityUser, parityPassword)
	for i, s := range letters() {
		server.Append(parityUser, "INBOX", s.Raw, internalDate(i))
	}
	overTLS := func(protocol string, port int, readOnly bool) mailbox.Options {
		o := options(protocol, port)
		o.Host, o.TLS, o.CAFile, o.ReadOnly = server.Host, mailbox.TLSImplicit, server.CAFile, readOnly
		return o
	}
	return []route{
		{name: "kept", open: keptSamples, kept: true},
		{name: "dovecot imap", open: session(overTLS(mailbox.ProtocolIMAP, server.IMAPSPort, false)), internal: true},
		{name: "dovecot pop3", open: session(overTLS(mailbox.ProtocolPOP3, server.POP3SPort, false))},
		{name: "dovecot pop3, dry run", open: session(overTLS(mailbox.ProtocolPOP3, server.POP3SPort, true))},
		// The library's server gives nothing of a message with a line in its header that is no field.
		{name: "imap", open: inMemoryIMAP, internal: true, withheld: []string{"bad-header-line", "from-line"}},
		{name: "pop3", open: inMemoryPOP3("TOP", "UIDL", "USER")},
		{name: "pop3 without TOP", open: inMemoryPOP3("UIDL", "USER")},
		{name: "pop3 without UIDL", open: inMemoryPOP3("TOP", "USER")},
	}
}

// internalDate is when an IMAP server received sample i: not what the message itself says.
func internalDate(i int) time.Time {
	return time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute)
}

func options(protocol string, port int) mailbox.Options {
	return mailbox.Options{
		Protocol: protocol, Host: "127.0.0.1", Port: port, TLS: mailbox.TLSNone, Username: parityUser,
		Password: func(context.Context) (string, error) { return parityPassword, nil }, Timeout: 20 * time.Second,
	}
}

// session opens a mailbox and lists it.
func session(o mailbox.Options) func(t *testing.T) (source, []mail.Ref) {
	return func(t *testing.T) (source, []mail.Ref) {
		s, err := mailbox.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close(false) }) // nothing depends on it
		listings, err := s.List(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var refs []mail.Ref
		for _, l := range listings {
			if l.Err != nil || !l.Complete {
				t.Fatalf("folder %q: error %v, incomplete because %q", l.Folder, l.Err, l.Why)
			}
			for _, r := range l.Refs {
				refs = append(refs, r.Ref)
			}
		}
		slices.SortFunc(refs, func(a, b mail.Ref) int { // a listing promises no order; UIDs are decimal
			return cmp.Or(cmp.Compare(a.Num, b.Num), cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Folder, b.Folder))
		})
		return s, refs
	}
}

// inMemoryIMAP deals the samples out to several folders: a UID occurs in each, and they are asked for by turns.
func inMemoryIMAP(t *testing.T) (source, []mail.Ref) {
	folders := []string{"INBOX", "INBOX/Прайсы", "Склад & Ко"}
	server := mailtest.NewIMAP()
	if err := server.AddUser(parityUser, parityPassword, folders[1:]...); err != nil {
		t.Fatal(err)
	}
	for i, s := range letters() {
		if err := server.Append(parityUser, folders[i%len(folders)], s.Raw, internalDate(i)); err != nil {
			t.Fatal(err)
		}
	}
	o := options(mailbox.ProtocolIMAP, port(t, server.Listen, server.Close))
	o.Folders = folders
	return session(o)(t)
}

// inMemoryPOP3 serves the samples from a server with just these capabilities.
func inMemoryPOP3(caps ...string) func(t *testing.T) (source, []mail.Ref) {
	return func(t *testing.T) (source, []mail.Ref) {
		server := mailtest.NewPOP3(mailtest.POP3Options{Caps: caps})
		drop := server.AddUser(parityUser, parityPassword)
		for _, s := range letters() {
			drop.Add(s.Raw)
		}
		return session(options(mailbox.ProtocolPOP3, port(t, server.Listen, server.Close)))(t)
	}
}

// port starts a server, which stops when the test ends.
func port(t *testing.T, listen func() (int, error), stop func() error) int {
	n, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() }) // nothing depends on it
	return n
}

// shelf is a session for each of many kept messages.
type shelf map[mail.Ref]*mailbox.KeptSession

func keptSamples(*testing.T) (source, []mail.Ref) {
	s, refs := shelf{}, []mail.Ref{}
	for i, sample := range letters() {
		ref := mail.Ref{Folder: "INBOX", Scope: "7", ID: strconv.Itoa(i + 1)}
		s[ref] = mailbox.Kept(ref, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sample.Raw)), nil })
		refs = append(refs, ref)
	}
	return s, refs
}

func (s shelf) Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) (err error) {
	for _, ref := range refs {
		err = errors.Join(err, s.of(ref).Envelopes(ctx, []mail.Ref{ref}, each))
	}
	return err
}

func (s shelf) Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) (err error) {
	for _, ref := range refs {
		err = errors.Join(err, s.of(ref).Fetch(ctx, []mail.Ref{ref}, h))
	}
	return err
}

// of finds the session by what identifies the message; one that none serves is put to any of them.
func (s shelf) of(ref mail.Ref) *mailbox.KeptSession {
	if k := s[mail.Ref{Folder: ref.Folder, Scope: ref.Scope, ID: ref.ID}]; k != nil {
		return k
	}
	return s[mail.Ref{Folder: "INBOX", Scope: "7", ID: "1"}]
}

// header is the envelope that the whole header of a message gives.
func header(raw []byte) mail.Envelope {
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	return mimepart.Envelope(append(slices.Clip(head), "\r\n\r\n"...))
}

// taken is what came of one message.
type taken struct {
	parts []mail.Part         // as they were offered, without the root
	files []corpus.Attachment // taken
	raw   []byte
	root  int // how often the root was offered
	done  int
	err   error
}

// taker takes every attachment, or the raw messages, of those messages that it was made for, and holds the session
// against the contract of mail.Handler.
type taker struct {
	t   *testing.T
	raw bool
	of  map[mail.Ref]*taken
}

// message returns what is known of ref, which must be one that was asked for and is not done.
func (h *taker) message(call string, ref mail.Ref) *taken {
	m := h.of[ref]
	if m == nil || m.done > 0 {
		h.t.Errorf("%s of %+v, which was not asked for or is done", call, ref)
		return &taken{}
	}
	return m
}

func (h *taker) Want(ref mail.Ref, p mail.Part) bool {
	m := h.message("Want", ref)
	if p.IsRoot() {
		m.root++
		return h.raw
	}
	if m.root != 1 || h.raw {
		h.t.Errorf("part %s of %+v offered after %d times the root", p.Path, ref, m.root)
	}
	m.parts = append(m.parts, p)
	return p.Attachment
}

func (h *taker) Part(ref mail.Ref, p mail.Part, r io.Reader) (err error) {
	m := h.message("Part", ref)
	if p.IsRoot() {
		m.raw, err = io.ReadAll(r)
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	a := corpus.Attachment{Path: p.Path, Name: p.Name, Type: p.Type, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}
	if errors.Is(err, mail.ErrDamaged) {
		a.Size, a.SHA256, err = -1, "", nil
	}
	m.files = append(m.files, a)
	return err
}

func (h *taker) Done(ref mail.Ref, err error) error {
	m := h.message("Done", ref)
	m.done, m.err = m.done+1, err
	return nil
}

// fetch reads messages, each of which must be done with once.
func fetch(t *testing.T, s source, refs []mail.Ref, raw bool) map[mail.Ref]*taken {
	t.Helper()
	h := &taker{t: t, raw: raw, of: map[mail.Ref]*taken{}}
	for _, ref := range refs {
		h.of[ref] = &taken{}
	}
	if err := s.Fetch(t.Context(), refs, h); err != nil {
		t.Fatalf("fetch: %v", err)
	}
	for ref, m := range h.of {
		if m.done != 1 {
			t.Errorf("%+v: %d times Done, expected 1", ref, m.done)
		}
	}
	return h.of
}

// envelopes reads headers, each under a ref that was asked for.
func envelopes(t *testing.T, s source, refs []mail.Ref) map[mail.Ref]mail.Envelope {
	got := map[mail.Ref]mail.Envelope{}
	err := s.Envelopes(t.Context(), refs, func(e mail.Envelope) error {
		if _, twice := got[e.Ref]; twice || !slices.Contains(refs, e.Ref) {
			t.Errorf("envelope of %+v, which was not asked for, or comes twice", e.Ref)
		}
		got[e.Ref] = e
		return nil
	})
	if err != nil {
		t.Fatalf("envelopes: %v", err)
	}
	return got
}

// TestParity: every sample gives the same attachments, the same parts and the same envelope by whatever way it comes.
func TestParity(t *testing.T) {
	samples := letters()
	offered := make([][]mail.Part, len(samples)) // by the first route
	for _, r := range routes(t) {
		t.Run(r.name, func(t *testing.T) {
			s, refs := r.open(t)
			if len(refs) != len(samples) {
				t.Fatalf("%d messages, expected %d", len(refs), len(samples))
			}
			heads, messages, raws := envelopes(t, s, refs), fetch(t, s, refs, false), fetch(t, s, refs, true)
			for i, sample := range samples {
				m, raw := messages[refs[i]], raws[refs[i]]
				if slices.Contains(r.withheld, sample.Name) {
					refused(t, sample.Name, m, raw)
					continue
				}
				if m.err != nil || raw.err != nil || !bytes.Equal(raw.raw, sample.Raw) {
					t.Errorf("%s: done with %v; raw with %v: %d octets of %d", sample.Name, m.err, raw.err, len(raw.raw), len(sample.Raw))
				}
				same(t, sample.Name+", attachments ("+sample.Why+")", sample.Want, m.files)
				if offered[i] == nil {
					offered[i] = m.parts
				}
				same(t, sample.Name+", parts", offered[i], m.parts)
				want := header(sample.Raw)
				if want.Ref = refs[i]; len(want.From) == 0 {
					t.Errorf("%s: has no header to compare", sample.Name)
				}
				if !r.kept {
					want.Size = int64(len(sample.Raw))
				}
				if r.internal {
					want.Received = internalDate(i)
				}
				same(t, sample.Name+", envelope", want, heads[refs[i]])
			}
			t.Run("refs as asked", func(t *testing.T) { refsAsAsked(t, r, s, refs) })
			t.Run("missing message", func(t *testing.T) { missingMessage(t, s, refs) })
		})
	}
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s -want +got:\n%s", what, diff)
	}
}

// refused: a message that the server does not give is done with an error of its own, and nothing is made up for it.
func refused(t *testing.T, name string, ways ...*taken) {
	for _, m := range ways {
		if mail.ClassOf(m.err) != mail.Message || len(m.parts) > 0 || m.raw != nil {
			t.Errorf("%s: the server withholds it, and it is done with %v, %d parts, %d octets", name, m.err, len(m.parts), len(m.raw))
		}
	}
}

// refsAsAsked: a caller keeps what it knows of messages in maps, so a session names each just as it was asked for, in
// whatever order, and with a number that was another session's.
func refsAsAsked(t *testing.T, r route, s source, refs []mail.Ref) {
	samples, ask, index := letters(), []mail.Ref{}, map[mail.Ref]int{}
	for i := len(refs) - 1; i >= 0; i -= 3 {
		ref := refs[i]
		if slices.Contains(r.withheld, samples[i].Name) {
			continue
		}
		if ref.ID != "" {
			ref.Num = uint32(1 + (i+5)%len(refs)) // another message's
		}
		ask, index[ref] = append(ask, ref), i
	}
	heads, messages := envelopes(t, s, ask), fetch(t, s, ask, false)
	if len(heads) != len(ask) {
		t.Errorf("%d envelopes, expected %d", len(heads), len(ask))
	}
	for ref, i := range index {
		if heads[ref].Fingerprint != header(samples[i].Raw).Fingerprint || !slices.Equal(messages[ref].files, samples[i].Want) {
			t.Errorf("%s: envelope %+v and attachments %+v are another message's", samples[i].Name, heads[ref], messages[ref].files)
		}
	}
}

// missingMessage: one that the server does not have has no envelope, and an error of its own; the others go on.
func missingMessage(t *testing.T, s source, refs []mail.Ref) {
	gone := mail.Ref{Folder: refs[2].Folder, Scope: refs[2].Scope, ID: "4294967000"}
	ask := []mail.Ref{refs[2], gone, refs[3]}
	heads, got := envelopes(t, s, ask), fetch(t, s, ask, true)
	if len(heads) != 2 {
		t.Errorf("%d envelopes, expected 2", len(heads))
	}
	refused(t, "missing message", got[gone])
	for i := 2; i <= 3; i++ {
		if m := got[refs[i]]; m.err != nil || !bytes.Equal(m.raw, letters()[i].Raw) {
			t.Errorf("message %d beside the missing one: %v, %d octets", i, m.err, len(m.raw))
		}
	}
}
