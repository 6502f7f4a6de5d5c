package retain

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWords(t *testing.T) {
	const never = "Never deleted: messages that are pending, failed, held, or wanted by something disabled."
	const brake = "A new policy that would delete more than 20 messages and more than 25 % of those listed, or more than 20 that were " +
		"never imported, waits for: pricefetch approve."
	for _, tt := range []struct {
		policy Policy
		want   []string
	}{
		{keepAll, []string{"Nothing is deleted: every message stays on the server."}},
		{Policy{LeaveCopy: true, DeleteUnmatched: true, BrakeOff: true}, []string{"Nothing is deleted: every message stays on the server."}},
		{Policy{BrakePercent: 25, Way: "auto"}, []string{
			"A message is deleted once everything wanted from it is saved (leave_copy: false); one with an attachment that a file mask refused stays.",
			"Messages that no rule wants are left alone (delete_unmatched: false).",
			"Nothing is deleted because of its age (delete_after_days: off).",
			never,
			`Deleted means moved to the server's \Trash folder where it marks one, else gone at once (imap_delete: auto).`,
			brake}},
		{Policy{LeaveCopy: true, AfterDays: 30, BrakePercent: 25}, []string{
			"A copy of every saved message stays on the server until it is old enough (leave_copy: true).",
			"Every message received at least 30 days ago is deleted, wanted or not (delete_after_days: 30); wanted ones are saved first.",
			"That includes mail older than first_run, which is deleted without having been imported.",
			never,
			"Deleted means gone from the server at once, as far as the server honours it.",
			brake}},
		{Policy{DeleteUnmatched: true, AfterDays: 1, SavedOnly: true, BrakeOff: true, Way: "Разобрано"}, []string{
			"A message is deleted once everything wanted from it is saved (leave_copy: false); one with an attachment that a file mask refused stays.",
			"Messages that no rule wants are deleted too (delete_unmatched: true); near misses stay.",
			"Saved messages received at least 1 day ago are deleted (delete_after_days: 1, delete_scope: saved); all others stay whatever their age.",
			never,
			"Deleted means moved to a folder (imap_delete: Разобрано).",
			"No brake: the first pass deletes all of that without asking (brake: off)."}},
		{Policy{Way: "trash", BrakePercent: 25}, nil},
	} {
		got := Words(tt.policy)
		if tt.want == nil {
			if !strings.Contains(strings.Join(got, "\n"), `moved to the server's \Trash folder (imap_delete: trash)`) {
				t.Errorf("%+v: %q", tt.policy, got)
			}
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.policy, diff)
		}
	}
}

func TestClock(t *testing.T) {
	build := ago(100)
	for _, tt := range []struct {
		name          string
		newest, build time.Time
		hold, suspend string
	}{
		{"first pass ever", time.Time{}, time.Time{}, "", ""},
		{"all is well", now.Add(-time.Hour), build, "", ""},
		{"5 min back is tolerated", now.Add(5 * time.Minute), build, "", ""},
		{"more is not", now.Add(5*time.Minute + time.Second), build, "the clock says 2026-11-20 12:00 UTC, but an earlier pass ran at 2026-11-20 12:05 UTC", ""},
		{"24 h back", now.Add(24 * time.Hour), build, "the clock says 2026-11-20 12:00 UTC, but an earlier pass ran at 2026-11-21 12:00 UTC", ""},
		{"over 24 h back", now.Add(25 * time.Hour), build, "the clock says 2026-11-20 12:00 UTC, but an earlier pass ran at 2026-11-21 13:00 UTC",
			"an earlier pass ran at 2026-11-21 13:00 UTC, more than a day ahead of the clock's 2026-11-20 12:00 UTC: one of them is wrong"},
		{"before the build", time.Time{}, now.Add(time.Hour), "the clock says 2026-11-20 12:00 UTC, but this program was built 2026-11-20 13:00 UTC: set the clock", ""},
		{"before the build and a later pass", now.Add(48 * time.Hour), now.Add(time.Hour), "the clock says 2026-11-20 12:00 UTC, but this program was built 2026-11-20 13:00 UTC: set the clock",
			"an earlier pass ran at 2026-11-22 12:00 UTC, more than a day ahead of the clock's 2026-11-20 12:00 UTC: one of them is wrong"},
	} {
		hold, suspend := Clock(now, tt.newest, tt.build)
		if hold != tt.hold || suspend != tt.suspend {
			t.Errorf("%s:\nhold    %q\nsuspend %q", tt.name, hold, suspend)
		}
	}
}

func TestGap(t *testing.T) {
	const words = "the last finished pass was 2026-11-05 12:00 UTC, 15 days ago: the clock may have jumped"
	for _, tt := range []struct {
		name     string
		last     time.Time
		interval time.Duration
		want     string
	}{
		{"never", time.Time{}, time.Minute, ""},
		{"just now", now, time.Minute, ""},
		{"exactly 14 days", ago(14), time.Minute, ""},
		{"15 days", ago(15), 5 * time.Minute, words},
		{"15 days, but within three intervals", ago(15), 5 * day, ""},
		{"15 days, and more than three intervals", ago(15), 5*day - time.Second, words},
		{"in the future", now.Add(day), time.Minute, ""},
		{"a huge interval", ago(15), 1 << 62, ""},
	} {
		if got := Gap(now, tt.last, tt.interval); got != tt.want {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}
