package daemon

import (
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// systemd hears of each stage, in order, by a socket with a path or an abstract one.
func TestNotify(t *testing.T) {
	for name, address := range map[string]func(*site) string{
		"path":     func(s *site) string { return s.path("notify") },
		"abstract": func(s *site) string { return "@pricefetch" + s.dir },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.user("imap", "a", "1.xls")
			s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules)
			conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address(s), Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			t.Setenv("NOTIFY_SOCKET", address(s))
			want := func(pattern string) {
				t.Helper()
				conn.SetReadDeadline(time.Now().Add(patience))
				buf := make([]byte, 4096)
				n, err := conn.Read(buf)
				if err != nil || !regexp.MustCompile("^"+pattern+"$").Match(buf[:n]) {
					t.Errorf("systemd hears %q, want %s; %v", buf[:n], pattern, err)
				}
			}
			d := s.run()
			want("READY=1\nSTATUS=polling 1 mailboxes by 1 rules")
			s.log.await(t, "msg=saved")
			s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules+"#")
			s.signals <- syscall.SIGHUP
			want("RELOADING=1\nMONOTONIC_USEC=[0-9]+")
			want("READY=1\nSTATUS=polling 1 mailboxes by 1 rules")
			s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), strings.Replace(rules, "rules", "rulez", 1))
			s.signals <- syscall.SIGHUP
			want("RELOADING=1\nMONOTONIC_USEC=[0-9]+")
			want("READY=1\nSTATUS=polling 1 mailboxes by 1 rules")
			d.stop()
			want("STOPPING=1")
		})
	}
}

// Signals of the process itself are taken from the moment on at which the daemon says that it is ready.
func TestSignalsOfTheProcess(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "1.xls")
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules)
	o := s.options()
	o.Signals = nil
	d := s.runWith(o)
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if err := syscall.Kill(syscall.Getpid(), signal); err != nil {
			t.Fatal(err)
		}
		s.log.await(t, map[syscall.Signal]string{syscall.SIGHUP: "reloaded: nothing changed", syscall.SIGTERM: "stopping"}[signal])
	}
	d.wait()
}
