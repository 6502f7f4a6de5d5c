package mimepart_test

import (
	"bytes"
	"strings"
	"testing"

	"pricefetch/internal/mailtest/corpus"
)

// A mail server that takes each LF for a line end makes CR CR LF of CRLF: what mailers sent is found in such a letter too.
func TestDoubledCR(t *testing.T) {
	tried := 0
	for _, s := range corpus.Samples() {
		if !strings.HasPrefix(s.Name, "mailer-") || !bytes.Contains(s.Raw, []byte("base64")) {
			continue
		}
		tried++
		got, err := attachments(bytes.NewReader(bytes.ReplaceAll(s.Raw, []byte("\n"), []byte("\r\n"))))
		if err != nil || len(got) != len(s.Want) {
			t.Errorf("%s: %v, %v", s.Name, got, err)
			continue
		}
		for i, a := range got {
			if a != s.Want[i] {
				t.Errorf("%s: %+v, want %+v", s.Name, a, s.Want[i])
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d letters were tried", tried)
	}
}
