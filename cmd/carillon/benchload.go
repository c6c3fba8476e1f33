package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/carillonhq/carillon/bench/load"
	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/workload"
)

// loadFlags are those of every command that sends a workload.
type loadFlags struct {
	load.Config
	benchOutput
	file    string
	applied map[string]func(*workload.Workload) // by flag
}

// add adds the flags. def is the workload that the command takes where none is
// named; without are flags that it has no use for.
func (f *loadFlags) add(cmd *cobra.Command, def string, without ...string) {
	flags := cmd.Flags()
	w, err := workload.Load(def)
	if err != nil {
		panic(err) // it is part of this binary
	}
	flags.StringVar(&f.file, "workload", def, "a workload file, or one of "+strings.Join(workload.Names(), ", "))
	f.applied = map[string]func(*workload.Workload){}
	of := func(name string, add func(*pflag.FlagSet), apply func(*workload.Workload)) {
		if slices.Contains(without, name) {
			return
		}
		add(flags)
		flags.Lookup(name).DefValue = "as the workload says"
		f.applied[name] = apply
	}
	of("sends", func(s *pflag.FlagSet) { s.IntVar(&w.Sends, "sends", w.Sends, "how many sends") },
		func(to *workload.Workload) { to.Sends = w.Sends })
	of("channel", func(s *pflag.FlagSet) {
		s.StringVar(&w.Channel, "channel", w.Channel, "channel; only the sink has a provider here")
	},
		func(to *workload.Workload) { to.Channel = w.Channel })
	of("format", func(s *pflag.FlagSet) { s.StringVar(&w.Format, "format", w.Format, "of the records: json or protobuf") },
		func(to *workload.Workload) { to.Format = w.Format })
	of("payload", func(s *pflag.FlagSet) { s.IntVar(&w.Payload, "payload", w.Payload, "size of each body, in bytes") },
		func(to *workload.Workload) { to.Payload = w.Payload })
	of("data-keys", func(s *pflag.FlagSet) { s.IntVar(&w.DataKeys, "data-keys", w.DataKeys, "members of each data object") },
		func(to *workload.Workload) { to.DataKeys = w.DataKeys })
	p := &w.Provider
	of("failures", func(s *pflag.FlagSet) {
		s.Float64Var(&p.Failures, "failures", p.Failures, "share of the attempts that the provider fails")
	},
		func(to *workload.Workload) { to.Provider.Failures = p.Failures })
	of("throttles", func(s *pflag.FlagSet) {
		s.Float64Var(&p.Throttles, "throttles", p.Throttles, "share of the attempts that it throttles")
	},
		func(to *workload.Workload) { to.Provider.Throttles = p.Throttles })
	of("provider-latency", func(s *pflag.FlagSet) {
		s.DurationVar(&p.Latency, "provider-latency", p.Latency, "how long it takes over an answer")
	},
		func(to *workload.Workload) { to.Provider.Latency = p.Latency })
	of("seed", func(s *pflag.FlagSet) {
		s.Uint64Var(&w.Seed, "seed", w.Seed, "another seed makes other records, and fails other attempts")
	},
		func(to *workload.Workload) { to.Seed = w.Seed })
	if f.Nodes = 1; !slices.Contains(without, "nodes") {
		flags.IntVar(&f.Nodes, "nodes", 1, "engine nodes")
	}
	flags.IntVar(&f.Partitions, "partitions", 16, "partitions of each topic, which are the engine's shards")
	flags.StringVar(&f.Broker, "brokers", "embedded", "embedded, kafka, or HOST:PORT")
	f.flags(cmd)
}

// read puts the workload together: the file, and what flags change of it.
func (f *loadFlags) read(cmd *cobra.Command) error {
	w, err := workload.Load(f.file)
	if err != nil {
		return &exit{codeUsage, err}
	}
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if apply := f.applied[flag.Name]; apply != nil {
			apply(&w)
		}
	})
	f.Workload = w
	if err := f.Check(); err != nil {
		return &exit{codeUsage, err}
	}
	return nil
}

// run reads the workload, and carries a command out.
func (f *loadFlags) run(cmd *cobra.Command, command func(context.Context, load.Config) (*report.Result, error)) error {
	if err := f.read(cmd); err != nil {
		return err
	}
	return f.carryOut(cmd, func(ctx context.Context, p benchPlace) (*report.Result, error) {
		f.Dir, f.Command, f.Progress, f.WarmUp = p.dir, p.command, p.progress, 2*time.Second
		return command(ctx, f.Config)
	})
}

// brokersHelp and accountHelp are the same for every command.
const (
	brokersHelp = `The broker is "embedded" (a fake of Kafka in a process of its own), "kafka"
(Apache Kafka: needs Java 17, and Maven once), or the address of one that runs,
where the run has topics of its own and deletes them.`

	accountHelp = `At the end every send is accounted for: it must have one outcome on the topic
status, which is read with another client than the engine's, and be in the
ledger of the provider, the sink, once. A send that is lost, doubled or ends
otherwise than sent fails the run, and is named. The result goes to the standard
output, all else to the standard error.`
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
	cmd.Flags().IntVar(&rounds, "rounds", 3, "rounds; figures are the median")
	return cmd
}
