package corpus

import (
	"crypto/sha256"
	"encoding/hex"
)

// made is a sample as tables and generators write it down: with the contents that went in, so that what is expected does
// not depend on any parser.
type made struct {
	name, why, raw string
	want           []file
}

type file struct {
	path, name, typ, content string
	damaged                  bool
}

// sample works out what must come out of it.
func (m made) sample() Sample {
	s := Sample{Name: m.name, Why: m.why, Raw: []byte(m.raw)}
	for _, f := range m.want {
		a := Attachment{Path: f.path, Name: f.name, Type: f.typ, Size: -1}
		if !f.damaged {
			sum := sha256.Sum256([]byte(f.content))
			a.Size, a.SHA256 = int64(len(f.content)), hex.EncodeToString(sum[:])
		}
		s.Want = append(s.Want, a)
	}
	return s
}

// generated are the samples that no file holds: systematic combinations, what programs are known to send, containers.
func generated() []made {
	var out []made
	for _, group := range [][]made{nameGrid(), parameterFaults(), encodingGrid(), structureGrid(), mailers(), devices(), rewrites(), winmails(), uuencodes(), signedMails()} {
		out = append(out, group...)
	}
	return out
}
