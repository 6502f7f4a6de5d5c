package poll_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
)

var protocols = []string{"imap", "pop3"}

func each(t *testing.T, f func(t *testing.T, h *house)) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) { f(t, newHouse(t, protocol)) })
	}
}

func TestSavesWhatIsWantedOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		wanted := h.server.add(letter("1", "Прайс <price@autoparts.ru>", "price.csv", "a;b"), h.now)
		stranger := h.server.add(letter("2", "news@spam.ru", "price.csv", "c;d"), h.now)
		other := h.server.add(letter("3", "price@autoparts.ru", "letter.doc", "e"), h.now)
		first := h.mustRun()
		h.wantFiles("autoparts/price.csv")
		text, err := os.ReadFile(filepath.Join(h.dir, "import/autoparts/price.csv"))
		if err != nil || string(text) != "a;b" {
			t.Errorf("file holds %q, %v", text, err)
		}
		want := map[string]mail.Outcome{wanted: mail.Saved, stranger: mail.Unmatched, other: mail.NearMiss}
		if got := h.outcomes(); !maps.Equal(got, want) {
			t.Errorf("outcomes %v, want %v", got, want)
		}
		if len(first.Files) != 1 || first.Unmatched != 1 || first.NearMiss != 1 {
			t.Errorf("report %+v", first)
		}
		if h.server.fetched[stranger] != 0 {
			t.Error("content of a message that no rule wants was downloaded")
		}
		h.mustRun()
		h.wantFiles("autoparts/price.csv")
		if n := h.server.fetched[wanted]; n != 1 {
			t.Errorf("the message was fetched %d times", n)
		}
		if !slices.Equal(h.server.log[:2], []string{"open", "list"}) || slices.Contains(h.server.log, "retr") || slices.Contains(h.server.log, "top") {
			t.Errorf("an idle pass did %v", h.server.log)
		}
	})
}

func TestFirstPollImportsNothingOld(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.pass.FirstRun = mail.FirstRun{Age: 7 * 24 * time.Hour}
		h.pass.Retention.LeaveCopy = false
		old := h.server.add(letter("1", "price@autoparts.ru", "old.csv", "1"), h.now.AddDate(-1, 0, 0))
		fresh := h.server.add(letter("2", "price@autoparts.ru", "new.csv", "2"), h.now.Add(-time.Hour))
		report := h.mustRun()
		h.wantFiles("autoparts/new.csv")
		if got := h.outcomes(); got[old] != mail.Baseline || got[fresh] != mail.Saved {
			t.Errorf("outcomes %v", got)
		}
		if report.Baseline != 1 || !h.server.has(old) || h.server.has(fresh) {
			t.Errorf("baseline %d; on the server: old %v, saved %v", report.Baseline, h.server.has(old), h.server.has(fresh))
		}
	})
}

// A folder whose first poll was cut is judged only when everything in it is known.
func TestFirstPollGoesOnWhereItWasCut(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i := range 4 {
			h.server.add(letter(fmt.Sprint(i), "price@autoparts.ru", fmt.Sprintf("%d.csv", i), fmt.Sprint(i)), h.now)
		}
		tops := 0
		h.server.fail = func(op string) error {
			if op == "top" {
				if tops++; tops == 3 {
					return errCut
				}
			}
			return nil
		}
		if _, err := h.run(); err == nil {
			t.Fatal("a cut session is no finished pass")
		}
		h.wantFiles()
		h.mustRun()
		h.wantFiles("autoparts/0.csv", "autoparts/1.csv", "autoparts/2.csv", "autoparts/3.csv")
		if tops != 5 {
			t.Errorf("%d headers were asked for, want 2 + the failed one + the 2 that were missing", tops)
		}
	})
}

func TestDeletesExactlyWhatIsSaved(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.pass.Retention.LeaveCopy = false
		saved := h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
		unmatched := h.server.add(letter("2", "x@y.ru", "p.csv", "2"), h.now)
		report := h.mustRun()
		if h.server.has(saved) || !h.server.has(unmatched) || report.Deleted != 1 {
			t.Errorf("saved still there: %v, unmatched there: %v, report %d", h.server.has(saved), h.server.has(unmatched), report.Deleted)
		}
		h.mustRun()
		for _, rec := range h.records() {
			if rec.Ref.ID == saved && rec.Deletion != mail.DeletionGone {
				t.Errorf("deletion is %s after a listing without the message", rec.Deletion)
			}
		}
	})
}

// A leftover, a near miss, something paused or damaged keeps its message on the server.
func TestKeepsWhatIsNotSettled(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.pass.Retention.LeaveCopy, h.pass.Retention.DeleteUnmatched = false, true
		h.rules = append(h.rules, match.Rule{Name: "off", From: []string{"*@paused.ru"}, Files: []string{"*"}, Disabled: true})
		leftover := h.server.add(strings.Replace(letter("1", "price@autoparts.ru", "p.csv", "1"), "--b--\r\n",
			"--b\r\nContent-Disposition: attachment; filename=остатки.7z\r\n\r\nx\r\n--b--\r\n", 1), h.now)
		near := h.server.add(letter("2", "price@autoparts.ru", "price.7z", "2"), h.now)
		paused := h.server.add(letter("3", "a@paused.ru", "p.csv", "3"), h.now)
		damaged := h.server.add(broken("4", "price@autoparts.ru"), h.now)
		unmatched := h.server.add(letter("5", "x@y.ru", "p.csv", "5"), h.now)
		h.mustRun()
		h.wantFiles("autoparts/good.csv", "autoparts/p.csv")
		want := map[string]mail.Outcome{leftover: mail.Saved, near: mail.NearMiss, paused: mail.Paused, damaged: mail.Failed, unmatched: mail.Unmatched}
		if got := h.outcomes(); !maps.Equal(got, want) {
			t.Errorf("outcomes %v, want %v", got, want)
		}
		h.mustRun()
		for _, id := range []string{leftover, near, paused, damaged} {
			if !h.server.has(id) {
				t.Errorf("message %s (%s) was deleted", id, want[id])
			}
		}
		if h.server.has(unmatched) {
			t.Error("delete_unmatched did not delete the unmatched message, not even in the pass after")
		}
	})
}

// Over POP3 a session that read a message which is not saved must not be committed, and the pass after it does
// nothing but delete.
func TestPOP3CommitsOnlyWhatIsAccountedFor(t *testing.T) {
	h := newHouse(t, "pop3")
	h.pass.Retention.LeaveCopy = false
	saved := h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
	h.server.add(broken("2", "price@autoparts.ru"), h.now)
	h.mustRun()
	if !slices.Contains(h.server.log, "drop") || slices.Contains(h.server.log, "delete") || slices.Contains(h.server.log, "quit") {
		t.Fatalf("a session with an unsaved message did %v", h.server.log)
	}
	late := h.server.add(letter("3", "price@autoparts.ru", "late.csv", "3"), h.now)
	h.mustRun()
	if slices.Contains(h.server.log, "retr") || !slices.Contains(h.server.log, "quit") || h.server.has(saved) {
		t.Errorf("the pass after it did %v; saved message still there: %v", h.server.log, h.server.has(saved))
	}
	h.mustRun()
	if h.server.fetched[late] != 1 {
		t.Error("the pass after that did not go on fetching")
	}
}

func TestLostAnswerToQuit(t *testing.T) {
	h := newHouse(t, "pop3")
	h.pass.Retention.LeaveCopy = false
	h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
	h.server.fail = func(op string) error {
		if op == "quit" {
			return errAnswerLost
		}
		return nil
	}
	if _, err := h.run(); err == nil {
		t.Fatal("deletions without a confirmation are no finished pass")
	}
	if d := h.records()[0].Deletion; d != mail.DeletionIntended {
		t.Errorf("deletion is %s, want intended", d)
	}
	h.server.fail = nil
	h.now = h.now.Add(time.Minute)
	h.mustRun()
	if d := h.records()[0].Deletion; d != mail.DeletionGone {
		t.Errorf("deletion is %s after a complete listing without it, want gone", d)
	}
	h.wantFiles("autoparts/p.csv")
}

// A message that breaks the connection each time never keeps the others from being saved, and ends up held.
func TestMessageThatKillsTheConnection(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		killer := h.server.add(letter("1", "price@autoparts.ru", "killer.csv", "1"), h.now)
		h.server.cut[killer] = true
		for i := 2; i < 6; i++ {
			h.server.add(letter(fmt.Sprint(i), "price@autoparts.ru", fmt.Sprintf("%d.csv", i), fmt.Sprint(i)), h.now)
		}
		if _, err := h.run(); !errors.Is(err, errCut) {
			t.Fatalf("first pass: %v", err)
		}
		h.now = h.now.Add(time.Minute)
		h.run()
		h.wantFiles("autoparts/2.csv", "autoparts/3.csv", "autoparts/4.csv", "autoparts/5.csv")
		for range 30 {
			h.now = h.now.Add(25 * time.Hour)
			h.run()
		}
		if got := h.outcomes()[killer]; got != mail.Held {
			t.Errorf("after 30 days the message is %s, want held", got)
		}
		if n := h.server.fetched[killer]; n != 12 {
			t.Errorf("it was asked for %d times, want 2 losses × 6 failures", n)
		}
		h.mustRun()
		if !h.server.has(killer) {
			t.Error("a held message was deleted")
		}
	})
}

// When the fifth retry has failed the raw message is kept, and retry reads it from there.
func TestHeldMessageIsKeptAndRetried(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		id := h.server.add(broken("1", "price@autoparts.ru"), h.now)
		for range 6 {
			h.mustRun()
			h.now = h.now.Add(25 * time.Hour)
		}
		rec := h.records()[0]
		if rec.Outcome != mail.Held || rec.Kept == "" {
			t.Fatalf("record is %s, kept %q", rec.Outcome, rec.Kept)
		}
		h.wantFiles("autoparts/good.csv")
		raw, err := os.ReadFile(filepath.Join(h.dir, "state/held", rec.Kept))
		if err != nil || string(raw) != broken("1", "price@autoparts.ru") {
			t.Errorf("kept message: %v, %d bytes", err, len(raw))
		}
		n := h.server.fetched[id]
		if _, err := h.journal.Retry(t.Context(), rec.ID, h.now); err != nil {
			t.Fatal(err)
		}
		h.mustRun()
		if h.server.fetched[id] != n {
			t.Error("retry read the server's message although the raw one is kept")
		}
		if got := h.outcomes()[id]; got != mail.Failed {
			t.Errorf("a still damaged message is %s after retry, want failed", got)
		}
	})
}

func TestOversizeIsHeldUntilRetry(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.pass.MessageSize = 1000
		id := h.server.add(letter("1", "price@autoparts.ru", "big.csv", strings.Repeat("x", 2000)), h.now)
		h.mustRun()
		if got := h.outcomes()[id]; got != mail.Held || h.server.fetched[id] != 0 {
			t.Fatalf("an oversize message is %s and was fetched %d times", got, h.server.fetched[id])
		}
		if _, err := h.journal.Retry(t.Context(), h.records()[0].ID, h.now); err != nil {
			t.Fatal(err)
		}
		h.mustRun()
		h.wantFiles("autoparts/big.csv")
	})
}

// A full or missing disk stops everything and blames no message.
func TestStorageTroubleBlamesNobody(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.pass.Retention.LeaveCopy = false
		id := h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
		full := true
		h.disk = func(i poll.Import) poll.Import { return &fullDisk{i, &full} }
		_, err := h.run()
		if mail.ClassOf(err) != mail.Storage {
			t.Fatalf("a full disk gives %v (%s)", err, mail.ClassOf(err))
		}
		rec := h.records()[0]
		if rec.Outcome != mail.Pending || rec.Failures+rec.Losses != 0 || !h.server.has(id) {
			t.Errorf("record %s, failures %d, losses %d", rec.Outcome, rec.Failures, rec.Losses)
		}
		full = false
		h.now = h.now.Add(time.Minute)
		h.mustRun()
		h.wantFiles("autoparts/p.csv")
		if h.server.has(id) {
			t.Error("not deleted after it was saved")
		}
	})
}

type fullDisk struct {
	poll.Import
	full *bool
}

func (d *fullDisk) Stage(ctx context.Context, r io.Reader, limit int64) (mail.Staged, error) {
	if *d.full {
		return mail.Staged{}, mail.Errorf(mail.Storage, "write: no space left on device")
	}
	return d.Import.Stage(ctx, r, limit)
}

// A staging directory that is not the one the journal knows: nothing is declared saved, nothing fetched.
func TestUnmountedImportDirectory(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
		h.mustRun()
		h.server.add(letter("2", "price@autoparts.ru", "q.csv", "2"), h.now)
		if err := os.Rename(filepath.Join(h.dir, "import"), filepath.Join(h.dir, "elsewhere")); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(h.dir, "import"), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := h.run()
		if mail.ClassOf(err) != mail.Storage || len(h.server.log) != 0 {
			t.Errorf("an empty import directory gives %v; the server was asked %v", err, h.server.log)
		}
		h.wantFiles()
	})
}

func TestChangedRulesLookAgain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		near := h.server.add(letter("1", "price@autoparts.ru", "price.7z", "1"), h.now)
		stranger := h.server.add(letter("2", "a@new.ru", "new.csv", "2"), h.now)
		h.mustRun()
		h.wantFiles()
		h.rules[0].Files = append(h.rules[0].Files, "*.7z")
		h.rules = append(h.rules, match.Rule{Name: "new", From: []string{"new.ru"}, Files: []string{"*"}})
		h.mustRun()
		h.wantFiles("autoparts/price.7z", "new/new.csv")
		if got := h.outcomes(); got[near] != mail.Saved || got[stranger] != mail.Saved {
			t.Errorf("outcomes %v", got)
		}
	})
}

// The same letter under another id, and in another mailbox, is imported once.
func TestImportedOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
		h.mustRun()
		h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
		report := h.mustRun()
		h.wantFiles("autoparts/p.csv")
		if report.Repeated != 1 {
			t.Errorf("report says %d repeated", report.Repeated)
		}
	})
}

// An id reset re-imports nothing and deletes nothing in its pass.
func TestIDReset(t *testing.T) {
	h := newHouse(t, "imap")
	h.pass.FirstRun = mail.FirstRun{Age: 7 * 24 * time.Hour}
	for i := range 25 {
		h.server.add(letter(fmt.Sprint(i), "price@autoparts.ru", fmt.Sprintf("%d.csv", i), fmt.Sprint(i)), h.now.Add(-time.Hour))
	}
	h.mustRun()
	if n := len(h.files()); n != 25 {
		t.Fatalf("%d files", n)
	}
	h.pass.Retention.LeaveCopy = false
	h.server.validity = "8"
	for i, m := range h.server.messages {
		m.id = fmt.Sprint(1000 + i)
	}
	report := h.mustRun()
	if n := len(h.files()); n != 25 || report.Deleted != 0 || len(h.server.messages) != 25 {
		t.Errorf("after a UIDVALIDITY change: %d files, %d deleted, %d on the server", n, report.Deleted, len(h.server.messages))
	}
}

func TestSoftStopFinishesTheMessageInHand(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		stop := make(chan struct{})
		h.pass.Stop = stop
		for i := range 3 {
			h.server.add(letter(fmt.Sprint(i), "price@autoparts.ru", fmt.Sprintf("%d.csv", i), fmt.Sprint(i)), h.now)
		}
		reads := 0
		h.server.fail = func(op string) error {
			if op == "retr" {
				if reads++; reads == 2 {
					close(stop)
				}
			}
			return nil
		}
		report, err := h.run()
		if err != nil || !report.Stopped {
			t.Fatalf("report %+v, %v", report, err)
		}
		h.wantFiles("autoparts/0.csv", "autoparts/1.csv")
		for _, rec := range h.records() {
			if rec.Losses+rec.Failures > 0 {
				t.Errorf("message %s was blamed for the stop", rec.Ref.ID)
			}
		}
		h.pass.Stop = nil
		h.server.fail = nil
		h.mustRun()
		h.wantFiles("autoparts/0.csv", "autoparts/1.csv", "autoparts/2.csv")
	})
}

// A server that says nothing does not keep the daemon from stopping when no message is in hand.
func TestSoftStopWithNothingInHand(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p, _ := h.boot()
		t.Cleanup(h.shut)
		stop := make(chan struct{})
		p.Stop = stop
		p.Open = func(ctx context.Context) (poll.Session, error) {
			close(stop)
			<-ctx.Done()
			return nil, errCut
		}
		report, err := p.Run(t.Context())
		if err != nil || !report.Stopped {
			t.Errorf("report %+v, %v", report, err)
		}
	})
}

func TestMailboxWithoutUIDL(t *testing.T) {
	h := newHouse(t, "pop3")
	h.server.noUIDL = true
	h.pass.Retention.LeaveCopy = false
	h.server.add(letter("0", "x@y.ru", "p.csv", "0"), h.now)
	id := h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
	h.mustRun()
	h.wantFiles("autoparts/p.csv")
	if h.server.has(id) {
		t.Error("what this session saved was not deleted")
	}
	h.mustRun()
	h.wantFiles("autoparts/p.csv")
}

// Nothing is deleted when the server's identity, or the clock, is doubtful.
func TestHoldsDeletionsBack(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		id := h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
		h.mustRun()
		h.pass.Retention.LeaveCopy = false
		h.pass.Insecure = true
		h.mustRun()
		h.pass.Insecure = false
		h.pass.Built = h.now.Add(time.Hour)
		h.mustRun()
		h.pass.Built = time.Time{}
		h.now = h.now.Add(-48 * time.Hour)
		h.mustRun()
		if !h.server.has(id) {
			t.Error("deleted although the certificate was not verified or the clock was wrong")
		}
		h.now = h.now.Add(48 * time.Hour)
		h.mustRun()
		if h.server.has(id) {
			t.Error("not deleted when all was well again")
		}
	})
}

func TestServerThatIgnoresDeletions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.pass.Retention.LeaveCopy = false
		h.server.lies = true
		h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
		for range 8 {
			h.mustRun()
		}
		rec := h.records()[0]
		if rec.Deletion != mail.DeletionIgnored {
			t.Errorf("deletion is %s, want ignored", rec.Deletion)
		}
		h.wantFiles("autoparts/p.csv")
		state, err := h.journal.Mailbox(t.Context(), "prices")
		if err != nil || !state.NotHonoured {
			t.Errorf("mailbox state %+v, %v", state, err)
		}
	})
}

func TestRetentionByAgeTakesUnwantedToo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
		h.server.add(letter("2", "x@y.ru", "p.csv", "2"), h.now)
		h.pass.Retention.AfterDays = 3
		for range 4 {
			h.mustRun()
			h.now = h.now.Add(24 * time.Hour)
		}
		if n := len(h.server.messages); n != 0 {
			t.Errorf("%d messages left after 3 days\n%s", n, h.output.String())
		}
	})
}
