package rig

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
)

// Options of a rig.
type Options struct {
	// Dir takes all data and logs; it is there and empty.
	Dir string
	// Command is carillon: a program, and what goes before its arguments.
	Command []string
	// Broker is "embedded", "kafka" or the address of one that runs.
	Broker string
	// Partitions is the number of shards; 0 takes that of configs/bench.yaml.
	Partitions int
	// Extra are topics beside the engine's, without the prefix; each has as many
	// partitions as the others. They are made anew with them.
	Extra []string
	// Changes are made to configs/bench.yaml, for every node.
	Changes []func(Config)
}

// Rig is a broker with topics that are the run's own, by their prefix.
type Rig struct {
	Options
	Broker Broker
	// Topics is the configuration that the topics are by. Every node's has the
	// same brokers and prefix.
	Topics *config.Config

	config Config // of every node
	client *kafka.Client
	rounds int
}

// Open starts the broker, or connects to the one that runs, and makes the
// topics. Close undoes it.
func Open(ctx context.Context, o Options) (_ *Rig, err error) {
	r := &Rig{Options: o}
	if r.Broker, err = OpenBroker(ctx, o.Broker, filepath.Join(o.Dir, "broker"), o.Command); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Broker.Close())
		}
	}()
	if r.config, err = shipped(); err != nil {
		return nil, err
	}
	r.config.Set([]string{r.Broker.Addr}, "kafka", "brokers")
	r.config.Set(fmt.Sprintf("carillon-bench-%x.", time.Now().UnixNano()), "kafka", "prefix")
	if o.Partitions > 0 {
		r.config.Set(o.Partitions, "kafka", "topics", "partitions")
	}
	for _, change := range o.Changes {
		change(r.config)
	}
	if r.Topics, _, err = r.config.parse("configs/bench.yaml"); err != nil {
		return nil, err
	}
	r.Partitions = r.Topics.Kafka.Topics.Partitions
	if r.client, err = engine.Connect(r.Topics); err != nil {
		return nil, err
	}
	if err := r.client.CreateTopics(ctx, r.topics()); err != nil {
		return nil, fmt.Errorf("make the topics of the run: %w", err)
	}
	return r, nil
}

// Close ends the broker; on one that runs on, it deletes the run's topics.
func (r *Rig) Close() error {
	defer r.client.Close()
	if r.Broker.Own != nil {
		return r.Broker.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return r.deleteTopics(ctx, r.topics())
}

// Topic returns the full name of a topic.
func (r *Rig) Topic(name string) string { return r.Topics.Topic(name) }

// Client is the engine's own client, connected to the broker.
func (r *Rig) Client() *kafka.Client { return r.client }

// topics are the engine's and the extra ones.
func (r *Rig) topics() []kafka.TopicSpec {
	specs := engine.Topics(r.Topics)
	for _, name := range r.Extra {
		extra := specs[0]
		extra.Name = r.Topic(name)
		specs = append(specs, extra)
	}
	return specs
}

// Publish publishes the records 0 to n-1, and returns when Kafka has them. The
// client is not the engine's, and partitions as Java's does. Progress (nil for
// none) is told now and then how many have been handed over.
func (r *Rig) Publish(ctx context.Context, n int, record func(i int) *kgo.Record, progress func(done int)) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Broker.Addr), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		// As most clients do by default; and texts of a bench are too much alike.
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return fmt.Errorf("make the producer of the sends: %w", err)
	}
	defer client.Close()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	for i := 0; i < n && ctx.Err() == nil; i++ {
		client.Produce(ctx, record(i), func(_ *kgo.Record, err error) {
			if err != nil {
				fail(err) // the first one is enough
			}
		})
		if progress != nil && i%1000 == 0 {
			progress(i)
		}
	}
	if err := client.Flush(ctx); err != nil || ctx.Err() != nil {
		return fmt.Errorf("publish the sends: %w", context.Cause(ctx))
	}
	return nil
}

// Written returns how many records a topic has, by its offsets: those by which
// an owner of a shard of status or ledger claims it count as well.
func (r *Rig) Written(ctx context.Context, topic string) (int, error) {
	ends, err := r.Ends(ctx, topic)
	n := 0
	for _, end := range ends {
		n += int(end)
	}
	return n, err
}

// Ends returns the offset after the last record of each partition of a topic.
func (r *Rig) Ends(ctx context.Context, topic string) (map[int32]int64, error) {
	found, err := r.client.Offsets(ctx, r.partitions(topic), kafka.Latest)
	if err != nil {
		return nil, fmt.Errorf("read the ends of %s: %w", topic, err)
	}
	ends := make(map[int32]int64, len(found))
	for p, end := range found {
		ends[p.Index] = end
	}
	return ends, nil
}

// partitions returns those of a topic, by its full name.
func (r *Rig) partitions(topic string) []kafka.Partition {
	var parts []kafka.Partition
	for _, t := range r.topics() {
		for i := range t.Partitions {
			if t.Name == topic {
				parts = append(parts, kafka.Partition{Topic: topic, Index: int32(i)})
			}
		}
	}
	return parts
}
