package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"
)

// CommitOffsets commits positions of a group as the given member of the given
// generation (-1 and "" for a group without members). The broker refuses it
// from a member that is no longer one: errors.Is the error with
// kafkago.IllegalGeneration, UnknownMemberId or RebalanceInProgress. Any
// partition's refusal is an error; others may have been committed. What is
// retriable is retried: a commit may arrive twice, so commits of one partition
// must not overlap.
func (c *Client) CommitOffsets(ctx context.Context, group string, generation int32, member string, commits []Commit) error {
	if len(commits) == 0 {
		return nil
	}
	req := &offsetcommit.Request{
		GroupID: group, GenerationID: generation, MemberID: member,
		RetentionTimeMs: -1, // the broker's setting
	}
	for _, indexes := range byTopic(len(commits), func(i int) Partition { return commits[i].Partition }) {
		topic := offsetcommit.RequestTopic{Name: commits[indexes[0]].Topic}
		for _, i := range indexes {
			topic.Partitions = append(topic.Partitions, offsetcommit.RequestPartition{
				PartitionIndex: commits[i].Index, CommittedOffset: commits[i].Offset, CommittedMetadata: commits[i].Metadata,
				CommittedLeaderEpoch: -1, CommitTimestamp: -1,
			})
		}
		req.Topics = append(req.Topics, topic)
	}
	err := c.askCoordinator(ctx, coordinator{group, byGroup}, func(broker int32) error {
		m, err := c.ask(ctx, broker, req, 0)
		if err != nil {
			return err
		}
		return commitFaults(m.(*offsetcommit.Response), len(commits))
	})
	if err != nil {
		return fmt.Errorf("committing offsets of group %s: %w", group, err)
	}
	return nil
}

func commitFaults(res *offsetcommit.Response, want int) error {
	var faults []error
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			want--
			if err := codeError(p.ErrorCode); err != nil {
				faults = append(faults, fmt.Errorf("%s/%d: %w", t.Name, p.PartitionIndex, err))
			}
		}
	}
	if want > 0 {
		faults = append(faults, fmt.Errorf("the broker left out %d partitions", want))
	}
	return errors.Join(faults...)
}

// CommittedOffsets returns what a group has committed for each of parts;
// Offset is -1 where it has committed nothing. It retries what is retriable.
func (c *Client) CommittedOffsets(ctx context.Context, group string, parts []Partition) (map[Partition]Commit, error) {
	req := &offsetfetch.Request{GroupID: group}
	for _, indexes := range byTopic(len(parts), func(i int) Partition { return parts[i] }) {
		topic := offsetfetch.RequestTopic{Name: parts[indexes[0]].Topic}
		for _, i := range indexes {
			topic.PartitionIndexes = append(topic.PartitionIndexes, parts[i].Index)
		}
		req.Topics = append(req.Topics, topic)
	}
	commits := make(map[Partition]Commit, len(parts))
	if len(parts) == 0 {
		return commits, nil // to the broker no topics would mean all
	}
	err := c.askCoordinator(ctx, coordinator{group, byGroup}, func(broker int32) error {
		m, err := c.ask(ctx, broker, req, 0)
		if err != nil {
			return err
		}
		return takeCommits(m.(*offsetfetch.Response), parts, commits)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the committed offsets of group %s: %w", group, err)
	}
	return commits, nil
}

func takeCommits(res *offsetfetch.Response, parts []Partition, commits map[Partition]Commit) error {
	if err := codeError(res.ErrorCode); err != nil {
		return err
	}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			part := Partition{t.Name, p.PartitionIndex}
			if err := codeError(p.ErrorCode); err != nil {
				return fmt.Errorf("%s: %w", part, err)
			}
			commits[part] = Commit{part, p.CommittedOffset, p.Metadata}
		}
	}
	for _, p := range parts {
		if _, ok := commits[p]; !ok {
			return fmt.Errorf("the broker left out %s", p)
		}
	}
	return nil
}

const (
	byGroup       int8 = 0
	byTransaction int8 = 1
)

// coordinator names the broker that keeps a group or a transactional id.
type coordinator struct {
	key  string
	kind int8
}

// coordinators remembers which broker that is.
type coordinators struct {
	mu     sync.Mutex
	broker map[coordinator]int32
}

// askCoordinator runs try with the coordinator's broker id, and again with
// the one found anew when it has moved or cannot be reached.
func (c *Client) askCoordinator(ctx context.Context, k coordinator, try func(broker int32) error) error {
	return c.retry(ctx, func() error {
		broker, err := c.findCoordinator(ctx, k)
		if err != nil {
			return err
		}
		if err = try(broker); err != nil && Retriable(err) {
			c.groups.mu.Lock()
			delete(c.groups.broker, k)
			c.groups.mu.Unlock()
		}
		return err
	})
}

func (c *Client) findCoordinator(ctx context.Context, k coordinator) (int32, error) {
	c.groups.mu.Lock()
	broker, ok := c.groups.broker[k]
	c.groups.mu.Unlock()
	if ok {
		return broker, nil
	}
	m, err := c.ask(ctx, anyBroker, &findcoordinator.Request{Key: k.key, KeyType: k.kind}, 0)
	if err != nil {
		return 0, err
	}
	res := m.(*findcoordinator.Response)
	if err := codeError(res.ErrorCode); err != nil {
		return 0, err
	}
	if res.NodeID < 0 {
		return 0, kafkago.GroupCoordinatorNotAvailable
	}
	c.groups.mu.Lock()
	defer c.groups.mu.Unlock()
	if c.groups.broker == nil {
		c.groups.broker = map[coordinator]int32{}
	}
	c.groups.broker[k] = res.NodeID
	return res.NodeID, nil
}
