package main

import (
	"context"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/plugin"
	"github.com/carillonhq/carillon/bench/report"
)

const benchPluginLong = `Measure a plugin, in whatever language it is written, over the protocol that the
engine speaks with it, and beside it the bare stream: the bundled sink, which
does nothing with an attempt. Nothing else takes part, neither Kafka nor the
engine's shards. In each round both have a process of their own and take turns:

  sends/s    attempts in batches of 128, or the plugin's most, with as many open
             as it grants credits, until all have their verdicts
  p50, p99   an attempt alone, from the engine's side and back
  CPU, MiB   of the plugin's process, for a send and at the end; what its
             children use is not in it

"ratio" is the plugin's rate as a share of the bare stream's in the same round,
the median of all rounds.

PATH, its arguments and the file of --config are as for carillon plugin check,
which is to pass first: an attempt that is not accepted or delivered fails the
run. With a simulator of the provider on this machine, that has a share of the
machine too.`

func newBenchPlugin() *cobra.Command {
	o := &benchOutput{}
	b := plugin.Bench{}
	var file string
	cmd := &cobra.Command{
		Use:   "plugin PATH [ARGUMENT...]",
		Short: "Measure a plugin beside the bare stream",
		Long:  benchPluginLong,
		Example: `  carillon bench plugin ./noticeboard --config check.yaml
  carillon bench plugin --config check.yaml --sends 20000 --json py.json ./channel.py
  carillon bench plugin webhook --config webhook.yaml`,
		Args: pluginArgs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if b.Suite, err = readSuite(file); err != nil {
				return err
			}
			if err := b.Check(); err != nil {
				return &exit{codeUsage, err}
			}
			if b.Plugin, err = pluginTarget(args, zerolog.Nop()); err != nil {
				return err
			}
			if b.Bare, err = pluginTarget([]string{"sink"}, zerolog.Nop()); err != nil {
				return err
			}
			return o.carryOut(cmd, func(ctx context.Context, p benchPlace) (*report.Result, error) {
				b.Progress, b.Begun = p.progress, p.begun
				return b.Run(ctx)
			})
		},
	}
	o.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&file, "config", "", "the account and addresses to send with; see carillon plugin check --help")
	flags.IntVar(&b.Sends, "sends", 100_000, "sends of each in a round")
	flags.IntVar(&b.Rounds, "rounds", 5, "rounds")
	return cmd
}
