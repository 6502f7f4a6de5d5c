package daemon

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// untilAllHeld makes passes until no damaged letter is to be tried again, and returns the names below held/.
func (l *life) untilAllHeld() []string {
	l.t.Helper()
	for range 7 {
		l.mustPass()
		l.now = l.now.Add(25 * time.Hour)
	}
	return l.heldFiles()
}

func (l *life) heldFiles() []string {
	l.t.Helper()
	entries, err := os.ReadDir(l.path("state", "held"))
	if err != nil {
		l.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// spare makes the rules that do not want the damaged files.
func (l *life) spare() {
	l.rules = strings.Replace(rules, "files:", "exclude: ['*-bad.xls'], files:", 1)
}

// vanish removes every message from the server, as a person would.
func (l *life) vanish() {
	l.t.Helper()
	if l.protocol == "pop3" {
		l.drops["prices"].Set(nil)
	} else if err := l.imap.Recreate("prices", "INBOX"); err != nil {
		l.t.Fatal(err)
	}
}

// The times of the tries: at once, then after 5 m, 30 m, 2 h, 8 h and 24 h; when that fails too the message is held.
func TestRetrySchedule(t *testing.T) {
	overBoth(t, func(t *testing.T, l *life) {
		l.putRaw(l.now, damaged("w0"))
		for i, wait := range []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 8 * time.Hour, 24 * time.Hour} {
			l.mustPass()
			if rec := l.records()["w0"]; rec.Outcome != mail.Failed || rec.Failures != i+1 {
				t.Fatalf("try %d: %s, %d failures", i+1, rec.Outcome, rec.Failures)
			}
			l.now = l.now.Add(wait - time.Second)
			l.mustPass()
			if rec := l.records()["w0"]; rec.Failures != i+1 {
				t.Errorf("tried again before %s", wait)
			}
			l.now = l.now.Add(time.Second)
		}
		l.log.reset()
		l.mustPass()
		rec := l.records()["w0"]
		if rec.Outcome != mail.Held || rec.Kept == "" || !strings.Contains(rec.Reason, "failed 6 times") || !strings.Contains(rec.Reason, "«w0-bad.xls» is damaged") {
			t.Errorf("%s, kept %q: %s", rec.Outcome, rec.Kept, rec.Reason)
		}
		if !l.said("message held until: pricefetch retry 1, or: pricefetch dismiss 1", "mailbox=prices", "message=1 ", "is damaged") {
			t.Errorf("the log:\n%s", l.log)
		}
		l.imported("autoparts/w0.xls") // its sound part went out at the first try
	})
}

// What is kept under held/ outlives the server's copy: a retry reads it, and when nothing more is wanted of it, it goes.
func TestKeptOutlivesTheServersCopy(t *testing.T) {
	overBoth(t, func(t *testing.T, l *life) {
		l.putRaw(l.now, damaged("w0"))
		if kept := l.untilAllHeld(); len(kept) != 1 {
			t.Fatalf("held/ has %q\n%s", kept, l.log)
		}
		l.vanish()
		l.mustPass()
		l.shut() // nor does a restart sweep it
		if lines := l.do(Request{Action: ActRetry, IDs: []mail.RecordID{1}}); lines[0] != "message 1 (prices): the next pass takes it again" {
			t.Errorf("answer %q", lines)
		}
		l.mustPass()
		if rec := l.records()["w0"]; rec.Outcome != mail.Failed || len(l.heldFiles()) != 1 {
			t.Errorf("still damaged, it is %s; held/ has %q", rec.Outcome, l.heldFiles())
		}
		l.spare()
		l.do(Request{Action: ActRetry, IDs: []mail.RecordID{1}})
		l.mustPass()
		if rec := l.records()["w0"]; rec.Outcome != mail.Saved || len(l.heldFiles()) != 0 {
			t.Errorf("it is %s; held/ has %q\n%s", rec.Outcome, l.heldFiles(), l.log)
		}
		l.imported("autoparts/w0.xls")
	})
}

// Where held/ is full that is said, the message stays on the server, is not fetched again and holds nobody else up.
func TestHeldIsFull(t *testing.T) {
	overBoth(t, func(t *testing.T, l *life) {
		l.policy, l.keepRaw = "leave_copy: false", int64(2*len(damaged("w0"))+100)
		for _, name := range numbered("w", 3) {
			l.putRaw(l.now, damaged(name))
		}
		if kept := l.untilAllHeld(); len(kept) != 2 {
			t.Fatalf("held/ has %q\n%s", kept, l.log)
		}
		if l.log.count("level=ERROR", "held/ is full", "pricefetch retry or dismiss", "message=3 ") != 1 {
			t.Errorf("the log:\n%s", l.log)
		}
		fetched := l.commands("RETR")
		l.put(l.now, "w9")
		l.mustPass()
		l.mustPass()
		l.wantLeft("w0 w1 w2")
		if l.protocol == "pop3" && l.commands("RETR") != fetched+1 {
			t.Errorf("%d messages were fetched for one new", l.commands("RETR")-fetched)
		}
		// A person answers one: there is room again, for what a retry of the third holds anew.
		l.do(Request{Action: ActDismiss, IDs: []mail.RecordID{1}})
		if kept := l.heldFiles(); len(kept) != 1 {
			t.Errorf("after dismiss held/ has %q", kept)
		}
		l.do(Request{Action: ActRetry, IDs: []mail.RecordID{3}})
		if kept := l.untilAllHeld(); len(kept) != 2 || l.records()["w2"].Kept == "" {
			t.Errorf("held/ has %q", kept)
		}
	})
}

// Of a record whose raw message somebody removed the server's copy is read, or it is held with that reason. The journal
// goes on naming the file: it may be put back.
func TestKeptWasRemoved(t *testing.T) {
	for name, c := range map[string]struct {
		restart, gone bool
		want          mail.Outcome
		said, reason  string
	}{
		"noticed at the start":         {true, false, mail.Saved, "a raw message that the journal names is missing", ""},
		"noticed in a pass":            {false, false, mail.Saved, "the server's copy is read instead", ""},
		"gone from the server as well": {true, true, mail.Held, "a raw message that the journal names is missing", "is missing: put that file back, then pricefetch retry 1"},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, l *life) {
				l.putRaw(l.now, damaged("w0"))
				kept := l.untilAllHeld()
				if c.gone {
					l.vanish()
					l.mustPass()
				}
				if c.restart {
					l.shut()
				}
				if err := os.Remove(l.path("state", "held", kept[0])); err != nil {
					t.Fatal(err)
				}
				l.spare()
				l.mustPass()
				if a := l.d.Do(t.Context(), Request{Action: ActRetry, IDs: []mail.RecordID{1}}); a.Error != "" {
					t.Errorf("answer %+v", a)
				}
				l.mustPass()
				if !l.said(c.said, "held/"+kept[0]) {
					t.Errorf("the log:\n%s", l.log)
				}
				if rec := l.records()["w0"]; rec.Outcome != c.want || !strings.Contains(rec.Reason, c.reason) {
					t.Errorf("it is %s: %s\n%s", rec.Outcome, rec.Reason, l.log)
				}
			})
		})
	}
}

// A crash between keeping a raw message and telling the journal leaves a file that the next start removes; what persons
// put into held/ stays.
func TestKeptWithoutARecord(t *testing.T) {
	l := newLife(t, "pop3")
	l.putRaw(l.now, damaged("w0"))
	kept := l.untilAllHeld()
	l.shut()
	for _, name := range []string{"1-AAAAAAAAAA.eml", "99-BBBBBBBBBB.eml", "notes.txt"} {
		l.write("state/held/"+name, "x")
	}
	l.daemon()
	want := append(kept, "notes.txt")
	slices.Sort(want)
	if got := l.heldFiles(); !slices.Equal(got, want) {
		t.Errorf("held/ has %q, want %q", got, want)
	}
}

// Where held/ cannot be written the message is held all the same, stays on the server, and nothing else suffers.
func TestHeldCannotBeWritten(t *testing.T) {
	overBoth(t, func(t *testing.T, l *life) {
		l.policy = "leave_copy: false"
		l.putRaw(l.now, damaged("w0"))
		l.mustPass()
		if err := os.Remove(l.path("state", "held")); err != nil {
			t.Fatal(err)
		}
		l.write("state/held", "a file where a directory belongs")
		for range 6 {
			l.now = l.now.Add(25 * time.Hour)
			l.mustPass()
		}
		l.put(l.now, "w1")
		l.mustPass()
		l.mustPass()
		if rec := l.records()["w0"]; rec.Outcome != mail.Held || rec.Kept != "" {
			t.Errorf("it is %s, kept %q", rec.Outcome, rec.Kept)
		}
		l.wantLeft("w0")
		if !l.said("raw message cannot be kept below held/; it stays on the server", "message=1 ") {
			t.Errorf("the log:\n%s", l.log)
		}
	})
}

// A message that is too large is not fetched; a retry takes it without that limit, once.
func TestOversizeAndRetry(t *testing.T) {
	overBoth(t, func(t *testing.T, l *life) {
		l.head, l.policy = "limits: {min_free: 1MB, message_size: 2KB}\n", "leave_copy: false"
		large := func(name string) []byte {
			return bytes.Replace(lifeLetter(name, l.now), []byte("\r\n\r\n"), []byte("\r\nX-Long: "+strings.Repeat("x", 3000)+"\r\n\r\n"), 1)
		}
		l.putRaw(l.now, large("w0"))
		l.putRaw(l.now, large("x0"))
		l.mustPass()
		rec := l.records()["w0"]
		if rec.Outcome != mail.Held || l.commands("RETR") != 0 || !strings.Contains(rec.Reason, "limits.message_size is 2000; pricefetch retry") {
			t.Fatalf("it is %s: %s", rec.Outcome, rec.Reason)
		}
		l.now = l.now.AddDate(1, 0, 0)
		l.mustPass()
		l.wantLeft("w0 x0")
		l.do(Request{Action: ActRetry, IDs: []mail.RecordID{rec.ID}})
		l.mustPass()
		l.mustPass()
		l.imported("autoparts/w0.xls")
		l.wantLeft("x0")
	})
}
