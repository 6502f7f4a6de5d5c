package mailtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// IMAP is an IMAP4rev1 server over folders in memory, without TLS. It has no special-use folders; what depends on
// those is tested with Dovecot.
type IMAP struct {
	memory *imapmemserver.Server
	public *imapserver.Server // with the capabilities that were asked for
	own    *imapserver.Server // with all of them, for looking at what is there
	serve  sync.WaitGroup
	script atomic.Pointer[IMAPScript]

	mu     sync.Mutex
	users  map[string]*imapUser
	inside int // port of own; 0 until it is needed
}

type imapUser struct {
	*imapmemserver.User
	password string
}

// NewIMAP returns a server that does not listen yet. Without caps it offers UIDPLUS, MOVE, NAMESPACE, ESEARCH,
// LIST-EXTENDED, LIST-STATUS and STATUS=SIZE; with some it offers just these besides IMAP4rev1 and what the library
// always offers (SASL-IR, LITERAL-, UNSELECT, ENABLE, IDLE, UTF8=ACCEPT).
func NewIMAP(caps ...imap.Cap) *IMAP {
	m := &IMAP{memory: imapmemserver.New(), users: map[string]*imapUser{}}
	all := imap.CapSet{}
	for _, c := range []imap.Cap{imap.CapIMAP4rev1, imap.CapUIDPlus, imap.CapMove, imap.CapNamespace, imap.CapESearch,
		imap.CapListExtended, imap.CapListStatus, imap.CapStatusSize} {
		all[c] = struct{}{}
	}
	offered := all
	if len(caps) > 0 {
		offered = imap.CapSet{imap.CapIMAP4rev1: {}}
		for _, c := range caps {
			offered[c] = struct{}{}
		}
	}
	m.public, m.own = m.server(offered), m.server(all)
	return m
}

func (m *IMAP) server(caps imap.CapSet) *imapserver.Server {
	return imapserver.New(&imapserver.Options{
		NewSession: m.newSession, Caps: caps, InsecureAuth: true,
		Logger: log.New(io.Discard, "", 0), // it reports every connection that a client drops
	})
}

// AddUser makes a user with the given folders, named in UTF-8 with "/" between levels, besides INBOX.
func (m *IMAP) AddUser(name, password string, folders ...string) error {
	user := imapmemserver.NewUser(name, password)
	for _, folder := range append([]string{"INBOX"}, folders...) {
		if err := user.Create(folder, nil); err != nil {
			return fmt.Errorf("create folder %s of %s: %w", folder, name, err)
		}
	}
	m.memory.AddUser(user)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users[name] = &imapUser{User: user, password: password}
	return nil
}

// Append stores a message; received becomes INTERNALDATE, flags are such as `\Seen`.
func (m *IMAP) Append(user, folder string, raw []byte, received time.Time, flags ...imap.Flag) error {
	u, err := m.user(user)
	if err != nil {
		return err
	}
	options := &imap.AppendOptions{Flags: flags, Time: received}
	if _, err := u.Append(folder, literal{bytes.NewReader(raw), int64(len(raw))}, options); err != nil {
		return fmt.Errorf("append message to %s of %s: %w", folder, user, err)
	}
	return nil
}

// Recreate empties a folder and gives it another UIDVALIDITY.
func (m *IMAP) Recreate(user, folder string) error {
	u, err := m.user(user)
	if err != nil {
		return err
	}
	return errors.Join(u.Delete(folder), u.Create(folder, nil))
}

func (m *IMAP) user(name string) (*imapUser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if u := m.users[name]; u != nil {
		return u, nil
	}
	return nil, fmt.Errorf("no user %s: call AddUser first", name)
}

// literal is a message as the library takes it.
type literal struct {
	io.Reader
	size int64
}

func (l literal) Size() int64 { return l.size }

// Listen serves on a free loopback port and returns it. Close ends that.
func (m *IMAP) Listen() (int, error) { return m.listen(m.public) }

func (m *IMAP) listen(server *imapserver.Server) (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("listen for imap: %w", err)
	}
	m.serve.Add(1)
	go func() {
		defer m.serve.Done()
		_ = server.Serve(fragileListener{l}) // it ends when Close closes the listener
		_ = l.Close()                        // where it was closed before it began
	}()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Close stops listening and drops every connection.
func (m *IMAP) Close() error {
	err := errors.Join(m.public.Close(), m.own.Close())
	m.serve.Wait()
	return err
}

// Messages returns what a folder holds, in order of UID. Looking changes no flag.
func (m *IMAP) Messages(user, folder string) ([]Info, error) {
	u, err := m.user(user)
	if err != nil {
		return nil, err
	}
	port, err := m.insidePort()
	if err != nil {
		return nil, err
	}
	c, err := imapclient.DialInsecure(fmt.Sprintf("127.0.0.1:%d", port), nil)
	if err != nil {
		return nil, fmt.Errorf("dial own server: %w", err)
	}
	defer c.Close()
	if err := c.Login(user, u.password).Wait(); err != nil {
		return nil, fmt.Errorf("log in as %s: %w", user, err)
	}
	selected, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return nil, fmt.Errorf("select %s of %s: %w", folder, user, err)
	}
	if selected.NumMessages == 0 {
		return nil, nil
	}
	return fetchInfos(c)
}

func (m *IMAP) insidePort() (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inside != 0 {
		return m.inside, nil
	}
	var err error
	m.inside, err = m.listen(m.own)
	return m.inside, err
}

func fetchInfos(c *imapclient.Client) ([]Info, error) {
	body := &imap.FetchItemBodySection{Peek: true}
	got, err := c.Fetch(imap.SeqSet{imap.SeqRange{Start: 1, Stop: 0}}, &imap.FetchOptions{UID: true, Flags: true,
		InternalDate: true, RFC822Size: true, BodySection: []*imap.FetchItemBodySection{body}}).Collect()
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	infos := make([]Info, len(got))
	for i, msg := range got {
		raw := msg.FindBodySection(body)
		sum := sha256.Sum256(raw)
		flags := make([]string, len(msg.Flags))
		for j, flag := range msg.Flags {
			flags[j] = systemCase(string(flag))
		}
		infos[i] = Info{UID: uint32(msg.UID), Flags: sortFlags(flags), Size: msg.RFC822Size,
			Received: msg.InternalDate.UTC(), MessageID: messageID(string(raw)), SHA256: hex.EncodeToString(sum[:])}
	}
	return infos, nil
}

// systemCase writes `\seen` as `\Seen`: the library keeps flags in lower case, RFC 3501 section 2.3.2 names them so.
func systemCase(flag string) string {
	if rest, system := strings.CutPrefix(flag, `\`); system && rest != "" {
		return `\` + strings.ToUpper(rest[:1]) + rest[1:]
	}
	return flag
}
