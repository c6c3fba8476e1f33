package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/rate"
	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
)

const rateLong = `Show whether three nodes keep the rate of a provider together, and use it, while
one of them leaves and another one joins. The provider is a simulator of webhook
endpoints that counts by itself: of each sender it takes so many requests within
any second, and answers the others with 429.

With one sender the limit is the account's rate. With more, each sender is an
app with an endpoint of its own, and the limit is app_rate. The nodes are
configured with a share of what the provider takes: it counts when a request
arrives, and the nodes when they send it.

There are always more sends before the nodes than they can get rid of. The run
fails if more than 1 % of the requests are refused, hand-overs included, or less
than 95 % of the rate is used outside of the hand-overs, or a send goes out
twice. The result goes to the standard output, all else to the standard error.

` + brokersHelp

func newBenchRate() *cobra.Command {
	var c rate.Config
	var out benchOutput
	var minutes float64
	cmd := &cobra.Command{
		Use:   "rate",
		Short: "Show that nodes keep a provider's rate together, and use it",
		Long:  rateLong,
		Example: `  carillon bench rate
  carillon bench rate --most 10 --senders 10
  carillon bench rate --minutes 1 --json rate.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Length, c.WarmUp = time.Duration(minutes*float64(time.Minute)), 5*time.Second
			if err := c.Check(); err != nil {
				return &exit{codeUsage, err}
			}
			return out.carryOut(cmd, func(ctx context.Context, p benchPlace) (*report.Result, error) {
				c.Dir, c.Command, c.Progress, c.Begun = p.dir, p.command, p.progress, p.begun
				return rate.Run(ctx, c)
			})
		},
	}
	f := cmd.Flags()
	f.Float64Var(&minutes, "minutes", 5, "how long it lasts")
	f.IntVar(&c.Most, "most", 100, "requests of a sender that the provider takes within any second")
	f.IntVar(&c.Senders, "senders", 1, "senders, each with a limit of its own")
	f.Float64Var(&c.Share, "share", 0.98, "of that rate, what the nodes are configured with")
	f.DurationVar(&c.HandOver, "hand-over", 5*time.Second, "how long after a node leaves or joins the rate need not be used up")
	f.IntVar(&c.Partitions, "partitions", 24, "partitions of each topic, which are the engine's shards")
	f.StringVar(&c.Broker, "brokers", "embedded", "embedded, kafka, or HOST:PORT")
	out.flags(cmd)
	completeNames(cmd, "brokers", func() []string { return []string{rig.Embedded, rig.Kafka} })
	return cmd
}
