package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/limit"
	"github.com/carillonhq/carillon/bench/report"
)

const limitLong = `Measure what is possible on this machine, and the engine as a share of it. Each
of these is a process of its own and has the same sends in each round:

  engine         the whole path: sends, read, checked and deduplicated, through
                 a plugin that answers at once, to their outcomes on status
  reader-writer  a loop of kafka-go's Reader and Writer that copies the records
                 to another topic, as one would write it by hand: the yardstick
  raw            the same with the engine's own way to fetch and produce: about
                 the most that a program can do that looks at every record
  plugin-stream  batches of 128 to a plugin's process and verdicts back, with
                 mutual TLS, and no Kafka
  pebble         one packed entry for each 256 sends in the engine's ledger
  pebble-sets    a key of its own for each send in Pebble, at random places

They take turns, and who goes first changes from round to round, so that a slow
minute is slow for all. The figure to trust is "ratio": the engine's rate as a
share of the yardstick's in the same round, the median of all rounds.

All that moves records has the same broker, which stores them; the output names
it, and gives its CPU for each.

In every round each send must have one outcome, "sent", and be in the plugin's
own ledger once; and every yardstick must have moved each record once. Otherwise
the run fails. The result goes to the standard output.

` + brokersHelp

func newBenchLimit() *cobra.Command {
	f := &loadFlags{}
	var c limit.Config
	var only string
	cmd := &cobra.Command{
		Use:   "limit",
		Short: "Measure the engine as a share of what is possible on this machine",
		Long:  limitLong,
		Example: `  carillon bench limit
  carillon bench limit --brokers kafka --rounds 7 --json limit.json --report limit.html
  carillon bench limit --format protobuf --only engine,reader-writer --profiles /tmp`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := f.read(cmd); err != nil {
				return err
			}
			if c.Workload = f.Workload; !cmd.Flags().Changed("sends") {
				c.Workload.Sends = limitSends
			}
			c.Partitions, c.Broker = f.Partitions, f.Broker
			if c.Kinds, err = limit.ParseKinds(only, limit.Kinds()); err == nil {
				err = c.Check()
			}
			if err != nil {
				return &exit{codeUsage, err}
			}
			return f.carryOut(cmd, func(ctx context.Context, p benchPlace) (*report.Result, error) {
				c.Dir, c.Command, c.Progress, c.Begun = p.dir, p.command, p.progress, p.begun
				return limit.Run(ctx, c)
			})
		},
	}
	f.add(cmd, "order-shipped", "nodes", "channel", "failures", "throttles", "provider-latency")
	flags := cmd.Flags()
	flags.Lookup("sends").DefValue = strconv.Itoa(limitSends)
	flags.IntVar(&c.Rounds, "rounds", 5, "rounds")
	flags.StringVar(&only, "only", "all", "what takes part, with commas between: "+strings.Join(limit.Kinds(), ", "))
	flags.StringVar(&c.Profiles, "profiles", "", "run the engine once more, and write engine-cpu.pprof and engine-allocs.pprof to this directory")
	completeNames(cmd, "only", limit.Kinds)
	return cmd
}

// limitSends are so many that filling the engine and emptying it does not count.
const limitSends = 1_000_000

// newBenchYardstick is what bench limit starts.
func newBenchYardstick() *cobra.Command {
	return &cobra.Command{
		Use:    "yardstick TASK",
		Hidden: true,
		Short:  "Be one of the programs that bench limit measures",
		Args:   oneArg("the TASK that bench limit gives"),
		RunE:   func(cmd *cobra.Command, args []string) error { return limit.Serve(cmd.Context(), args[0]) },
	}
}
