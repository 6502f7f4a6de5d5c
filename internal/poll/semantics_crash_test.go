package poll_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

// mishap is what befalls a pass at one of its steps.
type mishap string

const (
	failsBefore mishap = "fails before" // the step is not carried out
	failsAfter  mishap = "fails after"  // it is, and its answer is lost
	diesBefore  mishap = "dies before"
	diesAfter   mishap = "dies after"
	isCancelled mishap = "is cancelled" // the context ends
	isStopped   mishap = "is stopped"   // Stop is closed
)

var errMishap = errors.New("i/o error")

// fate counts the calls that a pass makes to its rooms and to the server, and lets one mishap befall it at the N-th.
type fate struct {
	what   mishap
	at     int
	calls  int
	step   string // the N-th
	cancel context.CancelFunc
	stop   chan struct{}
	off    bool
}

// strike is called before and after each step.
func (f *fate) strike(step string, after bool) error {
	if f.off {
		return nil
	}
	if !after {
		f.calls++
	}
	if f.calls != f.at {
		return nil
	}
	f.step = step
	switch {
	case after && f.what == diesAfter, !after && f.what == diesBefore:
		panic(crash{f.at})
	case after && f.what == failsAfter, !after && f.what == failsBefore:
		return mail.Errorf(mail.Storage, "%s: %w", step, errMishap)
	case !after && f.what == isCancelled:
		f.cancel()
	case !after && f.what == isStopped:
		close(f.stop)
	}
	return nil
}

// around makes one call to a room, with whatever befalls it.
func around[T any](f *fate, step string, call func() (T, error)) (T, error) {
	var none T
	if err := f.strike(step, false); err != nil {
		return none, err
	}
	out, err := call()
	if err != nil {
		return out, err
	}
	if err := f.strike(step, true); err != nil {
		return none, err
	}
	return out, nil
}

// plainly is around for calls that return an error only.
func plainly(f *fate, step string, call func() error) error {
	_, err := around(f, step, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

type fatedJournal struct {
	poll.Journal
	f *fate
}

func (j fatedJournal) Intents(ctx context.Context, m string) ([]mail.Intent, error) {
	return around(j.f, "intents", func() ([]mail.Intent, error) { return j.Journal.Intents(ctx, m) })
}

func (j fatedJournal) Started(ctx context.Context, m string, a mail.Account, now time.Time) (mail.MailboxState, error) {
	return around(j.f, "started", func() (mail.MailboxState, error) { return j.Journal.Started(ctx, m, a, now) })
}

func (j fatedJournal) Update(ctx context.Context, m string, change func(*mail.MailboxState)) error {
	return plainly(j.f, "update", func() error { return j.Journal.Update(ctx, m, change) })
}

func (j fatedJournal) SortOut(ctx context.Context, m string, l mail.Listing, o mail.SortOptions) (mail.Worklist, error) {
	return around(j.f, "sort out", func() (mail.Worklist, error) { return j.Journal.SortOut(ctx, m, l, o) })
}

func (j fatedJournal) Inspected(ctx context.Context, in []mail.Inspection, now time.Time) ([]mail.Record, error) {
	return around(j.f, "inspected", func() ([]mail.Record, error) { return j.Journal.Inspected(ctx, in, now) })
}

func (j fatedJournal) EndFirstPoll(ctx context.Context, m, f string, first mail.FirstRun, now time.Time) (mail.FirstPoll, error) {
	return around(j.f, "end first poll", func() (mail.FirstPoll, error) { return j.Journal.EndFirstPoll(ctx, m, f, first, now) })
}

func (j fatedJournal) Judge(ctx context.Context, ids []mail.RecordID, g mail.Judgement, now time.Time) error {
	return plainly(j.f, "judge", func() error { return j.Journal.Judge(ctx, ids, g, now) })
}

func (j fatedJournal) Fail(ctx context.Context, id mail.RecordID, why string, now time.Time) (mail.Record, error) {
	return around(j.f, "fail", func() (mail.Record, error) { return j.Journal.Fail(ctx, id, why, now) })
}

func (j fatedJournal) Asking(ctx context.Context, m string, ids []mail.RecordID) error {
	return plainly(j.f, "asking", func() error { return j.Journal.Asking(ctx, m, ids) })
}

func (j fatedJournal) InHand(ctx context.Context, id mail.RecordID) error {
	return plainly(j.f, "in hand", func() error { return j.Journal.InHand(ctx, id) })
}

func (j fatedJournal) Asked(ctx context.Context, m string) error {
	return plainly(j.f, "asked", func() error { return j.Journal.Asked(ctx, m) })
}

func (j fatedJournal) Intend(ctx context.Context, id mail.RecordID, files []mail.File, g mail.Judgement, now time.Time) ([]mail.File, error) {
	return around(j.f, "intend", func() ([]mail.File, error) { return j.Journal.Intend(ctx, id, files, g, now) })
}

func (j fatedJournal) Saved(ctx context.Context, id mail.RecordID, files []mail.File, g mail.Judgement, now time.Time) error {
	return plainly(j.f, "saved", func() error { return j.Journal.Saved(ctx, id, files, g, now) })
}

func (j fatedJournal) Abandon(ctx context.Context, id mail.RecordID, files []mail.File, why string, now time.Time) error {
	return plainly(j.f, "abandon", func() error { return j.Journal.Abandon(ctx, id, files, why, now) })
}

func (j fatedJournal) SetPolicy(ctx context.Context, s mail.FolderState) error {
	return plainly(j.f, "set policy", func() error { return j.Journal.SetPolicy(ctx, s) })
}

func (j fatedJournal) Deleting(ctx context.Context, ids []mail.RecordID, now time.Time) error {
	return plainly(j.f, "deleting", func() error { return j.Journal.Deleting(ctx, ids, now) })
}

func (j fatedJournal) Deleted(ctx context.Context, answers []mail.DeleteAnswer, now time.Time) error {
	return plainly(j.f, "deleted", func() error { return j.Journal.Deleted(ctx, answers, now) })
}

type fatedDisk struct {
	poll.Import
	f *fate
}

func (d fatedDisk) Stage(ctx context.Context, r io.Reader, limit int64) (mail.Staged, error) {
	return around(d.f, "stage", func() (mail.Staged, error) { return d.Import.Stage(ctx, r, limit) })
}

func (d fatedDisk) Free(dir, original string, replace bool, taken func(string) bool) (string, error) {
	return around(d.f, "free", func() (string, error) { return d.Import.Free(dir, original, replace, taken) })
}

func (d fatedDisk) Publish(ctx context.Context, f mail.File, superseded func() (bool, error)) (mail.Published, error) {
	return around(d.f, "publish", func() (mail.Published, error) { return d.Import.Publish(ctx, f, superseded) })
}

func (d fatedDisk) Discard(name string) error {
	return plainly(d.f, "discard", func() error { return d.Import.Discard(name) })
}

// TestMishapAtEveryStep lets each step of a pass, also of the server's, fail or be the last one; then all is well
// again. With an importer that takes files at once, each file comes out exactly once, nothing is deleted that is not
// saved, and in the end everything is as without the mishap.
func TestMishapAtEveryStep(t *testing.T) {
	mishaps := []mishap{failsBefore, failsAfter, isCancelled, isStopped} // for dying see TestCrashAtEveryStep
	both(t, func(t *testing.T, h *house) {
		seen := map[string]bool{}
		for at, going := 1, true; going; at++ {
			for i, what := range mishaps {
				turn := at + i
				if h.server.protocol == "pop3" {
					turn += 2
				}
				if raceDetector && turn%len(mishaps) != 0 {
					continue
				}
				f := befall(t, h.server.protocol, what, at)
				seen[f.step] = true
				going = f.step != ""
			}
		}
		for _, step := range []string{"open", "list", "top", "retr", "delete", "stage", "publish", "saved", "deleting", "deleted", "set policy"} {
			if !seen[step] {
				t.Errorf("no mishap at %q was tried", step)
			}
		}
	})
}

// befall makes one pass with a mishap and some without.
func befall(t *testing.T, protocol string, what mishap, at int) *fate {
	t.Helper()
	h := newHouse(t, protocol)
	defer h.shut()
	h.pass.Retention.LeaveCopy = false
	h.server.add(second(letter("1", supplier, "p.csv", "1"), "p.csv", "2"), h.now)
	stranger := h.server.add(letter("2", "x@y.ru", "p.csv", "2"), h.now)
	h.server.add(second(letter("1", supplier, "p.csv", "1"), "p.csv", "2"), h.now)

	f := &fate{what: what, at: at, stop: make(chan struct{})}
	h.wrap = func(j poll.Journal) poll.Journal { return fatedJournal{j, f} }
	h.disk = func(i poll.Import) poll.Import { return fatedDisk{i, f} }
	h.server.fail = func(op string) error {
		if err := f.strike(op, false); err != nil {
			return errCut
		}
		if f.strike(op, true) != nil && op == "quit" {
			return errAnswerLost
		}
		return nil
	}
	h.pass.Stop = f.stop
	taken := map[string]int{}
	fated(h, f)
	f.off, h.pass.Stop = true, nil
	h.take(taken)
	for range 4 {
		h.now = h.now.Add(time.Hour)
		_, _ = h.run()
		h.take(taken)
		if len(h.server.messages) == 1 {
			break
		}
	}
	total := 0
	for _, n := range taken {
		total += n
	}
	where := fmt.Sprintf("%s, %s at step %d (%s)", protocol, what, at, f.step)
	if total != 2 {
		t.Errorf("%s: the importer got %v, want 2 files\n%s", where, taken, h.output.String())
	}
	if len(h.server.messages) != 1 {
		t.Errorf("%s: %d messages are left, want 1\n%s", where, len(h.server.messages), h.output.String())
	}
	h.wantOnServer(true, stranger)
	return f
}

// fated makes the pass that a mishap befalls.
func fated(h *house, f *fate) {
	p := h.build()
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(h.t.Context())
	defer f.cancel()
	_, _ = p.Run(ctx)
}

// take is an importer.
func (h *house) take(taken map[string]int) {
	for _, name := range h.files() {
		b, err := os.ReadFile(h.path(name))
		if err != nil {
			h.t.Fatal(err)
		}
		taken[string(b)]++
		if err := os.Remove(h.path(name)); err != nil {
			h.t.Fatal(err)
		}
	}
}

// A staged file that is damaged, or was staged in another import directory, makes the message be fetched again; also
// if the process dies while that is being found out.
func TestLostStagedFileIsFetchedAgain(t *testing.T) {
	for _, what := range []mishap{"", diesBefore, failsBefore, diesAfter, failsAfter} {
		t.Run(strings.ReplaceAll("abandon "+string(what), " ", "_"), func(t *testing.T) {
			both(t, func(t *testing.T, h *house) {
				h.pass.Retention.LeaveCopy = false
				id := h.server.add(second(letter("1", supplier, "p.csv", "whole"), "q.csv", "other"), h.now)
				h.wrap = func(j poll.Journal) poll.Journal { return dyingAfterIntend{j} }
				if !dies(h) {
					t.Fatal("no crash")
				}
				h.damageStaged()
				h.wrap = func(j poll.Journal) poll.Journal { return badAbandon{j, what} }
				dies2(h)
				h.wrap = nil
				h.mustRun()
				h.mustRun()
				h.wantFiles("autoparts/p.csv", "autoparts/q.csv")
				if got := h.content("autoparts/p.csv"); got != "whole" {
					t.Errorf("p.csv holds %q", got)
				}
				h.wantOnServer(false, id)
			})
		})
	}
}

// damageStaged cuts the staged file that holds "whole".
func (h *house) damageStaged() {
	h.t.Helper()
	staged, err := filepath.Glob(filepath.Join(h.dir, "import/.pricefetch/*/staged-*"))
	if err != nil || len(staged) != 2 {
		h.t.Fatalf("staged: %q, %v", staged, err)
	}
	for _, name := range staged {
		if b, err := os.ReadFile(name); err != nil {
			h.t.Fatal(err)
		} else if string(b) != "whole" {
			continue
		}
		if err := os.Truncate(name, 2); err != nil {
			h.t.Fatal(err)
		}
	}
}

// dies2 makes one pass, which may fail or die.
func dies2(h *house) {
	defer h.shut()
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crash); !ok {
				panic(r)
			}
		}
	}()
	_, _ = h.run()
}

type dyingAfterIntend struct{ poll.Journal }

func (j dyingAfterIntend) Intend(ctx context.Context, id mail.RecordID, files []mail.File, g mail.Judgement, now time.Time) ([]mail.File, error) {
	if _, err := j.Journal.Intend(ctx, id, files, g, now); err != nil {
		return nil, err
	}
	panic(crash{})
}

type badAbandon struct {
	poll.Journal
	what mishap
}

func (j badAbandon) Abandon(ctx context.Context, id mail.RecordID, files []mail.File, why string, now time.Time) error {
	return plainly(&fate{what: j.what, at: 1}, "abandon", func() error { return j.Journal.Abandon(ctx, id, files, why, now) })
}
