package mimepart

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"pricefetch/internal/mail"
)

// Fields names the header fields that Envelope looks at, for IMAP's HEADER.FIELDS (RFC 3501 section 6.4.5).
func Fields() []string {
	return []string{"From", "Subject", "Date", "Message-ID", "Received"}
}

// Envelope reads the header block of a message: raw bytes up to the empty line, or those of its Fields alone, in any
// order. Of a field that occurs twice the first counts. Ref is left empty and Size is -1. It never fails: what cannot
// be read is empty, what is too long is cut; of From the first 100 addresses count. The fingerprint is of the whole fields.
func Envelope(raw []byte) mail.Envelope {
	h, _ := parseHeader(raw)
	return h.envelope()
}

const (
	maxFrom    = 16 << 10 // bytes of a From field that are looked at
	maxSubject = 4 << 10  // bytes of a subject or a Message-ID that are kept
)

func (h header) envelope() mail.Envelope {
	from, _ := h.raw("from")
	subject, _ := h.raw("subject")
	date, _ := h.raw("date")
	id, _ := h.raw("message-id")
	received, _ := h.raw("received")
	return mail.Envelope{
		From:        parseAddresses(shorten(from, maxFrom)),
		Subject:     shorten(decodeText(shorten(subject, maxField), h.charset()), maxSubject),
		Date:        parseDate(date),
		MessageID:   shorten(messageID(shorten(id, maxField)), maxSubject),
		Received:    receivedDate(received),
		Size:        -1,
		Fingerprint: h.fingerprint(),
	}
}

// charset is what the header declares for the text of the message: a hint for raw 8-bit text. Only the Content-Type
// does, which IMAP's subset lacks; encoded words elsewhere in the envelope are taken for it first.
func (h header) charset() string {
	for _, name := range []string{"subject", "from"} {
		if v, ok := h.raw(name); ok {
			if w, _, _, ok := nextWord(v); ok {
				return w.charset
			}
		}
	}
	return ""
}

// messageID cuts off what stands around the angle brackets.
func messageID(s string) string {
	if i := strings.IndexByte(s, '<'); i >= 0 {
		if j := strings.IndexByte(s[i:], '>'); j > 0 {
			s = s[i : i+j+1]
		}
	}
	return decodeRaw(s, "")
}

// fingerprint is fingerprint v1 (semantics 3, Identity): SHA-256 over the first Message-ID, Date, From, Subject and,
// where Message-ID or Date is missing or empty, the topmost Received, joined by LF. A missing one is empty. Changing it
// makes every message on record a stranger.
func (h header) fingerprint() string {
	names := []string{"message-id", "date", "from", "subject"}
	values := make([]string, 0, 5)
	for _, name := range names {
		values = append(values, h.blanksJoined(name))
	}
	if values[0] == "" || values[1] == "" {
		values = append(values, h.blanksJoined("received"))
	}
	sum := sha256.Sum256([]byte(strings.Join(values, "\n")))
	return "v1:" + hex.EncodeToString(sum[:])
}

// blanksJoined returns the raw value of the first such field with every run of blanks and line ends as one space.
func (h header) blanksJoined(name string) string {
	for _, f := range h {
		if f.name == name {
			return joinBlanks(f.value)
		}
	}
	return ""
}

// joinBlanks works on bytes: the value may be of any charset.
func joinBlanks(value []byte) string {
	out := make([]byte, 0, len(value))
	gap := false
	for _, c := range value {
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			gap = len(out) > 0
			continue
		}
		if gap {
			out = append(out, ' ')
			gap = false
		}
		out = append(out, c)
	}
	return string(out)
}
