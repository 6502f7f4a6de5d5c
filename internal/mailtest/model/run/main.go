// Command run makes runs of the model of a message's life and shows what they came to.
package main

import (
	"flag"
	"fmt"
	"os"

	"pricefetch/internal/mailtest/model"
)

func main() {
	var o model.Options
	flag.IntVar(&o.Runs, "runs", 1000, "schedules to run")
	flag.Uint64Var(&o.Seed, "seed", 1, "of the first schedule; each further one has the next")
	flag.IntVar(&o.Shown, "shown", 3, "violations of which the shortest schedule is looked for")
	flag.BoolVar(&o.First, "first", false, "end at the first violation")
	table := flag.Bool("table", true, "show how many runs came to what")
	flag.Parse()
	o.Log = os.Stdout
	r, err := model.Run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(2)
	}
	if *table {
		fmt.Print(r.Table())
	}
	fmt.Printf("%d runs, %d faulted by %d faults, %d process starts, %d deletions, %.1f runs a second\n", r.Runs, r.Faulted, r.Faults, r.Starts, r.Deletions, float64(r.Runs)/r.Took.Seconds())
	fmt.Printf("%d violations\n", len(r.Violations))
}
