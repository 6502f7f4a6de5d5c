package mailbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
	"pricefetch/internal/mimepart"
)

// dovecotOptions are options for joe on a real server, by implicit TLS.
func dovecotOptions(s *mailtest.Server) Options {
	return Options{
		Protocol: ProtocolIMAP, Host: s.Host, Port: s.IMAPSPort, TLS: TLSImplicit, CAFile: s.CAFile, Username: "joe",
		Password: func(context.Context) (string, error) { return "s3cret", nil }, Delete: DeleteAuto,
	}
}

var received = time.Date(2026, 1, 5, 7, 0, 1, 0, time.UTC)

func TestIMAPDovecotLogin(t *testing.T) {
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{RequireTLS: true})
	server.AddUser("joe", "s3cret")
	server.AddUser("Иван", `па"роль\ {5}`)
	for _, c := range []struct {
		name  string
		set   func(*Options)
		class mail.Class
		words string // of the error; "": none
	}{
		{"implicit", func(*Options) {}, 0, ""},
		{"STARTTLS", func(o *Options) { o.TLS, o.Port = TLSStart, server.IMAPPort }, 0, ""},
		{"fingerprint", func(o *Options) { o.CAFile, o.Fingerprint = "", server.Fingerprint }, 0, ""},
		{"Cyrillic credentials", func(o *Options) {
			o.Username, o.Password = "Иван", func(context.Context) (string, error) { return `па"роль\ {5}`, nil }
		}, 0, ""},
		{"in the clear, refused", func(o *Options) { o.TLS, o.Port = TLSNone, server.IMAPPort }, mail.Auth, "in the clear"},
		{"wrong password", func(o *Options) {
			o.Password = func(context.Context) (string, error) { return "wrong", nil }
		}, mail.Auth, "AUTHENTICATIONFAILED"},
		{"unknown authority", func(o *Options) { o.CAFile = "" }, mail.Temporary, "set ca_file, or fingerprint"},
		{"TLS on the plain port", func(o *Options) { o.Port = server.IMAPPort }, mail.Temporary, "tls: starttls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := dovecotOptions(server)
			c.set(&o)
			s, err := Open(t.Context(), o)
			if err == nil {
				if _, err = s.List(t.Context(), nil); err != nil {
					t.Errorf("list: %v", err)
				}
				s.Close(true)
			}
			if c.words != "" {
				contains(t, err, c.words)
				if mail.ClassOf(err) != c.class {
					t.Errorf("class %v, want %v", mail.ClassOf(err), c.class)
				}
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// stocked is a server with mail in folders of every kind of name.
func stocked(t *testing.T, o mailtest.DovecotOptions) (*mailtest.Server, []string) {
	t.Helper()
	server := mailtest.Dovecot(t, o)
	server.AddUser("joe", "s3cret")
	folders := []string{"INBOX", "Прайсы", `Склад & "Ко"/остатки`}
	for _, folder := range folders {
		for n := 1; n <= 3; n++ {
			server.Append("joe", folder, []byte(rawMessage(n)), received, []string{`\Seen`, `\Flagged`, `\Deleted`}[n-1])
		}
	}
	return server, folders
}

// listAllRefs lists everything.
func listAllRefs(t *testing.T, s *imapSession, prev []mail.Cursor) ([]mail.Listing, []mail.Ref) {
	t.Helper()
	listings, err := s.List(t.Context(), prev)
	if err != nil {
		t.Fatal(err)
	}
	var refs []mail.Ref
	for _, l := range listings {
		if l.Err != nil || !l.Complete {
			t.Errorf("%+v", l)
		}
		for _, r := range l.Refs {
			refs = append(refs, r.Ref)
		}
	}
	return listings, refs
}

func TestIMAPDovecotReads(t *testing.T) {
	server, folders := stocked(t, mailtest.DovecotOptions{})
	before := map[string][]mailtest.Info{}
	for _, f := range folders {
		before[f] = server.Messages("joe", f)
	}
	o := dovecotOptions(server)
	o.Folders = append(folders, "Нет такой")
	s := openedIMAP(t, o)
	listings, err := s.List(t.Context(), nil)
	if err != nil || len(listings) != 4 {
		t.Fatalf("%+v, %v", listings, err)
	}
	contains(t, listings[3].Err, `"Нет такой"`)
	var refs []mail.Ref
	for _, l := range listings[:3] {
		for i, r := range l.Refs {
			refs = append(refs, r.Ref)
			if info := before[l.Folder][i]; fmt.Sprint(info.UID) != r.ID || info.Size != r.Size {
				t.Errorf("%+v, the server has %+v", r, info)
			}
		}
	}
	if len(refs) != 9 {
		t.Fatalf("%d messages listed, want 9", len(refs))
	}
	got := newCollector()
	if err := s.Fetch(t.Context(), refs, got); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = s.Envelopes(t.Context(), refs, func(e mail.Envelope) error {
		seen++
		raw := got.raw[name(e.Ref)]
		if want := mimepart.Envelope([]byte(strings.SplitAfter(raw, "\r\n\r\n")[0])); e.Fingerprint != want.Fingerprint || e.Size != int64(len(raw)) {
			t.Errorf("%+v, want fingerprint %s and size %d", e, want.Fingerprint, len(raw))
		}
		if !e.Received.Equal(received) {
			t.Errorf("received %v", e.Received)
		}
		return nil
	})
	if err != nil || seen != 9 {
		t.Errorf("%d envelopes, %v", seen, err)
	}
	for _, f := range folders {
		for _, info := range before[f] {
			n := fmt.Sprintf("%s/%d", f, info.UID)
			if sum := sha256.Sum256([]byte(got.raw[n])); hex.EncodeToString(sum[:]) != info.SHA256 || got.done[n] != nil {
				t.Errorf("%s came as %q, %v", n, got.raw[n], got.done[n])
			}
		}
		if after := server.Messages("joe", f); fmt.Sprint(after) != fmt.Sprint(before[f]) {
			t.Errorf("reading changed %s:\n%v\n%v", f, before[f], after)
		}
	}
}

func TestIMAPDovecotUnchanged(t *testing.T) {
	server, _ := stocked(t, mailtest.DovecotOptions{})
	list := func(prev []mail.Cursor) mail.Listing {
		t.Helper()
		l, _ := listAllRefs(t, openedIMAP(t, dovecotOptions(server)), prev)
		return l[0]
	}
	l := list(nil)
	if ids(l) != "1 2 3" || l.Unchanged || l.Next.Count != 3 || l.Next.UIDNext != 4 || l.Next.Scope == "" {
		t.Errorf("first: %+v", l)
	}
	l = list([]mail.Cursor{l.Next})
	if ids(l) != "" || !l.Unchanged || l.Next.Count != 3 {
		t.Errorf("again: %+v", l)
	}
	server.Append("joe", "INBOX", []byte(rawMessage(4)), received)
	l = list([]mail.Cursor{l.Next})
	if ids(l) != "4" || !l.Unchanged || l.Next.Count != 4 || l.Next.UIDNext != 5 {
		t.Errorf("one came: %+v", l)
	}
	server.Doveadm("expunge", "-u", "joe", "mailbox", "INBOX", "uid", "2")
	server.Append("joe", "INBOX", []byte(rawMessage(5)), received)
	l = list([]mail.Cursor{l.Next})
	if ids(l) != "1 3 4 5" || l.Unchanged || l.Next.Count != 4 {
		t.Errorf("one came, one went: %+v", l)
	}
	server.Doveadm("expunge", "-u", "joe", "mailbox", "INBOX", "all")
	if l = list([]mail.Cursor{l.Next}); ids(l) != "" || l.Unchanged || l.Next.Count != 0 {
		t.Errorf("emptied: %+v", l)
	}
}

// Message 3 carries somebody else's \Deleted; 1 is to be deleted, 2 has another fingerprint on record, 9 is gone.
func TestIMAPDovecotDelete(t *testing.T) {
	const noMove = "protocol imap {\n  imap_capability = IMAP4rev1 UIDPLUS\n}\n"
	const bare = "protocol imap {\n  imap_capability = IMAP4rev1\n}\n"
	for _, c := range []struct {
		name, choice, target string
		o                    mailtest.DovecotOptions
		state                string
		left                 []uint32
		in                   string // folder that has message 1 then
	}{
		{"auto, Trash", DeleteAuto, "", mailtest.DovecotOptions{Trash: true}, "done", []uint32{2, 3}, "Trash"},
		{"auto, no Trash", DeleteAuto, "", mailtest.DovecotOptions{}, "done", []uint32{2, 3}, ""},
		{"expunge", DeleteExpunge, "", mailtest.DovecotOptions{Trash: true}, "done", []uint32{2, 3}, ""},
		{"folder", DeleteFolder, "Архив/2026", mailtest.DovecotOptions{}, "done", []uint32{2, 3}, "Архив/2026"},
		{"folder, no MOVE", DeleteFolder, "Архив/2026", mailtest.DovecotOptions{Config: noMove}, "done", []uint32{2, 3}, "Архив/2026"},
		{"missing folder", DeleteFolder, "Нет такой", mailtest.DovecotOptions{}, "refused", []uint32{1, 2, 3}, ""},
		{"missing folder, no MOVE", DeleteFolder, "Нет такой", mailtest.DovecotOptions{Config: noMove}, "refused", []uint32{1, 2, 3}, ""},
		{"neither MOVE nor UIDPLUS", DeleteExpunge, "", mailtest.DovecotOptions{Config: bare}, "refused", []uint32{1, 2, 3}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, _ := stocked(t, c.o)
			server.Doveadm("mailbox", "create", "-u", "joe", "Архив/2026")
			o := dovecotOptions(server)
			o.Delete, o.DeleteFolder = c.choice, c.target
			s := openedIMAP(t, o)
			_, refs := listAllRefs(t, s, nil)
			d := doom(1, 2, 9)
			for i := range d {
				d[i].Ref.Scope, d[i].Size = refs[0].Scope, int64(len(rawMessage(1)))
			}
			d[1].Fingerprint = d[0].Fingerprint
			got, err := s.Delete(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			if c.state == "done" {
				wantStates(t, got, "done", "mismatch", "absent")
			} else if got[0].State != mail.DeleteRefused || got[0].Err == nil {
				t.Errorf("%+v", got)
			}
			var left []uint32
			for _, info := range server.Messages("joe", "INBOX") {
				left = append(left, info.UID)
				if flags := map[uint32]string{1: `\Seen`, 2: `\Flagged`, 3: `\Deleted`}[info.UID]; !slices.Equal(info.Flags, []string{flags}) {
					t.Errorf("flags of %d: %v, want %s", info.UID, info.Flags, flags)
				}
			}
			if !slices.Equal(left, c.left) {
				t.Errorf("left are %v, want %v", left, c.left)
			}
			if c.in != "" {
				found := server.Messages("joe", c.in)
				if len(found) != 1 || found[0].MessageID != "<1@a.ru>" || !slices.Contains(found[0].Flags, `\Seen`) {
					t.Errorf("%s holds %+v", c.in, found)
				}
			}
		})
	}
}

func TestIMAPDovecotInspect(t *testing.T) {
	server, folders := stocked(t, mailtest.DovecotOptions{Trash: true})
	o := dovecotOptions(server)
	o.Folders = []string{"INBOX", folders[1], "Нет такой"}
	r, err := Inspect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.TLSVersion == "" || r.CertFingerprint != server.Fingerprint || !slices.Contains(r.Capabilities, "UIDPLUS") {
		t.Errorf("%+v", r)
	}
	var lines []string
	for _, f := range r.Folders {
		lines = append(lines, fmt.Sprintf("%s %v %s %d %v", f.Name, f.Configured, f.Special, f.Messages, f.Err != nil))
	}
	for _, want := range []string{"INBOX true  3 false", "Прайсы true  3 false", "Нет такой true  -1 true",
		`Trash false \Trash -1 false`, folders[2] + " false  -1 false"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in %q", want, lines)
		}
	}
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, `moved to the folder "Trash"`) }) {
		t.Errorf("notes %q", r.Notes)
	}
}
