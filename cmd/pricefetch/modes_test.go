package main

import (
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pricefetch/internal/mailtest"
)

// umasked makes a run of the program under a umask.
func (s *site) umasked(umask string, args ...string) *exec.Cmd {
	cmd := s.command(args...)
	cmd.Args = append([]string{"sh", "-c", "umask " + umask + `; exec "$@"`, "sh"}, cmd.Args...)
	cmd.Path = "/bin/sh"
	return cmd
}

// TestModesWhateverTheUmask: what the program makes is readable by whom it concerns and by nobody else.
func TestModesWhateverTheUmask(t *testing.T) {
	for _, umask := range []string{"000", "022", "077"} {
		t.Run(umask, func(t *testing.T) {
			s := newSite(t)
			for _, sub := range []string{"import", "state"} {
				if err := os.Remove(s.path(sub)); err != nil {
					t.Fatal(err)
				}
			}
			server := mailtest.NewPOP3(mailtest.POP3Options{})
			drop := server.AddUser("joe", "s3cret")
			now := time.Now()
			drop.Add(mailtest.Message(mailtest.MessageOptions{From: "price@a.ru", ID: "1@a.ru", Date: now, Received: now,
				Files: []mailtest.Attachment{{Name: "p.csv", Content: []byte("1")}}}))
			port, err := server.Listen()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			s.configure("mailboxes:\n  - {name: a, protocol: pop3, host: 127.0.0.1, port: %d, tls: none, username: joe, password: s3cret}\nrules:\n  - {name: r, from: ['*']}\n", port)
			cmd := s.umasked(umask, "run")
			log := s.write("log", "")
			out, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(time.Minute); !strings.Contains(readFile(t, log), "msg=saved"); s.run("version") {
				if time.Now().After(deadline) {
					t.Fatalf("nothing is saved:\n%s", readFile(t, log))
				}
			}
			group := map[string]fs.FileMode{"000": 0o640, "022": 0o640, "077": 0o600}[umask] // the journal is the daemon's own
			for path, want := range map[string]fs.FileMode{
				"state": fs.ModeDir | 0o700, "state/held": fs.ModeDir | 0o700, "state/lock": 0o600, "state/control.sock": fs.ModeSocket | 0o600,
				"state/journal.db": group, "state/journal.db-wal": group, "state/journal.db-shm": group,
				"import": fs.ModeDir | fs.ModeSetgid | 0o750, "import/r": fs.ModeDir | fs.ModeSetgid | 0o750, "import/r/p.csv": 0o640, "import/.pricefetch": fs.ModeDir | 0o700,
			} {
				info, err := os.Lstat(s.path(filepath.FromSlash(path)))
				if err != nil {
					t.Error(err)
				} else if path == "import/.pricefetch" && info.Mode().Perm() == want.Perm() {
					continue // setgid is handed down to it
				} else if info.Mode() != want {
					t.Errorf("%s is %v, want %v", path, info.Mode(), want)
				}
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if strings.Contains(readFile(t, log), "every user") {
				t.Errorf("the program warns of what it made itself:\n%s", readFile(t, log))
			}
		})
	}
}

// TestSecretFilesThatOthersCanRead: such a file is used, for Kubernetes and Docker mount them like that, and told of, with
// what to do; one for the group alone is fine.
func TestSecretFilesThatOthersCanRead(t *testing.T) {
	s := newSite(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// As Kubernetes does it: a symlink to a symlinked directory, swapped as a whole when the secret changes.
	for _, dir := range []string{"mounted", "mounted/..2026_01_05"} {
		if err := os.Mkdir(s.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.write("mounted/..2026_01_05/kube", "s3cret")
	for from, to := range map[string]string{"mounted/..data": "..2026_01_05", "mounted/kube": "..data/kube"} {
		if err := os.Symlink(to, s.path(from)); err != nil {
			t.Fatal(err)
		}
	}
	modes := map[string]struct {
		mode fs.FileMode
		says string
	}{"owner": {0o600, ""}, "group": {0o640, ""}, "world": {0o644, "read"}, "docker": {0o444, "read"}, "writable": {0o602, "change"}, "open": {0o666, "read and change"}, "kube": {0o644, "read"}}
	boxes := ""
	for name, m := range modes {
		path := s.path("mounted", "kube")
		if name != "kube" {
			path = s.write("secret-"+name, "s3cret\n")
		}
		if err := os.Chmod(path, m.mode); err != nil {
			t.Fatal(err)
		}
		boxes += "  - {name: " + name + ", protocol: pop3, host: 127.0.0.1, port: " + strconv.Itoa(l.Addr().(*net.TCPAddr).Port) + ", tls: none, username: " + name + ", password_file: " + path + "}\n"
	}
	s.configure("mailboxes:\n%srules:\n  - {name: r, from: ['*']}\n", boxes)
	out := s.must(0, "check").out
	for name, m := range modes {
		path := s.path("secret-" + name)
		if name == "kube" {
			path = s.path("mounted", "kube")
		}
		told := strings.Contains(out, "every user can "+m.says+" "+path+" (chmod 0640 "+path+")")
		if told != (m.says != "") || m.says == "" && strings.Contains(out, path+" (") {
			t.Errorf("%s with mode %v: want it told of as %q:\n%s", name, m.mode, m.says, out)
		}
	}

	// The configuration itself, where it holds a password.
	s.configure("mailboxes:\n  - {name: a, protocol: pop3, host: h, username: u, password: s3cret}\nrules:\n  - {name: r, from: ['*']}\n")
	for mode, told := range map[fs.FileMode]bool{0o640: false, 0o644: true} {
		if err := os.Chmod(s.path("pricefetch.yaml"), mode); err != nil {
			t.Fatal(err)
		}
		if out := s.must(0, "check").out; strings.Contains(out, "every user can read this file with its password (chmod 0640 "+s.path("pricefetch.yaml")) != told {
			t.Errorf("mode %v:\n%s", mode, out)
		}
	}
	if err := os.Chmod(s.path("pricefetch.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}

	// A state_dir that a person made, or a journal that was copied into it.
	s.run("once")
	for _, c := range []struct {
		path string
		mode fs.FileMode
		want string
	}{
		{"state", 0o755, ""}, {"state", 0o777, "every user can replace the journal in state_dir " + s.path("state")},
		{"state", 0o777 | fs.ModeSticky, ""}, {"state/journal.db", 0o644, "every user can get at " + s.path("state", "journal.db")},
		{"state", 0o750, ""},
	} {
		if err := os.Chmod(s.path(filepath.FromSlash(c.path)), c.mode); err != nil {
			t.Fatal(err)
		}
		out := s.must(0, "check").out
		if c.want == "" && strings.Contains(out, "every user") || !strings.Contains(out, c.want) {
			t.Errorf("%s with mode %v: want %q:\n%s", c.path, c.mode, c.want, out)
		}
	}
}
