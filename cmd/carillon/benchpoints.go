package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/chaos"
	"github.com/carillonhq/carillon/engine/fault"
)

type pointsFlags struct {
	chaosFlags
	points      string
	repetitions int
}

const pointsLong = `Run two engine nodes under load. One of them is killed at each named point of
its code again and again, in an order and at passes by the seed: just before an
attempt, after Kafka has an outcome and before the disk has it, while it
restores, and so on. At the end every send is accounted for, as by "carillon
bench chaos". A point that the node does not get to is a failure.

Only a binary that was built with the tag faults has such points; any other says
how to build one. It takes about three seconds for each repetition of a point.

The report goes to the standard output, with a row for each point. Exit code 0:
every point was reached, nothing was lost, nothing was doubled but what was open
at a death, and nothing at all at a provider that knows keys.`

func newBenchChaosPoints() *cobra.Command {
	f := &pointsFlags{}
	cmd := &cobra.Command{
		Use:   "points",
		Short: "Kill a node at each named point of its code, and account for every send",
		Long:  pointsLong,
		Example: `  go build -tags faults -o carillon-faults ./cmd/carillon
  ./carillon-faults bench chaos points --repetitions 1 --seed 7
  ./carillon-faults bench chaos points --points list
  carillon bench chaos points --json report.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.points, "points", "all", "points with commas between them, all, or list to see them")
	flags.IntVar(&f.repetitions, "repetitions", 20, "deaths at each point")
	flags.Uint64Var(&f.Seed, "seed", 1, "another seed has another order, and deaths at other passes")
	flags.Float64Var(&f.SendsPerSecond, "sends-per-second", 200, "rate of the load, whatever becomes of it")
	flags.StringVar(&f.Broker, "broker", "embedded", "embedded, kafka, or HOST:PORT")
	flags.DurationVar(&f.Session, "session", 3*time.Second, "session timeout of the consumer group")
	flags.DurationVar(&f.Settle, "settle", time.Minute, "how long nothing may end while sends have no outcome")
	flags.StringVar(&f.json, "json", "", "write the report to this file as JSON as well")
	flags.StringVar(&f.Dir, "dir", "", "keep all data and logs here; default: a temporary one, kept if the run fails")
	return cmd
}

func (f *pointsFlags) run(cmd *cobra.Command) error {
	if f.points == "list" && fault.Enabled {
		_, err := fmt.Fprint(cmd.OutOrStdout(), fault.Table(fault.Points()))
		return err
	}
	points, err := chaos.ParsePoints(f.points)
	if err == nil && f.repetitions < 1 {
		err = errors.New("repetitions: give at least 1")
	}
	if err != nil {
		return &exit{codeUsage, err}
	}
	f.Nodes, f.Partitions, f.ProviderRate, f.Policy, f.Strict = 2, 6, 1000, "resend", true
	return f.carryOut(cmd, func() (chaosReport, error) {
		report, err := chaos.RunPoints(cmd.Context(), chaos.PointsConfig{Config: f.Config, Points: points, Repetitions: f.repetitions})
		if err != nil {
			return nil, fmt.Errorf("kill a node at points: %w", err)
		}
		return report, nil
	})
}
