package mailtest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
)

// POP3 is a POP3 server (RFC 1939, 2449) over maildrops in memory, without TLS, that can be told to misbehave.
type POP3 struct {
	options POP3Options

	mu       sync.Mutex
	drops    map[string]*Maildrop
	conns    map[net.Conn]bool
	listener net.Listener
	sessions int
	commands []string
	closed   bool
	served   sync.WaitGroup
}

// POP3Options are the choices of a server; the zero value is a well-behaved one.
type POP3Options struct {
	// Caps are the answer to CAPA (RFC 2449); nil: DefaultPOP3Caps. Without TOP or UIDL among them the command of
	// that name is refused; an empty list refuses CAPA too, and still knows TOP and UIDL.
	Caps []string
	// Script is shown each exchange before the reply is sent, and may change it. It is called from several sessions
	// at once; within one, in order. The greeting is an exchange with an empty Verb.
	Script func(x *Exchange)
}

// DefaultPOP3Caps are the capabilities of a server whose options name none.
func DefaultPOP3Caps() []string {
	return []string{"TOP", "UIDL", "USER", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER"}
}

// Exchange is one command and the reply to it.
type Exchange struct {
	Session int    // 1 is the server's first connection
	Verb    string // in upper case; "" for the greeting
	Arg     string // as the client wrote it
	Reply   []byte // as it will be sent: with CRLF, dots stuffed, the final dot
	Cut     bool   // drop the connection after Reply
	Stall   bool   // after Reply say nothing more, until the client has dropped the connection
	Forget  bool   // to QUIT: whatever is answered, delete nothing
}

// NewPOP3 returns a server that does not listen yet.
func NewPOP3(o POP3Options) *POP3 {
	if o.Caps == nil {
		o.Caps = DefaultPOP3Caps()
	}
	return &POP3{options: o, drops: map[string]*Maildrop{}, conns: map[net.Conn]bool{}}
}

// AddUser makes a user with an empty maildrop.
func (p *POP3) AddUser(name, password string) *Maildrop {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := &Maildrop{password: password, open: make(chan struct{}, 1)}
	p.drops[name] = d
	return d
}

// Listen serves on a free loopback port and returns it. Close ends that.
func (p *POP3) Listen() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("listen for pop3: %w", err)
	}
	p.mu.Lock()
	p.listener = l
	p.served.Add(1)
	p.mu.Unlock()
	go func() {
		defer p.served.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			p.served.Add(1)
			go func() {
				defer p.served.Done()
				p.ServeConn(conn)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Close stops listening, drops every connection and waits for the sessions to end. They commit nothing.
func (p *POP3) Close() error {
	p.mu.Lock()
	p.closed = true
	var err error
	if p.listener != nil {
		err = p.listener.Close()
	}
	for conn := range p.conns {
		_ = conn.Close() // the session's own error tells
	}
	p.mu.Unlock()
	p.served.Wait()
	return err
}

// Commands returns every command so far as "session verb argument", in order of arrival; passwords are left out.
func (p *POP3) Commands() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.commands)
}

// ServeConn serves one connection to its end, and closes it. With net.Pipe no port is needed.
func (p *POP3) ServeConn(conn net.Conn) {
	defer conn.Close()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.sessions++
	s := &popSession{server: p, number: p.sessions}
	p.conns[conn] = true
	p.mu.Unlock()
	s.serve(conn)
	if s.drop != nil {
		s.drop.unlock()
	}
	p.mu.Lock()
	delete(p.conns, conn)
	p.mu.Unlock()
}

// serve answers commands until QUIT, a cut or the end of the connection.
func (s *popSession) serve(conn net.Conn) {
	if !s.answer(conn, "", "", []byte("+OK pricefetch test server ready\r\n")) {
		return
	}
	r := bufio.NewReaderSize(conn, 4096)
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			s.answer(conn, "", "", []byte("-ERR line too long\r\n"))
			return
		}
		if err != nil {
			return // gone without QUIT: nothing is deleted
		}
		verb, arg, _ := strings.Cut(strings.TrimRight(string(line), "\r\n"), " ")
		verb = strings.ToUpper(verb)
		s.note(verb, arg)
		if !s.answer(conn, verb, arg, s.reply(verb, arg)) || verb == "QUIT" {
			return
		}
	}
}

// note keeps the command for Commands.
func (s *popSession) note(verb, arg string) {
	if verb == "PASS" {
		arg = "…"
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.commands = append(s.server.commands, strings.TrimSpace(fmt.Sprintf("%d %s %s", s.number, verb, arg)))
}

// answer shows the exchange to the script, commits if it is a QUIT, sends the reply and tells whether to go on.
func (s *popSession) answer(conn net.Conn, verb, arg string, reply []byte) bool {
	x := &Exchange{Session: s.number, Verb: verb, Arg: arg, Reply: reply}
	if script := s.server.options.Script; script != nil {
		script(x)
	}
	if verb == "QUIT" && s.drop != nil {
		if !x.Forget {
			s.drop.remove(s.doomed())
		}
		s.drop.unlock() // before the reply: the client's next login must not find it locked
		s.drop = nil
	}
	if len(x.Reply) > 0 {
		if _, err := conn.Write(x.Reply); err != nil {
			return false
		}
	}
	if x.Stall {
		var b [1]byte
		_, _ = conn.Read(b[:]) // the client has nothing more to say than that it is leaving
	}
	return !x.Cut && !x.Stall
}
