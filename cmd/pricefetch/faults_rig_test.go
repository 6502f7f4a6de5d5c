//go:build faults

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"pricefetch/internal/mailtest"
)

// lab is what all rounds share: mail servers in this process, whose mail survives whatever happens to the program's
// disk, and one roomy tmpfs on which rounds, and the images of their disks, are made.
type lab struct {
	bin    string
	strace string
	dir    string
	pop    *mailtest.POP3
	imap   *mailtest.IMAP
	ports  [2]int // of pop and imap
	rounds atomic.Int64
}

func newLab(t *testing.T) *lab {
	t.Helper()
	for _, tool := range []string{"strace", "mkfs.ext4", "e2fsck", "mkfs.xfs", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: `make faults` installs it by .ci/install-test-deps faults", tool)
		}
	}
	l := &lab{dir: t.TempDir(), pop: mailtest.NewPOP3(mailtest.POP3Options{}), imap: mailtest.NewIMAP()}
	l.strace, _ = exec.LookPath("strace")
	var err error
	if l.bin, err = program(); err != nil {
		t.Fatal(err)
	}
	mount(t, "-t", "tmpfs", "-o", "size=3g", "faults", l.dir)
	if l.ports[0], err = l.pop.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.pop.Close() })
	if l.ports[1], err = l.imap.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.imap.Close() })
	return l
}

// rig is one round: an installation, its two mailboxes, an importer.
type rig struct {
	*site
	lab      *lab
	name     string
	drop     *mailtest.Maildrop
	base     string              // its own directory on the lab's tmpfs
	imports  string              // holds import/ and taken/
	state    string              // holds state/
	alone    bool                // no letter is in both mailboxes
	contents map[string][]string // SHA-256 of each file: the letters that carry it
	watch    atomic.Pointer[func(event string)]
	importer *taker
}

// newRig makes an installation whose directories lie below the given ones ("": on the lab's tmpfs).
func newRig(t *testing.T, l *lab, imports, state string) *rig {
	t.Helper()
	name := fmt.Sprintf("r%d", l.rounds.Add(1))
	r := &rig{site: &site{t: t, bin: l.bin, dir: t.TempDir()}, lab: l, name: name, imports: imports, state: state,
		contents: map[string][]string{}}
	r.base = filepath.Join(l.dir, name)
	for dir, path := range map[*string]string{&r.imports: "i", &r.state: "s"} {
		if *dir == "" {
			*dir = filepath.Join(r.base, path)
		}
	}
	for _, dir := range []string{r.importDir(), r.takenDir(), r.stateDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.RemoveAll(r.base) })
	r.drop = l.pop.AddUser(name, "secret")
	if err := l.imap.AddUser(name, "secret"); err != nil {
		t.Fatal(err)
	}
	r.writeConfig()
	return r
}

func (r *rig) importDir() string { return filepath.Join(r.imports, "import") }
func (r *rig) takenDir() string  { return filepath.Join(r.imports, "taken") }
func (r *rig) stateDir() string  { return filepath.Join(r.state, "state") }

func (r *rig) writeConfig() {
	var b strings.Builder
	fmt.Fprintf(&b, "import_dir: %s\nstate_dir: %s\nlimits: {min_free: 1KB}\nmailboxes:\n", r.importDir(), r.stateDir())
	for i, protocol := range []string{"pop3", "imap"} {
		port := listenBetween(r.t, r.lab.ports[i], r.event)
		fmt.Fprintf(&b, "  - {name: %s, protocol: %s, host: 127.0.0.1, port: %d, tls: none, username: %s, password: secret, "+
			"retention: {leave_copy: false, brake: off}}\n", protocol, protocol, port, r.name)
	}
	r.write("pricefetch.yaml", b.String()+supplierRules)
}

// event tells the round's watcher what has just come by: a command of the program, before the server sees it, or a
// file in the import directory, before the importer takes it.
func (r *rig) event(what string) {
	if watch := r.watch.Load(); watch != nil {
		(*watch)(what)
	}
}

// deliver puts the round's mail on the server: in each mailbox three letters, one of them with two files of the same
// name, and one letter that both mailboxes have.
func (r *rig) deliver() {
	r.t.Helper()
	now := time.Now()
	seed := int(r.lab.rounds.Load()) * 100
	file := func(id string, n int) mailtest.Attachment {
		seed++
		content := fill(seed, n)
		r.contents[sum(content)] = append(r.contents[sum(content)], id)
		return mailtest.Attachment{Name: "Прайс.xls", Content: content}
	}
	letter := func(id string, files ...mailtest.Attachment) []byte {
		return mailtest.Message(mailtest.MessageOptions{From: "price@autoparts.example", ID: id, Date: now, Received: now, Files: files})
	}
	put := func(mailbox string, raw []byte) {
		if mailbox == "pop3" {
			r.drop.Add(raw)
		} else if err := r.lab.imap.Append(r.name, "INBOX", raw, now); err != nil {
			r.t.Fatal(err)
		}
	}
	// Somebody else's, marked by him: it must stay. A server also tells by it that marks are kept.
	foreign := mailtest.Message(mailtest.MessageOptions{From: "friend@example.org", ID: r.foreign(), Date: now, Received: now})
	if err := r.lab.imap.Append(r.name, "INBOX", foreign, now, imap.FlagDeleted); err != nil {
		r.t.Fatal(err)
	}
	var both []byte
	if !r.alone {
		both = letter(r.name+"-both@faults.example", file("both", 9000))
	}
	for _, mailbox := range []string{"pop3", "imap"} {
		id := func(n int) string { return fmt.Sprintf("%s-%s-%d@faults.example", r.name, mailbox, n) }
		put(mailbox, letter(id(1), file(id(1), 5000)))
		put(mailbox, letter(id(2), file(id(2), 20_000), file(id(2), 300)))
		if both != nil {
			put(mailbox, both)
		}
		put(mailbox, letter(id(3), file(id(3), 70_000)))
	}
	for hash, ids := range r.contents {
		for i, id := range ids {
			if id == "both" {
				r.contents[hash][i] = r.name + "-both@faults.example"
			}
		}
	}
}

func (r *rig) foreign() string { return r.name + "-foreign@faults.example" }

// served returns the Message-IDs of our letters that the servers still have, in whichever mailbox.
func (r *rig) served() map[string]bool {
	r.t.Helper()
	out := map[string]bool{}
	infos, err := r.lab.imap.Messages(r.name, "INBOX")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, m := range infos {
		out[strings.Trim(m.MessageID, "<>")] = true
	}
	for _, m := range r.drop.Messages() {
		_, after, _ := strings.Cut(string(m.Raw), "Message-ID: <")
		id, _, _ := strings.Cut(after, ">")
		out[id] = true
	}
	if !out[r.foreign()] {
		r.t.Errorf("a letter that somebody else has marked \\Deleted is gone")
	}
	delete(out, r.foreign())
	return out
}

// counts tells how often each file is there, in the import directory or where the importer has put it. A file that no
// letter carried is half a file, or torn.
func (r *rig) counts() map[string]int {
	r.t.Helper()
	out := map[string]int{}
	for _, root := range []string{r.importDir(), r.takenDir()} {
		for path, hash := range files(r.t, root) {
			if r.contents[hash] == nil {
				r.t.Errorf("%s is not as any letter had it", path)
			}
			out[hash]++
		}
	}
	return out
}

// files returns the SHA-256 of every file below root, without hidden directories.
func files(t testing.TB, root string) map[string]string {
	t.Helper()
	s := &site{t: t, dir: filepath.Dir(root)}
	if filepath.Base(root) == "import" {
		return s.imported()
	}
	out := map[string]string{}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(root, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = sum(data)
	}
	return out
}

// under runs the program once, in the way that change gives its command, while the importer works and a fault is on.
// It tells how the program ended.
func (r *rig) under(change func(*exec.Cmd), watch func(cmd *exec.Cmd) func(event string)) string {
	r.t.Helper()
	cmd := r.command("once")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if change != nil {
		change(cmd)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	if watch != nil {
		f := watch(cmd)
		r.watch.Store(&f)
	}
	stuck := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // the state tells
	if !stuck.Stop() {
		r.t.Errorf("the program did not end within 2 minutes\n%s", errs.String())
	}
	r.watch.Store(nil)
	r.last.err = errs.String()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled():
		return status.Signal().String()
	case status.ExitStatus() == 2 && strings.Contains(errs.String(), "goroutine "):
		return "crash: " + firstLine(errs.String(), "fatal error: ", "SIGBUS", "panic: ")
	default:
		return fmt.Sprintf("exit %d", status.ExitStatus())
	}
}

// firstLine returns the first line that contains one of the marks.
func firstLine(text string, marks ...string) string {
	for line := range strings.Lines(text) {
		if slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(line, m) }) {
			return strings.TrimSpace(line)
		}
	}
	return "?"
}

// judge compares disk, servers and, where it was read, history. With listed nil nothing is expected of history.
func (r *rig) judge(when string, listed map[string]int) (lost, doubled int) {
	r.t.Helper()
	counts, served := r.counts(), r.served()
	for hash, ids := range r.contents {
		onServer := slices.ContainsFunc(ids, func(id string) bool { return served[id] })
		switch n := counts[hash]; {
		case n > 1:
			doubled++
			r.t.Errorf("%s: the file of %v was imported %d times", when, ids, n)
		case n == 0 && !onServer:
			lost++
			r.t.Errorf("%s: %v is deleted from the server, its file is nowhere", when, ids)
		case n == 0 && listed[hash] > 0:
			lost++
			r.t.Errorf("%s: history lists the file of %v, which is nowhere", when, ids)
		case listed != nil && listed[hash] == 0 && !onServer:
			r.t.Errorf("%s: %v is deleted from the server, history does not list its file", when, ids)
		}
		if listed[hash] > 1 {
			r.t.Errorf("%s: history lists the file of %v %d times", when, ids, listed[hash])
		}
	}
	for name, hash := range r.importer.kept() {
		if data, err := os.ReadFile(filepath.Join(r.takenDir(), name)); err != nil || sum(data) != hash {
			r.t.Errorf("%s: the disk lost what the importer had synced: %s (%v); this round shows nothing", when, name, err)
		}
	}
	return lost, doubled
}

// history returns how often the program lists each file as saved.
func (r *rig) history() map[string]int {
	r.t.Helper()
	var rows []historyRow
	out := r.must(0, "history", "--limit", "0", "--output", "json").out
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		r.t.Fatalf("history printed no JSON: %v\n%s", err, out)
	}
	listed := map[string]int{}
	for _, row := range rows {
		if r.contents[row.SHA256] == nil {
			r.t.Errorf("history lists %s, whose content no letter had", row.Path)
		}
		listed[row.SHA256]++
	}
	return listed
}

// settle is what comes after the fault, with the disk in order again: the promises are held at once, after the first
// start, and when all is done.
func (r *rig) settle(sum *tally, effect string) {
	r.t.Helper()
	under := r.last.err
	lost, doubled := r.judge("after the fault", nil)
	r.importer.start()
	r.run("once")
	r.importer.stop()
	listed := r.history()
	l, d := r.judge("after the restart", listed)
	lost, doubled = max(lost, l), max(doubled, d)
	r.importer.start()
	for range 4 {
		if len(r.served()) == 0 {
			break
		}
		r.run("once")
	}
	r.importer.stop()
	final := r.history()
	l, d = r.judge("at the end", final)
	lost, doubled = max(lost, l), max(doubled, d)
	if left := r.served(); len(left) != 0 {
		r.t.Errorf("%d messages are still not saved and deleted: %v\n%s\n%s", len(left), slices.Sorted(maps.Keys(left)), r.run("once", "--log-level", "info").err, r.run("messages").out)
	}
	if len(final) != len(r.contents) {
		r.t.Errorf("history lists %d of %d files at the end", len(final), len(r.contents))
	}
	if r.t.(*testing.T).Failed() {
		r.t.Logf("the program under the fault (%s) said:\n%s", effect, under)
	}
	sum.add(len(listed), lost, doubled, effect)
}
