package journal

import (
	"context"

	"pricefetch/internal/mail"
)

// Mailbox returns one mailbox's state; one that was never polled has nothing but its name.
func (j *Journal) Mailbox(ctx context.Context, name string) (mail.MailboxState, error) {
	m, err := mailboxState(ctx, j.r, name)
	return m, j.classed("read mailbox "+name, err)
}

// Staged returns the names of the staged files that unfinished intents speak of; any other may be swept.
func (j *Journal) Staged(ctx context.Context) (map[string]bool, error) {
	names, err := collect(ctx, j.r, func(s scanner) (name string, err error) {
		err = s.Scan(&name)
		return name, err
	}, "SELECT staged FROM file INDEXED BY file_staged WHERE unfinished = 1")
	out := make(map[string]bool, len(names))
	for _, name := range names {
		out[name] = true
	}
	return out, j.classed("read staged files", err)
}
