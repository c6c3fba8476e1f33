package intake

import (
	"errors"
	"maps"
	"strings"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
)

// commitSizes notes how many partitions each commit that reaches the broker has.
func commitSizes(b *broker) *[]int {
	var sizes []int
	b.cluster.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		n := 0
		for _, t := range req.(*kmsg.OffsetCommitRequest).Topics {
			n += len(t.Partitions)
		}
		sizes = append(sizes, n)
		return nil, nil, false
	})
	return &sizes
}

func TestCommitter(t *testing.T) {
	b := newBroker(t, 2)
	sizes := commitSizes(b)
	c := NewCommitter(b.client, "g", []string{"sends", "sends.bulk"}, Membership{Generation: -1})
	shards := map[int32][2]Reservation{}
	for _, step := range []struct {
		name string
		set  map[int32][2]Reservation
		sent int // partitions in the request
	}{
		{"a first start, where nothing moved", map[int32][2]Reservation{0: {{}, {}}}, 2},
		{"all that is new", map[int32][2]Reservation{
			0: {{Low: 5, Reserved: 9, Owner: "a", Due: 7, Parked: 3}, {Low: 1, Reserved: 1, Owner: "a"}},
			1: {{Low: 2, Reserved: 3}, {Low: 4, Reserved: 4}},
		}, 4},
		{"nothing is, and membership is asked for", nil, 1},
		{"another reservation at the same offset", map[int32][2]Reservation{1: {{Low: 2, Reserved: 30}, {Low: 4, Reserved: 4}}}, 1},
		{"a map", map[int32][2]Reservation{1: {{Low: 2, Reserved: 30, Done: []Run{{4, 7}, {9, 10}}}, {Low: 5, Reserved: 5}}}, 2},
	} {
		*sizes = nil
		maps.Copy(shards, step.set)
		if err := c.Commit(within(t), shards); err != nil {
			t.Fatal(step.name, err)
		}
		if len(*sizes) != 1 || (*sizes)[0] != step.sent {
			t.Errorf("%s: sent %v", step.name, *sizes)
		}
		checkCommitted(t, b, step.name, shards)
	}
	*sizes = nil
	if err := c.Commit(within(t), nil); err != nil || len(*sizes) > 0 {
		t.Error("no shard at all:", *sizes, err)
	}
}

func checkCommitted(t *testing.T, b *broker, step string, shards map[int32][2]Reservation) {
	t.Helper()
	for shard, inputs := range shards {
		for i, topic := range []string{"sends", "sends.bulk"} {
			p := kafka.Partition{Topic: topic, Index: shard}
			got, err := b.client.CommittedOffsets(within(t), "g", []kafka.Partition{p})
			if err != nil {
				t.Fatal(err)
			}
			if got[p].Offset != inputs[i].Low || got[p].Metadata != inputs[i].Text() {
				t.Errorf("%s: %s is at %d, %q", step, p, got[p].Offset, got[p].Metadata)
			}
		}
	}
}

// A broker keeps a request as one batch, which has a bound.
func TestCommitsFitABatch(t *testing.T) {
	const partitions = 400
	b := newBroker(t, partitions)
	sizes := commitSizes(b)
	c := NewCommitter(b.client, "g", []string{"sends", "sends.bulk"}, Membership{Generation: -1})
	full := Reservation{Reserved: MaxSpan, Owner: strings.Repeat("x", maxOwner), Done: []Run{{MaxSpan - 1, MaxSpan}}}
	shards := map[int32][2]Reservation{}
	for i := range int32(partitions) {
		shards[i] = [2]Reservation{full, full}
	}
	if err := c.Commit(within(t), shards); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, n := range *sizes {
		if sum += n; n*(len(full.Text())+commitOverhead) > 1<<20 {
			t.Errorf("%d partitions in one request", n)
		}
	}
	if sum != 2*partitions {
		t.Errorf("%d partitions in %d requests", sum, len(*sizes))
	}
}

// Whoever has lost its shards commits nothing, and what it could not commit is
// still owed.
func TestCommitterOfAnOlderGeneration(t *testing.T) {
	c := newCouncil(t, 1)
	c.join("a")
	c.settled(1, 1)
	c.mu.Lock()
	m := c.latest["a"]
	c.mu.Unlock()
	shards := map[int32][2]Reservation{0: {{Low: 9, Reserved: 9}}}
	old := m
	old.Generation--
	zombie := NewCommitter(c.client, "g", []string{"sends"}, old)
	for range 2 {
		if err := zombie.Commit(within(t), shards); !errors.Is(err, kafkago.IllegalGeneration) {
			t.Errorf("a zombie: %v", err)
		}
	}
	member := NewCommitter(c.client, "g", []string{"sends"}, m)
	if err := member.Commit(within(t), shards); err != nil {
		t.Error(err)
	}
}

// After an error nobody knows what the broker has: all is sent again.
func TestCommitAfterAnError(t *testing.T) {
	b := newBroker(t, 1)
	c := NewCommitter(b.client, "g", []string{"sends", "sends.bulk"}, Membership{Generation: -1})
	shards := map[int32][2]Reservation{0: {{Low: 1, Reserved: 4}, {}}}
	if err := c.Commit(within(t), shards); err != nil {
		t.Fatal(err)
	}
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.OffsetMetadataTooLarge, Count: 1})
	moved := map[int32][2]Reservation{0: {{Low: 2, Reserved: 6}, {}}}
	if err := c.Commit(within(t), moved); err == nil {
		t.Fatal("a refused commit was taken")
	}
	if err := c.Commit(within(t), shards); err != nil { // as before the refused one
		t.Fatal(err)
	}
	checkCommitted(t, b, "after a refusal", shards)
}
