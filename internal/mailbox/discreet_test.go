package mailbox

import (
	"io"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// curious is a handler with everything that a handler may have.
type curious struct {
	heard []string
}

func (c *curious) Want(mail.Ref, mail.Part) bool             { return true }
func (c *curious) Part(mail.Ref, mail.Part, io.Reader) error { return nil }
func (c *curious) Done(mail.Ref, error) error                { return nil }
func (c *curious) Listed(mail.Ref) int64                     { c.heard = append(c.heard, "listed"); return 7 }
func (c *curious) Identify(_ mail.Ref, e mail.Envelope) bool {
	c.heard = append(c.heard, e.Subject)
	return false
}
func (c *curious) Remark(_ mail.Ref, text string) { c.heard = append(c.heard, text) }

// What a handler can beside its three methods is not lost on the way of hiding secrets from it.
func TestDiscreetHandlerCanWhatItsHandlerCan(t *testing.T) {
	c := &curious{}
	var h mail.Handler = discreetHandler{c, &Hidden{}}
	if n := h.(mail.Sizer).Listed(mail.Ref{}); n != 7 {
		t.Errorf("listed %d octets", n)
	}
	if h.(mail.Identifier).Identify(mail.Ref{}, mail.Envelope{Subject: "another"}) {
		t.Error("another message passes")
	}
	h.(mail.Remarker).Remark(mail.Ref{}, "odd")
	if got := strings.Join(c.heard, " "); got != "listed another odd" {
		t.Errorf("heard %q", got)
	}
	plain := discreetHandler{struct{ mail.Handler }{c}, &Hidden{}}
	if plain.Listed(mail.Ref{}) != -1 || !plain.Identify(mail.Ref{}, mail.Envelope{}) {
		t.Error("a handler without them is asked")
	}
}
