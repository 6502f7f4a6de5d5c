package mailbox

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"pricefetch/internal/mail"
)

// logoutTime is how long Close waits for the answer to LOGOUT. Nothing depends on it.
const logoutTime = 5 * time.Second

// imapSession is the IMAP adapter (RFC 3501 and 9051) over go-imap, whose commands neither know a context nor end by
// themselves: every wait ends because the connection below is closed, by its deadlines or by us. One command runs at
// a time, because a server may answer pipelined FETCHes out of order, each waiting to be read before the other.
type imapSession struct {
	o      Options
	link   *link
	conn   *wire
	client *imapclient.Client
	caps   imap.CapSet
	lost   error // why the connection was given up; nil while it stands

	selected imapFolder
	expunged *atomic.Int64 // EXPUNGE responses that no command asked for
	trash    *string       // the folder marked \Trash, "" if there is none; nil: not asked yet
}

// imapFolder is what SELECT or EXAMINE told of a folder.
type imapFolder struct {
	name     string
	writable bool // by SELECT
	scope    string
	exists   int
	uidNext  uint32 // 0: the server did not tell
	sticky   bool   // \Deleted can be set for good
}

// openIMAP dials and logs in.
func openIMAP(ctx context.Context, o Options) (Session, error) {
	s, err := connectIMAP(ctx, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// connectIMAP does what openIMAP says.
func connectIMAP(ctx context.Context, o Options) (*imapSession, error) {
	secret, err := o.password(ctx)
	if err != nil {
		return nil, err
	}
	l, err := dial(ctx, o, func(_ context.Context, conn net.Conn) error { return imapStartTLS(conn) })
	if err != nil {
		return nil, err
	}
	s := newIMAPSession(o, l)
	if err := s.guarded(ctx, func() error { return s.authenticate(ctx, secret) }); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

func newIMAPSession(o Options, l *link) *imapSession {
	s := &imapSession{o: o, link: l, conn: newWire(l, o), expunged: new(atomic.Int64)}
	s.client = imapclient.New(s.conn, &imapclient.Options{
		// The handler runs in the parser's goroutine, so it must not wait for anything.
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Expunge: func(uint32) { s.expunged.Add(1) }},
	})
	return s
}

// guarded runs f under ctx and the deadlines: when ctx ends, or the server is silent, the connection is closed, and with
// it whatever f waits for. A session whose connection was given up stays so.
func (s *imapSession) guarded(ctx context.Context, f func() error) error {
	if s.lost != nil {
		return s.lost
	}
	defer s.link.guard.bind(ctx)()
	if ctx.Err() != nil {
		return s.broken(ctx, "use session", nil)
	}
	return f()
}

// drop closes the connection, which ends every wait.
func (s *imapSession) drop() {
	if s.lost == nil {
		s.lost = mail.Errorf(mail.Temporary, "use session: %w", errClosed)
	}
	_ = s.conn.Close() // it cannot fail
}

// end closes the connection and waits for the client's goroutine. After a read of content failed it must be called
// before the command is closed: that reads the content once more, and the goroutine would be reading too.
func (s *imapSession) end() {
	s.drop()
	<-s.client.Closed()
}

// Close ends the session. What was deleted is deleted; commit changes nothing in IMAP, nor does the answer to LOGOUT.
func (s *imapSession) Close(bool) error {
	if s.lost == nil {
		ctx, cancel := context.WithTimeout(context.Background(), logoutTime)
		defer cancel()
		_ = s.guarded(ctx, func() error { return s.client.Logout().Wait() })
	}
	s.end()
	return nil
}

// open makes folder the selected one, by EXAMINE or, writable, by SELECT. Where scope is not "" it must be the
// folder's UIDVALIDITY (RFC 3501 section 2.3.1.1): otherwise the UIDs at hand name nothing any more.
func (s *imapSession) open(ctx context.Context, folder, scope string, writable bool) error {
	if s.selected.name != folder || s.selected.writable != writable {
		if err := s.selectFolder(ctx, folder, writable); err != nil {
			return err
		}
	}
	if scope != "" && s.selected.scope != scope {
		return mail.Errorf(mail.Temporary, "open folder %q: its UIDVALIDITY was %s and is now %s: the next pass will list it anew",
			folder, scope, s.selected.scope)
	}
	return nil
}

// selectFolder asks for folder, whatever is selected now.
func (s *imapSession) selectFolder(ctx context.Context, folder string, writable bool) error {
	what := fmt.Sprintf("open folder %q", folder)
	s.selected = imapFolder{}
	s.expunged.Store(0)
	data, err := s.client.Select(folder, &imap.SelectOptions{ReadOnly: !writable}).Wait()
	if err != nil {
		if e := refusal(err); e != nil && !busy(e) {
			return refused(mail.Temporary, what+" (is its name right?)", e)
		}
		return s.failed(ctx, what, err)
	}
	if data.UIDValidity == 0 {
		return mail.Errorf(mail.Temporary, "%s: server states no UIDVALIDITY, so its messages cannot be told apart from one session to the next", what)
	}
	s.selected = imapFolder{
		name: folder, writable: writable, scope: strconv.FormatUint(uint64(data.UIDValidity), 10),
		exists: int(data.NumMessages), uidNext: uint32(data.UIDNext), sticky: keepsDeleted(data.PermanentFlags),
	}
	return nil
}
