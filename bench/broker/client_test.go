package broker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// peer is a kafka-go client of a broker under test. It opens its connections
// anew for each broker process: the pool would hand out dead ones.
type peer struct {
	*kafka.Client
	t *testing.T
}

func newPeer(t *testing.T, b *Broker) peer {
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return peer{&kafka.Client{Addr: kafka.TCP(b.Addr()), Timeout: 10 * time.Second, Transport: transport}, t}
}

func (p peer) createTopic(name string, partitions int) {
	p.t.Helper()
	answer, err := p.CreateTopics(p.t.Context(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}},
	})
	if err := errors.Join(err, answer.Errors[name]); err != nil {
		p.t.Fatalf("creating topic %s: %v", name, err)
	}
}

// produce writes one batch and returns once the broker has acknowledged it.
func (p peer) produce(ctx context.Context, topic string, partition int, values ...string) error {
	var records []kafka.Record
	for _, v := range values {
		records = append(records, kafka.Record{Key: kafka.NewBytes([]byte("k")), Value: kafka.NewBytes([]byte(v))})
	}
	answer, err := p.Produce(ctx, &kafka.ProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(records...),
	})
	if err != nil {
		return err
	}
	return answer.Error
}

// consume returns the values of a partition from its start to its end.
func (p peer) consume(topic string, partition int) []string {
	p.t.Helper()
	end := p.end(topic, partition)
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{p.Addr.String()}, Topic: topic, Partition: partition, MaxWait: 100 * time.Millisecond,
	})
	defer r.Close()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	var values []string
	for int64(len(values)) < end {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			p.t.Fatalf("reading %s/%d at %d of %d: %v", topic, partition, len(values), end, err)
		}
		values = append(values, string(m.Value))
	}
	return values
}

func (p peer) end(topic string, partition int) int64 {
	p.t.Helper()
	answer, err := p.ListOffsets(p.t.Context(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(partition)}},
	})
	if err != nil {
		p.t.Fatalf("asking for the end of %s/%d: %v", topic, partition, err)
	}
	return answer.Topics[topic][0].LastOffset
}

// commit stores an offset with metadata for a group without members.
func (p peer) commit(group, topic string, offset int64, metadata string) error {
	answer, err := p.OffsetCommit(p.t.Context(), &kafka.OffsetCommitRequest{
		GroupID: group, GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{topic: {{Partition: 0, Offset: offset, Metadata: metadata}}},
	})
	if err != nil {
		return err
	}
	return answer.Topics[topic][0].Error
}

func (p peer) committed(group, topic string) (string, error) {
	answer, err := p.OffsetFetch(p.t.Context(), &kafka.OffsetFetchRequest{
		GroupID: group, Topics: map[string][]int{topic: {0}},
	})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return "", err
	}
	got := answer.Topics[topic][0]
	return fmt.Sprintf("%d %s", got.CommittedOffset, got.Metadata), got.Error
}

// epoch takes a producer epoch under a transactional id and returns it.
func (p peer) epoch(id string) (int, error) {
	answer, err := p.InitProducerID(p.t.Context(), &kafka.InitProducerIDRequest{
		TransactionalID: id, TransactionTimeoutMs: 60_000,
		ProducerID: -1, ProducerEpoch: -1, // none yet; kafka-go would send 0, which is somebody's
	})
	if err != nil {
		return 0, err
	}
	if answer.Error != nil {
		return 0, answer.Error
	}
	return answer.Producer.ProducerEpoch, nil
}

// eventually asks until the broker answers without an error: coordinators need
// a moment after a start.
func eventually[T any](t *testing.T, what string, ask func() (T, error)) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		got, err := ask()
		if err == nil {
			return got
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-poll.C:
		}
	}
}
