package mailtest

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// DovecotOptions are the choices of one private Dovecot; the zero value suits most tests.
type DovecotOptions struct {
	Trash      bool   // a folder Trash that carries \Trash (RFC 6154)
	RequireTLS bool   // no login without TLS: LOGINDISABLED on the plain ports
	Config     string // more lines of dovecot.conf, at its end; mind that 2.3 and 2.4 differ in names
}

// Server is a running Dovecot 2.3 or 2.4 on loopback ports of its own.
type Server struct {
	Host        string // a loopback address; the certificate names it and localhost
	IMAPPort    int    // plain and STARTTLS
	IMAPSPort   int    // implicit TLS
	POP3Port    int    // plain and STLS
	POP3SPort   int    // implicit TLS
	CAFile      string // PEM of the authority that signed the certificate
	Fingerprint string // SHA-256 of the certificate (DER), lower-case hex

	t        testing.TB
	dir      string
	doveadm  string // path of the program
	greeting string // tells our server from a stranger that took the port first
	root     bool
	v24      bool          // Dovecot 2.4: other names of settings
	exited   chan struct{} // closed when the process is gone

	mu      sync.Mutex        // guards what follows
	homes   map[string]string // user → home directory
	folders map[string]string // user, folder → Maildir
	changes int               // of users' files, so that each has another time
	written int               // messages, for names that sort in order of appending
	failure string            // what the process said when it ended
}

// startLimit bounds one try to start the server, for a machine that is busy with other tests.
const startLimit = 30 * time.Second

// Dovecot starts a private Dovecot and stops it, with all its children, when the test ends. It needs the packages
// dovecot-imapd and dovecot-pop3d, and no rights: as root the mail belongs to nobody, else to the caller.
func Dovecot(t testing.TB, o DovecotOptions) *Server {
	t.Helper()
	binary := find(t, "dovecot")
	s := &Server{Host: "127.0.0.1", t: t, doveadm: find(t, "doveadm"), root: os.Getuid() == 0, greeting: "pricefetch-" + rand.Text(),
		homes: map[string]string{}, folders: map[string]string{}}
	if o.RequireTLS { // dovecot takes a client with the server's own address for secure: be at another than 127.0.0.1
		s.Host = "127.0.0.2"
	}
	s.v24 = s.isV24(binary)
	s.makeDir()
	s.makeCertificate()
	var err error
	for range 5 { // a port that was free a moment ago may be taken by another test
		if err = s.start(binary, o); err == nil {
			return s
		}
	}
	t.Fatalf("start dovecot: %v\n%s", err, s.Log())
	return nil
}

// isV24 tells Dovecot 2.4 from 2.3, and ends the test where it is neither.
func (s *Server) isV24(binary string) bool {
	s.t.Helper()
	out, err := exec.Command(binary, "--version").Output()
	if err != nil {
		s.t.Fatalf("ask %s for its version: %v", binary, err)
	}
	v24 := bytes.HasPrefix(out, []byte("2.4."))
	if !v24 && !bytes.HasPrefix(out, []byte("2.3.")) {
		s.t.Fatalf("dovecot has version %s: the tests know how to configure 2.3 and 2.4", bytes.TrimSpace(out))
	}
	return v24
}

// find returns the path of a program, or ends the test with what to install.
func find(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && fileExists("/usr/sbin/"+name) {
		return "/usr/sbin/" + name // not in an ordinary user's PATH
	}
	if err != nil {
		t.Fatalf("find %s: %v; `make test` installs it, or: apt-get install dovecot-imapd dovecot-pop3d", name, err)
	}
	return path
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// makeDir makes the server's folder under a short path: a unix socket's is limited to 108 bytes, t.TempDir is too deep.
func (s *Server) makeDir() {
	s.t.Helper()
	base := os.TempDir()
	if len(base) > 40 {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "dc")
	if err != nil {
		s.t.Fatalf("make dovecot's folder: %v", err)
	}
	s.t.Cleanup(func() { _ = os.RemoveAll(dir) }) // the mail in it belongs to the test, nothing depends on its removal
	s.dir = dir
	for _, sub := range []string{"run", "home", "users"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			s.t.Fatalf("make dovecot's folder: %v", err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the mail's owner must pass
		s.t.Fatalf("open dovecot's folder: %v", err)
	}
}

func (s *Server) makeCertificate() {
	s.t.Helper()
	a, err := NewAuthority(time.Now())
	if err != nil {
		s.t.Fatalf("make certificate: %v", err)
	}
	s.Fingerprint = a.Fingerprint
	s.CAFile = s.write("ca.pem", a.CA, 0o644)
	s.write("cert.pem", a.Cert, 0o644)
	s.write("key.pem", a.Key, 0o600)
}

// write stores one of the server's own files and returns its path.
func (s *Server) write(name string, data []byte, mode os.FileMode) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, data, mode); err != nil {
		s.t.Fatalf("write dovecot's %s: %v", name, err)
	}
	return path
}
