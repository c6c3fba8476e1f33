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
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: assigned}))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	ends := b.ends(partitions)
	got, next := make([][]string, partitions), make([]int64, partitions)
	for {
		missing := false
		for i, end := range ends {
			missing = missing || next[i] < end
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
		fetches.EachRecord(func(r *kgo.Record) {
			next[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() { // a claim's
				got[r.Partition] = append(got[r.Partition], string(r.Value))
			}
		})
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
