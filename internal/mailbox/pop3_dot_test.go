package mailbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// pieces gives its strings one a read.
func pieces(s ...string) io.Reader {
	var r []io.Reader
	for _, p := range s {
		r = append(r, strings.NewReader(p))
	}
	return io.MultiReader(r...)
}

var dotCases = []struct{ name, wire, want string }{
	{"ordinary", "a: b\r\n\r\ntext\r\n.\r\n", "a: b\r\n\r\ntext\r\n"},
	{"empty", ".\r\n", ""},
	{"stuffed", "..\r\n..x\r\n...\r\n.\r\n", ".\r\n.x\r\n..\r\n"},
	{"dots within lines", "a.\r\n.b..\r\n.\r\n", "a.\r\nb..\r\n"},
	{"empty lines", "\r\n\r\n.\r\n", "\r\n\r\n"},
	{"bare LF and a dot are content", "a\r\nb\n.\nc\n..\r\n.\r\n", "a\r\nb\n.\nc\n..\r\n"},
	{"bare LF before the CRLF dot", "a\r\nb\n.\r\n.\r\n", "a\r\nb\n.\r\n"},
	{"bare CR", "a\r\n\r.\r\r\n.\r\n", "a\r\n\r.\r\r\n"},
	{"dot and CR", "a\r\n..\rb\r\n.\r\n", "a\r\n.\rb\r\n"},
	{"dot and LF after CRLF", "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n"},
	{"lines of LF", "a\n..b\n\n.\n", "a\n.b\n\n"},
	{"lines of LF, final dot with CRLF", "a\nb\n.\r\n", "a\nb\n"},
	{"empty with LF", ".\n", ""},
}

func TestDotReaderAtEverySplit(t *testing.T) {
	for _, c := range dotCases {
		t.Run(c.name, func(t *testing.T) {
			for i := range len(c.wire) + 1 {
				for j := i; j <= len(c.wire); j++ {
					r := bufio.NewReaderSize(pieces(c.wire[:i], c.wire[i:j], c.wire[j:]), 16)
					d := &dotReader{r: r}
					got, err := io.ReadAll(d)
					if string(got) != c.want || err != nil || !d.done() || d.n != int64(len(c.want)) {
						t.Fatalf("split at %d and %d: %q, %v, done %v, %d octets; want %q", i, j, got, err, d.done(), d.n, c.want)
					}
				}
			}
		})
	}
}

func TestDotReaderIntoSmallBuffers(t *testing.T) {
	for _, c := range dotCases {
		d := &dotReader{r: bufio.NewReader(strings.NewReader(c.wire))}
		got, err := io.ReadAll(iotest.OneByteReader(d))
		if string(got) != c.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func TestDotReaderLeavesWhatFollows(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("a\r\n.\r\n+OK next\r\n"))
	if _, err := io.ReadAll(&dotReader{r: r}); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "+OK next\r\n" {
		t.Errorf("left in the connection: %q", rest)
	}
}

// A body that is cut anywhere is an error, never a shorter message.
func TestDotReaderCut(t *testing.T) {
	for _, c := range dotCases {
		for i := range c.wire {
			d := &dotReader{r: bufio.NewReader(strings.NewReader(c.wire[:i]))}
			got, err := io.ReadAll(d)
			if !errors.Is(err, io.ErrUnexpectedEOF) || d.done() {
				t.Errorf("%s cut at %d: %q, %v", c.name, i, got, err)
			}
		}
	}
}

// A server that sends bare LF and stuffs no dots must not have its message cut at a line ".".
func TestDotReaderUnstuffedDotAmongLF(t *testing.T) {
	d := &dotReader{r: bufio.NewReader(strings.NewReader("a\nb\n.\nmore\n.\n"))}
	if got, err := io.ReadAll(d); !errors.Is(err, errAfterDot) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDotReaderError(t *testing.T) {
	cause := errors.New("cable cut")
	d := &dotReader{r: bufio.NewReader(io.MultiReader(strings.NewReader("a\r\n."), iotest.ErrReader(cause)))}
	for range 2 {
		if _, err := io.ReadAll(d); err != cause {
			t.Errorf("error %v, want %v", err, cause)
		}
	}
}

// stuff is what a server does to a message (RFC 1939 section 3).
func stuff(message string) string {
	var b strings.Builder
	for line := range strings.SplitAfterSeq(message, "\r\n") {
		if strings.HasPrefix(line, ".") {
			b.WriteByte('.')
		}
		b.WriteString(line)
	}
	return b.String() + ".\r\n"
}

func FuzzDotReader(f *testing.F) {
	f.Add("a\r\n.\r\n..b\r\n", uint8(3))
	f.Add("\r\n\n.\n\r\n", uint8(1))
	f.Fuzz(func(t *testing.T, lines string, size uint8) {
		message := "Received: x\r\n" + lines + "\r\n"
		r := bufio.NewReaderSize(strings.NewReader(stuff(message)), 16+int(size))
		got, err := io.ReadAll(&dotReader{r: r})
		if string(got) != message || err != nil {
			t.Errorf("%q came as %q, %v", message, got, err)
		}
	})
}

func BenchmarkDotReader(b *testing.B) {
	wire := stuff(strings.Repeat(strings.Repeat("A", 76)+"\r\n", 1<<16))
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		d := &dotReader{r: bufio.NewReaderSize(strings.NewReader(wire), pop3Line)}
		if n, err := io.Copy(io.Discard, d); err != nil {
			b.Fatal(fmt.Errorf("after %d octets: %w", n, err))
		}
	}
}
