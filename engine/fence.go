package engine

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/outcome"
	"github.com/carillonhq/carillon/engine/shard"
)

// claim makes this node the only writer to its shards' `status` and `ledger`:
// what an older owner still writes there is refused from here on, so that what
// is read next is all there is.
func (g *generation) claim() error {
	codec, err := kafka.ParseCodec(g.cfg.Kafka.Compression)
	if err != nil {
		return err
	}
	g.out = outcome.New(g.client, outcome.Config{
		Codec: codec, OnRetry: func(error) { g.metrics.ProduceRetries.Inc() },
	}, g.log)
	claims, ctx := errgroup.WithContext(g.stop)
	claims.SetLimit(8)
	for _, id := range g.membership.Shards {
		claims.Go(func() error {
			parts := []kafka.Partition{{Topic: g.cfg.Topic("status"), Index: id}, {Topic: g.cfg.Topic("ledger"), Index: id}}
			who, err := g.client.Claim(ctx, fmt.Sprintf("%s-shard-%d", g.cfg.Kafka.Group, id), parts)
			if err != nil {
				return fmt.Errorf("claim shard %d: %w", id, err)
			}
			g.out.Own(who, parts...)
			return nil
		})
	}
	if err := claims.Wait(); err != nil {
		g.closeOut()
		return err
	}
	return nil
}

// closeOut ends the generation's producer. The shards have waited for what they
// wrote, or were abandoned.
func (g *generation) closeOut() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.stop), time.Second)
	defer cancel()
	if err := g.out.Close(ctx); err != nil {
		g.log.Warn().Err(err).Msg("not all that the shards wrote was acknowledged; it is read again or made anew")
	}
}

// checkCommits bars the inputs of a shard whose committed offset has vanished:
// read from its start, everything older than the dedupe window would go out
// again.
func (g *generation) checkCommits(id int32, r *shard.Restorer) {
	for i, topic := range g.inputs() {
		p := kafka.Partition{Topic: topic, Index: id}
		settled := r.Settled(i)
		if g.found[p] || settled == 0 {
			continue
		}
		g.barred[p] = fmt.Errorf("group %s has no committed offset for %s, and the engine has finished sends of it before: "+
			"the offset was deleted, or expired while no node ran; stop all nodes and set it, with "+
			"kafka-consumer-groups --group %s --topic %s:%d --reset-offsets --to-offset %d --execute "+
			"(the last record that is known to be finished is the one before)",
			g.cfg.Kafka.Group, p, g.cfg.Kafka.Group, topic, id, settled)
	}
}

// renew commits, and extends the lanes' lease by what the answer proves: that
// nobody else can own these shards until a session timeout after the question.
func (g *generation) renew(ctx context.Context, commit func(context.Context) error) error {
	asked := time.Now()
	if err := commit(ctx); err != nil {
		return err
	}
	session := g.cfg.Kafka.SessionTimeout
	until := asked.Add(session - session/leaseMargin)
	g.lanes.each(func(l *lane.Lane) { l.Lease(until) })
	return nil
}

// leaseMargin is the part of the session timeout that is kept for what is
// between a look at the clock and the provider.
const leaseMargin = 5
