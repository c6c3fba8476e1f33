package kafka_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/engine/kafka"
)

func TestCommitCarriesMetadata(t *testing.T) { onEach(t, testCommitCarriesMetadata) }

func testCommitCarriesMetadata(t *testing.T, p peer) {
	ctx := within(t)
	p0, p1 := kafka.Partition{Topic: p.topic, Index: 0}, kafka.Partition{Topic: p.topic, Index: 1}
	commit := kafka.Commit{Partition: p0, Offset: 42, Metadata: strings.Repeat("m", 4000)}
	if err := p.client.CommitOffsets(ctx, p.topic, -1, "", []kafka.Commit{commit}); err != nil {
		t.Fatal(err)
	}
	got, err := p.client.CommittedOffsets(ctx, p.topic, []kafka.Partition{p0, p1})
	if err != nil || got[p0] != commit || got[p1].Offset != -1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCommitSaysWhatTheBrokerRefused(t *testing.T) { onEach(t, testCommitSaysWhatTheBrokerRefused) }

func testCommitSaysWhatTheBrokerRefused(t *testing.T, p peer) {
	ctx := within(t)
	if err := p.client.CommitOffsets(ctx, p.topic, -1, "", []kafka.Commit{{Partition: p.partition(), Offset: 7}}); err != nil {
		t.Fatal(err)
	}
	// A member of another client's keeps the group, so that generations count.
	member := foreign(t, p.addrs, kgo.ConsumerGroup(p.topic), kgo.ConsumeTopics(p.topic), kgo.DisableAutoCommit())
	for generation := int32(-1); generation < 1; _, generation = member.GroupMetadata() {
		if ctx.Err() != nil {
			t.Fatal("the foreign member never joined")
		}
		member.PollFetches(shortly(t))
	}
	id, generation := member.GroupMetadata()
	cases := []struct {
		name       string
		generation int32
		member     string
		want       error
	}{
		{"a zombie of an older generation", generation - 1, id, kafkago.IllegalGeneration},
		{"a member that has been thrown out", generation, "gone", kafkago.UnknownMemberId},
		{"who has never been a member", -1, "", kafkago.UnknownMemberId},
		{"the member itself", generation, id, nil},
	}
	for _, c := range cases {
		err := p.client.CommitOffsets(ctx, p.topic, c.generation, c.member, []kafka.Commit{{Partition: p.partition(), Offset: 9}})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	got, err := p.client.CommittedOffsets(ctx, p.topic, []kafka.Partition{p.partition()})
	if err != nil || got[p.partition()].Offset != 9 {
		t.Errorf("committed %v, %v", got, err)
	}
}

func TestCoordinatorMoves(t *testing.T) {
	ctx := within(t)
	cluster, client := broker(t, 1, "a", kfake.NumBrokers(3))
	p := kafka.Partition{Topic: "a"}
	for i := range 6 {
		if err := client.CommitOffsets(ctx, "g", -1, "", []kafka.Commit{{Partition: p, Offset: int64(i)}}); err != nil {
			t.Fatalf("commit %d: %v", i, err)
		}
		cluster.RehashCoordinators()
	}
}

func TestInitProducerIDFences(t *testing.T) { onEach(t, testInitProducerIDFences) }

func testInitProducerIDFences(t *testing.T, p peer) {
	ctx := within(t)
	one, err := p.client.InitProducerID(ctx, p.topic)
	if err != nil {
		t.Fatal(err)
	}
	two, err := p.client.InitProducerID(ctx, p.topic)
	if err != nil || two.ID != one.ID || two.Epoch <= one.Epoch {
		t.Errorf("first %v, then %v, %v", one, two, err)
	}
	free, err := p.client.InitProducerID(ctx, "")
	if err != nil || free.ID == one.ID {
		t.Errorf("without a transactional id: %v, %v", free, err)
	}
	// Once the younger has written to a partition, the older cannot.
	b := kafka.NewBatch()
	b.Append(kafka.Record{Time: time.UnixMilli(1), Value: []byte("claim")})
	send(t, p, b, two, 0)
	b.Append(kafka.Record{Time: time.UnixMilli(1), Value: []byte("late")})
	produced, err := p.client.Produce(ctx, []kafka.ProducePartition{{Partition: p.partition(), Batch: b.Encode(one, 0)}})
	if err != nil || !errors.Is(produced[0].Err, kafkago.InvalidProducerEpoch) {
		t.Errorf("a write of the older epoch: %v, %v", produced[0].Err, err)
	}
}

func TestClaim(t *testing.T) { onEach(t, testClaim) }

// A claim alone fences the older owner, its own identity can write, and readers
// see no record of it.
func testClaim(t *testing.T, p peer) {
	ctx := within(t)
	parts := []kafka.Partition{p.partition()}
	one, err := p.client.Claim(ctx, p.topic, parts)
	if err != nil {
		t.Fatal(err)
	}
	b := kafka.NewBatch()
	write := func(id kafka.ProducerID, sequence int32, value string) error {
		b.Reset()
		b.Append(kafka.Record{Time: time.UnixMilli(1), Value: []byte(value)})
		produced, err := p.client.Produce(ctx, []kafka.ProducePartition{{Partition: parts[0], Batch: b.Encode(id, sequence)}})
		return errors.Join(err, produced[0].Err)
	}
	if err := write(one, 0, "first owner"); err != nil {
		t.Fatal(err)
	}
	two, err := p.client.Claim(ctx, p.topic, parts)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(one, 1, "zombie"); !errors.Is(err, kafkago.InvalidProducerEpoch) {
		t.Errorf("the older owner's write: %v, want InvalidProducerEpoch", err)
	}
	if err := write(two, 0, "second owner"); err != nil {
		t.Errorf("the new owner's write: %v", err)
	}
	got, err := p.client.Fetch(ctx, []kafka.FetchPartition{{Partition: parts[0], MaxBytes: 1 << 20}}, 1, 1<<20, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	if err := got[0].Records(func(r *kafka.Record) error { values = append(values, string(r.Value)); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(values) != 2 || values[0] != "first owner" || values[1] != "second owner" {
		t.Errorf("readers see %q", values)
	}
}

func TestTopicIDs(t *testing.T) { onEach(t, testTopicIDs) }

func testTopicIDs(t *testing.T, p peer) {
	ctx := within(t)
	one, err := p.client.TopicIDs(ctx, []string{p.topic, "absent"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.client.TopicIDs(ctx, []string{p.topic})
	if err != nil {
		t.Fatal(err)
	}
	if len(one) != 1 || one[p.topic] == [16]byte{} || again[p.topic] != one[p.topic] {
		t.Errorf("first %v, then %v", one, again)
	}
}
