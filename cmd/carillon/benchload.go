package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/carillonhq/carillon/bench/load"
	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/workload"
)

// loadFlags are those of every command that sends a workload.
type loadFlags struct {
	load.Config
	benchOutput
	file    string
	without []string // flags of a workload that the command has none of, or others
}

// add adds the flags. def is the workload that the command takes where none is
// named; without are flags that it has no use for.
func (f *loadFlags) add(cmd *cobra.Command, def string, without ...string) {
	w, err := workload.Load(def)
	if err != nil {
		panic(err) // it is part of this binary
	}
	f.Nodes, f.without = 1, without
	all := workloadFlags(&w)
	all.VisitAll(func(flag *pflag.Flag) { flag.DefValue = "as the workload says" })
	all.StringVar(&f.file, "workload", def, "a workload file, or one of "+strings.Join(workload.Names(), ", "))
	all.IntVar(&f.Nodes, "nodes", f.Nodes, "engine nodes")
	all.IntVar(&f.Partitions, "partitions", 16, "partitions of each topic, which are the engine's shards")
	all.StringVar(&f.Broker, "brokers", "embedded", "embedded, kafka, or HOST:PORT")
	all.VisitAll(func(flag *pflag.Flag) {
		if !slices.Contains(without, flag.Name) {
			cmd.Flags().AddFlag(flag)
		}
	})
	f.flags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("workload", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return workload.Names(), cobra.ShellCompDirectiveDefault // or a file
	})
	completeNames(cmd, "format", func() []string { return []string{"json", "protobuf"} })
	completeNames(cmd, "brokers", func() []string { return []string{rig.Embedded, rig.Kafka} })
}

// workloadFlags returns the flags that change a workload, with its values.
func workloadFlags(w *workload.Workload) *pflag.FlagSet {
	f := pflag.NewFlagSet("workload", pflag.ContinueOnError)
	f.IntVar(&w.Sends, "sends", w.Sends, "how many sends")
	f.StringVar(&w.Channel, "channel", w.Channel, "channel; only the sink has a provider here")
	f.StringVar(&w.Format, "format", w.Format, "of the records: json or protobuf")
	f.IntVar(&w.Payload, "payload", w.Payload, "size of each body, in bytes")
	f.IntVar(&w.DataKeys, "data-keys", w.DataKeys, "members of each data object")
	f.Float64Var(&w.Provider.Failures, "failures", w.Provider.Failures, "share of the attempts that the provider fails")
	f.Float64Var(&w.Provider.Throttles, "throttles", w.Provider.Throttles, "share of the attempts that it throttles")
	f.DurationVar(&w.Provider.Latency, "provider-latency", w.Provider.Latency, "how long it takes over an answer")
	f.Uint64Var(&w.Seed, "seed", w.Seed, "another seed makes other records, and fails other attempts")
	return f
}

// read puts the workload together: the file, and what flags change of it.
func (f *loadFlags) read(cmd *cobra.Command) error {
	w, err := workload.Load(f.file)
	if err != nil {
		return &exit{codeUsage, err}
	}
	changed := workloadFlags(&w)
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if changed.Lookup(flag.Name) != nil && !slices.Contains(f.without, flag.Name) && err == nil {
			err = changed.Set(flag.Name, flag.Value.String())
		}
	})
	f.Workload = w
	if err := errors.Join(err, f.Check()); err != nil {
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
		go mindGarbage(ctx, benchGarbage)
		f.Dir, f.Command, f.Progress, f.Begun, f.WarmUp = p.dir, p.command, p.progress, p.begun, 2*time.Second
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
