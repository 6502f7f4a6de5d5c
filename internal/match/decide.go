package match

import (
	"fmt"
	"path"
	"strings"
	"unicode"

	"pricefetch/internal/mail"
)

// Kind sorts refusals by what refused.
type Kind string

const (
	KindSender   Kind = "sender"   // no sender mask takes every From address
	KindSubject  Kind = "subject"  // no subject mask takes the subject
	KindMask     Kind = "mask"     // no file mask takes the name
	KindExclude  Kind = "exclude"  // an exclude mask takes the name
	KindDisabled Kind = "disabled" // the rule would take it, but is disabled
	KindMailbox  Kind = "mailbox"  // the rule is for other mailboxes
	KindMember   Kind = "member"   // no members mask takes the name in the archive
)

// Refusal is one rule's reason, in an admin's words.
type Refusal struct {
	Rule string
	Kind Kind
	Text string
}

// Interest tells which rules want mail of that sender and subject.
type Interest struct {
	Rules    []string // enabled rules, in order; empty: nothing needs to be downloaded
	Disabled []string // disabled rules that would want it
	Refusals []Refusal
}

// Sender holds a message's From and Subject against every rule. With several From addresses each must be taken by a
// mask of the rule; a message without a readable From is wanted by the mask * alone.
func (r *Rules) Sender(e mail.Envelope) Interest {
	var in Interest
	m := prepare(e)
	for _, c := range r.reach {
		refusal, refused := c.refuseMessage(m)
		switch {
		case refused:
			in.Refusals = append(in.Refusals, refusal)
		case c.Disabled:
			in.Disabled = append(in.Disabled, c.Name)
			in.Refusals = append(in.Refusals, Refusal{c.Name, KindDisabled, "the rule wants this sender but is disabled (enabled: false)"})
		default:
			in.Rules = append(in.Rules, c.Name)
		}
	}
	return in
}

// Decision is what becomes of one attachment.
type Decision struct {
	Rule     string    // the first enabled rule that takes it; "" none
	Unpack   bool      // Rule opens archives: if it is one, Member decides what of it is taken
	Disabled string    // the first disabled rule that would take it; "" none
	Refusals []Refusal // of the rules tried before Rule, and of disabled ones
	// NearMiss: no rule takes it, disabled ones included, an enabled rule that wants the sender refused it by its file
	// masks and not by exclude, and it is a kind of file that could be a renamed price list.
	NearMiss bool
}

// File tells which rule takes attachment p of a message. Rules are tried in order; what is no attachment (body text,
// the raw message) is taken by none.
func (r *Rules) File(e mail.Envelope, p mail.Part) Decision {
	var d Decision
	if !p.Attachment || p.IsRoot() {
		return d
	}
	m := prepare(e)
	name := unslash(fold(baseName(p.Name)))
	masked := false
	for _, c := range r.reach {
		if d.Rule != "" && (!c.Disabled || d.Disabled != "") {
			continue
		}
		refusal, refused := c.refuseMessage(m)
		if !refused {
			refusal, refused = c.refuseName(name, p.Name)
		}
		switch {
		case refused:
			if d.Rule == "" {
				d.Refusals = append(d.Refusals, refusal)
			}
			masked = masked || refusal.Kind == KindMask && !c.Disabled
		case c.Disabled:
			if d.Disabled == "" {
				d.Disabled = c.Name
			}
			text := fmt.Sprintf("the rule would take «%s» but is disabled (enabled: false)", shown(p.Name))
			d.Refusals = append(d.Refusals, Refusal{c.Name, KindDisabled, text})
		default:
			d.Rule, d.Unpack = c.Name, c.Unpack
		}
	}
	d.NearMiss = masked && d.Rule == "" && d.Disabled == "" && countsAsMiss(p)
	return d
}

// Member tells whether a rule takes a file of that name out of an archive, or why not.
func (r *Rules) Member(rule, name string) (Refusal, bool) {
	for _, c := range r.reach {
		if c.Name != rule {
			continue
		}
		if _, ok := c.members.find(unslash(fold(baseName(name)))); ok {
			return Refusal{}, true
		}
		text := fmt.Sprintf("no members mask takes «%s» (masks: %s)", shown(name), shownMasks(c.members.written()))
		return Refusal{rule, KindMember, text}, false
	}
	return Refusal{rule, KindMailbox, "the rule is for other mailboxes"}, false
}

// message is an envelope made comparable, once for all rules.
type message struct {
	from    []address
	subject string
	written string // the subject as it came
}

func prepare(e mail.Envelope) message {
	return message{from: addresses(e.From), subject: unslash(fold(e.Subject)), written: e.Subject}
}

// refuseMessage tells why a rule does not want the message, whatever it carries.
func (c *rule) refuseMessage(m message) (Refusal, bool) {
	if written, refused := refusedSender(c.from, m.from); refused {
		text := "no sender mask takes " + shown(written)
		if strings.TrimSpace(written) == "" {
			text = "the message has no readable From address"
		}
		return Refusal{c.Name, KindSender, text + " (masks: " + shownMasks(c.From) + ")"}, true
	}
	if _, ok := c.subject.find(m.subject); !ok {
		text := fmt.Sprintf("no subject mask takes «%s» (masks: %s)", shown(m.written), shownMasks(c.subject.written()))
		return Refusal{c.Name, KindSubject, text}, true
	}
	return Refusal{}, false
}

// refuseName tells why a rule does not take a file name. Exclude is asked first: what an admin excluded in so many
// words is no near miss.
func (c *rule) refuseName(folded, written string) (Refusal, bool) {
	if mask, ok := c.exclude.find(folded); ok {
		return Refusal{c.Name, KindExclude, fmt.Sprintf("exclude mask %s takes «%s»", mask, shown(written))}, true
	}
	if _, ok := c.files.find(folded); !ok {
		text := fmt.Sprintf("no file mask takes «%s» (masks: %s)", shown(written), shownMasks(c.files.written()))
		return Refusal{c.Name, KindMask, text}, true
	}
	return Refusal{}, false
}

// Accessory reports whether a part is none that people send for its own sake: no attachment, or a picture, signature, vCard or
// calendar, by its type or its extension. That the text refers to it does not make it one: webmail does so with any file that
// is dropped into the text.
func Accessory(p mail.Part) bool {
	p.Referenced = false
	return !p.Attachment || p.IsRoot() || !countsAsMiss(p) || accessory(path.Ext(fold(p.Name)))
}

// countsAsMiss reports whether a refused attachment could be a price list under a new name: not pictures, signatures,
// vCards and calendars (semantics 3). Where the sender's program gave a type that says nothing, the extension tells.
func countsAsMiss(p mail.Part) bool {
	if p.Referenced || strings.HasPrefix(p.Type, "image/") {
		return false
	}
	switch p.Type {
	case "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
		"text/vcard", "text/x-vcard", "text/directory", "application/vcard",
		"text/calendar", "text/x-vcalendar", "application/ics":
		return false
	case "", "application/octet-stream":
		return !accessory(path.Ext(fold(p.Name)))
	}
	return true
}

// accessory reports whether a lower-case extension belongs to a picture, a signature, a vCard or a calendar.
func accessory(ext string) bool {
	switch ext {
	case ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".svg", ".tif", ".tiff", ".heic", ".emz", ".wmz", ".ico",
		".p7s", ".vcf", ".ics", ".vcs":
		return true
	}
	return false
}

const (
	shownText  = 120 // characters of a name, subject or address in a reason
	shownCount = 8   // masks in a reason
)

// shown makes a sender's text safe and short enough for a log line.
func shown(s string) string {
	clean := []rune(strings.ToValidUTF8(s, "\ufffd"))
	if len(clean) > shownText {
		clean = append(clean[:shownText], '…')
	}
	for i, r := range clean {
		switch {
		case unicode.IsPrint(r):
		case unicode.IsSpace(r):
			clean[i] = ' '
		default:
			clean[i] = '\ufffd'
		}
	}
	return string(clean)
}

func shownMasks(masks []string) string {
	if len(masks) > shownCount {
		return fmt.Sprintf("%s and %d more", strings.Join(masks[:shownCount], ", "), len(masks)-shownCount)
	}
	return strings.Join(masks, ", ")
}
