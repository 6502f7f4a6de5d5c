package internal

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "pricefetch/"

// mayImport is the architecture: which room may import which. A room that is not listed may import nothing of ours.
var mayImport = map[string]struct {
	rooms []string
	why   string
}{
	"config":     {nil, "what the admin wrote is translated by daemon, so that no room depends on the file's shape"},
	"schedule":   {nil, "it knows when, not what"},
	"mail":       {nil, "the vocabulary depends on nothing"},
	"atomicfile": {nil, "renaming depends on nothing"},
	"cyrillic":   {nil, "pure: how Russian a text looks; names come in unknown charsets in messages and in archives alike"},
	"mimepart":   {[]string{"cyrillic", "mail"}, "pure: bytes to parts"},
	"match":      {[]string{"mail"}, "pure: rules × envelope × part"},
	"retain":     {[]string{"mail"}, "pure: policy × now × records"},
	"archive":    {[]string{"cyrillic", "mail"}, "pure: bytes to members"},
	"senders":    {[]string{"mail", "match"}, "pure: envelopes and names of parts to drafts of rules"},
	"mailbox":    {[]string{"mail", "mimepart"}, "an adapter knows commands only: no rules, no disk, no journal"},
	"save":       {[]string{"atomicfile", "mail"}, "the disk knows nothing of servers"},
	"save/held":  {[]string{"atomicfile", "mail"}, "the disk knows nothing of servers"},
	"journal":    {[]string{"atomicfile", "mail"}, "the record knows nothing of how mail came or where files went"},
	"notify":     {[]string{"mail"}, "it takes events from the journal's outbox"},
	"poll":       {[]string{"mail", "match", "retain"}, "sessions, disk and journal arrive as interfaces that poll declares"},
	"monitor":    {[]string{"mail", "journal"}, "it only reads"},
	"daemon": {[]string{"archive", "atomicfile", "config", "journal", "mail", "mailbox", "match", "mimepart", "monitor", "notify", "poll",
		"retain", "save", "save/held", "schedule", "senders"}, "it builds everything"},
	"mailtest":         {[]string{"mail", "mailtest/corpus"}, "servers for tests and the demo"},
	"mailtest/corpus":  {[]string{"mail"}, "sample messages"},
	"mailtest/compare": {[]string{"mail", "mailtest/corpus", "mimepart"}, "a module of its own: what it compares with stays out of the program's"},
	"mailtest/model": {[]string{"journal", "mail", "mailbox", "match", "mimepart", "poll", "retain", "save", "save/held"},
		"it drives the rooms of a message's life"},
	"mailtest/model/run": {[]string{"mailtest/model"}, "it shows what the model came to"},
}

// commands may import config, daemon, what reads beside a running daemon, and the pure rooms.
var commands = []string{"config", "daemon", "journal", "mail", "match", "poll", "retain", "senders"}

// mayUse says which rooms may import what is not ours; a path stands for all below it.
var mayUse = []struct {
	path  string
	rooms []string
	why   string
}{
	{"github.com/emersion/go-imap", []string{"mailbox", "mailtest"}, "the wire is mailbox's"},
	{"github.com/knadh/go-pop3", []string{"mailbox"}, "the wire is mailbox's"},
	{"github.com/nwaples/rardecode", []string{"archive"}, "archives are opened under limits only"},
	{"github.com/bodgit/sevenzip", []string{"archive"}, "archives are opened under limits only"},
	{"archive/zip", []string{"archive", "mailtest"}, "archives are opened under limits only"},
	{"github.com/emersion/go-sasl", []string{"mailbox"}, "the wire is mailbox's"},
	{"modernc.org/sqlite", []string{"journal"}, "the record is the journal's"},
	{"database/sql", []string{"journal"}, "the record is the journal's"},
	{"gopkg.in/yaml.v3", []string{"config"}, "the file is config's"},
	{"github.com/spf13", []string{"cmd"}, "the command line is cmd's"},
}

// pure rooms neither see nor change anything outside the process: they import none of untouchable.
var pure = []string{"archive", "cyrillic", "mail", "match", "mimepart", "poll", "retain", "schedule", "senders"}

var untouchable = []string{"os", "os/exec", "os/signal", "os/user", "net", "net/http", "syscall", "golang.org/x/sys/unix"}

// deeds are what only one room, or few, may do.
var deeds = []struct {
	name    string
	funcs   []string       // import path and name; a * at its end stands for any ending
	methods map[string]int // name and number of arguments, -1: any, whatever the type
	rooms   []string       // "cmd" is all below cmd/
	why     string
}{
	{"renames or links files", []string{"os.Rename", "os.Link", "os.Symlink", "syscall.Rename*", "syscall.Link*", "golang.org/x/sys/unix.Rename*", "golang.org/x/sys/unix.Link*"},
		map[string]int{"Rename": 2, "Link": 2, "Symlink": 2}, []string{"atomicfile", "mailtest"}, "publishing has to be durable and replace nothing"},
	{"dials", []string{"net.Dial*", "crypto/tls.Dial*", "github.com/emersion/go-imap/v2/imapclient.Dial*"},
		map[string]int{"DialContext": -1}, []string{"mailbox", "daemon", "mailtest"}, "every connection has deadlines and verified TLS; daemon dials its own control socket"},
	{"reads the clock", []string{"time.Now", "time.Since", "time.Until"}, nil, []string{"cmd", "daemon", "schedule", "mailbox", "mailtest"},
		"the others are given the time, so that tests and dry runs can choose it"},
	{"expunges what others marked", nil, map[string]int{"Expunge": 0, "UnselectAndExpunge": -1}, nil, "EXPUNGE removes every message with \\Deleted, also other people's; UID EXPUNGE does not"},
}

// TestLayers holds every import of the program against the table.
func TestLayers(t *testing.T) {
	seen := map[string]bool{}
	each(t, ".", func(room, file string, parsed *ast.File) {
		rule, ok := mayImport[room]
		if !ok {
			t.Errorf("internal/%s is not in the table of rooms: add it with a reason, or move it", room)
			return
		}
		seen[room] = true
		for _, imp := range imports(parsed) {
			other, ours := strings.CutPrefix(imp.path, module)
			if ours && !slices.Contains(rule.rooms, strings.TrimPrefix(other, "internal/")) {
				t.Errorf("%s imports %s; it may import %v: %s", file, other, rule.rooms, rule.why)
			}
		}
	})
	for _, room := range []string{"archive", "atomicfile", "config", "cyrillic", "daemon", "journal", "mail", "mailbox", "match", "mimepart", "poll", "retain", "save", "schedule", "senders"} {
		if !seen[room] {
			t.Errorf("internal/%s: no file was checked", room)
		}
	}
}

// TestCommandsImportLittle keeps logic out of the command line.
func TestCommandsImportLittle(t *testing.T) {
	files := 0
	each(t, "../cmd/pricefetch", func(_, file string, parsed *ast.File) {
		files++
		for _, imp := range imports(parsed) {
			if other, ours := strings.CutPrefix(imp.path, module); ours && !slices.Contains(commands, strings.TrimPrefix(other, "internal/")) {
				t.Errorf("%s imports %s; a command may import %v", file, other, commands)
			}
		}
	})
	if files < 5 {
		t.Errorf("only %d files of cmd/pricefetch were checked", files)
	}
}

// TestOnlyThere holds what only one room may do or use, over the whole program.
func TestOnlyThere(t *testing.T) {
	check := func(room, file string, parsed *ast.File) {
		for _, fault := range offences(room, parsed) {
			t.Errorf("%s %s", file, fault)
		}
	}
	each(t, ".", check)
	each(t, "../cmd", func(_, file string, parsed *ast.File) { check("cmd", file, parsed) })
}

// offences are what a file of a room does that it may not. A type is not looked up: a method is known by its name and
// the number of its arguments.
func offences(room string, f *ast.File) []string {
	room, _, _ = strings.Cut(room, "/")
	var faults []string
	for _, imp := range imports(f) {
		if imp.name == "." {
			faults = append(faults, "imports "+imp.path+" with a dot: what it does cannot be told")
		}
		if slices.Contains(pure, room) && slices.Contains(untouchable, imp.path) {
			faults = append(faults, fmt.Sprintf("imports %s; none of %v may: they are pure", imp.path, pure))
		}
		for _, u := range mayUse {
			if (imp.path == u.path || strings.HasPrefix(imp.path, u.path+"/")) && !slices.Contains(u.rooms, room) {
				faults = append(faults, fmt.Sprintf("imports %s; only %v may: %s", imp.path, u.rooms, u.why))
			}
		}
	}
	used, called := uses(f)
	for _, d := range deeds {
		does := slices.ContainsFunc(used, func(name string) bool {
			return slices.ContainsFunc(d.funcs, func(pattern string) bool {
				prefix, open := strings.CutSuffix(pattern, "*")
				return name == pattern || open && strings.HasPrefix(name, prefix)
			})
		}) || slices.ContainsFunc(called, func(m method) bool {
			args, listed := d.methods[m.name]
			return listed && (args < 0 || args == m.args)
		})
		if does && !slices.Contains(d.rooms, room) {
			faults = append(faults, fmt.Sprintf("%s; only %v may: %s", d.name, d.rooms, d.why))
		}
	}
	slices.Sort(faults)
	return faults
}

// method is a call of something that is no function of a package.
type method struct {
	name string
	args int
}

// uses finds the functions of packages that a file names, called or not, as "os.Rename", and the methods that it calls.
func uses(f *ast.File) (funcs []string, methods []method) {
	paths := map[string]string{}
	for _, imp := range imports(f) {
		paths[imp.name] = imp.path
	}
	inPackage := func(s *ast.SelectorExpr) (string, bool) {
		x, ok := s.X.(*ast.Ident)
		if !ok || x.Obj != nil { // a variable of that name hides the package
			return "", false
		}
		imp, ok := paths[x.Name]
		return imp + "." + s.Sel.Name, ok
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if name, ok := inPackage(n); ok {
				funcs = append(funcs, name)
			}
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok {
				if _, ok := inPackage(s); !ok {
					methods = append(methods, method{s.Sel.Name, len(n.Args)})
				}
			}
		}
		return true
	})
	return funcs, methods
}

// TestOffences shows that breaking the rules is noticed, in whatever dress.
func TestOffences(t *testing.T) {
	for _, c := range []struct{ room, source, want string }{
		{"save", `import "os"; func f() { os.Rename("a", "b") }`, "renames"},
		{"save/held", `import "os"; var rename = os.Rename`, "renames"},
		{"save", `import std "os"; func f() { std.Rename("a", "b") }`, "renames"},
		{"save", `import "os"; func f(r *os.Root) { r.Rename("a", "b") }`, "renames"},
		{"journal", `import "golang.org/x/sys/unix"; func f() { unix.Renameat2(0, "a", 1, "b", 0) }`, "renames"},
		{"cmd", `import "os"; func f() { os.Link("a", "b") }`, "renames"},
		{"atomicfile", `import "os"; func f() { os.Rename("a", "b") }`, ""},
		{"poll", `func f(j J) { j.Rename(ctx, 1, "b") }`, ""},
		{"retain", `import "time"; func f() { time.Now() }`, "reads the clock"},
		{"poll", `import "time"; func f(t time.Time) { time.Since(t) }`, "reads the clock"},
		{"journal", `import clock "time"; import "time"; var now = clock.Now; var d time.Duration`, "reads the clock"},
		{"journal", `import . "time"; var now = Now`, "with a dot"},
		{"journal", `import "time"; func f(time T) { time.Now() }`, ""},
		{"journal", "// time.Now is not ours to call\nvar x = `time.Now()`", ""},
		{"schedule", `import "time"; func f() { time.Now() }`, ""},
		{"save", `import "net"; func f() { net.DialTimeout("tcp", "a:1", 0) }`, "dials"},
		{"save", `import "net"; var d net.Dialer`, "dials"},
		{"match", `import "os"`, "pure"},
		{"poll", `import "net/http"`, "pure"},
		{"mimepart", `import "net/mail"`, ""},
		{"poll", `import "database/sql"`, "only [journal] may"},
		{"daemon", `import "github.com/emersion/go-imap/v2/imapclient"`, "only [mailbox mailtest] may"},
		{"mailbox", `func f(c C) { c.Expunge().Close() }`, "expunges"},
		{"mailbox", `func f(c C) { c.UIDExpunge(uids) }`, ""},
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+c.source, 0)
		if err != nil {
			t.Fatalf("%s: %v", c.source, err)
		}
		got := strings.Join(offences(c.room, f), "; ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("in %s: %s\ngot %q, expected %q", c.room, c.source, got, c.want)
		}
	}
}

// TestPackagesSaySomething: every package says what it is for.
func TestPackagesSaySomething(t *testing.T) {
	documented := map[string]bool{}
	for _, root := range []string{".", "../cmd"} {
		each(t, root, func(_, file string, parsed *ast.File) {
			dir := path.Dir(file)
			documented[dir] = documented[dir] || parsed.Doc != nil
		})
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a package comment", dir)
		}
	}
}

// imported is a package, and the name under which a file knows it.
type imported struct{ path, name string }

func imports(f *ast.File) []imported {
	var all []imported
	for _, spec := range f.Imports {
		full, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has refused it
		}
		name := path.Base(full)
		if name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
			name = path.Base(path.Dir(full)) // a major version
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		all = append(all, imported{full, name})
	}
	return all
}

// each calls f for every Go file below root, tests apart: a test may import what it tests against. room is its folder
// below root, file its path from the top of the checkout.
func each(t *testing.T, root string, f func(room, file string, parsed *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "testdata" {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		room, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		f(filepath.ToSlash(room), path.Join("internal", filepath.ToSlash(name)), parsed)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
