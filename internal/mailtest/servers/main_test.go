//go:build servers

// Package servers shows the main job on real mail servers: Dovecot, Cyrus, Courier, GNU Mailutils, popa3d and
// solid-pop3d, each with its quirks. `make servers` runs it.
//
// The program that `go test` builds plays two parts. Outside it fetches each server's Debian packages without
// installing them, builds pricefetch, and starts itself once for each server in mount, PID and network namespaces of
// its own. Inside it lays the packages over /usr and /etc, starts the server, and runs the tests beside it: nothing
// else can be reached, no port can clash, and with the first process of the PID namespace the kernel ends all others.
package servers

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Names of the environment that the outer part hands to the inner one.
const (
	envServer  = "SERVERS_INSIDE"  // which recipe to run
	envPackage = "SERVERS_PACKAGE" // folder of its unpacked packages
	envProgram = "SERVERS_PROGRAM" // the pricefetch binary
	envOutcome = "SERVERS_OUTCOME" // file for the outcome
)

// outcome is what the inner part tells the outer one.
type outcome struct {
	Protocols []string
	Messages  int
	Files     int
	Wrong     int
	Facts     []fact
}

// TestMain plays the part that the environment names.
func TestMain(m *testing.M) {
	only := flag.String("servers", "", "comma-separated names of the servers to run; default: all")
	update := flag.Bool("update", false, "write the measured table into "+page)
	flag.Parse()
	if os.Getenv(envServer) != "" {
		os.Exit(m.Run())
	}
	if err := outside(*only, *update); err != nil {
		fmt.Fprintf(os.Stderr, "servers: %v\n", err)
		os.Exit(1)
	}
}

// outside runs every chosen server and prints a line for each at the end.
func outside(only string, update bool) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	work, err := prepare()
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	program := filepath.Join(work, "pricefetch")
	if err := build(program); err != nil {
		return err
	}
	results := runAll(chosen, work, program)
	failed := 0
	var lines []string
	table := map[string][]fact{}
	for i, r := range chosen {
		o := results[i].outcome
		line := fmt.Sprintf("%s: %s: %d messages, %d files, %d wrong", r.name, strings.Join(o.Protocols, " "), o.Messages, o.Files, o.Wrong)
		if err := results[i].err; err != nil {
			failed++
			line += fmt.Sprintf(" (FAILED: %v)", err)
		}
		lines = append(lines, line)
		table[r.name] = o.Facts
	}
	stale := error(nil)
	if only == "" && failed == 0 {
		stale = comparePage(table, update)
	}
	fmt.Println(strings.Join(lines, "\n"))
	if failed > 0 {
		return fmt.Errorf("%d of %d servers failed", failed, len(chosen))
	}
	return stale
}

// atOnce is how many servers run at the same time; they wait more than they work.
const atOnce = 6

// result is the outcome of one server, or why there is none.
type result struct {
	outcome outcome
	err     error
}

// runAll runs the servers, a few at a time, and shows what each said when it ends.
func runAll(chosen []recipe, work, program string) []result {
	results := make([]result, len(chosen))
	places := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, r := range chosen {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			began := time.Now()
			o, said, err := r.run(work, program)
			results[i] = result{o, err}
			fmt.Printf("=== %s, %s\n%s", r.name, time.Since(began).Round(100*time.Millisecond), said)
		})
	}
	wg.Wait()
	return results
}

// choose finds the recipes of the given names; all of them for none.
func choose(only string) ([]recipe, error) {
	if only == "" {
		return recipes, nil
	}
	var chosen []recipe
	for name := range strings.SplitSeq(only, ",") {
		at := slices.IndexFunc(recipes, func(r recipe) bool { return r.name == name })
		if at < 0 {
			return nil, fmt.Errorf("no server is called %q", name)
		}
		chosen = append(chosen, recipes[at])
	}
	return chosen, nil
}

// readOutcome reads what the inner part wrote.
func readOutcome(path string) (outcome, error) {
	var o outcome
	data, err := os.ReadFile(path)
	if err != nil {
		return o, fmt.Errorf("read outcome: %w", err)
	}
	if err := json.Unmarshal(data, &o); err != nil {
		return o, fmt.Errorf("read outcome: %w", err)
	}
	return o, nil
}
