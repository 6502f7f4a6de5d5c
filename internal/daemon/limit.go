package daemon

import (
	"strings"
	"sync"

	"pricefetch/internal/config"
)

// limit keeps the sessions of passes that no scheduler starts within the configured bounds.
type limit struct {
	sessions chan struct{}
	perHost  func(string) int
	mu       sync.Mutex
	hosts    map[string]chan struct{}
}

func newLimit(sessions int, perHost func(string) int) *limit {
	return &limit{sessions: make(chan struct{}, max(sessions, 1)), perHost: perHost, hosts: map[string]chan struct{}{}}
}

// enter waits for a place at the host first, so that a busy host does not take up places that others could use. Not ok
// means that stop was closed first.
func (l *limit) enter(stop <-chan struct{}, host string) (leave func(), ok bool) {
	l.mu.Lock()
	at, there := l.hosts[host]
	if !there {
		at = make(chan struct{}, max(l.perHost(host), 1))
		l.hosts[host] = at
	}
	l.mu.Unlock()
	for _, places := range []chan struct{}{at, l.sessions} {
		select {
		case places <- struct{}{}:
		case <-stop:
			if places == l.sessions {
				<-at
			}
			return nil, false
		}
	}
	return func() { <-l.sessions; <-at }, true
}

// hostOf is the server that a mailbox counts against.
func hostOf(m config.Mailbox) string { return strings.ToLower(m.Host) }

// perHost is how many sessions one server may have.
func (d *Daemon) perHost(host string) int {
	limits := d.current().Limits.PerHost
	if n, ok := limits[host]; ok {
		return n
	}
	return limits["*"]
}
