//go:build faults

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// change is one change of the program's source.
type change struct {
	file string // below the top of the module
	old  string // a regular expression that matches once
	new  string
}

// nextVersion makes the program of one journal version later.
var nextVersion = []change{{"internal/journal/schema.go", `(func migrations\(\) \[\]string \{ return \[\]string\{[^}]*)\}`,
	`$1, "ALTER TABLE meta ADD COLUMN later TEXT"}`}}

// variant builds a changed program into dir, static as it is shipped; the source itself is not touched.
func variant(dir string, changes []change) (string, error) {
	top, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for i, c := range changes {
		path := filepath.Join(top, c.file)
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		pattern := regexp.MustCompile(c.old)
		if n := len(pattern.FindAllIndex(text, -1)); n != 1 {
			return "", fmt.Errorf("change %s: %q is there %d times, expected once: mend the pattern in this test", c.file, c.old, n)
		}
		replace[path] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(replace[path], pattern.ReplaceAll(text, []byte(c.new)), 0o600); err != nil {
			return "", err
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "pricefetch")
	cmd := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with changes in %s: %w\n%s", changes[0].file, err, out)
	}
	return path, nil
}

// wrongProgram is the program with one promise broken, and rounds of a fault of which one must notice.
type wrongProgram struct {
	name    string
	changes []change
	fault   string
	rounds  string // they begin with it
}

// wrongPrograms are the mistakes that this kind of program is made with.
var wrongPrograms = []wrongProgram{
	{"staged files are not synced", []change{unsyncedFile}, "power cut on ext4", "import_dir-FILE"},
	{"staged files are not synced", []change{unsyncedFile}, "power cut on xfs", "import_dir-FILE"},
	{"directories are not synced", []change{unsyncedDirectory}, "power cut on ext4", "import_dir-"},
	{"directories are not synced", []change{unsyncedDirectory}, "power cut on xfs", "import_dir-"},
	{"journal with synchronous=NORMAL", []change{{"internal/journal/open.go", `synchronous\(FULL\)`, "synchronous(NORMAL)"}}, "power cut on ext4", "state_dir-"},
	{"journal with synchronous=OFF", []change{{"internal/journal/open.go", `synchronous\(FULL\)`, "synchronous(OFF)"}}, "power cut on xfs", "state_dir-"},
	{"a sync that fails is good enough", []change{unheededFile, unheededDirectory}, "failing fsync (disk below ext4 full)", "import_dir-"},
	{"publishes, then writes the receipt", []change{{"internal/poll/publish.go", `\tfiles, err := r\.intend\(ctx, it, j\)\n`, `	for _, f := range it.staged {
		f.Name, _ = r.Import.Free(f.Dir, f.Original, f.Replace, func(string) bool { return false })
		_, _ = r.Import.Publish(ctx, f, nil)
	}
	files, err := r.intend(ctx, it, j)
`}}, "kill -9 at fsync", ""},
	{"does not believe that it has published", []change{{"internal/save/publish.go", `return d\.before\(p, f\)`,
		`return 0, mail.Errorf(mail.Message, "publish: %w", mail.ErrStagedLost)`}}, "kill -9 at fsync", ""},
	{"letters under held/ are not synced", []change{{"internal/save/held/held.go", `err = f\.Sync\(\)`, "err = error(nil)"}},
		"power cut on ext4", "state_dir-"},
}

var (
	unsyncedFile      = change{"internal/save/stage.go", `err := f\.Sync\(\)`, "err := error(nil)"}
	unsyncedDirectory = change{"internal/atomicfile/atomicfile.go", `err := handle\.Sync\(\)`, "err := error(nil)"}
	unheededFile      = change{"internal/save/stage.go", `(if err := f\.Sync\(\); err != nil) \{`, "$1 && false {"}
	unheededDirectory = change{"internal/atomicfile/atomicfile.go", `(if err := handle\.Sync\(\); err != nil) `, "$1 && false "}
)

// wrongRow is one line of the table of wrong programs.
type wrongRow struct {
	wrongProgram
	tried  int
	caught string // the complaint
	took   time.Duration
	notRun bool
}

// catch shows that the rounds notice: each wrong program is put through its rounds until one of them complains.
func catch(t *testing.T, l *lab, all []fault) []wrongRow {
	rows := make([]wrongRow, len(wrongPrograms))
	build := building(t)
	t.Run("caught", func(t *testing.T) {
		for i, w := range wrongPrograms {
			at := slices.IndexFunc(all, func(f fault) bool { return f.name == w.fault })
			if at < 0 {
				t.Fatalf("%s: there is no fault %q", w.name, w.fault)
			}
			rows[i] = wrongRow{wrongProgram: w, notRun: true}
			if l.lacks(all[at].needs...) {
				continue
			}
			t.Run(w.name+", "+w.fault, func(t *testing.T) {
				t.Parallel()
				rows[i].catch(t, l, build(t, w), all[at].rounds)
			})
		}
	})
	return rows
}

// building returns what builds a wrong program, each once.
func building(t *testing.T) func(t *testing.T, w wrongProgram) string {
	dir := t.TempDir()
	var mu sync.Mutex
	built := map[string]string{}
	return func(t *testing.T, w wrongProgram) string {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if built[w.name] == "" {
			own, err := os.MkdirTemp(dir, "wrong")
			if err == nil {
				built[w.name], err = variant(own, w.changes)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return built[w.name]
	}
}

func (w *wrongRow) catch(t *testing.T, l *lab, bin string, rounds []round) {
	w.notRun = false
	began := time.Now()
	defer func() { w.took = time.Since(began) }()
	for _, r := range rounds {
		if !strings.HasPrefix(r.name, w.rounds) {
			continue
		}
		w.tried++
		x := &trial{TB: t, lab: l, bin: bin, sum: &tally{}, listen: true}
		r.run(x)
		if heard := x.complaints(); len(heard) > 0 {
			w.caught = heard[0]
			return
		}
	}
	t.Errorf("nobody noticed in %d rounds: what these rounds say of the right program is worth nothing", w.tried)
}

func printWrong(w io.Writer, rows []wrongRow) {
	fmt.Fprintf(w, "\n%-40s %-38s %7s %6s  %s\n", "WRONG PROGRAM", "PUT THROUGH", "ROUNDS", "TOOK", "CAUGHT BY")
	for _, r := range rows {
		caught, _, _ := strings.Cut(r.caught, "\n")
		switch {
		case r.notRun:
			caught = "NOT RUN (left out)"
		case caught == "":
			caught = "NOT CAUGHT"
		}
		fmt.Fprintf(w, "%-40s %-38s %7d %5.0fs  %s\n", r.name, r.fault, r.tried, r.took.Seconds(), caught)
	}
}
