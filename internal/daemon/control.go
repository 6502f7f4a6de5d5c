package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"pricefetch/internal/mail"
)

// Action names what an operator asks for.
type Action string

const (
	ActPoll             Action = "poll"
	ActApprove          Action = "approve"
	ActApproveClock     Action = "approve-clock"
	ActApproveImportDir Action = "approve-import-dir"
	ActRetry            Action = "retry"
	ActDismiss          Action = "dismiss"
	ActRescan           Action = "rescan"
	ActReload           Action = "reload"
)

// Request is one thing that an operator asks for. It is the control socket's only message.
type Request struct {
	Action    Action          `json:"action"`
	Mailboxes []string        `json:"mailboxes,omitempty"`
	IDs       []mail.RecordID `json:"ids,omitempty"`
	Since     time.Time       `json:"since,omitzero"`
	Rule      string          `json:"rule,omitempty"`
}

// Answer is what came of a Request.
type Answer struct {
	Lines []string `json:"lines"`           // what was done, in words
	Error string   `json:"error,omitempty"` // why not, or not all of it
	Fault bool     `json:"fault,omitempty"` // the configuration or the request is wrong: exit status 2
}

// ErrNoDaemon means that nobody serves the control socket.
var ErrNoDaemon = errors.New("no daemon is running")

const (
	socketName   = "control.sock"
	requestLimit = 1 << 20 // bytes of one request
	requestTime  = 10 * time.Second
)

// Ask sends a request to the daemon that holds stateDir. ErrNoDaemon if there is none: a socket that nobody answers
// counts as absent.
func Ask(ctx context.Context, stateDir string, req Request) (Answer, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", filepath.Join(stateDir, socketName))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
		return Answer{}, ErrNoDaemon
	}
	if err != nil {
		return Answer{}, fmt.Errorf("ask the daemon: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return Answer{}, fmt.Errorf("ask the daemon: %w", err)
	}
	var a Answer
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return Answer{}, fmt.Errorf("read the daemon's answer: %w", err)
	}
	return a, nil
}

// listen opens the control socket. Only its owner may talk to it. The lock on state_dir is held, so a socket that lies
// there is a dead daemon's.
func listen(stateDir string) (net.Listener, error) {
	path := filepath.Join(stateDir, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	return l, nil
}

// serve answers requests until ctx ends.
func (d *Daemon) serve(ctx context.Context, l net.Listener) {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil {
				d.log.Error("control socket ended; commands that act will not reach this daemon", "error", err)
			}
			return
		}
		go d.answer(ctx, conn)
	}
}

// answer serves one connection: one request, one answer. A request that takes long ends when its asker hangs up.
func (d *Daemon) answer(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	var req Request
	conn.SetReadDeadline(d.now().Add(requestTime))
	if err := json.NewDecoder(io.LimitReader(conn, requestLimit)).Decode(&req); err != nil {
		json.NewEncoder(conn).Encode(Answer{Error: "read request: " + err.Error(), Fault: true})
		return
	}
	conn.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // the asker sends nothing more: an end of its side means that nobody waits
		conn.Read(make([]byte, 1))
		cancel()
	}()
	if err := json.NewEncoder(conn).Encode(d.Do(ctx, req)); err != nil && ctx.Err() == nil {
		d.log.Warn("answer not delivered", "action", req.Action, "error", err)
	}
}
