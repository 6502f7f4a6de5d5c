// Command compare holds what pricefetch finds in the sample messages against two other parsers: Python's email package and
// enmime. `make corpus` runs it.
//
// Every disagreement has to be explained in explained.tsv, one line each with a tab between the columns: the message, the
// parser, what it says, and why pricefetch is right or what it knowingly does otherwise. A disagreement without a line,
// and a line whose disagreement no longer occurs, are faults. With -write the file is written anew: what is explained
// keeps its reason, what is not gets a "?", which is a fault as well.
//
// Real mail goes through the same check: put .eml files into internal/mailtest/corpus/private, which git ignores. For them
// nobody says what must come out: they are read in different ways, which must agree, and compared; the explanations are
// in explained.tsv in that folder.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"pricefetch/internal/mailtest/corpus"
)

func main() {
	write := flag.Bool("write", false, "write explained.tsv anew; reasons are kept")
	dump := flag.String("dump", "", "write the samples into this folder and do nothing else")
	flag.Parse()
	if err := run(*write, *dump); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// run is the command. It is started in its own folder.
func run(write bool, dump string) error {
	samples := corpus.Samples()
	if dump != "" {
		return dumpTo(dump, samples)
	}
	private, err := privateSamples("../corpus/private")
	if err != nil {
		return err
	}
	if len(private) > 0 {
		if err := check("private", private, "../corpus/private/explained.tsv", write); err != nil {
			return err
		}
	}
	for _, s := range samples {
		if got, err := ours(s.Raw); err != nil || fmt.Sprint(got) != fmt.Sprint(s.Want) {
			return fmt.Errorf("%s (%s): pricefetch finds %v, %v, expected %v", s.Name, s.Why, got, err, s.Want)
		}
	}
	return check("corpus", samples, "explained.tsv", write)
}

// dumpTo writes the messages out, for other programs to read.
func dumpTo(dir string, samples []corpus.Sample) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, s := range samples {
		if err := os.WriteFile(filepath.Join(dir, s.Name+".eml"), s.Raw, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// privateSamples reads real mail; what is found in it by reading it whole is what must come out in every other way.
func privateSamples(dir string) ([]corpus.Sample, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.eml"))
	if err != nil {
		return nil, err
	}
	var out []corpus.Sample
	for _, f := range files {
		s := corpus.Sample{Name: strings.TrimSuffix(filepath.Base(f), ".eml")}
		if s.Raw, err = os.ReadFile(f); err != nil {
			return nil, err
		}
		if s.Want, err = ours(s.Raw); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// check compares all samples with all parsers and the differences with what is explained.
func check(what string, samples []corpus.Sample, file string, write bool) error {
	python, version, err := byPython(samples)
	if err != nil {
		return err
	}
	var found []disagreement
	attachments := 0
	for _, s := range samples {
		attachments += len(s.Want)
		want := expected(s.Want)
		for _, p := range []struct{ name, says string }{{"enmime", byEnmime(s.Raw)}, {"python", python[s.Name]}} {
			if p.says != want {
				found = append(found, disagreement{message: s.Name, parser: p.name, says: p.says, want: want})
			}
		}
	}
	known, err := readExplained(file)
	if err != nil {
		return err
	}
	if write {
		return known.write(file, version, found)
	}
	if faults := known.faults(version, found); len(faults) > 0 {
		return fmt.Errorf("%s, see %s:\n%s", what, file, strings.Join(faults, "\n"))
	}
	fmt.Printf("%s: %d messages, %d attachments, %d disagreements, all explained\n", what, len(samples), attachments, len(found))
	return nil
}
