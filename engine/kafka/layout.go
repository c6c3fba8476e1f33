package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// layout is who leads what, as last read. It is replaced as a whole, so that
// the hot path reads it without a lock.
type layout struct {
	leaders map[Partition]int32
	counts  map[string]int   // partitions by topic; only topics that exist
	faults  map[string]error // topics the cluster does not tell about
	stale   atomic.Bool      // a broker said otherwise
}

func (l *layout) knows(topics []string) bool {
	for _, t := range topics {
		if _, ok := l.counts[t]; !ok {
			return false
		}
	}
	return !l.stale.Load()
}

// Leaders returns the broker id that leads each partition of the topics, for
// grouping partitions into requests; -1 where there is none at present. A
// topic that does not exist is absent; one that may not be asked for is an
// error. It answers from memory until a request of this client shows that
// something moved, then asks the cluster.
func (c *Client) Leaders(ctx context.Context, topics []string) (map[Partition]int32, error) {
	l, err := c.currentLayout(ctx, topics)
	if err != nil {
		return nil, err
	}
	leaders := make(map[Partition]int32)
	for _, t := range topics {
		if err := l.faults[t]; err != nil {
			return nil, err
		}
		for i := range l.counts[t] {
			p := Partition{t, int32(i)}
			leaders[p] = l.leaders[p]
		}
	}
	return leaders, nil
}

// Partitions asks the cluster how many partitions each topic has. A topic that
// does not exist is absent.
func (c *Client) Partitions(ctx context.Context, topics []string) (map[string]int, error) {
	l, err := c.refresh(ctx, c.layout.Load(), topics)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int, len(topics))
	for _, t := range topics {
		if err := l.faults[t]; err != nil {
			return nil, err
		}
		if n, ok := l.counts[t]; ok {
			counts[t] = n
		}
	}
	return counts, nil
}

// currentLayout returns a layout that knows the topics, if they exist.
func (c *Client) currentLayout(ctx context.Context, topics []string) (*layout, error) {
	l := c.layout.Load()
	if l.knows(topics) {
		return l, nil
	}
	return c.refresh(ctx, l, topics)
}

// refresh asks the cluster for the topics and for all those known, unless
// somebody else has done so since the caller saw the layout old.
func (c *Client) refresh(ctx context.Context, old *layout, topics []string) (*layout, error) {
	select {
	case c.refreshing <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("asking Kafka for the leaders of partitions: %w", ctx.Err())
	}
	defer func() { <-c.refreshing }()
	if l := c.layout.Load(); l != old && l.knows(topics) {
		return l, nil
	}
	names := c.topicsToAsk(topics)
	var l *layout
	err := c.retry(ctx, func() error {
		res, err := c.ask(ctx, anyBroker, &metadata.Request{TopicNames: names}, 0)
		if err == nil {
			l = newLayout(res.(*metadata.Response))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("asking Kafka for the leaders of partitions: %w", err)
	}
	c.layout.Store(l)
	return l, nil
}

func (c *Client) topicsToAsk(topics []string) []string {
	known := c.layout.Load().counts
	names := make([]string, 0, len(topics)+len(known))
	for t := range known {
		names = append(names, t)
	}
	for i, t := range topics {
		if _, ok := known[t]; !ok && !containsBefore(topics, i) {
			names = append(names, t)
		}
	}
	return names
}

func containsBefore(topics []string, i int) bool {
	for _, t := range topics[:i] {
		if t == topics[i] {
			return true
		}
	}
	return false
}

func newLayout(res *metadata.Response) *layout {
	l := &layout{leaders: map[Partition]int32{}, counts: map[string]int{}, faults: map[string]error{}}
	for _, t := range res.Topics {
		switch err := codeError(t.ErrorCode); {
		case err == nil:
		case errors.Is(err, kafkago.UnknownTopicOrPartition):
			continue
		default:
			l.faults[t.Name] = fmt.Errorf("topic %s: %w", t.Name, err)
			continue
		}
		l.counts[t.Name] = len(t.Partitions)
		for _, p := range t.Partitions {
			leader := p.LeaderID
			if p.ErrorCode != 0 && !errors.Is(codeError(p.ErrorCode), kafkago.ReplicaNotAvailable) || leader < 0 {
				leader = -1
				l.stale.Store(true) // ask again next time
			}
			l.leaders[Partition{t.Name, p.PartitionIndex}] = leader
		}
	}
	return l
}

// leaderOf finds the broker for a request on parts: the leader of the first
// that has one. at gives the i-th of n partitions.
func (c *Client) leaderOf(ctx context.Context, n int, at func(int) Partition) (int32, *layout, error) {
	l := c.layout.Load()
	var missing []string
	for i := range n {
		if leader, ok := l.leaders[at(i)]; !ok || leader < 0 || l.stale.Load() {
			missing = append(missing, at(i).Topic)
		}
	}
	if missing != nil {
		var err error
		if l, err = c.currentLayout(ctx, missing); err != nil {
			return -1, l, err
		}
	}
	for i := range n {
		if leader, ok := l.leaders[at(i)]; ok && leader >= 0 {
			return leader, l, nil
		}
	}
	return -1, l, nil
}

// place says why a partition cannot be part of a request to broker; nil if it can.
func (l *layout) place(p Partition, broker int32) error {
	leader, ok := l.leaders[p]
	switch {
	case l.faults[p.Topic] != nil:
		return l.faults[p.Topic]
	case !ok:
		return kafkago.UnknownTopicOrPartition
	case leader < 0:
		return kafkago.LeaderNotAvailable
	case leader != broker:
		return kafkago.NotLeaderForPartition
	}
	return nil
}
