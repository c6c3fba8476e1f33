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

// Rows on disk, and the way to them. A row's key is its queue's name, 1, tenant, 0,
// due, id hash: the parts of a queue stand together. No name and no tenant has a
// control character.

// Due calls take with a tenant's rows in a queue that are due at now, earliest
// first, until it returns false. Rows stay until a Batch drops or replaces them, but
// what was read to its end is not read again before a row is added: the caller has
// them all. The value is valid during the call alone.
func (s *Shard) Due(name, tenant string, now int64, take func(k send.Key, value []byte) bool) error {
	p := s.part(name, tenant)
	if p == nil || p.next > now {
		return nil
	}
	lower := s.partKey(name, tenant)
	it, err := s.iterate(name, lower)
	if err != nil {
		return err
	}
	next := int64(math.MaxInt64)
	ok := it.SeekGE(append(lower, p.head[:]...))
	if ok {
		p.head = place(it.Key()[len(lower):])
	}
	for ; ok; ok = it.Next() {
		at := place(it.Key()[len(lower):])
		if at.due() > now || !take(at.key(), it.Value()) {
			next = at.due()
			break
		}
	}
	if err := s.closeRows(it, name); err != nil {
		return err
	}
	s.queues[name].wait(p, next)
	return nil
}

// Rows calls each with all rows of a queue, a tenant's earliest first, and leaves it
// as it was to Due. The value is valid during the call alone.
func (s *Shard) Rows(name string, each func(k send.Key, value []byte)) error {
	it, err := s.iterate(name, s.queueKey(name))
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		key := it.Key()
		each(place(key[len(key)-len(place{}):]).key(), it.Value())
	}
	return s.closeRows(it, name)
}

// Cursor is a place in a queue; the zero Cursor is before its first row.
type Cursor struct{ after []byte }

// Walk calls each with rows of a queue, tenant by tenant and a tenant's earliest
// first, from a cursor on, and moves the cursor behind them: most rows, or until each
// returns false, which leaves the cursor before that row. It leaves the queue as it
// was to Due, and says whether there may be more. The value is valid during the call
// alone.
func (s *Shard) Walk(name string, from *Cursor, most int, each func(k send.Key, at Spot, value []byte) bool) (more bool, err error) {
	lower := s.queueKey(name)
	it, err := s.iterate(name, lower)
	if err != nil {
		return false, err
	}
	ok := it.First()
	if from.after != nil {
		ok = it.SeekGE(append(from.after, 0)) // the next key there can be
	}
	for ; ok && most > 0; ok = it.Next() {
		tenant, at := splitKey(it.Key()[len(lower):])
		whose := s.queues[name].parts[string(tenant)].tenant // which is no copy
		if !each(at.key(), Spot{name, whose, at.due()}, it.Value()) {
			break
		}
		from.after = append(from.after[:0], it.Key()...)
		most--
	}
	return ok, s.closeRows(it, name)
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

// find returns where a parked send stands: queue, 1, tenant, 0, due.
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

// iterate reads the rows whose keys begin with lower.
func (s *Shard) iterate(name string, lower []byte) (*pebble.Iterator, error) {
	upper := bytes.Clone(lower)
	upper[len(upper)-1]++ // what ends the queue's name, or the tenant's
	it, err := s.ledger.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, fmt.Errorf("read the queue %s of shard %d: %w", name, s.id, s.ledger.check(err))
	}
	return it, nil
}

func (s *Shard) closeRows(it *pebble.Iterator, name string) error {
	if err := closeIter(it, nil); err != nil {
		return fmt.Errorf("read the queue %s of shard %d: %w", name, s.id, s.ledger.check(err))
	}
	return nil
}

// What ends the name of a queue, and that of a tenant.
const (
	queueEnd  = 1
	tenantEnd = 0
)

func (s *Shard) queueKey(name string) []byte {
	return append(append(prefix(queueKind, s.id, len(name)+1), name...), queueEnd)
}

func (s *Shard) partKey(name, tenant string) []byte {
	b := append(prefix(queueKind, s.id, len(name)+len(tenant)+2+len(place{})), name...)
	return append(append(append(b, queueEnd), tenant...), tenantEnd)
}

// splitKey splits what is behind a queue's name in a row's key.
func splitKey(b []byte) (tenant []byte, at place) {
	n := len(b) - len(at)
	return b[:n-1], place(b[n:])
}

func splitParked(v []byte) (origin uint64, at []byte) {
	return binary.BigEndian.Uint64(v), v[8:]
}

// appendSpot appends what find returns.
func appendSpot(b []byte, at Spot) []byte {
	b = append(append(b, at.Queue...), queueEnd)
	b = append(append(b, at.Tenant...), tenantEnd)
	return binary.BigEndian.AppendUint64(b, uint64(at.Due))
}

// splitSpot is the reverse. It says no to one without a tenant, as versions before
// the parts of queues wrote it.
func splitSpot(b []byte) (at Spot, ok bool) {
	n := len(b) - 9
	name, tenant, ok := bytes.Cut(b[:n], []byte{queueEnd})
	return Spot{Queue: string(name), Tenant: string(tenant), Due: int64(binary.BigEndian.Uint64(b[n+1:]))}, ok
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
		spot, _ = splitSpot(at)
	}
	c.err = errors.Join(c.err, c.batch.Delete(c.shard.rowKey(spot, k), nil),
		c.batch.Delete(append(prefix(parkedKind, c.shard.id, 16), k[:]...), nil))
	c.moved = append(c.moved, func() { c.shard.count(spot, k, -1) })
}

func (c *queueChange) put(r *Row) {
	if !r.Fresh {
		c.drop(r.Key, r.Was)
	}
	at := Spot{Queue: r.Queue, Tenant: r.Tenant, Due: r.Due}
	c.err = errors.Join(c.err, c.batch.Set(c.shard.rowKey(at, r.Key), r.Value, nil),
		c.batch.Set(append(prefix(parkedKind, c.shard.id, 16), r.Key[:]...),
			appendSpot(binary.BigEndian.AppendUint64(nil, r.Origin), at), nil))
	c.moved = append(c.moved, func() { c.shard.count(at, r.Key, 1) })
}

func (s *Shard) rowKey(at Spot, k send.Key) []byte {
	row := placeOf(at.Due, k)
	return append(s.partKey(at.Queue, at.Tenant), row[:]...)
}

func (c *queueChange) done() {
	for _, f := range c.moved {
		f()
	}
}
