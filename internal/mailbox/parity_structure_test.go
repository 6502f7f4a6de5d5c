package mailbox_test

import (
	"context"
	"slices"
	"testing"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailbox"
	"pricefetch/internal/mailtest"
)

// unheard are the samples of which a server's word may pass for sure and be wrong: it cannot be told from a right one.
var unheard = map[string]string{
	"name-first-wins":         "of a parameter that comes twice the server tells the other",
	"param-repeated-cyrillic": "of a parameter that comes twice the server tells the other",
	"raw-declared":            "the charset that another part declares does not help to read a raw name of two letters",
	"uu-mixed":                "text beside a file that is attached is not looked into",
}

// TestStructuresParity: where a real server's word on a message passes for sure, it names the attachments that are found
// by reading the message.
func TestStructuresParity(t *testing.T) {
	samples := letters()
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	server.AddUser(parityUser, parityPassword)
	for i, s := range samples {
		server.Append(parityUser, "INBOX", s.Raw, internalDate(i))
	}
	o := options(mailbox.ProtocolIMAP, server.IMAPSPort)
	o.Host, o.TLS, o.CAFile, o.ReadOnly = server.Host, mailbox.TLSImplicit, server.CAFile, true
	told, refs := structures(t, o)
	sure := 0
	for i, sample := range samples {
		m := told[refs[i]]
		if !m.Sure {
			continue
		}
		sure++
		var got, want []string
		for _, p := range m.Parts {
			if p.Attachment {
				got = append(got, p.Name)
			}
		}
		for _, a := range sample.Want {
			want = append(want, a.Name)
		}
		if !slices.Equal(got, want) && unheard[sample.Name] == "" {
			t.Errorf("%s (%s): told %q, it has %q", sample.Name, sample.Why, got, want)
		}
	}
	if sure < len(samples)/2 {
		t.Errorf("sure of %d messages of %d only: the others would have to be read", sure, len(samples))
	}
}

// teller is a session that tells of messages without reading them.
type teller interface {
	Structures(ctx context.Context, refs []mail.Ref, each func(mail.Structure) error) error
}

// structures asks for all messages. One whose structure cannot be read costs the session, and the others are asked for in
// a new one.
func structures(t *testing.T, o mailbox.Options) (told map[mail.Ref]mail.Structure, refs []mail.Ref) {
	told = map[mail.Ref]mail.Structure{}
	s, refs := session(o)(t)
	for left := slices.Clone(refs); len(left) > 0; left = left[1:] {
		err := s.(teller).Structures(t.Context(), left, func(m mail.Structure) error { told[m.Ref] = m; return nil })
		if err == nil {
			break
		}
		if left = slices.DeleteFunc(left, func(ref mail.Ref) bool { _, ok := told[ref]; return ok }); len(left) == 0 {
			break
		}
		s, _ = session(o)(t)
	}
	return told, refs
}
