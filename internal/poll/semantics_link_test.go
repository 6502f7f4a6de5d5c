package poll_test

import (
	"slices"
	"strings"
	"testing"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

const cloudLink = "https://cloud.mail.ru/public/AbCd/efgh"

// linked puts a link to a file into a letter's text.
func linked(letter string) string {
	return strings.Replace(letter, "Hello", "Прайс: "+cloudLink, 1)
}

// linkOnly is a letter with a link and nothing attached.
func linkOnly(id, from string) string {
	head, _, _ := strings.Cut(linked(letter(id, from, "", "")), "--b\r\nContent-Type: application/octet-stream")
	return head + "--b--\r\n"
}

// A link in place of an attachment is a near miss that names the host; one beside the attachment that is wanted is nothing.
func TestLinkInPlaceOfAnAttachment(t *testing.T) {
	tests := map[string]struct {
		raw   string
		want  mail.Outcome
		why   string // in the reason
		not   string
		links int
		left  bool
	}{
		"alone":                      {linkOnly("1", supplier), mail.NearMiss, "link to a file (cloud.mail.ru)", "mask", 1, false},
		"beside what is wanted":      {linked(letter("1", supplier, "p.csv", "1")), mail.Saved, "", "link", 0, false},
		"beside what is refused":     {linked(letter("1", supplier, "p.7z", "1")), mail.NearMiss, "no mask takes «p.7z»; its text has a link", "", 1, false},
		"beside what is excluded":    {linked(letter("1", supplier, "old.csv", "1")), mail.NearMiss, "cloud.mail.ru", "mask", 1, false},
		"beside both":                {second(linked(letter("1", supplier, "p.csv", "1")), "p.7z", "2"), mail.Saved, "no mask takes «p.7z»", "link", 0, true},
		"of a disabled rule's":       {linkOnly("1", "a@off.ru"), mail.Paused, "", "link", 0, false},
		"of a stranger":              {linkOnly("1", "a@nobody.ru"), mail.Unmatched, "no rule wants its sender", "link", 0, false},
		"none":                       {strings.Replace(linkOnly("1", supplier), cloudLink, "https://autoparts.ru/price/", 1), mail.Unmatched, "no file that a rule wants", "link", 0, false},
		"in what is attached, alone": {letter("1", supplier, "old.csv", cloudLink), mail.Unmatched, "", "link", 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, h *house) {
				h.rules[0].Exclude = []string{"old*"}
				h.rules = append(h.rules, match.Rule{Name: "off", From: []string{"off.ru"}, Disabled: true})
				id := h.server.add(test.raw, h.now)
				pass, _ := h.boot()
				planned, err := pass.Plan(t.Context(), h.journal)
				if err != nil {
					t.Fatal(err)
				}
				report := h.mustRun()
				rec := h.record(id)
				if rec.Outcome != test.want || rec.Leftover != test.left || !strings.Contains(rec.Reason, test.why) || test.not != "" && strings.Contains(rec.Reason, test.not) {
					t.Errorf("record is %s, leftover %v: %s", rec.Outcome, rec.Leftover, rec.Reason)
				}
				if got := rec.Links(); len(got) != test.links {
					t.Errorf("links on record %q", got)
				}
				if (report.NearMiss == 1) != (test.want == mail.NearMiss) {
					t.Errorf("report counts %d near misses", report.NearMiss)
				}
				if left := planned.Folders[0].Leave; test.want != mail.Saved && (len(left) != 1 || left[0].Outcome != test.want || !strings.Contains(left[0].Reason, test.why)) {
					t.Errorf("planned %+v", left)
				}
			})
		})
	}
}

// A message with a link is judged again by other rules from what is on record, and is not deleted as unmatched.
func TestLinkIsJudgedAgain(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.LeaveCopy, h.pass.Retention.DeleteUnmatched = false, true
		id := h.server.add(linkOnly("1", supplier), h.now)
		h.mustRun()
		h.mustRun()
		h.wantOnServer(true, id)
		h.rules[0].Files = append(h.rules[0].Files, "*.rar")
		h.mustRun()
		h.wantOutcome(id, mail.NearMiss)
		h.rules[0].Disabled = true
		h.mustRun()
		h.wantOutcome(id, mail.Paused)
		h.rules[0].Disabled = false
		h.mustRun()
		h.wantOutcome(id, mail.NearMiss)
		if n := h.server.fetched[id]; n != 1 {
			t.Errorf("read %d times", n)
		}
		h.wantOnServer(true, id)
		h.rules = []match.Rule{{Name: "other", From: []string{"other.ru"}}}
		h.mustRun()
		h.mustRun()
		h.wantOutcome(id, mail.Unmatched)
		h.wantOnServer(false, id)
		if slices.Contains(h.files(), "autoparts") {
			t.Error("something was saved")
		}
	})
}
