package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pricefetch/internal/mailtest"
)

// knownSecrets are the passwords that the test logs in with: one of ASCII, which goes by LOGIN and PASS, and one that needs
// AUTHENTICATE or a literal, both with what has to be quoted somewhere.
var knownSecrets = []string{`Tr0ub4dor "&3\x+/%#`, `Пароль-Tr0ub4dor "&3\x+/%#`}

// leaks are the forms of a secret that nothing may show, by name.
func leaks(user, secret string) map[string]string {
	percent := ""
	for _, c := range []byte(secret) {
		percent += fmt.Sprintf("%%%02X", c)
	}
	inJSON, err := json.Marshal(secret)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return map[string]string{
		"as it is": secret, "quoted": strings.Trim(strconv.Quote(secret), `"`), "in JSON": string(inJSON[1 : len(inJSON)-1]),
		"base64": base64.RawStdEncoding.EncodeToString([]byte(secret)), "SASL PLAIN": base64.RawStdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + secret)),
		"hex": hex.EncodeToString([]byte(secret)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(secret))), "percent": percent, "query": url.QueryEscape(secret),
		"its core": "Tr0ub4dor", "its core in base64": base64.RawStdEncoding.EncodeToString([]byte("Tr0ub4do"))[:10], "its core in hex": hex.EncodeToString([]byte("Tr0ub4dor")),
	}
}

// echoed is a sentence with every form of a secret in it.
func echoed(user, secret string) string {
	var words []string
	for name, form := range leaks(user, secret) {
		if !strings.HasPrefix(name, "its core") {
			words = append(words, form)
		}
	}
	slices.Sort(words)
	return "you said <" + strings.Join(words, "> <") + ">"
}

// indiscretions are the ways in which a server fails a login, or betrays it afterwards, by name.
func indiscretions(protocol, words string) map[string]*gossip {
	if protocol == "pop3" {
		return map[string]*gossip{
			"refused": {answers: map[string][]string{"PASS": {"-ERR [AUTH] " + words}}}, "busy": {answers: map[string][]string{"PASS": {"-ERR [SYS/TEMP] " + words}}},
			"cut": {answers: map[string][]string{"PASS": {"CUT"}}}, "garbage": {answers: map[string][]string{"PASS": {words}}},
			"welcome": {answers: map[string][]string{"PASS": {"+OK " + words}, "STAT": {"+OK " + words}, "LIST": {"-ERR [SYS/TEMP] " + words}}},
			"message": {answers: map[string][]string{"RETR": {"-ERR " + words}, "TOP": {"-ERR [SYS/TEMP] " + words}, "QUIT": {"-ERR " + words}}},
			"later":   {answers: map[string][]string{"PASS": {"-ERR [SYS/TEMP]"}}, later: map[string][]string{"": {"-ERR " + words}}},
		}
	}
	return map[string]*gossip{
		"refused": {answers: both("T NO [AUTHENTICATIONFAILED] " + words)}, "busy": {answers: both("T NO [UNAVAILABLE] " + words)}, "cut": {answers: both("CUT")},
		"garbage": {answers: both(words)}, "bye": {answers: both("* BYE "+words, "CUT")},
		"welcome": {answers: map[string][]string{"LOGIN": {"* OK [ALERT] " + words, "T OK " + words}, "EXAMINE": {"T NO " + words}, "LIST": {"T NO " + words}}},
		"message": {answers: map[string][]string{"FETCH": {"* OK " + words, "T NO " + words}, "SEARCH": {"T NO " + words}}},
		"later":   {answers: both("CUT"), later: map[string][]string{"": {"* BYE " + words, "CUT"}}},
	}
}

func both(lines ...string) map[string][]string {
	return map[string][]string{"LOGIN": lines, "AUTHENTICATE": lines}
}

// secretSite is an installation whose every mailbox knows a secret, each from one of the sources in turn.
type secretSite struct {
	*site
	env   []string
	said  bytes.Buffer // by every run of the program
	boxes []string
	given int
	runs  int
}

// source writes a secret where a mailbox finds it and returns the key that says where.
func (s *secretSite) source(name, secret string) string {
	inYAML := "'" + strings.ReplaceAll(secret, "'", "''") + "'"
	s.given++
	switch s.given % 7 {
	case 0:
		return "password: " + inYAML
	case 1:
		return "password_file: " + s.write("secret-file-"+name, secret+"\n")
	case 2:
		variable := "SECRET_" + strconv.Itoa(s.given)
		s.env = append(s.env, variable+"="+secret)
		return "password_env: " + variable
	case 3:
		return "password_command: [cat, " + s.write("secret-command-"+name, secret) + "]"
	case 4:
		return "password_command: [printf, '%s', " + inYAML + "]"
	case 5:
		s.write("credential-"+name, secret)
		return "credential: credential-" + name
	default:
		s.write(name, secret+"\n") // in secrets_dir
		return "enabled: true"
	}
}

// add configures a mailbox.
func (s *secretSite) add(name, protocol, tls string, port int, ca, how string) {
	trust := ""
	if tls != "none" {
		trust = "ca_file: " + ca + ", "
	}
	s.boxes = append(s.boxes, fmt.Sprintf("  - {name: %s, protocol: %s, host: 127.0.0.1, port: %d, tls: %s, %susername: joe, poll: 1h, %s}\n", name, protocol, port, tls, trust, how))
}

// say runs the program, with its log in both formats by turns, and keeps what it says.
func (s *secretSite) say(args ...string) {
	s.t.Helper()
	s.runs++
	format := []string{"text", "json"}[s.runs%2]
	cmd := s.command(append([]string{"--log-level", "debug", "--log-format", format}, args...)...)
	cmd.Env = append(cmd.Env, s.env...)
	r := s.finish(cmd)
	fmt.Fprintf(&s.said, "$ pricefetch %s\n%s%s", strings.Join(args, " "), r.out, r.err)
	if strings.Contains(r.err, "panic") {
		s.t.Errorf("pricefetch %v: %s", args, r.err)
	}
}

// served are a mailbox for each way to fail over each kind of connection, whose servers know its password.
func (s *secretSite) served(t *testing.T) {
	authority, err := mailtest.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	config, err := authority.ServerConfig()
	if err != nil {
		t.Fatal(err)
	}
	ca := s.write("ca.pem", string(authority.CA))
	for _, w := range ways {
		for i, secret := range knownSecrets {
			for how, g := range indiscretions(w.protocol, echoed("joe", secret)) {
				g.protocol, g.tls, g.config = w.protocol, w.tls, config
				g.start(t)
				name := fmt.Sprintf("%s-%s-%d", w, how, i)
				s.add(name, w.protocol, w.tls, g.port, ca, s.source(name, secret))
			}
		}
	}
}

// failing are mailboxes whose secret cannot be had, in ways that come near to showing it.
func (s *secretSite) failing() {
	const secret = "Tr0ub4dor"
	for name, how := range map[string]string{
		"stderr":   "password_command: [sh, -c, 'echo Tr0ub4dor >&2; exit 1']",
		"argument": "password_command: [" + s.path("none") + ", " + secret + "]",
		"traced":   "password_command: [sh, -xc, 'test Tr0ub4dor = x']",
		"lines":    "password_file: " + s.write("secret-lines", secret+"\n"+secret+"\n"),
		"nul":      "password_file: " + s.write("secret-nul", secret+"\x00"),
		"both":     "password_command: [sh, -c, 'echo Tr0ub4dor; echo Tr0ub4dor; echo Tr0ub4dor >&2']",
		"world":    "password_file: " + s.write("secret-world", secret+"-of-world"),
	} {
		s.add("failing-"+name, "imap", "none", 1, "", how)
	}
	if err := os.Chmod(s.path("secret-world"), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// settle writes the configuration.
func (s *secretSite) settle() {
	s.env = append(s.env, "CREDENTIALS_DIRECTORY="+s.dir)
	s.write("pricefetch.yaml", fmt.Sprintf("import_dir: %s\nstate_dir: %s\nsecrets_dir: %s\nlimits: {min_free: 1MB, sessions: 32, per_host: {'*': 32}}\n"+
		"mailboxes:\n%srules:\n  - {name: a, from: [price@a.ru], files: ['*']}\n", s.path("import"), s.path("state"), s.dir, strings.Join(s.boxes, "")))
}

// daemon lets the daemon run, asks it everything that can be asked, and ends it with a dump of its goroutines.
func (s *secretSite) daemon() {
	cmd := s.command("--log-level", "debug", "run")
	cmd.Env = append(cmd.Env, s.env...)
	log := s.write("daemon.log", "")
	out, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(readFile(s.t, log), "msg=started"); {
		if time.Now().After(deadline) {
			s.t.Fatalf("the daemon does not start:\n%s", readFile(s.t, log))
		}
		s.run("version")
	}
	var names []string
	for _, box := range s.boxes {
		_, name, _ := strings.Cut(box, "name: ")
		name, _, _ = strings.Cut(name, ",")
		names = append(names, name)
	}
	s.say(append([]string{"poll"}, names...)...)
	for _, args := range [][]string{{"status"}, {"status", "--output", "json"}, {"reload"}, {"retry", "1"}, {"rescan", names[0], "--since", "1d"}, {"approve", names[0]}} {
		s.say(args...)
	}
	sound := readFile(s.t, s.path("pricefetch.yaml"))
	s.write("pricefetch.yaml", strings.Replace(sound, "password: '", "passwort:'", 1))
	s.say("reload")
	s.say("check")
	s.write("pricefetch.yaml", sound)
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		s.t.Fatal(err)
	}
	_ = cmd.Wait() // by the signal
	s.said.WriteString(readFile(s.t, log))
	if !strings.Contains(readFile(s.t, log), "goroutine ") {
		s.t.Error("there is no dump of goroutines to look at")
	}
}

// TestNoSecretAnywhere logs in with known passwords from every source, over every kind of connection, to servers that fail
// in every way and repeat the password in every form, with debug logging on, and looks for it in all that the program said
// and wrote.
func TestNoSecretAnywhere(t *testing.T) {
	s := &secretSite{site: newSite(t)}
	s.served(t)
	s.failing()
	s.settle()
	letter := s.write("letter.eml", "From: price@a.ru\r\n\r\ntext\r\n")
	for _, args := range [][]string{
		{"check"}, {"check", "--output", "json"}, {"check", "--connect"}, {"check", "--connect", "--output", "json"}, {"once"}, {"once", "--output", "json"}, {"once"},
		{"plan"}, {"status"}, {"status", "--output", "json"}, {"messages"}, {"messages", "--output", "json"}, {"history"}, {"show", "1"}, {"show", "1", "--output", "json"},
		{"explain", letter}, {"explain", "--from", "price@a.ru", "--file", "x"}, {"schema"}, {"version"}, {"help"}, {"run", "--strict"},
	} {
		s.say(args...)
	}
	s.daemon()
	s.say("status")
	for _, secret := range knownSecrets {
		for form, leak := range leaks("joe", secret) {
			if i := strings.Index(s.said.String(), leak); i >= 0 {
				said := s.said.String()
				t.Errorf("%s: the program says …%s…", form, said[max(0, i-300):min(len(said), i+len(leak)+100)])
			}
			s.search(form, leak)
		}
	}
	for _, want := range []string{"every user can read " + s.path("secret-world"), "****"} {
		if !strings.Contains(s.said.String(), want) {
			t.Errorf("nothing says %q", want)
		}
	}
	if n := strings.Count(s.said.String(), "you said <****>"); n < 500 {
		t.Errorf("only %d echoes came through, so not much was tried", n)
	}
	t.Logf("%d mailboxes, %d bytes of output, %d passwords hidden", len(s.boxes), s.said.Len(), strings.Count(s.said.String(), stars))
}

const stars = "****"

// search looks into every file that the program wrote: the journal, its log, what was held, saved or left behind.
func (s *secretSite) search(form, leak string) {
	files := 0
	for _, dir := range []string{"state", "import"} {
		err := filepath.WalkDir(s.path(dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			files++
			data, err := os.ReadFile(path)
			if i := bytes.Index(data, []byte(leak)); i >= 0 {
				s.t.Errorf("%s: %s has …%q…", form, path, data[max(0, i-100):min(len(data), i+100)])
			}
			return err
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if files < 2 {
		s.t.Errorf("only %d files were looked into", files)
	}
}
