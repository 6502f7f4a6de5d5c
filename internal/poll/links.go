package poll

import (
	"strings"

	"pricefetch/internal/mail"
)

// Linked notes the host of a link to a file.
func (d *delivery) Linked(ref mail.Ref, host string) {
	if it, ok := d.items[ref]; ok {
		it.links = append(it.links, host)
	}
}

// Linked notes, in a dry run, the host of a link to a file.
func (g *guess) Linked(ref mail.Ref, host string) {
	if it, ok := g.items[ref]; ok {
		it.links = append(it.links, host)
	}
}

// nearMiss tells why a message of a wanted sender, of which nothing is taken, is not simply unwanted: files that no mask
// takes, or hosts of links in place of files.
func nearMiss(missed, links []string) string {
	var why []string
	if len(missed) > 0 {
		why = append(why, "no mask takes "+quoted(missed))
	}
	if len(links) > 0 {
		why = append(why, "its text has a link to a file ("+strings.Join(links, ", ")+"), and nothing is attached that a rule takes; links are not followed")
	}
	return strings.Join(why, "; ")
}
