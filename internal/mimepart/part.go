package mimepart

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"pricefetch/internal/mail"
)

// entity is what the header of a part says.
type entity struct {
	part     mail.Part // without Path, Referenced and the name of a nameless attachment
	boundary string
	encoding encoding
}

func (e entity) isMultipart() bool { return strings.HasPrefix(e.part.Type, "multipart/") }

func (e entity) isMessage() bool {
	return e.part.Type == "message/rfc822" || e.part.Type == "message/global" // RFC 6532 section 3.7
}

// describe reads a part's header. media is its type where it states none.
func (w *walker) describe(h header, media string) entity {
	var e entity
	contentType, _ := h.raw("content-type")
	typ, params := parseParams(contentType)
	e.part.Type = mediaType(typ, media)
	e.boundary = strings.TrimRight(token(params, "boundary"), " \t")
	if c := charsetName(token(params, "charset")); c != "" && c != "us-ascii" {
		w.charset = c
	}
	transfer, _ := h.raw("content-transfer-encoding")
	e.encoding = parseEncoding(transfer)

	value, ok := h.raw("content-disposition")
	disposition, dparams := parseParams(value)
	e.part.Disposition = dispositionOf(disposition, ok)
	id, _ := h.raw("content-id")
	e.part.ContentID = shorten(strings.Trim(joinBlanks([]byte(id)), "<> "), maxCIDLen)
	e.part.Name, e.part.RawName = w.name(dparams, params)
	e.part.Named = e.part.Name != ""
	e.part.Attachment = e.part.Named || e.part.Disposition == "attachment" || e.part.ContentID == "" && isFile(e.part.Type)
	return e
}

// isFile tells the types that nobody reads as the text of a letter: a part of one is a file although it has no name and is
// not marked attachment. message/partial is a piece of a letter that was sent in pieces: it has to be reported, not lost.
func isFile(typ string) bool {
	major, _, _ := strings.Cut(typ, "/")
	switch major {
	case "multipart", "message":
		return typ == "message/partial"
	case "text":
		return typ == "text/csv" || typ == "text/comma-separated-values" || typ == "text/tab-separated-values" || typ == "text/xml"
	}
	switch typ {
	case "application/pgp-signature", "application/pgp-encrypted", "application/pkcs7-signature", "application/x-pkcs7-signature",
		"application/applefile", "application/ics":
		return false
	}
	return true
}

// name looks for the file name: Content-Disposition (RFC 2183 section 2.3) goes before Content-Type, and in each its
// own parameter before the other's, which mailers mix up.
func (w *walker) name(disposition, contentType []param) (name, raw string) {
	for _, from := range []struct {
		params []param
		name   string
	}{{disposition, "filename"}, {disposition, "name"}, {contentType, "name"}, {contentType, "filename"}} {
		decoded, raw := fileName(from.params, from.name, w.charset)
		if decoded = cleanName(decoded); decoded != "" {
			return decoded, shorten(raw, maxName)
		}
	}
	return "", ""
}

// maxName bounds a file name, in bytes, with regard to what keeps it: the longest that a file system takes has 255.
const maxName = 4 << 10

// cleanName brings a decoded name into the form in which it is compared.
func cleanName(decoded string) string {
	return shortenName(norm.NFC.String(strings.TrimSpace(decoded)))
}

// shortenName cuts a name that is too long, and keeps its extension, which masks go by.
func shortenName(name string) string {
	if len(name) <= maxName {
		return name
	}
	extension := ""
	if i := strings.LastIndexByte(name, '.'); i >= len(name)-20 {
		extension = name[i:]
	}
	return norm.NFC.String(shorten(name, maxName-len(extension)) + extension)
}

// shorten cuts s at a character, so that it has at most limit bytes.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// maxType bounds a media type, in bytes (RFC 6838 section 4.2 allows 127 on each side of the slash).
const maxType = 255

// mediaType returns the type to go by: the default if there is none, "application/octet-stream" if it is none.
func mediaType(typ, byDefault string) string {
	major, minor, ok := strings.Cut(typ, "/")
	switch {
	case len(typ) > maxType:
		return "application/octet-stream"
	case typ == "" || typ == "text":
		return byDefault
	case typ == "multipart":
		return "multipart/mixed"
	case !ok || major == "" || minor == "" || strings.ContainsAny(typ, "\"'<>{}"):
		return "application/octet-stream"
	}
	return typ
}

// dispositionOf maps what is unknown to "attachment" (RFC 2183 section 2.8). A field that begins with a parameter
// states no disposition.
func dispositionOf(value string, stated bool) string {
	switch {
	case value == "" || !stated:
		return ""
	case value == "inline":
		return "inline"
	}
	return "attachment"
}

// extensions of the types that price lists and what travels with them have.
var extensions = map[string]string{
	"application/vnd.ms-excel": ".xls", "application/msexcel": ".xls", "application/x-msexcel": ".xls",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
	"application/vnd.ms-excel.sheet.macroenabled.12":                    ".xlsm",
	"application/vnd.ms-excel.sheet.binary.macroenabled.12":             ".xlsb",
	"application/vnd.oasis.opendocument.spreadsheet":                    ".ods",
	"application/msword": ".doc",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
	"application/zip": ".zip", "application/x-zip-compressed": ".zip", "application/x-zip": ".zip",
	"application/x-rar-compressed": ".rar", "application/x-rar": ".rar", "application/vnd.rar": ".rar",
	"application/x-7z-compressed": ".7z", "application/gzip": ".gz", "application/x-gzip": ".gz",
	"application/pdf": ".pdf", "application/rtf": ".rtf", "application/xml": ".xml", "application/json": ".json",
	"application/dbf": ".dbf", "application/x-dbf": ".dbf", "application/csv": ".csv",
	"application/pgp-signature": ".asc", "application/pkcs7-signature": ".p7s", "application/x-pkcs7-signature": ".p7s",
	"application/pkcs7-mime": ".p7m", "application/x-pkcs7-mime": ".p7m", "application/ms-tnef": ".dat",
	"message/partial": ".part", "text/plain": ".txt", "text/csv": ".csv", "text/comma-separated-values": ".csv", "text/tab-separated-values": ".tsv",
	"text/html": ".html", "text/xml": ".xml", "text/rtf": ".rtf", "text/calendar": ".ics", "text/vcard": ".vcf",
	"text/x-vcard": ".vcf",
	"image/jpeg":   ".jpg", "image/png": ".png", "image/gif": ".gif", "image/bmp": ".bmp", "image/tiff": ".tif",
}

// extension returns the extension for a type, ".bin" where none is known.
func extension(typ string) string {
	if e, ok := extensions[typ]; ok {
		return e
	}
	return ".bin"
}
