package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/bench/tally"
	"github.com/carillonhq/carillon/bench/workload"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// flow is sends that are published at a steady rate, whatever becomes of them,
// and the time until each has its outcome, as somebody outside reads it from
// status. That time begins when a send is due, not when it was published: where
// the system makes its producer late, the wait counts (an open loop, without
// coordinated omission).
type flow struct {
	records workload.Records
	rate    float64 // sends a second

	producer, reader *kgo.Client
	reading          context.CancelFunc
	over             sync.WaitGroup

	began time.Time
	// took is by number, in µs; 0 has no outcome yet. Only the reader writes it,
	// and it is read once that is over.
	took  []uint32
	ended atomic.Int64
	late  time.Duration // the most that a send was published after it was due
	// handed is how many were given to the producer, which took publishing. That
	// is all of them unless it was cut short.
	handed     atomic.Int64
	publishing time.Duration
	cut        atomic.Bool
	keepup     *keepup
	fault      atomic.Pointer[error]
	next       []atomic.Int64 // of status, by partition: what is read next

	// tally is given every outcome, unless it is nil. Only the reader uses it,
	// until that is over.
	tally *tally.Tally
}

// newFlow makes the clients. The reader begins where status ends now. close
// ends them.
func (s *stage) newFlow(ctx context.Context, records workload.Records, rate float64) (*flow, error) {
	w := s.Workload.Provider
	f := &flow{
		records: records, rate: rate, took: make([]uint32, records.Len()), next: make([]atomic.Int64, s.rig.Partitions),
		keepup: newKeepup(records.Len(), rate, w.Latency+w.Jitter+w.RetryAfter),
	}
	ends, err := s.rig.Ends(ctx, s.rig.Topic("status"))
	if err != nil {
		return nil, err
	}
	from := map[int32]kgo.Offset{}
	for p, end := range ends {
		from[p] = kgo.NewOffset().At(end)
		f.next[p].Store(end)
	}
	f.reader, err = kgo.NewClient(kgo.SeedBrokers(s.rig.Broker.Addr),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{s.rig.Topic("status"): from}), kgo.FetchMaxWait(time.Second), kgo.KeepControlRecords())
	if err != nil {
		return nil, fmt.Errorf("make the reader of status: %w", err)
	}
	f.producer, err = kgo.NewClient(kgo.SeedBrokers(s.rig.Broker.Addr), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(0))
	if err != nil {
		f.reader.Close()
		return nil, fmt.Errorf("make the producer of the sends: %w", err)
	}
	return f, nil
}

// start begins to read, and sets the time at which the first send is due.
func (f *flow) start(ctx context.Context) {
	ctx, f.reading = context.WithCancel(ctx)
	f.began = time.Now().Add(time.Millisecond)
	f.over.Go(func() { f.read(ctx) })
}

func (f *flow) close() {
	if f.reading != nil {
		f.reading()
	}
	f.over.Wait()
	f.reader.Close()
	f.producer.Close()
}

// due returns when the ith send is.
func (f *flow) due(i int) time.Time {
	return f.began.Add(time.Duration(float64(i) / f.rate * float64(time.Second)))
}

// published are the sends that were, once publish has returned.
func (f *flow) published() workload.Records { return f.records.First(int(f.handed.Load())) }

// publish publishes each send when it is due, and returns when Kafka has all, or
// those before it was cut short.
func (f *flow) publish(ctx context.Context) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := 0; i < f.records.Len() && !f.cut.Load(); {
		for ; i < f.records.Len() && !f.cut.Load(); i++ {
			late := time.Since(f.due(i))
			if late < 0 {
				break
			}
			f.late = max(f.late, late)
			f.producer.Produce(ctx, f.records.Record(i), func(_ *kgo.Record, err error) {
				if err != nil {
					f.fault.CompareAndSwap(nil, &err)
				}
			})
			f.handed.Add(1)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := f.fault.Load(); err != nil {
			return fmt.Errorf("publish the sends: %w", *err)
		}
	}
	err := f.producer.Flush(ctx)
	if f.publishing = time.Since(f.began); err != nil {
		return fmt.Errorf("publish the sends: %w", err)
	}
	return nil
}

// read notes when outcomes are there, until ctx ends. Events of other sends are
// passed over unread, so that a broadcast beside costs this process little.
func (f *flow) read(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := f.reader.PollFetches(ctx)
		now := time.Now()
		fetches.EachRecord(func(r *kgo.Record) {
			f.next[r.Partition].Store(r.Offset + 1)
			i, ok := f.records.Find(r.Value)
			if !ok {
				return
			}
			s, err := tally.Parse(r)
			if err != nil || s.Kind != carillonv1.Kind_KIND_OUTCOME {
				return
			}
			if f.tally != nil {
				f.tally.Outcome(s)
			}
			if f.took[i] != 0 {
				return
			}
			f.took[i] = uint32(max(1, now.Sub(f.due(i)).Microseconds()))
			f.ended.Add(1)
		})
	}
}

// readToEnd returns when all of status has been read, once nobody writes it any
// more.
func (f *flow) readToEnd(ctx context.Context, s *stage) error {
	ends, err := s.rig.Ends(ctx, s.rig.Topic("status"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for p, end := range ends {
		for f.next[p].Load() < end {
			select {
			case <-poll.C:
			case <-ctx.Done():
				return fmt.Errorf("read status/%d from %d to its end at %d: %w", p, f.next[p].Load(), end, ctx.Err())
			}
		}
	}
	return nil
}
