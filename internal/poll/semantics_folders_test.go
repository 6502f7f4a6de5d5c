package poll_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

// folders is a session over several folders, each a server of its own.
type folders []*session

func (f folders) of(ref mail.Ref) *session {
	return f[slices.IndexFunc(f, func(c *session) bool { return c.s.folder == ref.Folder })]
}

func (f folders) List(ctx context.Context, prev []mail.Cursor) ([]mail.Listing, error) {
	var all []mail.Listing
	for _, c := range f {
		l, err := c.List(ctx, prev)
		if err != nil {
			l = []mail.Listing{{Folder: c.s.folder, Err: err}}
		}
		all = append(all, l...)
	}
	return all, nil
}

func (f folders) Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) error {
	for _, ref := range refs {
		if err := f.of(ref).Envelopes(ctx, []mail.Ref{ref}, each); err != nil {
			return err
		}
	}
	return nil
}

func (f folders) Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error {
	for _, ref := range refs {
		if err := f.of(ref).Fetch(ctx, []mail.Ref{ref}, h); err != nil {
			return err
		}
	}
	return nil
}

func (f folders) Delete(ctx context.Context, doomed []mail.Doomed) ([]mail.Deleted, error) {
	var all []mail.Deleted
	for _, d := range doomed {
		answers, err := f.of(d.Ref).Delete(ctx, []mail.Doomed{d})
		all = append(all, answers...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func (f folders) Close(bool) error { return nil }

var _ poll.Session = folders{}

// Two folders: each has its first poll, its policy and its plan; the trouble of one is not the other's.
func TestTwoFolders(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "imap")
	h.pass.FirstRun = mail.FirstRun{Age: 7 * 24 * time.Hour}
	h.pass.Retention.AfterDays = 30
	sent := newServer("imap")
	sent.folder, sent.validity = "Прайсы", "9"
	h.connect = func() poll.Session { return folders{{s: h.server}, {s: sent}} }
	year := h.now.AddDate(-1, 0, 0)
	for i := range 25 { // beyond the brake
		h.server.add(letter(fmt.Sprint("x", i), "x@y.ru", "p.csv", "x"), year)
	}
	sent.add(letter("s", "x@y.ru", "p.csv", "x"), year)
	sent.add(letter("w", supplier, "w.csv", "w"), h.now)
	sent.fail = func(op string) error {
		if op == "list" {
			return errors.New("no such folder")
		}
		return nil
	}
	if _, err := h.run(); err == nil || !strings.Contains(err.Error(), "Прайсы") {
		t.Errorf("a folder that cannot be opened gives %v", err)
	}
	h.wantFiles()
	sent.fail = nil
	h.mustRun()
	h.wantFiles("autoparts/w.csv")
	if len(h.server.messages) != 25 || len(sent.messages) != 1 {
		t.Fatalf("%d and %d messages left: one folder's plan waits, the other's does not", len(h.server.messages), len(sent.messages))
	}
	if got, err := h.journal.Approve(t.Context(), "prices", h.now); err != nil || len(got) != 1 || got[0].Count != 25 {
		t.Errorf("approve gives %v, %v", got, err)
	}
	h.server.validity = "8" // a reset of the one deletes nothing there, and does not hinder the other
	h.now = h.now.AddDate(0, 0, 1)
	sent.add(letter("z", "x@y.ru", "p.csv", "x"), h.now)
	h.mustRun()
	if len(h.server.messages) != 25 {
		t.Errorf("%d messages are left after a reset", len(h.server.messages))
	}
}

// Oversize by the listing, and by an attachment where the listing does not tell.
func TestOversizeAttachment(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.LeaveCopy = false
		h.pass.MessageSize = 1000
		other := h.server.add(second(letter("2", supplier, "big2.csv", strings.Repeat("y", 3000)), "small2.csv", "s"), h.now)
		h.mustRun()
		h.wantOutcome(other, mail.Held)
		for range 3 {
			h.mustRun()
		}
		h.wantOnServer(true, other)
		if h.server.fetched[other] != 0 {
			t.Errorf("fetched %d times", h.server.fetched[other])
		}
		if _, err := h.journal.Retry(t.Context(), h.record(other).ID, h.now); err != nil {
			t.Fatal(err)
		}
		h.mustRun()
		h.mustRun()
		h.wantFiles("autoparts/big2.csv", "autoparts/small2.csv")
		h.wantOnServer(false, other)
	})
}

// counting counts the transactions that write.
type counting struct {
	poll.Journal
	n *int
}

func (j counting) Judge(ctx context.Context, ids []mail.RecordID, g mail.Judgement, now time.Time) error {
	*j.n++
	return j.Journal.Judge(ctx, ids, g, now)
}

func (j counting) Inspected(ctx context.Context, in []mail.Inspection, now time.Time) ([]mail.Record, error) {
	*j.n++
	return j.Journal.Inspected(ctx, in, now)
}

func (j counting) Deleting(ctx context.Context, ids []mail.RecordID, now time.Time) error {
	*j.n++
	return j.Journal.Deleting(ctx, ids, now)
}

func (j counting) Deleted(ctx context.Context, a []mail.DeleteAnswer, now time.Time) error {
	*j.n++
	return j.Journal.Deleted(ctx, a, now)
}

// Five thousand messages of nobody that a rule wants cost a few transactions, not one each.
func TestManyMessages(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		n := 5000
		if raceDetector {
			n = 500
		}
		for i := range n {
			h.server.add(letter(fmt.Sprint(i), "news@spam.ru", "p.csv", "x"), h.now)
		}
		h.lists("a", 2)
		writes := 0
		h.wrap = func(j poll.Journal) poll.Journal { return counting{j, &writes} }
		h.log = io.Discard
		h.mustRun()
		if writes > n/250+10 {
			t.Errorf("the first pass made %d transactions for headers and judgements", writes)
		}
		h.wantFiles("autoparts/a00.csv", "autoparts/a01.csv")
		h.pass.Retention.LeaveCopy, h.pass.Retention.DeleteUnmatched, h.pass.Retention.BrakeOff = false, true, true
		writes = 0
		h.mustRun()
		if writes > 10 || len(h.server.messages) != 0 {
			t.Errorf("deleting took %d transactions, %d messages are left", writes, len(h.server.messages))
		}
	})
}
