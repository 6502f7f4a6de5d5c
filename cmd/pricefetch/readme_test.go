package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
)

const checkout = "../.."

// page is what can be checked of a Markdown page.
type page struct {
	file     string   // from the top of the checkout
	sections []string // its ## lines
	blocks   []block
	rows     [][]string // of all tables, the lines below the heads left out
	spans    []string   // what stands between backquotes in its prose and tables
	links    []string   // targets
}

// block is a code block; lang is "" for one that is indented.
type block struct {
	lang  string
	lines []string
}

var (
	span = regexp.MustCompile("`([^`]+)`")
	link = regexp.MustCompile(`\]\(([^)]+)\)`)
)

// readPages reads the README in both languages, English first.
func readPages(t *testing.T) []page {
	t.Helper()
	var pages []page
	for _, file := range []string{"README.md", "configs/README.ru.md"} {
		text, err := os.ReadFile(filepath.Join(checkout, file))
		if err != nil {
			t.Fatal(err)
		}
		p := page{file: file}
		p.read(strings.Split(string(text), "\n"))
		pages = append(pages, p)
	}
	return pages
}

func (p *page) read(lines []string) {
	fenced, indented := false, false
	for _, line := range lines {
		lang, fence := strings.CutPrefix(line, "```")
		code, deep := strings.CutPrefix(line, "    ")
		switch {
		case fence && !fenced:
			p.blocks = append(p.blocks, block{lang: lang})
		case fence:
		case fenced:
			p.code(line)
		case deep && !indented:
			p.blocks = append(p.blocks, block{})
			p.code(code)
		case deep:
			p.code(code)
		default:
			p.prose(line)
		}
		fenced, indented = fenced != fence, deep && !fenced
	}
}

func (p *page) code(line string) {
	last := &p.blocks[len(p.blocks)-1]
	last.lines = append(last.lines, line)
}

func (p *page) prose(line string) {
	if strings.HasPrefix(line, "## ") {
		p.sections = append(p.sections, line)
	}
	if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "|--") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		p.rows = append(p.rows, cells)
	}
	for _, m := range span.FindAllStringSubmatch(line, -1) {
		p.spans = append(p.spans, m[1])
	}
	for _, m := range link.FindAllStringSubmatch(line, -1) {
		p.links = append(p.links, m[1])
	}
}

// commands returns the command lines of a program that the page shows, in order: in indented blocks without their
// remarks, and in the prose.
func (p *page) commands(program string) []string {
	var all []string
	add := func(line string) {
		for command := range strings.SplitSeq(line, ";") {
			if command = strings.TrimSpace(command); strings.HasPrefix(command, program+" ") {
				all = append(all, command)
			}
		}
	}
	for _, b := range p.blocks {
		for _, line := range b.lines {
			command, remark, _ := strings.Cut(line, " #")
			add(command)
			for _, m := range span.FindAllStringSubmatch(remark, -1) {
				add(m[1])
			}
		}
	}
	for _, s := range p.spans {
		add(s)
	}
	return all
}

// configurations loads every YAML block of a page.
func (p *page) configurations(t *testing.T) []*config.Config {
	t.Helper()
	var all []*config.Config
	for i, b := range p.blocks {
		if b.lang != "yaml" {
			continue
		}
		name := filepath.Join(t.TempDir(), fmt.Sprintf("block%d.yaml", i+1))
		if err := os.WriteFile(name, []byte(strings.Join(b.lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, loaded(t, name))
		if n := len(b.lines); n > 10 {
			t.Errorf("%s: a configuration of %d lines; ten have to be enough", p.file, n)
		}
	}
	return all
}

func loaded(t *testing.T, name string) *config.Config {
	t.Helper()
	c, err := config.Load(name, daemon.Checks())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.Rules(c); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return c
}

// TestReadmeConfigurations: what a page shows works, and is the same in both languages.
func TestReadmeConfigurations(t *testing.T) {
	var first []*config.Config
	for _, p := range readPages(t) {
		all := p.configurations(t)
		if len(all) == 0 || first != nil && len(all) != len(first) {
			t.Fatalf("%s: %d configurations", p.file, len(all))
		}
		for i := range first {
			for _, change := range config.Diff(first[i], all[i]) {
				t.Errorf("%s: configuration %d differs from the README's: %s", p.file, i+1, change)
			}
		}
		first = all
	}
}

// TestShippedConfigurations loads every file of configs/ with the checks that the daemon applies.
func TestShippedConfigurations(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(checkout, "configs/*.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		loaded(t, file)
	}
}

// TestReadmeCommands: every command line on the pages is one that the program takes.
func TestReadmeCommands(t *testing.T) {
	var first []string
	for _, p := range readPages(t) {
		lines := p.commands("pricefetch")
		if len(lines) < 15 {
			t.Errorf("%s: only %d command lines were found", p.file, len(lines))
		}
		for _, line := range lines {
			if err := takes(line); err != nil {
				t.Errorf("%s: %s: %v", p.file, line, err)
			}
		}
		if diff := cmp.Diff(first, lines); first != nil && diff != "" {
			t.Errorf("%s has other command lines than the README:\n%s", p.file, diff)
		}
		first = lines
	}
	for _, wrong := range []string{"pricefetch nothing", "pricefetch check --conect", "pricefetch history prices", "pricefetch show"} {
		if takes(wrong) == nil {
			t.Errorf("%s passes for a command line", wrong)
		}
	}
}

// takes reads a command line as the program does, and runs nothing.
func takes(line string) error {
	root := (&app{}).root()
	c, args, err := root.Find(strings.Fields(line)[1:])
	if err != nil {
		return err
	}
	if c == root {
		return fmt.Errorf("no command")
	}
	if err := c.ParseFlags(args); err != nil {
		return err
	}
	return c.ValidateArgs(c.Flags().Args())
}

// TestReadmeNamesEveryCommand, except those that the pages have no room for.
func TestReadmeNamesEveryCommand(t *testing.T) {
	p := readPages(t)[0]
	named := map[string]bool{"help": true, "version": true}
	for _, line := range p.commands("pricefetch") {
		named[strings.Fields(line)[1]] = true
	}
	for _, c := range (&app{}).root().Commands() {
		if !named[c.Name()] && !c.Hidden {
			t.Errorf("%s does not mention pricefetch %s", p.file, c.Name())
		}
	}
}

// TestReadmeTargets: what the pages ask make for is in the Makefile.
func TestReadmeTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(checkout, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range readPages(t) {
		for _, line := range p.commands("make") {
			if target := strings.Fields(line)[1]; !strings.Contains(string(makefile), "\n"+target+":") {
				t.Errorf("%s: the Makefile has no target %s", p.file, target)
			}
		}
	}
}

// TestReadmeRetention: the table has the options that there are, with their defaults.
func TestReadmeRetention(t *testing.T) {
	var schema struct {
		Defs map[string]struct {
			Properties map[string]struct {
				AnyOf []struct {
					Properties map[string]struct{ Default any }
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, form := range schema.Defs["mailbox"].Properties["retention"].AnyOf {
		for name, option := range form.Properties {
			want[name] = fmt.Sprint(option.Default)
		}
	}
	if len(want) < 6 {
		t.Fatalf("options of the schema: %v", want)
	}
	for _, p := range readPages(t) {
		got := map[string]string{}
		for _, row := range p.rows {
			if name := strings.Trim(row[0], "`"); len(row) == 3 && name != row[0] {
				got[name] = strings.Trim(row[1], "`")
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: retention options -schema +table:\n%s", p.file, diff)
		}
	}
}

// TestReadmePaths: the files that the pages name or link to exist.
func TestReadmePaths(t *testing.T) {
	ours := regexp.MustCompile(`^(configs|deploy|internal|cmd)/`)
	found := 0
	for _, p := range readPages(t) {
		paths := map[string]bool{}
		for _, s := range p.spans {
			if ours.MatchString(s) {
				paths[s] = true
			}
		}
		for _, target := range p.links {
			if !strings.Contains(target, "://") {
				paths[filepath.Join(filepath.Dir(p.file), target)] = true
			}
		}
		for _, path := range slices.Sorted(maps.Keys(paths)) {
			found++
			if _, err := os.Stat(filepath.Join(checkout, path)); err != nil {
				t.Errorf("%s: %v", p.file, err)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d paths were found", found)
	}
}

// TestReadmesInStep: the translation has what the original has.
func TestReadmesInStep(t *testing.T) {
	shape := func(p page) []string {
		s := []string{fmt.Sprintf("%d sections", len(p.sections))}
		for _, b := range p.blocks {
			s = append(s, fmt.Sprintf("block %q of %d lines", b.lang, len(b.lines)))
		}
		for _, row := range p.rows {
			s = append(s, fmt.Sprintf("row of %d cells: %q", len(row), span.FindAllString(row[0], -1)))
		}
		return s
	}
	pages := readPages(t)
	if diff := cmp.Diff(shape(pages[0]), shape(pages[1])); diff != "" {
		t.Errorf("-%s +%s:\n%s", pages[0].file, pages[1].file, diff)
	}
	if got := shape(pages[0]); len(got) < 15 {
		t.Errorf("little was found: %q", got)
	}
}
