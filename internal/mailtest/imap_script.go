package mailtest

import (
	"net"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// IMAPFetch is one message that the server is about to send, the header only or the whole of it.
type IMAPFetch struct {
	UID    uint32
	Header bool
	// Cut drops the connection after so many octets of the answer have been sent; below 0, as it is at first, it stays.
	Cut int
	// Stall says nothing more instead of dropping it, until the client has or the server is closed.
	Stall bool
}

// IMAPScript is how a server misbehaves. Its functions may be nil, and are called from several sessions at once.
type IMAPScript struct {
	Fetch  func(f *IMAPFetch)    // shown each message before it is sent, and may change what happens
	Forget func(uid uint32) bool // asked at each UID EXPUNGE: confirmed, not carried out, the message stays as it was
}

// Script makes the server follow s from now on.
func (m *IMAP) Script(s IMAPScript) { m.script.Store(&s) }

// scripted is a session that follows the server's script. It is a plain one in all else, and it says, as servers do and
// the library's does not, that the system flags can be set for good.
type scripted struct {
	imapserver.SessionIMAP4rev2
	server *IMAP
	conn   *fragile // nil: not from Listen
}

func (s *scripted) Select(name string, o *imap.SelectOptions) (*imap.SelectData, error) {
	data, err := s.SessionIMAP4rev2.Select(name, o)
	if err == nil {
		data.PermanentFlags = []imap.Flag{imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagSeen, imap.FlagDraft, imap.FlagWildcard}
	}
	return data, err
}

// Fetch sends the messages one by one where a script wants to see them.
func (s *scripted) Fetch(w *imapserver.FetchWriter, set imap.NumSet, o *imap.FetchOptions) error {
	script := s.server.script.Load()
	uids, ok := set.(imap.UIDSet)
	if script == nil || script.Fetch == nil || !ok || len(o.BodySection) == 0 {
		return s.SessionIMAP4rev2.Fetch(w, set, o)
	}
	all, ok := uids.Nums()
	if !ok {
		return s.SessionIMAP4rev2.Fetch(w, set, o)
	}
	for _, uid := range all {
		f := &IMAPFetch{UID: uint32(uid), Header: o.BodySection[0].Specifier == imap.PartSpecifierHeader, Cut: -1}
		script.Fetch(f)
		if f.Cut >= 0 {
			s.conn.cutAfter(f.Cut, f.Stall)
		}
		if err := s.SessionIMAP4rev2.Fetch(w, imap.UIDSetNum(uid), o); err != nil {
			return err
		}
	}
	return nil
}

func (s *scripted) Expunge(w *imapserver.ExpungeWriter, set *imap.UIDSet) error {
	script := s.server.script.Load()
	if script == nil || script.Forget == nil || set == nil {
		return s.SessionIMAP4rev2.Expunge(w, set)
	}
	all, _ := set.Nums()
	var real, not imap.UIDSet
	for _, uid := range all {
		if script.Forget(uint32(uid)) {
			not.AddNum(uid)
		} else {
			real.AddNum(uid)
		}
	}
	if len(not) > 0 {
		flags := &imap.StoreFlags{Op: imap.StoreFlagsDel, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
		if err := s.SessionIMAP4rev2.Store(nil, not, flags, &imap.StoreOptions{}); err != nil {
			return err
		}
	}
	if len(real) == 0 {
		return nil
	}
	return s.SessionIMAP4rev2.Expunge(w, &real)
}

// newSession is a session for a connection of this server.
func (m *IMAP) newSession(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	conn, _ := c.NetConn().(*fragile)
	plain := m.memory.NewSession().(imapserver.SessionIMAP4rev2) // what the library's own check of the type says
	return &scripted{SessionIMAP4rev2: plain, server: m, conn: conn}, nil, nil
}

// fragileListener gives connections that can be cut at any octet.
type fragileListener struct{ net.Listener }

func (l fragileListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &fragile{Conn: c, closed: make(chan struct{})}, nil
}

type fragile struct {
	net.Conn
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex
	armed bool
	stall bool
	left  int // octets
}

func (f *fragile) Close() error {
	f.once.Do(func() { close(f.closed) })
	return f.Conn.Close()
}

// wait returns when the connection is no more.
func (f *fragile) wait() {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		var b [1]byte
		_, _ = f.Conn.Read(b[:]) // the client has nothing more to say than that it is leaving
	}()
	select {
	case <-gone:
	case <-f.closed:
	}
	_ = f.Close()
	<-gone
}

func (f *fragile) cutAfter(n int, stall bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.left, f.stall = true, n, stall
}

func (f *fragile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.armed || len(p) <= f.left {
		f.left -= len(p)
		return f.Conn.Write(p)
	}
	n, _ := f.Conn.Write(p[:f.left])
	f.left = 0
	if f.stall {
		f.wait()
	}
	_ = f.Close()
	return n, net.ErrClosed
}
