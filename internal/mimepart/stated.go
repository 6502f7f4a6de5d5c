package mimepart

import (
	"maps"
	"path"
	"slices"
	"strings"

	"pricefetch/internal/mail"
)

// Stated makes a part of what a server says of it, as IMAP's BODYSTRUCTURE does (RFC 3501 section 7.4.2): its type and
// disposition with their parameters, and its Content-ID. It is made as Walk makes it of the part's header. Path is left empty. What only the
// content tells is missing: whether it is a container, and the name of one that has none.
func Stated(typ string, params map[string]string, disposition string, dispositionParams map[string]string, id string) mail.Part {
	raw := "Content-Type: " + structured(typ, params) + "\r\n"
	if disposition != "" {
		raw += "Content-Disposition: " + structured(disposition, dispositionParams) + "\r\n"
	}
	if id != "" {
		raw += "Content-ID: " + oneLine.Replace(id) + "\r\n"
	}
	h, _ := parseHeader([]byte(raw))
	return (&walker{}).describe(h, "text/plain").part
}

// Untold reports whether only the message itself can tell which files are in a part that Stated made: it may be a container,
// it has no name, or one that looks cut or patched up by a server that did not understand the field. A container that goes
// by a name and a type that say something else is not known for one.
func Untold(p mail.Part) bool {
	switch p.Type {
	case "application/ms-tnef", "application/vnd.ms-tnef", "application/x-tnef", "application/pkcs7-mime", "application/x-pkcs7-mime":
		return true
	}
	if strings.HasPrefix(p.Type, "message/") || strings.HasPrefix(p.Type, "multipart/") {
		return true
	}
	return p.Attachment && (!p.Named || doubtful(p.Name))
}

// doubtful reports whether a name is hardly one that a sender gave to a file, or that of a container.
func doubtful(name string) bool {
	if strings.ContainsAny(name, `=;:"`) || strings.HasPrefix(name, "'") {
		return true
	}
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case "", ".dat", ".bin", ".p7m", ".eml":
		return true
	default:
		return strings.Contains(ext, " ") // a dot within a name that was cut at a blank
	}
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
