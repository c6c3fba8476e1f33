package control

import (
	"context"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Publish writes records to the topic of that full name. It returns once all
// in-sync replicas have them, or with an error: then some may have been written
// all the same, and it is safe to do it again.
func Publish(ctx context.Context, c *kafka.Client, topic string, records ...*controlv1.Record) error {
	out := make([]kafka.Record, len(records))
	for i, r := range records {
		value, err := r.MarshalVT()
		if err != nil {
			return fmt.Errorf("encode a record of %s: %w", topic, err)
		}
		out[i] = kafka.Record{Key: []byte(KeyOf(r)), Value: value}
	}
	return write(ctx, c, topic, out)
}

// Forget writes tombstones: what was decided is done with.
func Forget(ctx context.Context, c *kafka.Client, topic string, keys ...string) error {
	out := make([]kafka.Record, len(keys))
	for i, k := range keys {
		out[i] = kafka.Record{Key: []byte(k)}
	}
	return write(ctx, c, topic, out)
}

// mostBatch bounds a batch, in bytes: well below what a topic takes by default.
const mostBatch = 256 << 10

func write(ctx context.Context, c *kafka.Client, topic string, records []kafka.Record) error {
	batch := kafka.NewBatch()
	for i := range records {
		batch.Append(records[i])
		if i < len(records)-1 && batch.Size() < mostBatch {
			continue
		}
		// Not idempotent: the same record twice under its key is the record.
		if err := send(ctx, c, kafka.Partition{Topic: topic}, batch.Encode(kafka.ProducerID{ID: -1, Epoch: -1}, -1)); err != nil {
			return fmt.Errorf("write to %s: %w", topic, err)
		}
		batch = kafka.NewBatch() // what was sent must not change
	}
	return nil
}

const tries = 6

func send(ctx context.Context, c *kafka.Client, to kafka.Partition, batch []byte) error {
	for try, wait := 1, 50*time.Millisecond; ; try, wait = try+1, 2*wait {
		got, err := c.Produce(ctx, []kafka.ProducePartition{{Partition: to, Batch: batch}})
		if err == nil {
			err = got[0].Err
		}
		if err == nil || try == tries || ctx.Err() != nil || !kafka.Retriable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}
