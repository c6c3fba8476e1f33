package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// questions asks all nodes, by Kafka alone.
type questions struct {
	cluster
	timeout time.Duration
}

func (q *questions) addFlags(cmd *cobra.Command) {
	q.cluster.addFlags(cmd)
	cmd.Flags().DurationVar(&q.timeout, "timeout", 10*time.Second, "how long to wait for the nodes' answers")
}

// answers is what the nodes said.
type answers struct {
	nodes   map[string]*controlv1.Reply      // the last of each, by its name
	shards  map[int32]*controlv1.Explanation // of those that know of the send
	missing []int32                          // shards that did not answer in time
}

// ask publishes a question and gathers the answers until all shards have
// answered, enough says so, or the time is over. enough may be nil.
func (q *questions) ask(ctx context.Context, client *kafka.Client, cfg *config.Config, query *controlv1.Query,
	enough func(*controlv1.ShardReply) bool,
) (*answers, error) {
	counts, err := partitions(ctx, client, cfg.Topic("sends"), cfg.Topic("control"), cfg.Topic("replies"))
	if err != nil {
		return nil, err
	}
	query.Id, query.UntilMs = rand.Text(), time.Now().Add(q.timeout).UnixMilli()
	record := &controlv1.Record{By: thisUser(), AtMs: time.Now().UnixMilli(), Object: &controlv1.Record_Query{Query: query}}
	defer func() { // nobody needs it any more; what can't be taken back lapses by itself
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = control.Forget(ctx, client, cfg.Topic("control"), control.KeyOf(record))
	}()
	a := &answers{nodes: map[string]*controlv1.Reply{}, shards: map[int32]*controlv1.Explanation{}}
	asking := control.Asking{Client: client, Control: cfg.Topic("control"), Replies: cfg.Topic("replies"), Shards: counts[cfg.Topic("sends")]}
	within, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	err = asking.Ask(within, record, func(r *controlv1.Reply) error { return a.add(r, enough) })
	switch {
	case errors.Is(err, errAnswered):
		return a, nil
	case err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)):
		return nil, fmt.Errorf("ask the nodes: %w", err)
	}
	a.missing = asking.Missing()
	return a, nil
}

var errAnswered = errors.New("that is enough")

func (a *answers) add(r *controlv1.Reply, enough func(*controlv1.ShardReply) bool) error {
	if r.State != nil || a.nodes[r.Node] == nil {
		a.nodes[r.Node] = r
	}
	for _, s := range r.Shards {
		if x := s.GetExplanation(); x != nil {
			a.shards[s.Shard] = x
		}
		if enough != nil && enough(s) {
			return errAnswered
		}
	}
	return nil
}

// names are the nodes that have answered, in order.
func (a *answers) names() []string { return slices.Sorted(maps.Keys(a.nodes)) }

// silence says which shards did not answer, "" where all did.
func (a *answers) silence() string {
	if len(a.missing) == 0 {
		return ""
	}
	var shards []string
	for i, s := range a.missing {
		if i == 10 {
			shards = append(shards, "...")
			break
		}
		shards = append(shards, strconv.Itoa(int(s)))
	}
	return fmt.Sprintf("no answer in time from %d shards: %s; no node runs them, they are being restored, or their node is stuck: `carillon shard list` says who owns them",
		len(a.missing), strings.Join(shards, ", "))
}

// shortNode is a node's name without what tells its processes apart.
func shortNode(node string) string {
	name, _, _ := strings.Cut(node, "/")
	return name
}
