package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
)

// TestMain lets the scripts run the program under its name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pricefetch": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the scripts of testdata/script, each with mail servers of its own: see serve. Beside testscript's own
// commands they have
//
//	config FILE                        expand $VARIABLES in FILE and make it the configuration
//	deliver USER FROM NAME [SUBJECT]   put a message with an attachment of that name, or of each in A|B, into a mailbox
//	post USER FILE                     put the message that FILE is into a mailbox
//	hoursago MAILBOX N                 make the last finished pass N hours older
//	hold ID REASON [FILE]              hold a message, as its last failure does, with FILE as its raw message
//	status N ARGUMENT…                 run pricefetch and want that exit status, no password and no control character
//	await FILE TEXT                    wait until a program in the background has written the text
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), Setup: serve, RequireUniqueNames: true,
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"config": configureScript, "deliver": deliverScript, "post": postScript, "hoursago": hoursAgoScript, "hold": holdScript, "await": awaitScript, "status": statusScript,
		},
	})
}

type serversKey struct{}

type servers struct {
	imap  *mailtest.IMAP
	pop3  *mailtest.POP3
	drops map[string]*mailtest.Maildrop
}

// secretOf is the password of every user of the script's servers.
const secretOf = "top-secret-0815"

// serve starts an IMAP server with the user imap@example.ru and a POP3 server with pop3@example.ru, on $IMAP and $POP3.
func serve(env *testscript.Env) error {
	s := &servers{imap: mailtest.NewIMAP(), pop3: mailtest.NewPOP3(mailtest.POP3Options{}), drops: map[string]*mailtest.Maildrop{}}
	if err := s.imap.AddUser("imap@example.ru", secretOf, "Прайсы"); err != nil {
		return err
	}
	s.drops["pop3@example.ru"] = s.pop3.AddUser("pop3@example.ru", secretOf)
	imap, err := s.imap.Listen()
	if err != nil {
		return err
	}
	pop3, err := s.pop3.Listen()
	if err != nil {
		return err
	}
	env.Defer(func() {
		if err := errors.Join(s.imap.Close(), s.pop3.Close()); err != nil {
			env.T().Log(err)
		}
	})
	env.Values[serversKey{}] = s
	env.Setenv("IMAP", fmt.Sprint(imap))
	env.Setenv("POP3", fmt.Sprint(pop3))
	env.Setenv("SECRET", secretOf)
	env.Setenv("TZ", "UTC")
	env.Setenv("PRICEFETCH_CONFIG", filepath.Join(env.WorkDir, "pricefetch.yaml"))
	return os.Mkdir(filepath.Join(env.WorkDir, "import"), 0o755)
}

func configureScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: config FILE")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs("pricefetch.yaml"), []byte(text), 0o600))
}

// deliverScript puts a message with an attachment into a mailbox.
func deliverScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: deliver USER FROM NAME [SUBJECT]")
	}
	user, from, name := args[0], args[1], args[2]
	subject := "Прайс"
	if len(args) > 3 {
		subject = strings.NewReplacer(`\e`, "\x1b", `\n`, "\n", `\u202e`, "\u202e").Replace(args[3])
	}
	s := ts.Value(serversKey{}).(*servers)
	now := time.Now().Add(-time.Hour)
	var files []mailtest.Attachment
	for file := range strings.SplitSeq(name, "|") {
		files = append(files, mailtest.Attachment{Name: file, Content: bytes.Repeat([]byte(file), 10)})
	}
	raw := mailtest.Message(mailtest.MessageOptions{From: from, Subject: subject, ID: name + "@test.example", Date: now, Received: now, Files: files})
	s.put(ts, user, raw, now)
}

// postScript puts a message that the script has into a mailbox.
func postScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: post USER FILE")
	}
	raw := strings.ReplaceAll(ts.ReadFile(args[1]), "\n", "\r\n")
	ts.Value(serversKey{}).(*servers).put(ts, args[0], []byte(raw), time.Now().Add(-time.Hour))
}

func (s *servers) put(ts *testscript.TestScript, user string, raw []byte, received time.Time) {
	if drop := s.drops[user]; drop != nil {
		drop.Add(raw)
		return
	}
	ts.Check(s.imap.Append(user, "INBOX", raw, received))
}

// hoursAgoScript makes the last finished pass older.
func hoursAgoScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hoursago MAILBOX N")
	}
	ago, err := time.ParseDuration(args[1] + "h")
	ts.Check(err)
	j, err := journal.Open(context.Background(), ts.MkAbs("state/journal.db"), time.Now)
	ts.Check(err)
	defer j.Close()
	ts.Check(j.Update(context.Background(), args[0], func(s *mail.MailboxState) { s.LastFinished = s.LastFinished.Add(-ago) }))
}

// holdScript holds a message for a person.
func holdScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: hold ID REASON [FILE]")
	}
	ctx := context.Background()
	j, err := journal.Open(ctx, ts.MkAbs("state/journal.db"), time.Now)
	ts.Check(err)
	defer j.Close()
	ids, err := recordIDs(args[:1])
	ts.Check(err)
	kept := ""
	if len(args) == 3 {
		kept = args[0] + "-SCRIPTED.eml"
		ts.Check(os.WriteFile(ts.MkAbs("state/held/"+kept), []byte(ts.ReadFile(args[2])), 0o600))
	}
	ts.Check(j.Hold(ctx, ids[0], args[1], kept, time.Now()))
}

// awaitScript waits until a file that a background command writes has the text.
func awaitScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(20 * time.Second); ; {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(data), args[1]) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			ts.Fatalf("%s never has %q:\n%s", args[0], args[1], data)
		}
	}
}

// statusScript runs pricefetch and wants that exit status: `status 2 check`. No output may show the password.
func statusScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: status N ARGUMENT…")
	}
	err := ts.Exec("pricefetch", args[1:]...)
	got := 0
	if err != nil {
		got = -1
		var exit interface{ ExitCode() int }
		if errors.As(err, &exit) {
			got = exit.ExitCode()
		}
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("pricefetch %s: exit status %d, want %s", strings.Join(args[1:], " "), got, args[0])
	}
	for _, out := range []string{ts.ReadFile("stdout"), ts.ReadFile("stderr")} {
		if strings.Contains(out, secretOf) {
			ts.Fatalf("the output shows the password")
		}
		if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && (r < ' ' || r == 0x7f || r == '\u202e') }); i >= 0 {
			ts.Fatalf("the output has the control character %q", out[i:i+1])
		}
	}
}
