package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// An operator's request goes to every node through `control`, and each answers in
// the topic `replies` for the shards that it runs. So one terminal speaks for the
// cluster, and needs to reach nothing but Kafka.

// Answer writes a node's reply to the topic of that full name, under its
// request's id.
func Answer(ctx context.Context, c *kafka.Client, topic string, r *controlv1.Reply) error {
	value, err := r.MarshalVT()
	if err != nil {
		return fmt.Errorf("encode a reply: %w", err)
	}
	return c.Write(ctx, topic, []kafka.Record{{Time: time.UnixMilli(r.AtMs), Key: []byte(r.Request), Value: value}})
}

// Asking is a request to all nodes and what is known of its answers.
type Asking struct {
	Client *kafka.Client
	// Control and Replies are full names of topics.
	Control, Replies string
	// Shards is how many the cluster has: all of them answer.
	Shards int

	done map[int32]bool
}

// Ask publishes a request, which RequestOf must give an id, and hands over the
// replies as they come, those of nodes that answer again included. It returns nil
// once every shard is done, and ctx's cause when ctx ends before: Missing then
// says which are not. each may return an error, which ends it.
func (a *Asking) Ask(ctx context.Context, r *controlv1.Record, each func(*controlv1.Reply) error) error {
	p := kafka.Partition{Topic: a.Replies}
	ends, err := a.Client.Offsets(ctx, []kafka.Partition{p}, kafka.Latest)
	if err != nil {
		return fmt.Errorf("find the end of %s: %w", a.Replies, err)
	}
	if err := Publish(ctx, a.Client, a.Control, r); err != nil {
		return err
	}
	return a.listen(ctx, p, ends[p], r, each)
}

// Missing returns the shards that have not said that they are done.
func (a *Asking) Missing() (all []int32) {
	for i := range int32(a.Shards) {
		if !a.done[i] {
			all = append(all, i)
		}
	}
	return all
}

func (a *Asking) listen(ctx context.Context, p kafka.Partition, from int64, r *controlv1.Record, each func(*controlv1.Reply) error) error {
	const wait, most = 500 * time.Millisecond, 4 << 20
	id, _ := RequestOf(r)
	a.done = map[int32]bool{}
	var refused error // of each
	heard := func(rec *kafka.Record) error {
		var reply controlv1.Reply
		if string(rec.Key) != id {
			return nil
		}
		if reply.UnmarshalVT(rec.Value) != nil {
			return nil //nolint:nilerr // somebody's: it is passed over, as on every topic
		}
		for _, s := range reply.Shards {
			if s.Done {
				a.done[s.Shard] = true
			}
		}
		refused = each(&reply)
		return refused
	}
	for len(a.done) < a.Shards {
		got, err := a.Client.Fetch(ctx, []kafka.FetchPartition{{Partition: p, Offset: from, MaxBytes: most}}, 1, most, wait)
		if err == nil {
			err = got[0].Err
		}
		if err == nil {
			err = got[0].Records(heard)
			from = max(from, got[0].Next())
		}
		var damaged *kafka.BatchError
		switch {
		case refused != nil:
			return refused
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &damaged):
			from = damaged.NextOffset
		case err != nil && !kafka.Retriable(err):
			return fmt.Errorf("read the answers in %s: %w", a.Replies, err)
		case err != nil:
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return nil
}

// Sum adds up what shards say of a cancel or a pause: of each that has moved, what
// every owner of its counted.
type Sum struct {
	last map[part]*controlv1.ShardReply
}

type part struct {
	node  string
	shard int32
	since int64
}

// Add takes a reply.
func (s *Sum) Add(r *controlv1.Reply) {
	if s.last == nil {
		s.last = map[part]*controlv1.ShardReply{}
	}
	for _, one := range r.Shards {
		s.last[part{r.Node, one.Shard, one.SinceMs}] = one
	}
}

// Total adds up all shards, and Shards each by itself, in their order.
func (s *Sum) Total() *controlv1.Progress {
	total := &controlv1.Progress{}
	for _, one := range s.Shards() {
		plus(total, one.GetProgress())
	}
	return total
}

// Shards returns what is known of each shard that has answered.
func (s *Sum) Shards() []*controlv1.ShardReply {
	by := map[int32]*controlv1.ShardReply{}
	for of, one := range s.last {
		sum := by[of.shard]
		if sum == nil {
			sum = &controlv1.ShardReply{Shard: of.shard, Answer: &controlv1.ShardReply_Progress{Progress: &controlv1.Progress{}}}
			by[of.shard] = sum
		}
		counted := one.GetProgress()
		if of.since < sum.SinceMs { // it has moved: what is still to do is the new owner's
			counted = &controlv1.Progress{Sends: counted.GetSends(), Late: counted.GetLate()}
		} else {
			now := sum.GetProgress()
			now.UnderWay, now.Unread, now.Parked = 0, 0, false
			sum.SinceMs, sum.Done = of.since, one.Done
		}
		plus(sum.GetProgress(), counted)
	}
	all := make([]*controlv1.ShardReply, 0, len(by))
	for _, one := range by {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b *controlv1.ShardReply) int { return int(a.Shard - b.Shard) })
	return all
}

func plus(to, p *controlv1.Progress) {
	to.Sends += p.GetSends()
	to.Late += p.GetLate()
	to.UnderWay += p.GetUnderWay()
	to.Unread += p.GetUnread()
	to.Parked = to.Parked || p.GetParked()
}
