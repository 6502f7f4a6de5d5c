package mailtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Info is what a server holds of one message, seen without any client of ours.
type Info struct {
	UID       uint32
	Flags     []string // sorted, without \Recent
	Size      int64    // octets, with CRLF as line ends
	Received  time.Time
	MessageID string // with angle brackets; "" if missing
	SHA256    string // of the raw message, lower-case hex
}

// Messages returns what doveadm finds in a folder, in order of UID.
func (s *Server) Messages(user, folder string) []Info {
	s.t.Helper()
	out := s.Doveadm("-f", "pager", "fetch", "-u", user,
		"uid flags size.virtual size.physical date.received.unixtime text", "mailbox", folder, "all")
	var infos []Info
	for out != "" {
		var info Info
		var err error
		if info, out, err = cutInfo(out); err != nil {
			s.t.Fatalf("read what doveadm fetched from %s of %s: %v", folder, user, err)
		}
		infos = append(infos, info)
	}
	return infos
}

// cutInfo takes the first message off the pager format: "field: value" lines, the text under its own line, which is
// as long as size.physical says, and a form feed before the next message.
func cutInfo(out string) (Info, string, error) {
	head, rest, found := strings.Cut(out, "\ntext:\n")
	if !found {
		return Info{}, "", fmt.Errorf("no text in %.200q", out)
	}
	fields := map[string]string{}
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(line, ": ")
		fields[name] = strings.TrimSpace(value)
	}
	var numbers [4]int64
	for i, name := range []string{"uid", "size.virtual", "size.physical", "date.received.unixtime"} {
		n, err := strconv.ParseInt(fields[name], 10, 64)
		if err != nil {
			return Info{}, "", fmt.Errorf("field %s of %.200q: %w", name, head, err)
		}
		numbers[i] = n
	}
	size := int(numbers[2])
	if len(rest) < size {
		return Info{}, "", fmt.Errorf("text of message %d ends after %d of %d octets", numbers[0], len(rest), size)
	}
	raw, rest := rest[:size], rest[size:]
	if next, ok := strings.CutPrefix(rest, "\f\n"); ok {
		rest = next
	} else if rest != "" {
		return Info{}, "", fmt.Errorf("after message %d: expected a form feed, got %.20q", numbers[0], rest)
	}
	sum := sha256.Sum256([]byte(raw))
	return Info{UID: uint32(numbers[0]), Flags: sortFlags(strings.Fields(fields["flags"])), Size: numbers[1],
		Received: time.Unix(numbers[3], 0).UTC(), MessageID: messageID(raw), SHA256: hex.EncodeToString(sum[:])}, rest, nil
}

func sortFlags(flags []string) []string {
	flags = slices.DeleteFunc(flags, func(flag string) bool { return flag == `\Recent` })
	slices.Sort(flags)
	return flags
}

// messageID returns the first Message-ID of a raw message; "" where there is none or the header cannot be read.
func messageID(raw string) string {
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		return ""
	}
	return m.Header.Get("Message-Id")
}
