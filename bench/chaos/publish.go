package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// publisher is an open-loop producer: it publishes at its rate, whatever
// becomes of it, and remembers what Kafka acknowledged. acks=all and idempotence
// are franz-go's defaults, and so is Java's partitioner.
type publisher struct {
	client     *kgo.Client
	prefix     string
	run        string // begins every id
	rng        *rand.Rand
	recipients int

	mu    sync.Mutex
	sends []published // by number
}

// published is a send by its number.
type published struct {
	accepted bool // acknowledged by Kafka; otherwise it may be stored all the same
	failed   bool
}

func newPublisher(addr, prefix, run string, seed uint64) (*publisher, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(5*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.MaxBufferedRecords(1<<20)) // an outage must not slow it down
	if err != nil {
		return nil, fmt.Errorf("make the producer: %w", err)
	}
	rng := rand.New(rand.NewPCG(seed, 0x5e4d))
	return &publisher{client: client, prefix: prefix, run: run, rng: rng, recipients: 2000}, nil
}

// publish publishes perSecond sends a second until ctx ends.
func (p *publisher) publish(ctx context.Context, perSecond float64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for n := 0; ; {
		for due := int(time.Since(began).Seconds() * perSecond); n < due; n++ {
			p.one(n)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *publisher) one(n int) {
	p.mu.Lock()
	p.sends = append(p.sends, published{})
	p.mu.Unlock()
	topic := p.prefix + "sends.bulk"
	if p.rng.IntN(3) == 0 {
		topic = p.prefix + "sends"
	}
	to := "r" + strconv.Itoa(p.rng.IntN(p.recipients))
	// The load's context is not the record's: what was begun is finished.
	p.client.Produce(context.Background(), &kgo.Record{Topic: topic, Key: []byte(to), Value: fmt.Appendf(nil,
		`{"id":"%s%d","app":"chaos","to":{"id":%q},"channels":["sink"],"content":{"title":"T","body":"B"}}`, p.run, n, to),
	}, func(_ *kgo.Record, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sends[n] = published{accepted: err == nil, failed: err != nil}
	})
}

// flush waits until every record has its answer.
func (p *publisher) flush(ctx context.Context) error {
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("wait for the last acknowledgements of the input: %w", err)
	}
	return nil
}

func (p *publisher) close() { p.client.Close() }

// all returns the sends by number.
func (p *publisher) all() []published {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]published(nil), p.sends...)
}

func (p *publisher) accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, s := range p.sends {
		if s.accepted {
			n++
		}
	}
	return n
}

// numberOf returns the number of a send by its id; false where it is not of
// this run.
func numberOf(run, id string) (int, bool) {
	digits, ok := strings.CutPrefix(id, run)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0
}
