package daemon

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"pricefetch/internal/mail"
)

// A file that cannot be used changes nothing: the running configuration stays, whatever the way of asking.
func TestReloadOfAFaultyFile(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "1.xls")
	sound := "mailboxes:\n" + s.box("a", "imap", password) + rules
	s.configure("%s", sound)
	d := s.run()
	s.log.await(t, "msg=saved")
	for name, c := range map[string]struct{ yaml, want string }{
		"unknown key":   {sound + "colour: red\n", "colour: unknown key"},
		"two faults":    {strings.Replace(sound, "imap", "imop", 1) + "colour: red\n", "colour"},
		"group":         {sound + "group: no-such-group-anywhere\n", "no-such-group-anywhere"},
		"rule is wrong": {strings.Replace(sound, "'*.xls'", "'*.{xls'", 1), "mask"},
	} {
		t.Run(name, func(t *testing.T) {
			s.configure("%s", c.yaml)
			a := d.ask(Request{Action: ActReload})
			if !a.Fault || len(a.Lines) > 0 || !strings.Contains(a.Error, c.want) || !strings.Contains(a.Error, "the running one stays") {
				t.Errorf("answer %+v, want a fault with %q", a, c.want)
			}
			before := s.log.count("the new configuration is not used")
			s.signals <- syscall.SIGHUP
			s.log.awaitN(t, before+1, "the new configuration is not used")
		})
	}
	t.Run("no file", func(t *testing.T) {
		if err := os.Remove(s.path("pricefetch.yaml")); err != nil {
			t.Fatal(err)
		}
		if a := d.ask(Request{Action: ActReload}); !a.Fault {
			t.Errorf("answer %+v", a)
		}
	})
	t.Run("state_dir", func(t *testing.T) {
		s.write("pricefetch.yaml", "import_dir: "+s.path("import")+"\nstate_dir: "+s.path("elsewhere")+"\n"+sound)
		a := d.ask(Request{Action: ActReload})
		if !a.Fault || !strings.Contains(a.Error, "restart it") {
			t.Errorf("answer %+v", a)
		}
		if _, err := os.Stat(s.path("elsewhere")); !os.IsNotExist(err) {
			t.Errorf("the other state_dir was touched: %v", err)
		}
	})
	s.deliver("imap", "a", "2.xls")
	d.poll("a")
	s.imported("autoparts/1.xls", "autoparts/2.xls")
}

func TestReloadChangesMailboxesAndRules(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "1.xls")
	s.user("pop3", "b", "2.xls")
	s.user("imap", "c", "3.xls", "3.csv")
	a, b, c := s.box("a", "imap", password), s.box("b", "pop3", password), s.box("c", "imap", password)
	off := func(box string) string { return strings.Replace(box, password, password+", enabled: false", 1) }
	s.configure("mailboxes:\n%s%s%s", a, off(b), rules)
	d := s.run()
	s.log.await(t, "msg=saved", "mailbox=a")
	refused := func(name, want string) {
		t.Helper()
		if ans := d.ask(Request{Action: ActPoll, Mailboxes: []string{name}}); !ans.Fault || !strings.Contains(ans.Error, want) {
			t.Errorf("poll %s: %+v, want %q", name, ans, want)
		}
	}
	refused("b", "enabled: false")
	refused("c", "not in the configuration")

	s.configure("mailboxes:\n%s%s%s%s", off(a), b, c, rules)
	s.signals <- syscall.SIGHUP // enables b, disables a, adds c: what is new is polled at once
	s.log.await(t, "msg=saved", "mailbox=b")
	s.log.await(t, "msg=saved", "mailbox=c")
	refused("a", "enabled: false")
	s.imported("autoparts/1.xls", "autoparts/2.xls", "autoparts/3.xls")

	s.configure("mailboxes:\n%s%s", c, strings.Replace(rules, "'*.xls'", "'*.xls', '*.csv'", 1))
	ans := d.ask(Request{Action: ActReload})
	if all := strings.Join(ans.Lines, "\n"); ans.Error != "" || !strings.Contains(all, "mailbox b removed") || !strings.Contains(all, "*.csv") {
		t.Errorf("answer %+v", ans)
	}
	refused("b", "not in the configuration")
	d.poll("c") // the near miss is judged by the new rule
	s.imported("autoparts/1.xls", "autoparts/2.xls", "autoparts/3.xls", "autoparts/3.csv")
	if ans := d.ask(Request{Action: ActReload}); len(ans.Lines) != 1 || ans.Lines[0] != "nothing changed" {
		t.Errorf("answer %+v", ans)
	}
}

// The password that mends a mailbox is tried at once, not after the back-off.
func TestReloadKicksWhatItChanged(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "1.xls")
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", ", password: nope"), rules)
	d := s.run()
	s.log.await(t, "pass ended early", "class=auth")
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules)
	if a := d.ask(Request{Action: ActReload}); a.Error != "" || strings.Contains(strings.Join(a.Lines, ""), "pw") {
		t.Errorf("answer %+v", a)
	}
	s.log.await(t, "msg=saved")
}

// A reload while a pass runs leaves it in peace; the next one has the new settings.
func TestReloadDuringAPass(t *testing.T) {
	s := newSite(t)
	s.user("pop3", "b", "1.xls")
	s.configure("mailboxes:\n%s%s", s.box("b", "pop3", password), rules)
	g := s.hold("RETR")
	d := s.run()
	g.await(t)
	s.configure("mailboxes:\n%s%s", s.box("b", "pop3", password), strings.Replace(rules, "{name", "{save_to: new, name", 1))
	if a := d.ask(Request{Action: ActReload}); a.Error != "" {
		t.Fatalf("answer %+v", a)
	}
	g.release()
	s.log.await(t, "msg=saved", "autoparts/1.xls")
	s.deliver("pop3", "b", "2.xls")
	d.poll("b")
	s.imported("autoparts/1.xls", "new/2.xls")
}

// Another import directory is one that the journal does not know: said at the reload, and accepted by a person only.
func TestImportDirectoryChanges(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "1.xls")
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules)
	d := s.run()
	s.log.await(t, "msg=saved")
	if a := d.ask(Request{Action: ActApproveImportDir}); a.Error != "" || !strings.Contains(a.Lines[0], "nothing to approve") {
		t.Errorf("answer %+v", a)
	}
	if err := os.Rename(s.path("import"), s.path("old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.path("import"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.deliver("imap", "a", "2.xls")
	if a := d.ask(Request{Action: ActPoll, Mailboxes: []string{"a"}}); !strings.Contains(a.Error, "approve --import-dir") {
		t.Errorf("answer %+v", a)
	}
	if a := d.ask(Request{Action: ActReload}); a.Error != "" || !strings.Contains(strings.Join(a.Lines, "\n"), "nothing is fetched or deleted") {
		t.Errorf("answer %+v", a)
	}
	s.imported()
	if a := d.ask(Request{Action: ActApproveImportDir}); a.Error != "" || !strings.Contains(a.Lines[0], "is accepted") {
		t.Errorf("answer %+v", a)
	}
	s.log.await(t, "msg=saved", "2.xls") // at once
	s.imported("autoparts/2.xls")
}

// A dry_run mailbox is planned once, then only looked at, and planned again when somebody asks.
func TestDryRun(t *testing.T) {
	s := newSite(t)
	s.user("pop3", "b", "1.xls")
	box := s.box("b", "pop3", password+", dry_run: true, retention: {leave_copy: false}")
	s.configure("mailboxes:\n%s%s", strings.Replace(box, "1h", "1s", 1), rules)
	s.drops["b"].Set(nil)
	d := s.run()
	s.log.await(t, "dry run", "would_save=0")
	s.deliver("pop3", "b", "2.xls")
	sessions := s.commands("USER")
	for s.commands("USER") < sessions+2 { // two passes later, by the schedule
		d.state("b")
	}
	if n := s.log.count("would_save"); n != 1 {
		t.Errorf("planned %d times, want once\n%s", n, s.log)
	}
	if lines := d.poll("b"); len(lines) != 1 || !strings.Contains(lines[0], "would save 1 file and delete") {
		t.Errorf("answer %q", lines)
	}
	if n := s.log.count("would_save=1"); n != 1 {
		t.Errorf("planned %d times after it was asked for\n%s", n, s.log)
	}
	if a := d.ask(Request{Action: ActReload}); a.Error != "" {
		t.Errorf("answer %+v", a)
	}
	s.log.awaitN(t, 2, "would_save=1")
	d.stop()
	s.imported()
	if len(s.records()) != 0 || len(s.drops["b"].Messages()) != 1 || s.commands("RETR")+s.commands("DELE")+s.commands("QUIT") != 0 {
		t.Errorf("records %v, messages %d, commands %q", s.records(), len(s.drops["b"].Messages()), s.pop.Commands())
	}
}

// A plan that could not be made is made later, and the trouble is there for status to tell.
func TestDryRunThatFails(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "1.xls")
	secret := s.path("secret")
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", ", dry_run: true, password_file: "+secret), rules)
	d := s.run()
	s.log.await(t, "dry run ended early", secret)
	if a := d.ask(Request{Action: ActPoll, Mailboxes: []string{"a"}}); !strings.Contains(a.Error, secret) {
		t.Errorf("answer %+v", a)
	}
	if m := d.state("a"); m.ErrorClass != mail.Auth.String() || m.ErrorSince.IsZero() || !m.LastFinished.IsZero() {
		t.Errorf("state %+v", m)
	}
	s.write("secret", "pw")
	s.ticking("would_save=1")
	d.poll("a")
	if m := d.state("a"); m.LastError != "" || !m.LastFinished.IsZero() {
		t.Errorf("state %+v", m)
	}
}
