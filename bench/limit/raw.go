package limit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
)

const (
	// fetchPartition and fetchAll are what the engine asks for at once, by
	// partition and of one broker.
	fetchPartition = 1 << 20
	fetchAll       = 16 << 20
	// ahead is how many answers are on their way between two stages: while one
	// is produced the next is encoded, and another is fetched.
	ahead = 1
)

// raw moves records from one topic to another with nothing but what the engine
// itself reads and writes Kafka with: every record is read, its batch's checksum
// with it, and written into a new batch; acks=all, one request at a time to each
// broker. It is the most that a program which looks at every record can reach.
// It has no group and commits nothing.
func raw(ctx context.Context, t task, c *clock) error {
	client := kafka.NewClient(kafka.Config{Brokers: t.Brokers, ClientID: "carillon-bench-raw"})
	defer client.Close()
	leaders, err := client.Leaders(ctx, []string{t.From, t.To})
	if err != nil {
		return err
	}
	lanes, err := rawLanes(ctx, client, t, c, leaders)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	for _, l := range lanes {
		running.Go(func() {
			if err := l.run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	running.Wait()
	err = context.Cause(ctx)
	if err == nil {
		c.end(ctx)
	}
	return err
}

// rawLane moves the partitions that one broker leads.
type rawLane struct {
	client  *kafka.Client
	to      string
	leaders map[kafka.Partition]int32
	clock   *clock
	parts   []kafka.FetchPartition    // what is not at its end; fetch's alone once it runs
	ends    map[kafka.Partition]int64 // where it is
}

func rawLanes(ctx context.Context, client *kafka.Client, t task, c *clock, leaders map[kafka.Partition]int32) (map[int32]*rawLane, error) {
	var parts []kafka.Partition
	for p := range leaders {
		if p.Topic == t.From {
			parts = append(parts, p)
		}
	}
	starts, err := client.Offsets(ctx, parts, kafka.Earliest)
	if err != nil {
		return nil, err
	}
	ends, err := client.Offsets(ctx, parts, kafka.Latest)
	if err != nil {
		return nil, err
	}
	lanes := map[int32]*rawLane{}
	for _, p := range parts {
		if starts[p] == ends[p] {
			continue
		}
		l := lanes[leaders[p]]
		if l == nil {
			l = &rawLane{client: client, clock: c, to: t.To, leaders: leaders, ends: ends}
			lanes[leaders[p]] = l
		}
		l.parts = append(l.parts, kafka.FetchPartition{Partition: p, Offset: starts[p], MaxBytes: fetchPartition})
	}
	return lanes, nil
}

// run is three stages, each a goroutine.
func (l *rawLane) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	fetched := make(chan []kafka.Fetched, ahead)
	encoded := make(chan *rawBatches, ahead)
	free := make(chan *rawBatches, ahead+2)
	for range cap(free) {
		free <- &rawBatches{of: map[int32]*kafka.Batch{}}
	}
	var running sync.WaitGroup
	stage := func(f func() error) {
		running.Go(func() {
			if err := f(); err != nil {
				cancel(err)
			}
		})
	}
	stage(func() error { defer close(fetched); return l.fetch(ctx, fetched) })
	stage(func() error { defer close(encoded); return l.encode(ctx, fetched, free, encoded) })
	stage(func() error { return l.produce(ctx, encoded, free) })
	running.Wait()
	return context.Cause(ctx)
}

// fetch asks for all partitions that are not at their end, those first that the
// last answer had no room for.
func (l *rawLane) fetch(ctx context.Context, out chan<- []kafka.Fetched) error {
	for len(l.parts) > 0 {
		answers, err := l.client.Fetch(ctx, l.parts, 1, fetchAll, 500*time.Millisecond)
		if err != nil {
			return err
		}
		var left, next []kafka.FetchPartition
		for i := range answers {
			a, p := &answers[i], l.parts[i]
			switch end := a.End(); {
			case a.Err != nil:
				return fmt.Errorf("fetch %s: %w", a.Partition, a.Err)
			case end == p.Offset:
				left = append(left, p)
			case end < l.ends[p.Partition]:
				p.Offset = end
				next = append(next, p)
			}
		}
		l.parts = append(left, next...)
		l.clock.begin()
		if !pass(ctx, out, answers) {
			return nil
		}
	}
	return nil
}

// rawBatches are the batches of one answer, by partition, used again and again.
type rawBatches struct {
	of    map[int32]*kafka.Batch
	parts []kafka.ProducePartition
}

func (l *rawLane) encode(ctx context.Context, in <-chan []kafka.Fetched, free <-chan *rawBatches, out chan<- *rawBatches) error {
	for answers := range in {
		var to *rawBatches
		select {
		case to = <-free:
		case <-ctx.Done():
			return nil
		}
		to.parts = to.parts[:0]
		for i := range answers {
			if err := to.add(&answers[i], l.to); err != nil {
				return err
			}
		}
		if !pass(ctx, out, to) {
			return nil
		}
	}
	return nil
}

func (r *rawBatches) add(a *kafka.Fetched, topic string) error {
	b := r.of[a.Index]
	if b == nil {
		b = kafka.NewBatch()
		r.of[a.Index] = b
	}
	b.Reset()
	err := a.Records(func(rec *kafka.Record) error {
		b.Append(*rec)
		return nil
	})
	if err != nil || b.Len() == 0 {
		return err
	}
	r.parts = append(r.parts, kafka.ProducePartition{
		Partition: kafka.Partition{Topic: topic, Index: a.Index},
		Batch:     b.Encode(kafka.ProducerID{ID: -1, Epoch: -1}, -1), // not idempotent, as kafka-go's Writer
	})
	return nil
}

// produce writes each answer's batches, to all brokers that lead some at once.
func (l *rawLane) produce(ctx context.Context, in <-chan *rawBatches, free chan<- *rawBatches) error {
	for b := range in {
		requests := map[int32][]kafka.ProducePartition{}
		for _, p := range b.parts {
			leader := l.leaders[p.Partition]
			requests[leader] = append(requests[leader], p)
		}
		errs := make(chan error, len(requests))
		for _, parts := range requests {
			go func() { errs <- l.write(ctx, parts) }()
		}
		for range requests {
			if err := <-errs; err != nil {
				return err
			}
		}
		free <- b
	}
	return nil
}

func (l *rawLane) write(ctx context.Context, parts []kafka.ProducePartition) error {
	answers, err := l.client.Produce(ctx, parts)
	if err != nil {
		return err
	}
	for _, a := range answers {
		if a.Err != nil {
			return fmt.Errorf("produce to %s: %w", a.Partition, a.Err)
		}
	}
	return nil
}

func pass[T any](ctx context.Context, to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	case <-ctx.Done():
		return false
	}
}
