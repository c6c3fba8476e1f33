package kafka

import (
	"context"
	"fmt"
	"time"
)

// mostWritten bounds a batch, in bytes: well below what a topic takes by default.
const mostWritten = 256 << 10

// Write writes records to the first partition of the topic of that full name, one
// batch after the other, and returns once all copies in sync have them. It is for
// compacted topics: a record that is written twice is the record. After an error
// some may have been written, and it is safe to do it again.
func (c *Client) Write(ctx context.Context, topic string, records []Record) error {
	batch := NewBatch()
	for i := range records {
		batch.Append(records[i])
		if i < len(records)-1 && batch.Size() < mostWritten {
			continue
		}
		if err := c.writeBatch(ctx, Partition{Topic: topic}, batch.Encode(ProducerID{ID: -1, Epoch: -1}, -1)); err != nil {
			return fmt.Errorf("write to %s: %w", topic, err)
		}
		batch = NewBatch() // what was sent must not change
	}
	return nil
}

func (c *Client) writeBatch(ctx context.Context, to Partition, batch []byte) error {
	const tries = 6
	for try, wait := 1, 50*time.Millisecond; ; try, wait = try+1, 2*wait {
		got, err := c.Produce(ctx, []ProducePartition{{Partition: to, Batch: batch}})
		if err == nil {
			err = got[0].Err
		}
		if err == nil || try == tries || ctx.Err() != nil || !Retriable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}
