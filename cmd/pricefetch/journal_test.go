package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/daemon"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

// shop is a site with a POP3 and an IMAP mailbox of servers in this process; both have the options given.
type shop struct {
	*site
	imap *mailtest.IMAP
	pop  *mailtest.POP3
	drop *mailtest.Maildrop
	n    int
	box  string // of the next letter: "pop3" or "imap"
}

func newShop(t *testing.T, options string) *shop {
	t.Helper()
	s := &shop{site: newSite(t), imap: mailtest.NewIMAP(), pop: mailtest.NewPOP3(mailtest.POP3Options{}), box: "pop3"}
	s.drop = s.pop.AddUser("u", "secret")
	if err := s.imap.AddUser("u", "secret"); err != nil {
		t.Fatal(err)
	}
	imap, err := s.imap.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.imap.Close() })
	pop, err := s.pop.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.pop.Close() })
	s.configure("defaults: {host: 127.0.0.1, tls: none, username: u, password: secret%s}\nmailboxes:\n"+
		"  - {name: imap, protocol: imap, port: %d}\n  - {name: pop3, protocol: pop3, port: %d}\n"+
		`rules: [{name: autoparts, from: ["*@autoparts.example"], files: ["*.xls"]}]`+"\n", options, imap, pop)
	return s
}

// letter puts a letter with one file into the mailbox s.box, received some time ago.
func (s *shop) letter(file, content string, ago time.Duration) {
	s.t.Helper()
	s.n++
	received := time.Now().Add(-ago)
	raw := mailtest.Message(mailtest.MessageOptions{
		From: "price@autoparts.example", Subject: fmt.Sprint("Прайс ", s.n), ID: fmt.Sprintf("letter-%d@shop.example", s.n), Date: received, Received: received,
		Files: []mailtest.Attachment{{Name: file, Content: []byte(content)}},
	})
	if s.box == "pop3" {
		s.drop.Add(raw)
	} else if err := s.imap.Append("u", "INBOX", raw, received); err != nil {
		s.t.Fatal(err)
	}
}

// onServer counts the letters that the servers still have.
func (s *shop) onServer() int {
	s.t.Helper()
	infos, err := s.imap.Messages("u", "INBOX")
	if err != nil {
		s.t.Fatal(err)
	}
	return len(infos) + len(s.drop.Messages())
}

// lose takes the journal away, with its log.
func (s *shop) lose() {
	s.t.Helper()
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(s.path("state", "journal.db"+end)); err != nil && !os.IsNotExist(err) {
			s.t.Fatal(err)
		}
	}
}

// restore puts a backup in the journal's place, as the README says.
func (s *shop) restore(backup string) {
	s.t.Helper()
	if err := os.WriteFile(s.path("state", "journal.db"), []byte(readFile(s.t, backup)), 0o640); err != nil {
		s.t.Fatal(err)
	}
}

// imports reads the import directory: content by path.
func (s *shop) imports() map[string]string {
	s.t.Helper()
	out := s.imported()
	for path := range out {
		out[path] = readFile(s.t, s.path("import", path))
	}
	return out
}

func (s *shop) wantImports(want map[string]string) {
	s.t.Helper()
	same(s.t, s.imports(), want)
}

func wantText(t testing.TB, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(text) {
			t.Errorf("%q is not in:\n%s", p, text)
		}
	}
}

// TestRestore is the whole story: a backup beside the daemon's work, more mail saved, the journal lost, the backup put
// in its place.
func TestRestore(t *testing.T) {
	s := newShop(t, ", retention: {leave_copy: true}")
	saved := map[string]string{}
	for _, s.box = range []string{"pop3", "imap"} {
		s.letter(s.box+" before.xls", "before in "+s.box, time.Hour)
		saved["autoparts/"+s.box+" before.xls"] = "before in " + s.box
	}
	s.must(0, "once")
	s.wantImports(saved)
	backup := s.path("backup.db")
	wantText(t, s.must(0, "backup", backup).out, `backup.db: 2 messages on record, \d`)

	// After the backup: two letters with the same name, one of them taken by the importer; two equal ones; one that was
	// there before and waits; one that the server no longer has.
	s.box = "pop3"
	s.letter("price.xls", "one", 50*time.Minute)
	s.letter("price.xls", "two", 40*time.Minute)
	s.box = "imap"
	s.letter("equal.xls", "equal", 30*time.Minute)
	s.letter("equal.xls", "equal", 20*time.Minute)
	s.must(0, "once")
	for name, content := range map[string]string{"price.xls": "one", "price (2).xls": "two", "equal.xls": "equal", "equal (2).xls": "equal"} {
		saved["autoparts/"+name] = content
	}
	s.wantImports(saved)
	for _, taken := range []string{"price.xls", "pop3 before.xls"} {
		if err := os.Remove(s.path("import", "autoparts", taken)); err != nil {
			t.Fatal(err)
		}
		delete(saved, "autoparts/"+taken)
	}

	s.lose()
	s.restore(backup)
	r := s.must(0, "once", "--log-level", "info")
	// Only the one that the importer had taken is there again, and is named.
	saved["autoparts/price.xls"] = "one"
	s.wantImports(saved)
	wantText(t, r.err, `level=WARN msg="the journal was restored from the backup of \d{4}-.*what was taken from it is imported again`,
		`level=WARN msg="the journal that was lost may have saved this file.*" mailbox=pop3 message=\d+ rule=autoparts file=price.xls`,
		`not saved again: the journal that was lost had saved it.*equal \(2\).xls`)
	if n := strings.Count(r.err, "may have saved this file"); n != 1 {
		t.Errorf("%d files are named as perhaps saved twice, want 1:\n%s", n, r.err)
	}
	// From now on all is as it was: nothing is published again, two letters with one file are two files.
	s.letter("equal.xls", "equal", -time.Minute)
	r = s.must(0, "once", "--log-level", "info")
	saved["autoparts/equal (3).xls"] = "equal"
	s.wantImports(saved)
	if strings.Contains(r.err, "restored") || strings.Contains(r.err, "may have saved") {
		t.Errorf("the restore is told a second time:\n%s", r.err)
	}
	if out := s.must(0, "history", "--output", "json").out; strings.Count(out, `"path": "autoparts/equal`) != 3 || strings.Count(out, `"path": "autoparts/price`) != 2 {
		t.Errorf("history does not list what was found:\n%s", out)
	}
}

// TestRestoredJournalDeletesOnlyWhatItKnows: with leave_copy: false a restored journal deletes what is saved, by itself
// or as the files show, and nothing else.
func TestRestoredJournalDeletesOnlyWhatItKnows(t *testing.T) {
	s := newShop(t, ", retention: {leave_copy: true}")
	s.letter("old.xls", "old", time.Hour)
	s.must(0, "once")
	s.must(0, "backup", s.path("backup.db"))
	s.letter("lies.xls", "lies there", 10*time.Minute)
	s.letter("changed.xls", "as it came", 10*time.Minute)
	s.must(0, "once")
	s.write("import/autoparts/changed.xls", "as somebody left it")
	s.lose()
	s.restore(s.path("backup.db"))
	text := readFile(t, s.path("pricefetch.yaml"))
	s.write("pricefetch.yaml", strings.Replace(text, "leave_copy: true", "leave_copy: false", 1))
	// The program may not save: nothing that the journal does not know as saved goes.
	s.write("pricefetch.yaml", strings.Replace(readFile(t, s.path("pricefetch.yaml")), "min_free: 1MB", "min_free: 900000GB", 1))
	s.must(1, "once")
	if n := s.onServer(); n != 3 {
		t.Fatalf("%d of 3 letters are left before anything could be saved\n%s", n, s.last.err)
	}
	s.write("pricefetch.yaml", strings.Replace(text, "leave_copy: true", "leave_copy: false", 1))
	s.must(0, "once")
	s.must(0, "once")
	s.wantImports(map[string]string{"autoparts/old.xls": "old", "autoparts/lies.xls": "lies there",
		"autoparts/changed.xls": "as somebody left it", "autoparts/changed (2).xls": "as it came"})
	if n := s.onServer(); n != 0 {
		t.Errorf("%d letters are left after all were saved\n%s", n, s.last.err)
	}
}

// TestRestoreOverStaleLog: the log of the lost journal beside the backup would spoil it; it is refused until it is
// moved away, by commands that only read too.
func TestRestoreOverStaleLog(t *testing.T) {
	s := newShop(t, "")
	s.letter("a.xls", "a", time.Hour)
	s.must(0, "once")
	s.must(0, "backup", s.path("backup.db"))
	live, err := journal.Open(t.Context(), s.path("state", "journal.db"), time.Now) // keeps its log from being folded in
	if err != nil {
		t.Fatal(err)
	}
	if _, err := live.Started(t.Context(), "imap", mail.Account{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	stale := readFile(t, s.path("state", "journal.db-wal"))
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	s.lose()
	s.restore(s.path("backup.db"))
	s.write("state/journal.db-wal", stale)
	for _, command := range []string{"status", "once", "run"} {
		r := s.must(4, command)
		wantText(t, r.err, `journal.db-wal, the write-ahead log of another one, which would spoil it: move .*journal.db-wal and .*journal.db-shm away`)
	}
	if readFile(t, s.path("state", "journal.db")) != readFile(t, s.path("backup.db")) {
		t.Error("the refused backup was changed")
	}
	if err := os.Rename(s.path("state", "journal.db-wal"), s.path("old-wal")); err != nil {
		t.Fatal(err)
	}
	s.must(0, "once")
	s.wantImports(map[string]string{"autoparts/a.xls": "a"})
}

// TestRestorePendingIntent: what the backup has as about to be published, and is gone from staging, was published.
func TestRestorePendingIntent(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: install it (apt-get install strace), or run `make test`, which does")
	}
	s := newShop(t, "")
	s.letter("a.xls", "a", time.Hour)
	s.must(0, "once")
	s.letter("b.xls", "b", time.Minute)
	killed := s.command("once")
	killed.Args = append([]string{strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=renameat2", "-e", "inject=renameat2:signal=KILL:when=1"}, killed.Args...)
	killed.Path = strace
	s.finish(killed)
	s.must(0, "backup", s.path("backup.db"))
	s.must(0, "once")
	s.wantImports(map[string]string{"autoparts/a.xls": "a", "autoparts/b.xls": "b"})
	if err := os.Remove(s.path("import", "autoparts", "b.xls")); err != nil { // the importer
		t.Fatal(err)
	}
	s.lose()
	s.restore(s.path("backup.db"))
	j, err := journal.OpenReadOnly(t.Context(), s.path("state", "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	if intents, err := j.Intents(t.Context(), "pop3"); err != nil || len(intents) != 1 {
		t.Fatalf("the backup has the intents %+v, %v; want one", intents, err)
	}
	j.Close()
	s.must(0, "once")
	s.wantImports(map[string]string{"autoparts/a.xls": "a"})
	wantText(t, s.must(0, "history").out, `autoparts/b.xls`)
}

// TestLostJournal: without its journal the program makes a first poll: what is older than first_run is not imported,
// nothing is deleted that was not saved, and the log says so. What the lost one left behind is told and not touched.
func TestLostJournal(t *testing.T) {
	s := newShop(t, ", retention: {leave_copy: true}")
	for _, s.box = range []string{"pop3", "imap"} {
		s.letter(s.box+" old.xls", "old", 40*24*time.Hour)
		s.letter(s.box+" new.xls", "new", time.Hour)
	}
	first := s.must(0, "once", "--log-level", "info")
	wantText(t, first.err, `level=INFO msg="the journal is new: every mailbox has its first poll"`)
	if strings.Contains(first.err, "level=WARN") {
		t.Errorf("a first start warns:\n%s", first.err)
	}
	s.wantImports(map[string]string{"autoparts/pop3 new.xls": "new", "autoparts/imap new.xls": "new"})
	stagings, _ := filepath.Glob(s.path("import", ".pricefetch", "*"))
	if len(stagings) != 1 {
		t.Fatalf("staging: %v", stagings)
	}
	for path, content := range map[string]string{filepath.Join(stagings[0], "staged-LEFT-OVER"): "half", s.path("state", "held", "7-ABCDEFGHIJ.eml"): "Subject: the only copy\r\n\r\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.lose()
	text := readFile(t, s.path("pricefetch.yaml"))
	s.write("pricefetch.yaml", strings.Replace(text, "leave_copy: true", "leave_copy: false, delete_after_days: 30", 1))
	r := s.must(0, "once")
	wantText(t, r.err, "warning: the journal is new, although an earlier one was at work here", "warning: 1 raw message of an earlier journal: set aside in held/earlier-")
	s.wantImports(map[string]string{"autoparts/pop3 new.xls": "new", "autoparts/pop3 new (2).xls": "new", "autoparts/imap new.xls": "new", "autoparts/imap new (2).xls": "new"})
	// 30 days are over for the old ones, which are named by the policy and go; what is new was saved first.
	if out := s.must(0, "messages", "--output", "json").out; strings.Count(out, `"outcome": "baseline"`) != 2 || strings.Count(out, `"outcome": "saved"`) != 2 {
		t.Errorf("records:\n%s", out)
	}
	aside, _ := filepath.Glob(s.path("state", "held", "earlier-*", "7-ABCDEFGHIJ.eml"))
	if len(aside) != 1 || readFile(t, aside[0]) != "Subject: the only copy\r\n\r\n" {
		t.Errorf("the raw message that the lost journal held is not set aside: %v", aside)
	}
	again := s.must(0, "once", "--log-level", "info")
	wantText(t, again.err, `level=WARN msg="another journal's staging directory is in import_dir.*" path=.*`+filepath.Base(stagings[0])+` files=1 bytes=4`)
	if strings.Contains(again.err, "the journal is new") {
		t.Errorf("the journal is new for the second time:\n%s", again.err)
	}
	if readFile(t, filepath.Join(stagings[0], "staged-LEFT-OVER")) != "half" {
		t.Error("what the lost journal had staged was touched")
	}
}

// TestLostJournalDeletesNothingUnsaved: as long as nothing can be saved, nothing goes.
func TestLostJournalDeletesNothingUnsaved(t *testing.T) {
	s := newShop(t, ", retention: {leave_copy: false, delete_after_days: 3}")
	s.lose()
	for range 30 {
		s.letter("p.xls", fmt.Sprint("content ", s.n), 4*24*time.Hour)
	}
	text := readFile(t, s.path("pricefetch.yaml"))
	s.must(0, "check") // makes import/.pricefetch
	s.write("import/autoparts", "a file where a directory belongs")
	s.run("once")
	s.run("once")
	if n := s.onServer(); n != 30 {
		t.Errorf("%d of 30 letters are left, of which none could be saved\n%s", n, s.last.err)
	}
	s.write("pricefetch.yaml", text)
}

func TestBackup(t *testing.T) {
	s := newShop(t, "")
	wantText(t, s.must(1, "backup", s.path("b.db")).err, "no journal in .*/state yet: there is nothing to back up")
	s.letter("a.xls", "a", time.Hour)
	s.must(0, "once")
	for name, want := range map[string]string{
		s.path("pricefetch.yaml"):          "it exists, and a backup replaces nothing",
		s.path("state", "journal.db"):      "it exists, and a backup replaces nothing",
		s.path("state", "journal.db-wal"):  "that is a name of the journal's own files",
		s.path("state"):                    "it is a directory; name a file in it",
		s.path("nowhere", "b.db"):          "its directory does not exist; make it first",
		s.path("import", "autoparts", "b"): "that is in import_dir",
		s.path("import", "b"):              "that is in import_dir",
	} {
		before := readFile(t, s.path("pricefetch.yaml"))
		wantText(t, s.must(2, "backup", name).err, regexp.QuoteMeta(name)+": "+want)
		if readFile(t, s.path("pricefetch.yaml")) != before {
			t.Fatal("a file was replaced")
		}
	}
	wantText(t, s.must(2, "backup").err, "usage: pricefetch backup FILE")

	if err := os.Chmod(s.path("state", "journal.db"), 0o600); err != nil {
		t.Fatal(err)
	}
	var made daemon.Copy
	if err := json.Unmarshal([]byte(s.must(0, "backup", s.path("b.db"), "--output", "json").out), &made); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.path("b.db"))
	if err != nil || info.Mode().Perm() != 0o600 || made.File != s.path("b.db") || made.Messages != 1 || made.Bytes != info.Size() || time.Since(made.Made) > time.Minute {
		t.Errorf("made %+v, file %v, %v", made, info.Mode(), err)
	}
	entries, err := os.ReadDir(s.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".tmp") {
			t.Errorf("%s is left behind; %v", e.Name(), err)
		}
	}
	// A damaged journal gives no backup.
	s.must(0, "once")
	data := []byte(readFile(t, s.path("state", "journal.db")))
	copy(data[len(data)/2:], make([]byte, 16<<10))
	s.write("state/journal.db", string(data))
	wantText(t, s.must(4, "backup", s.path("c.db")).err, "damaged.*restore a backup")
	if _, err := os.Stat(s.path("c.db")); !os.IsNotExist(err) {
		t.Errorf("a backup was made of a damaged journal: %v", err)
	}
}

// TestOlderJournal: an older state of the journal's file, put in its place without being a backup, is noticed by the
// staging directory, in which work went on.
func TestOlderJournal(t *testing.T) {
	s := newShop(t, "")
	s.letter("a.xls", "a", time.Hour)
	s.must(0, "once")
	older := readFile(t, s.path("state", "journal.db"))
	s.letter("b.xls", "b", time.Hour)
	s.must(0, "once")
	stagings, _ := filepath.Glob(s.path("import", ".pricefetch", "*"))
	later := time.Now().Add(3 * time.Hour) // as if hours lay between the two
	if err := os.Chtimes(stagings[0], later, later); err != nil {
		t.Fatal(err)
	}
	s.lose()
	s.write("state/journal.db", older)
	s.write("state/held/7-ABCDEFGHIJ.eml", "kept since")
	wantText(t, s.must(0, "once").err, `warning: the journal ends at \d{4}-.*it seems to be an older copy`, `1 raw message of an earlier journal`)
	s.wantImports(map[string]string{"autoparts/a.xls": "a", "autoparts/b.xls": "b"})
	if r := s.must(0, "once"); r.err != "" {
		t.Errorf("it is told a second time:\n%s", r.err)
	}
}

// TestBackupCutShort: killed, or without room on its disk, it leaves no file under the name.
func TestBackupCutShort(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: install it (apt-get install strace), or run `make test`, which does")
	}
	s := newShop(t, "")
	s.letter("a.xls", "a", time.Hour)
	s.must(0, "once")
	for inject, want := range map[string]string{
		"pwrite64:signal=KILL:when=20": "", "fsync:signal=KILL:when=1": "", "renameat2:signal=KILL:when=1": "",
		"pwrite64:error=ENOSPC:when=12+": "write the copy: .*make room on the disk that it goes to",
	} {
		call, _, _ := strings.Cut(inject, ":")
		cmd := s.command("backup", s.path("b.db"))
		cmd.Args = append([]string{strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=" + call, "-e", "inject=" + inject}, cmd.Args...)
		cmd.Path = strace
		r := s.finish(cmd)
		if r.status == 0 {
			t.Errorf("%s: it went well", inject)
		}
		wantText(t, r.err, want)
		if _, err := os.Stat(s.path("b.db")); !os.IsNotExist(err) {
			t.Errorf("%s: a file is there, %v", inject, err)
		}
	}
	s.must(0, "backup", s.path("b.db"))
}
