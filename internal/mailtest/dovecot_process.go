package mailtest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// start runs the server on four ports that are free now and waits until it greets on all of them.
func (s *Server) start(binary string, o DovecotOptions) error {
	if err := s.choosePorts(); err != nil {
		return err
	}
	config, err := s.config(o)
	if err != nil {
		return err
	}
	s.write("dovecot.conf", []byte(config), 0o644)
	cmd, err := s.launch(binary)
	if err != nil {
		return err
	}
	for port, implicit := range map[int]bool{s.IMAPPort: false, s.IMAPSPort: true, s.POP3Port: false, s.POP3SPort: true} {
		if err := s.awaitGreeting(port, implicit); err != nil {
			s.kill(cmd)
			return err
		}
	}
	s.t.Cleanup(func() {
		s.kill(cmd)
		if s.t.Failed() {
			s.t.Logf("dovecot's log:\n%s", s.Log())
		}
	})
	return nil
}

// choosePorts finds four free ports; the listeners stay open until all are known, so that they differ.
func (s *Server) choosePorts() error {
	for _, port := range []*int{&s.IMAPPort, &s.IMAPSPort, &s.POP3Port, &s.POP3SPort} {
		l, err := net.Listen("tcp", net.JoinHostPort(s.Host, "0"))
		if err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// launch starts the server in the foreground and in a process group of its own, and beside it a watcher that ends
// it when this process dies without a clean-up: the watcher's standard input is a pipe that only we hold.
func (s *Server) launch(binary string) (*exec.Cmd, error) {
	var errOut bytes.Buffer
	cmd := exec.Command(binary, "-F", "-c", filepath.Join(s.dir, "dovecot.conf"))
	cmd.Dir, cmd.Stderr, cmd.WaitDelay = s.dir, &errOut, 5*time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	watcher := exec.Command("sh", "-c", `cat >/dev/null; kill -KILL -- "-$1"`, "sh", strconv.Itoa(cmd.Process.Pid))
	watcher.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of the reach of a signal to the test's own group
	pipe, err := watcher.StdinPipe()
	if err == nil {
		err = watcher.Start()
	}
	if err != nil {
		_, _ = cmd.Process.Kill(), cmd.Wait()
		return nil, fmt.Errorf("start watcher: %w", err)
	}
	exited := make(chan struct{})
	s.exited = exited
	go func() {
		_ = cmd.Wait()             // it is ended by a signal; what it says is in errOut and the log
		_ = watcher.Process.Kill() // before the process id can belong to somebody else
		_ = pipe.Close()
		_ = watcher.Wait()
		s.mu.Lock()
		s.failure = strings.TrimSpace(errOut.String())
		s.mu.Unlock()
		close(exited)
	}()
	return cmd, nil
}

// kill ends the server and its children at once: it has nothing to save, and an orderly stop takes it a second. It waits
// for the children too, which on a busy machine outlive the server for a moment and answer on its ports.
func (s *Server) kill(cmd *exec.Cmd) {
	group := cmd.Process.Pid
	_ = syscall.Kill(-group, syscall.SIGKILL) // no such group: it ended by itself
	<-s.exited
	deadline := time.After(startLimit)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for alive(group) {
		select {
		case <-deadline:
			s.t.Errorf("dovecot's children are still there %s after their end was asked for", startLimit)
			return
		case <-again.C:
		}
	}
}

// alive tells whether a process of the group still runs. A zombie has closed its sockets already, and stays for ever
// where nobody collects it, as in a container without an init: kill(2) with signal 0 would find it.
func alive(group int) bool {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it ended in between
		}
		// proc_pid_stat(5): pid (name) state ppid pgrp …, where the name may hold anything.
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) && fields[0] != "Z" && fields[0] != "X" {
			return true
		}
	}
	return false
}

// awaitGreeting dials until our own greeting comes, the process ends or startLimit has passed.
func (s *Server) awaitGreeting(port int, implicit bool) error {
	deadline := time.After(startLimit)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		line, err := s.greetingAt(port, implicit)
		if err == nil && strings.Contains(line, s.greeting) {
			return nil
		}
		if err == nil {
			return fmt.Errorf("port %d belongs to another server: %q", port, line)
		}
		select {
		case <-s.exited:
			return fmt.Errorf("dovecot ended: %s", s.failed())
		case <-deadline:
			return fmt.Errorf("no greeting on port %d within %s: %w", port, startLimit, err)
		case <-again.C:
		}
	}
}

func (s *Server) greetingAt(port int, implicit bool) (string, error) {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(s.Host, strconv.Itoa(port)), time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(startLimit)); err != nil {
		return "", err
	}
	if implicit { // only the greeting is of interest here, not whom the certificate names
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	return bufio.NewReader(conn).ReadString('\n')
}

func (s *Server) failed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Log returns what Dovecot wrote to its log so far.
func (s *Server) Log() string {
	f, err := os.Open(filepath.Join(s.dir, "log"))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
