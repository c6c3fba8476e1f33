package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/load"
	"github.com/carillonhq/carillon/bench/report"
)

const soakLong = `Publish sends at a steady rate for hours, and see whether memory and latency
stay what they were. The first tenth of the run is left out, in which caches
fill. The run fails if the median of the last third is above everything that was
seen in the first: the memory of the nodes by more than 5 %, the latency (p50
and p99 of each of 300 parts) by more than 20 %.

So that the memory of ids reaches its size early, they are remembered for a
twelfth of the run, from one minute to one hour, and topics are kept for twice
as long. The provider's ledger is kept whole: it needs about 120 bytes of disk a
send. Latency is measured as by "carillon bench latency".

` + accountHelp + "\n\n" + brokersHelp

func newBenchSoak() *cobra.Command {
	f := &loadFlags{}
	var rate, hours float64
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Run for hours at a steady rate: memory and latency must stay flat",
		Long:  soakLong,
		Example: `  carillon bench soak --hours 8 --rate 1000 --json soak.json --report soak.html
  carillon bench soak --hours 0.25 --workload rough --nodes 2`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFlow(rate, hours*3600, 1); err != nil {
				return err
			}
			return f.run(cmd, func(ctx context.Context, c load.Config) (*report.Result, error) {
				return load.Soak(ctx, c, rate, time.Duration(hours*float64(time.Hour)))
			})
		},
	}
	f.add(cmd, "order-shipped", "sends")
	cmd.Flags().Float64Var(&rate, "rate", 1000, "sends a second, whatever becomes of them")
	cmd.Flags().Float64Var(&hours, "hours", 1, "for so long")
	return cmd
}
