package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/load"
	"github.com/carillonhq/carillon/bench/report"
)

const cancelBenchLong = `Publish a campaign, and cancel it while it goes out. A third of its sends is due
on the next day, and parked. Of the others so many are read that a third waits
in lanes, for an account that is slow; the last third is still in Kafka. When
the first have been sent, the campaign is canceled, as by "carillon cancel".

In the end every send must have one outcome: canceled, and then the provider's
ledger must not have it; or sent, and then it must have it once, and no later
after the cancel than docs/operations.md publishes: one second, by the clock of
this machine and from before the cancel was on its way. What the shards have
answered must be what status says. Anything else fails the run.

` + brokersHelp

func newBenchCancel() *cobra.Command {
	f := &loadFlags{}
	cmd := &cobra.Command{
		Use:   "cancel",
		Short: "Cancel a campaign that is parked, in lanes and in Kafka: what goes out all the same",
		Long:  cancelBenchLong,
		Example: `  carillon bench cancel --sends 500000 --nodes 2
  carillon bench cancel --sends 30000 --brokers kafka --json cancel.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, func(ctx context.Context, c load.Config) (*report.Result, error) {
				if c.Workload.Sends < 300 {
					return nil, usagef("--sends %d are in no three places: give 300 or more", c.Workload.Sends)
				}
				return load.Cancel(ctx, c)
			})
		},
	}
	f.add(cmd, "order-shipped", "failures", "throttles")
	return cmd
}
