package poll_test

import (
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// A temporary file that cannot be had is the disk's fault: no message is blamed, and the next pass goes on.
func TestSpoolTroubleBlamesNobody(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		id := h.server.add(letter("1", supplier, "p.csv", "1"), h.now)
		h.server.fail = func(op string) error {
			if op == "retr" {
				return mail.Errorf(mail.Storage, "use temporary file: no space left on device")
			}
			return nil
		}
		for range 3 {
			if err := h.tryRun(); mail.ClassOf(err) != mail.Storage {
				t.Fatalf("the pass ends with %v of class %v", err, mail.ClassOf(err))
			}
			h.now = h.now.Add(time.Minute)
		}
		if rec := h.record(id); rec.Outcome != mail.Pending || rec.Failures+rec.Losses != 0 || rec.Solo {
			t.Errorf("record %s, failures %d, losses %d, solo %v", rec.Outcome, rec.Failures, rec.Losses, rec.Solo)
		}
		h.server.fail = nil
		h.mustRun()
		h.wantFiles("autoparts/p.csv")
	})
}

// A message without its closing boundary is taken, and its record says so.
func TestUnclosedMessageIsFlagged(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		raw := strings.TrimSuffix(strings.TrimRight(letter("1", supplier, "p.csv", "1"), "\r\n"), "--b--")
		id := h.server.add(raw, h.now)
		h.mustRun()
		h.wantFiles("autoparts/p.csv")
		if rec := h.record(id); rec.Outcome != mail.Saved || !strings.Contains(rec.Reason, "closing boundary is missing") || rec.Leftover {
			t.Errorf("record %s, reason %q, leftover %v", rec.Outcome, rec.Reason, rec.Leftover)
		}
	})
}
