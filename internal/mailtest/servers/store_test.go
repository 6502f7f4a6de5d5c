//go:build servers

package servers

import (
	"bytes"
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"pricefetch/internal/mailtest"
)

// maildir is a mailbox with a file for each message, at the same place below each user's home.
type maildir struct{ m *machine }

func (d maildir) put(user string, letters []letter) {
	d.m.t.Helper()
	dir := filepath.Join(home(user), "Maildir")
	for _, sub := range []string{"cur", "new", "tmp"} {
		d.m.mkdir(filepath.Join(dir, sub))
	}
	for i, l := range letters {
		path := filepath.Join(dir, "new", fmt.Sprintf("%d.M%06dP1.localhost", l.received.Unix(), i))
		if l.deleted {
			path = strings.Replace(path, "/new/", "/cur/", 1) + ":2,ST"
		}
		d.m.write(path, string(unixLines(l.raw)), 0o600)
		if err := os.Chtimes(path, l.received, l.received); err != nil {
			d.m.t.Fatal(err)
		}
	}
	d.m.own(dir, uidOf(user), uidOf(user))
}

// renumber takes away what Courier knows of the mailbox, and the names by which others tell its files apart.
func (d maildir) renumber(user string, _ []letter) {
	d.m.t.Helper()
	dir := filepath.Join(home(user), "Maildir")
	for _, own := range glob(d.m, filepath.Join(dir, "courier*")) {
		d.m.run("", "rm", "-r", own)
	}
	for _, sub := range []string{"cur", "new"} {
		for _, path := range glob(d.m, filepath.Join(dir, sub, "*")) {
			if err := os.Rename(path, strings.Replace(path, ".M", ".R", 1)); err != nil {
				d.m.t.Fatal(err)
			}
		}
	}
}

func glob(m *machine, pattern string) []string {
	m.t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		m.t.Fatal(err)
	}
	return paths
}

func (d maildir) left(user string) []string {
	d.m.t.Helper()
	var ids []string
	for _, sub := range []string{"cur", "new"} {
		ids = append(ids, idsOfFiles(d.m, filepath.Join(home(user), "Maildir", sub, "*"))...)
	}
	return ids
}

// idsOfFiles reads the Message-IDs of messages that are a file each.
func idsOfFiles(m *machine, pattern string) []string {
	m.t.Helper()
	var ids []string
	for _, path := range glob(m, pattern) {
		data, err := os.ReadFile(path)
		if err != nil {
			m.t.Fatal(err)
		}
		ids = append(ids, idOf(m, data))
	}
	return ids
}

func idOf(m *machine, raw []byte) string {
	m.t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		m.t.Fatalf("read a message of the server: %v\n%.300s", err, raw)
	}
	return strings.Trim(msg.Header.Get("Message-Id"), "<>")
}

func unixLines(raw []byte) []byte { return bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")) }

// mbox is a mailbox in one file, /var/mail/USER. It has no place for \Deleted.
type mbox struct{ m *machine }

func (b mbox) put(user string, letters []letter) {
	b.m.t.Helper()
	var text bytes.Buffer
	for _, l := range letters {
		fmt.Fprintf(&text, "From sender@supplier.example %s\n", l.received.UTC().Format(time.ANSIC))
		for line := range bytes.Lines(unixLines(l.raw)) {
			if bytes.HasPrefix(line, []byte("From ")) {
				text.WriteByte('>')
			}
			text.Write(line)
		}
		text.WriteByte('\n')
	}
	b.write(user, append(b.read(user), text.Bytes()...))
}

func (b mbox) read(user string) []byte {
	b.m.t.Helper()
	data, err := os.ReadFile(filepath.Join("/var/mail", user))
	if err != nil && !os.IsNotExist(err) {
		b.m.t.Fatal(err)
	}
	return data
}

func (b mbox) write(user string, data []byte) {
	b.m.t.Helper()
	path := filepath.Join("/var/mail", user)
	b.m.write(path, string(data), 0o660)
	b.m.own(path, uidOf(user), mailGroup)
}

// renumber takes away the fields that a server has put into the letters to know them again.
func (b mbox) renumber(user string, _ []letter) {
	b.m.t.Helper()
	b.write(user, serversFields.ReplaceAll(b.read(user), nil))
}

var serversFields = regexp.MustCompile(`(?mi)^(X-IMAPbase|X-UID|X-UIDL|Status|X-Status): .*\n`)

// mailGroup is Debian's group of /var/mail.
const mailGroup = 8

func (b mbox) left(user string) []string {
	b.m.t.Helper()
	var ids []string
	for raw := range bytes.SplitSeq(append([]byte("\n"), b.read(user)...), []byte("\nFrom sender@supplier.example ")) {
		if _, message, ok := bytes.Cut(raw, []byte("\n")); ok && len(message) > 0 {
			ids = append(ids, idOf(b.m, message))
		}
	}
	return ids
}

// cyrusSpool is filled by IMAP, because it has an index beside the messages, and looked at with mbexamine: the files of
// what was deleted over POP3 stay on the disk until the next session ends.
type cyrusSpool struct{ m *machine }

func (c cyrusSpool) put(user string, letters []letter) {
	c.m.t.Helper()
	talk := dial(c.m.t, portIMAP)
	defer talk.close()
	talk.ok(talk.imap("LOGIN %s %s", user, password))
	for _, l := range letters {
		flags := ""
		if l.deleted {
			flags = `\Deleted \Seen`
		}
		talk.wantLine(talk.imap(`APPEND INBOX (%s) "%s" {%d}`, flags, l.received.UTC().Format("_2-Jan-2006 15:04:05 -0700"), len(l.raw)), "+ ")
		talk.ok(talk.literal(l.raw))
	}
}

// renumber makes the mailbox anew, as from a backup.
func (c cyrusSpool) renumber(user string, letters []letter) {
	c.m.t.Helper()
	admin := dial(c.m.t, portIMAP)
	admin.ok(admin.imap("LOGIN cyrus %s", password))
	admin.ok(admin.imap("SETACL user/%s cyrus lrswipkxtecda", user))
	admin.ok(admin.imap("DELETE user/%s", user))
	admin.ok(admin.imap("CREATE user/%s", user))
	admin.close()
	c.put(user, letters)
}

func (c cyrusSpool) left(user string) []string {
	c.m.t.Helper()
	out := c.m.run("", "setpriv", "--reuid=cyrus", "--regid=cyrus", "--clear-groups", "/usr/lib/cyrus/bin/mbexamine", "user/"+user)
	var ids []string
	for _, found := range envelopeID.FindAllStringSubmatch(out, -1) {
		ids = append(ids, found[1])
	}
	return ids
}

// envelopeID finds the Message-ID, which is the last field of an envelope (RFC 3501 section 7.4.2).
var envelopeID = regexp.MustCompile(`(?m)^ Envel>.*"<([^<>]*)>"\)\s*$`)

// dovecotStore is filled as files and looked at with doveadm.
type dovecotStore struct{ *mailtest.Server }

func (d dovecotStore) put(user string, letters []letter) {
	for _, l := range letters {
		var flags []string
		if l.deleted {
			flags = []string{`\Deleted`, `\Seen`}
		}
		d.Append(user, "INBOX", l.raw, l.received, flags...)
	}
}

// renumber takes away what Dovecot knows of the mailbox.
func (d dovecotStore) renumber(user string, _ []letter) { d.Forget(user, "INBOX") }

func (d dovecotStore) left(user string) []string {
	var ids []string
	for _, m := range d.Messages(user, "INBOX") {
		ids = append(ids, strings.Trim(m.MessageID, "<>"))
	}
	return ids
}
