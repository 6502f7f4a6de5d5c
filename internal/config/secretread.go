package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	commandTime = 30 * time.Second // for a password_command to finish
	maxSecret   = 64 << 10         // bytes of a secret
)

// Read obtains the password anew. Exactly one trailing newline (LF or CRLF) is cut; an empty password, or one that
// contains a line break or NUL, is an error. Errors name the source and never the secret.
func (s Secret) Read(ctx context.Context) (string, error) {
	from := s.open()
	if from == nil {
		return "", errors.New("read password: none is configured")
	}
	raw, err := from.fetch(ctx)
	if err == nil {
		raw, err = clean(raw)
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", s.Describe(), err)
	}
	return raw, nil
}

func (s *source) fetch(ctx context.Context) (string, error) {
	switch s.from {
	case fromFile, fromDir:
		return readFile(s.text)
	case fromEnv:
		v, ok := os.LookupEnv(s.text)
		if !ok {
			return "", errors.New("the environment variable is not set")
		}
		return v, nil
	case fromCommand:
		return runCommand(ctx, s.argv, commandTime)
	case fromCredential:
		dir := os.Getenv(credentialsDir)
		if dir == "" {
			return "", errors.New(credentialsDir + " is not set; systemd sets it for a unit with LoadCredential=")
		}
		return readFile(filepath.Join(dir, s.text))
	}
	return s.text, nil
}

// readFile refuses what is not a regular file: a named pipe would block the mailbox for ever.
func readFile(path string) (string, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	return string(data), err
}

// runCommand returns what the command prints. What it writes to standard error is shown nowhere: a script with set -x, or
// a client that tells of its requests, writes the secret there. When the time is over, its whole process group is killed.
func runCommand(ctx context.Context, argv []string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stdout := &head{most: maxSecret + 1}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout = stdout // standard error goes to /dev/null
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // the latter: an agent that it started keeps the pipes open
		return stdout.String(), nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("the command did not finish in %s", limit)
	case ctx.Err() != nil:
		err = ctx.Err()
	}
	return "", fmt.Errorf("%w: run it by hand, as the daemon's user, to see what it says; that is not shown here, for it may hold the secret", err)
}

// head keeps the first bytes written to it and takes the rest without keeping it.
type head struct {
	bytes.Buffer
	most int
}

func (h *head) Write(p []byte) (int, error) {
	if room := h.most - h.Len(); room > 0 {
		h.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// clean cuts one trailing newline and refuses what cannot be a password of POP3 or IMAP.
func clean(s string) (string, error) {
	if rest, ok := strings.CutSuffix(s, "\n"); ok {
		s = strings.TrimSuffix(rest, "\r")
	}
	switch {
	case len(s) > maxSecret:
		return "", &problem{fmt.Sprintf("the password is longer than %d bytes", maxSecret), ""}
	case s == "":
		return "", &problem{"the password is empty", ""}
	case strings.Contains(s, "\x00"):
		return "", &problem{"the password contains NUL", "a file in UTF-16 does"}
	case strings.ContainsAny(s, "\r\n"):
		return "", &problem{"the password contains a line break", ""}
	case strings.HasPrefix(s, "\ufeff"):
		return "", &problem{"the password begins with a byte order mark", "save the file without it"}
	}
	return s, nil
}
