package mailbox

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// partCounter takes every attachment, counts its bytes and keeps none.
type partCounter struct {
	bytes int64
	done  []error
}

func (h *partCounter) Want(_ mail.Ref, p mail.Part) bool { return !p.IsRoot() && p.Attachment }

func (h *partCounter) Part(_ mail.Ref, _ mail.Part, r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	h.bytes += n
	return err
}

func (h *partCounter) Done(_ mail.Ref, err error) error {
	h.done = append(h.done, err)
	return nil
}

// A large attachment flows through: what is allocated on its way does not depend on its size.
func TestIMAPFetchLargeInLittleMemory(t *testing.T) {
	const head = "From: price@a.ru\r\nContent-Type: application/octet-stream; name=price.bin\r\n" +
		"Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	const blocks = 900 // 70 MB on the wire
	block := []byte(strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 1000))
	start := fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s", len(head)+blocks*len(block), head)
	steps := parseIMAPScript(t, fetching("1")+fmt.Sprintf("S= %q\n", start))
	steps[len(steps)-1].more = func(w io.Writer, tag string) error {
		for range blocks {
			if _, err := w.Write(block); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(w, ")\r\n%s OK\r\n", tag)
		return err
	}
	s := openedIMAP(t, imapOptions(t, func(conn net.Conn) error { return playIMAP(conn, steps) }))
	var h partCounter
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := s.Fetch(t.Context(), inbox(1), &h)
	runtime.ReadMemStats(&after)
	if err != nil || len(h.done) != 1 || h.done[0] != nil || h.bytes != blocks*1000*19*3 {
		t.Errorf("%v, done %v with %d bytes", err, h.done, h.bytes)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
		t.Errorf("%d bytes were allocated, want less than 2 MiB in all", got)
	}
}
