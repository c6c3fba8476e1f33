package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
)

// Committer commits the watermarks of a generation's shards.
type Committer struct {
	client     *kafka.Client
	group      string
	membership Membership
	topics     []string
	low        func(shard int32, input int) int64
	last       map[kafka.Partition]int64
}

// NewCommitter makes the committer of one generation. low returns a shard's
// watermark for an input, and is called from the committing goroutine.
func NewCommitter(c *kafka.Client, group string, topics []string, m Membership, low func(shard int32, input int) int64) *Committer {
	return &Committer{client: c, group: group, membership: m, topics: topics, low: low, last: map[kafka.Partition]int64{}}
}

// Committed says from where each partition was read: what need not be
// committed again.
func (c *Committer) Committed(p kafka.Partition, offset int64) { c.last[p] = offset }

// Commit commits what has moved since the last call. The broker refuses it from
// a member of an older generation.
func (c *Committer) Commit(ctx context.Context) error { return c.commit(ctx, false) }

// Renew is Commit that asks the broker even if nothing has moved: when it
// returns nil, this member belonged to the group after the call began.
func (c *Committer) Renew(ctx context.Context) error { return c.commit(ctx, true) }

func (c *Committer) commit(ctx context.Context, always bool) error {
	var commits []kafka.Commit
	for _, shard := range c.membership.Shards {
		for i, topic := range c.topics {
			p := kafka.Partition{Topic: topic, Index: shard}
			low := c.low(shard, i)
			if low > c.last[p] || always && len(commits) == 0 && low == c.last[p] {
				commits = append(commits, kafka.Commit{Partition: p, Offset: low})
			}
		}
	}
	if len(commits) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	fault.Point(fault.BeforeCommit)
	if err := c.client.CommitOffsets(ctx, c.group, c.membership.Generation, c.membership.Member, commits); err != nil {
		return fmt.Errorf("commit offsets of group %s in generation %d: %w", c.group, c.membership.Generation, err)
	}
	fault.Point(fault.AfterCommit)
	for _, done := range commits {
		c.last[done.Partition] = done.Offset
	}
	return nil
}
