package archive

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
)

// kind is a format, told by its signature.
type kind int

const (
	none kind = iota
	zipped
	rarred
	sevenZipped
	gzipped
)

const signatureBytes = 8

// signed tells the kind by a file's first bytes. A document may still hide in a zip. Self-extracting programs begin as
// programs and are none.
func signed(head []byte) kind {
	for _, s := range []struct {
		magic string
		kind  kind
	}{
		{"PK\x03\x04", zipped},
		{"PK\x05\x06", zipped},           // without members
		{"PK\x07\x08PK\x03\x04", zipped}, // split into volumes
		{"PK00PK\x03\x04", zipped},       // was to be split, and fitted into one
		{"Rar!\x1a\x07\x00", rarred},
		{"Rar!\x1a\x07\x01\x00", rarred},
		{"7z\xbc\xaf\x27\x1c", sevenZipped},
		{"\x1f\x8b\x08", gzipped},
	} {
		if bytes.HasPrefix(head, []byte(s.magic)) {
			return s.kind
		}
	}
	return none
}

// kind tells what a file is.
func (w *walk) kind(src *source) (kind, error) {
	head := make([]byte, 512)
	n, err := src.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return none, src.blame(err)
	}
	head = head[:n]
	k := signed(head)
	if k == zipped && documentHead(head) {
		return none, nil
	}
	return k, nil
}

// documentHead reports whether a zip begins like a document: that is one even where its end is lost.
func documentHead(head []byte) bool {
	const header = 30
	if len(head) < header || !bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return false
	}
	end := header + int(head[26]) + int(head[27])<<8
	if end > len(head) {
		return false
	}
	name := string(head[header:end])
	if name == "META-INF/" || name == "_rels/.rels" || strings.HasPrefix(name, "docProps/") {
		return true
	}
	return documentMark(name) || name == "mimetype"
}

// documentMark reports whether a zip with a member of that path is a document or a program: OOXML, jar, apk, iWork.
func documentMark(path string) bool {
	switch path {
	case "[Content_Types].xml", "META-INF/MANIFEST.MF", "AndroidManifest.xml", "Index/Document.iwa":
		return true
	}
	return false
}

// isDocument tells a document by the paths of its members. ODF and EPUB name their type in the first one.
func isDocument(paths []string) bool {
	for i, path := range paths {
		if documentMark(path) || i == 0 && path == "mimetype" {
			return true
		}
		if path == "META-INF/manifest.xml" && slices.Contains(paths, "mimetype") {
			return true
		}
	}
	return false
}
