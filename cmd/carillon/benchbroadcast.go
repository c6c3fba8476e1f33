package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/load"
	"github.com/carillonhq/carillon/bench/report"
)

const broadcastLong = `Publish sends, then let engine nodes send them as fast as they can, and count
every outcome to the last. Broker, nodes and their plugins are processes of
their own, on this machine. It shows how many sends a second they get done, and
what one costs in CPU, memory and allocations.

A round begins when all nodes are ready and ends with the last outcome. Every
round has new nodes with empty disks and a new consumer group. On a machine with
few cores broker and nodes are in each other's way: trust the CPU per send.

What is sent, and how the provider answers, is a workload: a file, whose keys
docs/benchmarks.md has, or one that is shipped. The flags change it.

` + accountHelp + "\n\n" + brokersHelp

func newBenchBroadcast() *cobra.Command {
	f := &loadFlags{}
	var rounds int
	cmd := &cobra.Command{
		Use:   "broadcast",
		Short: "Send as fast as possible, account for every send, and show what one costs",
		Long:  broadcastLong,
		Example: `  carillon bench broadcast
  carillon bench broadcast --sends 1000000 --rounds 5 --json after.json --baseline before.json
  carillon bench broadcast --workload rough --nodes 2
  carillon bench broadcast --failures 0.02 --throttles 0.01 --provider-latency 20ms --brokers kafka`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rounds < 1 {
				return usagef("--rounds %d: give 1 or more", rounds)
			}
			return f.run(cmd, func(ctx context.Context, c load.Config) (*report.Result, error) {
				return load.Broadcast(ctx, c, rounds)
			})
		},
	}
	f.add(cmd, "order-shipped")
	cmd.Flags().StringVar(&f.Profiles, "profiles", "", "send once more, and write engine-cpu.pprof and engine-allocs.pprof of a node to this directory")
	cmd.Flags().IntVar(&rounds, "rounds", 3, "rounds; figures are the median")
	return cmd
}
