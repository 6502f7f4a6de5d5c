package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pricefetch/internal/mailtest"
	"pricefetch/internal/poll"
)

// program builds the real binary once for all tests of this package.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pricefetch")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "pricefetch")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// site is one installation of the real program.
type site struct {
	t    testing.TB
	dir  string // holds import/, state/ and the configuration
	bin  string
	wrap func(*exec.Cmd) // changes each run of the program; nil: does not
	last result
}

// result is what one run of the program left.
type result struct {
	status int
	out    string
	err    string
	maxRSS int64 // bytes, where it was watched
}

func newSite(t testing.TB) *site {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: t.TempDir(), bin: bin}
	for _, sub := range []string{"import", "state"} {
		if err := os.Mkdir(filepath.Join(s.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *site) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// configure writes the configuration: the directories, then what is given.
func (s *site) configure(format string, args ...any) {
	s.t.Helper()
	head := fmt.Sprintf("import_dir: %s\nstate_dir: %s\nlimits: {min_free: 1MB}\n", s.path("import"), s.path("state"))
	s.write("pricefetch.yaml", head+fmt.Sprintf(format, args...))
}

func (s *site) write(name, text string) string {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.path(name)
}

// command makes a run of the program with this site's configuration.
func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.bin, append([]string{"--config", s.path("pricefetch.yaml")}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TZ=UTC"}
	return cmd
}

// run runs the program to its end.
func (s *site) run(args ...string) result {
	s.t.Helper()
	cmd := s.command(args...)
	if s.wrap != nil {
		s.wrap(cmd)
	}
	return s.finish(cmd)
}

func (s *site) finish(cmd *exec.Cmd) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Start()
	var peak int64
	if err == nil {
		exited := make(chan struct{})
		watched := make(chan int64)
		go func() { watched <- watchMemory(cmd.Process.Pid, exited) }()
		err = cmd.Wait()
		close(exited)
		peak = <-watched
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		s.t.Fatalf("run %v: %v", cmd.Args, err)
	}
	s.last = result{cmd.ProcessState.ExitCode(), out.String(), errs.String(), peak}
	return s.last
}

// watchMemory returns the high-water mark of a process's memory as it was last seen. What wait4 reports is no measure:
// it begins with the memory of the process that started the program.
func watchMemory(pid int, exited <-chan struct{}) (peak int64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok && err == nil {
			var kb int64
			if _, err := fmt.Sscan(after, &kb); err == nil {
				peak = max(peak, kb*1024)
			}
		}
		select {
		case <-exited:
			return peak
		case <-tick.C:
		}
	}
}

// must runs the program and wants its exit status.
func (s *site) must(status int, args ...string) result {
	s.t.Helper()
	r := s.run(args...)
	if r.status != status {
		s.t.Fatalf("pricefetch %v: status %d, want %d\n%s\n%s", args, r.status, status, r.out, r.err)
	}
	return r
}

// once makes a pass and returns its reports by mailbox.
func (s *site) once(status int) map[string]poll.Report {
	s.t.Helper()
	r := s.must(status, "once", "--output", "json")
	var rows []poll.Report
	if err := json.Unmarshal([]byte(r.out), &rows); err != nil {
		s.t.Fatalf("once printed no JSON: %v\n%s", err, r.out)
	}
	out := map[string]poll.Report{}
	for _, row := range rows {
		out[row.Mailbox] = row
	}
	return out
}

// imported returns the SHA-256 of every file in the import directory by its path.
func (s *site) imported() map[string]string {
	s.t.Helper()
	out, err := mailtest.Imported(s.path("import"))
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func sum(data []byte) string { return mailtest.Sum(data) }

func fill(seed, n int) []byte { return mailtest.Fill(seed, n) }

// same compares what was imported with what was wanted.
func same(t testing.TB, got, want map[string]string) {
	t.Helper()
	for _, difference := range mailtest.Differences(got, want) {
		t.Error(difference)
	}
}

// way is one way of reaching the same Dovecot.
type way struct{ protocol, tls string }

func (w way) String() string { return w.protocol + "-" + w.tls }

var ways = []way{{"imap", "none"}, {"imap", "starttls"}, {"imap", "implicit"}, {"pop3", "none"}, {"pop3", "starttls"}, {"pop3", "implicit"}}

// mailbox is the configuration of one mailbox reached that way.
func (w way) mailbox(s *mailtest.Server, name, user, more string) string {
	port := map[string]int{
		"imap-none": s.IMAPPort, "imap-starttls": s.IMAPPort, "imap-implicit": s.IMAPSPort,
		"pop3-none": s.POP3Port, "pop3-starttls": s.POP3Port, "pop3-implicit": s.POP3SPort,
	}[w.String()]
	trust := ""
	if w.tls != "none" {
		trust = ", ca_file: " + s.CAFile
	}
	return fmt.Sprintf("  - {name: %s, protocol: %s, host: %s, port: %d, tls: %s%s, username: %s, password: secret-of-%s%s}\n",
		name, w.protocol, s.Host, port, w.tls, trust, user, user, more)
}

const supplierRules = mailtest.SupplierRules

// flood fills a mailbox with 200 messages of which 40 match the five rules, and returns the files that are wanted and
// the Message-IDs that carry them.
func flood(s *mailtest.Server, user string, received time.Time) (files map[string]string, wanted map[string]bool) {
	files, wanted = map[string]string{}, map[string]bool{}
	for _, m := range mailtest.Flood(user, received) {
		s.Append(user, "INBOX", m.Raw, m.Received)
		if m.Path != "" {
			files[m.Path] = m.Sum
			wanted["<"+m.ID+">"] = true
		}
	}
	return files, wanted
}

// ids returns the Message-IDs that doveadm finds in a folder.
func ids(s *mailtest.Server, user string) map[string]mailtest.Info {
	out := map[string]mailtest.Info{}
	for _, m := range s.Messages(user, "INBOX") {
		out[m.MessageID] = m
	}
	return out
}

// TestDovecot is the main job on a real server, over both protocols and every kind of connection: 200 messages, 40 of
// them for 5 rules. The server is inspected with doveadm, not with our client.
func TestDovecot(t *testing.T) {
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			user := w.String()
			server.AddUser(user, "secret-of-"+user)
			now := time.Now()
			files, wanted := flood(server, user, now.Add(-time.Hour))
			old := now.AddDate(0, 0, -40)
			server.Append(user, "INBOX", mailtest.Message(mailtest.MessageOptions{
				From: "price@autoparts.example", Subject: "old", ID: "old@e2e.example", Date: old, Received: old,
				Files: []mailtest.Attachment{{Name: "old.xls", Content: []byte("old")}},
			}), old)
			foreign := "foreign@e2e.example"
			server.Append(user, "INBOX", mailtest.Message(mailtest.MessageOptions{
				From: "friend@example.org", Subject: "mine", ID: foreign, Date: now, Received: now,
			}), now.Add(-2*time.Hour), `\Deleted`, `\Seen`)

			s := newSite(t)
			s.configure("mailboxes:\n%s%s", w.mailbox(server, "prices", user, ""), supplierRules)
			first := s.once(0)["prices"]
			if len(first.Files) != 40 || first.Listed != 202 || first.Baseline != 1 {
				t.Fatalf("first pass: %d files of %d listed, %d baseline\n%s", len(first.Files), first.Listed, first.Baseline, s.last.err)
			}
			same(t, s.imported(), files)
			if n := len(ids(server, user)); n != 202 {
				t.Errorf("leave_copy: true left %d of 202 messages", n)
			}
			second := s.once(0)["prices"]
			if second.Read != 0 || second.Wanted != 0 || len(second.Files) != 0 {
				t.Errorf("second pass read %d messages, saved %d files", second.Read, len(second.Files))
			}
			for id, m := range ids(server, user) {
				if w.protocol == "pop3" && wanted[id] {
					continue // this server marks what was RETR-ed, whoever the client is
				}
				if slices.Contains(m.Flags, `\Seen`) != (id == "<"+foreign+">") {
					t.Errorf("%s has flags %v: \\Seen was touched", id, m.Flags)
				}
			}

			// leave_copy: false takes exactly the saved ones; more than 20 of them are many for a new policy.
			s.configure("mailboxes:\n%s%s", w.mailbox(server, "prices", user, ", retention: {leave_copy: false, brake: off}"), supplierRules)
			if third := s.once(0)["prices"]; third.Deleted != 40 {
				t.Fatalf("leave_copy: false deleted %d of 40\n%s", third.Deleted, s.last.err)
			}
			left := ids(server, user)
			for id := range wanted {
				if _, there := left[id]; there {
					t.Errorf("%s is saved and still there", id)
				}
			}
			if len(left) != 162 {
				t.Errorf("%d messages are left of 202, want the 162 that were not saved", len(left))
			}

			// delete_after_days takes exactly the old one.
			s.configure("mailboxes:\n%s%s", w.mailbox(server, "prices", user, ", retention: {delete_after_days: 30}"), supplierRules)
			if fourth := s.once(0)["prices"]; fourth.Deleted != 1 {
				t.Errorf("delete_after_days: 30 deleted %d\n%s", fourth.Deleted, s.last.err)
			}
			left = ids(server, user)
			if _, there := left["<old@e2e.example>"]; there || len(left) != 161 {
				t.Errorf("%d messages left, the old one still there: %v", len(left), there)
			}
			if _, there := left["<"+foreign+">"]; !there {
				t.Error("a message that another client marked \\Deleted is gone")
			}
			s.once(0)
			same(t, s.imported(), files)
		})
	}
}

// TestThreeYearsOfMail: default options import nothing old and delete nothing; a policy of 30 days on a fresh journal
// deletes nothing before approve, and exactly the plan after it.
func TestThreeYearsOfMail(t *testing.T) {
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	for _, w := range []way{{"imap", "implicit"}, {"pop3", "implicit"}} {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			user := w.String()
			server.AddUser(user, "secret-of-"+user)
			now := time.Now()
			old, fresh := 0, map[string]string{}
			for i := range 160 {
				received := now.Add(-time.Duration(i) * 7 * 24 * time.Hour).Add(-time.Hour)
				name, content := fmt.Sprintf("Прайс %d.xls", i), fill(i, 500)
				server.Append(user, "INBOX", mailtest.Message(mailtest.MessageOptions{
					From: "price@autoparts.example", Subject: "Прайс", ID: fmt.Sprintf("%d@e2e.example", i), Date: received, Received: received,
					Files: []mailtest.Attachment{{Name: name, Content: content}},
				}), received)
				if i == 0 {
					fresh["autoparts/"+name] = sum(content)
				}
				if now.Sub(received) >= 30*24*time.Hour {
					old++
				}
			}
			s := newSite(t)
			s.configure("mailboxes:\n%s%s", w.mailbox(server, "prices", user, ""), supplierRules)
			for range 3 {
				s.once(0)
			}
			same(t, s.imported(), fresh)
			if n := len(ids(server, user)); n != 160 {
				t.Fatalf("default options left %d of 160 messages", n)
			}

			fresh0 := newSite(t)
			fresh0.configure("mailboxes:\n%s%s", w.mailbox(server, "prices", user, ", retention: {delete_after_days: 30}"), supplierRules)
			for range 3 {
				report := fresh0.once(0)["prices"]
				if report.Deleted != 0 || report.Waiting != old {
					t.Fatalf("before approve: %d deleted, %d wait, want 0 and %d", report.Deleted, report.Waiting, old)
				}
			}
			if n := len(ids(server, user)); n != 160 {
				t.Fatalf("before approve %d of 160 messages are left", n)
			}
			same(t, fresh0.imported(), fresh)
			fresh0.must(0, "approve", "prices")
			if report := fresh0.once(0)["prices"]; report.Deleted != old {
				t.Errorf("after approve %d deleted, want exactly the plan of %d", report.Deleted, old)
			}
			if n := len(ids(server, user)); n != 160-old {
				t.Errorf("after approve %d messages are left, want %d", n, 160-old)
			}
		})
	}
}

// TestTenMailboxes: one with a wrong password, one without its secret, one unreachable. Seven are served, three reported.
func TestTenMailboxes(t *testing.T) {
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	s := newSite(t)
	var boxes strings.Builder
	want := map[string]string{}
	for i := range 7 {
		user := fmt.Sprintf("user%d", i)
		server.AddUser(user, "secret-of-"+user)
		content := fill(i, 1000)
		server.Append(user, "INBOX", mailtest.Message(mailtest.MessageOptions{
			From: "price@autoparts.example", ID: user + "@e2e.example", Date: time.Now(), Received: time.Now(),
			Files: []mailtest.Attachment{{Name: user + ".xls", Content: content}},
		}), time.Now())
		want["autoparts/"+user+".xls"] = sum(content)
		boxes.WriteString(ways[i%len(ways)].mailbox(server, user, user, ""))
	}
	server.AddUser("wrong", "other")
	boxes.WriteString(way{"imap", "implicit"}.mailbox(server, "wrong", "wrong", ""))
	fmt.Fprintf(&boxes, "  - {name: secretless, protocol: imap, host: %s, port: %d, ca_file: %s, username: user0, password_file: %s}\n",
		server.Host, server.IMAPSPort, server.CAFile, s.path("missing"))
	boxes.WriteString("  - {name: unreachable, protocol: pop3, host: 127.0.0.1, port: 1, username: u, password: p}\n")
	s.configure("mailboxes:\n%s%s", boxes.String(), supplierRules)
	r := s.must(1, "once", "--output", "json")
	var rows []passRow
	if err := json.Unmarshal([]byte(r.out), &rows); err != nil {
		t.Fatal(err)
	}
	failed := map[string]string{}
	for _, row := range rows {
		if row.Error != "" {
			failed[row.Mailbox] = row.Class
		}
	}
	if want := map[string]string{"wrong": "auth", "secretless": "auth", "unreachable": "temporary"}; !maps.Equal(failed, want) {
		t.Errorf("failed: %v, want %v\n%s", failed, want, r.err)
	}
	same(t, s.imported(), want)
	if status := s.must(0, "status").out; !strings.Contains(status, "unreachable: fails since") || !strings.Contains(status, "missing") {
		t.Errorf("status does not say what fails:\n%s", status)
	}
	for _, secret := range []string{"secret-of-", `"other"`} {
		if strings.Contains(s.run("check", "--connect").out+s.last.err+r.err+r.out, secret) {
			t.Errorf("output shows a secret (%s…)", secret)
		}
	}
}

// TestFullImportDirectory: everything is reported, nothing fetched or deleted; all is complete once there is space.
func TestFullImportDirectory(t *testing.T) {
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	s := newSite(t)
	var boxes strings.Builder
	want := map[string]string{}
	for _, w := range []way{{"imap", "implicit"}, {"pop3", "implicit"}} {
		user := w.String()
		server.AddUser(user, "secret-of-"+user)
		content := fill(len(user), 100_000)
		server.Append(user, "INBOX", mailtest.Message(mailtest.MessageOptions{
			From: "price@autoparts.example", ID: user + "@e2e.example", Date: time.Now(), Received: time.Now(),
			Files: []mailtest.Attachment{{Name: user + ".xls", Content: content}},
		}), time.Now())
		want["autoparts/"+user+".xls"] = sum(content)
		boxes.WriteString(w.mailbox(server, user, user, ", retention: {leave_copy: false}"))
	}
	config := "import_dir: " + s.path("import") + "\nstate_dir: " + s.path("state") + "\nlimits: {min_free: %s}\nmailboxes:\n" +
		boxes.String() + supplierRules
	s.write("pricefetch.yaml", fmt.Sprintf(config, "900000GB"))
	r := s.must(1, "once")
	if strings.Count(r.out, "FAILED (storage)") != 2 || !strings.Contains(r.err, "min_free") {
		t.Errorf("a full disk is not reported for both:\n%s\n%s", r.out, r.err)
	}
	for _, w := range []string{"imap-implicit", "pop3-implicit"} {
		if n := len(ids(server, w)); n != 1 {
			t.Errorf("%s: %d messages left", w, n)
		}
	}
	same(t, s.imported(), map[string]string{})
	s.write("pricefetch.yaml", fmt.Sprintf(config, "1MB"))
	s.must(0, "once")
	same(t, s.imported(), want)
	for _, w := range []string{"imap-implicit", "pop3-implicit"} {
		if n := len(ids(server, w)); n != 0 {
			t.Errorf("%s: %d messages left after they were saved", w, n)
		}
	}
}

// TestLargeAttachment: 100 MB flow through without being held in memory.
func TestLargeAttachment(t *testing.T) {
	const limit = 60 << 20
	server := mailtest.Dovecot(t, mailtest.DovecotOptions{})
	content := fill(1, 100<<20)
	raw := mailtest.Message(mailtest.MessageOptions{
		From: "price@autoparts.example", ID: "large@e2e.example", Date: time.Now(), Received: time.Now(),
		Files: []mailtest.Attachment{{Name: "Большой прайс.xls", Content: content}},
	})
	for _, w := range []way{{"imap", "implicit"}, {"pop3", "implicit"}} {
		t.Run(w.String(), func(t *testing.T) {
			user := w.String()
			server.AddUser(user, "secret-of-"+user)
			server.Append(user, "INBOX", raw, time.Now())
			s := newSite(t)
			s.configure("mailboxes:\n%s%s", w.mailbox(server, "prices", user, ""), supplierRules)
			s.write("pricefetch.yaml", strings.Replace(readFile(t, s.path("pricefetch.yaml")), "min_free: 1MB", "min_free: 1MB, message_size: 200MB", 1))
			s.must(0, "once")
			t.Logf("peak memory of the process: %.1f MB", float64(s.last.maxRSS)/1e6)
			if s.last.maxRSS == 0 || s.last.maxRSS > limit {
				t.Errorf("peak memory %d bytes, limit %d", s.last.maxRSS, limit)
			}
			same(t, s.imported(), map[string]string{"autoparts/Большой прайс.xls": sum(content)})
		})
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
