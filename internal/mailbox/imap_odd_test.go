package mailbox

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// redialled returns options for a server that plays one script after the other, a connection each.
func redialled(t *testing.T, scripts ...string) Options {
	t.Helper()
	o := scriptedIMAP(t, scripts[0])
	dials := []func(context.Context, string, string) (net.Conn, error){o.Dialer}
	for _, s := range scripts[1:] {
		dials = append(dials, scriptedIMAP(t, s).Dialer)
	}
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if len(dials) == 0 {
			return nil, errors.New("nobody is at home")
		}
		dial := dials[0]
		dials = dials[1:]
		return dial(ctx, network, addr)
	}
	return o
}

const searchAll = "C: UID SEARCH ALL\n"

// A listing that cannot be read is asked for once more in another way, in a new session.
func TestIMAPListOddAnswer(t *testing.T) {
	first := welcome() + examine("EXAMINE", 2, 10) + askAll
	second := welcome() + examine("EXAMINE", 2, 10) + searchAll
	for _, c := range []struct {
		name, odd, second string
		ids, why, words   string
	}{
		{"negative size", "S: * 1 FETCH (UID 3 RFC822.SIZE -5)\n", second + "S: * SEARCH 3 9\nS: T OK\n", "3 9", "", ""},
		{"UID over 2^32", "S: * 1 FETCH (UID 4294967296 RFC822.SIZE 5)\n", second + "S: * SEARCH 9 3\nS: T OK\n", "3 9", "", ""},
		{"unknown response", "S: * XYZZY\nS: * 1 FETCH (\n", second + "S: * SEARCH 3 9\nS: T OK\n", "3 9", "", ""},
		{"too long", "S: * 1 FETCH (X" + strings.Repeat("x", maxResponse) + "\n", second + "S: * SEARCH 3\nS: T OK\n", "3", "server announces 2 messages and lists 1", ""},
		{"too many", strings.Join(manyUIDs(3), ""), second + "S: * SEARCH 3 9\nS: T OK\n", "3 9", "", ""},
		{"odd again", "S: * 1 FETCH (UID\n", second + "S: * SEARCH x\n", "", "", "list folder"},
		{"UID 0", "S: * 1 FETCH (UID\n", second + "S: * SEARCH 0 3\nS: T OK\n", "", "", "a UID that is none"},
		{"four thousand million UIDs", "S: * 1 FETCH (UID\n", second + "S: * ESEARCH (TAG \"T3\") UID ALL 1:4294967295\nS: T OK\n", "", "", "more than 2"},
		{"a star", "S: * 1 FETCH (UID\n", second + "S: * ESEARCH (TAG \"T3\") UID ALL 1:*\nS: T OK\n", "", "", "list folder"},
		{"refused", "S: * 1 FETCH (UID\n", second + "S: T NO what for\n", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := redialled(t, first+c.odd+"X:\n", c.second)
			o.MaxListed = 2
			s := openedIMAP(t, o)
			got, err := s.List(t.Context(), nil)
			if c.words != "" {
				contains(t, err, c.words)
				return
			}
			if err != nil || len(got) != 1 {
				t.Fatalf("%+v, %v", got, err)
			}
			if l := got[0]; ids(l) != c.ids || l.Complete != (c.why == "" && l.Err == nil) || l.Why != c.why || (l.Err == nil) == (c.ids == "") {
				t.Errorf("%+v", l)
			}
			for _, r := range got[0].Refs {
				if r.Size != -1 || r.Scope != "7" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

func manyUIDs(n int) []string {
	var out []string
	for i := range n {
		out = append(out, uidAnswers(string(rune('1'+i))))
	}
	return out
}

// One that cannot be made anew says both.
func TestIMAPListOddAnswerAlone(t *testing.T) {
	s := openedIMAP(t, redialled(t, welcome()+examine("EXAMINE", 2, 10)+askAll+"S: * 1 FETCH (UID\nX:\n"))
	_, err := s.List(t.Context(), nil)
	contains(t, err, "list folder", "nobody is at home")
	if mail.ClassOf(err) != mail.Temporary {
		t.Errorf("class %v", mail.ClassOf(err))
	}
}

// What was answered before an odd answer is handed over, and the error names what is left, the culprit first.
func TestIMAPEnvelopesOddAnswer(t *testing.T) {
	ask := func(set string) string {
		return welcome() + examine("EXAMINE", 3, 10) + "C: UID FETCH " + set + " (UID "
	}
	one, three := headerAnswer(1, 1, rawMessage(1), 1), headerAnswer(3, 3, rawMessage(3), 1)
	for _, c := range []struct {
		name, script string
		refs         []int
		got, left    string
		proven, cut  bool
	}{
		{"bad size after UID", ask("1:3") + "\n" + one + "S: * 2 FETCH (UID 2 RFC822.SIZE -5)\nX:\n", []int{1, 2, 3}, "1", "2 3", false, false},
		{"bad size before UID", ask("1:3") + "\n" + one + "S: * 2 FETCH (RFC822.SIZE -5 UID 2)\nX:\n", []int{1, 2, 3}, "1", "2 3", false, false},
		{"the last one, out of order", ask("1:3") + "\n" + one + "S: * 3 FETCH (UID 3 RFC822.SIZE x)\nX:\n", []int{1, 2, 3}, "1", "3 2", false, false},
		{"bad date", ask("1:3") + "\n" + three + "S: * 1 FETCH (UID 1 INTERNALDATE \"yesterday\")\nX:\n", []int{1, 2, 3}, "3", "1 2", false, false},
		{"too long", ask("1:3") + "\nS: * 1 FETCH (UID 1 FLAGS (" + strings.Repeat("x", maxResponse) + "))\n", []int{1, 2, 3}, "", "1 2 3", false, false},
		{"a header without end", ask("1:3") + "\n" + one + "S: * 2 FETCH (UID 2 BODY[HEADER.FIELDS (From)] {4000000000}\n", []int{1, 2, 3}, "", "1 2 3", false, false},
		{"alone", ask("2") + "\nS: * 2 FETCH (UID 2 RFC822.SIZE -5)\nX:\n", []int{2}, "", "2", true, false},
		{"hung up", ask("1:3") + "\n" + one + "X:\n", []int{1, 2, 3}, "1", "2 3", false, true},
		{"hung up in a header", ask("2") + "\nS= \"* 2 FETCH (UID 2 BODY[HEADER.FIELDS (From)] {10}\\r\\nFrom\"\nX:\n", []int{2}, "", "2", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openedIMAP(t, scriptedIMAP(t, c.script))
			got, err := envelopes(t, s, inbox(c.refs...))
			odd, ok := errors.AsType[*mail.OddAnswer](err)
			if !ok || mail.ClassOf(err) != mail.Temporary {
				t.Fatalf("%v of class %v, want an odd answer", err, mail.ClassOf(err))
			}
			var left, found []string
			for _, r := range odd.Refs {
				left = append(left, r.ID)
			}
			for id := range got {
				found = append(found, id)
			}
			slices.Sort(found)
			if l, f := strings.Join(left, " "), strings.Join(found, " "); l != c.left || f != c.got || odd.Proven != c.proven || odd.Cut != c.cut {
				t.Errorf("got %q, left %q, proven %v, cut %v", f, l, odd.Proven, odd.Cut)
			}
		})
	}
}

// Messages without a header do not keep the others back.
func TestIMAPEnvelopesWithout(t *testing.T) {
	again := func(n string) string {
		return "C: UID FETCH " + n + " (UID \nS: T OK\nC: SEARCH UID " + n + "\nS: * SEARCH " + n + "\nS: T OK\nC: FETCH " + n + " (UID \nS: T OK\n"
	}
	s := openedIMAP(t, scriptedIMAP(t, inspecting("1:3")+"\n"+headerAnswer(3, 3, rawMessage(3), 1)+"S: T OK\n"+again("1")+again("2")))
	got, err := envelopes(t, s, inbox(1, 2, 3))
	odd, ok := errors.AsType[*mail.OddAnswer](err)
	if !ok || !odd.Proven || odd.Cut || len(odd.Refs) != 2 || odd.Refs[0].ID != "1" || odd.Refs[1].ID != "2" || len(got) != 1 || s.lost != nil {
		t.Errorf("%+v with %v", err, got)
	}
}

// A caller who stops, and a server that says why it goes, are no odd answers.
func TestIMAPEnvelopesNotOdd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := openedIMAP(t, scriptedIMAP(t, welcome()))
	cancel()
	bye := openedIMAP(t, scriptedIMAP(t, inspecting("1:2")+"\nS: * BYE shutting down\nX:\n"))
	for name, err := range map[string]error{
		"cancelled": cancelled.Envelopes(ctx, nil, nil),
		"bye":       bye.Envelopes(t.Context(), inbox(1, 2), func(mail.Envelope) error { return nil }),
	} {
		if _, odd := errors.AsType[*mail.OddAnswer](err); err == nil || odd {
			t.Errorf("%s: %v", name, err)
		}
	}
}
