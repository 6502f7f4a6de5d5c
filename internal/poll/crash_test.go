package poll_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

// crash is what a step panics with when the process is to die there.
type crash struct{ at int }

// doom counts the calls that a pass makes to its rooms and lets the process die before or after the N-th one.
type doom struct {
	at    int
	after bool
	calls int
	steps []string
	taken map[string]int // what the importer took, by path
	house *house
}

// step is called before a call to a room; the result is called after it.
func (d *doom) step(name string) func() {
	d.calls++
	d.steps = append(d.steps, name)
	n := d.calls
	if n == d.at && !d.after {
		panic(crash{n})
	}
	return func() {
		d.importer()
		if n == d.at && d.after {
			panic(crash{n})
		}
	}
}

// importer takes every file at once.
func (d *doom) importer() {
	for _, name := range d.house.files() {
		if err := os.Remove(filepath.Join(d.house.dir, "import", name)); err != nil {
			d.house.t.Fatal(err)
		}
		d.taken[name]++
	}
}

// doomedJournal dies around the writes that a message's life rests on.
type doomedJournal struct {
	poll.Journal
	d *doom
}

func (j doomedJournal) SortOut(ctx context.Context, m string, l mail.Listing, o mail.SortOptions) (mail.Worklist, error) {
	defer j.d.step("sort out")()
	return j.Journal.SortOut(ctx, m, l, o)
}

func (j doomedJournal) Inspected(ctx context.Context, in []mail.Inspection, now time.Time) ([]mail.Record, error) {
	defer j.d.step("inspected")()
	return j.Journal.Inspected(ctx, in, now)
}

func (j doomedJournal) EndFirstPoll(ctx context.Context, m, f string, first mail.FirstRun, now time.Time) (mail.FirstPoll, error) {
	defer j.d.step("end first poll")()
	return j.Journal.EndFirstPoll(ctx, m, f, first, now)
}

func (j doomedJournal) Asking(ctx context.Context, m string, ids []mail.RecordID) error {
	defer j.d.step("asking")()
	return j.Journal.Asking(ctx, m, ids)
}

func (j doomedJournal) InHand(ctx context.Context, id mail.RecordID) error {
	defer j.d.step("in hand")()
	return j.Journal.InHand(ctx, id)
}

func (j doomedJournal) Intend(ctx context.Context, id mail.RecordID, files []mail.File, g mail.Judgement, now time.Time) ([]mail.File, error) {
	defer j.d.step("intend")()
	return j.Journal.Intend(ctx, id, files, g, now)
}

func (j doomedJournal) Saved(ctx context.Context, id mail.RecordID, files []mail.File, g mail.Judgement, now time.Time) error {
	defer j.d.step("saved")()
	return j.Journal.Saved(ctx, id, files, g, now)
}

func (j doomedJournal) Deleting(ctx context.Context, ids []mail.RecordID, now time.Time) error {
	defer j.d.step("deleting")()
	return j.Journal.Deleting(ctx, ids, now)
}

func (j doomedJournal) Deleted(ctx context.Context, answers []mail.DeleteAnswer, now time.Time) error {
	defer j.d.step("deleted")()
	return j.Journal.Deleted(ctx, answers, now)
}

// doomedDisk dies around staging and publishing.
type doomedDisk struct {
	poll.Import
	d *doom
}

func (i doomedDisk) Stage(ctx context.Context, r io.Reader, limit int64) (mail.Staged, error) {
	defer i.d.step("stage")()
	return i.Import.Stage(ctx, r, limit)
}

func (i doomedDisk) Publish(ctx context.Context, f mail.File, superseded func() (bool, error)) (mail.Published, error) {
	defer i.d.step("publish")()
	return i.Import.Publish(ctx, f, superseded)
}

// TestCrashAtEveryStep lets the process die before and after every step of a pass, with an importer that takes files
// at once, and starts it again: each file is published exactly once, nothing is deleted that is not saved.
func TestCrashAtEveryStep(t *testing.T) {
	for _, protocol := range protocols {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/after=%v", protocol, after), func(t *testing.T) {
				t.Parallel()
				seen := map[string]bool{}
				for at := 1; ; at++ {
					d := crashAt(t, protocol, at, after)
					if d == nil {
						break
					}
					seen[d.steps[at-1]] = true
				}
				for _, step := range []string{"sort out", "inspected", "stage", "intend", "publish", "saved", "deleting", "deleted"} {
					if !seen[step] {
						t.Errorf("no crash at %q was tried", step)
					}
				}
			})
		}
	}
}

// crashAt makes one run with a crash, a restart, and two passes more. It returns nil if the pass ended before.
func crashAt(t *testing.T, protocol string, at int, after bool) *doom {
	t.Helper()
	h := newHouse(t, protocol)
	defer h.shut()
	h.pass.Retention.LeaveCopy, h.pass.Retention.BrakeOff = false, true
	two := strings.Replace(letter("2", "price@autoparts.ru", "p.csv", "2"), "--b--\r\n",
		"--b\r\nContent-Disposition: attachment; filename=\"p.csv\"\r\n\r\nsecond\r\n--b--\r\n", 1)
	h.server.add(letter("1", "price@autoparts.ru", "p.csv", "1"), h.now)
	h.server.add(two, h.now)
	h.server.add(letter("3", "x@y.ru", "p.csv", "3"), h.now)

	d := &doom{at: at, after: after, taken: map[string]int{}, house: h}
	h.wrap = func(j poll.Journal) poll.Journal { return doomedJournal{j, d} }
	h.disk = func(i poll.Import) poll.Import { return doomedDisk{i, d} }
	if !dies(h) {
		return nil
	}
	d.importer()
	for _, id := range []string{"1", "2"} {
		if !h.server.has(id) && !slices.ContainsFunc(h.records(), func(r mail.Record) bool { return r.Ref.ID == id && r.Outcome == mail.Saved }) {
			t.Errorf("died at %d (%s): message %s is deleted and not saved", at, d.steps[at-1], id)
		}
	}
	d.at = 0
	for range 4 {
		h.now = h.now.Add(25 * time.Hour)
		h.run()
		d.importer()
	}
	total := 0
	for _, n := range d.taken {
		total += n
	}
	if total != 3 {
		t.Errorf("died %s %d (%s): the importer got %v, want 3 files\n%s", map[bool]string{false: "before", true: "after"}[after], at,
			d.steps[at-1], d.taken, h.output.String())
	}
	if left := len(h.server.messages); left != 1 {
		t.Errorf("died at %d (%s): %d messages are left, want the unmatched one", at, d.steps[at-1], left)
	}
	return d
}

// dies makes one pass and reports whether it was cut off by a crash.
func dies(h *house) (dead bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crash); !ok {
				panic(r)
			}
			h.shut()
			h.open()
			dead = true
		}
	}()
	if _, err := h.run(); err != nil {
		h.t.Errorf("pass: %v", err)
	}
	return false
}
