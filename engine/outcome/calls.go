package outcome

import (
	"fmt"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
)

// entry is what one call of Produce handed over. Its fields are guarded by
// Producer.mu, but for the records, which fill reads.
type entry struct {
	records []kafka.Record
	done    func(base int64, err error)
	since   time.Time
	acked   int   // records stored
	base    int64 // once its first record is stored
	err     error
	called  bool // done has returned
	flushed []func()
}

// calls are the callbacks that one partition owes, whichever identity it was
// written under. One goroutine at a time makes them, so they keep their order.
// Its fields are guarded by Producer.mu.
type calls struct {
	due     []*entry // decided
	spare   []*entry // memory for due
	busy    bool     // a goroutine makes calls
	reading int      // goroutines that read records, which a call would give back
	last    *entry   // that was handed over
}

// settle decides the entries, from the first on, that ends accepts. The
// partition then goes back in line if it has more to write, else to rest.
func (p *Producer) settle(q *partition, err error, ends func(*entry) bool) {
	p.mu.Lock()
	n := 0
	for n < len(q.entries) && ends(q.entries[n]) {
		n++
	}
	p.decide(q, n, err)
	q.placed = false
	if q.owned && q.producer == nil && !fault.Mutant(fault.FencedBeginsAnew) {
		p.fence(q)
	}
	if len(q.entries) > 0 {
		p.place(q)
	}
	p.mu.Unlock()
	p.call(q.calls)
}

// decide moves the first n entries to the calls that are due. p.mu is held.
func (p *Producer) decide(q *partition, n int, err error) {
	for _, e := range q.entries[:n] {
		if e.err = err; err != nil {
			e.base = -1
		}
		p.records -= len(e.records)
		q.calls.due = append(q.calls.due, e)
	}
	q.entries = q.entries[n:]
}

// call makes the calls that are due, unless another goroutine is about it or
// reads records: it then makes these as well.
func (p *Producer) call(c *calls) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.busy {
		return
	}
	c.busy = true
	for len(c.due) > 0 && c.reading == 0 {
		due := c.due
		c.due, c.spare = c.spare[:0], nil
		p.mu.Unlock()
		for _, e := range due {
			e.done(e.base, e.err)
		}
		p.mu.Lock()
		for _, e := range due {
			for _, f := range e.flushed {
				f()
			}
			*e = entry{called: true} // the records are the caller's again
		}
		clear(due)
		c.spare = due
	}
	c.busy = false
}

// fence ends what a partition has left, and for good. What is in a request ends
// with the rest, for its bytes are a copy. p.mu is held.
func (p *Producer) fence(q *partition) {
	q.fenced = true
	if len(q.entries) > 0 {
		p.decide(q, len(q.entries), fmt.Errorf("writing to %s: %w", q.id, ErrFenced))
		p.ending.Go(func() { p.call(q.calls) })
	}
}

// fenced tells whether nothing more may be written to a partition.
func (p *Producer) fenced(q *partition) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return q.fenced
}

// endAll ends what is left after the goroutines have gone.
func (p *Producer) endAll() error {
	p.mu.Lock()
	var all []*calls
	left, records := 0, p.records
	for _, q := range p.partitions {
		left += len(q.entries)
		p.decide(q, len(q.entries), ErrClosed)
		all = append(all, q.calls)
	}
	p.mu.Unlock()
	for _, c := range all {
		p.call(c)
	}
	if left > 0 {
		return fmt.Errorf("%d records: %w", records, ErrClosed)
	}
	return nil
}
