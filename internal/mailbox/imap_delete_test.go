package mailbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"pricefetch/internal/mail"
	"pricefetch/internal/mimepart"
)

// doom names messages of INBOX as they are on record: rawMessage(uid), of 100 × UID bytes.
func doom(uids ...int) []mail.Doomed {
	var out []mail.Doomed
	for i, ref := range inbox(uids...) {
		print := mimepart.Envelope([]byte(strings.SplitAfter(rawMessage(uids[i]), "\r\n\r\n")[0])).Fingerprint
		out = append(out, mail.Doomed{Ref: ref, Fingerprint: print, Size: int64(100 * uids[i])})
	}
	return out
}

// verified is SELECT and the verification of messages 1 and 2, all well.
var verified = examine("SELECT", 3, 10) + "C: UID FETCH 1:2 (UID \n" +
	headerAnswer(1, 1, rawMessage(1), 100) + headerAnswer(2, 2, rawMessage(2), 200) + "S: T OK\n"

const (
	trashListed = "C: LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: * LIST (\\Noselect \\Trash) \"/\" Old\nS: * LIST (\\Trash) \"/\" &BBoEPgRABDcEOAQ9BDA-\nS: T OK\n"
	noTrash     = "C: LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: * LIST () \"/\" Trash\nS: T OK\n"
	moved       = "C: UID MOVE 1:2 \"&BBoEPgRABDcEOAQ9BDA-\"\n"
	copied      = "C: UID COPY 1:2 \"&BBoEPgRABDcEOAQ9BDA-\"\n"
	unmarked    = "C: UID SEARCH UID 1:2 DELETED\nS: * SEARCH\nS: T OK\n"
	marked      = "C: UID STORE 1:2 +FLAGS.SILENT (\\Deleted)\nS: T OK\n"
	expunged    = "C: UID EXPUNGE 1:2\nS: * 1 EXPUNGE\nS: * 1 EXPUNGE\nS: T OK\n"
)

func TestIMAPDelete(t *testing.T) {
	all := []string{"MOVE", "UIDPLUS"}
	for _, c := range []struct {
		name   string
		caps   []string
		choice string
		script string
		states []string
		words  string
	}{
		{"auto: trash by MOVE", all, DeleteAuto, trashListed + verified + moved + "S: * OK [COPYUID 9 1:2 5:6] .\nS: T OK\n", []string{"done", "done"}, ""},
		{"auto: expunge", all, DeleteAuto, noTrash + verified + unmarked + marked + expunged, []string{"done", "done"}, ""},
		{"special use is asked for", append(all, "SPECIAL-USE"), DeleteTrash, strings.Replace(trashListed, "LIST \"\"", "LIST (SPECIAL-USE) \"\"", 1) + verified + moved + "S: T OK\n",
			[]string{"done", "done"}, ""},
		{"special use refused, asked plainly", append(all, "SPECIAL-USE"), DeleteTrash, "C: LIST (SPECIAL-USE) \"\" \"*\"\nS: T BAD what\n" + trashListed + verified + moved + "S: T OK\n",
			[]string{"done", "done"}, ""},
		{"expunge asks for no list", all, DeleteExpunge, verified + unmarked + marked + expunged, []string{"done", "done"}, ""},
		{"our own mark of before", all, DeleteExpunge, verified + "C: UID SEARCH UID 1:2 DELETED\nS: * SEARCH 1 2\nS: T OK\n" + expunged, []string{"done", "done"}, ""},
		{"folder", all, DeleteFolder, verified + "C: UID MOVE 1:2 \"&BBAEQARFBDgEMg-\"\nS: T OK\n", []string{"done", "done"}, ""},
		{"COPY without MOVE", []string{"UIDPLUS"}, DeleteTrash, trashListed + verified + copied + "S: T OK [COPYUID 9 1:2 5:6] .\n" + unmarked + marked + expunged,
			[]string{"done", "done"}, ""},
		{"COPY of one only", []string{"UIDPLUS"}, DeleteTrash, trashListed + verified + copied + "S: T OK [COPYUID 9 2 5] .\n" +
			"C: UID SEARCH UID 2 DELETED\nS: * SEARCH\nS: T OK\nC: UID STORE 2 +FLAGS.SILENT (\\Deleted)\nS: T OK\nC: UID EXPUNGE 2\nS: T OK\n",
			[]string{"refused", "done"}, "copied others"},
		{"COPY refused: nothing is marked", []string{"UIDPLUS"}, DeleteTrash, trashListed + verified + copied + "S: T NO [OVERQUOTA] full\n",
			[]string{"refused", "refused"}, "full"},
		{"MOVE refused, target missing", all, DeleteFolder, verified + "C: UID MOVE 1:2 \"&BBAEQARFBDgEMg-\"\nS: T NO [TRYCREATE] no such\n" +
			"C: UID SEARCH UID 1:2\nS: * SEARCH 1 2\nS: T OK\n", []string{"refused", "refused"}, "create it"},
		{"MOVE refused half way", all, DeleteTrash, trashListed + verified + moved + "S: * 1 EXPUNGE\nS: T NO disk\nC: UID SEARCH UID 1:2\nS: * SEARCH 2\nS: T OK\n",
			[]string{"done", "refused"}, "disk"},
		{"MOVE of one only", all, DeleteTrash, trashListed + verified + moved + "S: * OK [COPYUID 9 1 5] .\nS: T OK\nC: UID SEARCH UID 2\nS: * SEARCH 2\nS: T OK\n",
			[]string{"done", "refused"}, "moved others"},
		{"UID EXPUNGE refused: marks are taken back", all, DeleteExpunge, verified + "C: UID SEARCH UID 1:2 DELETED\nS: * SEARCH 2\nS: T OK\n" +
			"C: UID STORE 1 +FLAGS.SILENT (\\Deleted)\nS: T OK\nC: UID EXPUNGE 1:2\nS: T NO [NOPERM] not you\n" +
			"C: UID STORE 1 -FLAGS.SILENT (\\Deleted)\nS: T OK\nC: UID SEARCH UID 1:2\nS: * SEARCH 1 2\nS: T OK\n",
			[]string{"refused", "refused"}, "not you"},
		{"marks cannot be taken back", all, DeleteExpunge, verified + unmarked + marked + "C: UID EXPUNGE 1:2\nS: T NO [NOPERM] not you\nC: UID STORE 1:2 -FLAGS.SILENT (\\Deleted)\nS: T NO nor that\n",
			[]string{"unknown", "unknown"}, "not you"},
		{"STORE refused", all, DeleteExpunge, verified + unmarked + "C: UID STORE 1:2 +FLAGS.SILENT (\\Deleted)\nS: T NO [READ-ONLY] no\n" +
			"C: UID STORE 1:2 -FLAGS.SILENT (\\Deleted)\nS: T OK\nC: UID SEARCH UID 1:2\nS: * SEARCH 1 2\nS: T OK\n",
			[]string{"refused", "refused"}, "[READ-ONLY] no"},
		{"no Trash", all, DeleteTrash, noTrash, []string{"refused", "refused"}, `marks no folder as \Trash`},
		{"no UIDPLUS", []string{"MOVE"}, DeleteExpunge, "", []string{"refused", "refused"}, "no UIDPLUS"},
		{"neither", nil, DeleteFolder, "", []string{"refused", "refused"}, "neither MOVE nor UIDPLUS"},
		{"folder cannot be selected", all, DeleteExpunge, "C: SELECT INBOX\nS: T NO [NOPERM] not you\n", []string{"refused", "refused"}, "not you"},
		{"cannot mark", all, DeleteExpunge, strings.Replace(examine("SELECT", 3, 10), "S: T OK", "S: * OK [PERMANENTFLAGS (\\Seen)] .\nS: T OK", 1),
			[]string{"refused", "refused"}, "does not let this user"},
		{"UIDVALIDITY changed", all, DeleteExpunge, strings.Replace(examine("SELECT", 3, 10), "UIDVALIDITY 7", "UIDVALIDITY 8", 1),
			[]string{"mismatch", "mismatch"}, "was 7 and is now 8"},
		{"another message, and a gone one", all, DeleteExpunge, examine("SELECT", 3, 10) + "C: UID FETCH 1:2 (UID \n" + headerAnswer(1, 1, rawMessage(5), 100) + "S: T OK\n" +
			"C: UID FETCH 2 (UID \nS: T OK\nC: SEARCH UID 2\nS: * SEARCH\nS: T OK\n", []string{"mismatch", "absent"}, "another message has its UID"},
		{"another size", all, DeleteExpunge, examine("SELECT", 3, 10) + "C: UID FETCH 1:2 (UID \n" + headerAnswer(1, 1, rawMessage(1), 101) + headerAnswer(2, 2, rawMessage(2), 201) + "S: T OK\n",
			[]string{"mismatch", "mismatch"}, "had 100 bytes and has 101"},
		{"one header cannot be had, the other goes", all, DeleteExpunge, examine("SELECT", 3, 10) + "C: UID FETCH 1:2 (UID \n" + headerAnswer(2, 2, rawMessage(2), 200) + "S: T OK\n" +
			"C: UID FETCH 1 (UID \nS: T OK\nC: SEARCH UID 1\nS: * SEARCH 1\nS: T OK\nC: FETCH 1 (UID \nS: T OK\n" +
			"C: UID SEARCH UID 2 DELETED\nS: * SEARCH\nS: T OK\nC: UID STORE 2 +FLAGS.SILENT (\\Deleted)\nS: T OK\nC: UID EXPUNGE 2\nS: T OK\n",
			[]string{"refused", "done"}, "sends no header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := scriptedIMAP(t, welcome(c.caps...)+c.script)
			o.Delete, o.DeleteFolder = c.choice, "Архив"
			s := openedIMAP(t, o)
			got, err := s.Delete(t.Context(), doom(1, 2))
			if err != nil {
				t.Fatal(err)
			}
			wantStates(t, got, c.states...)
			for i, d := range got {
				if d.Ref != inbox(i + 1)[0] {
					t.Errorf("answer %d is for %+v", i, d.Ref)
				}
				if d.State != mail.DeleteDone && d.State != mail.DeleteAbsent && d.Err == nil {
					t.Errorf("no reason: %+v", d)
				}
			}
			if c.words != "" {
				i := 0
				if got[0].State == mail.DeleteDone {
					i = 1
				}
				contains(t, got[i].Err, c.words)
			}
		})
	}
}

// A lost answer to a command that deletes leaves the messages unknown; before it they stand.
func TestIMAPDeleteAnswerLost(t *testing.T) {
	for _, c := range []struct {
		name, choice string
		caps         []string
		script       string
		state        string
	}{
		{"SELECT", DeleteExpunge, []string{"UIDPLUS"}, "C: SELECT INBOX\nX:\n", "refused"},
		{"verification", DeleteExpunge, []string{"UIDPLUS"}, examine("SELECT", 3, 10) + "C: UID FETCH\nX:\n", "refused"},
		{"LIST with a bad name", DeleteAuto, []string{"UIDPLUS"}, "C: LIST\nS: * LIST () \"/\" \"&bad\"\n", "refused"},
		{"MOVE", DeleteFolder, []string{"MOVE"}, verified + "C: UID MOVE\nX:\n", "unknown"},
		{"MOVE with an odd COPYUID", DeleteFolder, []string{"MOVE"}, verified + "C: UID MOVE\nS: * OK [COPYUID 9 1:* 5:*] .\nX:\n", "unknown"},
		{"COPY", DeleteFolder, []string{"UIDPLUS"}, verified + "C: UID COPY\nX:\n", "refused"},
		{"search for marks", DeleteExpunge, []string{"UIDPLUS"}, verified + "C: UID SEARCH\nX:\n", "refused"},
		{"STORE", DeleteExpunge, []string{"UIDPLUS"}, verified + unmarked + "C: UID STORE\nX:\n", "unknown"},
		{"UID EXPUNGE", DeleteExpunge, []string{"UIDPLUS"}, verified + unmarked + marked + "C: UID EXPUNGE\nS: * 1 EXPUNGE\nX:\n", "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := scriptedIMAP(t, welcome(c.caps...)+c.script)
			o.Delete, o.DeleteFolder = c.choice, "Архив"
			s := openedIMAP(t, o)
			other := mail.Doomed{Ref: mail.Ref{Folder: "Later", Scope: "1", ID: "4"}, Fingerprint: "v1:0"}
			got, err := s.Delete(t.Context(), append(doom(1, 2), other))
			if err == nil || mail.ClassOf(err) != mail.Temporary {
				t.Errorf("error %v of class %v", err, mail.ClassOf(err))
			}
			if !strings.HasPrefix(c.name, "LIST") && !strings.Contains(c.name, "odd") {
				contains(t, err, "closed the connection")
			}
			wantStates(t, got, c.state, c.state, "refused")
			for _, d := range got {
				if d.Err == nil {
					t.Errorf("no reason: %+v", d)
				}
			}
		})
	}
}

func TestIMAPDeleteReadOnly(t *testing.T) {
	o := scriptedIMAP(t, welcome("UIDPLUS", "MOVE"))
	o.ReadOnly = true
	got, err := openedIMAP(t, o).Delete(t.Context(), doom(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	wantStates(t, got, "refused", "refused")
	contains(t, got[0].Err, "only reads")
}

// Mail that lies in the Trash already is not moved there.
func TestIMAPDeleteFromTrash(t *testing.T) {
	s := openedIMAP(t, scriptedIMAP(t, welcome("UIDPLUS", "MOVE")+trashListed))
	d := doom(1)
	d[0].Ref.Folder = "Корзина"
	got, err := s.Delete(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	wantStates(t, got, "refused")
	contains(t, got[0].Err, `"Корзина"`, "imap_delete: expunge")
}

// The server withdraws MOVE: the library's fallback, which deletes without waiting for the copy, must not be reached.
func TestIMAPDeleteMoveWithdrawn(t *testing.T) {
	o := scriptedIMAP(t, welcome("MOVE", "UIDPLUS")+verified[:strings.LastIndex(verified, "S: T OK")]+"S: * CAPABILITY IMAP4rev1 UIDPLUS\nS: T OK\n")
	o.Delete, o.DeleteFolder = DeleteFolder, "Архив"
	got, err := openedIMAP(t, o).Delete(t.Context(), doom(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	wantStates(t, got, "refused", "refused")
	contains(t, got[0].Err, "no longer offers MOVE")
}

func TestChooseDisposal(t *testing.T) {
	const no = "refused"
	for _, c := range []struct{ choice, target, trash, caps, want string }{
		{"", "", "Trash", "MOVE UIDPLUS", "move to Trash"},
		{DeleteAuto, "", "Trash", "MOVE", "move to Trash"},
		{DeleteAuto, "", "Trash", "UIDPLUS", "copy to Trash"},
		{DeleteAuto, "", "Trash", "", no},
		{DeleteAuto, "", "", "MOVE UIDPLUS", "expunge"},
		{DeleteAuto, "", "", "MOVE", no},
		{DeleteTrash, "", "", "MOVE UIDPLUS", no},
		{DeleteTrash, "", "Trash", "UIDPLUS", "copy to Trash"},
		{DeleteExpunge, "", "Trash", "UIDPLUS", "expunge"},
		{DeleteExpunge, "", "Trash", "IMAP4rev2", "expunge"},
		{DeleteExpunge, "", "Trash", "MOVE", no},
		{DeleteFolder, "Архив", "", "MOVE", "move to Архив"},
		{DeleteFolder, "Архив", "Trash", "UIDPLUS", "copy to Архив"},
		{DeleteFolder, "Архив", "", "", no},
		{DeleteFolder, "", "Trash", "MOVE", no},
		{"thrash", "", "Trash", "MOVE UIDPLUS", no},
	} {
		caps := imap.CapSet{}
		for _, name := range strings.Fields(c.caps) {
			caps[imap.Cap(name)] = struct{}{}
		}
		how, err := chooseDisposal(c.choice, c.target, c.trash, caps)
		got := "expunge"
		switch {
		case err != nil:
			got = no
		case how.move:
			got = "move to " + how.target
		case how.target != "":
			got = "copy to " + how.target
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s (%v)", fmt.Sprint(c), got, c.want, err)
		}
	}
}
