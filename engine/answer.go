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
	// ends returns behind what the inputs of all shards have now.
	ends func(context.Context) (map[int32][2]int64, error)
	// node fills in what the node knows by itself, and no shard. It may be nil.
	node func(*controlv1.Query, *controlv1.Reply)

	begin sync.Once
	most  chan struct{} // bounds the requests that are answered at a time
}

// answerer is a shard to who asks.
type answerer interface {
	halter
	Progress(ctx context.Context, request string, ends [2]int64) (*controlv1.ShardReply, error)
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
	ends := o.endsOf(ctx, r)
	for wait := lookForNews; ctx.Err() == nil; pause(ctx, wait) {
		wait = min(wait+wait/4, lookSeldom)
		reply := o.news(ctx, r, ends, said)
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

// endsOf returns how far the inputs go, for a cancel: what it is about may still
// stand there.
func (o *operator) endsOf(ctx context.Context, r *controlv1.Record) map[int32][2]int64 {
	if r.GetCancel() == nil {
		return nil
	}
	for ctx.Err() == nil {
		ends, err := o.answering.ends(ctx)
		if err == nil {
			return ends
		}
		o.log.Warn().Err(err).Stringer("again_in", writeAgain).Msg("can't find how far the sends go that were canceled")
		pause(ctx, writeAgain)
	}
	return nil
}

// news returns what shards have to say that they have not said yet, nil where
// that is nothing.
func (o *operator) news(ctx context.Context, r *controlv1.Record, ends map[int32][2]int64, said map[int32]*controlv1.ShardReply) *controlv1.Reply {
	request, _ := control.RequestOf(r)
	reply := &controlv1.Reply{Request: request, Node: o.node, AtMs: time.Now().UnixMilli()}
	for id, s := range o.answering.shards() {
		before := said[id]
		var one *controlv1.ShardReply
		var err error
		switch q := r.GetQuery(); {
		case q == nil:
			one, err = s.Progress(ctx, request, ends[id])
		case before != nil:
			continue // a question is asked once
		default:
			one, err = s.Answer(ctx, q)
		}
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
