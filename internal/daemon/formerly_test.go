package daemon

import (
	"strings"
	"testing"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
)

const renamedRule = "rules: [{name: parts, formerly: autoparts, save_to: autoparts, from: [price@autoparts.example], files: ['*.xls']}]\n"

// renamed is the mailbox a under the name lists.
func (s *site) renamed(protocol string) string {
	return strings.Replace(s.box("a", protocol, password), "name: a", "name: lists, formerly: a", 1)
}

// wantCarried holds the journal to what it was under the former names.
func (s *site) wantCarried(records int) {
	s.t.Helper()
	got := s.records()
	if len(got) != records {
		s.t.Errorf("%d records, want %d", len(got), records)
	}
	for _, r := range got {
		if r.Mailbox != "lists" || r.Outcome != mail.Saved {
			s.t.Errorf("record %+v", r)
		}
	}
	j, err := journal.OpenReadOnly(s.t.Context(), s.path("state", "journal.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer j.Close()
	rules, err := j.RuleStats(s.t.Context())
	if err != nil || len(rules) != 1 || rules[0].Rule != "parts" || rules[0].Count != records {
		s.t.Errorf("rules %+v, %v", rules, err)
	}
}

// A mailbox and a rule that were renamed go on where they were: at a start, and after a reload.
func TestFormerly(t *testing.T) {
	for _, protocol := range []string{"imap", "pop3"} {
		t.Run("start "+protocol, func(t *testing.T) {
			s := newSite(t)
			s.user(protocol, "a", "1.xls", "2.xls")
			s.configure("mailboxes:\n%s%s", s.box("a", protocol, password), rules)
			s.once()
			s.deliver(protocol, "a", "3.xls")
			s.configure("mailboxes:\n%s%s", s.renamed(protocol), renamedRule)
			for range 2 {
				if out := s.once(); out[0].Err != nil {
					t.Error(out[0].Err)
				}
			}
			s.imported("autoparts/1.xls", "autoparts/2.xls", "autoparts/3.xls")
			s.wantCarried(3)
			if s.log.count("carried over") != 2 {
				t.Errorf("log\n%s", s.log)
			}
		})
	}
	t.Run("reload", func(t *testing.T) {
		s := newSite(t)
		s.user("pop3", "a", "1.xls")
		s.configure("mailboxes:\n%s%s", s.box("a", "pop3", password), rules)
		d := s.run()
		s.log.await(t, "pass finished")
		s.configure("mailboxes:\n%s%s", s.renamed("pop3"), renamedRule)
		a := d.ask(Request{Action: ActReload})
		if all := strings.Join(a.Lines, "\n"); a.Error != "" || !strings.Contains(all, "mailbox a: name a → lists") {
			t.Errorf("answer %+v", a)
		}
		s.deliver("pop3", "a", "2.xls")
		d.poll("lists")
		s.imported("autoparts/1.xls", "autoparts/2.xls")
		s.wantCarried(2)
	})
	t.Run("both names polled", func(t *testing.T) {
		s := newSite(t)
		s.user("imap", "a", "1.xls")
		s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules)
		s.once()
		s.configure("mailboxes:\n%s%s", strings.Replace(s.renamed("imap"), ", formerly: a", "", 1), rules)
		s.once()
		s.configure("mailboxes:\n%s%s", s.renamed("imap"), rules)
		s.once()
		s.imported("autoparts/1.xls")
		if s.log.count("not carried over", "mailbox=lists", "formerly=a") == 0 {
			t.Errorf("log\n%s", s.log)
		}
	})
}

// A plan that is made before anybody has carried the records over reads them under the former name.
func TestPlanOfARenamedMailbox(t *testing.T) {
	s := newSite(t)
	s.user("imap", "a", "1.xls")
	s.configure("mailboxes:\n%s%s", s.box("a", "imap", password), rules)
	s.once()
	s.configure("mailboxes:\n%s%s", s.renamed("imap"), renamedRule)
	o := s.options()
	rules, err := Rules(o.Config)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.OpenReadOnly(t.Context(), s.path("state", "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	m := o.Config.Mailboxes[0]
	o.Now = time.Now
	plan, err := PlanKnown(t.Context(), Planner(o.Config, rules, m, o), m, j)
	if err != nil || plan.Mailbox != "lists" || len(plan.Folders) != 1 || plan.Folders[0].FirstPoll || len(plan.Folders[0].Save) != 0 {
		t.Errorf("plan %+v, %v", plan, err)
	}
}
