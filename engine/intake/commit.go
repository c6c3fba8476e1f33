package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
)

// Committer commits for the shards of one generation. It is for one goroutine.
type Committer struct {
	client     *kafka.Client
	group      string
	membership Membership
	topics     []string
	accepted   map[kafka.Partition]kafka.Commit
}

// NewCommitter makes the committer of one generation.
func NewCommitter(c *kafka.Client, group string, topics []string, m Membership) *Committer {
	return &Committer{client: c, group: group, membership: m, topics: topics, accepted: map[kafka.Partition]kafka.Commit{}}
}

// NoCommit as a reservation's Low leaves an input's commit as it is.
const NoCommit = -1

const (
	commitTimeout = 10 * time.Second
	// mostCommitted bounds the bytes of one request: the broker keeps each as one
	// batch of the topic __consumer_offsets, of 1 MiB at most unless it was told
	// otherwise (message.max.bytes).
	mostCommitted = 512 << 10
	// commitOverhead is what the broker keeps of a partition besides the metadata.
	commitOverhead = 512
)

// Commit commits each shard's reservations, by input. The broker refuses it from
// a member of an older generation. Where shards is not empty, nil says that all
// of it is committed, and that this member belonged to the group after the call
// began; what the broker has already is not sent again, but for one partition.
// After an error any part of it may be committed.
func (c *Committer) Commit(ctx context.Context, shards map[int32][2]Reservation) error {
	var commits []kafka.Commit
	var again *kafka.Commit
	for shard, inputs := range shards {
		for i, topic := range c.topics {
			if inputs[i].Low == NoCommit {
				continue
			}
			one := kafka.Commit{Partition: kafka.Partition{Topic: topic, Index: shard}, Offset: inputs[i].Low, Metadata: inputs[i].Text()}
			if c.accepted[one.Partition] != one {
				commits = append(commits, one)
			} else {
				again = &one
			}
		}
	}
	if len(commits) == 0 && again != nil {
		commits = append(commits, *again)
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	for len(commits) > 0 {
		n, size := 0, 0
		for n < len(commits) && (n == 0 || size < mostCommitted) {
			size += commitOverhead + len(commits[n].Metadata)
			n++
		}
		if err := c.send(ctx, commits[:n]); err != nil {
			return err
		}
		commits = commits[n:]
	}
	return nil
}

func (c *Committer) send(ctx context.Context, commits []kafka.Commit) error {
	for i := range commits { // until the broker has answered nobody knows what it has
		delete(c.accepted, commits[i].Partition)
	}
	fault.Point(fault.BeforeCommit)
	if err := c.client.CommitOffsets(ctx, c.group, c.membership.Generation, c.membership.Member, commits); err != nil && !fault.Mutant(fault.RefusalIsConsent) {
		return fmt.Errorf("commit offsets of group %s in generation %d: %w", c.group, c.membership.Generation, err)
	}
	fault.Point(fault.AfterCommit)
	for i := range commits {
		c.accepted[commits[i].Partition] = commits[i]
	}
	return nil
}
