package mailbox

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// pop3Refusal is an -ERR: the server heard the command and said no. The session goes on.
type pop3Refusal struct {
	command string // without credentials
	text    string // the server's own words
}

func (r *pop3Refusal) Error() string {
	text := r.text
	if text == "" {
		text = "without a word why"
	}
	if r.command == "" {
		return "server says -ERR " + text
	}
	return r.command + ": server says -ERR " + text
}

// code is the extended response code (RFC 2449 section 8) in upper case, "" where there is none.
func (r *pop3Refusal) code() string {
	if !strings.HasPrefix(r.text, "[") {
		return ""
	}
	code, _, ok := strings.Cut(r.text[1:], "]")
	if !ok {
		return ""
	}
	return strings.ToUpper(code)
}

// busy reports whether the server, not the request, is in trouble: the codes of RFC 2449 section 8.1.1 and RFC 3206
// section 4, and those that large providers use.
func (r *pop3Refusal) busy() bool {
	switch r.code() {
	case "SYS/TEMP", "IN-USE", "LOGIN-DELAY", "UNAVAILABLE", "THROTTLED":
		return true
	}
	return false
}

// badLogin reports whether a refusal to log in is about the credentials. Without a code it is, unless the words are
// those of servers that have no code for a maildrop that another session holds (the example of RFC 1939 section 4).
func (r *pop3Refusal) badLogin() bool {
	switch code := r.code(); {
	case code == "AUTH":
		return true
	case r.busy(), strings.HasPrefix(code, "SYS/"):
		return false
	}
	text := strings.ToLower(r.text)
	for _, words := range []string{"already locked", "lock maildrop", "lock mailbox", "maildrop lock", "in use by", "temporar", "try again later", "server busy"} {
		if strings.Contains(text, words) {
			return false
		}
	}
	return true
}

// maxDelay bounds a stated delay: a server that asks for more is asked again then.
const maxDelay = 24 * time.Hour

// delay is how long the server wants to be left alone: what it says, else for LOGIN-DELAY what CAPA says; 0 where
// neither is stated.
func (r *pop3Refusal) delay(caps pop3Caps) time.Duration {
	if !r.busy() {
		return 0
	}
	if d := statedDelay(r.text); d > 0 {
		return d
	}
	if r.code() == "LOGIN-DELAY" {
		return caps.loginDelay()
	}
	return 0
}

// statedDelay reads "15 minutes" and the like out of a sentence.
func statedDelay(text string) time.Duration {
	m := regexp.MustCompile(`(?i)\b(\d{1,9}) ?(s|sec|secs|second|seconds|m|min|mins|minute|minutes)\b`).FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	unit := time.Second
	if strings.HasPrefix(strings.ToLower(m[2]), "m") {
		unit = time.Minute
	}
	return min(time.Duration(n)*unit, maxDelay)
}

// clean makes a server's words fit for logs: one line, valid UTF-8, no control characters, at most 300 characters.
func clean(text string) string {
	text = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, strings.ToValidUTF8(strings.TrimSpace(text), "?"))
	if runes := []rune(text); len(runes) > 300 {
		return string(runes[:300]) + "…"
	}
	return text
}

// pop3Caps is what CAPA told (RFC 2449 section 3): capability in upper case to its arguments. nil: the server has no
// CAPA, and what it can do must be tried.
type pop3Caps map[string][]string

// add takes a line of CAPA's answer. Its error is nil.
func (c pop3Caps) add(line string) error {
	if words := strings.Fields(clean(line)); len(words) > 0 {
		c[strings.ToUpper(words[0])] = words[1:]
	}
	return nil
}

func (c pop3Caps) has(name string) bool {
	_, ok := c[name]
	return ok
}

// sasl reports whether the server offers a SASL mechanism (RFC 5034 section 3).
func (c pop3Caps) sasl(mechanism string) bool {
	for _, m := range c["SASL"] {
		if strings.EqualFold(m, mechanism) {
			return true
		}
	}
	return false
}

// loginDelay is the server's least time between two logins (RFC 2449 section 6.6); 0 where it states none.
func (c pop3Caps) loginDelay() time.Duration {
	args := c["LOGIN-DELAY"]
	if len(args) == 0 {
		return 0
	}
	n, err := strconv.ParseUint(args[0], 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxDelay)
}
