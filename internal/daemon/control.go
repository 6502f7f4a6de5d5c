package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
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
	socketPath   = 107     // bytes that the path of a socket may have (unix(7))
	requestLimit = 1 << 20 // bytes of one request
	requestTime  = 10 * time.Second
)

func socket(stateDir string) (string, error) {
	path := filepath.Join(stateDir, socketName)
	if len(path) > socketPath {
		return "", fault("state_dir %s: its path is too long for a socket in it: at most %d bytes", stateDir, socketPath-len(socketName)-1)
	}
	return path, nil
}

// dial reaches the daemon that holds stateDir. A socket that nobody answers counts as absent: ErrNoDaemon.
func dial(ctx context.Context, stateDir string) (net.Conn, error) {
	path, err := socket(stateDir)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return nil, ErrNoDaemon
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("ask the daemon: %w: run this as the daemon's user, or as root", err)
	default:
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
}

// Running reports whether a daemon, or a `once`, serves stateDir. Where that cannot be told it is false.
func Running(ctx context.Context, stateDir string) bool {
	conn, err := dial(ctx, stateDir)
	if err != nil {
		return errors.Is(err, os.ErrPermission)
	}
	conn.Close()
	return true
}

// Ask sends a request to the daemon that holds stateDir; ErrNoDaemon if there is none.
func Ask(ctx context.Context, stateDir string, req Request) (Answer, error) {
	conn, err := dial(ctx, stateDir)
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	err = json.NewEncoder(conn).Encode(req)
	if err != nil && !errors.Is(err, unix.EPIPE) {
		return Answer{}, fmt.Errorf("ask the daemon: %w", err)
	}
	var a Answer
	if err == nil {
		err = json.NewDecoder(conn).Decode(&a)
	}
	switch {
	case errors.Is(err, unix.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, unix.ECONNRESET):
		return Answer{}, errors.New("ask the daemon: it ended before it answered; see its log")
	case err != nil:
		return Answer{}, fmt.Errorf("read the daemon's answer: %w", err)
	}
	return a, nil
}

// listen opens the control socket. Only its owner may talk to it. The lock on state_dir is held, so a socket that lies
// there is a dead daemon's.
func listen(stateDir string) (net.Listener, error) {
	path, err := socket(stateDir)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old control socket: %w", err)
	}
	// On Linux a socket's file takes its mode from the socket, so that there is no moment in which others may connect.
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var chmod error
		err := raw.Control(func(fd uintptr) { chmod = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(err, chmod)
	}}
	l, err := c.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	return l, nil
}

// serve answers requests until ctx ends, and returns when the last of them is answered.
func (d *Daemon) serve(ctx context.Context, l net.Listener) {
	var answers sync.WaitGroup
	defer answers.Wait()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil {
				d.log.Error("control socket ended; commands that act will not reach this daemon", "error", err)
			}
			return
		}
		answers.Go(func() { d.answer(ctx, conn) })
	}
}

// answer serves one connection: one request, one answer. It stops waiting for what takes long when its asker hangs up.
func (d *Daemon) answer(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	req, err := read(ctx, conn)
	if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
		return // somebody only looked whether we are here
	}
	reply := Answer{Error: fmt.Sprint(err), Fault: true}
	if err != nil && ctx.Err() != nil {
		reply = Answer{Error: "the daemon stopped before it had read the request"}
	}
	if err == nil {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var hangup sync.WaitGroup
		hangup.Go(func() { // nothing more is to come: the end of its side means that nobody waits
			_, _ = io.Copy(io.Discard, conn)
			cancel()
		})
		defer hangup.Wait()
		defer conn.Close()
		reply = d.Do(ctx, req)
	}
	conn.SetWriteDeadline(time.Now().Add(requestTime))
	if err := json.NewEncoder(conn).Encode(reply); err != nil && ctx.Err() == nil {
		d.log.Debug("answer not delivered", "action", string(req.Action), "error", err)
	}
}

// read takes one request of one line. io.EOF means that there was none.
func read(ctx context.Context, conn net.Conn) (Request, error) {
	var req Request
	conn.SetReadDeadline(time.Now().Add(requestTime))
	defer conn.SetReadDeadline(time.Time{})
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now()) })()
	line, err := readLine(conn)
	if err != nil {
		return req, err
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields() // a part of a request that this version does not know is not to be passed over
	switch err := decoder.Decode(&req); {
	case errors.Is(err, io.EOF):
		return req, errors.New("read request: it is empty")
	case err != nil:
		return req, fmt.Errorf("read request: %w", err)
	}
	return req, nil
}

func readLine(conn net.Conn) ([]byte, error) {
	var line []byte
	chunk := make([]byte, 4096)
	for {
		n, err := conn.Read(chunk)
		if i := bytes.IndexByte(chunk[:n], '\n'); i >= 0 && len(line)+i <= requestLimit {
			return append(line, chunk[:i]...), nil
		}
		line = append(line, chunk[:n]...)
		switch {
		case len(line) > requestLimit:
			return nil, fmt.Errorf("read request: larger than %d bytes", requestLimit)
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, errors.New("read request: it ends early")
		case err != nil:
			return nil, fmt.Errorf("read request: %w", err)
		}
	}
}
