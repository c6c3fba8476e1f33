package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
)

// broker starts a cluster of kfake with one topic, and a client of ours.
func broker(t testing.TB, partitions int32, topic string, opts ...kfake.Opt) (*kfake.Cluster, *kafka.Client) {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic)}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client := kafka.NewClient(kafka.Config{Brokers: cluster.ListenAddrs(), ClientID: "test", RequestTimeout: 5 * time.Second})
	t.Cleanup(client.Close)
	return cluster, client
}

// foreign is a client we did not write.
func foreign(t testing.TB, addrs []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append([]kgo.Opt{kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// readAll fetches from offset until the high watermark and returns copies.
func readAll(t testing.TB, c *kafka.Client, p kafka.Partition, offset int64) []kafka.Record {
	t.Helper()
	ctx := within(t)
	var all []kafka.Record
	for {
		fetched, err := c.Fetch(ctx, []kafka.FetchPartition{{Partition: p, Offset: offset, MaxBytes: 1 << 20}}, 1, 8<<20, 20*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		f := &fetched[0]
		if err := f.Records(func(r *kafka.Record) error { all = append(all, *r); return nil }); err != nil {
			t.Fatal(err)
		}
		if f.Next() >= f.HighWatermark || f.Next() == offset {
			return all
		}
		offset = f.Next()
	}
}

func produce(t testing.TB, c *kafka.Client, p kafka.Partition, records ...kafka.Record) int64 {
	t.Helper()
	b := kafka.NewBatch()
	for _, r := range records {
		b.Append(r)
	}
	produced, err := c.Produce(within(t), []kafka.ProducePartition{{Partition: p, Batch: b.Encode(kafka.ProducerID{ID: -1, Epoch: -1}, -1)}})
	if err != nil {
		t.Fatal(err)
	}
	if produced[0].Err != nil {
		t.Fatal(produced[0].Err)
	}
	return produced[0].BaseOffset
}

func TestPingSaysWhatToDo(t *testing.T) {
	cluster, client := broker(t, 1, "a")
	if err := client.Ping(within(t)); err != nil {
		t.Fatal(err)
	}
	address := cluster.ListenAddrs()[0]
	cluster.Close()
	alone := kafka.NewClient(kafka.Config{Brokers: []string{address}})
	defer alone.Close()
	err := alone.Ping(within(t))
	want := "cannot reach Kafka at " + address + ": connection refused; start a broker or set kafka.brokers"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := kafka.NewClient(kafka.Config{}).Ping(within(t)); err == nil {
		t.Error("a client without brokers pings")
	}
}

func TestTopics(t *testing.T) {
	ctx := within(t)
	cluster, client := broker(t, 3, "there")
	specs := []kafka.TopicSpec{
		{Name: "there", Partitions: 5, Replication: 1}, // exists: left as it is
		{Name: "fresh", Partitions: 4, Replication: 1, Config: map[string]string{"cleanup.policy": "compact"}},
	}
	if err := client.CreateTopics(ctx, specs); err != nil {
		t.Fatal(err)
	}
	counts, err := client.Partitions(ctx, []string{"there", "fresh", "missing"})
	if err != nil || len(counts) != 2 || counts["there"] != 3 || counts["fresh"] != 4 {
		t.Errorf("partitions: %v, %v", counts, err)
	}
	leaders, err := client.Leaders(ctx, []string{"fresh", "missing"})
	if err != nil || len(leaders) != 4 || leaders[kafka.Partition{Topic: "fresh", Index: 3}] != 0 {
		t.Errorf("leaders: %v, %v", leaders, err)
	}
	configs, err := client.TopicConfigs(ctx, []string{"fresh", "missing"}, "cleanup.policy")
	if err != nil || configs["fresh"]["cleanup.policy"] != "compact" || configs["missing"] != nil {
		t.Errorf("configs: %v, %v", configs, err)
	}
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Topic: "unwanted", Err: kerr.PolicyViolation})
	err = client.CreateTopics(ctx, []kafka.TopicSpec{{Name: "unwanted", Partitions: 1, Replication: 1}})
	if !errors.Is(err, kafkago.PolicyViolation) {
		t.Errorf("a topic the cluster does not want: %v", err)
	}
}

func TestOffsets(t *testing.T) {
	ctx := within(t)
	_, client := broker(t, 2, "a")
	p0, p1 := kafka.Partition{Topic: "a", Index: 0}, kafka.Partition{Topic: "a", Index: 1}
	for i := range 5 {
		produce(t, client, p0, kafka.Record{Time: time.UnixMilli(int64(1000 * (i + 1))), Value: []byte("x")})
	}
	cases := []struct {
		name string
		at   time.Time
		want map[kafka.Partition]int64
	}{
		{"earliest", kafka.Earliest, map[kafka.Partition]int64{p0: 0, p1: 0}},
		{"latest", kafka.Latest, map[kafka.Partition]int64{p0: 5, p1: 0}},
		{"exact time", time.UnixMilli(3000), map[kafka.Partition]int64{p0: 2, p1: 0}},
		{"between", time.UnixMilli(3001), map[kafka.Partition]int64{p0: 3, p1: 0}},
		{"after all: latest", time.UnixMilli(9000), map[kafka.Partition]int64{p0: 5, p1: 0}},
	}
	for _, c := range cases {
		got, err := client.Offsets(ctx, []kafka.Partition{p0, p1}, c.at)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %v, %v; want %v", c.name, got, err, c.want)
		}
	}
	missing := kafka.Partition{Topic: "missing"}
	if _, err := client.Offsets(ctx, []kafka.Partition{p0, missing}, kafka.Latest); !errors.Is(err, kafkago.UnknownTopicOrPartition) {
		t.Errorf("missing topic: %v", err)
	}
}

func TestFetchFaultsArePerPartition(t *testing.T) {
	_, client := broker(t, 2, "a")
	p0, p1 := kafka.Partition{Topic: "a", Index: 0}, kafka.Partition{Topic: "a", Index: 1}
	produce(t, client, p0, kafka.Record{Value: []byte("x")})
	fetched, err := client.Fetch(within(t), []kafka.FetchPartition{
		{Partition: kafka.Partition{Topic: "missing"}, MaxBytes: 1000},
		{Partition: p1, Offset: 77, MaxBytes: 1000},
		{Partition: p0, MaxBytes: 1000},
	}, 1, 1<<20, 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	want := []error{kafkago.UnknownTopicOrPartition, kafkago.OffsetOutOfRange, nil}
	for i, f := range fetched {
		if !errors.Is(f.Err, want[i]) {
			t.Errorf("%s: got %v, want %v", f.Partition, f.Err, want[i])
		}
	}
	if err := fetched[1].Records(nil); !errors.Is(err, kafkago.OffsetOutOfRange) {
		t.Errorf("Records of a failed partition: %v", err)
	}
	if n := len(readAll(t, client, p0, 0)); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestLeaderMoves(t *testing.T) {
	cluster, client := broker(t, 1, "a", kfake.NumBrokers(3))
	p := kafka.Partition{Topic: "a"}
	produce(t, client, p, kafka.Record{Value: []byte("1")})
	ctx := within(t)
	next := (cluster.LeaderFor("a", 0) + 1) % 3
	if err := cluster.MoveTopicPartition("a", 0, next); err != nil {
		t.Fatal(err)
	}
	// The first request goes to the broker that led before and learns it.
	fetched, err := client.Fetch(ctx, []kafka.FetchPartition{{Partition: p, MaxBytes: 1000}}, 1, 1000, time.Millisecond)
	if err != nil || !errors.Is(fetched[0].Err, kafkago.NotLeaderForPartition) {
		t.Fatalf("fetch from the old leader: %v, %v", fetched, err)
	}
	leaders, err := client.Leaders(ctx, []string{"a"})
	if err != nil || leaders[p] != next {
		t.Fatalf("leaders %v, %v; want %d", leaders, err, next)
	}
	if n := len(readAll(t, client, p, 0)); n != 1 {
		t.Errorf("%d records from the new leader", n)
	}
}

// TestNewBroker: the Transport has not heard of a broker that joined since.
func TestNewBroker(t *testing.T) {
	cluster, client := broker(t, 1, "a")
	p := kafka.Partition{Topic: "a"}
	produce(t, client, p, kafka.Record{Value: []byte("1")})
	if _, _, err := cluster.AddNode(7, 0); err != nil {
		t.Fatal(err)
	}
	if err := cluster.MoveTopicPartition("a", 0, 7); err != nil {
		t.Fatal(err)
	}
	ctx := within(t)
	if fetched, err := client.Fetch(ctx, []kafka.FetchPartition{{Partition: p, MaxBytes: 1000}}, 1, 1000, time.Millisecond); err != nil || fetched[0].Err == nil {
		t.Fatalf("fetch from the old leader: %v", err)
	}
	if n := len(readAll(t, client, p, 0)); n != 1 {
		t.Errorf("%d records from the new broker", n)
	}
}

func TestProducePerPartition(t *testing.T) {
	_, client := broker(t, 2, "a")
	b := kafka.NewBatch()
	b.Append(kafka.Record{Value: []byte("x")})
	encoded := b.Encode(kafka.ProducerID{ID: -1, Epoch: -1}, -1)
	produced, err := client.Produce(within(t), []kafka.ProducePartition{
		{Partition: kafka.Partition{Topic: "a", Index: 1}, Batch: encoded},
		{Partition: kafka.Partition{Topic: "missing"}, Batch: encoded},
		{Partition: kafka.Partition{Topic: "a", Index: 0}, Batch: append([]byte(nil), encoded...)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if produced[0].Err != nil || produced[2].Err != nil || !errors.Is(produced[1].Err, kafkago.UnknownTopicOrPartition) {
		t.Errorf("%+v", produced)
	}
	if produced[1].BaseOffset != -1 || produced[2].BaseOffset != 0 {
		t.Errorf("offsets: %+v", produced)
	}
}

// shortly is a context for one round of a poll that is repeated.
func shortly(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// A broker whose answer is full leaves the last partitions out of it: they have
// nothing this time, and nothing is wrong with them.
func TestFetchFullAnswer(t *testing.T) {
	ctx := within(t)
	_, client := broker(t, 4, "a")
	var parts []kafka.FetchPartition
	for i := range int32(4) {
		p := kafka.Partition{Topic: "a", Index: i}
		b := kafka.NewBatch()
		b.Append(kafka.Record{Value: make([]byte, 100<<10)})
		if _, err := client.Produce(ctx, []kafka.ProducePartition{{Partition: p, Batch: b.Encode(kafka.ProducerID{ID: -1, Epoch: -1}, -1)}}); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, kafka.FetchPartition{Partition: p, MaxBytes: 1 << 20})
	}
	answers, err := client.Fetch(ctx, parts, 1, 150<<10, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	full := 0
	for i := range answers {
		if answers[i].Err != nil {
			t.Errorf("%v: %v", answers[i].Partition, answers[i].Err)
		}
		if answers[i].End() > 0 {
			full++
		}
	}
	if full == 0 || full == len(parts) {
		t.Errorf("%d of %d partitions were answered; the bound was to cut some off", full, len(parts))
	}
}
