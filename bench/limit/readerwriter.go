package limit

import (
	"context"
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// copyBatch is how many records the yardstick writes at once. With a thousand,
// as many would write, it waits more than it works and has 0.6 of the rate.
const copyBatch = 10_000

// readerWriter is the loop that one writes with kafka-go to move records from
// one topic to another, and no more: the yardstick that is 1.0. It keeps each
// record's partition, waits for acks=all as the engine does, and commits what
// it has written.
//
// It is given its best: it knows how many records there are, so that it never
// waits for a batch to fill, and the Writer sends what it has after a
// millisecond instead of a second.
func readerWriter(ctx context.Context, t task, c *clock) (err error) {
	reader := kafkago.NewReader(kafkago.ReaderConfig{
		Brokers: t.Brokers, GroupID: t.Group, Topic: t.From, StartOffset: kafkago.FirstOffset,
		QueueCapacity: 1000, MinBytes: 1, MaxBytes: 10 << 20,
		MaxWait: 500 * time.Millisecond, CommitInterval: time.Second,
	})
	writer := &kafkago.Writer{
		Addr: kafkago.TCP(t.Brokers...), Topic: t.To, Balancer: kafkago.Murmur2Balancer{},
		RequiredAcks: kafkago.RequireAll, BatchSize: 1000, BatchTimeout: time.Millisecond,
	}
	defer func() { err = errors.Join(err, writer.Close(), reader.Close()) }()
	batch := make([]kafkago.Message, 0, copyBatch)
	for done := 0; done < t.Workload.Sends; done += len(batch) {
		batch = batch[:0]
		for len(batch) < min(copyBatch, t.Workload.Sends-done) {
			m, err := reader.FetchMessage(ctx)
			if err != nil {
				return err
			}
			if done+len(batch) == 0 {
				c.begin()
			}
			batch = append(batch, m)
		}
		if err := move(ctx, reader, writer, batch); err != nil {
			return err
		}
	}
	c.end(ctx)
	return nil
}

// move writes the records, then commits them.
func move(ctx context.Context, r *kafkago.Reader, w *kafkago.Writer, batch []kafkago.Message) error {
	out := make([]kafkago.Message, len(batch))
	for i, m := range batch {
		out[i] = kafkago.Message{Key: m.Key, Value: m.Value, Headers: m.Headers}
	}
	if err := w.WriteMessages(ctx, out...); err != nil {
		return err
	}
	return r.CommitMessages(ctx, batch...)
}
