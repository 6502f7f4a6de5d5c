package poll_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

// surveyed surveys the house's server as it is, without a journal, and returns the names of the files by subject.
func (h *house) surveyed(since time.Time) (map[string]string, poll.Surveyed, error) {
	h.t.Helper()
	p := h.build()
	p.Journal, p.Import, p.Held = nil, nil, nil
	got := map[string]string{}
	out, err := p.Survey(h.t.Context(), since, func(e mail.Envelope, parts []mail.Part) {
		var names []string
		for _, part := range parts {
			if part.Attachment {
				names = append(names, part.Name)
			}
		}
		if _, twice := got[e.MessageID]; twice {
			h.t.Errorf("%s is told twice", e.MessageID)
		}
		got[e.MessageID] = strings.Join(names, " ")
	})
	return got, out, err
}

// A survey tells every recent message once, commits nothing, and costs at most one session for each answer that cannot be
// read.
func TestSurvey(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		day := 24 * time.Hour
		var ids []string
		for i := range 7 {
			ids = append(ids, h.server.add(letter(fmt.Sprint(i), supplier, fmt.Sprintf("p%d.xls", i), "x"), h.now.Add(-time.Duration(i)*day)))
		}
		h.server.add(letter("none", supplier, "none.xls", "x"), time.Time{})
		h.server.headless = map[string]string{ids[1]: "cuts"}
		h.server.cut = map[string]bool{ids[2]: true}
		got, out, err := h.surveyed(h.now.Add(-4 * day))
		if err != nil {
			t.Fatal(err)
		}
		f := out.Folders[0]
		if f.Listed != 8 || f.Unknown != 2 || f.Why == "" || f.Error != "" {
			t.Errorf("folder %+v", f)
		}
		var names []string
		for _, n := range got {
			names = append(names, n)
		}
		slices.Sort(names)
		if want := "none.xls p0.xls p3.xls p4.xls"; strings.Join(names, " ") != want {
			t.Errorf("told %q, want %q", names, want)
		}
		if slices.Contains(h.server.log, "quit") || slices.Contains(h.server.log, "delete") || len(h.server.messages) != 8 {
			t.Errorf("log %q", h.server.log)
		}
	})
}

// Over IMAP what the server knows for sure is not read.
func TestSurveyByStructures(t *testing.T) {
	h := newHouse(t, "imap")
	told := h.server.add(letter("1", supplier, "p.xls", "x"), h.now)
	read := h.server.add(letter("2", supplier, "q.xls", "x"), h.now)
	h.server.structured.says = map[string]string{told: "told.xls"}
	h.server.structured.sure = true
	got, _, err := h.surveyed(h.now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if h.server.fetched[told] != 0 || h.server.fetched[read] != 1 || len(got) != 2 {
		t.Errorf("read %v, told %v", h.server.fetched, got)
	}
}

// A server that breaks every session does not keep the survey going for ever, and what was found before is told.
func TestSurveyGivesUp(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		for i := range 100 {
			id := h.server.add(letter(fmt.Sprint(i), supplier, "p.xls", "x"), h.now)
			h.server.cut[id] = i > 0
		}
		got, out, err := h.surveyed(h.now.Add(-time.Hour))
		if err == nil || len(got) != 1 || len(out.Folders) != 1 || out.Folders[0].Unknown < 10 {
			t.Errorf("error %v, told %v, folders %+v", err, got, out.Folders)
		}
		if n := len(h.server.fetched); n > 40 {
			t.Errorf("%d messages were tried", n)
		}
	})
}
