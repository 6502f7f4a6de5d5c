//go:build servers

package servers

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pricefetch/internal/mailtest"
)

// host is the address of every server; the certificate names it.
const host = "127.0.0.1"

// Ports are the standard ones: in its own network namespace a server has them all to itself.
const (
	portPOP3  = 110
	portIMAP  = 143
	portIMAPS = 993
	portPOP3S = 995
)

// password is the same for all users; passwordHash is its crypt(3) with SHA-512.
const (
	password     = "geheim"
	passwordHash = "$6$pricefetch$E2mNaVwOBSqxohbiuhvpOO.HKTkTKqktF5QA7Dn5Yjhi1Wuv.0BwmW9NrvykBCLub7CADLJrHZm.ZU3e8P1s/1"
)

// machine is the inside of the namespaces: the host's files, with the server's packages laid over them.
type machine struct {
	t   *testing.T
	dir string // of this run: certificate, logs, what is laid over
}

// enter makes the namespaces a machine: only what is mounted here is seen here, and it is gone with them.
func enter(t *testing.T, packages string) *machine {
	t.Helper()
	if os.Getpid() != 1 {
		t.Fatalf("process %d is not the first of its PID namespace: run make servers", os.Getpid())
	}
	m := &machine{t: t, dir: t.TempDir()}
	for _, dir := range []string{filepath.Dir(m.dir), m.dir} {
		if err := os.Chmod(dir, 0o755); err != nil { // the servers' users must pass
			t.Fatal(err)
		}
	}
	m.mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	m.mount("proc", "/proc", "proc", 0, "")
	m.mkdir(m.path("changed"))
	m.mount("tmpfs", m.path("changed"), "tmpfs", 0, "mode=755")                // an overlay's changes cannot lie on another overlay
	t.Cleanup(func() { _ = unix.Unmount(m.path("changed"), unix.MNT_DETACH) }) // the folder is to be removed
	m.mkdir(m.path("changed/etc"))
	m.mkdir(m.path("changed/work"))
	m.mount("overlay", "/usr", "overlay", 0, "lowerdir="+packages+"/usr:/usr")
	m.mount("overlay", "/etc", "overlay", 0, "lowerdir="+packages+"/etc:/etc,upperdir="+m.path("changed/etc")+",workdir="+m.path("changed/work"))
	m.mount("tmpfs", "/var", "tmpfs", 0, "mode=755")
	m.mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
	for _, sub := range []string{"/var/tmp", "/var/log", "/var/mail", "/var/lib"} {
		m.mkdir(sub)
	}
	if err := os.Symlink("/run", "/var/run"); err != nil {
		t.Fatal(err)
	}
	m.loopback()
	a, err := mailtest.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m.write(m.path("ca.pem"), string(a.CA), 0o644)
	m.write(m.path("cert.pem"), string(a.Cert), 0o644)
	m.write(m.path("key.pem"), string(a.Key), 0o644) // of a certificate that lives for this run
	m.write(m.path("both.pem"), string(a.Key)+string(a.Cert), 0o644)
	return m
}

// loopback brings up the only interface of a new network namespace (netdevice(7)).
func (m *machine) loopback() {
	m.t.Helper()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		m.t.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		m.t.Fatalf("bring up lo: %v", err)
	}
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

func (m *machine) mount(source, target, kind string, flags uintptr, options string) {
	m.t.Helper()
	if err := syscall.Mount(source, target, kind, flags, options); err != nil {
		m.t.Fatalf("mount %s on %s: %v", kind, target, err)
	}
}

func (m *machine) mkdir(path string) {
	m.t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) write(path, text string, mode os.FileMode) {
	m.t.Helper()
	err := os.WriteFile(path, []byte(text), mode)
	if err == nil {
		err = os.Chmod(path, mode) // whatever the umask, and if the file was there
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// add appends a line to a file.
func (m *machine) add(path, line string) {
	m.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		m.t.Fatal(err)
	}
	m.write(path, string(data)+line+"\n", 0o644)
}

// own gives a file, or a folder with everything in it, to a user.
func (m *machine) own(path string, uid, gid int) {
	m.t.Helper()
	err := filepath.WalkDir(path, func(p string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(p, uid, gid)
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// systemUser makes a user of this machine with a group of its own.
func (m *machine) systemUser(name string, id int, home string) {
	m.t.Helper()
	m.add("/etc/passwd", fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh", name, id, id, home))
	m.add("/etc/group", fmt.Sprintf("%s:x:%d:", name, id))
	m.mkdir(home)
	m.own(home, id, id)
}

// mailUsers makes the accounts users of this machine who log in with the password; each has a home.
func (m *machine) mailUsers() {
	m.t.Helper()
	for _, name := range accounts {
		m.systemUser(name, uidOf(name), home(name))
		m.add("/etc/shadow", name+":"+passwordHash+":20000:0:99999:7:::")
	}
}

// run runs a tool to its end and returns what it printed.
func (m *machine) run(input, name string, args ...string) string {
	m.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("run %s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

// daemon starts a program that stays; its output is shown if the test fails. It ends with the namespace.
func (m *machine) daemon(name string, env []string, program string, args ...string) {
	m.t.Helper()
	log, err := os.Create(m.path(name + ".log"))
	if err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		m.t.Fatalf("start %s: %v", name, err)
	}
	m.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); m.t.Failed() && err == nil {
			m.t.Logf("%s said:\n%s", name, tail(string(text), 3000))
		}
	})
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// inetd serves a port by running a program for each connection, with the connection as its input and output.
func (m *machine) inetd(port int, program string) {
	m.t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = l.Close() }) // the namespace ends anyway
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			f, err := c.(*net.TCPConn).File()
			_ = c.Close() // f is a copy
			if err != nil {
				continue
			}
			cmd := exec.Command(program)
			cmd.Stdin, cmd.Stdout = f, f
			if cmd.Start() == nil { // else the client sees the connection close
				go cmd.Wait()
			}
			_ = f.Close() // the program has its own
		}
	}()
}

// await waits until a port greets.
func (m *machine) await(port int) {
	m.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), time.Second)
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			_, err = bufio.NewReader(c).ReadString('\n')
			_ = c.Close() // it was read from
		}
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("no greeting on port %d: %v", port, err)
		}
		<-again.C
	}
}
