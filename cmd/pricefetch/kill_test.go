package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

// importer takes every file out of an import directory at once, as the program behind it does, and counts them by
// content.
type importer struct {
	site *site
	mu   sync.Mutex
	seen map[string]int // by SHA-256
}

// work takes files until ctx ends, and then once more.
func (i *importer) work(ctx context.Context) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		i.take()
		<-tick.C
	}
	i.take()
}

func (i *importer) take() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for path, hash := range i.site.imported() {
		if err := os.Remove(i.site.path("import", path)); err != nil {
			i.site.t.Error(err)
		}
		i.seen[hash]++
	}
}

// testsWithout is the variable that names, separated by commas, means that this machine lacks. What needs them is not
// run; who sets it has to say so.
const testsWithout = "TESTS_WITHOUT"

// meansLacking are the names in testsWithout.
func meansLacking() []string {
	return strings.FieldsFunc(os.Getenv(testsWithout), func(r rune) bool { return r == ',' || r == ' ' })
}

// findStrace returns the path of a program that kills another at its system calls.
func findStrace(t *testing.T) string {
	t.Helper()
	if slices.Contains(meansLacking(), "strace") {
		t.Skipf("NOT RUN: %s=%s", testsWithout, os.Getenv(testsWithout))
	}
	path, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: install it (apt-get install strace), or run `make test`, which does")
	}
	return path
}

// TestKill kills the real program with SIGKILL at one system call after the other (open, write, fsync, rename, and what
// goes to the server), while an importer takes files at once, and starts it again: each file is published exactly once,
// nothing is deleted that was not saved.
func TestKill(t *testing.T) {
	strace := findStrace(t)
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	points := map[string]int{"openat": 40, "write": 40, "pwrite64": 90, "fsync": 30, "renameat2": 4}
	const stride = 2
	hits := map[string]int{}
	var mu sync.Mutex
	t.Run("at", func(t *testing.T) {
		for call, most := range points {
			for n := 1; n <= most; n += stride {
				for k, protocol := range []string{"imap", "pop3"} {
					if (n/stride+k)%2 == 0 && call != "renameat2" {
						continue // every other point over each protocol
					}
					t.Run(fmt.Sprintf("%s-%d-%s", call, n, protocol), func(t *testing.T) {
						t.Parallel()
						row := killAt(t, server, strace, way{protocol, "none"}, call, n)
						mu.Lock()
						hits[row]++
						mu.Unlock()
					})
				}
			}
		}
	})
	t.Logf("what the kills left: %v", hits)
}

// killAt makes one round and tells which row of the crash table the kill left behind.
func killAt(t *testing.T, server *mailtest.Server, strace string, w way, call string, n int) string {
	user := fmt.Sprintf("%s-%s-%d", w.protocol, call, n)
	server.AddUser(user, "secret-of-"+user)
	s := newSite(t)
	s.configure("mailboxes:\n%s%s", w.mailbox(server, "prices", user, ", retention: {leave_copy: false, brake: off}"), supplierRules)
	s.must(0, "once") // the journal and the directories are made: what is killed is a pass
	want := map[string]int{}
	byID := map[string]string{}
	now := time.Now()
	for i := range 3 {
		content := fill(n*10+i, 5000)
		id := fmt.Sprintf("<%s-%d@e2e.example>", user, i)
		want[sum(content)], byID[id] = 1, sum(content)
		server.Append(user, "INBOX", mailtest.Message(mailtest.MessageOptions{
			From: "price@autoparts.example", ID: id[1 : len(id)-1], Date: now, Received: now,
			Files: []mailtest.Attachment{{Name: "price.xls", Content: content}},
		}), now)
	}
	imp := &importer{site: s, seen: map[string]int{}}
	ctx, stop := context.WithCancel(t.Context())
	var worker sync.WaitGroup
	worker.Go(func() { imp.work(ctx) })

	killed := s.command("once")
	killed.Args = append([]string{strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=" + call, "-e",
		fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n)}, killed.Args...)
	killed.Path = strace
	s.finish(killed)
	row := remains(t, s)
	imp.take()
	left := ids(server, user)
	for id, hash := range byID {
		if _, there := left[id]; !there && imp.seen[hash] == 0 {
			t.Errorf("%s is deleted from the server and was never published", id)
		}
	}
	for range 3 {
		s.run("once")
	}
	stop()
	worker.Wait()
	for hash := range want {
		if imp.seen[hash] != 1 {
			t.Errorf("a file was published %d times", imp.seen[hash])
		}
	}
	if left := ids(server, user); len(left) != 0 {
		t.Errorf("%d messages are left although all are saved\n%s", len(left), s.last.err)
	}
	return row
}

// remains tells from the journal what the killed program had come to.
func remains(t *testing.T, s *site) string {
	j, err := journal.OpenReadOnly(t.Context(), s.path("state", "journal.db"))
	if err != nil {
		return "before the journal"
	}
	defer j.Close()
	intents, err := j.Intents(t.Context(), "prices")
	if err != nil {
		return "before the journal"
	}
	for _, in := range intents {
		for _, f := range in.Files {
			if f.State != mail.FileIntended {
				continue
			}
			if _, err := os.Stat(filepath.Join(s.path("import", ".pricefetch", j.ID()), f.Staged.Name)); err == nil {
				return "intended"
			}
			return "published"
		}
	}
	records, err := j.Records(t.Context(), journal.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Deletion == mail.DeletionIntended {
			return "deletion intended"
		}
		if r.Outcome == mail.Saved && r.Deletion == mail.DeletionNone {
			return "saved"
		}
	}
	return "other"
}

// TestUnmountedBetweenCrashAndStart: a staging directory that is not there is no evidence that anything was published.
func TestUnmountedBetweenCrashAndStart(t *testing.T) {
	strace := findStrace(t)
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	server.AddUser("u", "secret-of-u")
	s := newSite(t)
	s.configure("mailboxes:\n%s%s", way{"imap", "none"}.mailbox(server, "prices", "u", ", first_run: all"), supplierRules)
	s.must(0, "once") // makes the directories, so that the next rename is the file's
	if err := os.Mkdir(s.path("import", "autoparts"), 0o755); err != nil {
		t.Fatal(err)
	}
	content := fill(1, 5000)
	server.Append("u", "INBOX", mailtest.Message(mailtest.MessageOptions{
		From: "price@autoparts.example", ID: "m@e2e.example", Date: time.Now(), Received: time.Now(),
		Files: []mailtest.Attachment{{Name: "price.xls", Content: content}},
	}), time.Now())
	killed := s.command("once")
	killed.Args = append([]string{strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=renameat2", "-e",
		"inject=renameat2:signal=KILL:when=1"}, killed.Args...)
	killed.Path = strace
	s.finish(killed)
	if row := remains(t, s); row != "intended" {
		t.Fatalf("the kill left %q, want an intent whose staged file is there\n%s", row, s.last.err)
	}
	if err := os.Rename(s.path("import"), s.path("elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.path("import"), 0o755); err != nil {
		t.Fatal(err)
	}
	if r := s.must(1, "once"); len(s.imported()) != 0 {
		t.Errorf("files appeared in a directory that is not the journal's\n%s", r.err)
	}
	if out := s.must(0, "history").out; out != "nothing was saved yet\n" {
		t.Errorf("history says that something was saved:\n%s", out)
	}
	if err := os.Remove(s.path("import")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.path("elsewhere"), s.path("import")); err != nil {
		t.Fatal(err)
	}
	s.must(0, "once")
	same(t, s.imported(), map[string]string{"autoparts/price.xls": sum(content)})
}
