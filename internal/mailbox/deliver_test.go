package mailbox

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pricefetch/internal/mail"
)

const delivered = "\r\nFrom: Иван <price@a.ru>\r\nMessage-ID: <1@a.ru>\r\nDate: Mon, 16 Nov 2026 09:30:58 +0300\r\n" +
	"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nnote\r\n--x\r\n" +
	"Content-Disposition: attachment; filename=a.csv\r\n\r\n1;2\r\n--x\r\nContent-Disposition: attachment; filename=b.csv\r\n\r\n3;4\r\n--x--\r\n"

// rawTaker is a handler that writes down what it is given.
type rawTaker struct {
	root  bool             // wants the raw message
	fail  map[string]error // what Part returns, by path
	leave bool             // reads nothing
	pass  bool             // returns the reader's error

	asked []string
	parts map[string]string
	done  []error
}

func (h *rawTaker) Want(_ mail.Ref, p mail.Part) bool {
	h.asked = append(h.asked, p.Path)
	if p.IsRoot() {
		return h.root
	}
	return p.Attachment
}

func (h *rawTaker) Part(_ mail.Ref, p mail.Part, r io.Reader) error {
	if h.parts == nil {
		h.parts = map[string]string{}
	}
	if h.leave {
		return h.fail[p.Path]
	}
	b, err := io.ReadAll(r)
	h.parts[p.Path] = string(b)
	if h.pass && err != nil {
		return err
	}
	return h.fail[p.Path]
}

func (h *rawTaker) Done(_ mail.Ref, err error) error {
	h.done = append(h.done, err)
	return nil
}

func TestDeliverParts(t *testing.T) {
	h := &rawTaker{}
	ref := mail.Ref{ID: "uid-1"}
	env, err := deliver(ref, strings.NewReader(delivered), h, "")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(h.asked, []string{"", "1", "2", "3"}) || h.parts["2"] != "1;2" || h.parts["3"] != "3;4" || len(h.parts) != 2 {
		t.Errorf("asked %q, parts %q", h.asked, h.parts)
	}
	if env.Ref != ref || env.MessageID != "<1@a.ru>" || env.Size != -1 || env.Fingerprint == "" {
		t.Errorf("envelope %+v", env)
	}
	if len(h.done) != 0 {
		t.Errorf("Done was called %d times: that is the adapter's", len(h.done))
	}
}

func TestDeliverRoot(t *testing.T) {
	want, err := deliver(mail.Ref{ID: "1"}, strings.NewReader(delivered), &rawTaker{}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, leave := range []bool{false, true} {
		h := &rawTaker{root: true, leave: leave}
		raw := strings.NewReader(delivered)
		env, err := deliver(mail.Ref{ID: "1"}, raw, h, "")
		if err != nil || raw.Len() != 0 {
			t.Errorf("error %v, %d bytes left unread", err, raw.Len())
		}
		if !slices.Equal(h.asked, []string{""}) {
			t.Errorf("asked %q, expected the root alone", h.asked)
		}
		if !leave && h.parts[""] != delivered {
			t.Errorf("the raw message came as %q", h.parts[""])
		}
		if env.Fingerprint != want.Fingerprint || env.Ref.ID != "1" {
			t.Errorf("envelope %+v, expected the same as of the parts", env)
		}
	}
}

// TestDeliverErrors: an adapter has to tell a handler's error, a bad message and a broken stream apart.
func TestDeliverErrors(t *testing.T) {
	full, cut := errors.New("disk full"), errors.New("connection reset")
	broken := func(n int) io.Reader { return io.MultiReader(strings.NewReader(delivered[:n]), iotest.ErrReader(cut)) }
	deep := strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 150) + "x"
	inA := strings.Index(delivered, "1;2") + 1
	tests := []struct {
		name  string
		raw   io.Reader
		h     rawTaker
		abort error
		class bool // class Message
		err   error
	}{
		{name: "handler, part", raw: strings.NewReader(delivered), h: rawTaker{fail: map[string]error{"2": full}}, abort: full},
		{name: "handler, root", raw: strings.NewReader(delivered), h: rawTaker{root: true, fail: map[string]error{"": full}}, abort: full},
		{name: "handler's of class message", raw: strings.NewReader(delivered), h: rawTaker{fail: map[string]error{"2": mail.Errorf(mail.Message, "x: %w", full)}}, abort: full},
		{name: "limit", raw: strings.NewReader(deep), class: true, err: mail.ErrTooLarge},
		{name: "limit, then cut", raw: io.MultiReader(strings.NewReader(deep), strings.NewReader(strings.Repeat("x", 1<<20)), iotest.ErrReader(cut)), err: cut},
		{name: "cut in the header", raw: broken(20), err: cut},
		{name: "cut in the header, root", raw: broken(20), h: rawTaker{root: true}, err: cut},
		{name: "cut in a part, handler silent", raw: broken(inA), err: cut},
		{name: "cut in a part, handler passes it on", raw: broken(inA), h: rawTaker{pass: true}, err: cut},
		{name: "cut in the raw message, handler passes it on", raw: broken(inA), h: rawTaker{root: true, pass: true}, err: cut},
		{name: "cut at the very end", raw: broken(len(delivered)), err: cut},
		{name: "cut at the very end, root", raw: broken(len(delivered)), h: rawTaker{root: true, leave: true}, err: cut},
	}
	for _, tt := range tests {
		_, err := deliver(mail.Ref{Folder: "INBOX", ID: "7"}, tt.raw, &tt.h, "")
		a, aborted := errors.AsType[*abort](err)
		switch {
		case tt.abort != nil && (!aborted || !errors.Is(a.err, tt.abort)):
			t.Errorf("%s: error %v, expected abort with %v", tt.name, err, tt.abort)
		case tt.abort == nil && (aborted || !errors.Is(err, tt.err)):
			t.Errorf("%s: error %v (abort %v), expected %v", tt.name, err, aborted, tt.err)
		case tt.abort == nil && (mail.ClassOf(err) == mail.Message) != tt.class:
			t.Errorf("%s: class %v", tt.name, mail.ClassOf(err))
		}
		if tt.err == cut && !strings.Contains(err.Error(), "INBOX/7") {
			t.Errorf("%s: %v does not name the message", tt.name, err)
		}
	}
}

// TestDeliverDrains: after a limit the raw message is read to its end, so that the next one follows.
func TestDeliverDrains(t *testing.T) {
	raw := strings.NewReader(strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 150) + strings.Repeat("x", 1<<20))
	if _, err := deliver(mail.Ref{}, raw, &rawTaker{}, ""); mail.ClassOf(err) != mail.Message || raw.Len() != 0 {
		t.Errorf("error %v, %d bytes left", err, raw.Len())
	}
}
