package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/limit"
	"github.com/carillonhq/carillon/bench/report"
)

const channelLong = `Measure a channel as a share of what is possible with its provider. The provider
is the channel's simulator, a process of its own on this machine. In each round
these send it the same messages, on the same number of connections:

  engine         the whole path: sends from Kafka, through the engine and the
                 channel's plugin to the provider, and their outcomes to status
  bare           a loop that does nothing else: fasthttp's client for webhooks,
                 and SMTP sessions that are never closed for email. Its messages
                 are the channel's own, with another id in each, so that it
                 composes nothing; webhooks it signs, as the channel does
  smtp-source    for email where postfix is installed: its own load generator,
                 with as many mails of the same size

They take turns, and who goes first changes from round to round. "ratio" is the
engine's rate as a share of the bare loop's in the same round, the median of all
rounds. On a machine that is busy with other things go by "cpu_ratio": the same
of the CPU time that all processes together use for a send.

Nothing is encrypted, and mails are not signed (DKIM), on either side. Else the
channel is as it is by default, but for its SMTP sessions, which stay open.

Every message must be in the provider's own record once, and every send of the
engine's have one outcome, "sent". Otherwise the run fails. If the simulator
keeps a core busy, the output says that it is a bottleneck.

` + brokersHelp

func newBenchChannel() *cobra.Command {
	f := &loadFlags{}
	var c limit.ChannelConfig
	var only string
	cmd := &cobra.Command{
		Use:   "channel",
		Short: "Measure email or webhook as a share of a bare client loop",
		Long:  channelLong,
		Example: `  carillon bench channel --channel webhook
  carillon bench channel --channel email --sends 20000 --rounds 3 --json email.json
  carillon bench channel --channel email --only engine,bare --connections 32 --brokers kafka`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := f.read(cmd); err != nil {
				return err
			}
			if c.Workload = f.Workload; !cmd.Flags().Changed("sends") {
				c.Workload.Sends = channelSends
			}
			c.Partitions, c.Broker = f.Partitions, f.Broker
			if !slices.Contains(limit.Channels(), c.Channel) {
				return usagef("--channel %q: give %s", c.Channel, strings.Join(limit.Channels(), " or "))
			}
			if c.Connections == 0 {
				c.Connections = limit.Connections(c.Channel)
			}
			if c.Kinds, err = limit.ParseKinds(only, limit.ChannelKinds(c.Channel)); err == nil {
				err = c.Check()
			}
			if err != nil {
				return &exit{codeUsage, err}
			}
			return f.carryOut(cmd, func(ctx context.Context, p benchPlace) (*report.Result, error) {
				c.Dir, c.Command, c.Progress, c.Begun = p.dir, p.command, p.progress, p.begun
				return limit.RunChannel(ctx, c)
			})
		},
	}
	f.add(cmd, "order-shipped", "nodes", "channel", "failures", "throttles", "provider-latency")
	flags := cmd.Flags()
	flags.Lookup("sends").DefValue = strconv.Itoa(channelSends)
	flags.StringVar(&c.Channel, "channel", limit.Webhook, strings.Join(limit.Channels(), " or "))
	flags.IntVar(&c.Rounds, "rounds", 5, "rounds")
	flags.IntVar(&c.Connections, "connections", 0, "to the provider; default: the plugin's own, 8 for email and 64 for webhook")
	flags.StringVar(&only, "only", "all", "what takes part, with commas between: engine, bare, smtp-source")
	completeNames(cmd, "channel", limit.Channels)
	completeNames(cmd, "only", func() []string { return limit.ChannelKinds(c.Channel) })
	return cmd
}

// channelSends are some seconds of a provider's time.
const channelSends = 50_000
