package mailbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pricefetch/internal/mail"
)

func ref(num uint32, id string, size int64) mail.Listed {
	return mail.Listed{Ref: mail.Ref{Num: num, ID: id}, Size: size}
}

// listScript is the dialogue of a listing; an empty reply stands for -ERR.
func listScript(stat, uidl, list string) string {
	multi := func(lines string) string {
		if lines == "-" {
			return "S: -ERR unknown command\n"
		}
		s := "S: +OK\n"
		for _, l := range strings.Fields(lines) {
			s += "S: " + strings.ReplaceAll(l, "_", " ") + "\n"
		}
		return s + "S: .\n"
	}
	return "C: STAT\nS: " + stat + "\nC: UIDL\n" + multi(uidl) + "C: LIST\n" + multi(list)
}

func TestPOP3List(t *testing.T) {
	long := strings.Repeat("x", 120)
	for _, c := range []struct {
		name, stat, uidl, list string
		want                   []mail.Listed
		why                    string // "": complete
	}{
		{"ordinary", "+OK 2 300", "1_a 2_b", "1_100 2_200", []mail.Listed{ref(1, "a", 100), ref(2, "b", 200)}, ""},
		{"empty", "+OK 0 0", "", "", nil, ""},
		{"empty, refused", "+OK 0 0", "-", "-", nil, ""},
		{"gaps and any order", "+OK 2 300", "7_b 3_a", "7_200 3_100", []mail.Listed{ref(3, "a", 100), ref(7, "b", 200)}, ""},
		{"words behind", "+OK 1 100 octets", "1_a", "1_100_octets", []mail.Listed{ref(1, "a", 100)}, ""},
		{"no UIDL command", "+OK 2 300", "-", "1_100 2_200", []mail.Listed{ref(1, "", 100), ref(2, "", 200)}, ""},
		{"a UIDL twice", "+OK 3 300", "1_a 2_b 3_a", "1_1 2_2 3_3", []mail.Listed{ref(1, "", 1), ref(2, "b", 2), ref(3, "", 3)}, ""},
		{"long and odd UIDL", "+OK 2 2", "1_" + long + " 2_a_b/ы", "1_1 2_1", []mail.Listed{ref(1, long, 1), ref(2, "a b/ы", 1)}, ""},
		{"UIDL that is no text", "+OK 1 1", "1_a\xff\x01", "1_1", []mail.Listed{ref(1, "", 1)}, ""},
		{"largest number", "+OK 1 1", "4294967295_a", "4294967295_1", []mail.Listed{ref(4294967295, "a", 1)}, ""},

		{"STAT says more", "+OK 3 300", "1_a 2_b", "1_100 2_200", []mail.Listed{ref(1, "a", 100), ref(2, "b", 200)}, "STAT says 3"},
		{"STAT says less", "+OK 0 0", "1_a", "1_100", []mail.Listed{ref(1, "a", 100)}, "STAT says 0"},
		{"STAT says nothing", "+OK", "1_a", "1_100", []mail.Listed{ref(1, "a", 100)}, "STAT answered"},
		{"STAT of words", "+OK two messages", "1_a", "1_100", []mail.Listed{ref(1, "a", 100)}, "STAT answered"},
		{"UIDL shorter than LIST", "+OK 2 300", "1_a", "1_100 2_200", []mail.Listed{ref(1, "a", 100)}, "UIDL has 1"},
		{"LIST shorter than UIDL", "+OK 2 300", "1_a 2_b", "1_100", []mail.Listed{ref(1, "a", 100), ref(2, "b", -1)}, "LIST has 1"},
		{"other numbers", "+OK 2 300", "1_a 3_b", "1_100 2_200", []mail.Listed{ref(1, "a", 100), ref(3, "b", -1)}, "no size for message number 3"},
		{"broken UIDL line", "+OK 2 300", "1_a x_b", "1_100 2_200", []mail.Listed{ref(1, "a", 100)}, `"x b"`},
		{"UIDL line without UIDL", "+OK 2 300", "1_a 2", "1_100 2_200", []mail.Listed{ref(1, "a", 100)}, `"2"`},
		{"broken LIST line", "+OK 2 300", "1_a 2_b", "1_100 2_many", []mail.Listed{ref(1, "a", 100), ref(2, "b", -1)}, "no size for message number 2"},
		{"a number twice", "+OK 2 300", "1_a 1_b", "1_100 2_200", nil, "number 1 twice"},
		{"a number three times", "+OK 3 300", "1_a 1_b 1_c", "1_100 2_200 3_1", nil, "number 1 twice"},
		{"number zero", "+OK 1 1", "0_a", "0_1", nil, `"0 a"`},
		{"number too large", "+OK 1 1", "4294967297_a", "1_1", nil, "4294967297"},
		{"negative size", "+OK 1 1", "1_a", "1_-1", []mail.Listed{ref(1, "a", -1)}, "no size"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := opened(t, scripted(t, hello+listScript(c.stat, c.uidl, c.list)))
			got, err := s.List(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			l := got[0]
			if diff := cmp.Diff(c.want, l.Refs); diff != "" {
				t.Errorf("refs (-want +got):\n%s", diff)
			}
			if l.Complete != (c.why == "") || !strings.Contains(l.Why, c.why) {
				t.Errorf("complete %v because %q, want %q", l.Complete, l.Why, c.why)
			}
			if l.Complete && l.Next.Count != len(c.want) || l.Unchanged || l.Err != nil {
				t.Errorf("listing %+v", l)
			}
		})
	}
}

func TestPOP3ListFails(t *testing.T) {
	const caps = "S: +OK\nC: CAPA\nS: +OK\nS: USER\nS: UIDL\nS: .\nC: USER joe\nS: +OK\nC: PASS s3cret\nS: +OK\nC: CAPA\nS: -ERR\nC: STAT\nS: +OK 1 1\n"
	for name, c := range map[string]struct{ script, words string }{
		"STAT refused":            {hello + "C: STAT\nS: -ERR no", "STAT: server says -ERR no"},
		"UIDL offered, refused":   {caps + "C: UIDL\nS: -ERR later", "UIDL: server says -ERR later"},
		"UIDL busy":               {hello + "C: STAT\nS: +OK 1 1\nC: UIDL\nS: -ERR [SYS/TEMP] later", "later"},
		"UIDL busy, empty":        {hello + "C: STAT\nS: +OK 0 0\nC: UIDL\nS: -ERR [SYS/TEMP] later", "later"},
		"LIST refused":            {caps + "C: UIDL\nS: +OK\nS: 1 a\nS: .\nC: LIST\nS: -ERR no", "LIST: server says -ERR no"},
		"a line without end":      {hello + "C: STAT\nS: +OK 1 1\nC: UIDL\nS: +OK\nS: 1 " + strings.Repeat("x", 2*pop3Line), "more than 65536 octets"},
		"more than was asked for": {hello + "C: STAT\nS: +OK 1 1\nS: +OK 2 2", "nobody asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, scripted(t, c.script))
			l, err := s.List(t.Context(), nil)
			contains(t, err, "list mailbox", c.words)
			if l != nil || mail.ClassOf(err) != mail.Temporary {
				t.Errorf("%v, class %v", l, mail.ClassOf(err))
			}
		})
	}
}

// A later listing in the same session is the same: the maildrop stands still.
func TestPOP3ListTwice(t *testing.T) {
	s := opened(t, scripted(t, hello+two))
	first, err1 := s.List(t.Context(), nil)
	second, err2 := s.List(t.Context(), nil)
	if diff := cmp.Diff(first, second); diff != "" || err1 != nil || err2 != nil {
		t.Errorf("%v, %v, (-first +second):\n%s", err1, err2, diff)
	}
}

func TestPOP3Inspect(t *testing.T) {
	const list = "C: STAT\nS: +OK 1 100\nC: UIDL\nS: +OK\nS: 1 a\nS: .\nC: LIST\nS: +OK\nS: 1 100\nS: .\n"
	for _, c := range []struct {
		name, host, script string
		notes              []string
	}{
		{"all is well", "pop.example.ru", hello2("TOP", "UIDL") + list, nil},
		{"keeps for ever", "pop.example.ru", hello2("TOP", "UIDL", "EXPIRE NEVER") + list, []string{"keeps mail"}},
		{"expires", "pop.example.ru", hello2("TOP", "UIDL", "EXPIRE 30 USER") + list, []string{"after 30 days"}},
		{"keeps nothing", "pop.example.ru", hello2("TOP", "UIDL", "EXPIRE 0") + list, []string{"leave_copy"}},
		{"delay", "pop.example.ru", hello2("TOP", "UIDL", "LOGIN-DELAY 900") + list, []string{"15m0s"}},
		{"no TOP", "pop.example.ru", hello2("UIDL") + list, []string{"no TOP"}},
		{"no CAPA, TOP", "pop.example.ru", hello + list + "C: TOP 1 0\nS: +OK\nS: Subject: x\nS: \nS: .\n", []string{"no CAPA"}},
		{"no CAPA, no TOP", "pop.example.ru", hello + list + "C: TOP 1 0\nS: -ERR\n", []string{"no CAPA", "no TOP"}},
		{"no UIDL", "pop.example.ru", hello2("TOP") + listScript("+OK 1 1", "-", "1_1"), []string{"no UIDL"}},
		{"odd listing", "pop.example.ru", hello2("TOP") + listScript("+OK 2 1", "1_a", "1_1"), []string{"STAT says 2"}},
		{"Yandex", "pop.yandex.ru", hello2("TOP", "UIDL") + list, []string{"only hides"}},
		{"Gmail", "pop.gmail.com", hello2("TOP", "UIDL") + list, []string{"web setting"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := scripted(t, c.script)
			o.Host = c.host
			r, err := Inspect(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			notes := append([]string{"in the clear"}, c.notes...)
			if len(r.Notes) != len(notes) {
				t.Fatalf("notes %q, want %q", r.Notes, notes)
			}
			for i, words := range notes {
				if !strings.Contains(r.Notes[i], words) {
					t.Errorf("note %q lacks %q", r.Notes[i], words)
				}
			}
			if got := fmt.Sprintln(r.Address, len(r.Folders), r.Folders[0].Messages, r.Folders[0].Configured); got != c.host+":110 1 1 true\n" {
				t.Errorf("report of %s", got)
			}
		})
	}
}
