package journal

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// backup makes a backup and opens it as a journal.
func (x *fixture) backup(now time.Time) *fixture {
	x.t.Helper()
	y := &fixture{t: x.t, path: x.path + ".backup", time: now.Add(time.Hour)}
	x.ok(os.WriteFile(y.path, nil, 0o600))
	n, err := Backup(x.t.Context(), x.path, y.path, now)
	x.ok(err)
	equal(x.t, "messages", n, len(x.all()))
	info, err := os.Stat(y.path)
	x.ok(err)
	equal(x.t, "mode", info.Mode().Perm(), os.FileMode(0o600))
	y.open()
	x.t.Cleanup(func() { y.Journal.Close() })
	return y
}

func (x *fixture) origin() Origin {
	x.t.Helper()
	o, err := x.Origin(x.t.Context())
	x.ok(err)
	return o
}

func TestOrigin(t *testing.T) {
	x := polled(t, "1", "2")
	equal(t, "origin", x.origin(), Origin{New: true})
	x.ok(x.Journal.Close())
	x.open() // a start that came no further
	equal(t, "origin", x.origin(), Origin{New: true})
	x.ok(x.Arrived(t.Context(), time.Time{}, x.time))
	equal(t, "origin", x.origin(), Origin{Active: x.time})
	doubt, err := x.Doubt(t.Context())
	x.ok(err)
	equal(t, "doubt", doubt, Doubt{})

	x.time = x.time.Add(time.Minute)
	x.judge("2", mail.Unmatched)
	equal(t, "last active", x.origin().Active, x.time)
	x.time = x.time.Add(time.Minute)
	x.pass(0)
	equal(t, "last active", x.origin().Active, x.time)
	x.ok(x.Asking(t.Context(), box, []mail.RecordID{1}))
	x.ok(x.InHand(t.Context(), 1))
	y := x.backup(x.time)
	equal(t, "origin of the original", x.origin(), Origin{Active: x.time})
	equal(t, "origin of the backup", y.origin(), Origin{Copied: x.time, Active: x.time})
	equal(t, "id", y.ID(), x.ID())
	equal(t, "records", y.all(), x.all())
	y.ok(y.Arrived(t.Context(), y.origin().Copied, y.time))
	equal(t, "origin of the backup at work", y.origin(), Origin{Active: y.time})
	doubt, err = y.Doubt(t.Context())
	y.ok(err)
	equal(t, "doubt", doubt, Doubt{From: x.time, Until: y.time})
	blamed, err := y.Lost(t.Context(), box, "ended", y.time)
	y.ok(err)
	if len(blamed) != 0 {
		t.Errorf("%v is blamed for what was under way when the backup was made", blamed)
	}
	z := y.backup(y.time) // of a journal that was restored itself
	z.ok(z.Arrived(t.Context(), z.origin().Copied, z.time))
	doubt, err = z.Doubt(t.Context())
	z.ok(err)
	equal(t, "doubt", doubt, Doubt{From: y.time, Until: z.time})
}

// A file that lies there stands for one receipt, also where two messages find it at the same time.
func TestFoundFiles(t *testing.T) {
	x := polled(t, "1", "2", "3")
	written := x.time.Add(-time.Hour)
	found := func(part string) mail.File {
		f := file(part, "прайс.xls", "aa")
		f.Found = written
		return f
	}
	taken := func() bool {
		t.Helper()
		has, err := x.Claimed(t.Context(), "autoparts", "прайс.xls", written)
		x.ok(err)
		return has
	}
	if taken() {
		t.Error("nobody has it yet")
	}
	out, err := x.Intend(t.Context(), 1, []mail.File{found("1")}, savedJudgement, x.time)
	x.ok(err)
	if out[0].State != mail.FilePublished || !out[0].Published.Equal(x.time) || !taken() {
		t.Errorf("file %+v, taken %v", out[0], taken())
	}
	_, err = x.Intend(t.Context(), 2, []mail.File{found("1")}, savedJudgement, x.time)
	if !errors.Is(err, mail.ErrNameTaken) {
		t.Errorf("error %v, want ErrNameTaken", err)
	}
	// A process that dies here leaves an intent of which nothing is to be moved.
	in, err := x.Intents(t.Context(), box)
	x.ok(err)
	if len(in) != 1 || len(in[0].Files) != 1 || in[0].Files[0].State != mail.FilePublished {
		t.Fatalf("intents %+v", in)
	}
	x.ok(x.Saved(t.Context(), 1, in[0].Files, in[0].Judgement, x.time))
	equal(t, "outcome", x.by("1").Outcome, mail.Saved)
	steps, err := x.Steps(t.Context(), 1)
	x.ok(err)
	equal(t, "step", steps[1].Text, "прайс.xls lies in the import directory as autoparts/прайс.xls: the journal that was lost had saved it")
	// What was written later is another file.
	if has, err := x.Claimed(t.Context(), "autoparts", "прайс.xls", x.time.Add(time.Second)); err != nil || has {
		t.Errorf("%v, %v: an older receipt stands for a newer file", has, err)
	}
	if _, err := x.Intend(t.Context(), 2, []mail.File{file("1", "прайс.xls", "aa")}, savedJudgement, x.time); err != nil || !taken() {
		t.Errorf("taken %v, %v", taken(), err)
	}
}

// A backup beside a writer is one moment of the journal: of every message either all of its story or none.
func TestBackupBesideAWriter(t *testing.T) {
	x := polled(t, numbered(1, 300)...)
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { done <- n }()
		for ; n < 300; n++ {
			select {
			case <-stop:
				return
			default:
				x.publish(mail.RecordID(n+1), file("1", "прайс.xls", fmt.Sprint(n)), file("2", "остатки.xls", fmt.Sprint(n)))
			}
		}
	}()
	last := 0
	for i := range 4 {
		into := fmt.Sprintf("%s.%d", x.path, i)
		x.ok(os.WriteFile(into, nil, 0o600))
		_, err := Backup(t.Context(), x.path, into, x.time)
		x.ok(err)
		r, err := OpenReadOnly(t.Context(), into)
		x.ok(err)
		saved, err := r.Records(t.Context(), Filter{Outcomes: []mail.Outcome{mail.Saved}})
		x.ok(err)
		files, err := r.Files(t.Context(), FileFilter{State: mail.FilePublished})
		x.ok(err)
		intents, err := r.Intents(t.Context(), box)
		x.ok(err)
		x.ok(r.Close())
		if len(files) != 2*len(saved) || len(intents) > 1 || len(saved) < last {
			t.Errorf("%d saved messages, %d files, %d intents; %d messages in the backup before", len(saved), len(files), len(intents), last)
		}
		last = len(saved)
	}
	close(stop)
	if n := <-done; n == 0 {
		t.Error("nothing was written meanwhile")
	}
}
