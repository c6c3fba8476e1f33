package outcome

import (
	"fmt"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
)

// nobody is the leader of a partition whose leader is to be found.
const nobody = -1

// entry is what one call of Produce handed over.
type entry struct {
	records []kafka.Record
	done    func(base int64, err error)
	since   time.Time
	base    int64 // once its first record is stored
	acked   int   // records stored
	flushed []func()
}

// partition is what waits for one partition of a topic. The fields of the
// second group belong to the goroutine that has it: the sender or the router.
type partition struct {
	id kafka.Partition

	entries []*entry // not done, in order; guarded by Producer.mu
	placed  bool     // with a sender or the router; guarded by Producer.mu

	leader   int32
	limit    int               // bytes of a batch
	batch    *kafka.Batch      // in flight or to be sent again; nil when there is none
	encoded  []byte            // of batch
	attempts int               // of batch
	producer *kafka.ProducerID // nil: to be given one
	spent    *kafka.ProducerID // had before, and never to be taken again
	owned    bool              // producer was claimed, and is the only one ever
	fenced   bool              // nothing can be written any more
	sequence int32             // of batch's first record
	failures int               // in a row
	missing  time.Time         // since when the topic is not there
	notYet   time.Time         // the router's pause
}

// place puts a partition that has something to write in line at its leader's
// sender, or with the router. p.mu is held.
func (p *Producer) place(q *partition) {
	q.placed = true
	if q.leader == nobody {
		p.waiting = append(p.waiting, q)
		wake(p.wakeRouter)
		return
	}
	s := p.senders[q.leader]
	if s == nil {
		s = &sender{wake: make(chan struct{}, 1)}
		p.senders[q.leader] = s
		p.running.Go(func() { p.send(s) })
	}
	s.line = append(s.line, q)
	wake(s.wake)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

// fill builds the partition's next batch from what waits. The entries seen
// under the lock stay as they are: only this goroutine takes them away.
func (p *Producer) fill(q *partition) {
	p.mu.Lock()
	entries := q.entries
	p.mu.Unlock()
	q.batch, q.attempts = p.batches.Get().(*kafka.Batch), 0
	for _, e := range entries {
		for i := e.acked; i < len(e.records); i++ {
			r := &e.records[i]
			if q.batch.Len() > 0 && q.batch.Size()+kafka.RecordSize(r) > q.limit {
				return
			}
			q.batch.Append(*r)
		}
	}
}

// drop forgets the batch. Its memory is used again only if no request that was
// given up can still be reading it.
func (p *Producer) drop(q *partition) {
	if q.attempts <= 1 {
		q.batch.Reset()
		p.batches.Put(q.batch)
	}
	q.batch, q.encoded, q.attempts = nil, nil, 0
}

// renew makes the partition begin anew under another producer id than it had.
// One that is owned can't.
func (q *partition) renew() {
	q.fenced = q.owned
	q.spent, q.producer, q.encoded = q.producer, nil, nil
}

// stored settles the batch: it is in Kafka, beginning at base (-1: unknown).
func (p *Producer) stored(q *partition, base int64) {
	left := q.batch.Len()
	p.stats.records.Add(int64(left))
	p.stats.bytes.Add(int64(len(q.encoded)))
	q.sequence = advance(q.sequence, left)
	q.limit = min(q.limit+q.limit/16+1, p.cfg.BatchBytes)
	q.failures, q.missing = 0, time.Time{}
	p.drop(q)

	p.settle(q, nil, func(e *entry) bool {
		if left == 0 {
			return false
		}
		if e.acked == 0 {
			e.base = base
		}
		n := min(left, len(e.records)-e.acked)
		e.acked += n
		left -= n
		if base >= 0 {
			base += int64(n)
		}
		return e.acked == len(e.records)
	})
}

// advance adds n to a sequence number; after 2³¹−1 comes 0.
func advance(sequence int32, n int) int32 {
	return int32((int64(sequence) + int64(n)) & (1<<31 - 1))
}

// refused settles a batch that Kafka will never take. If one record may be to
// blame for it, smaller batches find out which.
func (p *Producer) refused(q *partition, err error) {
	if q.attempts > 1 {
		// An earlier attempt may have been stored under these sequence
		// numbers: the next batch must not be taken for it.
		q.renew()
	}
	left := q.batch.Len()
	if left > 1 && blamesOne(err) {
		q.limit = max(q.batch.Size()/2, 1)
		left = 0
	}
	p.drop(q)
	p.settle(q, fmt.Errorf("writing to %s: %w", q.id, err), func(e *entry) bool {
		if left <= 0 {
			return false
		}
		left -= len(e.records) - e.acked // what the batch did not hold goes with the rest
		return true
	})
}

// endFenced ends all that a fenced partition holds, and tells whether it is one.
func (p *Producer) endFenced(q *partition) bool {
	if !q.fenced {
		return false
	}
	if q.batch != nil {
		p.drop(q)
	}
	p.settle(q, fmt.Errorf("writing to %s: %w", q.id, ErrFenced), func(*entry) bool { return true })
	return true
}

// settle ends the entries, from the first on, that ends accepts. The partition
// then goes back in line if it has more to write, else to rest.
func (p *Producer) settle(q *partition, err error, ends func(*entry) bool) {
	p.mu.Lock()
	entries := q.entries
	p.mu.Unlock()
	n, records := 0, 0
	for n < len(entries) && ends(entries[n]) {
		entries[n].end(err)
		records += len(entries[n].records)
		n++
	}

	p.mu.Lock()
	var flushed []func()
	for i, e := range q.entries[:n] {
		flushed = append(flushed, e.flushed...)
		q.entries[i] = nil // its records are the caller's again
	}
	q.entries = q.entries[n:]
	p.records -= records
	q.placed = false
	if len(q.entries) > 0 {
		p.place(q)
	}
	p.mu.Unlock()
	for _, f := range flushed {
		f()
	}
}

// endAll ends what is left after the goroutines have gone.
func (p *Producer) endAll() error {
	p.mu.Lock()
	var left []*entry
	records := p.records
	for _, q := range p.partitions {
		left = append(left, q.entries...)
		q.entries = nil
	}
	p.records = 0
	p.mu.Unlock()
	for _, e := range left {
		e.end(ErrClosed)
		for _, f := range e.flushed {
			f()
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("%d records: %w", records, ErrClosed)
	}
	return nil
}

func (e *entry) end(err error) {
	if err != nil {
		e.base = -1
	}
	e.done(e.base, err)
}
