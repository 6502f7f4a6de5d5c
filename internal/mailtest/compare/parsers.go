package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing/iotest"

	"github.com/jhillyerd/enmime/v2"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest/corpus"
	"pricefetch/internal/mimepart"
)

//go:embed parse.py
var script string

// found is one attachment as a parser gives it.
type found struct {
	Name   string `json:"name"`
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
}

// says puts an answer into one line.
func says(files []found) string {
	if len(files) == 0 {
		return "nothing"
	}
	var out []string
	for _, f := range files {
		out = append(out, fmt.Sprintf("%q %d %.8s", f.Name, f.Size, f.SHA256))
	}
	line := strings.Join(out, ", ")
	if len(line) > 300 {
		sum := sha256.Sum256([]byte(line))
		line = fmt.Sprintf("%.200s… %d files, %x", line, len(files), sum[:4])
	}
	return strings.ToValidUTF8(line, "\ufffd")
}

// expected is what must come out. A name that nobody gave is left out, as other parsers have none.
func expected(want []corpus.Attachment) string {
	var files []found
	for _, a := range want {
		f := found{a.Name, int(a.Size), a.SHA256}
		if strings.HasPrefix(f.Name, "unnamed-") {
			f.Name = ""
		}
		if a.Size < 0 {
			f.SHA256 = "damaged"
		}
		files = append(files, f)
	}
	return says(files)
}

// ours reads a message in two ways, which must agree, and checks what is true of every message.
func ours(raw []byte) ([]corpus.Attachment, error) {
	whole, err := walk(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	bitten, err := walk(iotest.OneByteReader(bytes.NewReader(raw)))
	if err != nil || !slices.Equal(whole, bitten) {
		return nil, fmt.Errorf("read byte by byte it is %v, %v; read at once %v", bitten, err, whole)
	}
	return whole, nil
}

// walk reads the attachments.
func walk(r io.Reader) (out []corpus.Attachment, err error) {
	paths := map[string]bool{}
	err = mimepart.Walk(r, mimepart.Visitor{
		Want: func(p mail.Part) bool {
			if paths[p.Path] {
				err = fmt.Errorf("two parts have the path %s", p.Path)
			}
			paths[p.Path] = true
			return p.Attachment
		},
		Part: func(p mail.Part, r io.Reader) error {
			a := corpus.Attachment{Path: p.Path, Name: p.Name, Type: p.Type, Size: -1}
			sum := sha256.New()
			n, err := io.Copy(sum, r)
			if err == nil {
				a.Size, a.SHA256 = n, hex.EncodeToString(sum.Sum(nil))
			} else if !errors.Is(err, mail.ErrDamaged) {
				return err
			}
			out = append(out, a)
			return nil
		},
		Spool: func() (mimepart.Spool, error) {
			f, err := os.CreateTemp("", "compare-")
			if err == nil {
				err = os.Remove(f.Name())
			}
			return f, err
		},
	}, mimepart.Limits{})
	return out, err
}

// byEnmime reads a message with enmime; forwarded messages, which it gives as one part, are read with it again.
func byEnmime(raw []byte) string {
	files, err := enmimeFiles(raw)
	if err != nil {
		return "error"
	}
	return says(files)
}

func enmimeFiles(raw []byte) (files []found, err error) {
	root, err := enmime.ReadParts(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	for _, p := range root.DepthMatchAll(func(p *enmime.Part) bool { return p.FirstChild == nil }) {
		switch {
		case p.ContentType == "message/rfc822":
			inner, err := enmimeFiles(p.Content)
			if err != nil {
				return nil, err
			}
			files = append(files, inner...)
		case p.FileName != "" || p.Disposition == "attachment" || p.ContentID == "" && isFile(p.ContentType):
			sum := sha256.Sum256(p.Content)
			files = append(files, found{p.FileName, len(p.Content), hex.EncodeToString(sum[:])})
		}
	}
	return files, nil
}

// isFile is the rule of parse.py for parts that have no name.
func isFile(typ string) bool {
	switch typ {
	case "text/csv", "text/comma-separated-values", "text/tab-separated-values", "text/xml":
		return true
	case "", "application/pgp-signature", "application/pgp-encrypted", "application/pkcs7-signature", "application/x-pkcs7-signature", "application/applefile", "application/ics":
		return false
	}
	return !strings.HasPrefix(typ, "text/") && !strings.HasPrefix(typ, "message/") && !strings.HasPrefix(typ, "multipart/")
}

// byPython reads all messages with Python's email package, and tells its version.
func byPython(samples []corpus.Sample) (answers map[string]string, version string, err error) {
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	if err := dumpTo(dir, samples); err != nil {
		return nil, "", err
	}
	cmd := exec.Command("python3", "-c", script, dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, "", fmt.Errorf("run python3: %w", err)
	}
	answers = map[string]string{}
	for line := range bytes.Lines(out) {
		var a struct {
			Message, Error, Version string
			Files                   []found
		}
		if err := json.Unmarshal(line, &a); err != nil {
			return nil, "", fmt.Errorf("read what python3 says: %w", err)
		}
		switch {
		case a.Version != "":
			version = a.Version
		case a.Error != "":
			answers[a.Message] = "error " + a.Error
		default:
			answers[a.Message] = says(a.Files)
		}
	}
	return answers, version, nil
}
