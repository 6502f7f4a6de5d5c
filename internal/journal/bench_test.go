package journal

import (
	"fmt"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// filled is a journal with a folder of 1,000 listed messages, and records of messages long gone beside them.
func filled(b *testing.B, total int) *fixture {
	x := polled(b, numbered(1, 1000)...)
	_, err := x.w.ExecContext(b.Context(), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO record (folder, scope, uid, inspect, inspected, listed, size, senders, subject, message_id, received, fingerprint, first_seen, age, outcome, rules_hash, deletion, judged_at)
		SELECT folder, '1', 'old' || i, 0, 1, 0, 5000, senders, subject, message_id || i, received, fingerprint || i, first_seen, age,
			CASE i % 10 WHEN 0 THEN 'saved' ELSE 'unmatched' END, 'r0', 'gone', age FROM n, record WHERE record.id = 1`, max(total-1000, 1))
	x.ok(err)
	_, err = x.w.ExecContext(b.Context(), "UPDATE record SET outcome = 'unmatched', rules_hash = 'r1' WHERE listed > 0")
	x.ok(err)
	return x
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
