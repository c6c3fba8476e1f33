package outcome

import (
	"fmt"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
)

// nobody is the leader of a partition whose leader is to be found.
const nobody = -1

// partition is what waits for one partition of a topic under one identity: one
// that is owned anew gets another. The fields of the second group belong to the
// goroutine that has it: the sender or the router.
type partition struct {
	id    kafka.Partition
	calls *calls // of this and of those before it
	owned bool   // producer was claimed, and is the only one ever

	entries []*entry // not decided, in order; guarded by Producer.mu
	placed  bool     // with a sender or the router; guarded by Producer.mu
	fenced  bool     // nothing is written any more; guarded by Producer.mu

	leader   int32
	limit    int               // bytes of a batch
	batch    *kafka.Batch      // in flight or to be sent again; nil when there is none
	encoded  []byte            // of batch
	doubtful bool              // batch was sent before, and may have been stored
	producer *kafka.ProducerID // nil: to be given one
	spent    *kafka.ProducerID // had before, and never to be taken again
	sequence int32             // of batch's first record
	failures int               // in a row
	missing  time.Time         // since when the topic is not there
	notYet   time.Time         // the router's pause
}

// begin makes what writes to a partition from now on. p.mu is held.
func (p *Producer) begin(part kafka.Partition, c *calls) *partition {
	q := &partition{id: part, calls: c, leader: nobody, limit: p.cfg.BatchBytes}
	p.partitions[part] = q
	return q
}

// place puts a partition that has something to write in line at its leader's
// sender, or with the router. One that is fenced stays out. p.mu is held.
func (p *Producer) place(q *partition) {
	q.placed = !q.fenced
	if q.fenced {
		return
	}
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

// fill builds the partition's next batch from what waits, and tells whether
// there is still something to write. The entries seen under the lock stay as
// they are: only this goroutine takes them away, or a fence, and their records
// are not given back before calls.reading says so.
func (p *Producer) fill(q *partition) bool {
	p.mu.Lock()
	entries := q.entries
	q.calls.reading++
	p.mu.Unlock()
	q.batch = p.batches.Get().(*kafka.Batch)
	fillBatch(q.batch, entries, q.limit)
	p.mu.Lock()
	q.calls.reading--
	fenced := q.fenced
	p.mu.Unlock()
	p.call(q.calls) // those that had to wait for it
	return !fenced
}

func fillBatch(b *kafka.Batch, entries []*entry, limit int) {
	for _, e := range entries {
		for i := e.acked; i < len(e.records); i++ {
			r := &e.records[i]
			if b.Len() > 0 && b.Size()+kafka.RecordSize(r) > limit {
				return
			}
			b.Append(*r)
		}
	}
}

// drop forgets the batch. Its memory is used again only if no request that was
// given up can still be reading it.
func (p *Producer) drop(q *partition) {
	if !q.doubtful {
		q.batch.Reset()
		p.batches.Put(q.batch)
	}
	q.batch, q.encoded, q.doubtful = nil, nil, false
}

// renew makes the partition begin anew under another producer id than it had.
// One that is owned can't: settle fences it.
func (q *partition) renew() {
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
	if q.doubtful {
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
