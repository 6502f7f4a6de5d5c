package mimepart

import (
	"maps"
	"slices"
	"strings"

	"pricefetch/internal/mail"
)

// Stated makes a part of what a server says of it, as IMAP's BODYSTRUCTURE does (RFC 3501 section 7.4.2): its type and
// disposition with their parameters. It is made as Walk makes it of the part's header. Path is left empty. What only the
// content tells is missing: whether it is a container, and the name of one that has none.
func Stated(typ string, params map[string]string, disposition string, dispositionParams map[string]string) mail.Part {
	raw := "Content-Type: " + structured(typ, params) + "\r\n"
	if disposition != "" {
		raw += "Content-Disposition: " + structured(disposition, dispositionParams) + "\r\n"
	}
	h, _ := parseHeader([]byte(raw))
	return (&walker{}).describe(h, "text/plain").part
}

// structured writes a structured field.
func structured(value string, params map[string]string) string {
	var b strings.Builder
	b.WriteString(oneLine.Replace(value))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		b.WriteString("; " + oneLine.Replace(name) + `="` + quoting.Replace(oneLine.Replace(params[name])) + `"`)
	}
	return b.String()
}

var (
	oneLine = strings.NewReplacer("\r", " ", "\n", " ")
	quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
)
