package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/metrics"
	"github.com/carillonhq/carillon/engine/shard"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// operator carries what operators decide to the shards that this node runs, and
// writes to `control` what has been done with it. Whatever is lost of that in a
// crash is found in the topic again, and comes to nothing then: see
// shard.Decide. It is safe for concurrent use.
type operator struct {
	*control.Table
	client     *kafka.Client
	topic      string
	partitions int    // of the topics of sends
	node       string // this one, for the audit
	metrics    *metrics.Metrics
	log        zerolog.Logger
	// ownShard returns a shard that this node runs, nil for others.
	ownShard func(id int32) decider

	mu      sync.Mutex
	done    map[string]bool              // keys of decisions that are done with
	applied map[string]*controlv1.Record // acceptances that were gone by, as they are written back
	wake    chan struct{}                // capacity 1

	answering answering
	asked     []*controlv1.Record // since the table moved; Follow's goroutine alone

	halting sync.Mutex          // of what follows, and of giving it to shards
	stands  []*controlv1.Record // that cancel or pause something
	halts   *shard.Halts
	// haltLanes gives them to the node's lanes. It may be nil.
	haltLanes func(*shard.Halts)
}

// decider is a shard to the operator.
type decider interface {
	halter
	Decide(*controlv1.Doubt)
}

func newOperator(c *kafka.Client, topic string, partitions int, node string, m *metrics.Metrics, log zerolog.Logger, ownShard func(int32) decider) *operator {
	o := &operator{
		Table: control.NewTable(c, topic, log), client: c, topic: topic, partitions: partitions, node: node,
		metrics: m, log: log, ownShard: ownShard,
		done: map[string]bool{}, applied: map[string]*controlv1.Record{}, wake: make(chan struct{}, 1),
	}
	o.Skipped = m.ControlSkipped.Inc
	return o
}

// run follows the topic and writes to it until ctx ends.
func (o *operator) run(ctx context.Context) {
	var writing sync.WaitGroup
	writing.Go(func() { o.write(ctx) })
	o.Moved = func() {
		o.halt() // before anybody is told of it
		for _, r := range o.asked {
			o.answer(ctx, r)
		}
		o.asked = nil
	}
	o.Follow(ctx, func(r *controlv1.Record) {
		d := r.GetDoubt()
		if d == nil { // a shard that needs to be accepted asks by itself
			o.heard(r)
			return
		}
		if s := o.ownShard(o.shardOf(d)); s != nil {
			s.Decide(d)
		}
	})
	writing.Wait()
	o.answering.Wait()
}

func (o *operator) shardOf(d *controlv1.Doubt) int32 {
	return kafka.PartitionOf([]byte(d.Recipient), o.partitions)
}

// opened gives a shard the decisions that stand, and what is canceled and paused. It is called once the shard is
// one that this node runs, so that none falls between the two.
func (o *operator) opened(id int32, s decider) {
	o.halting.Lock()
	s.Halt(o.halts)
	o.halting.Unlock()
	for _, r := range o.Doubts() {
		if d := r.GetDoubt(); o.shardOf(d) == id {
			s.Decide(d)
		}
	}
}

// decided implements shard.Env's Decided.
func (o *operator) decided(d *controlv1.Doubt, done bool) {
	decision, result := "drop", "late"
	if d.Decision == controlv1.Decision_DECISION_RESEND {
		decision = "resend"
	}
	if done {
		result = "done"
		r := o.Doubt(d)
		o.log.Info().Str("by", r.GetBy()).Str("reason", r.GetReason()).Str("decision", decision).
			Str("app", d.App).Str("id", d.Id).Uint32("attempt", d.Attempt).Msg("an operator has decided about a send in doubt")
	}
	o.metrics.Decisions(decision, result).Inc()
	o.mu.Lock()
	o.done[control.DoubtKey(d)] = true
	o.mu.Unlock()
	o.signal()
}

// past returns the word of an operator on an input whose reading has stopped at
// an offset, nil where there is none.
func (o *operator) past(p kafka.Partition, at int64) *controlv1.Record {
	r := o.Acceptance(p)
	if a := r.GetAcceptance(); a == nil || a.AppliedMs != 0 || a.State != StoppedAt(at) {
		return nil
	}
	return r
}

// wentBy notes that an input has been gone on with as it was accepted. The
// commit that says so must have been taken by the broker.
func (o *operator) wentBy(r *controlv1.Record) {
	a := r.GetAcceptance()
	p := kafka.Partition{Topic: a.GetTopic(), Index: a.GetPartition()}
	o.log.Warn().Str("by", r.By).Str("reason", r.Reason).Stringer("partition", p).Int64("from", a.From).
		Msg("an operator has said how to go on with the partition")
	o.mu.Lock()
	o.applied[control.AcceptanceKey(p)] = control.Applied(r, time.Now(), o.node)
	o.mu.Unlock()
	o.signal()
}

func (o *operator) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

const writeAgain = time.Second

func (o *operator) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		}
		done, applied := o.take()
		err := errors.Join(
			control.Forget(ctx, o.client, o.topic, slices.Sorted(maps.Keys(done))...),
			control.Publish(ctx, o.client, o.topic, slices.Collect(maps.Values(applied))...),
		)
		if err == nil || ctx.Err() != nil {
			continue
		}
		o.log.Warn().Err(err).Stringer("again_in", writeAgain).Msg("can't write what was done with operators' decisions")
		o.giveBack(done, applied)
		select {
		case <-ctx.Done():
		case <-time.After(writeAgain):
		}
		o.signal()
	}
}

// take returns what is to be written. An acceptance that another one has taken
// the place of meanwhile is not written over it.
func (o *operator) take() (done map[string]bool, applied map[string]*controlv1.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	done, applied = o.done, o.applied
	o.done, o.applied = map[string]bool{}, map[string]*controlv1.Record{}
	maps.DeleteFunc(applied, func(_ string, r *controlv1.Record) bool {
		a := r.GetAcceptance()
		now := o.Acceptance(kafka.Partition{Topic: a.Topic, Index: a.Partition})
		return now.GetAtMs() != r.AtMs || now.GetAcceptance().GetState() != a.State
	})
	return done, applied
}

func (o *operator) giveBack(done map[string]bool, applied map[string]*controlv1.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.Copy(o.done, done)
	maps.Copy(o.applied, applied)
}
