package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go/protocol/listoffsets"
)

const readCommitted = 1

// Offsets returns, for each of parts, the offset of the first record whose
// time is at or after at, and Latest's where there is none. Earliest and
// Latest stand for the ends. It retries what is retriable; if a partition
// still cannot be told, that is an error.
func (c *Client) Offsets(ctx context.Context, parts []Partition, at time.Time) (map[Partition]int64, error) {
	offsets := make(map[Partition]int64, len(parts))
	if err := c.listOffsets(ctx, parts, at, offsets); err != nil {
		return nil, err
	}
	var none []Partition
	for p, offset := range offsets {
		if offset < 0 {
			none = append(none, p)
		}
	}
	if err := c.listOffsets(ctx, none, Latest, offsets); err != nil {
		return nil, err
	}
	return offsets, nil
}

// listOffsets fills in the offsets of parts, asking each leader once.
func (c *Client) listOffsets(ctx context.Context, parts []Partition, at time.Time, offsets map[Partition]int64) error {
	left := parts
	err := c.retry(ctx, func() error {
		topics := make([]string, len(left))
		for i, p := range left {
			topics[i] = p.Topic
		}
		l, err := c.currentLayout(ctx, topics)
		if err != nil {
			return err
		}
		var faults []error
		var failed []Partition
		byLeader := map[int32][]Partition{}
		for _, p := range left {
			leader := l.leaders[p]
			if err := l.place(p, leader); err != nil {
				failed, faults = append(failed, p), append(faults, fmt.Errorf("%s: %w", p, err))
				continue
			}
			byLeader[leader] = append(byLeader[leader], p)
		}
		for leader, parts := range byLeader {
			bad, err := c.listOffsetsAt(ctx, leader, l, parts, at, offsets)
			failed, faults = append(failed, bad...), append(faults, err)
		}
		left = failed
		return errors.Join(faults...)
	})
	if err != nil {
		return fmt.Errorf("asking Kafka for offsets: %w", err)
	}
	return nil
}

// listOffsetsAt asks one broker, and returns which partitions it failed for.
func (c *Client) listOffsetsAt(ctx context.Context, broker int32, l *layout, parts []Partition, at time.Time, offsets map[Partition]int64) ([]Partition, error) {
	req := &listoffsets.Request{ReplicaID: -1, IsolationLevel: readCommitted}
	for _, indexes := range byTopic(len(parts), func(i int) Partition { return parts[i] }) {
		topic := listoffsets.RequestTopic{Topic: parts[indexes[0]].Topic}
		for _, i := range indexes {
			topic.Partitions = append(topic.Partitions, listoffsets.RequestPartition{
				Partition: parts[i].Index, CurrentLeaderEpoch: -1, Timestamp: at.UnixMilli(),
			})
		}
		req.Topics = append(req.Topics, topic)
	}
	m, err := c.ask(ctx, broker, req, 0)
	if err != nil {
		l.stale.Store(true)
		return parts, fmt.Errorf("broker %d: %w", broker, err)
	}
	unanswered := make(map[Partition]error, len(parts))
	for _, p := range parts {
		unanswered[p] = errUnanswered
	}
	for _, t := range m.(*listoffsets.Response).Topics {
		for _, p := range t.Partitions {
			part := Partition{t.Topic, p.Partition}
			if unanswered[part] = codeError(p.ErrorCode); unanswered[part] == nil {
				delete(unanswered, part)
				offsets[part] = p.Offset
			}
		}
	}
	var failed []Partition
	var faults []error
	for p, err := range unanswered {
		failed, faults = append(failed, p), append(faults, fmt.Errorf("%s: %w", p, err))
		if leaderMoved(err) {
			l.stale.Store(true)
		}
	}
	return failed, errors.Join(faults...)
}
