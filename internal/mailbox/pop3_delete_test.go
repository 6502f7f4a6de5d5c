package mailbox

import (
	"errors"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

func TestPOP3Delete(t *testing.T) {
	other := strings.ReplaceAll(priced, "<1@", "<2@")
	a := mail.Doomed{Ref: mail.Ref{ID: "uid-a"}, Fingerprint: printOf(priced), Size: 100}
	fetchA := "C: RETR 1\n" + sent(priced)
	topA := "C: TOP 1 0\n" + sent(head(priced))
	noID := strings.ReplaceAll(two, "uid-b", "uid-a") // both have the same UIDL
	for _, c := range []struct {
		name, script string
		fetch, look  bool // the first message is fetched, or its header read, before
		doomed       mail.Doomed
		state        mail.DeleteState
		words        string
	}{
		{"verified by TOP", hello2("TOP") + two + topA + "C: DELE 1\nS: +OK\n", false, false, a, mail.DeleteMarked, ""},
		{"verified by the RETR before", hello2("TOP") + two + fetchA + "C: DELE 1\nS: +OK\n", true, false, a, mail.DeleteMarked, ""},
		{"verified by the TOP before", hello2("TOP") + two + topA + "C: DELE 1\nS: +OK\n", false, true, a, mail.DeleteMarked, ""},
		{"TOP not known to be there", hello + two + topA + "C: DELE 1\nS: +OK\n", false, false, a, mail.DeleteMarked, ""},
		{"no TOP, fetched", hello2() + two + fetchA + "C: DELE 1\nS: +OK\n", true, false, a, mail.DeleteMarked, ""},
		{"no TOP, not fetched", hello2() + two, false, false, a, mail.DeleteRefused, "no TOP"},
		{"TOP refused", hello + two + "C: TOP 1 0\nS: -ERR what?\n", false, false, a, mail.DeleteRefused, "what?"},
		{"another message", hello2("TOP") + two + "C: TOP 1 0\n" + sent(head(other)), false, false, a, mail.DeleteMismatch, "another message"},
		{"another message, fetched", hello2("TOP") + two + "C: RETR 1\n" + sent(other), true, false, a, mail.DeleteMismatch, "another message"},
		{"another size", hello2("TOP") + two, false, false, mail.Doomed{Ref: a.Ref, Fingerprint: a.Fingerprint, Size: 101}, mail.DeleteMismatch, "100 octets, expected 101"},
		{"size not to be compared", hello2("TOP") + two + topA + "C: DELE 1\nS: +OK\n", false, false, mail.Doomed{Ref: a.Ref, Fingerprint: a.Fingerprint, Size: -1}, mail.DeleteMarked, ""},
		{"without a fingerprint", hello2("TOP") + two + topA, false, false, mail.Doomed{Ref: a.Ref, Size: 100}, mail.DeleteMismatch, ""},
		{"not listed", hello2("TOP") + two, false, false, mail.Doomed{Ref: mail.Ref{ID: "uid-z"}, Fingerprint: a.Fingerprint}, mail.DeleteAbsent, "no longer offers"},
		{"under another number", hello2("TOP") + two, false, false, mail.Doomed{Ref: mail.Ref{ID: "uid-z", Num: 1}, Fingerprint: a.Fingerprint}, mail.DeleteAbsent, ""},
		{"not listed, listing incomplete", hello2("TOP") + strings.Replace(two, "+OK 2 300", "+OK 3 300", 1), false, false,
			mail.Doomed{Ref: mail.Ref{ID: "uid-z"}, Fingerprint: a.Fingerprint}, mail.DeleteRefused, "STAT says 3"},
		{"no UIDL of its own, fetched", hello2("TOP") + noID + fetchA + "C: DELE 1\nS: +OK\n", true, false,
			mail.Doomed{Ref: mail.Ref{Num: 1}, Fingerprint: a.Fingerprint, Size: 100}, mail.DeleteMarked, ""},
		{"no UIDL of its own, header read", hello2("TOP") + noID + topA, false, true,
			mail.Doomed{Ref: mail.Ref{Num: 1}, Fingerprint: a.Fingerprint, Size: 100}, mail.DeleteRefused, "no UIDL of its own"},
		{"DELE refused", hello2("TOP") + two + topA + "C: DELE 1\nS: -ERR locked by administrator\n", false, false, a, mail.DeleteRefused, "locked by administrator"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, refs := listed(t, scripted(t, c.script+"C: QUIT\nS: +OK\n"))
			if c.fetch {
				if err := s.Fetch(t.Context(), refs[:1], newCollector()); err != nil {
					t.Fatal(err)
				}
			}
			if c.look {
				if got, err := collectEnvelopes(t, s, refs[:1]); err != nil || len(got) != 1 {
					t.Fatal(got, err)
				}
			}
			got, err := s.Delete(t.Context(), []mail.Doomed{c.doomed})
			if err != nil || len(got) != 1 {
				t.Fatalf("%v, %v", got, err)
			}
			if got[0].State != c.state || got[0].Ref != c.doomed.Ref {
				t.Errorf("state %v of %v, want %v: %v", got[0].State, got[0].Ref, c.state, got[0].Err)
			}
			if (got[0].Err == nil) != (c.state == mail.DeleteMarked) || c.words != "" && !strings.Contains(got[0].Err.Error(), c.words) {
				t.Errorf("error %v, want %q in it", got[0].Err, c.words)
			}
			if err := s.Close(true); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// A connection lost on the way: every message has its answer, and none is said to be deleted or marked for good.
func TestPOP3DeleteLost(t *testing.T) {
	doomed := []mail.Doomed{
		{Ref: mail.Ref{ID: "uid-a"}, Fingerprint: printOf(priced), Size: -1},
		{Ref: mail.Ref{ID: "uid-b"}, Fingerprint: printOf(priced), Size: -1},
		{Ref: mail.Ref{ID: "uid-z"}, Fingerprint: printOf(priced), Size: -1},
	}
	verified := "C: TOP 1 0\n" + sent(head(priced)) + "C: DELE 1\nS: +OK\nC: TOP 2 0\n"
	for name, c := range map[string]struct {
		script string
		want   []mail.DeleteState
	}{
		"in DELE":     {verified + sent(head(priced)) + "C: DELE 2\nS: oops", []mail.DeleteState{mail.DeleteMarked, mail.DeleteUnknown, mail.DeleteRefused}},
		"in TOP":      {verified + "S: oops", []mail.DeleteState{mail.DeleteMarked, mail.DeleteRefused, mail.DeleteRefused}},
		"server busy": {verified + "S: -ERR [SYS/TEMP] disk", []mail.DeleteState{mail.DeleteMarked, mail.DeleteRefused, mail.DeleteRefused}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := listed(t, scripted(t, hello2("TOP")+two+c.script))
			got, err := s.Delete(t.Context(), doomed)
			if err == nil || mail.ClassOf(err) != mail.Temporary || len(got) != len(doomed) {
				t.Fatalf("%v, %v", got, err)
			}
			for i, d := range got {
				if d.State != c.want[i] || d.Ref != doomed[i].Ref {
					t.Errorf("answer %d: %+v, want state %v", i, d, c.want[i])
				}
			}
		})
	}
}

func TestPOP3Close(t *testing.T) {
	for name, c := range map[string]struct{ script, words string }{
		"confirmed":    {"C: QUIT\nS: +OK bye\n", ""},
		"refused":      {"C: QUIT\nS: -ERR some deleted messages not removed\n", "some deleted messages not removed"},
		"garbage":      {"C: QUIT\nS: bye\n", "not the answer of a POP3 server"},
		"empty answer": {"C: QUIT\nS: \n", "not the answer of a POP3 server"},
	} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, scripted(t, hello+c.script))
			err := s.Close(true)
			if c.words == "" {
				if err != nil {
					t.Errorf("close: %v", err)
				}
			} else {
				contains(t, err, "commit session", c.words)
			}
			if again := s.Close(true); again != nil {
				t.Errorf("closed again: %v", again)
			}
			_, err = s.List(t.Context(), nil)
			contains(t, err, "use session")
		})
	}
	t.Run("dropped", func(t *testing.T) {
		s := opened(t, scripted(t, hello)) // not a word of QUIT
		if err := s.Close(false); err != nil {
			t.Errorf("close: %v", err)
		}
		if _, err := s.Delete(t.Context(), nil); !errors.Is(err, errClosed) {
			t.Errorf("delete after close: %v", err)
		}
	})
	t.Run("after the connection was lost", func(t *testing.T) {
		s := opened(t, scripted(t, hello+"C: STAT\nS: ???"))
		if _, err := s.List(t.Context(), nil); err == nil {
			t.Fatal("listed")
		}
		contains(t, s.Close(true), "commit session", "???")
	})
}
