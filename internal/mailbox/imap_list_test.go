package mailbox

import (
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// uidAnswers are FETCH responses with sizes of 100 × UID.
func uidAnswers(uids ...string) string {
	var b strings.Builder
	for _, uid := range uids {
		b.WriteString("S: * 1 FETCH (UID " + uid + " RFC822.SIZE " + uid + "00)\n")
	}
	return b.String()
}

const askAll = "C: UID FETCH 1:* (UID RFC822.SIZE)\n"

func TestIMAPList(t *testing.T) {
	last := mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 20, Count: 3}
	for _, c := range []struct {
		name, script        string
		prev                mail.Cursor
		ids                 string
		complete, unchanged bool
		why                 string
		next                mail.Cursor
	}{
		{"first", examine("EXAMINE", 2, 10) + askAll + uidAnswers("3", "9") + "S: T OK\n", mail.Cursor{},
			"3 9", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 10, Count: 2}},
		{"no UIDNEXT: opened for writing, so that the UIDs are kept", examine("EXAMINE", 2, 0) + examine("SELECT", 2, 0) + examine("EXAMINE", 2, 0) +
			askAll + uidAnswers("3", "9") + "S: T OK\n", last,
			"3 9", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "7", Count: 2}},
		{"no UIDNEXT, may not be written to", examine("EXAMINE", 2, 0) + "C: SELECT INBOX\nS: T NO [NOPERM] no\n" + examine("EXAMINE", 2, 0) +
			askAll + uidAnswers("3", "9") + "S: T OK\n", last,
			"3 9", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "7", Count: 2}},
		{"empty", examine("EXAMINE", 0, 10) + "C: UID SEARCH ALL\nS: * SEARCH\nS: T OK\n", mail.Cursor{},
			"", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 10}},
		{"EXISTS missing", "C: EXAMINE INBOX\nS: * OK [UIDVALIDITY 7] .\nS: T OK\nC: UID SEARCH ALL\nS: * SEARCH 3\nS: T OK\n" +
			askAll + uidAnswers("3") + "S: T OK\n", mail.Cursor{},
			"3", false, false, "announces 0 messages and lists 1", mail.Cursor{}},
		{"nothing changed: no more round trips", examine("EXAMINE", 3, 20), last,
			"", true, true, "", last},
		{"two came", examine("EXAMINE", 5, 25) + "C: UID FETCH 20:* (UID RFC822.SIZE)\n" + uidAnswers("21", "24") + "S: T OK\n", last,
			"21 24", true, true, "", mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 25, Count: 5}},
		{"one came and went: the star names an old message", examine("EXAMINE", 3, 21) + "C: UID FETCH 20:* (UID RFC822.SIZE)\n" + uidAnswers("12") + "S: T OK\n", last,
			"", true, true, "", mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 21, Count: 3}},
		{"one came, one is gone", examine("EXAMINE", 3, 21) + "C: UID FETCH 20:* (UID RFC822.SIZE)\n" + uidAnswers("20") + "S: T OK\n" +
			askAll + uidAnswers("3", "9", "20") + "S: T OK\n", last,
			"3 9 20", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 21, Count: 3}},
		{"one is gone", examine("EXAMINE", 2, 20) + askAll + uidAnswers("3", "9") + "S: T OK\n", last,
			"3 9", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 20, Count: 2}},
		{"UIDNEXT went back", examine("EXAMINE", 3, 5) + askAll + uidAnswers("1", "2", "4") + "S: T OK\n", last,
			"1 2 4", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 5, Count: 3}},
		{"another UIDVALIDITY", inScope("8", examine("EXAMINE", 3, 20)+examine("SELECT", 3, 20)+examine("EXAMINE", 3, 20)) + askAll + uidAnswers("1", "2", "4") + "S: T OK\n", last,
			"1 2 4", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "8", UIDNext: 20, Count: 3}},
		{"another UIDVALIDITY at every EXAMINE, until opened for writing", inScope("8", examine("EXAMINE", 3, 20)) +
			inScope("9", examine("SELECT", 3, 20)+examine("EXAMINE", 3, 20)) + askAll + uidAnswers("1", "2", "4") + "S: T OK\n", last,
			"1 2 4", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "9", UIDNext: 20, Count: 3}},
		{"the new ones are refused", examine("EXAMINE", 4, 21) + "C: UID FETCH 20:*\nS: T NO what\n" + askAll + uidAnswers("1", "2", "3", "20") + "S: T OK\n", last,
			"1 2 3 20", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 21, Count: 4}},
		{"short", examine("EXAMINE", 3, 20) + askAll + uidAnswers("3", "9") + "S: T OK\n", mail.Cursor{},
			"3 9", false, false, "announces 3 messages and lists 2", mail.Cursor{}},
		{"a UID twice", examine("EXAMINE", 3, 20) + askAll + uidAnswers("3", "9", "9") + "S: T OK\n", mail.Cursor{},
			"3 9", false, false, "announces 3 messages and lists 2", mail.Cursor{}},
		{"part, then NO", examine("EXAMINE", 3, 20) + askAll + uidAnswers("3", "9") + "S: T NO [SERVERBUG] one is corrupt\n", mail.Cursor{},
			"3 9", false, false, "one is corrupt", mail.Cursor{}},
		{"arrives while listing", examine("EXAMINE", 1, 10) + askAll + uidAnswers("3") + "S: * 2 EXISTS\nS: T OK\n" +
			askAll + uidAnswers("3", "10") + "S: T OK\n", mail.Cursor{},
			"3 10", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 11, Count: 2}},
		{"one goes and one comes while listing", examine("EXAMINE", 2, 10) + askAll + uidAnswers("3", "4") + "S: * 1 EXPUNGE\nS: * 2 EXISTS\nS: T OK\n" +
			askAll + uidAnswers("4", "10") + "S: T OK\n", mail.Cursor{},
			"4 10", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 11, Count: 2}},
		{"never rests", examine("EXAMINE", 1, 10) + askAll + uidAnswers("3") + "S: * 2 EXISTS\nS: T OK\n" +
			askAll + uidAnswers("3") + "S: * 3 EXISTS\nS: T OK\n" + askAll + uidAnswers("3") + "S: * 4 EXISTS\nS: T OK\n", mail.Cursor{},
			"3", false, false, "kept changing", mail.Cursor{}},
		{"flags of another client come first", examine("EXAMINE", 2, 10) + askAll +
			"S: * 1 FETCH (UID 3 FLAGS (\\Seen))\nS: * 2 FETCH (FLAGS (\\Seen))\n" + uidAnswers("3", "9") + "S: T OK\n", mail.Cursor{},
			"3 9", true, false, "", mail.Cursor{Folder: "INBOX", Scope: "7", UIDNext: 10, Count: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openedIMAP(t, scriptedIMAP(t, welcome()+c.script))
			got, err := s.List(t.Context(), []mail.Cursor{{Folder: "Other", Scope: "7", UIDNext: 20, Count: 3}, c.prev})
			if err != nil || len(got) != 1 || got[0].Err != nil {
				t.Fatalf("%+v, %v", got, err)
			}
			l := got[0]
			if ids(l) != c.ids || l.Complete != c.complete || l.Unchanged != c.unchanged || l.Next != c.next {
				t.Errorf("%+v, want %q, complete %v, unchanged %v, next %+v", l, c.ids, c.complete, c.unchanged, c.next)
			}
			if !strings.Contains(l.Why, c.why) || (l.Why == "") != c.complete {
				t.Errorf("why %q, want %q", l.Why, c.why)
			}
		})
	}
}

func TestIMAPListSizes(t *testing.T) {
	s := openedIMAP(t, scriptedIMAP(t, welcome()+examine("EXAMINE", 2, 10)+askAll+"S: * 1 FETCH (RFC822.SIZE 512 UID 3)\nS: * 2 FETCH (UID 9)\nS: T OK\n"))
	got, err := s.List(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := got[0].Refs; r[0].Size != 512 || r[1].Size != -1 {
		t.Errorf("sizes %d and %d, want 512 and -1", r[0].Size, r[1].Size)
	}
}

// inScope gives a dialogue another UIDVALIDITY.
func inScope(scope, script string) string {
	return strings.ReplaceAll(script, "UIDVALIDITY 7", "UIDVALIDITY "+scope)
}

// A dry run opens nothing for writing, whatever the server's numbers are worth.
func TestIMAPListDryRun(t *testing.T) {
	o := scriptedIMAP(t, welcome()+examine("EXAMINE", 2, 0)+askAll+uidAnswers("3", "9")+"S: T OK\n")
	o.ReadOnly = true
	got, err := openedIMAP(t, o).List(t.Context(), nil)
	if err != nil || len(got) != 1 || ids(got[0]) != "3 9" {
		t.Errorf("%+v, %v", got, err)
	}
}

// A connection that is lost while a folder is opened for writing is lost: the listing is not made from the rest.
func TestIMAPListLostWhileSettling(t *testing.T) {
	s := openedIMAP(t, scriptedIMAP(t, welcome()+examine("EXAMINE", 2, 0)+"C: SELECT INBOX\nX:\n"))
	if got, err := s.List(t.Context(), nil); err == nil || mail.ClassOf(err) != mail.Temporary {
		t.Errorf("%+v, %v, want a temporary error", got, err)
	}
}

// One folder's trouble is its own.
func TestIMAPListFolders(t *testing.T) {
	o := scriptedIMAP(t, welcome()+
		"C: EXAMINE \"&BB8EQAQwBDkEQQRL-\"\nS: T NO [NONEXISTENT] Mailbox doesn't exist\n"+
		"C: EXAMINE \"Odd\"\nS: * 3 EXISTS\nS: T OK\n"+
		"C: EXAMINE \"Busy\"\nS: * 3 EXISTS\nS: * OK [UIDVALIDITY 1] .\nS: * OK [UIDNEXT 9] .\nS: T OK\n"+askAll+"S: T NO [UNAVAILABLE] later\n"+
		examine("EXAMINE", 1, 5)+askAll+uidAnswers("4")+"S: T OK\n")
	o.Folders = []string{"Прайсы", "Odd", "Busy", "INBOX"}
	s := openedIMAP(t, o)
	got, err := s.List(t.Context(), nil)
	if err != nil || len(got) != 4 {
		t.Fatalf("%+v, %v", got, err)
	}
	contains(t, got[0].Err, `"Прайсы"`, "Mailbox doesn't exist", "is its name right?")
	contains(t, got[1].Err, `"Odd"`, "UIDVALIDITY")
	contains(t, got[2].Err, `"Busy"`, "[UNAVAILABLE] later")
	for i, l := range got[:3] {
		if l.Folder != o.Folders[i] || l.Complete || l.Refs != nil {
			t.Errorf("%+v", l)
		}
	}
	if !got[3].Complete || ids(got[3]) != "4" {
		t.Errorf("%+v", got[3])
	}
}

func TestIMAPListSessionLost(t *testing.T) {
	for _, c := range []struct{ name, script, words string }{
		{"cut", "C: EXAMINE INBOX\nS= \"* 3 EX\"\nX:\n", "closed the connection"},
		{"bye", "C: EXAMINE INBOX\nS: * BYE Autologout\nX:\n", "Autologout"},
		{"cut in the answer", examine("EXAMINE", 2, 10) + askAll + uidAnswers("3") + "X:\n", "list folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openedIMAP(t, scriptedIMAP(t, welcome()+c.script))
			got, err := s.List(t.Context(), nil)
			contains(t, err, c.words, "INBOX")
			if got != nil || mail.ClassOf(err) != mail.Temporary {
				t.Errorf("%+v, class %v", got, mail.ClassOf(err))
			}
			if _, again := s.List(t.Context(), nil); again != err {
				t.Errorf("then %v, want %v", again, err)
			}
		})
	}
}
