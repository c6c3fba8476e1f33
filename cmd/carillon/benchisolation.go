package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/load"
	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/workload"
)

const isolationLong = `Measure whether a mass broadcast delays one-time passwords. Urgent sends, on the
topic sends, come at a low and steady rate: first alone, then while the nodes
work through a broadcast on sends.bulk as fast as they can. Both go through the
same lane of the same channel. The latency is that of "carillon bench latency".

The broadcast is published while the nodes are down, and they have it before
them when they start again. Only urgent sends that were due while it went on
count as loaded; where it is over too soon, the run says so and fails: give it
more --sends.

In the end as many apps as --tenants says share a lane that is slower than the
nodes. Half of the sends, at most 100,000 in all, are of one app and before all
others in the log. While all of them wait, from where each has had a tenth of
its sends, they have to have the same share: a Jain's index under 0.99 fails the
run. --tenants 0 leaves this out.

` + accountHelp + "\n\n" + brokersHelp

func newBenchIsolation() *cobra.Command {
	f := &loadFlags{}
	var rate, seconds float64
	var rounds int
	var broadcast string
	var sends, tenants int
	cmd := &cobra.Command{
		Use:   "isolation",
		Short: "Measure one-time passwords alone, and while a broadcast runs flat out",
		Long:  isolationLong,
		Example: `  carillon bench isolation
  carillon bench isolation --rate 500 --seconds 20 --sends 3000000 --json isolation.json
  carillon bench isolation --broadcast newsletter --nodes 2 --brokers kafka`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFlow(rate, seconds, rounds); err != nil {
				return err
			}
			if tenants < 0 || tenants == 1 || tenants > 1000 {
				return usagef("--tenants %d: give 2 to 1000, or 0 for none", tenants)
			}
			bulk, err := workload.Load(broadcast)
			if err != nil {
				return &exit{codeUsage, err}
			}
			if cmd.Flags().Changed("sends") {
				bulk.Sends = sends
			}
			if err := bulk.Check(); err != nil {
				return &exit{codeUsage, err}
			}
			return f.run(cmd, func(ctx context.Context, c load.Config) (*report.Result, error) {
				bulk.Seed, c.Tenants = c.Workload.Seed, tenants
				return load.Isolation(ctx, c, bulk, rate, duration(seconds), rounds)
			})
		},
	}
	f.add(cmd, "one-time-password", "sends")
	addFlow(cmd, &rate, &seconds, &rounds, 200)
	flags := cmd.Flags()
	flags.StringVar(&broadcast, "broadcast", "newsletter", "workload of the broadcast: a file, or one of "+strings.Join(workload.Names(), ", "))
	flags.IntVar(&sends, "sends", 500_000, "sends of the broadcast")
	flags.IntVar(&tenants, "tenants", 100, "apps that share the lane in the end")
	return cmd
}
