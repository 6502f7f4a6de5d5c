package mailtest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// AddUser makes a user, or gives an existing one another password. The name may hold any character but colon,
// slash, percent sign and line breaks; the password any at all.
func (s *Server) AddUser(name, password string) {
	s.t.Helper()
	if name == "" || strings.ContainsAny(name, ":/%\r\n") {
		s.t.Fatalf("add user %q: the name is empty or has a character that dovecot's files cannot hold", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	home, known := s.homes[name]
	if !known {
		home = filepath.Join(s.dir, "home", fmt.Sprintf("u%d", len(s.homes)+1))
		s.ownDir(home)
		s.homes[name] = home
	}
	line := fmt.Sprintf("%s:{PLAIN.B64}%s:%d:%d::%s::\n", name, base64.StdEncoding.EncodeToString([]byte(password)),
		s.owner(os.Getuid()), s.owner(os.Getgid()), home)
	path := s.write(filepath.Join("users", name), []byte(line), 0o644)
	s.changes++ // dovecot reads the file again if its size or its time, to the second, is another
	stamp := time.Now().Add(time.Duration(s.changes) * time.Second)
	if err := os.Chtimes(path, stamp, stamp); err != nil {
		s.t.Fatalf("set time of user %s: %v", name, err)
	}
}

// owner returns the id that owns the mail: nobody's as root, else the caller's own.
func (s *Server) owner(own int) int {
	if s.root {
		return nobody
	}
	return own
}

// ownDir makes a directory that belongs to the mail's owner.
func (s *Server) ownDir(path string) {
	s.t.Helper()
	err := os.Mkdir(path, 0o700)
	if err == nil && s.root {
		err = os.Chown(path, nobody, nobody)
	}
	if err != nil {
		s.t.Fatalf("make %s: %v", path, err)
	}
}

// Append stores a message as the given user's, in a folder named in UTF-8 with "/" between levels; the folder is made
// if it is missing. received becomes INTERNALDATE, to the second; flags are system flags such as `\Seen`. Messages
// of one folder get their UIDs in the order of Append. It writes Maildir files, so that thousands take a second.
func (s *Server) Append(user, folder string, raw []byte, received time.Time, flags ...string) {
	s.t.Helper()
	dir := s.maildir(user, folder)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written++
	name := fmt.Sprintf("%d.p", 1_000_000_000+s.written) // dovecot numbers new files by the number before the dot
	tmp := filepath.Join(dir, "tmp", name)
	err := os.WriteFile(tmp, raw, 0o600)
	if err == nil && s.root {
		err = os.Chown(tmp, nobody, nobody)
	}
	if err == nil {
		err = os.Chtimes(tmp, received, received)
	}
	if err == nil {
		err = os.Link(tmp, filepath.Join(dir, "cur", name+":2,"+s.maildirFlags(flags)))
	}
	if err == nil {
		err = os.Remove(tmp)
	}
	if err != nil {
		s.t.Fatalf("append message to %s of %s: %v", folder, user, err)
	}
}

// Forget takes away what dovecot remembers of a folder, as a repair or a restored backup does: the next session finds
// another UIDVALIDITY, and other UIDLs. No session may be open. The new UIDVALIDITY is made of the time, in seconds.
func (s *Server) Forget(user, folder string) {
	s.t.Helper()
	own, err := filepath.Glob(filepath.Join(s.maildir(user, folder), "dovecot*"))
	for _, path := range own {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err != nil || len(own) == 0 {
		s.t.Fatalf("forget %s of %s: %d files of dovecot's own: %v", folder, user, len(own), err)
	}
}

// maildirFlags returns the letters of system flags in the order that Maildir asks for.
func (s *Server) maildirFlags(flags []string) string {
	s.t.Helper()
	letters := map[string]string{`\Draft`: "D", `\Flagged`: "F", `\Answered`: "R", `\Seen`: "S", `\Deleted`: "T"}
	var out []string
	for _, flag := range flags {
		letter, ok := letters[flag]
		if !ok {
			s.t.Fatalf("append with flag %q: expected one of %v", flag, slices.Sorted(maps.Keys(letters)))
		}
		out = append(out, letter)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "")
}

// maildir returns the directory of a folder, which dovecot makes first if it is not there.
func (s *Server) maildir(user, folder string) string {
	s.t.Helper()
	s.mu.Lock()
	home, known := s.homes[user]
	dir, made := s.folders[user+"\n"+folder]
	s.mu.Unlock()
	if !known {
		s.t.Fatalf("append to %s of %s: no such user; call AddUser first", folder, user)
	}
	if made {
		return dir
	}
	dir = s.makeFolder(user, folder, home)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folders[user+"\n"+folder] = dir
	return dir
}

// makeFolder asks dovecot to make a folder: only it knows where that lies, and how its name is encoded there.
func (s *Server) makeFolder(user, folder, home string) string {
	s.t.Helper()
	dir := filepath.Join(home, "Maildir")
	if folder != "INBOX" {
		if !slices.Contains(s.Folders(user), folder) {
			s.Doveadm("mailbox", "create", "-u", user, "-s", folder)
		}
		dir = strings.TrimSpace(s.Doveadm("mailbox", "path", "-u", user, folder))
	} else if !fileExists(dir) {
		s.ownDir(dir)
	}
	for _, sub := range []string{"tmp", "new", "cur"} {
		if path := filepath.Join(dir, sub); !fileExists(path) {
			s.ownDir(path)
		}
	}
	return dir
}

// Folders returns the names of a user's folders, as dovecot lists them.
func (s *Server) Folders(user string) []string {
	s.t.Helper()
	return strings.Split(strings.TrimSpace(s.Doveadm("mailbox", "list", "-u", user)), "\n")
}

// Doveadm runs doveadm against this server and returns its standard output; an exit status other than 0 ends the test.
func (s *Server) Doveadm(args ...string) string {
	s.t.Helper()
	var errOut strings.Builder
	cmd := exec.Command(s.doveadm, append([]string{"-c", filepath.Join(s.dir, "dovecot.conf")}, args...)...)
	cmd.Dir, cmd.Stderr = s.dir, &errOut
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("doveadm %s: %v\n%s%s", strings.Join(args, " "), err, out, errOut.String())
	}
	return string(out)
}
