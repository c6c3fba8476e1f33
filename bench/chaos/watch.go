package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

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
	seen    time.Time // here, so not before it was acknowledged
	channel string
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

	mu       sync.Mutex
	outcomes []outcome
	ended    map[string]bool // ids with an outcome
	next     map[int32]int64 // of status, by partition
	odd      int             // status records that can't be read
	highest  map[place]int64 // committed, by partition (offset 0)
	rewinds  []string
}

func newWatcher(k *cluster) (*watcher, error) {
	w := &watcher{
		status: k.prefix + "status", inputs: []string{k.prefix + "sends", k.prefix + "sends.bulk"}, group: k.group,
		ended: map[string]bool{}, next: map[int32]int64{}, highest: map[place]int64{},
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(k.addr), kgo.ConsumeTopics(w.status),
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
		w.ended[s.Id] = true
		w.outcomes = append(w.outcomes, outcome{
			id: s.Id, event: s.EventId, state: send.StateName(s.Status), shard: r.Partition,
			source: place{s.Source.GetTopic(), s.Source.GetPartition(), s.Source.GetOffset()},
			taken:  s.AcceptedAt.AsTime(), seen: now, channel: s.Channel,
		})
	}
}

func (w *watcher) endedIDs() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ended)
}

// sample follows the committed offsets until ctx ends.
func (w *watcher) sample(ctx context.Context) {
	for sleep(ctx, 500*time.Millisecond) {
		ask, cancel := context.WithTimeout(ctx, 2*time.Second)
		committed, err := w.committed(ask)
		cancel()
		if err != nil {
			continue // the broker is down, or its coordinator is not up yet
		}
		w.mu.Lock()
		for p, offset := range committed {
			if high := w.highest[p]; offset < high {
				w.rewinds = append(w.rewinds, fmt.Sprintf("%s/%d went from %d to %d", p.topic, p.partition, high, offset))
			}
			w.highest[p] = offset
		}
		w.mu.Unlock()
	}
}

// committed returns the group's offsets; a partition without one is left out.
func (w *watcher) committed(ctx context.Context) (map[place]int64, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = w.group // a nil list of topics is all of them
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = w.group
	req.Groups = append(req.Groups, group)
	res, err := req.RequestWith(ctx, w.client)
	if err != nil {
		return nil, fmt.Errorf("read the committed offsets: %w", err)
	}
	found := map[place]int64{}
	for _, g := range res.Groups {
		if g.ErrorCode != 0 {
			return nil, fmt.Errorf("read the committed offsets: error %d", g.ErrorCode)
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode == 0 && p.Offset >= 0 {
					found[place{topic: t.Topic, partition: p.Partition}] = p.Offset
				}
			}
		}
	}
	return found, nil
}

// ends returns the end of every partition of the topics.
func (w *watcher) ends(ctx context.Context, partitions int, topics ...string) (map[place]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	for _, name := range topics {
		topic := kmsg.NewListOffsetsRequestTopic()
		topic.Topic = name
		for i := range partitions {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = int32(i), -1 // the end
			topic.Partitions = append(topic.Partitions, p)
		}
		req.Topics = append(req.Topics, topic)
	}
	res, err := req.RequestWith(ctx, w.client)
	if err != nil {
		return nil, fmt.Errorf("read the ends of the topics: %w", err)
	}
	found := map[place]int64{}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return nil, fmt.Errorf("read the end of %s/%d: error %d", t.Topic, p.Partition, p.ErrorCode)
			}
			found[place{topic: t.Topic, partition: p.Partition}] = p.Offset
		}
	}
	return found, nil
}

// lag returns how many input records no commit covers.
func (w *watcher) lag(ctx context.Context, partitions int) (int64, error) {
	ends, err := w.ends(ctx, partitions, w.inputs...)
	if err != nil {
		return 0, err
	}
	committed, err := w.committed(ctx)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for p, end := range ends {
		total += end - committed[p]
	}
	return total, nil
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
