package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/load"
	"github.com/carillonhq/carillon/bench/report"
)

const scaleLong = `Send workloads of several sizes with several numbers of nodes, each as "carillon
bench broadcast" does, and show what a send costs in each case: a table, and
plots over the number of nodes. The cases take turns, round after round, and
each is given as a share of the first one of the same round, with the least and
the most. A process that has just started is slow, so sends go ahead that do
not count (--warm-up).

All nodes are on this machine and share its cores with the broker, so more of
them are no faster where the cores are busy; what it shows is whether a send
costs more where work is shared out, and more where there is more of it.

` + accountHelp + "\n\n" + brokersHelp

func newBenchScale() *cobra.Command {
	f := &loadFlags{}
	var nodes, sends []int
	var rounds int
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Show what a send costs by the number of nodes and of sends",
		Long:  scaleLong,
		Example: `  carillon bench scale --nodes 1,2,3 --sends 100000,1000000
  carillon bench scale --nodes 1 --sends 100000,10000000 --rounds 2
  carillon bench scale --nodes 1,3 --brokers kafka --partitions 48 --report scale.html`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, n := range nodes {
				if n < 1 || n > 50 {
					return usagef("--nodes %d: give 1 to 50, with commas between", n)
				}
			}
			for _, n := range sends {
				if n < 1 {
					return usagef("--sends %d: give 1 or more, with commas between", n)
				}
			}
			if rounds < 1 || f.Ahead < 0 {
				return usagef("--rounds %d, --warm-up %d: give 1 or more, and 0 or more", rounds, f.Ahead)
			}
			return f.run(cmd, func(ctx context.Context, c load.Config) (*report.Result, error) {
				return load.Scale(ctx, c, nodes, sends, rounds)
			})
		},
	}
	f.add(cmd, "order-shipped", "sends", "nodes")
	cmd.Flags().IntSliceVar(&nodes, "nodes", []int{1, 2, 3}, "numbers of engine nodes")
	cmd.Flags().IntSliceVar(&sends, "sends", []int{100_000, 1_000_000}, "numbers of sends")
	cmd.Flags().IntVar(&rounds, "rounds", 3, "rounds; what the table has are their medians")
	cmd.Flags().IntVar(&f.Ahead, "warm-up", 200_000, "sends ahead of those that are measured, which do not count")
	return cmd
}
