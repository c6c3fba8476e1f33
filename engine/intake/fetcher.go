package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
)

// Fetcher keeps the readers of one input topic fed: one request per leader at
// a time, for all partitions whose reader has room. Its methods may be used by
// any number of goroutines.
type Fetcher struct {
	client *kafka.Client
	topic  string
	bytes  int32 // per partition and request
	fault  func(kafka.Partition, error)
	log    zerolog.Logger

	mu      sync.Mutex
	feeds   map[int32]*feed // by partition
	changed chan struct{}   // closed when feeds is another one
}

// feed is one partition's place in the log.
type feed struct {
	reader *Reader
	next   int64
	ended  bool // it can't be read any further
}

// NewFetcher makes a fetcher of the topic. fault is told of a partition that
// can't be read any further, for a reason that only an operator can mend; the
// others go on.
func NewFetcher(c *kafka.Client, topic string, bytes int32, fault func(kafka.Partition, error), log zerolog.Logger) *Fetcher {
	return &Fetcher{
		client: c, topic: topic, bytes: bytes, fault: fault, log: log,
		feeds: map[int32]*feed{}, changed: make(chan struct{}),
	}
}

// Add feeds a reader with its partition, from an offset on. A partition has
// one reader: the last one added.
func (f *Fetcher) Add(r *Reader, from int64) {
	f.change(func() { f.feeds[r.part.Index] = &feed{reader: r, next: from} })
}

// Remove feeds a reader no longer. It may be given one more answer.
func (f *Fetcher) Remove(r *Reader) {
	f.change(func() {
		if fd := f.feeds[r.part.Index]; fd != nil && fd.reader == r {
			delete(f.feeds, r.part.Index)
		}
	})
}

func (f *Fetcher) change(apply func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	apply()
	close(f.changed)
	f.changed = make(chan struct{})
}

// fed returns what is fed, and what is closed when that changes.
func (f *Fetcher) fed() (map[int32]*feed, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.feeds), f.changed
}

// Gap is the error of an offset that is no longer in the log: retention was
// faster than the engine. Nothing is skipped by itself.
type Gap struct {
	Partition   kafka.Partition
	Next, First int64
}

func (g *Gap) Error() string {
	return fmt.Sprintf("%s: offset %d is wanted and %d is the first that is left: %d records were deleted before "+
		"they were read; raise the topic's retention, and reset the group's offset to go on without them",
		g.Partition, g.Next, g.First, g.First-g.Next)
}

const (
	pollLong  = 500 * time.Millisecond
	pollShort = 20 * time.Millisecond // some partition is not asked for: its reader may soon have room
	pollsFull = 20                    // where none is asked for, room is looked for so many times in a poll
	// mostFetched bounds one answer, all partitions together. A record that is in
	// flight keeps the whole answer: twice as much took 25 MiB more, and no less CPU.
	mostFetched = 2 << 20
)

// Run fetches until ctx ends.
func (f *Fetcher) Run(ctx context.Context) {
	for ctx.Err() == nil {
		feeds, changed := f.fed()
		if len(feeds) == 0 {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		leaders, err := f.client.Leaders(ctx, []string{f.topic})
		if err == nil {
			err = f.follow(ctx, leaders, feeds, changed)
		}
		if err != nil && ctx.Err() == nil {
			f.log.Warn().Err(err).Str("topic", f.topic).Msg("fetch failed; trying again")
			pause(ctx, time.Second)
		}
	}
}

// follow fetches from each leader until one of them no longer leads, or the
// feeds have changed.
func (f *Fetcher) follow(ctx context.Context, leaders map[kafka.Partition]int32, feeds map[int32]*feed, changed <-chan struct{}) error {
	led := map[int32][]*feed{}
	for i, fd := range feeds {
		leader, ok := leaders[kafka.Partition{Topic: f.topic, Index: i}]
		if !ok || leader < 0 {
			return fmt.Errorf("%s/%d has no leader", f.topic, i)
		}
		led[leader] = append(led[leader], fd)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	running.Go(func() {
		select {
		case <-changed:
			cancel(nil)
		case <-ctx.Done():
		}
	})
	for _, feeds := range led {
		running.Go(func() {
			for turn := 0; ctx.Err() == nil; turn++ {
				if err := f.fetch(ctx, feeds, turn); err != nil {
					cancel(err)
				}
			}
		})
	}
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// fetch asks for every partition whose reader has room, each time beginning
// with another one: a broker fills its answer in the order of the request.
func (f *Fetcher) fetch(ctx context.Context, feeds []*feed, turn int) error {
	parts := make([]kafka.FetchPartition, 0, len(feeds))
	wait := pollLong
	for i := range feeds {
		fd := feeds[(i+turn)%len(feeds)]
		switch r := fd.reader; {
		case fd.ended:
		case len(r.fetched) == cap(r.fetched):
			wait = pollShort
		default:
			parts = append(parts, kafka.FetchPartition{Partition: r.part, Offset: fd.next, MaxBytes: f.bytes})
		}
	}
	if len(parts) == 0 {
		pause(ctx, wait/pollsFull)
		return nil
	}
	answers, err := f.client.Fetch(ctx, parts, 1, mostFetched, wait)
	if err != nil {
		return err
	}
	for i := range answers {
		a := &answers[i]
		at := slices.IndexFunc(feeds, func(fd *feed) bool { return fd.reader.part == a.Partition })
		if err := f.feed(ctx, feeds[at], a); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fetcher) feed(ctx context.Context, fd *feed, a *kafka.Fetched) error {
	switch {
	case errors.Is(a.Err, kafkago.OffsetOutOfRange):
		return f.outOfRange(ctx, fd)
	case a.Err != nil:
		return fmt.Errorf("fetch %s: %w", a.Partition, a.Err)
	}
	if end := a.End(); end > fd.next {
		fd.next = end
		fault.Point(fault.AfterFetch)
		fd.reader.fetched <- a // there is room: only this goroutine fills it
		return nil
	}
	// Nothing is new, or nothing can be read; then asking again would not help.
	if err := a.Records(func(*kafka.Record) error { return nil }); err != nil {
		fd.ended = true
		f.fault(a.Partition, fmt.Errorf("read %s: %w", a.Partition, err))
	}
	return nil
}

func (f *Fetcher) outOfRange(ctx context.Context, fd *feed) error {
	p := fd.reader.part
	first, err := f.client.Offsets(ctx, []kafka.Partition{p}, kafka.Earliest)
	if err != nil {
		return err
	}
	end, err := f.client.Offsets(ctx, []kafka.Partition{p}, kafka.Latest)
	if err != nil {
		return err
	}
	switch {
	case first[p] > fd.next && fault.Mutant(fault.GapPassedOver):
		fd.next = first[p]
		return nil
	case first[p] > fd.next:
		f.fault(p, &Gap{Partition: p, Next: fd.next, First: first[p]})
	case end[p] < fd.next:
		f.fault(p, fmt.Errorf("%s: offset %d is wanted and is past the end: was the topic made anew? "+
			"reset the group's offset to read it from its start", p, fd.next))
	default: // a leader that had not caught up, as after an election (KIP-207)
		return fmt.Errorf("fetch %s: offset %d was out of range, and is there", p, fd.next)
	}
	fd.ended = true
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
