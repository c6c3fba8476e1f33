package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// outcome is a status event that ends a send.
type outcome struct {
	id      string
	event   string
	state   string
	source  place // of the record that it is about
	shard   int32
	taken   time.Time // when its record was accepted
	written time.Time // by the node's clock, before it was acknowledged
	seen    time.Time // here, so after it was
}

// before says whether the broker had it at a time: surely, or, without that,
// as far as its writer's clock tells.
func (o outcome) before(t time.Time, surely bool) bool {
	return !o.seen.After(t) || !surely && !o.written.IsZero() && !o.written.After(t)
}

type place struct {
	topic     string
	partition int32
	offset    int64
}

// watcher follows the topic `status` and the group's offsets.
type watcher struct {
	client *kgo.Client // reads status; also for requests
	status string
	inputs []string
	group  string

	mu         sync.Mutex
	outcomes   []outcome
	ended      map[string]bool // ids with an outcome
	duplicates map[place]bool  // input records that ended as such
	next       map[int32]int64 // of status, by partition
	odd        int             // status records that can't be read
	highest    map[place]int64 // committed, by partition (offset 0)
	rewinds    []string
	span       int64 // the widest from a watermark to what is finished above it
}

func newWatcher(k *cluster) (*watcher, error) {
	w := &watcher{
		status: k.prefix + "status", inputs: []string{k.prefix + "sends", k.prefix + "sends.bulk"}, group: k.group,
		ended: map[string]bool{}, duplicates: map[place]bool{}, next: map[int32]int64{}, highest: map[place]int64{},
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(k.broker.Addr), kgo.ConsumeTopics(w.status),
		// The ends of transactions have offsets as well.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }))
	if err != nil {
		return nil, fmt.Errorf("make the reader of status: %w", err)
	}
	w.client = client
	return w, nil
}

func (w *watcher) close() { w.client.Close() }

// follow reads status until ctx ends. The client mends its connections itself.
func (w *watcher) follow(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := w.client.PollFetches(ctx)
		now := time.Now()
		w.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) { w.take(r, now) })
		w.mu.Unlock()
	}
}

func (w *watcher) take(r *kgo.Record, now time.Time) {
	w.next[r.Partition] = r.Offset + 1
	if r.Attrs.IsControl() {
		return
	}
	headers := make([]send.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = send.Header(h)
	}
	s, err := send.ParseStatus(r.Value, headers)
	switch {
	case err != nil:
		w.odd++
	case s.Kind == carillonv1.Kind_KIND_OUTCOME:
		o := outcome{
			id: s.Id, event: s.EventId, state: send.StateName(s.Status), shard: r.Partition,
			source: place{s.Source.GetTopic(), s.Source.GetPartition(), s.Source.GetOffset()},
			taken:  s.AcceptedAt.AsTime(), written: r.Timestamp, seen: now,
		}
		w.outcomes = append(w.outcomes, o)
		if o.state == duplicate {
			w.duplicates[o.source] = true
		} else {
			w.ended[s.Id] = true
		}
	}
}

// duplicate is the state of a second record of a send.
const duplicate = "duplicate"

// sampleEnded returns the numbers of up to n sends of a run that have ended,
// from all of its time.
func (w *watcher) sampleEnded(run string, n int) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var numbers []int
	for i := 0; i < len(w.outcomes); i += max(1, len(w.outcomes)/n) {
		o := w.outcomes[i]
		if number, ok := numberOf(run, o.id); ok && o.state != duplicate {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// recognised counts the repetitions that ended as duplicates.
func (w *watcher) recognised(all []repetition) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, r := range all {
		if w.duplicates[r.place] {
			n++
		}
	}
	return n
}

// caughtUp says whether all of status has been read.
func (w *watcher) caughtUp(ctx context.Context, partitions int) (bool, error) {
	ends, err := w.ends(ctx, partitions, w.status)
	if err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, end := range ends {
		if w.next[p.partition] < end {
			return false, nil
		}
	}
	return true, nil
}

func (w *watcher) endedIDs() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ended)
}
