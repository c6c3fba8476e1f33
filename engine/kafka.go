package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/outcome"
)

// Connect makes a client for the configured cluster. It does no I/O but reading
// certificates and secrets.
func Connect(cfg *config.Config) (*kafka.Client, error) { return connect(cfg, nil) }

func connect(cfg *config.Config, dial dialer) (*kafka.Client, error) {
	tls, err := cfg.Kafka.TLSConfig()
	if err != nil {
		return nil, err
	}
	sasl, err := cfg.Kafka.SASLMechanism()
	if err != nil {
		return nil, err
	}
	return kafka.NewClient(kafka.Config{
		Brokers: cfg.Kafka.Brokers, ClientID: cfg.Kafka.ClientID, TLS: tls, SASL: sasl,
		MaxDecompressed: int(cfg.Limits.Batch), Dial: dial,
	}), nil
}

// startKafka starts what reads from Kafka and writes to it for as long as the
// node lives, and returns what closes the shards and ends it.
func (e *Engine) startKafka(ctx context.Context) (func() error, error) {
	codec, err := kafka.ParseCodec(e.cfg.Kafka.Compression)
	if err != nil {
		return nil, err
	}
	e.out = outcome.New(e.client, outcome.Config{
		Codec: codec, OnRetry: func(error) { e.metrics.ProduceRetries.Inc() },
	}, e.log)
	e.operator = newOperator(e.client, e.cfg.Topic("control"), e.cfg.Kafka.Topics.Partitions, e.owner, e.metrics, e.log,
		func(id int32) decider {
			if s := e.owned.get(id); s != nil {
				return s
			}
			return nil
		})
	e.operator.answering.topic = e.cfg.Topic("replies")
	e.operator.answering.shards = func() map[int32]answerer {
		all := map[int32]answerer{}
		for _, s := range e.owned.all() {
			all[s.id] = s
		}
		return all
	}
	e.operator.answering.ends = e.inputEnds
	e.operator.answering.node = e.tell
	e.operator.haltLanes = e.lanes.halt
	fetching, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { e.operator.run(fetching) })
	running.Go(func() { e.suppressed.Run(fetching) })
	if e.standby != nil {
		running.Go(func() { e.standby.run(fetching) })
	}
	for i, topic := range e.inputs() {
		e.fetchers[i] = intake.NewFetcher(e.client, topic, 256<<10, e.quarantine, e.log)
		running.Go(func() { e.fetchers[i].Run(fetching) })
	}
	return func() error {
		for _, id := range e.owned.ids() {
			e.drop(e.owned.get(id))
		}
		cancel()
		running.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := e.out.Close(ctx); err != nil {
			e.log.Warn().Err(err).Msg("not all that the shards wrote was acknowledged; it is read again or made anew")
		}
		return nil
	}, nil
}

// inputEnds returns, by shard, the offsets behind the last records of its inputs.
func (e *Engine) inputEnds(ctx context.Context) (map[int32][2]int64, error) {
	var parts []kafka.Partition
	for _, topic := range e.inputs() {
		for i := range int32(e.cfg.Kafka.Topics.Partitions) {
			parts = append(parts, kafka.Partition{Topic: topic, Index: i})
		}
	}
	got, err := e.client.Offsets(ctx, parts, kafka.Latest)
	if err != nil {
		return nil, fmt.Errorf("find the ends of the inputs: %w", err)
	}
	ends := map[int32][2]int64{}
	for i, topic := range e.inputs() {
		for p, end := range got {
			if p.Topic == topic {
				both := ends[p.Index]
				both[i] = end
				ends[p.Index] = both
			}
		}
	}
	return ends, nil
}

// awaitKafka waits for a broker and for the topics to be as they must be.
func (e *Engine) awaitKafka(ctx context.Context) error {
	for wait := time.Second; ; wait = min(2*wait, 15*time.Second) {
		err := e.client.Ping(ctx)
		if err == nil {
			err = PrepareTopics(ctx, e.client, e.cfg)
			var refused *TopicsError
			if err == nil {
				err = e.followTopics(ctx)
			}
			if err == nil || errors.As(err, &refused) {
				e.health.set("kafka", nil)
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e.health.set("kafka", err)
		e.log.Error().Err(err).Stringer("again_in", wait).Msg("Kafka is not ready")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// followTopics ties the data directory to the topics that it is about: to
// these, and not to others of the same name in another cluster or before they
// were made anew.
func (e *Engine) followTopics(ctx context.Context) error {
	topics := names(Topics(e.cfg))
	topics = slices.DeleteFunc(topics, func(t string) bool { // nothing of these is there
		return t == e.cfg.Topic("control") || t == e.cfg.Topic("replies") || t == e.cfg.Topic("suppressions")
	})
	ids, err := e.client.TopicIDs(ctx, topics)
	if err != nil {
		return err
	}
	var follows []byte
	for _, name := range topics {
		id := ids[name]
		follows = append(append(follows, name...), id[:]...)
	}
	dropped, err := e.ledger.Follow(follows)
	if dropped {
		e.log.Warn().Str("data", e.cfg.Data).Msg("the data directory followed other topics, or these before they were " +
			"made anew: its content is dropped and read again from Kafka")
	}
	return err
}

func (e *Engine) groupConfig() intake.GroupConfig {
	k := e.cfg.Kafka
	g := intake.GroupConfig{
		Client: e.client, ID: k.Group, Topics: e.inputs(), Owned: e.owned.ids,
		SessionTimeout: k.SessionTimeout, RebalanceTimeout: k.RebalanceTimeout, Heartbeat: k.Heartbeat,
	}
	if e.parts.files {
		g.Remember = filepath.Join(e.cfg.Data, "member") // the ledger's lock says that whoever wrote it is gone
	}
	return g
}

// inputs are the input topics in the order of intake.Urgent and intake.Bulk.
func (e *Engine) inputs() []string { return []string{e.cfg.Topic("sends"), e.cfg.Topic("sends.bulk")} }
