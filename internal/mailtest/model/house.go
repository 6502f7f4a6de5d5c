package model

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailbox"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
	"pricefetch/internal/save"
	"pricefetch/internal/save/held"
)

// house is one process of the daemon: what it opens at its start, in the daemon's order.
type house struct {
	w       *World
	life    *life
	journal *journal.Journal
	diary   diary
	importd *importd
	held    heldd
}

// template is a journal that was just made, so that a run need not make one.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "model")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "journal.db")
	j, err := journal.Open(context.Background(), path, time.Now)
	if err != nil {
		return nil, err
	}
	if err := j.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func (w *World) path(name string) string { return filepath.Join(w.dir, name) }

// prepare makes the directories of a run.
func (w *World) prepare() error {
	data, err := template()
	if err != nil {
		return fmt.Errorf("make journal: %w", err)
	}
	for _, dir := range []string{"", "import", "state"} {
		if err := os.MkdirAll(w.path(dir), 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(w.path("state/journal.db"), data, 0o600)
}

// start brings a new process up: rooms, recovery, sweep. It is left dead where one of these fails for good.
func (w *World) start() error {
	ctx := context.Background()
	if err := w.shut(); err != nil {
		return err
	}
	w.starts++
	h := &house{w: w, life: &life{}}
	var err error
	if h.journal, err = journal.Open(ctx, w.path("state/journal.db"), w.clock); err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	w.house = h
	h.diary = diary{h.journal, w, h.life}
	if err := h.open(ctx); err != nil {
		w.note("   start: %v", err)
		h.life.dead = true
		return nil
	}
	return nil
}

func (h *house) open(ctx context.Context) error {
	token, err := h.diary.Staging(ctx)
	if err != nil {
		return err
	}
	dir, err := save.Open(save.Options{
		ImportDir: h.w.path("import"), StateDir: h.w.path("state"), JournalID: h.journal.ID(), FileMode: 0o640, DirMode: 0o750, GID: -1,
	}, token)
	if err != nil {
		return err
	}
	dir.Beset(func(op string, do func() error) error {
		moves := op == "rename" || op == "replace"
		return h.w.around(h.life, "disk "+op, func() error {
			err := do()
			if moves && err == nil {
				h.w.look()
			}
			return err
		})
	})
	h.importd = &importd{dir, h.w, h.life, h.diary, token, ""}
	store, err := held.Open(h.w.path("state/held"), 1<<20)
	if err != nil {
		return err
	}
	h.held = heldd{store, h.w, h.life}
	return h.recover(ctx)
}

// recover does what the daemon does at its start.
func (h *house) recover(ctx context.Context) error {
	known, err := h.diary.Mailboxes(ctx)
	if err != nil {
		return err
	}
	if err := h.importd.Ready(ctx); err != nil {
		return h.sweepHeld(ctx)
	}
	for _, m := range known {
		p := &poll.Pass{Mailbox: m.Name, Journal: h.diary, Import: h.importd, Now: h.w.clock, Log: h.w.log}
		if _, err := p.Recover(ctx); err != nil {
			h.w.note("   recovery of %s: %v", m.Name, err)
		}
	}
	staged, err := h.diary.Staged(ctx)
	if err != nil {
		return err
	}
	if _, err := h.importd.Sweep(staged); err != nil {
		h.w.note("   sweep: %v", err)
	}
	return h.sweepHeld(ctx)
}

func (h *house) sweepHeld(ctx context.Context) error {
	if h.held.Size() == 0 {
		return nil
	}
	names, err := h.diary.Kept(ctx)
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, name := range names {
		keep[name] = true
	}
	_, err = h.held.Sweep(keep)
	return err
}

// shut ends the present process without farewell.
func (w *World) shut() error {
	if w.house == nil {
		return nil
	}
	w.house.life.dead = true
	err := w.house.journal.Close()
	w.house = nil
	return err
}

// rules translates a ruleset for the program.
func (r ruleset) rules() (*match.Rules, error) {
	return match.Compile([]match.Rule{
		{Name: "alpha", From: []string{"*@alpha.ru"}, Files: []string{r.mask}, Disabled: r.alphaOff},
		{Name: "gamma", From: []string{"*@alpha.ru"}, Files: []string{"stock*.csv"}, Disabled: r.gammaOff},
		{Name: "beta", From: []string{"*@beta.ru"}, Files: []string{"*.csv"}, Disabled: r.betaOff},
	})
}

// pass makes one pass of the present process over a mailbox.
func (w *World) pass(b *box) (poll.Report, error) {
	rules, err := w.rules.rules()
	if err != nil {
		w.violate("compile rules: %v", err)
	}
	h := w.house
	p := &poll.Pass{
		Mailbox: b.name, Account: mail.Account{Protocol: b.protocol, Host: "mail.example.ru", User: b.user}, Rules: rules.For(b.name),
		FirstRun: b.firstRun, Rescan: rescan, MessageSize: limit, Retention: b.policy, Interval: 5 * time.Minute, Built: epoch,
		Destination: func(rule string) poll.Destination {
			return poll.Destination{Dir: rule, Replace: rule == "beta", Newest: w.newest(rule)}
		},
		Journal: h.diary, Import: h.importd, Held: h.held, Now: w.clock, Log: w.log,
		OpenKept: func(rec mail.Record) poll.Fetcher {
			return mailbox.Kept(rec.Ref, func() (io.ReadCloser, error) { return h.held.Open(rec.Kept) })
		},
	}
	p.Open = func(ctx context.Context) (poll.Session, error) {
		return mailbox.Open(ctx, mailbox.Options{
			Protocol: b.protocol, Host: "mail.example.ru", Port: 1, TLS: mailbox.TLSNone, Username: b.user, Timeout: time.Minute,
			Password: func(context.Context) (string, error) { return "secret", nil },
			Dialer: func(context.Context, string, string) (net.Conn, error) {
				return w.connect(h.life, b.protocol, b.serve())
			},
		})
	}
	w.polled = b
	b.law.passBegins()
	report, err := p.Run(context.Background())
	b.law.passEnded(report, err)
	return report, err
}

// serve is the server's end of a new session.
func (b *box) serve() protocol {
	s := b.begin()
	if b.protocol == "imap" {
		return &imap{b: b, s: s}
	}
	return &pop3{b: b, s: s}
}

// newLog discards what the rooms tell, or writes it into the note.
func (w *World) newLog() *slog.Logger {
	if w.trace == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(noteWriter{w}, nil))
}

type noteWriter struct{ w *World }

func (n noteWriter) Write(b []byte) (int, error) {
	n.w.note("      %s", b)
	return len(b), nil
}
