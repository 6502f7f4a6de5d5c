//go:build servers

package servers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mailtest"
)

// fact is one line of the table in configs/SERVERS.md.
type fact struct{ Name, Value string }

// measure asks the server itself, in raw dialogues, what the page says of it.
func measure(t *testing.T, r recipe, e endpoint) []fact {
	e.store.put(factsUser, priceLists(5))
	facts := measurePOP3(t, e)
	if e.imap == 0 {
		return facts
	}
	return append(facts, measureIMAP(t, e)...)
}

func measurePOP3(t *testing.T, e endpoint) []fact {
	caps := popCaps(t, e)
	return []fact{
		{"POP3: CAPA", caps.status},
		{"POP3: STLS", caps.find("STLS")},
		{"POP3: STLS still listed after the login", yesNo(slices.Contains(caps.inside, "STLS"))},
		{"POP3: EXPIRE as it is announced", caps.find("EXPIRE")},
		{"POP3: LOGIN-DELAY as it is announced", caps.find("LOGIN-DELAY")},
		{"POP3: wrong password", wrongPOP3(t, e)},
		{"POP3: a second session meanwhile", secondSession(t, e)},
		{"POP3: commands in one packet behind PASS", behindPASS(t, e)},
		{"POP3: TOP 1 0, then RETR 1", afterTOP(t, e)},
		{"POP3: sizes in LIST", listedSizes(t, e)},
		{"POP3: UIDLs in the next session", nextSession(t, e)},
	}
}

// capabilities is an answer to CAPA.
type capabilities struct {
	status string
	inside []string // after the login
	lines  []string // after it, then before it
}

func popCaps(t *testing.T, e endpoint) capabilities {
	k := logIn(t, e.pop3, factsUser)
	defer k.close()
	status, lines := k.list("CAPA")
	c := capabilities{status: "yes", inside: lines}
	if !strings.HasPrefix(status, "+OK") {
		c.status = "-ERR"
	}
	clear := dial(t, e.pop3)
	defer clear.close()
	_, before := clear.list("CAPA") // STLS is of use before the login only
	c.lines = slices.Concat(lines, before)
	return c
}

// find returns the line that begins with a word.
func (c capabilities) find(word string) string {
	at := slices.IndexFunc(c.lines, func(line string) bool { return strings.HasPrefix(line, word) })
	if at < 0 {
		return "no"
	}
	return "`" + strings.TrimSpace(c.lines[at]) + "`"
}

func wrongPOP3(t *testing.T, e endpoint) string {
	k := dial(t, e.pop3)
	defer k.close()
	k.pop("USER " + factsUser)
	return refusal(k.pop("PASS wrong"))
}

// refusal tells whether an -ERR has a response code (RFC 2449 section 8).
func refusal(answer string) string {
	if code, ok := strings.CutPrefix(answer, "-ERR ["); ok {
		name, _, _ := strings.Cut(code, "]")
		return "`-ERR [" + name + "]`"
	}
	return "`-ERR`, no code"
}

func secondSession(t *testing.T, e endpoint) string {
	first := logIn(t, e.pop3, factsUser)
	defer first.close()
	second := dial(t, e.pop3)
	defer second.close()
	second.pop("USER " + factsUser)
	answer := second.pop("PASS " + password)
	if strings.HasPrefix(answer, "+OK") {
		return "allowed"
	}
	return refusal(answer)
}

// lostTime is how long an answer is waited for that may never come.
const lostTime = 3 * time.Second

func behindPASS(t *testing.T, e endpoint) string {
	k := dial(t, e.pop3)
	defer k.close()
	k.pop("USER " + factsUser)
	k.send("PASS " + password + "\r\nSTAT\r\n")
	if k.within(lostTime, func(line string) bool { return strings.HasPrefix(line, "+OK") }, 2) == 2 {
		return "answered"
	}
	return "lost"
}

// afterTOP reads a header and then its message, in the first session after mail came. The message has 55 KB, so that parts show.
func afterTOP(t *testing.T, e endpoint) string {
	user := freshUser
	e.store.put(user, []letter{{id: "x", raw: mailtest.Flood(user, time.Now())[155].Raw, received: time.Now()}})
	k := logIn(t, e.pop3, user)
	defer k.close()
	k.list("TOP 1 0")
	var answers []string
	for range 9 {
		_, lines := k.list("RETR 1")
		answers = append(answers, howMuch(lines))
		if answers[len(answers)-1] == "whole" {
			break
		}
	}
	return strings.Join(answers, ", then ")
}

// howMuch tells how much of a multipart message came.
func howMuch(lines []string) string {
	switch body := strings.TrimSpace(strings.Join(lines[slices.Index(lines, "")+1:], "")); {
	case body == "":
		return "header alone"
	case strings.HasSuffix(body, "--"): // behind the last boundary
		return "whole"
	default:
		return "a part"
	}
}

// listedSizes compares LIST with what RETR gives in the same session, the first after mail came, and with LIST in the next.
func listedSizes(t *testing.T, e endpoint) string {
	e.store.put(sizesUser, priceLists(3))
	k := logIn(t, e.pop3, sizesUser)
	_, lines := k.list("LIST")
	verdict := "true"
	for _, line := range lines {
		var num, size int
		if _, err := fmt.Sscan(line, &num, &size); err != nil {
			t.Fatalf("LIST has the line %q", line)
		}
		_, content := k.list(fmt.Sprintf("RETR %d", num))
		octets := 0
		for _, l := range content {
			octets += len(l) + 2
		}
		if octets != size {
			verdict = "false"
		}
	}
	k.pop("QUIT")
	next := logIn(t, e.pop3, sizesUser)
	defer next.close()
	if _, again := next.list("LIST"); !slices.Equal(identifiers(lines), identifiers(again)) {
		verdict += ", others in the next session"
	}
	return verdict
}

// nextSession compares UIDLs and numbers before and after a session that was the first after mail came, RETR-ed one
// message and ended with QUIT.
func nextSession(t *testing.T, e endpoint) string {
	letters := priceLists(9)
	e.store.put(spareUser, letters)
	first := logIn(t, e.pop3, spareUser)
	_, before := first.list("UIDL")
	first.list("RETR 5")
	first.pop("QUIT")
	second := logIn(t, e.pop3, spareUser)
	defer second.close()
	_, after := second.list("UIDL")
	switch {
	case slices.Equal(before, after):
		return "the same"
	case slices.Equal(identifiers(before), identifiers(after)):
		return "other numbers"
	default:
		return "other UIDLs"
	}
}

// identifiers are what a listing has behind its numbers, sorted.
func identifiers(lines []string) []string {
	var out []string
	for _, line := range lines {
		_, id, _ := strings.Cut(line, " ")
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func measureIMAP(t *testing.T, e endpoint) []fact {
	k := dial(t, e.imap)
	defer k.close()
	before := k.ok(k.imap("CAPABILITY"))[0]
	k.ok(k.imap("LOGIN %s %s", factsUser, password))
	caps := k.ok(k.imap("CAPABILITY"))[0]
	has := func(list, name string) string { return yesNo(slices.Contains(strings.Fields(list), name)) }
	return []fact{
		{"IMAP: STARTTLS", has(before, "STARTTLS")},
		{"IMAP: other capabilities after the login", yesNo(!slices.Equal(sortedWords(before), sortedWords(caps)))},
		{"IMAP: UIDPLUS", has(caps, "UIDPLUS")},
		{"IMAP: MOVE", has(caps, "MOVE")},
		{"IMAP: SPECIAL-USE", has(caps, "SPECIAL-USE")},
		{"IMAP: IDLE", has(caps, "IDLE")},
		{"IMAP: UIDNEXT at EXAMINE", yesNo(code(k.ok(k.imap("EXAMINE INBOX")), "UIDNEXT") != "")},
		{"IMAP: BODY[HEADER.FIELDS (Message-Id)] is answered as", fieldsEcho(t, e)},
		{"IMAP: UIDVALIDITY of new mail, from EXAMINE to EXAMINE", validity(t, e)},
		{"IMAP: UIDVALIDITY when one more message came", validityAfter(t, e)},
		{"IMAP: commands in one packet behind LOGIN", behindLOGIN(t, e)},
	}
}

func sortedWords(line string) []string { return slices.Sorted(slices.Values(strings.Fields(line))) }

// fieldsEcho asks for a header field in letters of its own and returns how the server names what it gives.
func fieldsEcho(t *testing.T, e endpoint) string {
	k := dial(t, e.imap)
	defer k.close()
	k.ok(k.imap("LOGIN %s %s", factsUser, password))
	k.ok(k.imap("EXAMINE INBOX"))
	lines := k.ok(k.imap("FETCH 1 BODY.PEEK[HEADER.FIELDS (Message-Id)]"))
	_, after, _ := strings.Cut(lines[0], "BODY[")
	name, _, found := strings.Cut(after, "]")
	if !found || len(lines) < 2 {
		t.Fatalf("FETCH is answered with %q", lines)
	}
	field, _, _ := strings.Cut(lines[1], ":")
	return "`" + name + "`, the field as `" + field + ":`"
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// code returns the value of a response code.
func code(lines []string, name string) string {
	for _, line := range lines {
		if _, after, ok := strings.Cut(line, "["+name+" "); ok {
			value, _, _ := strings.Cut(after, "]")
			return value
		}
	}
	return ""
}

// validity opens a mailbox twice to read that nobody has opened to write.
func validity(t *testing.T, e endpoint) string {
	e.store.put(unreadUser, priceLists(3))
	var seen [2]string
	for i := range seen {
		k := dial(t, e.imap)
		k.ok(k.imap("LOGIN %s %s", unreadUser, password))
		seen[i] = code(k.ok(k.imap("EXAMINE INBOX")), "UIDVALIDITY")
		k.ok(k.imap("LOGOUT"))
		k.close()
		if i == 0 {
			<-time.After(1100 * time.Millisecond) // the servers in question make it of the time, in seconds
		}
	}
	if seen[0] == seen[1] {
		return "the same"
	}
	return "another"
}

// validityAfter opens a mailbox to write, before and after another message is put into it.
func validityAfter(t *testing.T, e endpoint) string {
	letters := priceLists(2)
	var seen [2]string
	for i := range seen {
		e.store.put(unreadUser, letters[i:i+1])
		k := dial(t, e.imap)
		k.ok(k.imap("LOGIN %s %s", unreadUser, password))
		seen[i] = code(k.ok(k.imap("SELECT INBOX")), "UIDVALIDITY")
		k.ok(k.imap("LOGOUT"))
		k.close()
		if i == 0 {
			<-time.After(1100 * time.Millisecond) // as above
		}
	}
	if seen[0] == seen[1] {
		return "the same"
	}
	return "another"
}

func behindLOGIN(t *testing.T, e endpoint) string {
	k := dial(t, e.imap)
	defer k.close()
	k.send(fmt.Sprintf("a LOGIN %s %s\r\nb NOOP\r\n", factsUser, password))
	if k.within(lostTime, func(line string) bool { return strings.HasPrefix(line, "b ") }, 1) == 1 {
		return "answered"
	}
	return "lost"
}
