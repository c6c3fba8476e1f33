package intake

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
)

// broker is an embedded Kafka with the two input topics, and a client.
type broker struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  *kafka.Client

	mu      sync.Mutex
	raw     map[kafka.Partition]map[int64][]byte // what was produced, by base offset
	damaged map[kafka.Partition]int64
}

func newBroker(t *testing.T, partitions int32, opts ...kfake.Opt) *broker {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(partitions, "sends", "sends.bulk")}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client := kafka.NewClient(kafka.Config{Brokers: cluster.ListenAddrs(), ClientID: "test", RequestTimeout: 5 * time.Second})
	t.Cleanup(client.Close)
	return &broker{t: t, cluster: cluster, client: client, raw: map[kafka.Partition]map[int64][]byte{}, damaged: map[kafka.Partition]int64{}}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// until waits for what other goroutines bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for ctx := within(t); !ok(); {
		select {
		case <-ctx.Done():
			t.Fatal("never: ", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// produce writes one batch to a partition of sends and returns its offset.
func (b *broker) produce(partition int32, records ...kafka.Record) int64 {
	b.t.Helper()
	p := kafka.Partition{Topic: "sends", Index: partition}
	batch := kafka.NewBatch()
	for _, r := range records {
		batch.Append(r)
	}
	raw := batch.Encode(kafka.ProducerID{ID: -1, Epoch: -1}, -1)
	for ctx := within(b.t); ; { // a leader may be moving
		got, err := b.client.Produce(ctx, []kafka.ProducePartition{{Partition: p, Batch: raw}})
		if err == nil {
			err = got[0].Err
		}
		if err == nil {
			stored := bytes.Clone(raw)
			binary.BigEndian.PutUint64(stored, uint64(got[0].BaseOffset))
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.raw[p] == nil {
				b.raw[p] = map[int64][]byte{}
			}
			b.raw[p][got[0].BaseOffset] = stored
			return got[0].BaseOffset
		}
		if ctx.Err() != nil {
			b.t.Fatal(err)
		}
		_, _ = b.client.Leaders(ctx, []string{"sends"})
	}
}

// fetch returns the broker's answer for one partition of sends.
func (b *broker) fetch(partition int32, from int64, most int32) *kafka.Fetched {
	b.t.Helper()
	p := kafka.Partition{Topic: "sends", Index: partition}
	got, err := b.client.Fetch(within(b.t), []kafka.FetchPartition{{Partition: p, Offset: from, MaxBytes: most}}, 1, 64<<20, time.Second)
	if err != nil || got[0].Err != nil {
		b.t.Fatal(err, got)
	}
	return &got[0]
}

// damage makes the broker answer a batch that is in a format of before Kafka
// 0.11, as one that was carried over from an old cluster is.
func (b *broker) damage(partition int32, offset int64) {
	const atMagic = 16
	p := kafka.Partition{Topic: "sends", Index: partition}
	b.mu.Lock()
	b.raw[p][offset][atMagic] = 1
	b.damaged[p] = offset
	b.mu.Unlock()
	b.cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		res, ours := b.answer(req.(*kmsg.FetchRequest))
		return res, nil, ours
	})
}

// answer answers a fetch of damaged partitions alone by what was produced.
func (b *broker) answer(req *kmsg.FetchRequest) (*kmsg.FetchResponse, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	res := req.ResponseKind().(*kmsg.FetchResponse)
	for _, t := range req.Topics {
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, part := range t.Partitions {
			p := kafka.Partition{Topic: "sends", Index: part.Partition}
			if _, ok := b.damaged[p]; !ok {
				return nil, false
			}
			answer := kmsg.NewFetchResponseTopicPartition()
			answer.Partition, answer.HighWatermark, answer.LastStableOffset = part.Partition, 1<<20, 1<<20
			for at := part.FetchOffset; b.raw[p][at] != nil; {
				raw := b.raw[p][at]
				answer.RecordBatches = append(answer.RecordBatches, raw...)
				at += int64(binary.BigEndian.Uint32(raw[23:])) + 1
			}
			topic.Partitions = append(topic.Partitions, answer)
		}
		res.Topics = append(res.Topics, topic)
	}
	return res, true
}
