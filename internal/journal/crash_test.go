package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// image is everything that the journal tells.
type image struct {
	Staging   string
	Mailboxes []mail.MailboxState
	Folders   []mail.FolderState
	Records   []mail.Record
	Steps     map[mail.RecordID][]Step
	Files     []HistoryFile
	Intents   []mail.Intent
}

func dump(t *testing.T, j *Journal) (m image) {
	t.Helper()
	var errs [6]error
	m.Staging, errs[0] = j.Staging(t.Context())
	m.Mailboxes, errs[1] = j.Mailboxes(t.Context())
	m.Folders, errs[2] = j.Folders(t.Context(), box)
	m.Records, errs[3] = j.Records(t.Context(), Filter{})
	m.Files, errs[4] = j.Files(t.Context(), FileFilter{})
	m.Intents, errs[5] = j.Intents(t.Context(), box)
	m.Steps = make(map[mail.RecordID][]Step)
	for _, r := range m.Records {
		steps, err := j.Steps(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		m.Steps[r.ID] = steps
	}
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// kill opens what a process would leave on the disk if it died now: the file and its write-ahead log.
func kill(t *testing.T, path string) image {
	t.Helper()
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "journal.db"+suffix), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j, err := Open(t.Context(), filepath.Join(dir, "journal.db"), clock)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	return dump(t, j)
}

// TestEveryTransactionIsDurable walks a message's life and dies after each step.
func TestEveryTransactionIsDurable(t *testing.T) {
	x := newFixture(t)
	ctx := t.Context()
	var work mail.Worklist
	var files []mail.File
	steps := []struct {
		name string
		do   func() error
	}{
		{"staging", func() error { return x.SetStaging(ctx, "token") }},
		{"started", func() error { _, err := x.Started(ctx, box, account, x.time); return err }},
		{"sorted out", func() (err error) { work, err = x.SortOut(ctx, box, listing("1", "2", "3"), x.options()); return err }},
		{"inspected", func() error { x.inspect(work); return nil }},
		{"first poll ended", func() error {
			_, err := x.EndFirstPoll(ctx, box, "INBOX", mail.FirstRun{All: true}, x.time)
			return err
		}},
		{"judged", func() error {
			return x.Judge(ctx, []mail.RecordID{2}, mail.Judgement{Outcome: mail.Unmatched, RulesHash: "r1"}, x.time)
		}},
		{"asking", func() error { return x.Asking(ctx, box, []mail.RecordID{1, 3}) }},
		{"in hand", func() error { return x.InHand(ctx, 3) }},
		{"lost", func() error { _, err := x.Lost(ctx, box, "cut", x.time); return err }},
		{"failed", func() error { _, err := x.Fail(ctx, 3, "bad", x.time); return err }},
		{"held", func() error { return x.Hold(ctx, 3, "oversize", "3.eml", x.time) }},
		{"intended", func() (err error) {
			files, err = x.Intend(ctx, 1, []mail.File{file("1", "прайс.xls", "aa")}, savedJudgement, x.time)
			return err
		}},
		{"renamed", func() error { return x.Rename(ctx, files[0].ID, "прайс (2).xls") }},
		{"saved", func() error {
			files[0].State, files[0].Name = mail.FilePublished, "прайс (2).xls"
			return x.Saved(ctx, 1, files, savedJudgement, x.time)
		}},
		{"policy", func() error {
			return x.SetPolicy(ctx, mail.FolderState{Mailbox: box, Folder: "INBOX", PolicyHash: "p", PolicySince: x.time, Waiting: &mail.Approval{IDs: []mail.RecordID{1}}})
		}},
		{"approved", func() error { _, err := x.Approve(ctx, box, x.time); return err }},
		{"deleting", func() error { return x.Deleting(ctx, []mail.RecordID{1}, x.time) }},
		{"deleted", func() error {
			return x.Deleted(ctx, []mail.DeleteAnswer{{ID: 1, State: mail.DeleteDone, Why: ""}}, x.time)
		}},
		{"finished", func() error { return x.Update(ctx, box, func(m *mail.MailboxState) { m.LastFinished = x.time }) }},
		{"gone", func() error { _, err := x.SortOut(ctx, box, listing("2", "3"), x.options()); return err }},
		{"dismissed", func() error { _, err := x.Dismiss(ctx, 3, x.time); return err }},
	}
	last := dump(t, x.Journal)
	for _, s := range steps {
		x.time = x.time.Add(time.Second)
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		live := dump(t, x.Journal)
		equal(t, "killed after "+s.name, kill(t, x.path), live)
		last = live
	}
	if r := last.Records[2]; r.Outcome != mail.Saved || r.Deletion != mail.DeletionGone || len(last.Steps[1]) != 8 {
		t.Errorf("at the end: %+v\n%+v", r, last.Steps[1])
	}
}
