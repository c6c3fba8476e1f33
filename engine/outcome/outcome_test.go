package outcome_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/outcome"
)

const topic = "status"

// bench is a broker, a producer and what came of the records.
type bench struct {
	*testing.T
	cluster  *kfake.Cluster // nil on Apache Kafka
	addrs    []string
	client   *kafka.Client
	producer *outcome.Producer
	log      bytes.Buffer
	cut      atomic.Int32 // answers to Produce that are still to be lost

	mu    sync.Mutex
	calls map[string]int   // of done, by value
	bases map[string]int64 // by value of the first record
	errs  map[string]error
}

func newBench(t *testing.T, cfg outcome.Config, opts ...kfake.Opt) *bench {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(4, topic)}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	b := newBenchAt(t, cfg, cluster.ListenAddrs())
	b.cluster = cluster
	return b
}

func newBenchAt(t *testing.T, cfg outcome.Config, addrs []string) *bench {
	t.Helper()
	b := &bench{T: t, addrs: addrs, calls: map[string]int{}, bases: map[string]int64{}, errs: map[string]error{}}
	b.client = kafka.NewClient(kafka.Config{Brokers: addrs, RequestTimeout: 5 * time.Second})
	t.Cleanup(b.client.Close)
	b.client.Transport().Dial = b.dial
	cfg.Backoff = 5 * time.Millisecond
	b.producer = outcome.New(b.client, cfg, zerolog.New(zerolog.SyncWriter(&b.log)))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = b.producer.Close(ctx)
	})
	return b
}

// send hands over one record for each value, in one call.
func (b *bench) send(partition int32, values ...string) {
	records := make([]kafka.Record, len(values))
	for i, v := range values {
		records[i] = kafka.Record{Key: []byte("k"), Value: []byte(v)}
	}
	b.producer.Produce(kafka.Partition{Topic: topic, Index: partition}, records, func(base int64, err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.calls[values[0]]++
		b.bases[values[0]], b.errs[values[0]] = base, err
	})
}

func (b *bench) flush() {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := b.producer.Flush(ctx); err != nil {
		b.Fatalf("flush: %v", err)
	}
	if n, oldest := b.producer.Unacknowledged(); n != 0 || oldest != 0 {
		b.Errorf("%d unacknowledged for %s after a flush", n, oldest)
	}
}

// stored reads what is in the topic with a client we did not write: values by
// partition, separated by spaces.
func (b *bench) stored(partitions int32) []string {
	b.Helper()
	assigned := map[int32]kgo.Offset{}
	for i := range partitions {
		assigned[i] = kgo.NewOffset().AtStart()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: assigned}))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	ends := b.ends(partitions)
	got := make([][]string, partitions)
	for {
		missing := false
		for i, end := range ends {
			missing = missing || int64(len(got[i])) < end
		}
		if !missing {
			break
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		fetches := cl.PollFetches(ctx)
		cancel()
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { got[r.Partition] = append(got[r.Partition], string(r.Value)) })
	}
	joined := make([]string, partitions)
	for i := range got {
		joined[i] = strings.Join(got[i], " ")
	}
	return joined
}

func (b *bench) ends(partitions int32) map[int32]int64 {
	b.Helper()
	parts := make([]kafka.Partition, partitions)
	for i := range parts {
		parts[i] = kafka.Partition{Topic: topic, Index: int32(i)}
	}
	offsets, err := b.client.Offsets(context.Background(), parts, kafka.Latest)
	if err != nil {
		b.Fatal(err)
	}
	ends := map[int32]int64{}
	for p, offset := range offsets {
		ends[p.Index] = offset
	}
	return ends
}

// numbered is "p-0 p-1 … p-(n−1)".
func numbered(p int32, n int) string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("%d-%d", p, i)
	}
	return strings.Join(values, " ")
}

// sendNumbered hands over n records for each partition, one to seven at a time.
func (b *bench) sendNumbered(partitions int32, n int) {
	var all sync.WaitGroup
	for p := range partitions {
		all.Go(func() {
			values := strings.Fields(numbered(p, n))
			for size := 1; len(values) > 0; size = size%7 + 1 {
				size = min(size, len(values))
				b.send(p, values[:size]...)
				values = values[size:]
			}
		})
	}
	all.Wait()
}

// storedInOrderOnce checks what sendNumbered sent.
func (b *bench) storedInOrderOnce(partitions int32, n int) {
	b.Helper()
	for p, got := range b.stored(partitions) {
		if want := numbered(int32(p), n); got != want {
			b.Errorf("partition %d: got %.300s\nwant %.300s", p, got, want)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for value, calls := range b.calls {
		var p int32
		var i int64
		if _, err := fmt.Sscanf(value, "%d-%d", &p, &i); err != nil {
			b.Fatal(err)
		}
		if calls != 1 || b.errs[value] != nil || b.bases[value] != i {
			b.Errorf("%s: done %d times, base %d, %v", value, calls, b.bases[value], b.errs[value])
		}
	}
}

func (b *bench) wantErr(value string, want error) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls[value] != 1 || !errors.Is(b.errs[value], want) || want != nil && b.bases[value] != -1 {
		b.Errorf("%.20s: done %d times, base %d, %v; want %v", value, b.calls[value], b.bases[value], b.errs[value], want)
	}
}

// dial makes connections that lose the answers to Produce requests while
// b.cut says so: after the broker has stored the batch.
func (b *bench) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &lossy{Conn: conn, bench: b}, nil
}

type lossy struct {
	net.Conn
	bench   *bench
	produce bool // the request under way is one; used by one goroutine
	rest    int  // of the request, still to be written
}

func (c *lossy) Write(p []byte) (int, error) {
	if c.rest <= 0 {
		c.rest = int(binary.BigEndian.Uint32(p)) + 4
		c.produce = binary.BigEndian.Uint16(p[4:]) == uint16(kmsg.Produce)
	}
	c.rest -= len(p)
	return c.Conn.Write(p)
}

func (c *lossy) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.produce && c.bench.cut.Add(-1) >= 0 {
		return 0, errors.Join(io.ErrUnexpectedEOF, c.Close())
	}
	return n, err
}

func TestOrderAndBaseOffsets(t *testing.T) {
	b := newBench(t, outcome.Config{BatchBytes: 500, RequestBytes: 900})
	b.sendNumbered(4, 400)
	b.flush()
	b.storedInOrderOnce(4, 400)
	if s := b.producer.Stats(); s.Records != 1600 || s.Retries != 0 || s.Requests == 0 {
		t.Errorf("%+v", s)
	}
}

func TestLostAcknowledgementIsStoredOnce(t *testing.T) {
	b := newBench(t, outcome.Config{BatchBytes: 500})
	b.cut.Store(5)
	b.sendNumbered(4, 300)
	b.flush()
	b.storedInOrderOnce(4, 300)
	if b.cut.Load() > 0 {
		t.Error("no answer was lost")
	}
}

func TestTimeoutAtTheBrokerIsStoredOnce(t *testing.T) {
	b := newBench(t, outcome.Config{BatchBytes: 500})
	// These two are answered, and the work is done all the same.
	fault := b.cluster.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: 3},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend, Count: 3},
	)
	b.sendNumbered(4, 300)
	b.flush()
	b.storedInOrderOnce(4, 300)
	if fault.Hits() < 6 {
		t.Errorf("%d faults", fault.Hits())
	}
}

func TestOtherFaultsAreRetriedInOrder(t *testing.T) {
	var retried atomic.Int32
	b := newBench(t, outcome.Config{BatchBytes: 500, OnRetry: func(error) { retried.Add(1) }})
	for _, err := range []*kerr.Error{kerr.NotEnoughReplicas, kerr.CorruptMessage, kerr.KafkaStorageError, kerr.NotLeaderForPartition, kerr.LeaderNotAvailable} {
		b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1, 2}, Err: err})
	}
	b.sendNumbered(4, 300)
	b.flush()
	b.storedInOrderOnce(4, 300)
	if retried.Load() == 0 || b.producer.Stats().Retries == 0 {
		t.Error("retries are not counted")
	}
}

func TestLeadersMoveUnderLoad(t *testing.T) {
	b := newBench(t, outcome.Config{BatchBytes: 300}, kfake.NumBrokers(3))
	stop := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() {
		for i := int32(0); ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
				if err := b.cluster.MoveTopicPartition(topic, i%4, (i/4)%3); err != nil {
					t.Error(err)
				}
			}
		}
	})
	b.sendNumbered(4, 600)
	b.flush()
	close(stop)
	moving.Wait()
	b.storedInOrderOnce(4, 600)
}

func TestBrokerLosesTrackOfTheProducer(t *testing.T) {
	for _, fault := range []*kerr.Error{kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.InvalidProducerEpoch} {
		b := newBench(t, outcome.Config{BatchBytes: 500})
		b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{2}, Err: fault, Count: 3})
		b.sendNumbered(4, 100)
		b.flush()
		b.storedInOrderOnce(4, 100)
		if n := b.producer.Stats().Renewals; n != 3 {
			t.Errorf("%v: %d renewals, want 3", fault, n)
		}
		if lines := strings.Count(b.log.String(), "\n"); lines != 1 || !strings.Contains(b.log.String(), "fresh producer id") {
			t.Errorf("%v: %d lines: %s", fault, lines, b.log.String())
		}
	}
}

func TestNoLeaderForAWhile(t *testing.T) {
	b := newBench(t, outcome.Config{TopicTimeout: time.Millisecond})
	fault := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.LeaderNotAvailable, Count: 10})
	b.sendNumbered(4, 50)
	b.flush()
	b.storedInOrderOnce(4, 50)
	if fault.Hits() < 10 {
		t.Errorf("%d faults", fault.Hits())
	}
}

func TestPermanentRefusals(t *testing.T) {
	b := newBench(t, outcome.Config{TopicTimeout: 50 * time.Millisecond})
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed})
	b.send(1, "not allowed")
	b.flush()
	b.wantErr("not allowed", kafkago.TopicAuthorizationFailed)
	b.send(1, "1-0", "1-1") // the partition goes on
	missing := make(chan error, 1)
	b.producer.Produce(kafka.Partition{Topic: "missing"}, []kafka.Record{{Value: []byte("v")}}, func(_ int64, err error) { missing <- err })
	b.flush()
	b.wantErr("1-0", nil)
	err := <-missing
	if !errors.Is(err, kafkago.UnknownTopicOrPartition) || !strings.Contains(err.Error(), "create it") {
		t.Errorf("missing topic: %v", err)
	}
}

func TestTopicThatAppearsLate(t *testing.T) {
	b := newBench(t, outcome.Config{})
	got := make(chan error, 1)
	b.producer.Produce(kafka.Partition{Topic: "late"}, []kafka.Record{{Value: []byte("v")}}, func(_ int64, err error) { got <- err })
	for b.producer.Stats().Retries < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := b.client.CreateTopics(context.Background(), []kafka.TopicSpec{{Name: "late", Partitions: 1, Replication: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestTooLargeIsOnlyTheLargeOne(t *testing.T) {
	b := newBench(t, outcome.Config{}, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "2000"}))
	values := strings.Fields(numbered(0, 300))
	huge := strings.Repeat("x", 5000)
	// Held back by a fault, so that all are in one batch.
	hold := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, TopLevel: true, Err: kerr.CoordinatorLoadInProgress, Count: -1})
	for _, v := range values[:150] {
		b.send(0, v)
	}
	b.send(0, huge)
	for _, v := range values[150:] {
		b.send(0, v)
	}
	hold.Remove()
	b.flush()
	b.wantErr(huge, kafkago.MessageSizeTooLarge)
	b.mu.Lock()
	delete(b.calls, huge)
	b.mu.Unlock()
	got, want := b.stored(1)[0], strings.Join(values, " ")
	if got != want {
		t.Errorf("got %.200s\nwant %.200s", got, want)
	}
}
