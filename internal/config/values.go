package config

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones by name, also where the machine has no database of them
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"gopkg.in/yaml.v3"
)

// maxName is the longest name of a mailbox or a rule in bytes; it becomes a directory name.
const maxName = 120

const nameWant = "letters, digits and . _ - @ +, not beginning with . or -"

// nameProblem tells what is wrong with a mailbox's or rule's name; "" if nothing is.
func nameProblem(s string) string {
	switch {
	case s == "":
		return "the name is empty"
	case len(s) > maxName:
		return fmt.Sprintf("the name is longer than %d bytes", maxName)
	case strings.HasPrefix(s, ".") || strings.HasPrefix(s, "-"):
		return fmt.Sprintf("the name %s begins with %c", quote(s), s[0])
	}
	for _, r := range s {
		if !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("._-@+", r) {
			return fmt.Sprintf("the name %s contains %q", quote(s), r)
		}
	}
	return ""
}

// name is the kind of a mailbox's or rule's name, in NFC.
func name() kind[string] {
	return scalar(textSchema(), func(_ *reader, n *node) (string, error) {
		if p := nameProblem(n.text); p != "" {
			return "", &problem{p, "use " + nameWant}
		}
		return norm.NFC.String(n.text), nil
	}, showText)
}

func nfc(_ *reader, s string) (string, error) { return norm.NFC.String(s), nil }

// checkHost wants a bare host name or IP address.
func checkHost(s string) (string, error) {
	host := strings.Trim(s, "[]")
	if _, err := netip.ParseAddr(host); err == nil {
		return host, nil
	}
	switch {
	case strings.Contains(s, "://"), strings.Contains(s, "/"):
		return "", &problem{expected("a host name", s).Error(), "without a scheme and a path"}
	case strings.Contains(s, ":"):
		return "", &problem{expected("a host name", s).Error(), "the port has a key of its own: port"}
	case strings.ContainsFunc(s, unicode.IsSpace), strings.ContainsAny(s, `@\"'*?,;[]`), strings.HasPrefix(s, "."),
		strings.Contains(s, ".."), len(s) > 253:
		return "", expected("a host name", s)
	}
	return strings.ToLower(s), nil
}

// checkFingerprint wants the SHA-256 of a certificate and removes the colons.
func checkFingerprint(s string) (string, error) {
	plain := strings.ToLower(strings.ReplaceAll(s, ":", ""))
	raw, err := hex.DecodeString(plain)
	switch {
	case err == nil && len(raw) == 32:
		return plain, nil
	case err == nil && len(raw) == 20:
		return "", &problem{"a SHA-1 fingerprint is not enough", "openssl x509 -noout -fingerprint -sha256 prints the right one"}
	}
	return "", expected("a SHA-256 fingerprint of 64 hex digits", s)
}

// checkSaveTo wants a directory below import_dir; "." is import_dir itself and becomes "".
func checkSaveTo(s string) (string, error) {
	const hint = "a directory below import_dir, such as autoparts or lists/autoparts"
	clean := path.Clean(s)
	switch {
	case path.IsAbs(s):
		return "", &problem{"the path is absolute", hint}
	case strings.Contains(s, `\`):
		return "", &problem{`the path contains \`, "separate directories by /"}
	case clean == ".":
		return ".", nil
	}
	for part := range strings.SplitSeq(s, "/") {
		switch {
		case part == "..":
			return "", &problem{"the path leaves import_dir", hint}
		case part != "." && strings.HasPrefix(part, "."):
			return "", &problem{"a directory begins with a dot", "such names are kept for staging"}
		case len(part) > 255:
			return "", &problem{"a directory name is longer than 255 bytes", ""}
		case strings.ContainsFunc(part, func(r rune) bool { return unicode.Is(unicode.Cf, r) }):
			return "", &problem{"the path contains an invisible character", "remove it"}
		}
	}
	return norm.NFC.String(clean), nil
}

// checkFolder wants the name of an IMAP folder. INBOX is the same in any case (RFC 3501 section 5.1).
func checkFolder(_ *reader, s string) (string, error) {
	switch {
	case s == "*" || s == "%":
		return "", &problem{"a pattern is no folder", "name each folder"}
	case !utf8.ValidString(s):
		return "", expected("a folder name in UTF-8", s)
	case strings.EqualFold(s, "INBOX"):
		return "INBOX", nil
	}
	return s, nil
}

func checkSender(r *reader, s string) (string, error) { return masked(r.checks.Sender, s) }
func checkGlob(r *reader, s string) (string, error)   { return masked(r.checks.Glob, s) }

func masked(check func(string) error, s string) (string, error) {
	if check == nil {
		return s, nil
	}
	return s, check(s)
}

// location is a kind of time zone by name.
func location() kind[*time.Location] {
	return scalar(textSchema(), func(_ *reader, n *node) (*time.Location, error) {
		l, err := time.LoadLocation(n.text)
		if err != nil || n.text == "" {
			return nil, expected("a time zone such as Europe/Moscow", n.text)
		}
		return l, nil
	}, func(l *time.Location) *yaml.Node { return textNode(l.String()) })
}

// dates are the forms of first_run's date; without an offset they are read in timezone.
var dates = []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", time.DateTime, time.RFC3339}

// firstRun is 7d, all, none, newest or a date.
func firstRun() kind[FirstRun] {
	s := object{"type": "string", "pattern": `^(all|none|newest|[0-9]{1,9}[smhd]|[0-9]{4}-[0-9]{2}-[0-9]{2}.*)$`}
	return scalar(s, func(r *reader, n *node) (FirstRun, error) {
		switch n.text {
		case "all":
			return FirstRun{All: true}, nil
		case "none":
			return FirstRun{None: true}, nil
		case "newest":
			return FirstRun{Newest: true}, nil
		}
		for _, layout := range dates {
			if t, err := time.ParseInLocation(layout, n.text, r.loc); err == nil {
				return FirstRun{Since: t}, nil
			}
		}
		if d, err := parseDuration(n.text); err == nil {
			return FirstRun{Age: d}, nil
		}
		return FirstRun{}, expected(`all, none, newest, a duration such as 7d, or a date such as "2026-11-20T18:00"`, n.text)
	}, showFirstRun)
}

func showFirstRun(f FirstRun) *yaml.Node {
	switch {
	case f.All:
		return plainNode("all")
	case f.None:
		return plainNode("none")
	case f.Newest:
		return plainNode("newest")
	case !f.Since.IsZero():
		return textNode(f.Since.Format(time.RFC3339))
	}
	return plainNode(formatDuration(f.Age))
}

var percentText = regexp.MustCompile(`^([1-9][0-9]?|100)%$`)

// brake is a percentage; 0 is off.
func brake() kind[int] {
	s := orOff(object{"type": "string", "pattern": percentText.String()})
	return scalar(s, func(_ *reader, n *node) (int, error) {
		if n.isOff() {
			return 0, nil
		}
		m := percentText.FindStringSubmatch(n.text)
		if m == nil {
			return 0, expected("a percentage from 1% to 100%, or off", n.text)
		}
		return strconv.Atoi(m[1])
	}, func(v int) *yaml.Node {
		if v == 0 {
			return plainNode("off")
		}
		return plainNode(strconv.Itoa(v) + "%")
	})
}

// imapDelete is a way to delete, or the folder to move to.
type imapDelete struct{ way, folder string }

var imapDeleteWays = []string{DeleteAuto, DeleteTrash, DeleteExpunge}

func imapDeleteKind() kind[imapDelete] {
	type target struct{ folder string }
	folder := table[target]{one("folder", "The folder to move deleted messages to.", text(func(s string) (string, error) {
		return checkFolder(nil, s)
	}), func(t *target) *string { return &t.folder }).required()}
	return kind[imapDelete]{
		schema: object{"anyOf": []object{{"enum": imapDeleteWays}, closed(tableSchema(folder, target{}), "folder")}},
		read: func(r *reader, n *node) (imapDelete, bool) {
			if n.kind == mapNode {
				var t target
				readTable(r, folder, n, &t)
				require(r, folder, n)
				return imapDelete{DeleteFolder, t.folder}, t.folder != ""
			}
			way, ok := choice(imapDeleteWays...).read(r, n)
			return imapDelete{way: way}, ok
		},
		show: func(v imapDelete) *yaml.Node {
			switch v.way {
			case "":
				return nil
			case DeleteFolder:
				m := showTable(folder, &target{v.folder})
				m.Style = yaml.FlowStyle
				return m
			}
			return plainNode(v.way)
		},
	}
}
