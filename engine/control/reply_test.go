package control

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

const replies = "carillon.replies"

func (b *broker) asking(shards int) *Asking {
	b.t.Helper()
	if err := b.client.CreateTopics(within(b.t), []kafka.TopicSpec{{Name: replies, Partitions: 1, Replication: 1}}); err != nil {
		b.t.Fatal(err)
	}
	return &Asking{Client: b.client, Control: topic, Replies: replies, Shards: shards}
}

func question(id string) *controlv1.Record {
	return &controlv1.Record{Object: &controlv1.Record_Query{Query: &controlv1.Query{
		Id: id, UntilMs: time.Now().Add(time.Minute).UnixMilli(), Question: &controlv1.Query_Lanes{Lanes: &controlv1.Lanes{}},
	}}}
}

// nodes answer whatever comes on `control`: node i for its shards, in its turn.
func (b *broker) nodes(shards ...[]int32) {
	f := NewTable(b.client, topic, zerologNop)
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Follow(ctx, func(r *controlv1.Record) {
			id, _ := RequestOf(r)
			for node, of := range shards {
				reply := &controlv1.Reply{Request: id, Node: string(rune('a' + node))}
				for _, s := range of {
					reply.Shards = append(reply.Shards, &controlv1.ShardReply{Shard: s, Done: true})
				}
				if err := Answer(ctx, b.client, replies, reply); err != nil && ctx.Err() == nil {
					b.t.Error(err)
				}
			}
		})
	}()
	b.t.Cleanup(func() { cancel(); <-done })
}

// All shards answer, and then nothing more is waited for; what others asked is
// nobody else's.
func TestAsk(t *testing.T) {
	b := newBroker(t)
	a := b.asking(3)
	if err := Answer(within(t), b.client, replies, &controlv1.Reply{Request: "q", Shards: []*controlv1.ShardReply{{Shard: 2, Done: true}}}); err != nil {
		t.Fatal(err) // from before it was asked
	}
	b.nodes([]int32{0, 2}, []int32{1})
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 2})
	for _, id := range []string{"q", "r"} {
		var from []string
		err := a.Ask(within(t), question(id), func(r *controlv1.Reply) error {
			if r.Request != id {
				t.Error("the answer to", r.Request)
			}
			from = append(from, r.Node)
			return nil
		})
		if err != nil || !slices.Equal(from, []string{"a", "b"}) || a.Missing() != nil {
			t.Errorf("%v, from %v, missing %v", err, from, a.Missing())
		}
	}
}

// Which shards have not answered is known.
func TestAskWhereOneIsSilent(t *testing.T) {
	b := newBroker(t)
	a := b.asking(3)
	b.nodes([]int32{1})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := a.Ask(ctx, question("q"), func(*controlv1.Reply) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) || !slices.Equal(a.Missing(), []int32{0, 2}) {
		t.Errorf("%v, missing %v", err, a.Missing())
	}
	enough := errors.New("enough")
	if err := a.Ask(within(t), question("r"), func(*controlv1.Reply) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("%v: it goes on against the caller's word", err)
	}
}

// What a shard counted before it moved is added to what its next owner counts;
// what is still to do is the next owner's alone.
func TestSum(t *testing.T) {
	of := func(node string, shard int32, since int64, done bool, p *controlv1.Progress) *controlv1.Reply {
		return &controlv1.Reply{Node: node, Shards: []*controlv1.ShardReply{{
			Shard: shard, SinceMs: since, Done: done, Answer: &controlv1.ShardReply_Progress{Progress: p},
		}}}
	}
	replies := []*controlv1.Reply{
		of("a", 0, 1, false, &controlv1.Progress{Sends: 5, UnderWay: 3, Unread: 70}),
		of("a", 1, 1, true, &controlv1.Progress{Sends: 2, Late: 1}),
		of("a", 0, 1, false, &controlv1.Progress{Sends: 10, UnderWay: 2, Unread: 60, Parked: true}), // takes the place of the first
		of("b", 0, 2, false, &controlv1.Progress{Sends: 4, Unread: 30}),                             // it has moved
	}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 0, 2, 1}} {
		var s Sum
		for _, i := range order {
			s.Add(replies[i])
		}
		total := s.Total()
		if total.Sends != 16 || total.Late != 1 || total.UnderWay != 0 || total.Unread != 30 || total.Parked {
			t.Errorf("in the order %v: %v", order, total)
		}
		if all := s.Shards(); len(all) != 2 || all[0].Done || !all[1].Done {
			t.Errorf("by shard: %v", all)
		}
	}
}
