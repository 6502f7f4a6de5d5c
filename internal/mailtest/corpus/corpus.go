// Package corpus holds sample messages as suppliers and their mailers write them, each with a reason and the attachments
// that must come out of it. The messages are exact bytes with CRLF line ends; what must come out is the truth that every
// way of reading a message is held against. Half a hundred are files with golden files next to them, written by hand;
// the others are generated, always the same ones, with what went in as what must come out.
//
// `make corpus` compares all of them with other parsers; see the package compare, also for real mail.
package corpus

import (
	"bufio"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

//go:embed testdata/*.eml testdata/*.golden
var testdata embed.FS

// Sample is one message and what must come out of it.
type Sample struct {
	Name string // of its file, without ".eml"
	Why  string // it is here
	Raw  []byte
	Want []Attachment // in document order
}

// Attachment is one line of a golden file.
type Attachment struct {
	Path   string // mail.Part.Path
	Name   string // decoded, NFC
	Type   string // media type
	Size   int64  // decoded bytes; -1: the content is damaged and must not come out whole
	SHA256 string // lower-case hex; "" where damaged
}

// Samples returns all samples: the files in the order of their names, then the generated ones. It panics if the embedded
// files are broken.
func Samples() []Sample {
	files, err := fs.Glob(testdata, "testdata/*.eml")
	if err != nil {
		panic(err)
	}
	out := make([]Sample, 0, len(files))
	for _, f := range files {
		s, err := load(strings.TrimSuffix(f, ".eml"))
		if err != nil {
			panic(fmt.Sprintf("corpus: read %s: %v", f, err))
		}
		out = append(out, s)
	}
	for _, m := range generated() {
		out = append(out, m.sample())
	}
	return out
}

// load reads one pair of files.
func load(stem string) (Sample, error) {
	raw, err := testdata.ReadFile(stem + ".eml")
	if err != nil {
		return Sample{}, err
	}
	golden, err := testdata.ReadFile(stem + ".golden")
	if err != nil {
		return Sample{}, err
	}
	s := Sample{Name: path.Base(stem), Raw: raw}
	lines := bufio.NewScanner(strings.NewReader(string(golden)))
	for lines.Scan() {
		if why, ok := strings.CutPrefix(lines.Text(), "# "); ok {
			s.Why = why
			continue
		}
		a, err := parseLine(lines.Text())
		if err != nil {
			return Sample{}, err
		}
		s.Want = append(s.Want, a)
	}
	return s, lines.Err()
}

// parseLine reads "path<TAB>name<TAB>type<TAB>size<TAB>sha256".
func parseLine(line string) (Attachment, error) {
	f := strings.Split(line, "\t")
	if len(f) != 5 {
		return Attachment{}, fmt.Errorf("line %q has %d columns, expected 5", line, len(f))
	}
	size, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil {
		return Attachment{}, err
	}
	return Attachment{Path: f[0], Name: f[1], Type: f[2], Size: size, SHA256: f[4]}, nil
}
