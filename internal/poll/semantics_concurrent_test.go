package poll_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pricefetch/internal/mail"
	"pricefetch/internal/poll"
)

// Two mailboxes get the same letters at the same time: each file comes out once. With replace the newest stays.
func TestTwoMailboxesAtOnce(t *testing.T) {
	for _, replace := range []bool{false, true} {
		both2(t, map[bool]string{false: "rename", true: "replace"}[replace], func(t *testing.T, h *house) {
			h.pass.Retention.LeaveCopy, h.pass.Retention.BrakeOff = false, true
			if replace {
				h.replacing()
			}
			other := newServer(h.server.protocol)
			const n = 12
			for i := range n {
				id, text := string(rune('a'+i)), strings.Repeat("x", i+1)
				at := h.now.Add(time.Duration(i-n) * time.Minute)
				h.server.add(letter(id, supplier, "p.csv", text), at)
				other.add(letter(id, supplier, "p.csv", text), at)
				other.add(letter(id+"2", supplier, "p.csv", text+"2"), at)
			}
			slices.Reverse(other.messages)
			p, _ := h.boot()
			defer h.shut()
			q := p
			q.Mailbox = "second"
			q.Open = func(context.Context) (poll.Session, error) { return &session{s: other}, nil }
			for range 6 {
				var wg sync.WaitGroup
				for _, one := range []poll.Pass{p, q} {
					wg.Go(func() {
						if _, err := one.Run(t.Context()); err != nil {
							t.Errorf("%s: %v", one.Mailbox, err)
						}
					})
				}
				wg.Wait()
				h.now = h.now.Add(time.Hour)
			}
			if replace {
				h.wantFiles("all/p.csv")
				if got, want := h.content("all/p.csv"), strings.Repeat("x", n); strings.TrimSuffix(got, "2") != want {
					t.Errorf("%d characters are out, want those of the newest, %d", len(got), n)
				}
				return
			}
			if got := len(h.files()); got != 2*n {
				t.Errorf("%d files are out, want %d: %q", got, 2*n, h.files())
			}
			if left := len(h.server.messages) + len(other.messages); left != 0 {
				t.Errorf("%d messages left", left)
			}
		})
	}
}

// A name that another mailbox's unfinished message has reserved: with replace the file waits, and nothing else does.
func TestReservedNameToReplace(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.replacing()
		full := true
		h.disk = func(i poll.Import) poll.Import {
			return hookedDisk{Import: i, publish: func(f mail.File) error {
				if full && f.Name == "p.csv" {
					return mail.Errorf(mail.Message, "publish p.csv: cannot be done today")
				}
				return nil
			}}
		}
		h.server.add(letter("1", supplier, "p.csv", "older"), h.now.Add(-time.Hour))
		_ = h.tryRun()
		first := h.server
		h.server = newServer(first.protocol)
		waits := h.server.add(letter("2", supplier, "p.csv", "newer"), h.now)
		h.server.add(letter("3", supplier, "q.csv", "q"), h.now)
		p, _ := h.boot()
		defer h.shut()
		q := p
		q.Mailbox = "second"
		for range 2 {
			_, _ = q.Run(t.Context())
			h.now = h.now.Add(5 * time.Minute)
		}
		h.wantFiles("all/q.csv")
		full = false
		for _, one := range []poll.Pass{p, q} {
			if one.Mailbox == "prices" {
				one.Open = func(context.Context) (poll.Session, error) { return &session{s: first}, nil }
			}
			if _, err := one.Run(t.Context()); err != nil {
				t.Errorf("%s: %v", one.Mailbox, err)
			}
		}
		h.wantFiles("all/p.csv", "all/q.csv")
		if got := h.content("all/p.csv"); got != "newer" {
			t.Errorf("p.csv holds %q", got)
		}
		_ = waits
	})
}
