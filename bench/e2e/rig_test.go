package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// rig is the shared broker in a process of its own, an engine in this one, plugins as
// its children, and a foreign Kafka client at both ends.
type rig struct {
	t      *testing.T
	broker *broker.Broker
	cfg    *config.Config
	client *kgo.Client // franz-go: not ours
	ledger string      // of the sink
	logged io.Writer   // the engine's log goes there too; may be nil

	stop func() error
}

// rigs numbers the rigs: each has topics of its own.
var rigs atomic.Int64

// newRig makes the configuration of an engine; start runs it.
func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, shared)
}

func newRigOn(t *testing.T, b *broker.Broker) *rig {
	t.Helper()
	r := &rig{t: t, broker: b, ledger: filepath.Join(t.TempDir(), "sink")}
	r.cfg = config.Default()
	r.cfg.Kafka.Brokers = []string{r.broker.Addr()}
	r.cfg.Kafka.Prefix = fmt.Sprintf("t%d.", rigs.Add(1))
	r.cfg.Kafka.Group = r.cfg.Kafka.Prefix + "carillon"
	r.cfg.Kafka.Topics.Partitions = 4
	r.cfg.Data = filepath.Join(t.TempDir(), "data")
	r.cfg.HTTP.Listen = freeAddr(t)
	ch := config.DefaultChannel()
	ch.Plugin.Bundled = "sink"
	ch.Retry.Base, ch.Retry.Max = 20*time.Millisecond, 200*time.Millisecond
	acct := config.DefaultAccount()
	acct.Settings = map[string]any{"ledger": r.ledger}
	ch.Accounts = map[string]config.Account{"default": acct}
	r.cfg.Channels = map[string]config.Channel{"sink": ch}
	r.connect()
	return r
}

// connect makes the foreign client, or makes it anew: one remembers topics by
// their ids.
func (r *rig) connect() {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.broker.Addr()), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchMaxBytes(16<<20), kgo.BrokerMaxWriteBytes(64<<20))
	if err != nil {
		r.t.Fatal(err)
	}
	r.client = client
	r.t.Cleanup(client.Close)
}

// settings changes the sink's settings before start.
func (r *rig) settings(more map[string]any) {
	for k, v := range more {
		r.cfg.Channels["sink"].Accounts["default"].Settings[k] = v
	}
}

// start runs the engine until the test ends or stop is called, and returns when
// it is ready.
func (r *rig) start() *engine.Engine {
	r.t.Helper()
	r.cfg.Complete()
	if err := r.cfg.Validate(); err != nil {
		r.t.Fatal(err)
	}
	log := testLog(r.t)
	if r.logged != nil {
		log = log.Output(zerolog.MultiLevelWriter(zerolog.NewTestWriter(r.t), r.logged))
	}
	e := engine.New(r.cfg, log)
	ctx, cancel := context.WithCancel(context.Background())
	var ended = make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		failed = e.Run(ctx)
	}()
	r.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case <-ended:
			return failed
		case <-time.After(time.Minute):
			return fmt.Errorf("the engine did not stop within a minute")
		}
	})
	r.t.Cleanup(func() {
		if err := r.stop(); err != nil {
			r.t.Error(err)
		}
	})
	select {
	case <-e.Ready():
		return e
	case <-ended:
		r.t.Fatal("the engine ended before it was ready")
	case <-time.After(time.Minute):
		r.t.Fatal("the engine was not ready within a minute")
	}
	return nil
}

// run runs an engine that is to end by itself.
func (r *rig) run() error {
	r.t.Helper()
	r.cfg.Complete()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	return engine.New(r.cfg, testLog(r.t)).Run(ctx)
}

// testLog shows the engine's log where the test fails or -v is given.
func testLog(t *testing.T) zerolog.Logger {
	level := zerolog.WarnLevel
	if os.Getenv("E2E_DEBUG") != "" {
		level = zerolog.DebugLevel
	}
	return zerolog.New(zerolog.NewTestWriter(t)).Level(level).With().Timestamp().Logger()
}

func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// publish writes records and waits for their acknowledgement. Their topic is
// named without the prefix.
func (r *rig) publish(records ...*kgo.Record) {
	r.t.Helper()
	for _, rec := range records {
		rec.Topic = r.cfg.Topic(rec.Topic)
	}
	if err := r.client.ProduceSync(r.t.Context(), records...).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

// enqueue writes a record without waiting.
func (r *rig) enqueue(rec *kgo.Record) {
	rec.Topic = r.cfg.Topic(rec.Topic)
	r.client.Produce(r.t.Context(), rec, nil)
}

// statuses reads the topic of status events from its start until done says so.
func (r *rig) statuses(done func(all []*carillonv1.Status) bool) []*carillonv1.Status {
	r.t.Helper()
	var all []*carillonv1.Status
	r.read(r.cfg.Topic("status"), func(rec *kgo.Record) bool {
		headers := make([]send.Header, len(rec.Headers))
		for i, h := range rec.Headers {
			headers[i] = send.Header(h)
		}
		s, err := send.ParseStatus(rec.Value, headers)
		if err != nil {
			r.t.Fatalf("a status event that can't be read: %v\n%s", err, rec.Value)
		}
		all = append(all, s)
		return done(all)
	})
	return all
}

// read consumes a topic from its start until each returns true.
func (r *rig) read(topic string, each func(*kgo.Record) bool) {
	r.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(r.broker.Addr()), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	for {
		fetches := c.PollFetches(ctx)
		if ctx.Err() != nil {
			r.t.Fatalf("waited too long for records in %s", topic)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			if each(it.Next()) {
				return
			}
		}
	}
}

// outcomes counts the outcomes by id and state: {"a": {"sent": 1}}.
func outcomes(all []*carillonv1.Status) map[string]map[string]int {
	by := map[string]map[string]int{}
	for _, s := range all {
		if s.Kind != carillonv1.Kind_KIND_OUTCOME {
			continue
		}
		if by[s.Id] == nil {
			by[s.Id] = map[string]int{}
		}
		by[s.Id][send.StateName(s.Status)]++
	}
	return by
}

// untilOutcomes is for statuses: done at n outcomes.
func untilOutcomes(n int) func([]*carillonv1.Status) bool {
	seen, next := 0, 0
	return func(all []*carillonv1.Status) bool {
		for ; next < len(all); next++ {
			if all[next].Kind == carillonv1.Kind_KIND_OUTCOME {
				seen++
			}
		}
		return seen >= n
	}
}

// received counts by id what the sink's own ledger has.
func (r *rig) received() map[string]int {
	r.t.Helper()
	by := map[string]int{}
	for _, e := range r.entries() {
		by[e.ID]++
	}
	return by
}
