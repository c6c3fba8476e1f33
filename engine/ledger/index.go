package ledger

import (
	"encoding/binary"
	"time"

	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/table"
)

// Mark is what the index knows of an id.
type Mark struct {
	// Origin names the record that brought the id, as a hash of its place. The
	// same id from the same origin is our own redelivery.
	Origin uint64
	// Settled: its outcome is known. Otherwise it is in flight or parked.
	Settled bool
}

// The two low bits of a value are not the origin's, which is a hash.
const (
	settledFlag = 1
	flags       = 3
)

// ids are those that were put in a part of the window, with their marks.
type ids struct {
	*table.Table[send.Key]
	from time.Time
}

const markSize = 8

func newIDs(from time.Time, u *Usage) ids {
	return ids{table.New[send.Key](&u.Memory, markSize), from}
}

func (t ids) get(k send.Key) (value uint64, known bool) {
	if v := t.Get(k); v != nil {
		return binary.LittleEndian.Uint64(v), true
	}
	return 0, false
}

func (t ids) put(k send.Key, m Mark) {
	value := m.Origin &^ flags
	if m.Settled {
		value |= settledFlag
	}
	binary.LittleEndian.PutUint64(t.Put(k), value)
}

// each calls yield for every id.
func (t ids) each(yield func(k send.Key, value uint64)) {
	t.Each(func(k send.Key, v []byte) { yield(k, binary.LittleEndian.Uint64(v)) })
}

// index remembers ids in memory and exactly: for the dedupe window, and for as
// long as they are not settled. It is made of a few tables by time, so that the
// oldest can be dropped whole.
//
// Its memory is not the Go heap's (see Usage): free gives it back, and nobody
// may use the index after that.
type index struct {
	window  time.Duration
	tables  []ids // newest last
	usage   *Usage
	counted int // of its ids, in usage
}

const tablesPerWindow = 8

func newIndex(window time.Duration, u *Usage) *index { return &index{window: window, usage: u} }

// count tells how many ids there are.
func (x *index) count() {
	n := x.len()
	x.usage.ids.Add(int64(n - x.counted))
	x.counted = n
}

func (x *index) free() {
	for _, t := range x.tables {
		t.Free()
	}
	x.tables = nil
	x.count()
}

func (x *index) get(k send.Key, now time.Time) (Mark, bool) {
	x.expire(now)
	value, known := x.find(k)
	return Mark{Origin: value &^ flags, Settled: value&settledFlag != 0}, known
}

// find looks in the newest table first: repeated ids are mostly recent.
func (x *index) find(k send.Key) (value uint64, known bool) {
	for i := len(x.tables) - 1; i >= 0; i-- {
		if value, known = x.tables[i].get(k); known {
			return value, true
		}
	}
	return 0, false
}

// put remembers the id in the newest table, over what older ones say of it.
func (x *index) put(k send.Key, m Mark, now time.Time) { x.at(now).put(k, m) }

// at returns the table for what is put now.
func (x *index) at(now time.Time) ids {
	x.expire(now)
	return x.current(now)
}

// current returns the table for now. The one before it is packed: nothing is
// added to it any more.
func (x *index) current(now time.Time) ids {
	n := len(x.tables)
	if n > 0 && now.Sub(x.tables[n-1].from) < x.window/tablesPerWindow {
		return x.tables[n-1]
	}
	if n > 0 {
		x.tables[n-1].Pack()
	}
	t := newIDs(now, x.usage)
	x.tables = append(x.tables, t)
	return t
}

// expire drops the tables whose last id is past the window. What is not settled
// moves on: it may be parked for a year, and its id is taken all that time.
func (x *index) expire(now time.Time) {
	for len(x.tables) > 0 && now.Sub(x.tables[0].from) > x.window+x.window/tablesPerWindow {
		old := x.tables[0]
		x.tables = x.tables[1:]
		old.each(func(k send.Key, value uint64) {
			if value&settledFlag != 0 {
				return
			}
			if _, known := x.find(k); !known { // by a newer table, which knows better
				x.current(now).put(k, Mark{Origin: value})
			}
		})
		old.Free()
	}
}

// keepSettled forgets all that is not settled.
func (x *index) keepSettled() {
	for i, old := range x.tables {
		x.tables[i] = newIDs(old.from, x.usage)
		old.each(func(k send.Key, value uint64) {
			if value&settledFlag != 0 {
				x.tables[i].put(k, Mark{Origin: value, Settled: true})
			}
		})
		old.Free()
	}
}

func (x *index) len() int {
	n := 0
	for _, t := range x.tables {
		n += t.Len()
	}
	return n
}
