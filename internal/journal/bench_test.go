package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// filled is a journal with a folder of 1,000 listed messages, and records of messages long gone beside them: a tenth of
// them saved with one file, each with a step or two.
func filled(b testing.TB, total int) *fixture {
	x := polled(b, numbered(1, 1000)...)
	x.publish(1, file("1", "прайс.xls", "aa"))
	for _, statement := range []string{
		`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO record (folder, scope, uid, inspect, inspected, listed, size, senders, subject, message_id, received, fingerprint, first_seen, age, outcome, rules_hash, deletion, judged_at)
		SELECT folder, '1', 'old' || i, 0, 1, 0, 5000, senders, subject, message_id || i, received, fingerprint || hex(randomblob(24)) || i, first_seen, age,
			CASE i % 10 WHEN 0 THEN 'saved' ELSE 'unmatched' END, 'r0', 'gone', age FROM n, record WHERE record.id = 1`,
		`INSERT INTO file (record, part, member, rule, fingerprint, original, raw_name, dir, name, replace, staged, size, sha256, ordinal, state, unfinished, received, published, recorded)
		SELECT r.id, f.part, f.member, f.rule, r.fingerprint, f.original, f.raw_name, f.dir, f.name || r.id, f.replace, f.staged || r.id, f.size, hex(randomblob(32)), f.ordinal, f.state,
			f.unfinished, r.received, r.received + r.id, r.received FROM record r, file f WHERE r.outcome = 'saved' AND r.listed = 0 AND f.id = 1 AND ? > 0`,
		`INSERT INTO step (record, at, text) SELECT id, age, 'gone from the server; it was not deleted by this program' FROM record WHERE listed = 0 AND ? > 0`,
		"UPDATE record SET outcome = 'unmatched', rules_hash = 'r1' WHERE listed > 0 AND ? > 0",
	} {
		_, err := x.w.ExecContext(b.Context(), statement, max(total-1000, 1))
		x.ok(err)
	}
	x.ok(foldLog(b.Context(), x.w.DB, logPatience))
	return x
}

// idle is what a pass that finds nothing new asks of the journal.
func (x *fixture) idle(l mail.Listing) {
	ctx := x.t.Context()
	_, err := x.Intents(ctx, box)
	x.ok(err)
	_, err = x.Started(ctx, box, account, x.time)
	x.ok(err)
	_, err = x.Lost(ctx, box, "ended", x.time)
	x.ok(err)
	_, err = x.Cursors(ctx, box)
	x.ok(err)
	x.sort(l)
	_, err = x.Work(ctx, box, "INBOX", x.time)
	x.ok(err)
	x.retained()
}

// retained is what retention and the end of a pass ask.
func (x *fixture) retained() {
	ctx := x.t.Context()
	_, err := x.Listed(ctx, box, "INBOX")
	x.ok(err)
	f, err := x.Folder(ctx, box, "INBOX")
	x.ok(err)
	x.ok(x.SetPolicy(ctx, f))
	x.finish()
	x.time = x.time.Add(5 * time.Minute)
}

// busy is a pass that finds ten new messages and saves a file of each.
func (x *fixture) busy(l mail.Listing) {
	ctx := x.t.Context()
	_, err := x.Started(ctx, box, account, x.time)
	x.ok(err)
	x.inspect(x.sort(l))
	work, err := x.Work(ctx, box, "INBOX", x.time)
	x.ok(err)
	if len(work) != 10 {
		x.t.Fatalf("%d messages to read, want 10", len(work))
	}
	var ids []mail.RecordID
	for _, r := range work {
		_, err := x.Receipts(ctx, r.ID)
		x.ok(err)
		ids = append(ids, r.ID)
	}
	x.ok(x.Asking(ctx, box, ids))
	for _, id := range ids {
		x.ok(x.InHand(ctx, id))
		x.publish(id, file("1", "прайс.xls", fmt.Sprint(id)))
	}
	x.ok(x.Asked(ctx, box))
	x.retained()
}

// BenchmarkPoll is what a pass costs in the journal: with 1,000 and with a million records on file, of which 1,000 are
// listed.
func BenchmarkPoll(b *testing.B) {
	unchanged := mail.Listing{Folder: "INBOX", Scope: "1", Complete: true, Unchanged: true, Next: mail.Cursor{UIDNext: 1001, Count: 1000}}
	for _, total := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprint(total), func(b *testing.B) {
			x := filled(b, total)
			b.Run("idle-unchanged", func(b *testing.B) {
				for b.Loop() {
					x.idle(unchanged)
				}
			})
			full := listing(numbered(1, 1000)...)
			b.Run("idle-full", func(b *testing.B) {
				for b.Loop() {
					x.idle(full)
				}
			})
			from := 1
			b.Run("ten-new", func(b *testing.B) {
				for b.Loop() {
					from += 10 // as many go as come
					x.busy(listing(numbered(from, from+999)...))
				}
			})
		})
	}
}

// BenchmarkCommands is what the commands that report cost with that many records.
func BenchmarkCommands(b *testing.B) {
	for _, total := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprint(total), func(b *testing.B) {
			x := filled(b, total)
			info, err := os.Stat(x.path)
			x.ok(err)
			b.Logf("%d records: %d bytes, %d a record", total, info.Size(), info.Size()/int64(total))
			ctx := b.Context()
			for _, c := range commandCalls(x) {
				b.Run(c.name, func(b *testing.B) {
					for b.Loop() {
						x.ok(c.do(ctx))
					}
				})
			}
		})
	}
}

// commandCalls are what status, history, messages and backup ask.
func commandCalls(x *fixture) []call {
	files := func(f FileFilter) func(context.Context) error {
		return func(ctx context.Context) error { _, err := x.Files(ctx, f); return err }
	}
	messages := func(f Filter) func(context.Context) error {
		return func(ctx context.Context) error { _, err := x.Records(ctx, f); return err }
	}
	return []call{
		{"status-counts", func(ctx context.Context) error { _, err := x.Counts(ctx, box); return err }},
		{"status-rules", func(ctx context.Context) error { _, err := x.RuleStats(ctx); return err }},
		{"history", files(FileFilter{State: mail.FilePublished, Limit: 100})},
		{"history-rule", files(FileFilter{State: mail.FilePublished, Rule: "autoparts", Limit: 100})},
		{"history-rule-none", files(FileFilter{State: mail.FilePublished, Rule: "none", Limit: 100})},
		{"history-mailbox-none", files(FileFilter{State: mail.FilePublished, Mailbox: "none", Limit: 100})},
		{"history-since", files(FileFilter{State: mail.FilePublished, Since: x.time.Add(time.Hour), Limit: 100})},
		{"messages", messages(Filter{Limit: 100})},
		{"messages-held", messages(Filter{Outcomes: []mail.Outcome{mail.Held}, Limit: 100})},
		{"messages-mailbox-none", messages(Filter{Mailbox: "none", Limit: 100})},
		{"messages-leftover", messages(Filter{Leftover: true, Limit: 100})},
		{"messages-since", messages(Filter{Since: x.time.Add(time.Hour), Limit: 100})},
		{"messages-from-none", messages(Filter{From: "nobody", Limit: 100})},
		{"messages-from-cyrillic", messages(Filter{From: "ПОСТАВКА.рф", Limit: 100})},
		{"backup", func(ctx context.Context) error {
			into := x.path + ".backup"
			x.ok(os.WriteFile(into, nil, 0o600))
			_, err := Backup(ctx, x.path, into, x.time)
			return errors.Join(err, os.Remove(into))
		}},
	}
}

func BenchmarkSortOut(b *testing.B) {
	unchanged := mail.Listing{Folder: "INBOX", Scope: "1", Complete: true, Unchanged: true, Next: mail.Cursor{UIDNext: 1001, Count: 1000}}
	for _, total := range []int{1_000, 1_000_000} {
		for name, l := range map[string]mail.Listing{"unchanged": unchanged, "full": listing(numbered(1, 1000)...)} {
			b.Run(fmt.Sprintf("%s/%d", name, total), func(b *testing.B) {
				x := filled(b, total)
				for b.Loop() {
					x.sort(l)
				}
			})
		}
	}
}

func BenchmarkFirstListing(b *testing.B) {
	l := listing(numbered(1, 20_000)...)
	for b.Loop() {
		x := newFixture(b)
		x.sort(l)
	}
}

func BenchmarkOpenMillion(b *testing.B) {
	x := filled(b, 1_000_000)
	for b.Loop() {
		x.ok(x.Journal.Close())
		x.open()
	}
}

func BenchmarkSave(b *testing.B) {
	x := polled(b, numbered(1, 20_000)...)
	n := 0
	for b.Loop() {
		n++
		x.publish(mail.RecordID(n%20_000+1), file(fmt.Sprint(n), "прайс.xls", fmt.Sprint(n)))
		x.time = x.time.Add(time.Second)
	}
}
