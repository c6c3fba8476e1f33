package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/retry"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/shard"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// openShard makes this node the shard's owner: it claims it, reads what Kafka
// holds of it, and starts it, paused. An input that must not be read is barred.
func (e *Engine) openShard(ctx context.Context, id int32) (*ownedShard, error) {
	s := &ownedShard{id: id, ended: make(chan struct{})}
	for i, topic := range e.inputs() {
		s.inputs[i] = kafka.Partition{Topic: topic, Index: id}
	}
	if err := e.awaitSuppressions(ctx); err != nil {
		return nil, err
	}
	select { // what is canceled must be known before anything begins
	case <-e.operator.CaughtUp():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := e.claim(ctx, id); err != nil {
		return nil, err
	}
	cfg := e.shardConfig(id)
	known, err := e.judge(ctx, s, &cfg, [2]int64{})
	if err != nil {
		return nil, err
	}
	led, done, settled, err := e.restore(ctx, cfg)
	if err != nil {
		return nil, err
	}
	e.operator.forgetOthers(s.inputs, done)
	if !known { // what was restored may speak against the commit
		if _, err = e.judge(ctx, s, &cfg, settled); err != nil {
			return nil, err
		}
	}
	if cfg.InvalidPartitions, err = e.invalidPartitions(ctx); err != nil {
		return nil, err
	}
	s.Shard = shard.New(cfg, shard.Env{
		Ledger: led, Outcomes: e.out, Lanes: e.lanes, Observer: newShardObserver(e.metrics), Log: e.log, Suppressions: e.suppressed.NewAsker(),
		Now: time.Now, Jitter: rand.Float64, Need: e.wakeCommitter, Decided: e.operator.decided,
	}, done)
	e.tellDoubt(cfg, done)
	e.begin(s, cfg)
	return s, nil
}

// tellDoubt says how many records may be in doubt, since those wait.
func (e *Engine) tellDoubt(cfg shard.Config, done [2]map[int64]bool) {
	n := int64(0)
	for i, found := range cfg.Found {
		for at := found.Low; at < found.Reserved; at++ {
			if !done[i][at] && !slices.ContainsFunc(found.Done, func(r intake.Run) bool { return at >= r.From && at < r.To }) {
				n++
			}
		}
	}
	if parked := cfg.Found[intake.Urgent].Parked; n > 0 || parked > 0 {
		e.log.Info().Int32("shard", cfg.ID).Int64("at_most", n).Int("parked", parked).
			Msg("the former owner may have had attempts under way: what it had reserved and not finished waits for its channel's deadline")
	}
}

// begin sets an opened shard going.
func (e *Engine) begin(s *ownedShard, cfg shard.Config) {
	for i, p := range s.inputs {
		s.readers[i] = startReading(e.newReader(p), func(err error) { e.quarantine(p, err) })
	}
	e.owned.set(s.id, s)
	s.run()
	e.operator.opened(s.id, s)
	for i, p := range s.inputs {
		if err := s.barredBy(i); err != nil {
			e.quarantine(p, err)
			continue
		}
		e.fetchers[i].Add(s.readers[i].Reader, cfg.Found[i].Low)
	}
}

func (e *Engine) newReader(p kafka.Partition) *intake.Reader {
	return intake.NewReader(p, e.cfg.Kafka.Topics.Partitions, e.limits(), readerObserver{e.metrics})
}

// claim makes this node the only writer to the shard's `status` and `ledger`:
// what an older owner still writes there is refused from here on, so that what
// is read next is all there is.
func (e *Engine) claim(ctx context.Context, id int32) error {
	who, err := e.client.Claim(ctx, fmt.Sprintf("%s-shard-%d", e.cfg.Kafka.Group, id), e.written(id))
	if err != nil {
		return fmt.Errorf("claim shard %d: %w", id, err)
	}
	e.out.Own(who, e.written(id)...)
	fault.Point(fault.AfterClaim)
	return nil
}

// written are the partitions that only the shard's owner writes to.
func (e *Engine) written(id int32) []kafka.Partition {
	return []kafka.Partition{{Topic: e.cfg.Topic("status"), Index: id}, {Topic: e.cfg.Topic("ledger"), Index: id}}
}

// restore brings the shard's ledger up to what Kafka holds, and writes the
// tombstones that a crash kept from being written. settled is, by input, behind
// the last record that is known to be finished.
func (e *Engine) restore(ctx context.Context, cfg shard.Config) (led *ledger.Shard, done [2]map[int64]bool, settled [2]int64, err error) {
	r, err := e.restorer(cfg)
	if err != nil {
		return led, done, settled, err
	}
	done, stale, err := r.Restore(ctx)
	if err != nil {
		return led, done, settled, err
	}
	err = shard.Tombstones(ctx, e.out, kafka.Partition{Topic: cfg.Topics.Ledger, Index: cfg.ID}, stale)
	if err != nil {
		return led, done, settled, fmt.Errorf("write tombstones of shard %d: %w", cfg.ID, err)
	}
	return r.Ledger.(*ledger.Shard), done, [2]int64{r.Settled(intake.Urgent), r.Settled(intake.Bulk)}, nil
}

// restorer returns what has been read of the shard: by a standby, or by an
// earlier run of this node, on disk.
func (e *Engine) restorer(cfg shard.Config) (*shard.Restorer, error) {
	if r := e.standby.take(cfg.ID); r != nil {
		r.Config, r.Now = cfg, cfg.TakenOver
		r.Forget([2]int64{cfg.Found[intake.Urgent].Low, cfg.Found[intake.Bulk].Low})
		return r, nil
	}
	r := &shard.Restorer{
		Config: cfg, Reader: intake.Tailer{Client: e.client}, Window: e.cfg.Engine.DedupeWindow, Now: cfg.TakenOver,
	}
	led, err := e.ledger.Load(cfg.ID, r.Now, r.Done)
	r.Ledger = led
	return r, err
}

// invalidPartitions counts those of the topic of invalid records: it need not
// be partitioned like the others.
func (e *Engine) invalidPartitions(ctx context.Context) (int32, error) {
	topic := e.cfg.Topic("invalid")
	counts, err := e.client.Partitions(ctx, []string{topic})
	if err != nil {
		return 0, fmt.Errorf("count the partitions of %s: %w", topic, err)
	}
	return max(1, int32(counts[topic])), nil
}

func (e *Engine) limits() send.Limits {
	l := e.cfg.Limits
	return send.Limits{Bytes: int(l.Record), Depth: l.Depth, Fields: l.Fields}
}

func (e *Engine) shardConfig(id int32) shard.Config {
	c, n := e.cfg, e.cfg.Kafka.Topics.Partitions
	bulk, urgent := e.parkBounds()
	cfg := shard.Config{
		ID: id,
		Topics: shard.Topics{
			Sends: c.Topic("sends"), Bulk: c.Topic("sends.bulk"), Status: c.Topic("status"),
			Ledger: c.Topic("ledger"), Invalid: c.Topic("invalid"), Suppressions: c.Topic("suppressions"),
		},
		Owner:      e.owner,
		TakenOver:  time.Now(),
		Window:     c.Engine.Window,
		Headroom:   c.Engine.Reserve,
		Quota:      min(c.Engine.Window, max(64, c.Engine.LaneQueue/n)),
		Patience:   c.Engine.LanePatience,
		ParkLimit:  bulk,
		ParkHard:   urgent,
		Protobuf:   c.Status.Format == "protobuf",
		DefaultTTL: 24 * time.Hour,
		Policies:   map[string]shard.Policy{},
		FallbackOn: c.Fallback.On,
	}
	for name, ch := range c.Channels {
		cfg.Policies[name] = shard.Policy{
			Retry:   retry.Policy{MaxAttempts: ch.Retry.MaxAttempts, Base: ch.Retry.Base, Max: ch.Retry.Max},
			Hold:    ch.OnUnknown == "hold",
			HoldFor: ch.HoldFor,
			DeadFor: ch.DeadFor,
			Pair:    shard.Pair{PerSecond: ch.RecipientRate.PerSecond(), Burst: ch.RecipientBurst},
			TTL: map[carillonv1.Class]time.Duration{
				carillonv1.Class_CLASS_TRANSACTIONAL: ch.TTL.Transactional,
				carillonv1.Class_CLASS_MARKETING:     ch.TTL.Marketing,
			},
		}
	}
	cfg.Timing, cfg.Caps, cfg.Ordering, cfg.Routes = timing(c), capsOf(c), ordering(c), c.RouteTable()
	return cfg
}
