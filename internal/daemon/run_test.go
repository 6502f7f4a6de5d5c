package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

func TestSavesBySchedule(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "прайс.xls")
	s.user("pop3", "b", "остатки.xls")
	s.configure("mailboxes:\n%s%s%s", s.box("a", "imap", password), strings.Replace(s.box("b", "pop3", password), "1h", "1s", 1), rules)
	s.run()
	s.log.await(t, "msg=saved", "mailbox=a", "прайс.xls")
	s.log.await(t, "msg=saved", "mailbox=b", "остатки.xls")
	s.deliver("pop3", "b", "второй.xls") // nobody asks for it: the interval of a second brings it
	s.log.await(t, "msg=saved", "mailbox=b", "второй.xls")
	s.imported("autoparts/прайс.xls", "autoparts/остатки.xls", "autoparts/второй.xls")
	s.log.awaitN(t, 3, "pass finished")
}

// A missing secret and an unreachable host are those mailboxes' trouble.
func TestTroubleOfOneMailbox(t *testing.T) {
	s := newSite(t)
	s.user("imap", "good", "p.xls")
	s.configure("mailboxes:\n%s%s%s%s%s", s.box("good", "imap", password), s.box("secretless", "imap", ", password_file: "+s.path("nosecret")),
		"  - {name: unreachable, protocol: pop3, host: 127.0.0.1, port: 1, tls: none, username: u, password: p}\n",
		s.box("wrong", "imap", ", password: nope"), rules)
	o := s.options()
	d := s.runWith(o)
	s.log.await(t, "msg=saved", "mailbox=good")
	for _, name := range []string{"secretless", "unreachable", "wrong"} {
		s.log.await(t, "pass ended early", "mailbox="+name)
	}
	a := d.ask(Request{Action: ActPoll, Mailboxes: []string{"good", "secretless", "unreachable", "wrong"}})
	if len(a.Lines) != 1 || strings.Count(a.Error, "\n") != 2 || a.Fault || !strings.Contains(a.Error, s.path("nosecret")) {
		t.Errorf("answer %+v", a)
	}
	for name, steps := range map[string][2]time.Duration{
		"secretless": {5 * time.Minute, 10 * time.Minute}, "wrong": {5 * time.Minute, 10 * time.Minute},
		"unreachable": {time.Minute, 2 * time.Minute},
	} {
		m := d.state(name)
		// The pass that was asked for was the first or the second failure: the one at the start may have been under way.
		if !slices.ContainsFunc(steps[:], func(step time.Duration) bool { return near(time.Until(m.NextPass), step*9/10) }) {
			t.Errorf("%s: next pass in %s, want one of %v less the jitter", name, time.Until(m.NextPass), steps)
		}
		if m.LastError == "" || m.FailedPasses < 2 {
			t.Errorf("%s: state %+v", name, m)
		}
	}
	if strings.Contains(s.log.String(), "nope") {
		t.Error("the log shows a password")
	}
}

// near reports whether a duration is a little less than wanted.
func near(d, want time.Duration) bool { return d <= want && d > want-20*time.Second }

func TestStrict(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "p.xls")
	for name, more := range map[string]string{"missing": ", password_file: " + s.path("nosecret"), "wrong": ", password: nope"} {
		s.configure("mailboxes:\n%s%s", s.box("a", "imap", more), rules)
		o := s.options()
		o.Strict = true
		d := s.open(o)
		err := errors.Join(d.Run(t.Context()), d.Close())
		if err == nil || !strings.Contains(err.Error(), "start with --strict: mailbox a: ") || strings.Contains(err.Error(), "nope") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules)
	o := s.options()
	o.Strict = true
	s.runWith(o)
	s.log.await(t, "msg=saved")
}

// gate is a place in a POP3 dialogue where the server waits.
type gate struct {
	reached chan int // the session that has come there
	open    chan struct{}
	once    sync.Once
}

// hold stops every session of the site's POP3 server before the reply to verb.
func (s *site) hold(verb string) *gate {
	g := &gate{reached: make(chan int, 100), open: make(chan struct{})}
	s.onPOP3(func(x *mailtest.Exchange) {
		if x.Verb == verb {
			g.reached <- x.Session
			<-g.open
		}
	})
	s.t.Cleanup(g.release)
	return g
}

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

func (g *gate) await(t *testing.T) int {
	t.Helper()
	select {
	case n := <-g.reached:
		return n
	case <-time.After(patience):
		t.Fatal("no session comes to the gate")
		return 0
	}
}

// The first signal lets the message in hand finish and be recorded; the one after it is left for the next start.
func TestFirstSignalFinishesTheMessage(t *testing.T) {
	s := newSite(t)
	s.user("pop3", "b", "1.xls", "2.xls")
	s.configure("mailboxes:\n%s%s", s.box("b", "pop3", password+", retention: {leave_copy: false}"), rules)
	g := s.hold("RETR")
	d := s.run()
	g.await(t)
	s.signals <- os.Interrupt
	s.log.await(t, "stopping: the message in hand")
	g.release()
	d.wait()
	s.imported("autoparts/1.xls")
	if n := s.commands("RETR"); n != 1 {
		t.Errorf("%d messages were read, want the one in hand\n%s", n, s.log)
	}
	if records := s.records(); len(records) != 2 || outcomes(records)[mail.Saved] != 1 || outcomes(records)[mail.Pending] != 1 {
		t.Errorf("records %v", outcomes(records))
	}
	s.onPOP3(func(*mailtest.Exchange) {})
	s.once()
	s.imported("autoparts/1.xls", "autoparts/2.xls")
}

func (s *site) records() []mail.Record {
	s.t.Helper()
	j, err := journal.OpenReadOnly(s.t.Context(), s.path("state", "journal.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer j.Close()
	records, err := j.Records(s.t.Context(), journal.Filter{})
	if err != nil {
		s.t.Fatal(err)
	}
	return records
}

func outcomes(records []mail.Record) map[mail.Outcome]int {
	out := map[mail.Outcome]int{}
	for _, r := range records {
		out[r.Outcome]++
	}
	return out
}

func TestSecondSignalAndGraceEndAtOnce(t *testing.T) {
	for name, end := range map[string]func(*site){
		"signal": func(s *site) { s.signals <- os.Interrupt },
		"grace":  func(*site) {},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.user("pop3", "b", "1.xls")
			s.configure("mailboxes:\n%s%s", s.box("b", "pop3", password), rules)
			g := s.hold("RETR")
			o := s.options()
			if name == "grace" {
				o.Grace = 10 * time.Millisecond
			}
			d := s.runWith(o)
			g.await(t)
			s.signals <- os.Interrupt
			s.log.await(t, "stopping: the message in hand")
			end(s)
			d.wait() // although the server never answers
			s.log.await(t, "stopping at once")
			g.release()
			s.imported()
			s.onPOP3(func(*mailtest.Exchange) {})
			s.once()
			s.imported("autoparts/1.xls")
		})
	}
}

func TestEndOfContextStops(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "p.xls")
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules)
	d := s.run()
	s.log.await(t, "msg=saved")
	d.stop()
	if _, err := os.Stat(s.path("state", "control.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the control socket is left: %v", err)
	}
	if n := s.log.count("msg=stopped"); n != 1 {
		t.Errorf("%d lines say that it stopped", n)
	}
}

// Requests for a mailbox that is being polled wait for a fresh pass of their own.
func TestNeverTwoPassesOfOneMailbox(t *testing.T) {
	s := newSite(t)
	s.user("pop3", "b", "1.xls")
	s.configure("mailboxes:\n%s%s", s.box("b", "pop3", password), rules)
	g := s.hold("STAT")
	d := s.run()
	g.await(t)
	var asked sync.WaitGroup
	for range 4 {
		asked.Go(func() { d.poll("b") })
	}
	s.deliver("pop3", "b", "2.xls")
	g.release()
	asked.Wait()
	s.imported("autoparts/1.xls", "autoparts/2.xls")
	open := ""
	for _, c := range s.pop.Commands() {
		session, command, _ := strings.Cut(c, " ")
		switch {
		case command == "USER b" && open != "":
			t.Fatalf("session %s began while session %s was open: %v", session, open, s.pop.Commands())
		case command == "USER b":
			open = session
		case command == "QUIT":
			open = ""
		}
	}
}

// At most per_host sessions to the server, in a daemon and in once.
func TestPerHost(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e"}
	s := newSite(t)
	boxes := ""
	for _, name := range names {
		s.user("pop3", name, name+".xls")
		boxes += s.box(name, "pop3", password)
	}
	s.configure("mailboxes:\n%s%s", boxes, rules)
	for mode, pass := range map[string]func(){
		"run":  func() { d := s.run(); d.poll(names...); d.stop() },
		"once": func() { s.once() },
		"act": func() {
			d := s.open(s.options())
			if a := d.Act(t.Context(), Request{Action: ActPoll, Mailboxes: names}); a.Error != "" || len(a.Lines) != len(names) {
				t.Errorf("answer %+v", a)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		},
	} {
		yaml, err := os.ReadFile(s.path("pricefetch.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		s.write("pricefetch.yaml", strings.Replace(string(yaml), "'*': 16", "'*': 2", 1))
		var mu sync.Mutex
		open, most := 0, 0
		full := make(chan struct{})
		s.onPOP3(func(x *mailtest.Exchange) {
			mu.Lock()
			switch x.Verb {
			case "STAT":
				if open++; open == 2 && most < 2 {
					close(full)
				}
				most = max(most, open)
				mu.Unlock()
				<-full // the first waits for the second: two do get in at once
				return
			case "QUIT":
				open--
			}
			mu.Unlock()
		})
		pass()
		if most != 2 {
			t.Errorf("%s: %d sessions to one host at the same time, want 2", mode, most)
		}
	}
}

func TestLimitLeavesTheQueueAtStop(t *testing.T) {
	l := newLimit(1, func(string) int { return 1 })
	stop := make(chan struct{})
	leave, ok := l.enter(stop, "h")
	if !ok {
		t.Fatal("the first does not get in")
	}
	var waiting sync.WaitGroup
	for _, host := range []string{"h", "other"} {
		waiting.Go(func() {
			if _, ok := l.enter(stop, host); ok {
				t.Errorf("%s got in beside the first", host)
			}
		})
	}
	close(stop)
	waiting.Wait()
	leave()
	if leave, ok := l.enter(make(chan struct{}), "other"); !ok {
		t.Error("a place is lost")
	} else {
		leave()
	}
}

func TestLock(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a")
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules)
	s.run()
	if _, err := Open(t.Context(), s.options()); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), s.path("state")) {
		t.Errorf("a second daemon: %v", err)
	}
}

// An import directory that cannot be used at the first start is reported; all is well once it can.
func TestImportDirectoryComesLater(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "p.xls")
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password+", retention: {leave_copy: false}"), rules)
	yaml, err := os.ReadFile(s.path("pricefetch.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("pricefetch.yaml", strings.Replace(string(yaml), s.path("import"), s.path("volume", "import"), 1))
	d := s.run()
	s.log.await(t, "import directory is not ready", "volume")
	s.log.await(t, "pass ended early", "class=storage")
	if a := d.ask(Request{Action: ActPoll, Mailboxes: []string{"a"}}); !strings.Contains(a.Error, "volume") || a.Fault {
		t.Errorf("answer %+v", a)
	}
	if infos, err := s.imap.Messages("a", "INBOX"); err != nil || len(infos) != 1 {
		t.Errorf("messages %v, %v", infos, err)
	}
	if err := os.Mkdir(s.path("volume"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.poll("a")
	if _, err := os.Stat(filepath.Join(s.path("volume", "import"), "autoparts", "p.xls")); err != nil {
		t.Errorf("%v\n%s", err, s.log)
	}
}
