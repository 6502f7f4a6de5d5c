//go:build faults

package main

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

// lab is what all rounds share: mail servers in this process, whose mail survives whatever happens to the program's
// disk, and one roomy tmpfs on which rounds, and the images of their disks, are made.
type lab struct {
	bin     string
	missing []string // means
	strace  string
	dir     string
	pop     *mailtest.POP3
	imap    *mailtest.IMAP
	ports   [2]int // of pop and imap
	count   atomic.Int64
	newer   func() (string, error) // the program of one journal version later
}

func newLab(t *testing.T, missing []string) *lab {
	t.Helper()
	l := &lab{dir: t.TempDir(), missing: missing, pop: mailtest.NewPOP3(mailtest.POP3Options{}), imap: mailtest.NewIMAP()}
	for tool, means := range map[string]string{"strace": withStrace, "mkfs.ext4": withExt4, "e2fsck": withExt4, "mkfs.xfs": withXFS} {
		if _, err := exec.LookPath(tool); err != nil && !l.lacks(means) {
			t.Fatalf("%s is missing: `make faults` installs it by .ci/install-test-deps faults", tool)
		}
	}
	l.strace, _ = exec.LookPath("strace")
	l.newer = sync.OnceValues(func() (string, error) { return variant(t.TempDir(), nextVersion) })
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

// lacks reports whether the machine lacks one of the means.
func (l *lab) lacks(means ...string) bool {
	return slices.ContainsFunc(means, func(m string) bool { return slices.Contains(l.missing, m) })
}

// disk is a directory of its own for a file system of a round.
func (l *lab) disk() string { return filepath.Join(l.dir, fmt.Sprintf("disk%d", l.count.Add(1))) }

// rig is one round's installation: its two mailboxes, its directories, an importer.
type rig struct {
	*site
	x        *trial
	name     string
	seed     int // of the contents of its files
	drop     *mailtest.Maildrop
	base     string              // its own directory on the lab's tmpfs
	imports  string              // holds import/ and taken/
	state    string              // holds state/
	alone    bool                // no letter is in both mailboxes
	contents map[string][]string // SHA-256 of each wanted file: the letters that carry it
	stay     map[string][]byte   // letters that no pass may delete, by Message-ID
	watch    atomic.Pointer[func(event string)]
	importer *taker
}

// newRig makes an installation whose directories lie below the given ones ("": on the lab's tmpfs).
func newRig(x *trial, imports, state string) *rig {
	x.Helper()
	n := int(x.lab.count.Add(1))
	name := fmt.Sprintf("r%d", n)
	r := &rig{site: &site{t: x, bin: x.bin, dir: x.TempDir()}, x: x, name: name, seed: n * 100, imports: imports, state: state,
		contents: map[string][]string{}, stay: map[string][]byte{}}
	r.base = filepath.Join(x.lab.dir, name)
	for dir, path := range map[*string]string{&r.imports: "i", &r.state: "s"} {
		if *dir == "" {
			*dir = filepath.Join(r.base, path)
		}
	}
	for _, dir := range []string{r.importDir(), r.takenDir(), r.stateDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			x.Fatal(err)
		}
	}
	x.Cleanup(func() { _ = os.RemoveAll(r.base) })
	r.drop = x.lab.pop.AddUser(name, "secret")
	if err := x.lab.imap.AddUser(name, "secret"); err != nil {
		x.Fatal(err)
	}
	r.writeConfig()
	return r
}

func (r *rig) importDir() string { return filepath.Join(r.imports, "import") }
func (r *rig) takenDir() string  { return filepath.Join(r.imports, "taken") }
func (r *rig) stateDir() string  { return filepath.Join(r.state, "state") }

func (r *rig) writeConfig() {
	var b strings.Builder
	fmt.Fprintf(&b, "import_dir: %s\nstate_dir: %s\nlimits: {min_free: 1KB, message_size: 200KB}\nmailboxes:\n", r.importDir(), r.stateDir())
	for i, protocol := range []string{"pop3", "imap"} {
		port := listenBetween(r.t, r.x.lab.ports[i], r.event)
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

// protocols are those of the two mailboxes, which have the same names.
var protocols = []string{"pop3", "imap"}

// put gives a letter to a mailbox.
func (r *rig) put(mailbox string, raw []byte, flags ...imap.Flag) {
	r.t.Helper()
	if mailbox == "pop3" {
		r.drop.Add(raw)
	} else if err := r.x.lab.imap.Append(r.name, "INBOX", raw, time.Now(), flags...); err != nil {
		r.t.Fatal(err)
	}
}

// letter is a supplier's, wanted or not.
func (r *rig) letter(from, id string, files ...mailtest.Attachment) []byte {
	now := time.Now()
	return mailtest.Message(mailtest.MessageOptions{From: from, ID: id, Date: now, Received: now, Files: files})
}

func (r *rig) id(mailbox, what string) string {
	return fmt.Sprintf("%s-%s-%s@faults.example", r.name, mailbox, what)
}

// firstRun has the program make its journal and its directories, on mailboxes that hold one letter each: its file is
// damaged, and it has failed so often that the next failure puts it under held/.
func (r *rig) firstRun() {
	r.t.Helper()
	for _, mailbox := range protocols {
		id := r.id(mailbox, "damaged")
		raw := r.letter(price, id, mailtest.Attachment{Name: "Прайс.xls", Content: []byte("damaged below")})
		intact := base64.StdEncoding.EncodeToString([]byte("damaged below"))
		r.stay[id] = []byte(strings.Replace(string(raw), intact, intact[:5], 1)) // one character of four is no octet
		r.put(mailbox, r.stay[id])
	}
	r.run("once")
	db, err := sql.Open("sqlite", filepath.Join(r.stateDir(), "journal.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	done, err := db.Exec("UPDATE record SET failures = 5, next = 1 WHERE outcome = 'failed'")
	if err != nil {
		r.t.Fatal(err)
	}
	if n, err := done.RowsAffected(); n != 2 || err != nil {
		r.t.Fatalf("%d of 2 damaged letters have failed in the first run (%v)\n%s", n, err, r.last.err)
	}
}

// price is a sender that the first of the supplierRules wants.
const price = "price@autoparts.example"

// deliver puts the round's mail on the server: in each mailbox three letters, one of them with two files of the same
// name, one letter that both mailboxes have, and one that is too large and is held.
func (r *rig) deliver() {
	r.t.Helper()
	file := func(id string, n int) mailtest.Attachment {
		r.seed++
		content := fill(r.seed, n)
		r.contents[sum(content)] = append(r.contents[sum(content)], id)
		return mailtest.Attachment{Name: "Прайс.xls", Content: content}
	}
	// Somebody else's, marked by him: it must stay. A server also tells by it that marks are kept.
	foreign := r.id("imap", "foreign")
	r.stay[foreign] = r.letter("friend@example.org", foreign)
	r.put("imap", r.stay[foreign], imap.FlagDeleted)
	var both []byte
	if !r.alone {
		id := r.id("any", "both")
		both = r.letter(price, id, file(id, 9000))
	}
	for _, mailbox := range protocols {
		id := func(n int) string { return r.id(mailbox, fmt.Sprint(n)) }
		r.put(mailbox, r.letter(price, id(1), file(id(1), 5000)))
		r.put(mailbox, r.letter(price, id(2), file(id(2), 20_000), file(id(2), 300)))
		if both != nil {
			r.put(mailbox, both)
		}
		large := r.id(mailbox, "large")
		r.stay[large] = r.letter(price, large, mailtest.Attachment{Name: "Прайс.xls", Content: fill(r.seed, 200_000)})
		r.put(mailbox, r.stay[large])
		r.put(mailbox, r.letter(price, id(3), file(id(3), 70_000)))
	}
}

// served returns the Message-IDs of the letters that the servers still have, in whichever mailbox, and that are to be
// saved and deleted; those that must stay are not among them.
func (r *rig) served() map[string]bool {
	r.t.Helper()
	out := map[string]bool{}
	infos, err := r.x.lab.imap.Messages(r.name, "INBOX")
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
	for id := range r.stay {
		if !out[id] {
			r.x.complain("%s is deleted from the server: it is held, or somebody else's", id)
		}
		delete(out, id)
	}
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
				r.x.complain("%s is not as any letter had it", path)
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
			r.x.complain("%s: the file of %v was imported %d times", when, ids, n)
		case n == 0 && !onServer:
			lost++
			r.x.complain("%s: %v is deleted from the server, its file is nowhere", when, ids)
		case n == 0 && listed[hash] > 0:
			lost++
			r.x.complain("%s: history lists the file of %v, which is nowhere", when, ids)
		case listed != nil && listed[hash] == 0 && !onServer:
			r.x.complain("%s: %v is deleted from the server, history does not list its file", when, ids)
		}
		if listed[hash] > 1 {
			r.x.complain("%s: history lists the file of %v %d times", when, ids, listed[hash])
		}
	}
	for name, hash := range r.importer.kept() {
		if data, err := os.ReadFile(filepath.Join(r.takenDir(), name)); err != nil || sum(data) != hash {
			r.t.Errorf("%s: the disk lost what the importer had synced: %s (%v); this round shows nothing", when, name, err)
		}
	}
	return lost, doubled
}

// asked has the program answer in JSON. Where it cannot, its journal is broken.
func (r *rig) asked(rows any, args ...string) bool {
	r.t.Helper()
	got := r.run(append(args, "--limit", "0", "--output", "json")...)
	if got.status != 0 {
		r.x.complain("pricefetch %s: status %d\n%s", args[0], got.status, got.err)
		return false
	}
	if err := json.Unmarshal([]byte(got.out), rows); err != nil {
		r.t.Fatalf("%s printed no JSON: %v\n%s", args[0], err, got.out)
	}
	return true
}

// history returns how often the program lists each file as saved.
func (r *rig) history() map[string]int {
	r.t.Helper()
	var rows []historyRow
	listed := map[string]int{}
	r.asked(&rows, "history")
	for _, row := range rows {
		if r.contents[row.SHA256] == nil {
			r.x.complain("history lists %s, whose content no letter had", row.Path)
		}
		listed[row.SHA256]++
	}
	return listed
}

// held looks at the letters that wait for a person: each is on record, and what is kept of one is whole.
func (r *rig) held() {
	r.t.Helper()
	var rows []messageRow
	if !r.asked(&rows, "messages") {
		return
	}
	waiting := map[string]bool{}
	for _, row := range rows {
		id := strings.Trim(row.MessageID, "<>")
		if raw := r.stay[id]; raw == nil || (row.Outcome != mail.Held && row.Outcome != mail.Failed) {
			continue
		} else if row.Kept != "" {
			data, err := os.ReadFile(filepath.Join(r.stateDir(), "held", row.Kept))
			if err != nil || !bytes.Equal(data, raw) {
				r.x.complain("held/%s is not the letter %s: %d bytes of %d (%v)", row.Kept, id, len(data), len(raw), err)
			}
		}
		waiting[id] = true
	}
	for id := range r.stay {
		if id != r.id("imap", "foreign") && !waiting[id] {
			r.x.complain("%s is neither held nor failed", id)
		}
	}
	names, _ := filepath.Glob(filepath.Join(r.stateDir(), "held", "*.eml"))
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil || !slices.ContainsFunc(slices.Collect(maps.Values(r.stay)), func(raw []byte) bool { return bytes.Equal(raw, data) }) {
			r.x.complain("%s is not as any letter was: %d bytes (%v)", name, len(data), err)
		}
	}
}

// settle is what comes after the fault, with the disk in order again: the promises are held at once, after the first
// start, and when all is done.
func (r *rig) settle(effect string) {
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
	r.held()
	if left := r.served(); len(left) != 0 {
		r.x.complain("%d messages are still not saved and deleted: %v\n%s\n%s", len(left), slices.Sorted(maps.Keys(left)), r.run("once", "--log-level", "info").err, r.run("messages").out)
	}
	if len(final) != len(r.contents) {
		r.x.complain("history lists %d of %d files at the end", len(final), len(r.contents))
	}
	if r.t.Failed() {
		r.t.Logf("the program under the fault (%s) said:\n%s", effect, under)
	}
	r.x.sum.add(len(listed), lost, doubled, effect)
}
