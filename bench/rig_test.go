package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
)

// copyTopic is where the yardstick writes, with the prefix of the others.
const copyTopic = "copies"

// rig is a broker in a process of its own that has the sends, all of them
// before the first round begins.
type rig struct {
	dir    string
	broker *broker.Broker
	cfg    *config.Config // its topics are those of every round
	client *kafka.Client
	sends  int
	round  int
	// reserve is engine.reserve, 0 the default.
	reserve int
}

// newRig starts a broker with n sends on it. close ends it.
func newRig(ctx context.Context, dir string, n int) (_ *rig, err error) {
	r := &rig{dir: dir, sends: n}
	if r.broker, err = startBroker(ctx, filepath.Join(dir, "broker")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.cfg, _, err = writeConfig(dir, r.broker.Addr(), "none", 0); err != nil {
		return nil, err
	}
	if r.client, err = engine.Connect(r.cfg); err != nil {
		return nil, err
	}
	if err := r.client.CreateTopics(ctx, r.topics()); err != nil {
		return nil, err
	}
	return r, publish(ctx, r.broker.Addr(), r.cfg.Topic("sends"), n)
}

func (r *rig) close() error {
	if r.client != nil {
		r.client.Close()
	}
	return r.broker.Close()
}

// topics are the engine's, and the yardstick's.
func (r *rig) topics() []kafka.TopicSpec {
	specs := engine.Topics(r.cfg)
	out := specs[0]
	out.Name = r.cfg.Topic(copyTopic)
	return append(specs, out)
}

// begin makes everything but the sends anew, and returns the round's own
// directory and consumer group.
func (r *rig) begin(ctx context.Context) (dir, group string, err error) {
	r.round++
	group = fmt.Sprintf("carillon-bench-%d", r.round)
	dir = filepath.Join(r.dir, group)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", "", err
	}
	admin := &kafkago.Client{Addr: kafkago.TCP(r.broker.Addr())}
	old := &kafkago.DeleteTopicsRequest{}
	for _, t := range r.topics() {
		if t.Name != r.cfg.Topic("sends") {
			old.Topics = append(old.Topics, t.Name)
		}
	}
	res, err := admin.DeleteTopics(ctx, old)
	if err != nil {
		return "", "", fmt.Errorf("deleting the topics of the last round: %w", err)
	}
	for topic, err := range res.Errors {
		if err != nil {
			return "", "", fmt.Errorf("deleting %s: %w", topic, err)
		}
	}
	if err := r.client.CreateTopics(ctx, r.topics()); err != nil {
		return "", "", err
	}
	for _, topic := range old.Topics {
		if err := r.awaitEmpty(ctx, topic); err != nil {
			return "", "", err
		}
	}
	return dir, group, nil
}

// awaitEmpty waits until the broker serves a topic made anew: one of that name
// was deleted a moment ago, and Apache Kafka takes its time over both.
func (r *rig) awaitEmpty(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		n, err := r.written(ctx, topic)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("waiting for the new topic %s, which has %d records: %w", topic, n, errors.Join(ctx.Err(), err))
		case err != nil && !kafka.Retriable(err):
			return err
		case err == nil && n == 0:
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// written returns how many records a topic has.
func (r *rig) written(ctx context.Context, topic string) (int, error) {
	var parts []kafka.Partition
	for _, t := range r.topics() {
		for i := range t.Partitions {
			if t.Name == topic {
				parts = append(parts, kafka.Partition{Topic: topic, Index: int32(i)})
			}
		}
	}
	ends, err := r.client.Offsets(ctx, parts, kafka.Latest)
	n := 0
	for _, end := range ends {
		n += int(end)
	}
	return n, err
}

// watch measures from now until the topic has as many records as there are
// sends. It asks the broker, which costs that less than to be read by one more
// client.
func (r *rig) watch(ctx context.Context, topic string, processes ...process) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	f := figures{sends: r.sends, processes: processes}
	stop, err := meter(processes)
	if err != nil {
		return f, err
	}
	began := time.Now()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		n, err := r.written(ctx, topic)
		if err != nil {
			return f, fmt.Errorf("%d of %d records arrived in %s: %w", n, r.sends, topic, err)
		}
		if n >= r.sends {
			break
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return f, fmt.Errorf("%d of %d records arrived in %s: %w", n, r.sends, topic, ctx.Err())
		}
	}
	f.elapsed = time.Since(began)
	return f, stop()
}
