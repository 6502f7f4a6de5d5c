package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// slot is one attachment of a letter.
type slot struct {
	name    string
	content string
	damaged bool // its base64 ends in the middle
}

// letter is what a supplier once wrote. Copies of it may lie in several mailboxes.
type letter struct {
	n        int
	kind     string
	from     string
	slots    []slot
	received time.Time // of the topmost Received field and INTERNALDATE; zero: none
	raw      string
	print    string // fingerprint v1, reckoned here
	ahead    bool   // it claims to have been received after it came
	poison   bool   // its content breaks every connection
}

func (l *letter) String() string { return fmt.Sprintf("letter %d (%s)", l.n, l.kind) }

// dated tells whether the date it was received can be believed.
func (l *letter) dated() bool { return l.received.Year() >= 1995 && !l.ahead }

// letterKinds are what arrives. The first ones are the most frequent.
var letterKinds = []string{
	"price", "price", "price and stock", "list", "list", "leftover", "near miss", "spam", "spam with a price", "picture",
	"twins", "damaged", "huge", "poison", "odd name", "no id", "bare",
}

const (
	alpha = "price@alpha.ru"
	beta  = "sales@beta.ru"
	spam  = "news@spam.ru"

	// limit is limits.message_size of every schedule, in bytes; huge letters are beyond it.
	limit = 3000
)

// newLetter writes the n-th letter. Its contents occur in no other letter.
func newLetter(n int, kind string, received time.Time, pad int) *letter {
	l := &letter{n: n, kind: kind, from: alpha, received: received, poison: kind == "poison"}
	file := func(name string) slot {
		return slot{name: name, content: fmt.Sprintf("%s of letter %d;%s\r\n", name, n, strings.Repeat("7", pad))}
	}
	switch kind {
	case "price", "poison", "no id":
		l.slots = []slot{file("price.csv")}
	case "price and stock":
		l.slots = []slot{file("price.csv"), file("stock.csv")}
	case "list":
		l.from, l.slots = beta, []slot{file("list.csv")}
	case "leftover":
		l.slots = []slot{file("price.csv"), file("renamed.csv")}
	case "near miss":
		l.slots = []slot{file("renamed.csv")}
	case "spam":
		l.from = spam
	case "spam with a price":
		l.from, l.slots = spam, []slot{file("price.csv")}
	case "picture":
		l.slots = []slot{file("logo.png")}
	case "twins":
		l.slots = []slot{file("price.csv"), file("price.csv")}
	case "damaged":
		l.slots = []slot{file("price.csv"), file("stock.csv")}
		l.slots[1].damaged = true
	case "huge":
		l.slots = []slot{{name: "price.csv", content: fmt.Sprintf("huge %d;%s\r\n", n, strings.Repeat("8", limit))}}
	case "odd name":
		l.slots = []slot{file("../../price" + strings.Repeat("я", 120) + ".csv")}
	}
	l.write()
	return l
}

// write makes the octets and the fingerprint.
func (l *letter) write() {
	received := ""
	if !l.received.IsZero() {
		received = "from mx.example by mail.example.ru with ESMTPS id 4F2a; " + l.received.Format(time.RFC1123Z)
	}
	id, date := fmt.Sprintf("<%d@example.ru>", l.n), "Thu, 19 Nov 2026 10:00:00 +0300"
	if l.kind == "no id" {
		id = ""
	}
	subject := fmt.Sprintf("Prices %d", l.n)
	var b strings.Builder
	if received != "" {
		fmt.Fprintf(&b, "Received: %s\r\n", received)
	}
	fmt.Fprintf(&b, "From: %s\r\nSubject: %s\r\nDate: %s\r\n", l.from, subject, date)
	if id != "" {
		fmt.Fprintf(&b, "Message-ID: %s\r\n", id)
	}
	parts := []string{id, date, l.from, subject}
	if id == "" {
		parts = append(parts, received)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	l.print = "v1:" + hex.EncodeToString(sum[:])
	if len(l.slots) == 0 {
		b.WriteString("\r\nHello\r\n.\r\n.. two dots\r\n")
		l.raw = b.String()
		return
	}
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n.\r\n")
	for _, s := range l.slots {
		body := s.content
		fmt.Fprintf(&b, "--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"%s\"\r\n", s.name)
		if s.damaged {
			b.WriteString("Content-Transfer-Encoding: base64\r\n")
			body = "QUJDR\r\n"
		}
		b.WriteString("\r\n" + body + "\r\n")
	}
	b.WriteString("--b--\r\n")
	l.raw = b.String()
}

// ruleset is what the admin wants at one time. It is judged here by its few kinds of masks, without package match.
type ruleset struct {
	mask     string // files of rule alpha: "price*.csv", "*.csv" or "new*.csv"
	alphaOff bool
	gammaOff bool
	betaOff  bool
}

func (r ruleset) String() string {
	text := "alpha takes " + r.mask
	if r.alphaOff {
		text += "; alpha is disabled"
	}
	if r.gammaOff {
		text += "; gamma is disabled"
	}
	if r.betaOff {
		text += "; beta is disabled"
	}
	return text
}

// opinion is what a ruleset makes of one attachment.
type opinion struct {
	rule     string // that takes it; ""
	disabled string // that would take it; ""
	missed   bool   // it counts for a near miss
}

// of judges one attachment of a letter.
func (r ruleset) of(l *letter, s slot) (o opinion) {
	wanted, masked := false, false
	for _, rule := range []struct {
		name, from, mask string
		off              bool
	}{{"alpha", alpha, r.mask, r.alphaOff}, {"gamma", alpha, "stock*.csv", r.gammaOff}, {"beta", beta, "*.csv", r.betaOff}} {
		if rule.from != l.from {
			continue
		}
		wanted = true
		switch takes := maskTakes(rule.mask, s.name); {
		case !takes:
			masked = masked || !rule.off
		case rule.off && o.disabled == "":
			o.disabled = rule.name
		case !rule.off && o.rule == "":
			o.rule = rule.name
		}
	}
	o.missed = wanted && masked && o.rule == "" && o.disabled == "" && !strings.HasSuffix(s.name, ".png")
	return o
}

// maskTakes knows masks with one star before ".csv". Of a name with separators the last element counts.
func maskTakes(mask, name string) bool {
	name = name[strings.LastIndex(name, "/")+1:]
	prefix := strings.TrimSuffix(mask, "*.csv")
	return strings.HasPrefix(name, prefix) && strings.HasSuffix(name, ".csv") && len(name) >= len(prefix)+len(".csv")
}
