package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mailtest"
)

// moment is one pass in the life of a mailbox.
type moment struct {
	real  string // what time it is: mail is received then. Day and month of 2026, or with a year
	clock string // what the machine's clock says; "": the truth
	mail  string // letters that came since the last moment
	do    string // what the operator does before the pass: "approve" or "approve --clock"
	left  string // letters on the server after the pass
	says  string // part of a line that the pass, or the command, leaves in the log
}

// times reads "2 Jan", "2 Jan 13:00", "2 Jan 2016" and "2 Jan 2016 13:00"; without a time it is noon, in UTC.
func times(t *testing.T, s string) time.Time {
	t.Helper()
	for _, layout := range []string{"2 Jan", "2 Jan 15:04", "2 Jan 2006", "2 Jan 2006 15:04"} {
		at, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if at.Year() == 0 {
			at = at.AddDate(2026, 0, 0)
		}
		if !strings.Contains(layout, "15") {
			at = at.Add(12 * time.Hour)
		}
		return at
	}
	t.Fatalf("%q is no time", s)
	return time.Time{}
}

// live plays moments.
func (l *life) live(moments []moment) {
	l.t.Helper()
	for i, m := range moments {
		real := times(l.t, m.real)
		if l.now = real; m.clock != "" {
			l.now = times(l.t, m.clock)
		}
		l.put(real, strings.Fields(m.mail)...)
		l.log.reset()
		switch m.do {
		case "approve":
			l.approve()
		case "approve --clock":
			l.approveClock()
		}
		planned := l.planned()
		l.mustPass()
		if planned != m.left {
			l.t.Errorf("moment %d, %s: the plan would leave %q, want %q", i, m.real, planned, m.left)
		}
		if got := strings.Join(l.left(), " "); got != m.left {
			l.t.Fatalf("moment %d, %s: on the server are %q, want %q\n%s", i, m.real, got, m.left, l.log)
		}
		if m.says != "" && !l.said(m.says) || m.says == "" && l.said("level=ERROR") {
			l.t.Errorf("moment %d, %s: the log should say %q:\n%s", i, m.real, m.says, l.log)
		}
	}
}

// Letters w… are wanted and saved, x… are not. What is told of each life is everything that it deletes: no letter goes
// earlier than its age by the right clock allows, whatever the machine's clock said meanwhile.
func TestClock(t *testing.T) {
	const back, ahead = "the clock is doubtful", "deletion by age is suspended until: pricefetch approve --clock prices"
	for name, c := range map[string]struct {
		policy  string
		moments []moment
	}{
		"right all the time": {"delete_after_days: 30", []moment{
			{real: "2 Jan", mail: "w1 x1", left: "w1 x1"},
			{real: "12 Jan", mail: "w2", left: "w1 w2 x1"},
			{real: "25 Jan", left: "w1 w2 x1"},
			{real: "1 Feb 11:59", left: "w1 w2 x1"},
			{real: "1 Feb 12:00", left: "w2"},
			{real: "10 Feb", left: "w2"},
			{real: "11 Feb", left: ""},
		}},
		"ten years back for three days": {"delete_after_days: 30", []moment{
			{real: "2 Jan", mail: "w1 x1", left: "w1 x1"},
			{real: "4 Jan", clock: "4 Jan 2016", mail: "w2 x2", left: "w1 w2 x1 x2", says: back},
			{real: "7 Jan", clock: "7 Jan 2016", mail: "w3", left: "w1 w2 w3 x1 x2", says: back},
			{real: "8 Jan", mail: "w4", left: "w1 w2 w3 w4 x1 x2"},
			{real: "18 Jan", left: "w1 w2 w3 w4 x1 x2"},
			{real: "31 Jan", left: "w1 w2 w3 w4 x1 x2"},
			{real: "1 Feb", left: "w1 w2 w3 w4 x1 x2"}, // still suspended
			{real: "1 Feb 13:00", do: "approve --clock", left: "w2 w3 w4 x2"},
			{real: "3 Feb 11:00", left: "w2 w3 w4 x2"},
			{real: "3 Feb 13:00", left: "w3 w4"},
			{real: "6 Feb 13:00", left: "w4"},
			{real: "7 Feb 13:00", left: ""},
		}},
		"ten years back, and a short age": {"delete_after_days: 1", []moment{
			{real: "2 Jan", mail: "w1", left: "w1"},
			{real: "2 Jan 12:30", clock: "2 Jan 2016", mail: "w2", left: "w1 w2", says: back},
			{real: "6 Jan", clock: "6 Jan 2016", mail: "w3 x3", left: "w1 w2 w3 x3", says: back},
			{real: "6 Jan 13:00", do: "approve --clock", left: "w3 x3"},
			{real: "7 Jan 12:00", left: ""},
		}},
		"one year ahead for a pass": {"delete_after_days: 30", []moment{
			{real: "2 Jan", mail: "w1 x1", left: "w1 x1"},
			{real: "3 Jan", clock: "3 Jan 2027", mail: "w2 x2", left: "w1 w2 x1 x2", says: ahead},
			{real: "4 Jan", mail: "w3", left: "w1 w2 w3 x1 x2", says: back},
			{real: "17 Jan", left: "w1 w2 w3 x1 x2", says: back},
			{real: "25 Jan", left: "w1 w2 w3 x1 x2", says: back},
			{real: "25 Jan 13:00", do: "approve --clock", mail: "w4", left: "w1 w2 w3 w4 x1 x2"},
			{real: "1 Feb 13:00", left: "w2 w3 w4 x2"},
			{real: "15 Feb", left: "w2 w3 w4 x2"}, // what was seen under the wrong clock counts from its approval
			{real: "24 Feb 14:00", left: ""},
		}},
		"one year ahead, approved while it was": {"delete_after_days: 30", []moment{
			{real: "2 Jan", mail: "w1", left: "w1"},
			{real: "3 Jan", clock: "3 Jan 2027", left: "w1", says: ahead},
			{real: "4 Jan", clock: "4 Jan 2027", do: "approve --clock", left: ""}, // a person said that the clock is right
			{real: "5 Jan", mail: "w2", left: "w2", says: back},
			{real: "6 Jan", do: "approve --clock", left: "w2"},
		}},
		"a saved copy goes when the clock is right again": {"leave_copy: false", []moment{
			{real: "2 Jan", mail: "w1 x1", left: "x1"},
			{real: "3 Jan", clock: "3 Jan 2016", mail: "w2", left: "w2 x1", says: back},
			{real: "4 Jan", mail: "w3", left: "x1"},
			{real: "5 Jan", clock: "5 Jan 2027", mail: "w4", left: "x1"}, // not by age
			{real: "6 Jan", mail: "w5", left: "w5 x1", says: back},
			{real: "7 Jan", do: "approve --clock", left: "x1"},
		}},
		"the machine began without a clock": {"delete_after_days: 30", []moment{
			{real: "2 Jan", clock: "1 Jan 2016", mail: "w1 x1", left: "w1 x1"},
			{real: "5 Jan", mail: "w2", left: "w1 w2 x1", says: ahead},
			{real: "6 Jan", do: "approve --clock", left: "w1 w2 x1"},
			{real: "19 Jan", left: "w1 w2 x1"},
			{real: "1 Feb 13:00", left: "w2"},
		}},
		"four minutes back is no news": {"leave_copy: false, delete_after_days: 30", []moment{
			{real: "2 Jan", mail: "w1", left: ""},
			{real: "2 Jan 12:05", clock: "2 Jan 11:56", mail: "w2", left: ""},
			{real: "2 Jan 12:10", clock: "2 Jan 11:54", mail: "w3", left: "w3", says: back},
			{real: "2 Jan 12:15", left: ""},
		}},
		"a week without a pass": {"delete_after_days: 5", []moment{
			{real: "2 Jan", mail: "w1 x1", left: "w1 x1"},
			{real: "9 Jan", mail: "w2", left: "w2"},
			{real: "23 Jan", mail: "w3", left: "w3"}, // 14 days are no gap yet
		}},
		"fifteen days without a pass": {"delete_after_days: 5", []moment{
			{real: "2 Jan", mail: "w1", left: "w1"},
			{real: "17 Jan", mail: "w2", left: "w1 w2", says: ahead},
			{real: "18 Jan", left: "w1 w2"},
			{real: "25 Jan", left: "w1 w2"}, // until somebody says so
			{real: "25 Jan 13:00", do: "approve --clock", left: ""},
		}},
		"a year without a pass": {"leave_copy: false, delete_after_days: 30", []moment{
			{real: "2 Jan", mail: "w1 x1", left: "x1"},
			{real: "2 Jan 2027", mail: "w2 x2", left: "x1 x2", says: ahead},
			{real: "3 Jan 2027", do: "approve --clock", left: "x2"}, // seen yesterday
			{real: "16 Jan 2027", left: "x2"},
			{real: "1 Feb 2027", left: "x2", says: ahead},
			{real: "2 Feb 2027", do: "approve --clock", left: ""},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, l *life) {
				l.policy, l.box = c.policy, ", first_run: all"
				l.live(c.moments)
				for _, waiting := range []string{"w1", "w2", "w3", "w4", "w5"} {
					if rec, ok := l.records()[waiting]; ok && rec.Outcome != "saved" {
						t.Errorf("%s is %s", waiting, rec.Outcome)
					}
				}
			})
		})
	}
}

// Where the build time is known, a clock before it is wrong from the first pass on.
func TestClockBeforeTheBuild(t *testing.T) {
	overBoth(t, func(t *testing.T, l *life) {
		l.built, l.policy, l.box = times(t, "1 Dec 2025"), "leave_copy: false, delete_after_days: 1", ", first_run: all"
		l.live([]moment{
			{real: "2 Jan", clock: "1 Jan 1970 00:05", mail: "w1 x1", left: "w1 x1", says: "but this program was built"},
			{real: "3 Jan", clock: "30 Nov 2025", mail: "w2", left: "w1 w2 x1", says: "but this program was built"},
			{real: "3 Jan 13:00", left: "x1"},
			{real: "3 Jan 13:05", do: "approve --clock", left: ""},
		})
	})
}

// Neither summer time nor another time zone of the machine makes mail older or younger.
func TestZonesAndSummerTime(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "Asia/Kamchatka", "America/Los_Angeles"} {
		where, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(zone, func(t *testing.T) {
			overBoth(t, func(t *testing.T, l *life) {
				l.policy, l.box = "delete_after_days: 2", ", first_run: all"
				came := times(t, "28 Mar") // in the night to the 29th the clocks go forward in Europe
				l.now = came
				l.put(came, "w1")
				l.mustPass()
				l.wantLeft("w1")
				l.now = came.Add(48*time.Hour - time.Second).In(where)
				l.mustPass()
				l.wantLeft("w1")
				l.now = came.Add(48 * time.Hour).In(where)
				l.mustPass()
				l.wantLeft("")
			})
		})
	}
}

// A time of the next try that a wrong clock set does not keep a message waiting for a year.
func TestRetryAfterAWrongClock(t *testing.T) {
	overBoth(t, func(t *testing.T, l *life) {
		l.box = ", first_run: all"
		l.now = begin().AddDate(1, 0, 0)
		l.putRaw(begin(), damaged("w1"))
		l.mustPass()
		if rec := l.records()["w1"]; rec.Failures != 1 || !rec.Next.Equal(l.now.Add(5*time.Minute)) {
			t.Fatalf("failures %d, next %s", rec.Failures, rec.Next)
		}
		l.now = begin().Add(time.Hour)
		l.mustPass()
		if rec := l.records()["w1"]; rec.Failures != 2 {
			t.Errorf("failures %d, next try %s", rec.Failures, rec.Next)
		}
	})
}

// A policy that changes while the clock is ten years back is braked all the same when the clock is right.
func TestPolicyChangedUnderAWrongClock(t *testing.T) {
	overBoth(t, func(t *testing.T, l *life) {
		l.box = ", first_run: all"
		l.put(begin(), numbered("w", 30)...)
		l.mustPass()
		l.policy = "leave_copy: false"
		l.now = begin().AddDate(-10, 0, 0)
		l.mustPass()
		l.now = begin().AddDate(0, 0, 1)
		if out := l.mustPass(); out.Report.Waiting != 30 || len(l.left()) != 30 {
			t.Errorf("%d wait for approval, %d are left\n%s", out.Report.Waiting, len(l.left()), l.log)
		}
		l.approve()
		l.mustPass()
		l.wantLeft("")
	})
}

// What was saved under a clock ahead is not taken for saved since a policy that changed later.
func TestSavedUnderAClockAhead(t *testing.T) {
	overBoth(t, func(t *testing.T, l *life) {
		l.box = ", first_run: all"
		l.put(begin(), "w")
		l.mustPass()
		l.now = begin().AddDate(1, 0, 0)
		l.put(begin(), numbered("w", 30)...)
		l.mustPass()
		l.now = begin().AddDate(0, 0, 1)
		l.mustPass()
		l.approveClock()
		l.mustPass()
		l.policy = "leave_copy: false"
		l.now = l.now.Add(time.Hour)
		if out := l.mustPass(); out.Report.Waiting != 31 {
			t.Errorf("%d wait for approval, %d are left\n%s", out.Report.Waiting, len(l.left()), l.log)
		}
	})
}

// With on_conflict: replace the newer list is out, whatever the clock said when each was seen: also where the server
// does not say when it received them.
func TestReplaceUnderAWrongClock(t *testing.T) {
	for name, wrong := range map[string]int{"back": -10, "ahead": 1} {
		t.Run(name, func(t *testing.T) {
			for _, dated := range []bool{true, false} {
				t.Run(fmt.Sprintf("received %v", dated), func(t *testing.T) {
					overBoth(t, func(t *testing.T, l *life) {
						l.box = ", first_run: all"
						l.rules = "rules: [{name: autoparts, from: [price@autoparts.example], files: ['*.xls'], on_conflict: replace}]\n"
						list := func(n int) {
							received := begin().AddDate(0, 0, n)
							o := mailtest.MessageOptions{From: "price@autoparts.example", Subject: fmt.Sprint("Letter ", n), ID: fmt.Sprint(n),
								Date: received, Files: []mailtest.Attachment{{Name: "list.xls", Content: []byte(fmt.Sprint("list ", n))}}}
							if dated {
								o.Received = received
							}
							l.putRaw(received, mailtest.Message(o))
							l.mustPass()
							if got := l.content("autoparts/list.xls"); got != fmt.Sprint("list ", n) {
								t.Errorf("after letter %d the import directory has %q\n%s", n, got, l.log)
							}
						}
						list(0)
						l.now = begin().AddDate(wrong, 0, 2)
						list(2)
						list(5)
						l.now = begin().AddDate(0, 0, 6)
						list(6)
						l.approveClock()
						list(7)
						l.now = begin().AddDate(0, 0, 9)
						list(9)
					})
				})
			}
		})
	}
}
