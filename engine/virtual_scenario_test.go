package engine_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
)

const (
	nodes  = 3
	shards = 6
	sends  = 500 // or some more
	span   = 4 * time.Minute
	// settling is how long all that was accepted may take to have an outcome,
	// once there are no more faults.
	settling = 10 * time.Minute
	session  = 10 * time.Second
)

var addresses = []string{"localhost:19092", "localhost:19093"}

// scenario is one run.
type scenario struct {
	seed      uint64
	config    *config.Config
	log       zerolog.Logger
	network   *network
	cluster   *kfake.Cluster
	sessions  *sessions
	observer  *kafka.Client // no fault reaches it
	providers *providers
	nodes     []*node
	running   sync.WaitGroup // processes, killed ones too

	mu      sync.Mutex
	strikes []strike
	halts   halts
	faults  []string // what went wrong besides what check finds
}

func (s *scenario) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf("%v: ", time.Since(epoch).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

func play(t *testing.T, seed uint64, kinds []faultKind) *verdict {
	s := &scenario{
		seed: seed, config: nodeConfig(), log: zerolog.Nop(), network: newNetwork(),
		providers: &providers{seed: seed, known: map[string]bool{}},
	}
	if *virtualLog {
		s.log = zerolog.New(os.Stderr).With().Timestamp().Logger()
	}
	var err error
	s.cluster, err = kfake.NewCluster(kfake.Ports(19092, 19093), kfake.ListenFn(s.network.Listen))
	if err != nil {
		t.Fatal(err)
	}
	s.sessions = watchSessions(s.cluster)
	s.observer = kafka.NewClient(kafka.Config{Brokers: addresses, Dial: s.network.DialContext})
	defer s.observer.Close()
	for i := range nodes {
		n := &node{s: s, name: string(rune('a' + i)), disk: vfs.NewCrashableMem(), turn: make(chan struct{}, 1)}
		s.nodes = append(s.nodes, n)
		n.start()
	}
	for _, n := range s.nodes {
		<-n.process.engine.Ready()
	}
	what := makePlan(seed, kinds)
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { s.watchCommits(ctx) })
	s.strikeAndSend(what)
	s.settle()
	for _, n := range s.nodes {
		n.shutDown()
	}
	s.running.Wait()
	cancel()
	watching.Wait()
	v := check(s.evidence())
	s.network.close()
	s.cluster.Close()
	time.Sleep(time.Minute) // time stands still once this returns, and the last goroutines may wait for it
	return v
}

// strikeAndSend carries out a plan.
func (s *scenario) strikeAndSend(p plan) {
	var under sync.WaitGroup
	under.Go(func() { s.send(p.sends) })
	under.Go(s.halt)
	for _, f := range p.faults {
		under.Go(func() {
			time.Sleep(f.at)
			s.inflict(f)
		})
	}
	under.Wait()
}

// send is the producer: it repeats what is not acknowledged, so a record may be
// in the log more than once.
func (s *scenario) send(all []plannedSend) {
	link := s.network.link(dice(s.seed, "producer"))
	client := kafka.NewClient(kafka.Config{Brokers: addresses, Dial: link.Dial})
	defer client.Close()
	began := time.Now()
	for _, m := range all {
		time.Sleep(time.Until(began.Add(m.at)))
		p := kafka.Partition{Topic: s.config.Topic("sends"), Index: kafka.PartitionOf([]byte(m.recipient), shards)}
		if m.bulk {
			p.Topic = s.config.Topic("sends.bulk")
		}
		if m.misplaced {
			p.Index = (p.Index + 1) % shards
		}
		b := kafka.NewBatch()
		b.Append(kafka.Record{Key: []byte(m.recipient), Value: []byte(m.json)})
		encoded := b.Encode(kafka.ProducerID{ID: -1, Epoch: -1}, -1)
		for {
			got, err := client.Produce(context.Background(), []kafka.ProducePartition{{Partition: p, Batch: encoded}})
			if err == nil && got[0].Err == nil {
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
}

// watchCommits sees to it that no committed offset goes back.
func (s *scenario) watchCommits(ctx context.Context) {
	last := map[kafka.Partition]int64{}
	for ctx.Err() == nil {
		got, err := s.observer.CommittedOffsets(ctx, s.config.Kafka.Group, s.inputs())
		if err != nil && ctx.Err() == nil {
			s.fault("read the commits: %v", err)
		}
		for p, c := range got {
			if at, seen := last[p]; seen && c.Offset < at {
				s.fault("the commit of %s went back from %d to %d", p, last[p], c.Offset)
			}
			last[p] = c.Offset
		}
		s.sessions.expire(ctx, s)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (s *scenario) inputs() []kafka.Partition {
	return s.partitions("sends", "sends.bulk")
}

func (s *scenario) partitions(topics ...string) []kafka.Partition {
	var parts []kafka.Partition
	for _, t := range topics {
		for i := range shards {
			parts = append(parts, kafka.Partition{Topic: s.config.Topic(t), Index: int32(i)})
		}
	}
	return parts
}

// settle waits until everything that was accepted has its outcome.
func (s *scenario) settle() {
	for began := time.Now(); time.Since(began) < settling; time.Sleep(2 * time.Second) {
		if s.evidence().open() == 0 {
			return
		}
	}
}

// tail reads partitions from their beginning.
func (s *scenario) tail(parts []kafka.Partition, each func(kafka.Partition, *kafka.Record)) {
	for _, p := range parts {
		_, err := intake.Tailer{Client: s.observer}.Tail(context.Background(), p, -1, func(r *kafka.Record) error {
			each(p, r)
			return nil
		})
		if err != nil {
			s.fault("read %s: %v", p, err)
		}
	}
}
