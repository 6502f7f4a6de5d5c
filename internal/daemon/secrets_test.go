package daemon

import (
	"os"
	"testing"
	"time"
)

// A server that refused the password is tried again at once when the secret's file changes, and only then.
func TestChangedSecret(t *testing.T) {
	s := newSite(t)
	s.user("pop3", "b", "p.xls")
	secret := s.write("secret", "old\n")
	s.configure("mailboxes:\n%s%s", s.box("b", "pop3", ", password_file: "+secret), rules)
	d := s.run()
	s.log.await(t, "pass ended early", "class=auth")
	if a := d.ask(Request{Action: ActPoll, Mailboxes: []string{"b"}}); a.Error == "" || a.Fault {
		t.Fatalf("answer %+v", a)
	}
	tries := s.commands("PASS")
	for range 3 { // the second is taken once the first was looked into
		s.tick <- time.Now()
	}
	if n := s.commands("PASS"); n != tries {
		t.Errorf("%d logins with the same secret, want %d", n, tries)
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	s.ticking("pass ended early", "no such file") // a missing secret is another one too: its own words are reported
	s.write("secret", "pw\n")
	s.ticking("msg=saved")
	s.imported("autoparts/p.xls")
	for range 2 {
		s.tick <- time.Now()
	}
	if n := s.log.count("the secret changed"); n != 2 {
		t.Errorf("the secret changed %d times, want 2\n%s", n, s.log)
	}
}

// ticking lets time for looking at secrets pass until the log has such a line.
func (s *site) ticking(parts ...string) {
	s.t.Helper()
	late := time.After(patience)
	for s.log.count(parts...) == 0 {
		select {
		case s.tick <- time.Now():
		case <-late:
			s.t.Fatalf("no line with %q\n%s", parts, s.log)
		}
	}
}
