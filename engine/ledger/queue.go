package ledger

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"math"

	"github.com/carillonhq/carillon/engine/send"
)

// Row is a parked send.
type Row struct {
	Key    send.Key
	Origin uint64
	// Queue groups the sends that wait for the same thing: a lane and priority.
	Queue string
	// Tenant is whose part of the queue it stands in; each is read on its own.
	Tenant string
	// Due is when it may go on, in Unix milliseconds.
	Due int64
	// Value is the encoded ledger.v1.Parked.
	Value []byte
	// Fresh says that the key has no row yet, and Was where it has one. Where
	// neither is said it is looked for: among a million that are parked that is a
	// read from the disk.
	Fresh bool
	Was   Spot
}

// Spot is where a row stands: in which part of which queue, and by which Due. It is
// as Row had it that was last applied; the zero Spot is unknown.
type Spot struct {
	Queue, Tenant string
	Due           int64
}

// Drop is a parked send that is finished. Where At is unknown it is looked for,
// and may be none.
type Drop struct {
	Key send.Key
	At  Spot
}

// queue is what memory holds of a queue: rows are on disk alone.
type queue struct {
	rows   int
	parts  map[string]*part // by tenant, those with a row
	byNext byNext           // the same
}

// part is a queue's part of one tenant.
type part struct {
	tenant string
	rows   int
	next   int64 // no row is due before it
	// head is the place that no row stands before. Reading from there passes over
	// what was dropped: Pebble goes through all of it, until it is compacted away.
	head  place
	index int // in byNext
}

// byNext is a heap of parts, the first of which is due first.
type byNext []*part

func (h byNext) Len() int           { return len(h) }
func (h byNext) Less(i, j int) bool { return h[i].next < h[j].next }
func (h byNext) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *byNext) Push(x any) {
	p := x.(*part)
	p.index = len(*h)
	*h = append(*h, p)
}

func (h *byNext) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return p
}

// due calls each with the parts from the ith on that may have a row due at now.
func (h byNext) due(i int, now int64, each func(*part)) {
	if i < len(h) && h[i].next <= now {
		each(h[i])
		h.due(2*i+1, now, each)
		h.due(2*i+2, now, each)
	}
}

// place is a row's in its part of a queue: due, id hash.
type place [24]byte

func placeOf(due int64, k send.Key) (p place) {
	binary.BigEndian.PutUint64(p[:], uint64(due))
	copy(p[8:], k[:])
	return p
}

func (p place) due() int64    { return int64(binary.BigEndian.Uint64(p[:])) }
func (p place) key() send.Key { return send.Key(p[8:]) }

// Parked returns how many sends of a queue are parked.
func (s *Shard) Parked(name string) int {
	if q := s.queues[name]; q != nil {
		return q.rows
	}
	return 0
}

// Queues calls each with every queue that holds a row, and the time before
// which none of its rows is due.
func (s *Shard) Queues(each func(name string, rows int, next int64)) {
	for name, q := range s.queues {
		each(name, q.rows, q.byNext[0].next)
	}
}

// Tenants calls each with those that have rows in a queue, of which none is due
// before next, and next is not after now. They come in no order, and each must
// leave the ledger alone.
func (s *Shard) Tenants(name string, now int64, each func(tenant string, next int64)) {
	if q := s.queues[name]; q != nil {
		q.byNext.due(0, now, func(p *part) { each(p.tenant, p.next) })
	}
}

// part returns a tenant's part of a queue, or nil.
func (s *Shard) part(name, tenant string) *part {
	if q := s.queues[name]; q != nil {
		return q.parts[tenant]
	}
	return nil
}

// count notes a row that came (by is 1) or went (-1).
func (s *Shard) count(at Spot, k send.Key, by int) {
	q := s.queues[at.Queue]
	if q == nil {
		q = &queue{parts: map[string]*part{}}
		s.queues[at.Queue] = q
	}
	p := q.parts[at.Tenant]
	if p == nil {
		p = &part{tenant: at.Tenant, next: math.MaxInt64}
		q.parts[at.Tenant] = p
		heap.Push(&q.byNext, p)
	}
	q.rows += by
	if p.rows += by; p.rows == 0 {
		heap.Remove(&q.byNext, p.index)
		if delete(q.parts, at.Tenant); q.rows == 0 {
			delete(s.queues, at.Queue)
		}
		return
	}
	if by > 0 {
		q.wait(p, min(p.next, at.Due))
		if row := placeOf(at.Due, k); bytes.Compare(row[:], p.head[:]) < 0 {
			p.head = row
		}
	}
}

// wait sets when the next row of a part may be due.
func (q *queue) wait(p *part, next int64) {
	if p.next != next {
		p.next = next
		heap.Fix(&q.byNext, p.index)
	}
}
