package control

import (
	"context"
	"fmt"

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
	return c.Write(ctx, topic, out)
}

// Forget writes tombstones: what was decided is done with.
func Forget(ctx context.Context, c *kafka.Client, topic string, keys ...string) error {
	out := make([]kafka.Record, len(keys))
	for i, k := range keys {
		out[i] = kafka.Record{Key: []byte(k)}
	}
	return c.Write(ctx, topic, out)
}
