package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

type explainFlags struct {
	questions
	app, recipient string
	json           bool
}

func newExplain() *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{
		Use:   "explain ID --app APP --recipient RECIPIENT",
		Short: "Say why a send waits, and until when",
		Long: `Say where a send is: why it waits, until when, and what holds it (a limit, a
pause, quiet hours, its turn); or what became of it; or that no node knows it,
and up to which time they have read what was published.

It asks the node that owns the recipient, through Kafka: the question goes to
the topic "control", the answer comes from "replies". It changes nothing, and
shows no address. What has ended is read from "status".

Exit code 1 says that nobody knows the send, 3 that the node did not answer.`,
		Example: `  carillon explain order-17 --app shop --recipient u1
  carillon explain order-17 --app shop --recipient u1 --json | jq .until`,
		Args: oneArg("the id of a send"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.app == "" || f.recipient == "" {
				return usagef("--app and --recipient are needed: an id is unique for both together, and the recipient says which node to ask")
			}
			return f.run(cmd, args[0])
		},
	}
	f.addFlags(cmd)
	cmd.Flags().StringVar(&f.app, "app", "", "app of the send")
	cmd.Flags().StringVar(&f.recipient, "recipient", "", "recipient's id")
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON")
	return cmd
}

func (f *explainFlags) run(cmd *cobra.Command, id string) error {
	ctx := cmd.Context()
	client, cfg, err := f.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	w, err := f.find(ctx, client, cfg, id)
	if err != nil {
		return err
	}
	if w.Place == placeEnded || w.Place == placeNotKnown { // or it ended before the dedupe window
		if err := w.readOutcome(cmd, client, cfg); err != nil {
			return err
		}
	}
	if f.json {
		err = printJSON(cmd.OutOrStdout(), w)
	} else {
		err = w.print(cmd.OutOrStdout(), time.Now())
	}
	if err == nil && w.Place == placeNotKnown {
		err = errSaid
	}
	return err
}

// find asks the shard of the recipient.
func (f *explainFlags) find(ctx context.Context, client *kafka.Client, cfg *config.Config, id string) (*whereabouts, error) {
	counts, err := partitions(ctx, client, cfg.Topic("sends"))
	if err != nil {
		return nil, err
	}
	shard := kafka.PartitionOf([]byte(f.recipient), counts[cfg.Topic("sends")])
	var node string
	a, err := f.ask(ctx, client, cfg,
		&controlv1.Query{Question: &controlv1.Query_Explain{Explain: &controlv1.Explain{App: f.app, Recipient: f.recipient, Id: id}}},
		func(s *controlv1.ShardReply) bool { return s.Shard == shard })
	if err != nil {
		return nil, err
	}
	x := a.shards[shard]
	if x == nil {
		return nil, &exit{codeTimeout, fmt.Errorf("shard %d, which the recipient belongs to, did not answer within %s: no node runs it, "+
			"it is being restored, or its node is stuck or older than this command; `carillon shard inspect %d` says who owns it", shard, f.timeout, shard)}
	}
	var lane *controlv1.LaneState
	for name, r := range a.nodes {
		for _, s := range r.Shards {
			if s.Shard != shard {
				continue
			}
			node = name
			for _, l := range r.Lanes {
				if l.Channel == x.Channel && l.Account == x.Account {
					lane = l
				}
			}
		}
	}
	return newWhereabouts(id, f.app, f.recipient, shard, node, x, lane), nil
}

// readOutcome reads how the send ended, from `status`.
func (w *whereabouts) readOutcome(cmd *cobra.Command, client *kafka.Client, cfg *config.Config) error {
	var outcome *carillonv1.Status
	err := scanFor(cmd, client, cfg.Topic("status"), w.Recipient, time.Time{}, func(_ kafka.Partition, r *kafka.Record) {
		e := readEvent(r)
		if e == nil || e.Id != w.ID || e.App != w.App || e.Recipient != w.Recipient || e.Kind != carillonv1.Kind_KIND_OUTCOME {
			return
		}
		if outcome == nil || e.Status != carillonv1.State_STATE_DUPLICATE { // that is another record's
			outcome = e
		}
	})
	if outcome != nil {
		w.ended(outcome)
	}
	return err
}
