// Package outcome is Kafka out: one idempotent producer, shared by all shards
// of a node. What it was handed is written in order, and once: a batch whose
// acknowledgement was lost is sent again under the same sequence number, by
// which the broker knows it.
//
//	Produce → partition's queue → sender (one per broker, one request in flight)
//	             ↑                    ↓ failed
//	             └──── router: pause, find the leader
//
// A partition with anything to write is in one place at any moment: in a
// sender's line, in a sender's request, or with the router. So its batches
// cannot overtake each other.
package outcome

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/kafka"
)

const (
	defaultBatchBytes   = 1000 << 10 // Kafka takes 1 MiB by default, and headers count
	defaultRequestBytes = 8 << 20
	defaultTopicTimeout = 30 * time.Second
	defaultBackoff      = 50 * time.Millisecond
	maxBackoff          = 2 * time.Second
)

// ErrClosed is what records end with that were not acknowledged when the
// producer closed. They may have been stored.
var ErrClosed = errors.New("the producer closed before Kafka acknowledged the records, which may have been stored")

// ErrFenced is what records end with whose partition this producer may not write
// to any more. They may have been stored.
var ErrFenced = errors.New("this node does not own the partition any more, or Kafka has lost track of it")

// Config tunes a Producer; the zero value is good.
type Config struct {
	Codec        kafka.Codec     // compression of batches
	BatchBytes   int             // at most, per partition and request, before compression; 0: 1000 KiB
	RequestBytes int             // at most, per request, before compression; 0: 8 MiB
	TopicTimeout time.Duration   // how long a topic that does not exist is waited for; 0: 30 s
	Backoff      time.Duration   // the first pause after a failure, doubled up to 2 s; 0: 50 ms
	OnRetry      func(err error) // called for each batch that has to be sent again, from the producer's goroutines
}

// Stats counts what a Producer has done.
type Stats struct {
	Records  int64 // acknowledged
	Bytes    int64 // acknowledged, as sent
	Requests int64
	Retries  int64 // batches that had to be sent again
	Renewals int64 // times a partition had to begin anew under a fresh producer id
}

// Producer writes records to Kafka. Its methods may be used by any number of
// goroutines.
type Producer struct {
	client *kafka.Client
	cfg    Config
	log    zerolog.Logger

	ctx     context.Context // ends when what is left is abandoned
	abandon context.CancelFunc
	running sync.WaitGroup
	ending  sync.WaitGroup // goroutines that make the calls of fenced partitions; added to under mu

	mu         sync.Mutex // guards the rest, and the fields of partition that say so
	partitions map[kafka.Partition]*partition
	senders    map[int32]*sender // by broker id
	waiting    []*partition      // for the router
	records    int               // not acknowledged
	closed     bool

	wakeRouter chan struct{} // holds one token
	batches    sync.Pool     // *kafka.Batch
	identity   identity
	complaints complaints
	stats      struct{ records, bytes, requests, retries, renewals atomic.Int64 }
}

// New makes a producer and starts it. It does no I/O before the first record.
func New(c *kafka.Client, cfg Config, log zerolog.Logger) *Producer {
	if cfg.BatchBytes <= 0 {
		cfg.BatchBytes = defaultBatchBytes
	}
	if cfg.RequestBytes <= 0 {
		cfg.RequestBytes = defaultRequestBytes
	}
	if cfg.TopicTimeout <= 0 {
		cfg.TopicTimeout = defaultTopicTimeout
	}
	if cfg.Backoff <= 0 {
		cfg.Backoff = defaultBackoff
	}
	p := &Producer{
		client: c, cfg: cfg, log: log,
		partitions: map[kafka.Partition]*partition{},
		senders:    map[int32]*sender{},
		wakeRouter: make(chan struct{}, 1),
		identity:   identity{turn: make(chan struct{}, 1)},
	}
	p.batches.New = func() any {
		b := kafka.NewBatch()
		b.Codec = cfg.Codec
		return b
	}
	p.complaints.log = log
	p.ctx, p.abandon = context.WithCancel(context.Background())
	p.running.Go(p.route)
	return p
}

// Produce hands over records for one partition and returns at once: it never
// waits, so the caller bounds what it hands over. Records of one partition are
// written in the order of the calls.
//
// done is called exactly once, from a goroutine of the producer's, which it
// must not block, with no lock held, and for one partition in the order of the
// calls: with the offset of the first record (-1 when the broker no longer knew
// it) after all of them were acknowledged by all in-sync replicas, or with an
// error, which is final — ErrClosed, ErrFenced, or what Kafka refuses for good
// (too large, not authorized, a topic that did not appear in time). Of records
// that end with an error, some may have been stored. Everything else is
// retried until Close. The records' slices must stay untouched until done.
func (p *Producer) Produce(part kafka.Partition, records []kafka.Record, done func(base int64, err error)) {
	if len(records) == 0 {
		go done(-1, nil)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		go done(-1, ErrClosed)
		return
	}
	q := p.partitions[part]
	if q == nil {
		q = p.begin(part, &calls{})
	}
	e := &entry{records: records, done: done, since: time.Now(), base: -1}
	q.calls.last = e
	q.entries = append(q.entries, e)
	p.records += len(records)
	if q.fenced {
		p.fence(q)
		return
	}
	if !q.placed {
		p.place(q)
	}
}

// Unacknowledged returns how many records wait for Kafka's acknowledgement,
// and how long the oldest has waited.
func (p *Producer) Unacknowledged() (records int, oldest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range p.partitions {
		if len(q.entries) > 0 {
			oldest = max(oldest, time.Since(q.entries[0].since))
		}
	}
	return p.records, oldest
}

// Stats returns the counters.
func (p *Producer) Stats() Stats {
	return Stats{
		Records: p.stats.records.Load(), Bytes: p.stats.bytes.Load(), Requests: p.stats.requests.Load(),
		Retries: p.stats.retries.Load(), Renewals: p.stats.renewals.Load(),
	}
}

// Flush waits until all records handed over before the call are done, their
// callbacks included, or ctx ends.
func (p *Producer) Flush(ctx context.Context) error {
	var left sync.WaitGroup
	p.mu.Lock()
	for _, q := range p.partitions {
		if e := q.calls.last; e != nil && !e.called { // of a partition, the last is done last
			left.Add(1)
			e.flushed = append(e.flushed, left.Done)
		}
	}
	p.mu.Unlock()
	all := make(chan struct{})
	go func() { left.Wait(); close(all) }()
	select {
	case <-all:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close takes no more records, waits until those it has are acknowledged or
// ctx ends, and ends the others with ErrClosed. It returns an error if there
// were others. When it returns, all callbacks have been.
func (p *Producer) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.Flush(ctx)
	p.abandon()
	p.running.Wait()
	err = errors.Join(err, p.endAll())
	p.ending.Wait()
	return err
}
