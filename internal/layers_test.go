package internal

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
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
	"mimepart":   {[]string{"mail"}, "pure: bytes to parts"},
	"match":      {[]string{"mail"}, "pure: rules × envelope × part"},
	"retain":     {[]string{"mail"}, "pure: policy × now × records"},
	"archive":    {[]string{"mail"}, "pure: bytes to members"},
	"mailbox":    {[]string{"mail", "mimepart"}, "an adapter knows commands only: no rules, no disk, no journal"},
	"save":       {[]string{"atomicfile", "mail"}, "the disk knows nothing of servers"},
	"save/held":  {[]string{"atomicfile", "mail"}, "the disk knows nothing of servers"},
	"journal":    {[]string{"mail"}, "the record knows nothing of how mail came or where files went"},
	"notify":     {[]string{"mail"}, "it takes events from the journal's outbox"},
	"poll":       {[]string{"mail", "match", "retain"}, "sessions, disk and journal arrive as interfaces that poll declares"},
	"monitor":    {[]string{"mail", "journal"}, "it only reads"},
	"daemon": {[]string{"atomicfile", "config", "journal", "mail", "mailbox", "match", "mimepart", "monitor", "notify", "poll",
		"retain", "save", "save/held", "schedule"}, "it builds everything"},
	"mailtest":        {[]string{"mail", "mailtest/corpus"}, "servers for tests and the demo"},
	"mailtest/corpus": {[]string{"mail"}, "sample messages"},
}

// commands may import config, daemon, what reads beside a running daemon, and the pure rooms.
var commands = []string{"config", "daemon", "journal", "mail", "match", "poll", "retain"}

// TestLayers holds every import of the program against the table.
func TestLayers(t *testing.T) {
	seen := map[string]bool{}
	each(t, ".", func(dir, file string, imports []string) {
		if strings.HasSuffix(file, "_test.go") {
			return // a test may import what it tests against
		}
		room := filepath.ToSlash(dir)
		rule, ok := mayImport[room]
		if !ok {
			t.Errorf("internal/%s is not in the table of rooms: add it with a reason, or move it", room)
			return
		}
		seen[room] = true
		for _, imp := range imports {
			other, ours := strings.CutPrefix(imp, module+"internal/")
			if ours && !slices.Contains(rule.rooms, other) {
				t.Errorf("internal/%s/%s imports internal/%s; it may import %v: %s", room, file, other, rule.rooms, rule.why)
			}
		}
	})
	for _, room := range []string{"config", "daemon", "journal", "mail", "mailbox", "match", "mimepart", "poll", "retain", "save", "schedule"} {
		if !seen[room] {
			t.Errorf("internal/%s: no file was checked", room)
		}
	}
}

// TestCommandsImportLittle keeps logic out of the command line.
func TestCommandsImportLittle(t *testing.T) {
	each(t, "../cmd/pricefetch", func(dir, file string, imports []string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		for _, imp := range imports {
			if other, ours := strings.CutPrefix(imp, module+"internal/"); ours && !slices.Contains(commands, other) {
				t.Errorf("cmd/pricefetch/%s imports internal/%s; a command may import %v", file, other, commands)
			}
		}
	})
}

// TestOnlyThere holds what only one room may do.
func TestOnlyThere(t *testing.T) {
	rules := []struct {
		name  string
		calls []string
		rooms []string
	}{
		{"renames files", []string{"os.Rename(", "unix.Renameat", ".Rename(old"}, []string{"atomicfile"}},
		{"dials", []string{"net.Dial", "tls.Dial", ".DialContext("}, []string{"mailbox", "daemon", "mailtest"}},
		{"asks for the time", []string{"time.Now"}, []string{"daemon", "schedule", "mailbox", "mailtest"}},
	}
	each(t, ".", func(dir, file string, _ []string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		room, _, _ := strings.Cut(filepath.ToSlash(dir), "/")
		for _, rule := range rules {
			for _, call := range rule.calls {
				if strings.Contains(string(text), call) && !slices.Contains(rule.rooms, room) {
					t.Errorf("internal/%s/%s %s (%s); only %v may", dir, file, rule.name, call, rule.rooms)
				}
			}
		}
	})
}

// TestPackagesSaySomething: every package says what it is for.
func TestPackagesSaySomething(t *testing.T) {
	documented := map[string]bool{}
	for _, root := range []string{".", "../cmd"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !goFile(path) || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				return err
			}
			dir := filepath.Dir(path)
			documented[dir] = documented[dir] || f.Doc != nil
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("internal/%s: no file has a package comment", dir)
		}
	}
}

func goFile(path string) bool {
	return strings.HasSuffix(path, ".go") && !strings.Contains(filepath.ToSlash(path), "/testdata/")
}

// each calls f for every Go file below root with what it imports.
func each(t *testing.T, root string, f func(dir, file string, imports []string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !goFile(path) {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil || dir == "." && root == "." {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, spec := range parsed.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, imp)
		}
		f(dir, filepath.Base(path), imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
