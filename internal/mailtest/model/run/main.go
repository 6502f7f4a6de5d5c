// Command run makes runs of the model of a message's life, shows what they came to, and lets the model catch mutants of
// the program.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/debug"

	"pricefetch/internal/mailtest/model"
)

func main() {
	var o model.Options
	flag.IntVar(&o.Runs, "runs", 2000, "schedules to run")
	flag.Uint64Var(&o.Seed, "seed", 1, "of the first schedule; each further one has the next")
	flag.IntVar(&o.Shown, "shown", 3, "violations of which the shortest schedule is looked for")
	tries := flag.Int("tries", 6000, "runs that a mutant is given at most; 0: no mutants")
	mutant := flag.Bool("mutant", false, "this is a mutant: end at the first violation, with one line and status 3")
	flag.Parse()
	debug.SetGCPercent(400) // runs are short and leave much behind
	status, err := run(o, *tries, *mutant)
	if err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		status = 2
	}
	os.Exit(status)
}

func run(o model.Options, tries int, mutant bool) (status int, err error) {
	if mutant {
		return shown(o)
	}
	o.Log = os.Stdout
	fmt.Printf("model: seeds %d to %d\n", o.Seed, o.Seed+uint64(o.Runs)-1)
	r, err := model.Run(o)
	if err != nil {
		return 2, err
	}
	fmt.Print(r.Table())
	fmt.Printf("%d runs, %d of them hit by %d faults; %d starts of the program, %d deletions; %.1f runs a second\n",
		r.Runs, r.Faulted, r.Faults, r.Starts, r.Deletions, float64(r.Runs)/r.Took.Seconds())
	found, all := 0, 0
	if tries > 0 {
		all = len(mutations)
		if found, err = hunt(context.Background(), tries, o.Seed); err != nil {
			return 2, err
		}
	}
	if len(r.Violations) > 0 || found < all {
		status = 1
	}
	fmt.Printf("model: %d runs, %d violations, %d of %d mutations caught\n", r.Runs, len(r.Violations), found, all)
	return status, nil
}

// shown is the work of a mutant.
func shown(o model.Options) (int, error) {
	o.First, o.Shown = true, 0
	r, err := model.Run(o)
	if err != nil {
		return 2, err
	}
	if len(r.Violations) == 0 {
		return 0, nil
	}
	fmt.Printf("after %d runs: %s\n", r.Runs, r.Violations[0].Text)
	return caught, nil
}
