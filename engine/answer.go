package engine

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/carillonhq/carillon/engine/control"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// answering is what a node needs to answer requests: what it writes to, and whom
// it asks.
type answering struct {
	sync.WaitGroup
	topic string // replies
	// shards are those that the node runs now.
	shards func() map[int32]answerer
	// node fills in what the node knows by itself, and no shard. It may be nil.
	node func(*controlv1.Query, *controlv1.Reply)

	begin sync.Once
	most  chan struct{} // bounds the requests that are answered at a time
}

// answerer is a shard to who asks.
type answerer interface {
	Answer(context.Context, *controlv1.Query) (*controlv1.ShardReply, error)
}

const (
	// answeredAtOnce bounds the requests that a node answers at a time; further
	// ones wait.
	answeredAtOnce = 8
	// lookForNews is how soon a node looks again for something to say.
	lookForNews = 100 * time.Millisecond
	lookSeldom  = 2 * time.Second
)

// answer answers a request for as long as it wants to be, in the background. A
// shard that comes to this node meanwhile answers as well.
func (o *operator) answer(ctx context.Context, r *controlv1.Record) {
	id, until := control.RequestOf(r)
	if id == "" || !time.Now().Before(until) || o.answering.shards == nil {
		return
	}
	a := &o.answering
	a.begin.Do(func() { a.most = make(chan struct{}, answeredAtOnce) })
	a.Go(func() {
		ctx, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		select {
		case a.most <- struct{}{}:
			defer func() { <-a.most }()
		case <-ctx.Done():
			return
		}
		o.keepAnswering(ctx, id, r)
	})
}

func (o *operator) keepAnswering(ctx context.Context, id string, r *controlv1.Record) {
	said := map[int32]*controlv1.ShardReply{}
	for wait := lookForNews; ctx.Err() == nil; pause(ctx, wait) {
		wait = min(wait+wait/4, lookSeldom)
		reply := o.news(ctx, id, r, said)
		if reply == nil {
			continue
		}
		if err := control.Answer(ctx, o.client, o.answering.topic, reply); err != nil {
			if ctx.Err() == nil {
				o.log.Warn().Err(err).Stringer("again_in", wait).Msg("can't answer an operator")
			}
			continue
		}
		for _, one := range reply.Shards {
			said[one.Shard] = one
		}
		wait = lookForNews
	}
}

// news returns what shards have to say that they have not said yet, nil where
// that is nothing.
func (o *operator) news(ctx context.Context, id string, r *controlv1.Record, said map[int32]*controlv1.ShardReply) *controlv1.Reply {
	reply := &controlv1.Reply{Request: id, Node: o.node, AtMs: time.Now().UnixMilli()}
	for id, s := range o.answering.shards() {
		before := said[id]
		if before != nil && r.GetQuery() != nil {
			continue // a question is asked once
		}
		one, err := s.Answer(ctx, r.GetQuery())
		if err != nil {
			continue // it has ended; whoever runs it next answers
		}
		if before == nil || !proto.Equal(before, one) {
			reply.Shards = append(reply.Shards, one)
		}
	}
	if len(reply.Shards) == 0 {
		return nil
	}
	if q := r.GetQuery(); q != nil && o.answering.node != nil {
		o.answering.node(q, reply)
	}
	return reply
}
