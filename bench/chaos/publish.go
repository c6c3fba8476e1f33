package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// publisher is an open-loop producer: it publishes at its rate, whatever
// becomes of it, and remembers what Kafka acknowledged. acks=all and idempotence
// are franz-go's defaults, and so is Java's partitioner.
type publisher struct {
	client *kgo.Client
	prefix string
	run    string // begins every id
	rng    *rand.Rand
	flow   *flow        // nil: all is plain load
	extra  atomic.Int64 // sends beyond the rate, asked for by crowd
	epoch  atomic.Int64 // the campaign that canceledApp is at

	mu      sync.Mutex
	sends   []published // by number
	known   int         // of those, accepted
	repeats []repetition
}

// published is a send by its number.
type published struct {
	to, orderingKey string
	topic           string
	app             string
	channels        []string
	fallback        []string // the ends that the next channel follows
	class, campaign string
	collapseKey     string
	zone            string
	sendAt, expires time.Time // zero: none
	stamp           time.Time // of its record, once it is accepted
	accepted        bool      // acknowledged by Kafka; otherwise it may be stored all the same
	failed          bool
	place           place // in the input, once it is accepted
}

// repetition is a second record of a send that had ended.
type repetition struct {
	number int
	at     time.Time // it was published after this
	place  place
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
	return &publisher{client: client, prefix: prefix, run: run, rng: rand.New(rand.NewPCG(seed, 0x5e4d))}, nil
}

// publish publishes perSecond sends a second, and those that crowd asks for,
// until ctx ends.
func (p *publisher) publish(ctx context.Context, perSecond float64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for n, crowded := 0, 0; ; {
		for due := int(time.Since(began).Seconds()*perSecond) + crowded; n < due; n++ {
			p.one(n, p.next(n, time.Now()))
		}
		for ; crowded < int(p.extra.Load()); crowded++ {
			p.one(n, p.plain())
			n++
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// crowd has n sends published at once.
func (p *publisher) crowd(n int) { p.extra.Add(int64(n)) }

const (
	recipients = 2000
	// So few are sent to in order that several of a key are on their way at once.
	orderedRecipients = 15
)

// next makes up a send.
func (p *publisher) next(n int, now time.Time) published {
	s := p.plain()
	if p.flow != nil {
		p.flow.form(&s, p.rng, n, now)
		if s.app == canceledApp {
			s.campaign = p.canceledCampaign()
		}
	}
	return s
}

func (p *publisher) canceledCampaign() string { return "x" + strconv.FormatInt(p.epoch.Load(), 10) }

// plain makes up a send of which a third are urgent, and a quarter have an
// ordering key, which goes by one of the two inputs: between them there is no order.
func (p *publisher) plain() published {
	s := published{
		to: "r" + strconv.Itoa(p.rng.IntN(recipients)), topic: p.prefix + "sends.bulk",
		app: plainApp, channels: []string{mainChannel},
	}
	urgent := p.rng.IntN(3) == 0
	if p.rng.IntN(4) == 0 {
		s.to = "o" + strconv.Itoa(p.rng.IntN(orderedRecipients))
		s.orderingKey = "bulk"
		if urgent {
			s.orderingKey = "urgent"
		}
	}
	if urgent {
		s.topic = p.prefix + "sends"
	}
	return s
}

func (p *publisher) one(n int, s published) {
	p.mu.Lock()
	p.sends = append(p.sends, s)
	p.mu.Unlock()
	// The load's context is not the record's: what was begun is finished.
	p.client.Produce(context.Background(), p.record(n, s), func(r *kgo.Record, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.sends[n].failed = err != nil; err == nil {
			p.sends[n].accepted, p.sends[n].place, p.sends[n].stamp = true, placeOf(r), r.Timestamp
			p.known++
		}
	})
}

func (p *publisher) record(n int, s published) *kgo.Record {
	return &kgo.Record{Topic: s.topic, Key: []byte(s.to), Value: s.json(p.run + strconv.Itoa(n))}
}

// json is the send as the contract has it.
func (s published) json(id string) []byte {
	type recipient struct {
		ID   string `json:"id"`
		Zone string `json:"timeZone,omitempty"`
	}
	type fallback struct {
		On []string `json:"on"`
	}
	type content struct {
		Title string `json:"title"`
		Body  string `json:"body"`
	}
	m := struct {
		ID          string    `json:"id"`
		App         string    `json:"app"`
		To          recipient `json:"to"`
		Channels    []string  `json:"channels"`
		Fallback    *fallback `json:"fallback,omitempty"`
		Content     content   `json:"content"`
		Class       string    `json:"class,omitempty"`
		Campaign    string    `json:"campaign,omitempty"`
		OrderingKey string    `json:"orderingKey,omitempty"`
		CollapseKey string    `json:"collapseKey,omitempty"`
		SendAt      time.Time `json:"sendAt,omitzero"`
		ExpiresAt   time.Time `json:"expiresAt,omitzero"`
	}{
		ID: id, App: s.app, To: recipient{s.to, s.zone}, Channels: s.channels, Content: content{"T", "B"}, Class: s.class,
		Campaign: s.campaign, OrderingKey: s.orderingKey, CollapseKey: s.collapseKey, SendAt: s.sendAt, ExpiresAt: s.expires,
	}
	if s.fallback != nil {
		m.Fallback = &fallback{s.fallback}
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // texts and times of this century
	}
	return text
}

func placeOf(r *kgo.Record) place { return place{r.Topic, r.Partition, r.Offset} }

// repeat publishes sends again, and returns when Kafka has them.
func (p *publisher) repeat(ctx context.Context, numbers []int) error {
	for _, n := range numbers {
		p.mu.Lock()
		s := p.sends[n]
		p.mu.Unlock()
		now := time.Now()
		r, err := p.client.ProduceSync(ctx, p.record(n, s)).First()
		if err != nil {
			return fmt.Errorf("publish a send again: %w", err)
		}
		p.mu.Lock()
		p.repeats = append(p.repeats, repetition{number: n, at: now, place: placeOf(r)})
		p.mu.Unlock()
	}
	return nil
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
	return slices.Clone(p.sends)
}

// repeated returns what was published again.
func (p *publisher) repeated() []repetition {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.repeats)
}

func (p *publisher) accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known
}

// numberOf returns the number of a send by its id; false where it is not of
// this run.
func numberOf(run, id string) (int, bool) {
	digits, ok := strings.CutPrefix(id, run)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0
}
