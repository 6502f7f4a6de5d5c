package mailbox

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// wrapped is a message with a winmail.dat that holds one file, larger than what memory takes, in front of its name.
func wrapped(content string) string {
	attribute := func(id uint32, data string) string {
		sum := uint16(0)
		for i := range len(data) {
			sum += uint16(data[i])
		}
		b := binary.LittleEndian.AppendUint32([]byte{2}, id)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
		return string(b) + data + string(binary.LittleEndian.AppendUint16(nil, sum))
	}
	return "Content-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\x01\x00" + attribute(0x69002, "") + attribute(0x6800f, content) + attribute(0x18010, "a.bin\x00")
}

// A large file in a winmail.dat goes through a temporary file, of which nothing is left.
func TestSpoolLeavesNothing(t *testing.T) {
	dir, content := t.TempDir(), strings.Repeat("0123456789", 300_000)
	h := &rawTaker{}
	if _, err := deliver(mail.Ref{ID: "1"}, strings.NewReader(wrapped(content)), h, dir); err != nil || h.parts["1.1"] != content {
		t.Errorf("%v; %d parts, %d bytes", err, len(h.parts), len(h.parts["1.1"]))
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v left, %v", left, err)
	}
}

// Where there can be no temporary file, Fetch ends with the disk's error, whatever the way, and the message is not done.
func TestSpoolFails(t *testing.T) {
	nowhere, raw := filepath.Join(t.TempDir(), "nowhere"), wrapped(strings.Repeat("x", 2<<20))
	_, err := deliver(mail.Ref{ID: "1"}, strings.NewReader(raw), &rawTaker{}, nowhere)
	if a, ok := errors.AsType[*abort](err); !ok || mail.ClassOf(a.err) != mail.Storage {
		t.Errorf("deliver: %v", err)
	}
	k := Kept(mail.Ref{ID: "1"}, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(raw)), nil })
	k.SpoolDir = nowhere
	h := &rawTaker{}
	err = k.Fetch(t.Context(), []mail.Ref{{ID: "1"}}, h)
	if !errors.Is(err, fs.ErrNotExist) || mail.ClassOf(err) != mail.Storage || len(h.done) != 0 {
		t.Errorf("fetch: %v of class %v, done %v", err, mail.ClassOf(err), h.done)
	}
}

// remarkTaker also hears remarks.
type remarkTaker struct {
	rawTaker
	remarks []string
}

func (h *remarkTaker) Remark(_ mail.Ref, text string) { h.remarks = append(h.remarks, text) }

// A message that is not closed is remarked upon, one that is not; nor is an inner multipart that the outer one ends.
func TestUnclosedIsRemarked(t *testing.T) {
	inner := "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\ntext\r\n--x--\r\n"
	for raw, want := range map[string]int{
		delivered: 0, inner: 0, "\r\ntext": 0,
		strings.TrimSuffix(delivered, "--x--\r\n"): 1, strings.TrimSuffix(inner, "--x--\r\n"): 1,
	} {
		h := &remarkTaker{}
		if _, err := deliver(mail.Ref{}, strings.NewReader(raw), h, ""); err != nil || len(h.remarks) != want {
			t.Errorf("%q: %v, %q", raw, err, h.remarks)
		}
	}
}
