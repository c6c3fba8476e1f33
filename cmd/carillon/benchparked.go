package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/load"
	"github.com/carillonhq/carillon/bench/report"
)

const parkedLong = `Publish sends that are to go out later (sendAt), and measure what they take
while they wait: memory, disk and CPU for each. A parked send is in Kafka and on
the node's disk; memory has its id alone, and counts.

Most of them, the far ones, fall due on the next day. When they are parked, the
nodes are stopped and started again, and it is measured how long it takes until
they are ready with all of them: with their disks, and with --fresh-disk without
as well, from Kafka alone. Then the near ones are published. They fall due while
the command runs: all at one moment, or one after the other over --over. The
resident memory is read three seconds before.

In the end the provider's ledger tells how long after its time each near one
went out, and that none, near or far, went out before; and the topic ledger has
all that are still parked.

` + accountHelp + "\n\n" + brokersHelp

func newBenchParked() *cobra.Command {
	f := &loadFlags{}
	var when load.Schedule
	var due string
	cmd := &cobra.Command{
		Use:   "parked",
		Short: "Park sends that are due later: what they take, a restart with them, and how they go out",
		Long:  parkedLong,
		Example: `  carillon bench parked --sends 1000000 --near 100000 --fresh-disk
  carillon bench parked --due spread --over 30s --json parked.json --report parked.html
  carillon bench parked --sends 50000 --near 10000 --brokers kafka`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case due != "moment" && due != "spread":
				return usagef("--due %s: give moment or spread", due)
			case due == "spread" && (when.Over < time.Second || when.Over > 10*time.Minute):
				return usagef("--over %v: give 1s to 10m", when.Over)
			case due == "moment":
				when.Over = 0
			}
			return f.run(cmd, func(ctx context.Context, c load.Config) (*report.Result, error) {
				if when.Near < 1 || when.Near >= c.Workload.Sends {
					return nil, usagef("--near %d of --sends %d: give 1 or more, and fewer than all", when.Near, c.Workload.Sends)
				}
				return load.Parked(ctx, c, when)
			})
		},
	}
	f.add(cmd, "order-shipped")
	cmd.Flags().IntVar(&when.Near, "near", 20_000, "how many of them fall due while it runs")
	cmd.Flags().StringVar(&due, "due", "moment", "when those do: moment (all at once) or spread")
	cmd.Flags().DurationVar(&when.Over, "over", 20*time.Second, "how long that takes with --due spread")
	cmd.Flags().BoolVar(&when.FreshDisk, "fresh-disk", false, "start the nodes without their disks as well")
	return cmd
}
