package mailbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

// hostileMemory is what the process may take at most while it is attacked, in bytes.
const hostileMemory = 64 << 20

// hostileResult is what a case came to in its own process.
type hostileResult struct {
	Error  string        // of the session; "" if it stood
	Class  string        // of Error
	Done   []string      // by message in the order of Done: "ok" or the error
	Parts  int           // attachments handed over
	Bytes  int64         // of them
	Listed int           // messages in the listing
	Names  []string      // of the first attachments
	Peak   int64         // VmHWM, bytes
	Took   time.Duration // of it all
}

// TestHostile runs each case in a process of its own, built without the race detector, whose memory could not be told
// from ours, and reads that process's high-water mark.
func TestHostile(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Log("NO MEMORY IS MEASURED HERE: this system has no /proc/self/status; the behaviour is tested all the same")
	}
	program := filepath.Join(t.TempDir(), "mailbox.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for _, protocol := range []string{ProtocolPOP3, ProtocolIMAP} {
		for _, c := range append(hostileMail(), hostileServers(protocol)...) {
			t.Run(protocol+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestHostileCase$", "-test.count=1")
				cmd.Env = append(os.Environ(), "HOSTILE_CASE="+protocol+"/"+c.name)
				out, err := cmd.CombinedOutput()
				_, report, ok := bytes.Cut(out, []byte("RESULT "))
				var r hostileResult
				if err != nil || !ok || json.NewDecoder(bytes.NewReader(report)).Decode(&r) != nil {
					t.Fatalf("%v\n%.4000s", err, out)
				}
				t.Logf("peak %d MB, %v, %d parts with %d bytes", r.Peak>>20, r.Took.Round(time.Millisecond), r.Parts, r.Bytes)
				if r.Peak > hostileMemory {
					t.Errorf("peak memory %d MB, at most %d MB are allowed", r.Peak>>20, hostileMemory>>20)
				}
				c.check(t, r)
			})
		}
	}
}

// TestHostileCase is the other side of TestHostile: it does one case and prints what came of it.
func TestHostileCase(t *testing.T) {
	want, ok := os.LookupEnv("HOSTILE_CASE")
	if !ok {
		return // started by hand or with the other tests: TestHostile asks for the cases
	}
	protocol, want, _ := strings.Cut(want, "/")
	for _, c := range append(hostileMail(), hostileServers(protocol)...) {
		if c.name == want {
			r := c.run(t, protocol)
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Printf("RESULT %s\n", b)
			return
		}
	}
	t.Fatalf("there is no case %q", want)
}

// hostileCase is mail or a server that attacks.
type hostileCase struct {
	name  string
	mail  func(w io.Writer)                  // writes the message; nil: serve does it all
	serve func(c net.Conn, in *bufio.Reader) // the server; nil: one that serves mail and a sound message
	limit int64                              // MaxMessage; 0: 400 MB
	check func(t *testing.T, r hostileResult)
}

// run makes a session: list, headers, content.
func (c hostileCase) run(t *testing.T, protocol string) (r hostileResult) {
	start := time.Now()
	o := Options{
		Protocol: protocol, Host: "mail.example.ru", Port: 1, TLS: TLSNone, Username: "joe",
		Password: func(context.Context) (string, error) { return "s3cret", nil },
		Timeout:  5 * time.Second, MaxMessage: c.limit,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				if c.serve != nil {
					c.serve(server, bufio.NewReader(server))
					return
				}
				mails := mailtest.Streamed{c.mail, func(w io.Writer) { _, _ = io.WriteString(w, sound) }}
				mails.Serve(server, protocol)
			}()
			return client, nil
		},
	}
	if c.limit == 0 {
		o.MaxMessage = 400 << 20
	}
	h := &hostileHandler{r: &r}
	if err := h.session(t.Context(), o); err != nil {
		r.Error, r.Class = err.Error(), mail.ClassOf(err).String()
	}
	r.Took, r.Peak = time.Since(start), highWater()
	return r
}

// highWater is the most memory that this process has had; 0 where the system does not tell.
func highWater() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kb int64
	_, _ = fmt.Sscan(after, &kb)
	return kb << 10
}

// hostileHandler takes every attachment and keeps none.
type hostileHandler struct{ r *hostileResult }

func (h *hostileHandler) session(ctx context.Context, o Options) error {
	s, err := Open(ctx, o)
	if err != nil {
		return err
	}
	defer s.Close(false)
	l, err := s.List(ctx, nil)
	if err != nil {
		return err
	}
	if l[0].Err != nil {
		return l[0].Err
	}
	var refs []mail.Ref
	for _, m := range l[0].Refs {
		refs = append(refs, m.Ref)
	}
	h.r.Listed = len(refs)
	if err := s.Envelopes(ctx, refs, func(mail.Envelope) error { return nil }); err != nil {
		return err
	}
	return s.Fetch(ctx, refs, h)
}

func (h *hostileHandler) Want(_ mail.Ref, p mail.Part) bool {
	if p.Attachment && len(h.r.Names) < 5 {
		h.r.Names = append(h.r.Names, p.Name)
	}
	return p.Attachment
}

func (h *hostileHandler) Part(_ mail.Ref, _ mail.Part, r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	h.r.Parts++
	h.r.Bytes += n
	if errors.Is(err, mail.ErrDamaged) {
		return nil
	}
	return err
}

func (h *hostileHandler) Done(_ mail.Ref, err error) error {
	if err == nil {
		h.r.Done = append(h.r.Done, "ok")
	} else {
		h.r.Done = append(h.r.Done, mail.ClassOf(err).String()+": "+err.Error())
	}
	return nil
}

// sound is the message behind the hostile one.
const sound = "From: price@a.ru\r\nMessage-ID: <2@a.ru>\r\nDate: Mon, 5 Jan 2026 10:00:00 +0300\r\n" +
	"Content-Type: text/csv; name=price.csv\r\n\r\na;1\r\n"

// served wants both messages answered for, the hostile one as wanted says ("ok", or words of its error), the sound one
// untouched by it.
func served(wanted string, parts int, names ...string) func(*testing.T, hostileResult) {
	return func(t *testing.T, r hostileResult) {
		t.Helper()
		if r.Error != "" || len(r.Done) != 2 || r.Done[1] != "ok" {
			t.Fatalf("error %q, done %q", r.Error, r.Done)
		}
		if wanted == "ok" && r.Done[0] != "ok" || wanted != "ok" && (!strings.HasPrefix(r.Done[0], "message: ") || !strings.Contains(r.Done[0], wanted)) {
			t.Errorf("the hostile message: %q, want %q", r.Done[0], wanted)
		}
		if parts >= 0 && r.Parts != parts+1 {
			t.Errorf("%d attachments, want %d and the sound one", r.Parts, parts)
		}
		for i, n := range names {
			if i >= len(r.Names) || r.Names[i] != n {
				t.Errorf("names %.200q, want %.200q", r.Names, names)
				break
			}
		}
	}
}

// lost wants the session lost with a temporary error in these words.
func lost(words ...string) func(*testing.T, hostileResult) {
	return func(t *testing.T, r hostileResult) {
		t.Helper()
		if r.Class != "temporary" {
			t.Errorf("error %q of class %q, done %q", r.Error, r.Class, r.Done)
		}
		for _, w := range words {
			if !strings.Contains(r.Error, w) {
				t.Errorf("error %q lacks %q", r.Error, w)
			}
		}
		if len(r.Error) > 1000 {
			t.Errorf("the error has %d bytes", len(r.Error))
		}
	}
}

// repeated writes s n times, and leaves no garbage that would count for what the program takes.
func repeated(w io.Writer, s string, n int) {
	block, each := []byte(s), 1
	for len(block) < 32<<10 && each*2 <= n {
		block, each = append(block, block...), each*2
	}
	for ; n >= each; n -= each {
		_, _ = w.Write(block)
	}
	for range n {
		_, _ = io.WriteString(w, s)
	}
}

// lines numbers what the servers send.
func numbered(w io.Writer, format string, from, n int) error {
	buf := bufio.NewWriterSize(w, 1<<16)
	for i := from; i < from+n; i++ {
		if _, err := buf.WriteString(strings.ReplaceAll(format, "#", strconv.Itoa(i))); err != nil {
			return err
		}
	}
	return buf.Flush()
}
