package mailtest

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"
)

// POP3Message is one message of a maildrop.
type POP3Message struct {
	UIDL string
	Raw  []byte
}

// Maildrop is what a POP3 user has on the server. Its methods may be called while sessions are open; a session sees
// the maildrop as it was at its login.
type Maildrop struct {
	password string
	open     chan struct{} // holds one token while a session is open

	mu       sync.Mutex
	messages []POP3Message
	next     int
}

// Add puts a message at the end, under a UIDL that was never used before, and returns that.
func (d *Maildrop) Add(raw []byte) string {
	d.mu.Lock()
	d.next++
	uidl := fmt.Sprintf("uidl-%d", d.next)
	d.mu.Unlock()
	d.AddAs(uidl, raw)
	return uidl
}

// AddAs puts a message at the end under the given UIDL, which may be one that another message has.
func (d *Maildrop) AddAs(uidl string, raw []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.messages = append(d.messages, POP3Message{UIDL: uidl, Raw: slices.Clone(raw)})
}

// Messages returns what the maildrop holds now, without what a session has marked and not yet committed.
func (d *Maildrop) Messages() []POP3Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.messages)
}

// Set replaces the whole maildrop, as a restored backup or another server's order of messages would.
func (d *Maildrop) Set(messages []POP3Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.messages = slices.Clone(messages)
}

// lockPatience is how long a login waits for another session's end: a client that dropped its connection may be
// back before the server has noticed.
const lockPatience = time.Second

// lock takes the maildrop for one session (RFC 1939 section 4) and returns its messages.
func (d *Maildrop) lock() ([]POP3Message, bool) {
	select {
	case d.open <- struct{}{}:
		return d.Messages(), true
	case <-time.After(lockPatience):
		return nil, false
	}
}

func (d *Maildrop) unlock() { <-d.open }

// remove takes away the messages of doomed, told apart by UIDL and content: other mail may have come since.
func (d *Maildrop) remove(doomed []POP3Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dead := range doomed {
		i := slices.IndexFunc(d.messages, func(m POP3Message) bool {
			return m.UIDL == dead.UIDL && bytes.Equal(m.Raw, dead.Raw)
		})
		if i >= 0 {
			d.messages = slices.Delete(d.messages, i, i+1)
		}
	}
}
