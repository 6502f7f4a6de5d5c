package poll_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
)

const supplier = "price@autoparts.ru"

// both makes a test for each protocol; the two run beside each other.
func both(t *testing.T, f func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			f(t, newHouse(t, protocol))
		})
	}
}

// tryRun makes one pass that may fail, and lets time pass.
func (h *house) tryRun() error {
	h.t.Helper()
	_, err := h.run()
	h.now = h.now.Add(5 * time.Minute)
	return err
}

// record returns the newest record of a message.
func (h *house) record(id string) mail.Record {
	h.t.Helper()
	for _, rec := range h.records() {
		if rec.Ref.ID == id {
			return rec
		}
	}
	h.t.Fatalf("no record of message %s", id)
	return mail.Record{}
}

func (h *house) wantOutcome(id string, want mail.Outcome) {
	h.t.Helper()
	if rec := h.record(id); rec.Outcome != want {
		h.t.Errorf("message %s is %s (%s), want %s\n%s", id, rec.Outcome, rec.Reason, want, h.output.String())
	}
}

func (h *house) wantOnServer(want bool, ids ...string) {
	h.t.Helper()
	for _, id := range ids {
		if h.server.has(id) != want {
			h.t.Errorf("message %s on the server: %v, want %v\n%s", id, !want, want, h.output.String())
		}
	}
}

func (h *house) path(name string) string { return filepath.Join(h.dir, "import", name) }

func (h *house) content(name string) string {
	h.t.Helper()
	b, err := os.ReadFile(h.path(name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// replacing makes every rule save with on_conflict: replace into one directory.
func (h *house) replacing() {
	h.pass.Destination = func(string) poll.Destination { return poll.Destination{Dir: "all", Replace: true} }
}

// second adds one attachment more to a letter.
func second(letter, file, content string) string {
	return strings.Replace(letter, "--b--\r\n", "--b\r\nContent-Type: application/octet-stream\r\n"+
		"Content-Disposition: attachment; filename=\""+file+"\"\r\n\r\n"+content+"\r\n--b--\r\n", 1)
}

// hookedDisk lets a test act just before a step on the import directory.
type hookedDisk struct {
	poll.Import
	stage   func() error
	publish func(mail.File) error
}

func (d hookedDisk) Stage(ctx context.Context, r io.Reader, limit int64) (mail.Staged, error) {
	if d.stage != nil {
		if err := d.stage(); err != nil {
			return mail.Staged{}, err
		}
	}
	return d.Import.Stage(ctx, r, limit)
}

func (d hookedDisk) Publish(ctx context.Context, f mail.File, superseded func() (bool, error)) (mail.Published, error) {
	if d.publish != nil {
		if err := d.publish(f); err != nil {
			return 0, err
		}
	}
	return d.Import.Publish(ctx, f, superseded)
}

// P3: a name that cannot be had concerns its message alone.
func TestDirectoryUnderTheNameStopsNobodyElse(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.replacing()
		h.pass.Retention.LeaveCopy = false
		if err := os.MkdirAll(h.path("all/price.csv"), 0o755); err != nil {
			t.Fatal(err)
		}
		stuck := h.server.add(letter("1", supplier, "price.csv", "1"), h.now)
		other := h.server.add(letter("2", supplier, "other.csv", "2"), h.now)
		for range 3 {
			_ = h.tryRun()
		}
		h.wantFiles("all/other.csv")
		h.wantOutcome(other, mail.Saved)
		h.wantOnServer(true, stuck)
		if !strings.Contains(h.output.String(), "price.csv is a directory") {
			t.Errorf("nobody is told why\n%s", h.output.String())
		}
		if err := os.Remove(h.path("all/price.csv")); err != nil {
			t.Fatal(err)
		}
		h.now = h.now.Add(48 * time.Hour)
		h.mustRun()
		h.mustRun()
		h.wantFiles("all/other.csv", "all/price.csv")
		h.wantOnServer(false, stuck, other)
	})
}

// The same, where the directory comes between intend and publish: the intent stays, the other mail goes on, and the
// program starts.
func TestDirectoryThatComesBeforePublishing(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.replacing()
		h.pass.Retention.LeaveCopy = false
		stuck := h.server.add(second(letter("1", supplier, "price.csv", "1"), "b.csv", "b"), h.now)
		h.disk = func(i poll.Import) poll.Import {
			return hookedDisk{Import: i, publish: func(f mail.File) error {
				if f.Name == "price.csv" {
					return os.MkdirAll(h.path("all/price.csv"), 0o755)
				}
				return nil
			}}
		}
		_ = h.tryRun()
		other := h.server.add(letter("2", supplier, "other.csv", "2"), h.now)
		if err := h.tryRun(); err == nil {
			t.Error("a pass with a file that cannot be published says that all is well")
		}
		_ = h.tryRun()
		h.wantFiles("all/b.csv", "all/other.csv")
		h.wantOutcome(other, mail.Saved)
		h.wantOnServer(true, stuck)
		p, _ := h.boot()
		if _, err := p.Recover(t.Context()); err != nil {
			t.Errorf("the program would not start: %v", err)
		}
		h.disk = nil
		if err := os.Remove(h.path("all/price.csv")); err != nil {
			t.Fatal(err)
		}
		h.mustRun()
		h.mustRun()
		h.wantFiles("all/b.csv", "all/other.csv", "all/price.csv")
		h.wantOnServer(false, stuck, other)
		if n := h.server.fetched[stuck]; n != 1 {
			t.Errorf("the message was fetched %d times", n)
		}
	})
}

// P3: a destination that cannot be used is the trouble of its rule.
func TestUnusableDestinationIsItsRulesTrouble(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.rules = append(h.rules, match.Rule{Name: "good", From: []string{"good.ru"}, Files: []string{"*"}})
		if err := os.WriteFile(h.path("autoparts"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		bad := h.server.add(letter("1", supplier, "p.csv", "1"), h.now.Add(-time.Hour))
		h.server.add(letter("2", "a@good.ru", "q.csv", "2"), h.now)
		for range 3 {
			_ = h.tryRun()
		}
		if rec := h.record(bad); rec.Failures+rec.Losses != 0 || rec.Outcome != mail.Pending {
			t.Errorf("the message is %s, failures %d, losses %d", rec.Outcome, rec.Failures, rec.Losses)
		}
		if err := os.Remove(h.path("autoparts")); err != nil {
			t.Fatal(err)
		}
		h.wantFiles("good/q.csv")
		h.mustRun()
		h.wantFiles("autoparts/p.csv", "good/q.csv")
	})
}

// A file that went out of the import directory's disk between intend and publish comes out when there is room again.
func TestDiskThatFillsAtPublishing(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.LeaveCopy = false
		id := h.server.add(letter("1", supplier, "p.csv", "1"), h.now)
		full := true
		h.disk = func(i poll.Import) poll.Import {
			return hookedDisk{Import: i, publish: func(mail.File) error {
				if full {
					return mail.Errorf(mail.Storage, "rename: no space left on device")
				}
				return nil
			}}
		}
		if err := h.tryRun(); mail.ClassOf(err) != mail.Storage {
			t.Errorf("a full disk gives %v", err)
		}
		h.wantOnServer(true, id)
		full = false
		h.mustRun()
		h.wantFiles("autoparts/p.csv")
		h.mustRun()
		h.wantOnServer(false, id)
		if n := h.server.fetched[id]; n != 1 {
			t.Errorf("fetched %d times", n)
		}
	})
}

// A late retry never overwrites a newer list, is not taken for saved, and goes by age only.
func TestSupersededIsNotSaved(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.replacing()
		h.pass.Retention.LeaveCopy = false
		h.pass.Retention.AfterDays = 3
		newer := h.server.add(letter("1", supplier, "p.csv", "new"), h.now)
		h.mustRun()
		older := h.server.add(letter("2", supplier, "p.csv", "old"), h.now.Add(-time.Hour))
		h.mustRun()
		h.mustRun()
		if got := h.content("all/p.csv"); got != "new" {
			t.Errorf("the newer list was overwritten by %q", got)
		}
		h.wantOutcome(older, mail.Superseded)
		h.wantOnServer(false, newer)
		h.wantOnServer(true, older)
		h.now = h.now.Add(72 * time.Hour)
		h.mustRun()
		h.wantOnServer(false, older)
	})
}

// The superseded file is told from a published one after a crash too.
func TestSupersededSurvivesACrash(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.replacing()
		h.pass.Retention.LeaveCopy = false
		id := h.server.add(letter("2", supplier, "p.csv", "old"), h.now.Add(-time.Hour))
		overtaken := false
		h.disk = func(i poll.Import) poll.Import {
			return hookedDisk{Import: i, publish: func(mail.File) error { overtaken = true; return nil }}
		}
		h.wrap = func(j poll.Journal) poll.Journal { return overtaking{j, h, &overtaken} }
		if !dies(h) {
			t.Fatal("no crash")
		}
		h.disk = nil
		h.wrap = func(j poll.Journal) poll.Journal { return overtaken1{j, h} }
		h.mustRun()
		h.wantFiles()
		h.wantOutcome(id, mail.Superseded)
		h.wantOnServer(true, id)
	})
}

// overtaking is a journal in which a newer file came out after the intent; it dies before Saved.
type overtaking struct {
	poll.Journal
	h    *house
	over *bool
}

func (j overtaking) Newest(ctx context.Context, dir, name string) (time.Time, error) {
	if *j.over {
		return j.h.now, nil
	}
	return j.Journal.Newest(ctx, dir, name)
}

func (j overtaking) Saved(context.Context, mail.RecordID, []mail.File, mail.Judgement, time.Time) error {
	panic(crash{})
}

// overtaken1 is a journal in which a newer file is out.
type overtaken1 struct {
	poll.Journal
	h *house
}

func (j overtaken1) Newest(context.Context, string, string) (time.Time, error) { return j.h.now, nil }

// Equal attachments of one message are all wanted; the same message elsewhere brings none of them again.
func TestEqualAttachments(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		text := second(second(letter("1", supplier, "p.csv", "same"), "p.csv", "same"), "p.csv", "other")
		h.server.add(text, h.now)
		h.mustRun()
		want := []string{"autoparts/p (2).csv", "autoparts/p (3).csv", "autoparts/p.csv"}
		h.wantFiles(want...)
		again := h.server.add(text, h.now)
		h.mustRun()
		h.wantFiles(want...)
		h.wantOutcome(again, mail.Saved)
	})
}

// A foreign file that takes the name between intend and publish is not touched.
func TestForeignFileTakesTheName(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.server.add(second(letter("1", supplier, "p.csv", "one"), "p.csv", "two"), h.now)
		done := false
		h.disk = func(i poll.Import) poll.Import {
			return hookedDisk{Import: i, publish: func(mail.File) error {
				if done {
					return nil
				}
				done = true
				return errors.Join(os.MkdirAll(h.path("autoparts"), 0o755), os.WriteFile(h.path("autoparts/p.csv"), []byte("foreign"), 0o644))
			}}
		}
		h.mustRun()
		h.wantFiles("autoparts/p (2).csv", "autoparts/p (3).csv", "autoparts/p.csv")
		got := map[string]bool{h.content("autoparts/p.csv"): true, h.content("autoparts/p (2).csv"): true, h.content("autoparts/p (3).csv"): true}
		if want := map[string]bool{"foreign": true, "one": true, "two": true}; !maps.Equal(got, want) {
			t.Errorf("files hold %v", got)
		}
	})
}
