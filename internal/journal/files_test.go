package journal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// file is a staged attachment of rule autoparts.
func file(part, original, sha string) mail.File {
	return mail.File{Part: part, Rule: "autoparts", Original: original, RawName: "raw \xff", Dir: "autoparts", Name: original,
		Staged: mail.Staged{Name: "st-" + part + sha, Size: 42, SHA256: sha}}
}

var savedJudgement = mail.Judgement{Outcome: mail.Saved, RulesHash: "r1"}

// publish carries files through an intent as a pass does.
func (x *fixture) publish(id mail.RecordID, files ...mail.File) []mail.File {
	x.t.Helper()
	out, err := x.Intend(x.t.Context(), id, files, savedJudgement, x.time)
	x.ok(err)
	for i, f := range out {
		if f.State == mail.FileIntended {
			out[i].State = mail.FilePublished
		}
	}
	x.ok(x.Saved(x.t.Context(), id, out, savedJudgement, x.time))
	return out
}

// copies lists the same letter, message m-1, in two mailboxes; the ids of its records are 1 and 2.
func copies(t *testing.T) *fixture {
	x := polled(t, "1")
	w, err := x.SortOut(t.Context(), "other", listing("1"), x.options())
	x.ok(err)
	x.inspect(w)
	_, err = x.EndFirstPoll(t.Context(), "other", "INBOX", mail.FirstRun{All: true}, x.time)
	x.ok(err)
	return x
}

func TestIntendAndSaved(t *testing.T) {
	x := polled(t, "1")
	g := mail.Judgement{Outcome: mail.Saved, Leftover: true, Reason: "остатки.txt fits no mask", RulesHash: "r1", Parts: []mail.PartNote{{Path: "1", Name: "прайс.xls", Rule: "autoparts"}}}
	out, err := x.Intend(t.Context(), 1, []mail.File{file("1", "прайс.xls", "aa"), file("2", "price.csv", "bb")}, g, x.time)
	x.ok(err)
	for _, f := range out {
		if f.State != mail.FileIntended || f.ID == 0 || f.Record != 1 || !f.Received.Equal(x.by("1").Received) {
			t.Errorf("file %+v", f)
		}
	}
	if r := x.by("1"); r.Outcome != mail.Pending {
		t.Errorf("outcome %s before anything is out", r.Outcome)
	}
	if work, _ := x.Work(t.Context(), box, "INBOX", x.time); len(work) != 0 {
		t.Error("a message with an unfinished intent is to be fetched again")
	}

	x.ok(x.Journal.Close()) // the process dies; recovery has no mail
	x.open()
	in, err := x.Intents(t.Context(), box)
	x.ok(err)
	if len(in) != 1 || in[0].Record.ID != 1 {
		t.Fatalf("intents %+v", in)
	}
	equal(t, "judgement", in[0].Judgement, g)
	equal(t, "files", in[0].Files, out)

	out[0].State, out[1].State = mail.FilePublished, mail.FileSuperseded
	x.ok(x.Saved(t.Context(), 1, out, in[0].Judgement, x.time))
	r := x.by("1")
	if r.Outcome != mail.Saved || !r.Leftover || r.Reason != g.Reason || !r.JudgedAt.Equal(x.time) {
		t.Errorf("record %+v", r)
	}
	receipts, err := x.Receipts(t.Context(), 1)
	x.ok(err)
	out[0].Published = x.time
	equal(t, "receipts", receipts, out)
	steps, err := x.Steps(t.Context(), 1)
	x.ok(err)
	var texts []string
	for _, s := range steps[1:] {
		texts = append(texts, s.Text)
	}
	equal(t, "steps", texts, []string{
		"saved прайс.xls as autoparts/прайс.xls (rule autoparts)",
		"price.csv not saved as autoparts/price.csv (rule autoparts): a newer one is out",
		"saved, with an attachment left over: остатки.txt fits no mask",
	})
	if in, err := x.Intents(t.Context(), box); err != nil || len(in) != 0 {
		t.Errorf("intents after the end: %+v, %v", in, err)
	}
	wantErr(t, x.Saved(t.Context(), 1, out, g, x.time), "no unfinished intent")
}

// The failure of a damaged attachment is counted with the sound ones: nothing can come between.
func TestSavedWithDamage(t *testing.T) {
	x := polled(t, "1")
	out, err := x.Intend(t.Context(), 1, []mail.File{file("1", "a.xls", "aa")}, savedJudgement, x.time)
	x.ok(err)
	out[0].State = mail.FilePublished
	x.ok(x.Saved(t.Context(), 1, out, mail.Judgement{Outcome: mail.Failed, Reason: "b.xls: content is damaged", RulesHash: "r1"}, x.time))
	r := x.by("1")
	if r.Outcome != mail.Failed || r.Failures != 1 || !r.Next.Equal(x.time.Add(5*time.Minute)) {
		t.Errorf("record %+v", r)
	}
	// The retry saves the other one; what is out is not out twice, and recovery does not see it again.
	_, err = x.Intend(t.Context(), 1, []mail.File{file("1", "a.xls", "aa")}, savedJudgement, x.time)
	wantErr(t, err, "a.xls", "has a receipt already")
	if in, _ := x.Intents(t.Context(), box); len(in) != 0 {
		t.Error("a refused intent is on record")
	}
	_, err = x.Intend(t.Context(), 1, []mail.File{file("2", "b.xls", "bb")}, savedJudgement, x.time)
	x.ok(err)
	in, err := x.Intents(t.Context(), box)
	x.ok(err)
	if len(in) != 1 || len(in[0].Files) != 1 || in[0].Files[0].Part != "2" {
		t.Errorf("intents %+v", in)
	}
}

func TestSavedRefuses(t *testing.T) {
	tests := map[string]struct {
		files func([]mail.File) []mail.File
		g     mail.Judgement
		want  string
	}{
		"a file still intended": {func(f []mail.File) []mail.File { return f }, savedJudgement, "nothing became of it"},
		"a file not named":      {func(f []mail.File) []mail.File { f[0].State = mail.FilePublished; return f[:1] }, savedJudgement, "1 of its files"},
		"no files named":        {func(f []mail.File) []mail.File { return nil }, savedJudgement, "2 of its files"},
		"a file of another":     {func(f []mail.File) []mail.File { f[0].ID, f[0].State = 99, mail.FilePublished; return f }, savedJudgement, "does not belong"},
		"intended as duplicate": {func(f []mail.File) []mail.File { f[0].State = mail.FileDuplicate; return f }, savedJudgement, "does not belong"},
		"no outcome": {func(f []mail.File) []mail.File {
			f[0].State, f[1].State = mail.FilePublished, mail.FilePublished
			return f
		}, mail.Judgement{}, "does not end an intent"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			x := polled(t, "1")
			out, err := x.Intend(t.Context(), 1, []mail.File{file("1", "a.xls", "aa"), file("2", "b.xls", "bb")}, savedJudgement, x.time)
			x.ok(err)
			wantErr(t, x.Saved(t.Context(), 1, tt.files(out), tt.g, x.time), tt.want)
			in, err := x.Intents(t.Context(), box)
			x.ok(err)
			if len(in) != 1 || len(in[0].Files) != 2 || in[0].Files[0].State != mail.FileIntended {
				t.Errorf("the intent did not stay as it was: %+v", in)
			}
		})
	}
}

func TestUnfinishedIntentBlocksOtherEnds(t *testing.T) {
	x := polled(t, "1")
	_, err := x.Intend(t.Context(), 1, []mail.File{file("1", "a.xls", "aa")}, savedJudgement, x.time)
	x.ok(err)
	const want = "files are being published"
	wantErr(t, x.Judge(t.Context(), []mail.RecordID{1}, mail.Judgement{Outcome: mail.Unmatched}, x.time), want)
	wantErr(t, x.Hold(t.Context(), 1, "x", "", x.time), want)
	wantErr(t, x.Deleting(t.Context(), []mail.RecordID{1}, x.time), want)
	_, err = x.Fail(t.Context(), 1, "x", x.time)
	wantErr(t, err, want)
	_, err = x.Dismiss(t.Context(), 1, x.time)
	wantErr(t, err, want)
	_, err = x.Intend(t.Context(), 1, []mail.File{file("2", "b.xls", "bb")}, savedJudgement, x.time)
	wantErr(t, err, want)
}

func TestImportOnce(t *testing.T) {
	change := func(f mail.File, c func(*mail.File)) mail.File { c(&f); return f }
	price := file("1", "прайс.xls", "aa")
	tests := map[string]struct {
		second mail.File
		want   mail.FileState
	}{
		"the same letter":      {change(price, func(f *mail.File) { f.Name = "прайс (2).xls" }), mail.FileDuplicate},
		"as another part":      {change(price, func(f *mail.File) { f.Part, f.Member = "2.1", "in.zip" }), mail.FileDuplicate},
		"by another rule":      {change(price, func(f *mail.File) { f.Rule, f.Dir = "archive", "archive" }), mail.FileIntended},
		"with another name":    {change(price, func(f *mail.File) { f.Original, f.Name = "Прайс.xls", "Прайс.xls" }), mail.FileIntended},
		"with another content": {change(price, func(f *mail.File) { f.SHA256, f.Name = "bb", "прайс (2).xls" }), mail.FileIntended},
	}
	for name, tt := range tests {
		for _, published := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				x := copies(t)
				if published {
					x.publish(1, price)
				} else {
					_, err := x.Intend(t.Context(), 1, []mail.File{price}, savedJudgement, x.time)
					x.ok(err)
				}
				out, err := x.Intend(t.Context(), 2, []mail.File{tt.second}, savedJudgement, x.time)
				x.ok(err)
				equal(t, "state", out[0].State, tt.want)
				if dup := out[0].DuplicateOf == 1; dup != (tt.want == mail.FileDuplicate) {
					t.Errorf("duplicate of %d", out[0].DuplicateOf)
				}
			})
		}
	}
}

// Two equal attachments of one letter are both wanted; of a copy of that letter neither is.
func TestEqualAttachmentsOfOneMessage(t *testing.T) {
	x := copies(t)
	second := file("2", "a.xls", "aa")
	second.Name = "a (2).xls"
	for _, f := range x.publish(1, file("1", "a.xls", "aa"), second) {
		equal(t, "state", f.State, mail.FilePublished)
	}
	third := file("3", "a.xls", "aa")
	third.Name = "a (3).xls"
	var states []mail.FileState
	for _, f := range x.publish(2, file("1", "a.xls", "aa"), second, third) {
		states = append(states, f.State)
	}
	equal(t, "states of the copy", states, []mail.FileState{mail.FileDuplicate, mail.FileDuplicate, mail.FilePublished})
}

func TestReservedNames(t *testing.T) {
	x := polled(t, "1", "2")
	out, err := x.Intend(t.Context(), 1, []mail.File{file("1", "a.xls", "aa")}, savedJudgement, x.time)
	x.ok(err)
	_, err = x.Intend(t.Context(), 2, []mail.File{file("1", "b.xls", "bb"), file("2", "a.xls", "cc")}, savedJudgement, x.time)
	if !errors.Is(err, mail.ErrNameTaken) {
		t.Fatalf("error %v, want ErrNameTaken", err)
	}
	if files, _ := x.Receipts(t.Context(), 2); len(files) != 0 {
		t.Errorf("stored in spite of the error: %+v", files)
	}
	other, err := x.Intend(t.Context(), 2, []mail.File{file("1", "b.xls", "bb")}, savedJudgement, x.time)
	x.ok(err)
	if err := x.Rename(t.Context(), other[0].ID, "a.xls"); !errors.Is(err, mail.ErrNameTaken) {
		t.Errorf("rename to a reserved name: %v", err)
	}
	x.ok(x.Rename(t.Context(), out[0].ID, "a.xls"))
	x.ok(x.Rename(t.Context(), out[0].ID, "a (2).xls"))
	equal(t, "step", x.lastStep(1), "autoparts/a.xls is taken: a.xls will be saved as autoparts/a (2).xls")
	x.ok(x.Rename(t.Context(), other[0].ID, "a.xls"))
	out[0].State, out[0].Name = mail.FilePublished, "a (2).xls"
	x.ok(x.Saved(t.Context(), 1, out, savedJudgement, x.time))
	wantErr(t, x.Rename(t.Context(), out[0].ID, "z.xls"), "no longer intended")
	wantErr(t, x.Rename(t.Context(), 99, "z.xls"), "no such file")
	// A published name is the disk's to refuse, no longer the journal's.
	x.ok(x.Rename(t.Context(), other[0].ID, "a (2).xls"))
}

func TestReplace(t *testing.T) {
	list := func(sha string, received time.Time) mail.File {
		f := file("1", "price.xls", sha)
		f.Replace, f.Received = true, received
		return f
	}
	day := 24 * time.Hour
	x := polled(t, "1", "2", "3", "4")
	if when, err := x.Newest(t.Context(), "autoparts", "price.xls"); err != nil || !when.IsZero() {
		t.Errorf("newest of nothing: %v, %v", when, err)
	}
	x.publish(1, list("aa", start))
	when, err := x.Newest(t.Context(), "autoparts", "price.xls")
	x.ok(err)
	if !when.Equal(start) {
		t.Errorf("newest %v", when)
	}
	old := x.publish(2, list("bb", start.Add(-day)))
	equal(t, "a late retry", old[0].State, mail.FileSuperseded)
	pending, err := x.Intend(t.Context(), 3, []mail.File{list("cc", start.Add(day))}, savedJudgement, x.time)
	x.ok(err)
	equal(t, "a newer list", pending[0].State, mail.FileIntended)
	between, err := x.Intend(t.Context(), 4, []mail.File{list("dd", start.Add(day/2))}, savedJudgement, x.time)
	x.ok(err)
	equal(t, "older than the one about to go out", between[0].State, mail.FileSuperseded)
	if when, _ := x.Newest(t.Context(), "autoparts", "price.xls"); !when.Equal(start) {
		t.Errorf("newest %v: an intended file is not out yet", when)
	}
}

func TestReplaceWaitsForAnOlderIntent(t *testing.T) {
	x := polled(t, "1", "2")
	f := file("1", "price.xls", "aa")
	f.Replace = true
	_, err := x.Intend(t.Context(), 1, []mail.File{f}, savedJudgement, x.time)
	x.ok(err)
	f.SHA256, f.Received = "bb", start.Add(time.Hour)
	_, err = x.Intend(t.Context(), 2, []mail.File{f}, savedJudgement, x.time)
	if !errors.Is(err, mail.ErrNameTaken) || !strings.Contains(err.Error(), "autoparts/price.xls") {
		t.Errorf("error %v", err)
	}
}

// The unique indexes stand behind the checks.
func TestUniqueIndexes(t *testing.T) {
	x := polled(t, "1")
	x.publish(1, file("1", "a.xls", "aa"))
	for name, values := range map[string]string{
		"import once":    "1, '9', '', 'autoparts', 'v1:m-1', 'a.xls', '', 'd', 'n', 0, '', 0, 'aa', 0, 'published', 0",
		"receipt":        "1, '1', '', 'r', 'f', 'o', '', 'd', 'n', 0, '', 0, 'bb', 0, 'published', 0",
		"no such record": "9, '1', '', 'r', 'f', 'o', '', 'd', 'n', 0, '', 0, 'bb', 0, 'published', 0",
	} {
		_, err := x.w.ExecContext(t.Context(), "INSERT INTO file (record, part, member, rule, fingerprint, original, raw_name, dir, name, replace, staged, size, sha256, ordinal, state, unfinished) VALUES ("+values+")")
		if err == nil {
			t.Errorf("%s is not enforced", name)
		}
	}
}

// TestIntendNewest: what something newer of its rule is out of, or bound to come out, is superseded, whatever its name.
func TestIntendNewest(t *testing.T) {
	x := polled(t, numbered(1, 4)...)
	newest := func(part, name string, received time.Time) mail.File {
		f := file(part, name, "sum-"+name)
		f.Newest, f.Received = true, received
		return f
	}
	intended, err := x.Intend(t.Context(), 1, []mail.File{newest("1", "a.xls", x.time), newest("2", "b.xls", x.time)}, savedJudgement, x.time)
	x.ok(err)
	equal(t, "of one message", intended[0].State+" "+intended[1].State, mail.FileIntended+" "+mail.FileIntended)
	latest, err := x.Latest(t.Context(), intended[0].Rule)
	x.ok(err)
	equal(t, "latest while it is intended", latest, x.time)
	older := x.publish(2, newest("1", "c.xls", x.time.Add(-time.Second)))
	equal(t, "older than what is intended", older[0].State, mail.FileSuperseded)
	for i := range intended {
		intended[i].State = mail.FilePublished
	}
	x.ok(x.Saved(t.Context(), 1, intended, savedJudgement, x.time))
	stored, err := x.Receipts(t.Context(), 1)
	x.ok(err)
	equal(t, "newest is stored", stored[0].Newest, true)
	other := newest("1", "d.xls", x.time.Add(-time.Hour))
	other.Rule = "tools"
	same := newest("2", "e.xls", x.time)
	out := x.publish(3, other, same)
	equal(t, "of another rule, and of the same time", out[0].State+" "+out[1].State, mail.FilePublished+" "+mail.FilePublished)
	plain := newest("1", "f.xls", x.time.Add(-time.Hour))
	plain.Newest = false
	equal(t, "where all count", x.publish(4, plain)[0].State, mail.FilePublished)
}
