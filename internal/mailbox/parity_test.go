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

// source is what the ways of reading a message have in common.
type source interface {
	Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) error
	Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error
}

// route is one way that the samples can take.
type route struct {
	name     string
	open     func(t *testing.T) (source, []mail.Ref) // with the samples, in their order
	received func(i int) time.Time                   // of sample i
	size     func(i int) int64
}

// routes are all ways to the same samples: one Dovecot and one mailbox for both protocols, the servers of mailtest with
// and without the optional commands, and kept messages.
func routes(t *testing.T) []route {
	samples := corpus.Samples()
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	server.AddUser(parityUser, parityPassword)
	for i, s := range samples {
		server.Append(parityUser, "INBOX", s.Raw, internalDate(i))
	}
	overTLS := func(protocol string, port int, readOnly bool) mailbox.Options {
		o := options(protocol, port)
		o.Host, o.TLS, o.CAFile, o.ReadOnly = server.Host, mailbox.TLSImplicit, server.CAFile, readOnly
		return o
	}
	topmost := func(i int) time.Time { return header(samples[i].Raw).Received }
	stated := func(i int) int64 { return int64(len(samples[i].Raw)) }
	unknown := func(int) int64 { return -1 }
	return []route{
		{"dovecot imap", session(overTLS(mailbox.ProtocolIMAP, server.IMAPSPort, false)), internalDate, stated},
		{"dovecot pop3", session(overTLS(mailbox.ProtocolPOP3, server.POP3SPort, false)), topmost, stated},
		{"dovecot pop3, dry run", session(overTLS(mailbox.ProtocolPOP3, server.POP3SPort, true)), topmost, stated},
		{"imap", inMemoryIMAP, internalDate, stated},
		{"pop3", inMemoryPOP3("TOP", "UIDL", "USER"), topmost, stated},
		{"pop3 without TOP", inMemoryPOP3("UIDL", "USER"), topmost, stated},
		{"pop3 without UIDL", inMemoryPOP3("TOP", "USER"), topmost, stated},
		{"kept", keptSamples, topmost, unknown},
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
		t.Helper()
		s, err := mailbox.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(false); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		listings, err := s.List(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var refs []mail.Ref
		for _, l := range listings {
			if l.Err != nil || !l.Complete {
				t.Fatalf("folder %q: error %v, incomplete because %q", l.Folder, l.Err, l.Why)
			}
			refs = append(refs, inOrder(t, l.Refs)...)
		}
		return s, refs
	}
}

// inOrder returns the refs of one folder in the order in which its messages came: a listing promises none.
func inOrder(t *testing.T, listed []mail.Listed) []mail.Ref {
	t.Helper()
	number := func(l mail.Listed) uint64 {
		if l.Num > 0 {
			return uint64(l.Num)
		}
		n, err := strconv.ParseUint(l.ID, 10, 32)
		if err != nil {
			t.Fatalf("UID of %+v: %v", l.Ref, err)
		}
		return n
	}
	listed = slices.SortedFunc(slices.Values(listed), func(a, b mail.Listed) int { return cmp.Compare(number(a), number(b)) })
	refs := make([]mail.Ref, len(listed))
	for i, l := range listed {
		refs[i] = l.Ref
	}
	return refs
}

func inMemoryIMAP(t *testing.T) (source, []mail.Ref) {
	t.Helper()
	server := startIMAP(t)
	for i, s := range corpus.Samples() {
		if err := server.Append(parityUser, "INBOX", s.Raw, internalDate(i)); err != nil {
			t.Fatal(err)
		}
	}
	return session(options(mailbox.ProtocolIMAP, port(t, server)))(t)
}

func startIMAP(t *testing.T, folders ...string) *mailtest.IMAP {
	t.Helper()
	server := mailtest.NewIMAP()
	if err := server.AddUser(parityUser, parityPassword, folders...); err != nil {
		t.Fatal(err)
	}
	return server
}

// inMemoryPOP3 serves the samples from a server with just these capabilities.
func inMemoryPOP3(caps ...string) func(t *testing.T) (source, []mail.Ref) {
	return func(t *testing.T) (source, []mail.Ref) {
		t.Helper()
		server := mailtest.NewPOP3(mailtest.POP3Options{Caps: caps})
		drop := server.AddUser(parityUser, parityPassword)
		for _, s := range corpus.Samples() {
			drop.Add(s.Raw)
		}
		return session(options(mailbox.ProtocolPOP3, port(t, server)))(t)
	}
}

// port starts a server, which stops when the test ends.
func port(t *testing.T, server interface {
	Listen() (int, error)
	Close() error
}) int {
	t.Helper()
	n, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("stop server: %v", err)
		}
	})
	return n
}

// shelf is a session for each of many kept messages.
type shelf map[mail.Ref]*mailbox.KeptSession

func keptSamples(*testing.T) (source, []mail.Ref) {
	s, refs := shelf{}, []mail.Ref{}
	for i, sample := range corpus.Samples() {
		ref := mail.Ref{Folder: "INBOX", Scope: "7", ID: strconv.Itoa(i + 1)}
		s[ref] = mailbox.Kept(ref, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sample.Raw)), nil })
		refs = append(refs, ref)
	}
	return s, refs
}

func (s shelf) Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) error {
	return s.forEach(refs, func(k *mailbox.KeptSession, ref mail.Ref) error { return k.Envelopes(ctx, []mail.Ref{ref}, each) })
}

func (s shelf) Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error {
	return s.forEach(refs, func(k *mailbox.KeptSession, ref mail.Ref) error { return k.Fetch(ctx, []mail.Ref{ref}, h) })
}

// forEach finds the session whatever the message's number is.
func (s shelf) forEach(refs []mail.Ref, f func(*mailbox.KeptSession, mail.Ref) error) error {
	for _, ref := range refs {
		known := ref
		known.Num = 0
		if err := f(s[known], ref); err != nil {
			return err
		}
	}
	return nil
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

// taker takes every attachment, or the raw messages, of those messages that it was made for.
type taker struct {
	raw bool
	of  map[mail.Ref]*taken
	odd []string // what contradicts the contract of mail.Handler
}

func newTaker(refs []mail.Ref, raw bool) *taker {
	h := &taker{raw: raw, of: map[mail.Ref]*taken{}}
	for _, ref := range refs {
		h.of[ref] = &taken{}
	}
	return h
}

// message returns what is known of ref, which must be one that was asked for and is not done.
func (h *taker) message(call string, ref mail.Ref) *taken {
	m := h.of[ref]
	if m == nil {
		h.odd = append(h.odd, fmt.Sprintf("%s of %+v, which was not asked for", call, ref))
		return &taken{}
	}
	if m.done > 0 {
		h.odd = append(h.odd, fmt.Sprintf("%s of %+v after Done", call, ref))
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
		h.odd = append(h.odd, fmt.Sprintf("part %s of %+v offered after %d times the root", p.Path, ref, m.root))
	}
	m.parts = append(m.parts, p)
	return p.Attachment
}

func (h *taker) Part(ref mail.Ref, p mail.Part, r io.Reader) error {
	m := h.message("Part", ref)
	if p.IsRoot() {
		var err error
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

// fetch reads the messages and complains of what was not as agreed.
func fetch(t *testing.T, s source, refs []mail.Ref, raw bool) map[mail.Ref]*taken {
	t.Helper()
	h := newTaker(refs, raw)
	if err := s.Fetch(t.Context(), refs, h); err != nil {
		t.Fatalf("fetch: %v", err)
	}
	for _, odd := range h.odd {
		t.Error(odd)
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
	t.Helper()
	got := map[mail.Ref]mail.Envelope{}
	err := s.Envelopes(t.Context(), refs, func(e mail.Envelope) error {
		if _, twice := got[e.Ref]; twice || !slices.Contains(refs, e.Ref) {
			t.Errorf("envelope of %+v: twice %v, asked for %v", e.Ref, twice, slices.Contains(refs, e.Ref))
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
	samples := corpus.Samples()
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
				if m.err != nil || raw.err != nil {
					t.Errorf("%s: done with %v; raw with %v", sample.Name, m.err, raw.err)
				}
				if diff := gocmp.Diff(sample.Want, m.files); diff != "" {
					t.Errorf("%s: %s\nattachments -golden +got:\n%s", sample.Name, sample.Why, diff)
				}
				if !bytes.Equal(raw.raw, sample.Raw) {
					t.Errorf("%s: raw message has %d octets, expected %d, or differs", sample.Name, len(raw.raw), len(sample.Raw))
				}
				if offered[i] == nil {
					offered[i] = m.parts
				}
				if diff := gocmp.Diff(offered[i], m.parts); diff != "" {
					t.Errorf("%s: parts -first route +got:\n%s", sample.Name, diff)
				}
				want := header(sample.Raw)
				want.Ref, want.Size, want.Received = refs[i], r.size(i), r.received(i)
				if diff := gocmp.Diff(want, heads[refs[i]], cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s: envelope -from the whole header +got:\n%s", sample.Name, diff)
				}
			}
		})
	}
}

// TestParitySays keeps TestParity from comparing nothing with nothing.
func TestParitySays(t *testing.T) {
	whole, prints := 0, map[string]bool{}
	for _, s := range corpus.Samples() {
		e := header(s.Raw)
		prints[e.Fingerprint] = true
		if len(e.From) == 1 && e.Subject != "" && e.MessageID != "" && !e.Date.IsZero() && !e.Received.IsZero() {
			whole++
		}
	}
	if n := len(corpus.Samples()); whole < n*9/10 || len(prints) < n*9/10 {
		t.Errorf("of %d samples %d have every field, %d a fingerprint of their own", n, whole, len(prints))
	}
}

// TestRefs: a caller keeps what it knows of messages in maps, so a session names each just as it was asked for,
// in whatever order, and with a number that was another session's.
func TestRefs(t *testing.T) {
	samples := corpus.Samples()
	for _, r := range routes(t) {
		t.Run(r.name, func(t *testing.T) {
			s, refs := r.open(t)
			var ask []mail.Ref
			index := map[mail.Ref]int{}
			for i := len(refs) - 1; i >= 0; i -= 3 {
				ref := refs[i]
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
				if got, want := heads[ref].Fingerprint, header(samples[i].Raw).Fingerprint; got != want {
					t.Errorf("%s: envelope of another message", samples[i].Name)
				}
				if !slices.Equal(messages[ref].files, samples[i].Want) {
					t.Errorf("%s: attachments %+v, expected %+v", samples[i].Name, messages[ref].files, samples[i].Want)
				}
			}
		})
	}
}

// TestRefsUnknown: a message that the server does not have has no envelope, and is done with an error of its own.
func TestRefsUnknown(t *testing.T) {
	for _, r := range routes(t) {
		t.Run(r.name, func(t *testing.T) {
			if r.name == "kept" {
				t.Skip()
			}
			s, refs := r.open(t)
			gone := mail.Ref{Folder: refs[0].Folder, Scope: refs[0].Scope, ID: "4294967000"}
			ask := []mail.Ref{refs[0], gone, refs[1]}
			if heads := envelopes(t, s, ask); len(heads) != 2 {
				t.Errorf("%d envelopes, expected 2", len(heads))
			}
			got := fetch(t, s, ask, true)
			if err := got[gone].err; mail.ClassOf(err) != mail.Message {
				t.Errorf("missing message: %v, expected an error of class message", err)
			}
			for i, ref := range refs[:2] {
				if got[ref].err != nil || !bytes.Equal(got[ref].raw, corpus.Samples()[i].Raw) {
					t.Errorf("message %d beside the missing one: %v, %d octets", i, got[ref].err, len(got[ref].raw))
				}
			}
		})
	}
}

// TestRefsInFolders: the same UID in several folders names several messages.
func TestRefsInFolders(t *testing.T) {
	folders := []string{"INBOX", "INBOX/Прайсы", "Склад & Ко"}
	server := startIMAP(t, folders[1:]...)
	samples, want := corpus.Samples(), map[string][]byte{}
	for i, folder := range folders {
		for uid := 1; uid <= 4; uid++ {
			raw := samples[4*i+uid].Raw
			want[fmt.Sprint(folder, uid)] = raw
			if err := server.Append(parityUser, folder, raw, internalDate(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	o := options(mailbox.ProtocolIMAP, port(t, server))
	o.Folders = folders
	s, refs := session(o)(t)
	if len(refs) != len(want) {
		t.Fatalf("%d messages, expected %d", len(refs), len(want))
	}
	slices.SortFunc(refs, func(a, b mail.Ref) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.Folder, a.Folder)) })
	heads := envelopes(t, s, refs)
	for ref, m := range fetch(t, s, refs, true) {
		raw := want[ref.Folder+ref.ID]
		if m.err != nil || !bytes.Equal(m.raw, raw) || heads[ref].Fingerprint != header(raw).Fingerprint {
			t.Errorf("%s/%s: error %v, another message or none", ref.Folder, ref.ID, m.err)
		}
	}
}
