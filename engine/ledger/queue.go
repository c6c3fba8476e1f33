package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"github.com/carillonhq/carillon/engine/send"
)

// Row is a parked send.
type Row struct {
	Key    send.Key
	Origin uint64
	// Queue groups the sends that wait for the same thing: a lane and priority.
	Queue string
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

// Spot is where a row stands: in which queue, and by which Due. It is as Row had
// it that was last applied; the zero Spot is unknown.
type Spot struct {
	Queue string
	Due   int64
}

// Drop is a parked send that is finished. Where At is unknown it is looked for,
// and may be none.
type Drop struct {
	Key send.Key
	At  Spot
}

// queue is what memory holds of a queue: rows are on disk alone.
type queue struct {
	rows int
	next int64 // no row is due before it
	// head is the place that no row stands before. Reading from there passes over
	// what was dropped: Pebble goes through all of it, until it is compacted away.
	head place
}

// place is a row's in its queue: due, id hash.
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
		each(name, q.rows, q.next)
	}
}

// Due calls take with the queue's rows that are due at now, earliest first,
// until it returns false. Rows stay until a Batch drops or replaces them, but a
// queue that was read to its end is not read again before a row is added: the
// caller has them all. The value is valid during the call alone.
func (s *Shard) Due(name string, now int64, take func(k send.Key, value []byte) bool) error {
	q := s.queues[name]
	if q == nil || q.next > now {
		return nil
	}
	lower := s.queueKey(name)
	it, err := s.ledger.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upperBound(lower)})
	if err != nil {
		return s.ledger.check(err)
	}
	next := int64(math.MaxInt64)
	ok := it.SeekGE(append(lower, q.head[:]...))
	if ok {
		q.head = place(it.Key()[len(lower):])
	}
	for ; ok; ok = it.Next() {
		at := place(it.Key()[len(lower):])
		if at.due() > now || !take(at.key(), it.Value()) {
			next = at.due()
			break
		}
	}
	if err := closeIter(it, nil); err != nil {
		return fmt.Errorf("read the queue %s of shard %d: %w", name, s.id, s.ledger.check(err))
	}
	q.next = next
	return nil
}

// Rows calls each with all rows of a queue, earliest first, and leaves it as it
// was to Due. The value is valid during the call alone.
func (s *Shard) Rows(name string, each func(k send.Key, value []byte)) error {
	lower := s.queueKey(name)
	it, err := s.ledger.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upperBound(lower)})
	if err != nil {
		return fmt.Errorf("read the queue %s of shard %d: %w", name, s.id, s.ledger.check(err))
	}
	for ok := it.First(); ok; ok = it.Next() {
		each(place(it.Key()[len(lower):]).key(), it.Value())
	}
	if err := closeIter(it, nil); err != nil {
		return fmt.Errorf("read the queue %s of shard %d: %w", name, s.id, s.ledger.check(err))
	}
	return nil
}

// Cursor is a place in a queue; the zero Cursor is before its first row.
type Cursor struct {
	after place
	begun bool
}

// Walk calls each with rows of a queue, earliest first, from a cursor on, and moves
// the cursor behind them: most rows, or until each returns false, which leaves the
// cursor before that row. It leaves the queue as it was to Due, and says whether
// there may be more. The value is valid during the call alone.
func (s *Shard) Walk(name string, from *Cursor, most int, each func(k send.Key, value []byte) bool) (more bool, err error) {
	lower := s.queueKey(name)
	it, err := s.ledger.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upperBound(lower)})
	if err != nil {
		return false, fmt.Errorf("read the queue %s of shard %d: %w", name, s.id, s.ledger.check(err))
	}
	var ok bool
	if from.begun {
		ok = it.SeekGE(append(append(lower, from.after[:]...), 0)) // the next key there can be
	} else {
		ok = it.First()
	}
	for ; ok && most > 0; ok = it.Next() {
		at := place(it.Key()[len(lower):])
		if !each(at.key(), it.Value()) {
			break
		}
		from.after, from.begun = at, true
		most--
	}
	if err := closeIter(it, nil); err != nil {
		return false, fmt.Errorf("read the queue %s of shard %d: %w", name, s.id, s.ledger.check(err))
	}
	return ok, nil
}

// Get returns the value of a parked send, or nil.
func (s *Shard) Get(k send.Key) ([]byte, error) {
	at, err := s.find(s.ledger.db, k)
	if err != nil || at == nil {
		return nil, s.ledger.check(err)
	}
	v, closer, err := s.ledger.db.Get(append(prefix(queueKind, s.id, len(at)+16), append(at, k[:]...)...))
	if errors.Is(err, pebble.ErrNotFound) {
		err = fmt.Errorf("%w: a parked send has no row", errJournal)
	}
	if err != nil {
		return nil, fmt.Errorf("read a parked send of shard %d: %w", s.id, s.ledger.check(err))
	}
	defer closer.Close()
	return bytes.Clone(v), nil
}

// Outlived returns the parked sends that Load found to be finished: their rows
// are still to be dropped.
func (s *Shard) Outlived() []send.Key { return s.outlived }

// find returns where a parked send stands: queue, 0, due.
func (s *Shard) find(in pebble.Reader, k send.Key) ([]byte, error) {
	v, closer, err := in.Get(append(prefix(parkedKind, s.id, 16), k[:]...))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	_, at := splitParked(v)
	return bytes.Clone(at), nil
}

func (s *Shard) count(name string, at place, by int) {
	q := s.queues[name]
	if q == nil {
		q = &queue{next: math.MaxInt64}
		s.queues[name] = q
	}
	if q.rows += by; q.rows == 0 {
		delete(s.queues, name)
		return
	}
	if by > 0 {
		q.next = min(q.next, at.due())
		if bytes.Compare(at[:], q.head[:]) < 0 {
			q.head = at
		}
	}
}

func (s *Shard) queueKey(name string) []byte {
	return append(append(prefix(queueKind, s.id, len(name)+25), name...), 0)
}

func splitParked(v []byte) (origin uint64, at []byte) {
	return binary.BigEndian.Uint64(v), v[8:]
}

func splitPlace(at []byte) (name string, due int64) {
	n := len(at) - 9
	return string(at[:n]), int64(binary.BigEndian.Uint64(at[n+1:]))
}

func upperBound(lower []byte) []byte {
	up := bytes.Clone(lower)
	up[len(up)-1]++ // the 0 after the queue's name
	return up
}

// queueChange gathers the changes of rows in one write, and counts them once
// it is committed.
type queueChange struct {
	shard *Shard
	batch *pebble.Batch
	err   error
	moved []func()
}

func (c *queueChange) drop(k send.Key, spot Spot) {
	if spot == (Spot{}) {
		at, err := c.shard.find(c.batch, k) // one batch may change a row twice
		if err != nil || at == nil {
			c.err = errors.Join(c.err, err)
			return
		}
		spot.Queue, spot.Due = splitPlace(at)
	}
	name, due := spot.Queue, spot.Due
	at := binary.BigEndian.AppendUint64(append([]byte(name), 0), uint64(due))
	row := append(append(prefix(queueKind, c.shard.id, len(at)+16), at...), k[:]...)
	c.err = errors.Join(c.err, c.batch.Delete(row, nil),
		c.batch.Delete(append(prefix(parkedKind, c.shard.id, 16), k[:]...), nil))
	c.moved = append(c.moved, func() { c.shard.count(name, placeOf(due, k), -1) })
}

func (c *queueChange) put(r *Row) {
	if !r.Fresh {
		c.drop(r.Key, r.Was)
	}
	at := binary.BigEndian.AppendUint64(append([]byte(r.Queue), 0), uint64(r.Due))
	row := append(append(prefix(queueKind, c.shard.id, len(at)+16), at...), r.Key[:]...)
	c.err = errors.Join(c.err, c.batch.Set(row, r.Value, nil),
		c.batch.Set(append(prefix(parkedKind, c.shard.id, 16), r.Key[:]...),
			append(binary.BigEndian.AppendUint64(nil, r.Origin), at...), nil))
	c.moved = append(c.moved, func() { c.shard.count(r.Queue, placeOf(r.Due, r.Key), 1) })
}

func (c *queueChange) done() {
	for _, f := range c.moved {
		f()
	}
}
