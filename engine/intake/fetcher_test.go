package intake

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
)

// feeding is a fetcher with its readers, whose chunks are taken or left.
type feeding struct {
	*broker
	fetcher *Fetcher
	readers map[int32]*Reader

	mu      sync.Mutex
	offsets map[int32][]int64 // taken, by partition
	faults  map[int32][]error
}

func newFeeding(b *broker, from map[int32]int64) *feeding {
	f := &feeding{broker: b, readers: map[int32]*Reader{}, offsets: map[int32][]int64{}, faults: map[int32][]error{}}
	f.fetcher = NewFetcher(b.client, "sends", 1<<20, f.fault, zerolog.Nop())
	for i, at := range from {
		r := NewReader(kafka.Partition{Topic: "sends", Index: i}, len(from), send.DefaultLimits(), &seen{})
		f.readers[i] = r
		f.fetcher.Add(r, at)
	}
	return f
}

func (f *feeding) fault(p kafka.Partition, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[p.Index] = append(f.faults[p.Index], err)
}

// run runs all until the test ends, and takes the chunks of all partitions but
// those left.
func (f *feeding) run(left ...int32) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	f.t.Cleanup(func() { cancel(); running.Wait() })
	running.Go(func() { f.fetcher.Run(ctx) })
	for i, r := range f.readers {
		running.Go(func() {
			if err := r.Run(ctx); err != nil {
				f.fault(r.part, err)
			}
		})
		if slices.Contains(left, i) {
			continue
		}
		running.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case c := <-r.Chunks:
					f.mu.Lock()
					for _, it := range c.Items {
						f.offsets[i] = append(f.offsets[i], it.Offset)
					}
					f.mu.Unlock()
				}
			}
		})
	}
}

func (f *feeding) taken(partition int32) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.offsets[partition])
}

func (f *feeding) faultsOf(partition int32) []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.faults[partition])
}

// inOrder checks that a partition's offsets came once and in order.
func (f *feeding) inOrder(partition int32, from int64, n int) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, o := range f.offsets[partition] {
		if o != from+int64(i) {
			f.t.Fatalf("partition %d: offset %d at place %d", partition, o, i)
		}
	}
	if len(f.offsets[partition]) != n {
		f.t.Fatalf("partition %d: %d records, want %d", partition, len(f.offsets[partition]), n)
	}
}

func TestFetcherFollowsItsLeaders(t *testing.T) {
	b := newBroker(t, 4, kfake.NumBrokers(3))
	f := newFeeding(b, map[int32]int64{0: 0, 1: 0, 2: 0, 3: 0})
	f.run()
	const rounds = 6
	for i := range rounds {
		for p := range int32(4) {
			b.produce(p, numbered(10)...)
		}
		if err := b.cluster.MoveTopicPartition("sends", int32(i%4), (b.cluster.LeaderFor("sends", int32(i%4))+1)%3); err != nil {
			t.Fatal(err)
		}
	}
	for p := range int32(4) {
		until(t, "all records after the leaders moved", func() bool { return f.taken(p) >= 10*rounds })
		f.inOrder(p, 0, 10*rounds)
		if faults := f.faultsOf(p); faults != nil {
			t.Error(faults)
		}
	}
}

// A partition that can't be read any further is told of once, and the others
// of its leader go on.
func TestFetcherLeavesWhatCannotBeRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		from  int64
		setup func(b *broker)
		want  string
		gap   *Gap
	}{
		{"retention was faster", 3, func(b *broker) {
			if err := b.cluster.DeleteRecords("sends", 1, 8); err != nil {
				b.t.Fatal(err)
			}
		}, "5 records were deleted before they were read", &Gap{kafka.Partition{Topic: "sends", Index: 1}, 3, 8}},
		{"the topic was made anew", 70, func(*broker) {}, "offset 70 is wanted and is past the end", nil},
		// The reader never saw it, and the broker was asked without a pause.
		{"the first batch can't be read", 0, func(b *broker) { b.damage(1, 0) }, "format of before Kafka 0.11", nil},
		{"a later batch can't be read", 0, func(b *broker) { b.damage(1, 10) }, "format of before Kafka 0.11", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBroker(t, 2, kfake.NumBrokers(2)) // one leads each, so that an answer of the test's is for one
			for p := range int32(2) {
				if err := b.cluster.MoveTopicPartition("sends", p, p); err != nil {
					t.Fatal(err)
				}
				b.produce(p, numbered(10)...)
				b.produce(p, numbered(2)...)
			}
			c.setup(b)
			f := newFeeding(b, map[int32]int64{0: 0, 1: c.from})
			f.run()
			until(t, "a fault", func() bool { return len(f.faultsOf(1)) > 0 })
			err := f.faultsOf(1)[0]
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "sends/1") {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			var gap *Gap
			if c.gap != nil && (!errors.As(err, &gap) || *gap != *c.gap) {
				t.Errorf("%+v", gap)
			}
			b.produce(0, numbered(5)...)
			until(t, "the other partition goes on", func() bool { return f.taken(0) == 17 })
			if faults := f.faultsOf(0); faults != nil {
				t.Error(faults)
			}
		})
	}
}

// A broker that is behind says out of range of an offset that there is.
func TestFetcherAsksAgainWhenTheOffsetIsThere(t *testing.T) {
	b := newBroker(t, 1)
	b.produce(0, numbered(10)...)
	fault := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.OffsetOutOfRange, Count: 1})
	f := newFeeding(b, map[int32]int64{0: 4})
	f.run()
	until(t, "the rest", func() bool { return f.taken(0) == 6 })
	if fault.Hits() == 0 || f.faultsOf(0) != nil {
		t.Error(fault.Hits(), f.faultsOf(0))
	}
}

// A shard that takes nothing holds up its own partition alone, and what it is
// given stays bounded.
func TestFetcherGoesRoundABlockedReader(t *testing.T) {
	b := newBroker(t, 3)
	f := newFeeding(b, map[int32]int64{0: 0, 1: 0, 2: 0})
	f.run(1)
	for i := 1; i <= 8; i++ {
		for p := range int32(3) {
			b.produce(p, numbered(5)...)
		}
		until(t, "the free partitions", func() bool { return f.taken(0) == 5*i && f.taken(2) == 5*i })
	}
	if n := len(f.readers[1].fetched); n > cap(f.readers[1].fetched) || n == 0 {
		t.Errorf("%d answers wait", n)
	}
}
