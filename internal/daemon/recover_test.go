package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/save"
)

// crash leaves what a process leaves that was killed between Intend and Publish: a file named in the journal and still
// staged, of a message in the given mailbox, and another staged file that nothing names.
func (s *site) crash(mailbox string) {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	j, err := journal.Open(ctx, s.path("state", "journal.db"), time.Now)
	must(err)
	defer j.Close()
	dir, err := save.Open(save.Options{ImportDir: s.path("import"), StateDir: s.path("state"), JournalID: j.ID(), FileMode: 0o640, DirMode: 0o750, GID: -1}, "")
	must(err)
	token, err := dir.Establish()
	must(err)
	must(j.SetStaging(ctx, token))
	_, err = j.Started(ctx, mailbox, mail.Account{Protocol: "imap", Host: "h", User: "u"}, now)
	must(err)
	ref := mail.Ref{Folder: "INBOX", Scope: "1", ID: "7"}
	work, err := j.SortOut(ctx, mailbox, mail.Listing{Folder: "INBOX", Scope: "1", Refs: []mail.Listed{{Ref: ref, Size: 10}}, Complete: true},
		mail.SortOptions{Now: now})
	must(err)
	records, err := j.Inspected(ctx, []mail.Inspection{{Record: work.Inspect[0], Envelope: mail.Envelope{
		Ref: ref, From: []string{"price@autoparts.example"}, Received: now, Size: 10, Fingerprint: "v1:00"}}}, now)
	must(err)
	_, err = j.EndFirstPoll(ctx, mailbox, "INBOX", mail.FirstRun{All: true}, now)
	must(err)
	staged, err := dir.Stage(ctx, strings.NewReader("the file"), 0)
	must(err)
	_, err = dir.Stage(ctx, strings.NewReader("never named"), 0)
	must(err)
	file := mail.File{Record: records[0].ID, Part: "1", Rule: "autoparts", Original: "p.xls", Dir: "autoparts", Name: "p.xls", Staged: staged, Received: now}
	_, err = j.Intend(ctx, records[0].ID, []mail.File{file}, mail.Judgement{Outcome: mail.Saved}, now)
	must(err)
}

// What a crash left is finished at the start, also for a mailbox that the configuration no longer has.
func TestRecovery(t *testing.T) {
	for _, mailbox := range []string{"a", "removed"} {
		s := newSite(t)
		s.configure("mailboxes:\n%s%s", s.box("a", "imap", password+", enabled: false"), rules)
		s.crash(mailbox)
		d := s.open(s.options())
		s.imported("autoparts/p.xls")
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		records := s.records()
		if len(records) != 1 || records[0].Outcome != mail.Saved || records[0].Mailbox != mailbox {
			t.Errorf("%s: records %+v", mailbox, records)
		}
		staging, err := os.ReadDir(s.path("import", ".pricefetch", d.journal.ID()))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range staging {
			if info, err := e.Info(); err == nil && info.Size() == int64(len("never named")) {
				t.Errorf("%s was never named and is still there", e.Name())
			}
		}
		if s.log.count("removed staged files", "count=1") != 1 {
			t.Errorf("the sweep is not in the log\n%s", s.log)
		}
	}
}

// A directory that is not the journal's is no evidence of anything, and keeps nobody from starting.
func TestRecoveryWaitsForTheImportDirectory(t *testing.T) {
	s := newSite(t)
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password+", enabled: false"), rules)
	s.crash("a")
	swap := func(from, to string) {
		t.Helper()
		if err := os.Rename(s.path(from), s.path(to)); err != nil {
			t.Fatal(err)
		}
	}
	swap("import", "unmounted")
	d := s.open(s.options())
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if records := s.records(); len(records) != 1 || records[0].Outcome == mail.Saved || s.log.count("import directory is not ready") != 1 {
		t.Errorf("records %+v\n%s", records, s.log)
	}
	swap("unmounted", "import")
	if err := s.open(s.options()).Close(); err != nil {
		t.Error(err)
	}
	s.imported("autoparts/p.xls")
}

// What cannot be published keeps neither the daemon nor the other mailboxes from starting.
func TestRecoveryThatFails(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "1.xls")
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), strings.Replace(rules, "{name", "{save_to: other, name", 1))
	s.crash("removed")
	s.write("import/autoparts", "a file where a directory belongs")
	s.run()
	s.log.await(t, "level=ERROR", "mailbox=removed", "autoparts")
	s.log.await(t, "msg=saved", "other/1.xls")
	s.imported("autoparts", "other/1.xls")
}

// A raw message that was kept goes once it is saved, but never while a pass is running that may have kept another.
func TestKeptMessagesAreSwept(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "1.xls", "2.xls")
	paused := strings.Replace(rules, "{name", "{enabled: false, name", 1)
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), paused)
	d := s.run()
	s.log.await(t, "first poll of the folder is done")
	d.poll("a")
	var ids []mail.RecordID
	for _, rec := range s.records() {
		name, err := d.held.Keep(t.Context(), rec.ID, strings.NewReader(string(letter("a", "kept.xls"))))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.journal.Hold(t.Context(), rec.ID, "test", name, time.Now()); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, rec.ID)
	}
	kept := func(want int) {
		t.Helper()
		entries, err := os.ReadDir(s.path("state", "held"))
		if err != nil || len(entries) != want {
			t.Errorf("held/ has %v, want %d; %v\n%s", entries, want, err, s.log)
		}
	}
	kept(2)
	if a := d.ask(Request{Action: ActDismiss, IDs: ids[:1]}); a.Error != "" {
		t.Fatalf("answer %+v", a)
	}
	kept(1)
	stray, err := d.held.Keep(t.Context(), 99, strings.NewReader("the journal is told of it in a moment"))
	if err != nil {
		t.Fatal(err)
	}
	d.passes.RLock() // a pass is running
	d.tidy()
	kept(2)
	d.passes.RUnlock()
	if err := d.held.Remove(stray); err != nil {
		t.Fatal(err)
	}
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules)
	if a := d.ask(Request{Action: ActReload}); a.Error != "" {
		t.Fatalf("answer %+v", a)
	}
	if a := d.ask(Request{Action: ActRetry, IDs: ids[1:]}); a.Error != "" || !strings.Contains(a.Lines[0], "the next pass takes it") {
		t.Fatalf("answer %+v", a)
	}
	s.log.await(t, "msg=saved", "kept.xls") // from the raw message that was kept
	d.poll("a")
	kept(0)
	s.imported("autoparts/kept.xls")
}

// A journal that fails when it is told of the staging directory may know it all the same: the next try must not put
// another mark there, or the next start would take it for another directory.
func TestStagingDirectoryThatTheJournalMayKnow(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), filepath.Join(dir, "journal.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	inside, err := save.Open(save.Options{ImportDir: filepath.Join(dir, "import"), JournalID: "0123456789abcdef", GID: -1}, "")
	if err != nil {
		t.Fatal(err)
	}
	i := &importDir{Dir: inside, journal: j}
	var marks []string
	for range 2 {
		if err := i.Ready(t.Context()); err == nil {
			t.Fatal("ready, although the journal is closed")
		}
		found, err := filepath.Glob(filepath.Join(dir, "import", ".pricefetch", "*", "*"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		mark, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		marks = append(marks, string(mark))
	}
	if marks[0] != marks[1] {
		t.Errorf("the mark changed from %q to %q", marks[0], marks[1])
	}
}
