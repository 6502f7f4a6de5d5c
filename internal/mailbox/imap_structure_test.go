package mailbox

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

// named gathers the names that are told, by UID.
func named(into map[string][]string) func(mail.Structure) error {
	return func(m mail.Structure) error {
		names := []string{}
		for _, p := range m.Parts {
			if p.Named {
				names = append(names, p.Name)
			}
		}
		into[m.Ref.ID] = names
		return nil
	}
}

// A real server tells the names that the messages themselves tell, and no message is marked for it.
func TestIMAPDovecotStructures(t *testing.T) {
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	server.AddUser("joe", "s3cret")
	inner := "Content-Type: application/x; name=\"in.zip\"\r\nContent-Disposition: attachment\r\n\r\nz"
	letters := []string{
		"Subject: plain\r\n\r\nno attachment\r\n",
		string(mailtest.Message(mailtest.MessageOptions{From: "a@b.ru", Subject: "x", Files: []mailtest.Attachment{
			{Name: "Прайс «ноябрь».xls", Content: []byte("1")}, {Name: strings.Repeat("длинное имя ", 8) + ".csv", Content: []byte("2")}}})),
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + "\r\n--b--\r\n",
	}
	for _, raw := range letters {
		server.Append("joe", "INBOX", []byte(raw), received)
	}
	before := server.Messages("joe", "INBOX")
	o := dovecotOptions(server)
	s := openedIMAP(t, o)
	_, refs := listAllRefs(t, s, nil)
	got := map[string][]string{}
	gone := refs[0]
	gone.ID = "4000000"
	if err := s.Structures(t.Context(), append(refs, gone), named(got)); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(letters) {
		t.Fatalf("told of %d messages: %v", len(got), got)
	}
	for _, ref := range refs {
		h := &rawTaker{}
		if err := s.Fetch(t.Context(), []mail.Ref{ref}, &partNames{rawTaker: h, got: got[ref.ID], t: t}); err != nil {
			t.Fatal(err)
		}
	}
	if after := server.Messages("joe", "INBOX"); len(after) != len(before) || !slices.EqualFunc(before, after, func(a, b mailtest.Info) bool { return slices.Equal(a.Flags, b.Flags) }) {
		t.Errorf("before %+v, after %+v", before, after)
	}
	stop := errors.New("stop")
	if err := s.Structures(t.Context(), refs, func(mail.Structure) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error comes back as %v", err)
	}
}

// partNames compares the names of a message's parts with those that were told.
type partNames struct {
	*rawTaker
	got, want []string
	t         *testing.T
}

func (h *partNames) Want(ref mail.Ref, p mail.Part) bool {
	if p.Attachment {
		h.want = append(h.want, p.Name)
	}
	return h.rawTaker.Want(ref, p)
}

func (h *partNames) Done(ref mail.Ref, err error) error {
	if !slices.Equal(h.got, h.want) {
		h.t.Errorf("message %s: told %q, it has %q", ref.ID, h.got, h.want)
	}
	return h.rawTaker.Done(ref, err)
}

// Odd servers tell less, or cost the connection; what was told before is not lost sight of, and nobody is stuck.
func TestIMAPStructuresOdd(t *testing.T) {
	const ask = "C: UID FETCH 3,5 (\n"
	part := `("APPLICATION" "X" ("NAME" "a.xls") NIL NIL "7BIT" 3 NIL ("ATTACHMENT" ("FILENAME" "a.xls")) NIL NIL)`
	for _, c := range []struct{ name, answer, words, want string }{
		{"one is left out", "S: * 1 FETCH (UID 3 BODYSTRUCTURE " + part + ")\nS: T OK done\n", "", "3 a.xls"},
		{"another's", "S: * 1 FETCH (UID 9 BODYSTRUCTURE " + part + ")\nS: T OK done\n", "", ""},
		{"no structure", "S: * 1 FETCH (UID 3)\nS: T OK done\n", "", ""},
		{"refused", "S: T NO what for\n", "what for", ""},
		{"cannot be read", "S: * 1 FETCH (UID 3 BODYSTRUCTURE ((((x)\nX:\n", "read structures", ""},
		{"cut behind the first", "S: * 1 FETCH (UID 3 BODYSTRUCTURE " + part + ")\nS: * 2 FETCH (UID 5 BODYSTRUCTURE (\nX:\n", "read structures", "3 a.xls"},
		{"cut", "S: * 1 FETCH (UID 3 BODYSTRUCTURE (\nX:\n", "read structures", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openedIMAP(t, scriptedIMAP(t, welcome()+examine("EXAMINE", 2, 10)+ask+c.answer))
			got := map[string][]string{}
			refs := []mail.Ref{{Folder: "INBOX", Scope: "7", ID: "3"}, {Folder: "INBOX", Scope: "7", ID: "5"}}
			err := s.Structures(t.Context(), refs, named(got))
			if c.words != "" {
				contains(t, err, c.words)
			} else if err != nil {
				t.Error(err)
			}
			told := ""
			for id, names := range got {
				told += id + " " + strings.Join(names, " ")
			}
			if told != c.want {
				t.Errorf("told %q, want %q", told, c.want)
			}
		})
	}
}
