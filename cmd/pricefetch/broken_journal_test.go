package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
)

// overwrite changes bytes of the journal's file and returns the new content.
func (s *shop) overwrite(change func([]byte) []byte) {
	s.t.Helper()
	s.write("state/journal.db", string(change([]byte(readFile(s.t, s.path("state", "journal.db"))))))
}

// TestBrokenJournal: whatever is wrong with the journal, the program says so and what to do, talks to no server, and
// changes nothing. Status 4 tells systemd that another start would be no better.
func TestBrokenJournal(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(s *shop)
		want  []string
	}{
		"truncated":     {func(s *shop) { s.overwrite(func(b []byte) []byte { return b[:len(b)/2] }) }, []string{"damaged", "restore a backup"}},
		"cut in a page": {func(s *shop) { s.overwrite(func(b []byte) []byte { return b[:len(b)-1000] }) }, []string{"damaged", "restore a backup"}},
		"pages overwritten": {func(s *shop) {
			s.overwrite(func(b []byte) []byte { copy(b[len(b)/2:], strings.Repeat("garbage!", 2048)); return b })
		}, []string{"damaged", "restore a backup"}},
		"not a journal": {func(s *shop) { s.write("state/journal.db", "прайс-лист") }, []string{"damaged or not a journal", "restore a backup"}},
		"another program's": {func(s *shop) {
			s.overwrite(func(b []byte) []byte { binary.BigEndian.PutUint32(b[68:], 77); return b })
		}, []string{"another program", "application id 0x4d"}},
		"newer": {func(s *shop) {
			s.overwrite(func(b []byte) []byte { binary.BigEndian.PutUint32(b[60:], 99); return b })
		}, []string{"journal has version 99", "install the newer program that wrote it"}},
		"garbage log": {func(s *shop) { s.write("state/journal.db-wal", strings.Repeat("garbage ", 1000)) },
			[]string{"write-ahead log .*journal.db-wal is damaged: what was recorded last is lost", "restore a backup"}},
		"log alone": {func(s *shop) {
			s.write("state/journal.db-wal", strings.Repeat("log", 1000))
			if err := os.Remove(s.path("state", "journal.db")); err != nil {
				s.t.Fatal(err)
			}
		}, []string{"file is missing or empty, and its write-ahead log .*journal.db-wal is there"}},
		"log of an empty file": {func(s *shop) {
			s.write("state/journal.db-wal", strings.Repeat("log", 1000))
			s.write("state/journal.db", "")
		}, []string{"file is missing or empty, and its write-ahead log .*journal.db-wal is there"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, ", retention: {leave_copy: false}")
			for i := range 40 { // enough for a journal of several pages
				s.letter(fmt.Sprintf("%d.xls", i), strings.Repeat(name, 100), 10*24*time.Hour)
			}
			s.must(0, "once")
			s.letter("new.xls", "new", time.Hour)
			tt.spoil(s)
			db, log := s.content("journal.db"), s.content("journal.db-wal")
			sessions := len(s.pop.Commands())
			for _, command := range []string{"once", "run", "poll pop3"} {
				r := s.must(4, strings.Fields(command)...)
				wantText(t, r.err, append(tt.want, `state/journal.db\)`)...)
				if n := strings.Count(r.err, "journal.db)"); n != 1 {
					t.Errorf("%s says it %d times:\n%s", command, n, r.err)
				}
			}
			if len(s.pop.Commands()) != sessions || len(s.drop.Messages()) != 41 {
				t.Errorf("the server was talked to, it has %d messages", len(s.drop.Messages()))
			}
			if s.content("journal.db") != db || s.content("journal.db-wal") != log {
				t.Error("what was refused was changed")
			}
		})
	}
}

// content is a file of state_dir; "" if it is not there.
func (s *shop) content(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(s.path("state", name))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(b)
}

// TestEmptyJournal: an empty file is what a killed first start leaves; beside traces of an earlier journal it is a loss.
func TestEmptyJournal(t *testing.T) {
	s := newShop(t, "")
	s.write("state/journal.db", "")
	if r := s.must(0, "once", "--log-level", "info"); strings.Contains(r.err, "WARN") {
		t.Errorf("a first start warns:\n%s", r.err)
	}
	s.write("state/journal.db", "")
	wantText(t, s.must(0, "once").err, "^warning: the journal is new, although an earlier one was at work here")
}

// TestJournalWithoutRights: a journal that may not be read or written is told with what to do; another start may find it
// mended, so the status is 1.
func TestJournalWithoutRights(t *testing.T) {
	for name, mode := range map[string]os.FileMode{"read-only": 0o444, "unreadable": 0} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, "")
			s.letter("a.xls", "a", time.Hour)
			s.must(0, "once")
			s.letter("b.xls", "b", time.Hour)
			s.disown()
			if err := os.Chmod(s.path("state", "journal.db"), mode); err != nil {
				t.Fatal(err)
			}
			cmd := s.command("once")
			if os.Getuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			r := s.finish(cmd)
			if r.status != 1 || len(s.imported()) != 1 {
				t.Errorf("status %d, %d files", r.status, len(s.imported()))
			}
			wantText(t, r.err, `open journal \(.*state/journal.db\): .*(permission denied|readonly).*; the user that runs this needs to read and write`)
		})
	}
}

const nobody = 65534

// disown lets the user nobody run the site, if this is root, whom no mode stops.
func (s *shop) disown() {
	s.t.Helper()
	if os.Getuid() != 0 {
		return
	}
	for _, dir := range []string{filepath.Dir(s.dir), filepath.Dir(s.bin)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	err := filepath.WalkDir(s.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, nobody, nobody)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestJournalBreaksAtWork: damage that shows in the middle of the work ends the daemon, with one error that says what to
// do; nothing more is fetched or deleted, by no mailbox.
func TestJournalBreaksAtWork(t *testing.T) {
	s := newShop(t, ", poll: 1s, retention: {leave_copy: false}")
	for i := range 40 {
		s.letter(fmt.Sprintf("%d.xls", i), "old", 10*24*time.Hour)
	}
	s.must(0, "once")
	daemon := s.command("run")
	log, err := os.Create(s.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	daemon.Stderr = log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Process.Kill() })
	s.await(`msg=started`)
	// Every page but the first becomes garbage under its hands; what it has in memory it finds out sooner or later.
	f, err := os.OpenFile(s.path("state", "journal.db"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("garbage!", int(info.Size()-4096)/8)), 4096); err != nil {
		t.Fatal(err)
	}
	f.Close()
	s.letter("new.xls", "new", time.Hour)
	state, err := daemon.Process.Wait()
	if err != nil {
		t.Fatal(err)
	}
	text := readFile(t, s.path("log"))
	if state.ExitCode() != 4 {
		t.Errorf("exit status %d, want 4", state.ExitCode())
	}
	if n := strings.Count(text, "the journal cannot be used any more"); n != 1 {
		t.Errorf("it is said %d times, want once:\n%s", n, text)
	}
	wantText(t, text, `level=ERROR msg="the journal cannot be used any more: nothing is fetched or deleted until a person has acted".*malformed.*restore a backup`)
	if n := len(s.drop.Messages()); n != 41 || len(s.imported()) != 0 {
		t.Errorf("%d of 41 messages are left, %d files saved", n, len(s.imported()))
	}
}

// await waits until the daemon's log has the text.
func (s *shop) await(text string) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); ; {
		if strings.Contains(readFile(s.t, s.path("log")), text) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			s.t.Fatalf("the log never has %q:\n%s", text, readFile(s.t, s.path("log")))
		}
	}
}

// TestRestoreWithoutHeld: a message that the backup knows as held with its raw form kept, which is not there after the
// restore, is read from the server again; one that the server does not have is held with a reason that says what to do.
func TestRestoreWithoutHeld(t *testing.T) {
	s := newShop(t, "")
	s.letter("a.xls", "a", time.Hour)
	s.letter("gone.xls", "gone", time.Hour)
	text := readFile(t, s.path("pricefetch.yaml"))
	s.write("pricefetch.yaml", strings.Replace(text, "rules: [{", "rules: [{enabled: false, ", 1))
	s.must(0, "once")
	s.write("pricefetch.yaml", text)
	s.drop.Set(s.drop.Messages()[:1])
	s.hold("1-KEPTKEPTKE.eml", "2-KEPTKEPTKE.eml")
	s.must(0, "backup", s.path("backup.db"))
	s.lose()
	s.restore(s.path("backup.db"))
	s.must(0, "retry", "1", "2")
	r := s.must(0, "once", "--log-level", "info")
	wantText(t, r.err, `level=WARN msg="the raw message that was kept is missing; the server's copy is read instead".* message=1 file=held/1-KEPT`,
		`level=ERROR msg="message held".* message=2 reason="the server no longer has it and its raw message held/2-KEPT.*pricefetch retry 2; or pricefetch dismiss 2`)
	s.wantImports(map[string]string{"autoparts/a.xls": "a"})
}

// hold holds the first messages, as the fifth failure does, with raw messages of these names.
func (s *shop) hold(kept ...string) {
	s.t.Helper()
	j, err := journal.Open(s.t.Context(), s.path("state", "journal.db"), time.Now)
	if err != nil {
		s.t.Fatal(err)
	}
	defer j.Close()
	for i, name := range kept {
		if err := j.Hold(s.t.Context(), mail.RecordID(i+1), "a test", name, time.Now()); err != nil {
			s.t.Fatal(err)
		}
	}
}
