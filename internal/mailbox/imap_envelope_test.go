package mailbox

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/mimepart"
)

// askHeader2 asks for one envelope alone; the items come in any order.
const askHeader2 = "C: UID FETCH 2 (UID "

func inspecting(set string) string {
	return welcome() + examine("EXAMINE", 3, 10) + "C: UID FETCH " + set + " (UID "
}

// envelopes reads those of refs.
func envelopes(t *testing.T, s *imapSession, refs []mail.Ref) (map[string]mail.Envelope, error) {
	t.Helper()
	got := map[string]mail.Envelope{}
	err := s.Envelopes(t.Context(), refs, func(e mail.Envelope) error {
		if _, twice := got[e.ID]; twice {
			t.Errorf("envelope of %s twice", e.ID)
		}
		got[e.ID] = e
		return nil
	})
	return got, err
}

func TestIMAPEnvelopes(t *testing.T) {
	one, two := headerAnswer(1, 1, rawMessage(1), 500), headerAnswer(2, 2, rawMessage(2), 600)
	again := "\n" + askHeader2 + "\n"
	for _, c := range []struct {
		name, script string
		got          string
	}{
		{"both", inspecting("1:2") + "\n" + two + one + "S: T OK\n", "1 2"},
		{"flags of another client come first", inspecting("1:2") + "\nS: * 2 FETCH (UID 2 FLAGS ())\n" + one + two + "S: T OK\n" + again + two + "S: T OK\n", "1 2"},
		{"NIL first", inspecting("1:2") + "\n" + one + "S: * 2 FETCH (UID 2 RFC822.SIZE 600 BODY[HEADER.FIELDS (From)] NIL)\nS: T OK\n" + again + two + "S: T OK\n", "1 2"},
		{"UID last", inspecting("1:2") + "\n" + one + "S: T OK\n" + again + "S: T OK\nC: SEARCH UID 2\nS: * SEARCH 2\nS: T OK\nC: FETCH 2 (UID \n" + two + "S: T OK\n", "1 2"},
		{"gone", inspecting("1:2") + "\n" + one + "S: T OK\n" + again + "S: T OK\nC: SEARCH UID 2\nS: * SEARCH\nS: T OK\n", "1"},
		{"refused as a set", inspecting("1:2") + "\nS: T NO one is corrupt\nC: UID FETCH 1 \n" + one + "S: T OK\n" + again + two + "S: T OK\n", "1 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openedIMAP(t, scriptedIMAP(t, c.script))
			got, err := envelopes(t, s, inbox(1, 2))
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, n := range []int{1, 2} {
				e, ok := got[strconv.Itoa(n)]
				if !ok {
					continue
				}
				found = append(found, e.ID)
				want := mimepart.Envelope([]byte(strings.SplitAfter(rawMessage(n), "\r\n\r\n")[0]))
				if e.Ref != inbox(n)[0] || e.Size != int64(400+100*n) || e.Fingerprint != want.Fingerprint || len(e.From) != 1 || e.From[0] != "price@a.ru" {
					t.Errorf("%+v", e)
				}
				if received := time.Date(2026, 1, 5, 7, 0, 1, 0, time.UTC); !e.Received.Equal(received) {
					t.Errorf("received %v, want INTERNALDATE %v", e.Received, received)
				}
			}
			if s := strings.Join(found, " "); s != c.got {
				t.Errorf("envelopes of %q, want %q", s, c.got)
			}
		})
	}
}

// A list that would replace a newer one must not pass for the newest because a server leaves an item out.
func TestIMAPEnvelopeWithoutInternalDate(t *testing.T) {
	answer := strings.Replace(headerAnswer(1, 1, rawMessage(1), 1), ` INTERNALDATE \" 5-Jan-2026 10:00:01 +0300\"`, "", 1)
	s := openedIMAP(t, scriptedIMAP(t, inspecting("1")+"\n"+answer+"S: T OK\n"))
	got, err := envelopes(t, s, inbox(1))
	if err != nil || strings.Contains(answer, "INTERNALDATE") {
		t.Fatal(err, answer)
	}
	if received := time.Date(2026, 1, 5, 7, 0, 0, 0, time.UTC); !got["1"].Received.Equal(received) {
		t.Errorf("received %v, want the topmost Received field, %v", got["1"].Received, received)
	}
}

// A message that is there but whose header cannot be had must not be taken for gone.
func TestIMAPEnvelopeThatCannotBeHad(t *testing.T) {
	s := openedIMAP(t, scriptedIMAP(t, inspecting("1:2")+"\n"+headerAnswer(1, 1, rawMessage(1), 1)+"S: T OK\n"+
		askHeader2+"\nS: T OK\nC: SEARCH UID 2\nS: * SEARCH 2\nS: T OK\nC: FETCH 2 (UID \nS: T OK\n"))
	_, err := envelopes(t, s, inbox(1, 2))
	contains(t, err, "INBOX/2", "sends no header")
	if mail.ClassOf(err) != mail.Temporary {
		t.Errorf("class %v", mail.ClassOf(err))
	}
}

func TestIMAPEnvelopesCut(t *testing.T) {
	s := openedIMAP(t, scriptedIMAP(t, inspecting("1:2")+"\n"+headerAnswer(1, 1, rawMessage(1), 1)+
		"S= \"* 2 FETCH (UID 2 BODY[HEADER.FIELDS (From)] {100}\\r\\nFrom: a@b.ru\\r\\n\"\nX:\n"))
	got, err := envelopes(t, s, inbox(1, 2))
	contains(t, err, "read headers", "closed the connection")
	if _, ok := got["2"]; ok {
		t.Errorf("a cut header was taken: %+v", got)
	}
}

func TestIMAPEnvelopesEndedByCaller(t *testing.T) {
	s := openedIMAP(t, scriptedIMAP(t, inspecting("1:2")+"\n"+headerAnswer(1, 1, rawMessage(1), 1)+headerAnswer(2, 2, rawMessage(2), 1)+"S: T OK\nC: EXAMINE\nS: T NO\n"))
	full := errors.New("journal is full")
	calls := 0
	err := s.Envelopes(t.Context(), inbox(1, 2), func(mail.Envelope) error { calls++; return full })
	if err != full || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	if _, err := s.List(t.Context(), nil); err != nil {
		t.Errorf("the session is lost: %v", err)
	}
}

// Many messages take one command for each 500.
func TestIMAPEnvelopesInChunks(t *testing.T) {
	var uids []int
	answers := [3]string{}
	for uid := 1; uid <= 1100; uid++ {
		uids = append(uids, uid)
		answers[(uid-1)/chunk] += headerAnswer(uid, uid, rawMessage(uid), 1)
	}
	script := welcome() + examine("EXAMINE", 1100, 0)
	for i, set := range []string{"1:500", "501:1000", "1001:1100"} {
		script += fmt.Sprintf("C: UID FETCH %s (UID \n%sS: T OK\n", set, answers[i])
	}
	s := openedIMAP(t, scriptedIMAP(t, script))
	got, err := envelopes(t, s, inbox(uids...))
	if err != nil || len(got) != 1100 {
		t.Errorf("%d envelopes, %v", len(got), err)
	}
}
