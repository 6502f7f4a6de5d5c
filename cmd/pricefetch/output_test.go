package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pricefetch/internal/daemon"
	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

// stream is a file that stands for the program's standard error, and what JOURNAL_STREAM calls it.
func stream(t *testing.T) (*os.File, string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return f, fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}

func written(t *testing.T, f *os.File) string {
	t.Helper()
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Under systemd each line begins with its priority and has no time of its own; elsewhere it does not, whatever the
// environment was inherited from.
func TestJournalPriorities(t *testing.T) {
	f, name := stream(t)
	t.Setenv("JOURNAL_STREAM", name)
	a := &app{out: f, err: f, logFormat: "text", logLevel: "debug"}
	log := a.logger().With("mailbox", "прайсы")
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		log.Log(t.Context(), level, "line\nbroken", "error", errors.New("x y"))
	}
	a.complain(errors.New("one\ntwo"))
	const rest = `msg="line\nbroken" mailbox=прайсы error="x y"` + "\n"
	if got, want := written(t, f), "<7>"+rest+"<6>"+rest+"<4>"+rest+"<3>"+rest+"<3>pricefetch: one\n<3>two\n"; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	other, _ := stream(t)
	a = &app{out: other, err: other, logFormat: "text", logLevel: "info"}
	a.logger().Info("line")
	if got := written(t, other); !strings.HasPrefix(got, "time=") {
		t.Errorf("output that is not the journal's: %s", got)
	}
	json, name := stream(t)
	t.Setenv("JOURNAL_STREAM", name)
	(&app{err: json, logFormat: "json", logLevel: "info"}).logger().Info("line")
	if got := written(t, json); !strings.HasPrefix(got, "{") {
		t.Errorf("JSON for the journal: %s", got)
	}
}

// hostile is text as a sender may write it: it clears the screen, turns the direction and forges a line.
const hostile = "a\x1b[2J\u202eb\u009bc\nd\u2066\x7f"

func harmless(t *testing.T, what, out string) {
	t.Helper()
	for _, r := range strings.TrimRight(out, "\n") {
		if r != '\n' && printable(string(r)) != string(r) {
			t.Errorf("%s: %q gets through in %q", what, r, out)
			return
		}
	}
}

func TestNothingMovesTheCursor(t *testing.T) {
	var out, errs bytes.Buffer
	a := &app{out: &out, err: &errs, output: "table"}
	a.say("%s: %s and %d\n", hostile, errors.New(hostile), 7)
	if err := a.table("none", []string{"A"}, [][]string{{hostile}}); err != nil {
		t.Fatal(err)
	}
	a.complain(errors.New(hostile))
	a.remarks(passRow{Report: poll.Report{Mailbox: "m"}, Error: hostile})
	if err := a.printStatus(statusReport{Running: true, Mailboxes: []mailboxStatus{{Name: "m", Error: hostile, AgeSuspended: hostile}}}); err != nil {
		t.Fatal(err)
	}
	if err := a.printPlans([]plannedBox{{Error: hostile, Plan: poll.Plan{Mailbox: "m", Folders: []poll.FolderPlan{{
		Folder: hostile, Leave: []poll.PlannedMessage{{Subject: hostile, From: []string{hostile}}}, HeldBack: hostile}}}}}); err != nil {
		t.Fatal(err)
	}
	if err := a.printShown([]shown{{messageRow: messageRow{Subject: hostile, Reason: hostile, ServerID: hostile,
		Attachment: []mail.PartNote{{Name: hostile, Reason: hostile}}}, Steps: []shownStep{{Text: hostile}}}}); err != nil {
		t.Fatal(err)
	}
	a.printConnected(connectedBox{Mailbox: "m", Server: "s", Capabilities: []string{hostile}, Notes: []string{hostile},
		Folders: []connectedFolder{{Name: hostile, Special: hostile, Error: hostile}}})
	harmless(t, "standard output", out.String())
	harmless(t, "standard error", errs.String())

	out.Reset()
	if err := a.json(map[string]string{"subject": hostile + "«прайс» <&>"}); err != nil {
		t.Fatal(err)
	}
	harmless(t, "JSON", out.String())
	var back map[string]string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["subject"] != hostile+"«прайс» <&>" || !strings.Contains(out.String(), "«прайс» <&>") {
		t.Errorf("JSON says %q, %v: %s", back, err, out.String())
	}
}

// The status of once is 1 for a mailbox that failed, or that was not polled to the end.
func TestOutcomes(t *testing.T) {
	report := poll.Report{Mailbox: "m", Listed: 3, Waiting: 2, NearMiss: 1, Held: 1, Failed: 1, Baseline: 4, Took: time.Second}
	for name, c := range map[string]struct {
		outcome daemon.Outcome
		state   string
		err     string
		remarks []string
	}{
		"ok":      {daemon.Outcome{Report: report}, "ok", "", []string{"2 deletions wait", "1 message held", "1 message failed", "4 messages older"}},
		"failed":  {daemon.Outcome{Report: report, Err: mail.Errorf(mail.Auth, "no")}, "FAILED (auth)", "1 mailbox of 1 failed", []string{"m: no\n"}},
		"stopped": {daemon.Outcome{Report: poll.Report{Mailbox: "m", Stopped: true}}, "stopped", "not polled to the end", nil},
		"dry run": {daemon.Outcome{Report: poll.Report{Mailbox: "m"}, DryRun: true}, "dry run", "", []string{"see: pricefetch plan m"}},
	} {
		var out, errs bytes.Buffer
		err := (&app{out: &out, err: &errs, output: "table"}).outcomes([]daemon.Outcome{c.outcome})
		if (c.err == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), c.err) || status(err) != exitFailed) {
			t.Errorf("%s: error %v, want %q", name, err, c.err)
		}
		if !strings.HasSuffix(out.String(), " "+c.state+"\n") {
			t.Errorf("%s: table without %q:\n%s", name, c.state, out.String())
		}
		for _, r := range c.remarks {
			if !strings.Contains(errs.String(), r) {
				t.Errorf("%s: no %q in:\n%s", name, r, errs.String())
			}
		}
	}
}

func TestExitStatus(t *testing.T) {
	for err, want := range map[error]int{
		usageError{errors.New("x")}:                       exitFault,
		fmt.Errorf("lock: %w", daemon.ErrLocked):          exitLocked,
		errors.Join(errors.New("x"), daemon.ErrLocked):    exitLocked,
		partError{text: "x"}:                              exitFailed,
		context.Canceled:                                  exitFailed,
		fmt.Errorf("a: %w", usageError{errors.New("no")}): exitFault,
	} {
		if got := status(err); got != want {
			t.Errorf("%v: status %d, want %d", err, got, want)
		}
	}
}

func TestSinceTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "30d": now.AddDate(0, 0, -30), "12h": now.Add(-12 * time.Hour), "2026-11-01": time.Date(2026, 11, 1, 0, 0, 0, 0, time.Local),
		"2026-11-01T18:00": time.Date(2026, 11, 1, 18, 0, 0, 0, time.Local),
	} {
		if got, err := sinceTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"yesterday", "-3d", "-1h", "2026-13-01", "d"} {
		if got, err := sinceTime(text, now); err == nil || status(err) != exitFault {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
