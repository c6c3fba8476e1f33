package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/load"
	"github.com/carillonhq/carillon/bench/report"
)

const latencyLong = `Publish sends at a steady rate, and measure how long each takes: from the time
at which it is due until its outcome is read from the topic status, by this
command, which is no part of the engine. The clock of a send begins when it is
due, even if it was published late because everything stood still: a stall
counts for all that should have been sent in it (no coordinated omission).

The producer publishes whatever becomes of it, without lingering. The first two
seconds of each round do not count. If the sends fall behind more and more, the
rate is not reached: then the run ends soon, fails, and has no latency.

Figures and plots have the percentiles; one that a handful of sends would
decide, fewer than ten, is left out. So take the more sends the further out you
look: a thousand in each round for 99 %, a hundred thousand for 99.99 %.

` + accountHelp + "\n\n" + brokersHelp

func newBenchLatency() *cobra.Command {
	f := &loadFlags{}
	var rate, seconds float64
	var rounds int
	cmd := &cobra.Command{
		Use:   "latency",
		Short: "Measure the time from when a send is due until its outcome, at a steady rate",
		Long:  latencyLong,
		Example: `  carillon bench latency --rate 5000 --seconds 60
  carillon bench latency --workload one-time-password --rate 500 --nodes 2 --report latency.html
  carillon bench latency --rate 2000 --provider-latency 20ms --brokers kafka`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFlow(rate, seconds, rounds); err != nil {
				return err
			}
			return f.run(cmd, func(ctx context.Context, c load.Config) (*report.Result, error) {
				return load.Latency(ctx, c, rate, duration(seconds), rounds)
			})
		},
	}
	f.add(cmd, "order-shipped", "sends")
	addFlow(cmd, &rate, &seconds, &rounds, 2000)
	return cmd
}

// addFlow adds the flags of a flow of sends.
func addFlow(cmd *cobra.Command, rate, seconds *float64, rounds *int, defaultRate float64) {
	cmd.Flags().Float64Var(rate, "rate", defaultRate, "sends a second, whatever becomes of them")
	cmd.Flags().Float64Var(seconds, "seconds", 10, "for so long in each round, after two seconds that do not count")
	cmd.Flags().IntVar(rounds, "rounds", 3, "rounds, each with everything anew")
}

func checkFlow(rate, seconds float64, rounds int) error {
	switch {
	case rate <= 0 || rate > 1e6:
		return usagef("--rate %s: give more than 0, up to 1000000 a second", strconv.FormatFloat(rate, 'f', -1, 64))
	case seconds <= 0:
		return usagef("--seconds or --hours: give more than 0")
	case rounds < 1:
		return usagef("--rounds %d: give 1 or more", rounds)
	case rate*seconds >= 1e9:
		return usagef("%v sends a second for %v seconds are more than 999999999 sends: give less of one", rate, seconds)
	}
	return nil
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
