package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/shard"
)

// standby follows `status` and `ledger` of the shards that this node is not
// assigned, so that taking one over is short: all but the last moment of it has
// been read. It writes to no topic, and its state is nobody's truth. nil is a
// node that is none.
type standby struct {
	*Engine

	mu        sync.Mutex
	assigned  map[int32]bool
	followed  map[int32]*shard.Restorer
	busy      int32              // the shard that is being read; -1: none
	interrupt context.CancelFunc // of that reading
	free      *sync.Cond         // nothing is being read
}

// followEvery is how often the standby looks for new records.
const followEvery = 500 * time.Millisecond

func newStandby(e *Engine) *standby {
	b := &standby{Engine: e, followed: map[int32]*shard.Restorer{}, busy: -1}
	b.free = sync.NewCond(&b.mu)
	return b
}

// assign says which shards are the node's own now: they are not followed, and
// take has what was read of them.
func (b *standby) assign(shards []int32) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.assigned = map[int32]bool{}
	for _, id := range shards {
		b.assigned[id] = true
	}
	if b.busy >= 0 && b.assigned[b.busy] {
		b.interrupt()
	}
}

// take returns the state of an assigned shard as far as it was followed, or nil.
func (b *standby) take(id int32) *shard.Restorer {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.busy == id {
		b.free.Wait()
	}
	r := b.followed[id]
	delete(b.followed, id)
	return r
}

// run follows until ctx ends.
func (b *standby) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := b.round(ctx); err != nil && ctx.Err() == nil {
			b.log.Warn().Err(err).Msg("the standby can't follow; trying again")
			pause(ctx, 5*time.Second)
		}
		pause(ctx, followEvery)
	}
}

// round reads what is new of each shard that is not assigned.
func (b *standby) round(ctx context.Context) error {
	var parts []kafka.Partition
	ids := b.strangers()
	for _, id := range ids {
		parts = append(parts, b.written(id)...)
	}
	ends, err := b.client.Offsets(ctx, parts, kafka.Latest)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := b.follow(ctx, id, ends); err != nil {
			return fmt.Errorf("follow shard %d: %w", id, err)
		}
	}
	return nil
}

// warm returns how many shards are followed.
func (b *standby) warm() int {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.followed)
}

func (b *standby) strangers() (ids []int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range int32(b.cfg.Kafka.Topics.Partitions) {
		if b.assigned != nil && !b.assigned[id] { // nil: the group has not said yet
			ids = append(ids, id)
		}
	}
	return ids
}

// follow reads what is new of one shard, unless it has been assigned meanwhile.
func (b *standby) follow(ctx context.Context, id int32, ends map[kafka.Partition]int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.mu.Lock()
	r := b.followed[id]
	if b.assigned[id] || r != nil && r.Reached(ends) {
		b.mu.Unlock()
		return nil
	}
	b.busy, b.interrupt = id, cancel
	b.mu.Unlock()

	r, err := b.read(ctx, id, r)

	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = -1
	b.free.Broadcast()
	if err != nil {
		delete(b.followed, id) // what it has applied is on the disk
		if b.assigned[id] {
			return nil // that is why
		}
		return err
	}
	b.followed[id] = r
	return nil
}

func (b *standby) read(ctx context.Context, id int32, r *shard.Restorer) (*shard.Restorer, error) {
	if r == nil {
		cfg := b.shardConfig(id)
		r = &shard.Restorer{Config: cfg, Reader: intake.Tailer{Client: b.client}, Window: b.cfg.Engine.DedupeWindow}
		led, err := b.ledger.Load(id, time.Now(), r.Done)
		if err != nil {
			return nil, err
		}
		r.Ledger = led
	}
	r.Now = time.Now()
	if _, _, err := r.Restore(ctx); err != nil {
		return nil, err
	}
	inputs := [2]kafka.Partition{{Topic: r.Config.Topics.Sends, Index: id}, {Topic: r.Config.Topics.Bulk, Index: id}}
	commits, err := b.client.CommittedOffsets(ctx, b.cfg.Kafka.Group, inputs[:])
	if err != nil {
		return nil, err
	}
	r.Forget([2]int64{commits[inputs[0]].Offset, commits[inputs[1]].Offset})
	return r, nil
}
