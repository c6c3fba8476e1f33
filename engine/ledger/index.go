package ledger

import (
	"time"

	"github.com/carillonhq/carillon/engine/send"
)

// Mark is what the index knows of an id.
type Mark struct {
	// Origin names the record that brought the id, as a hash of its place. The
	// same id from the same origin is our own redelivery.
	Origin uint64
	// Settled: its outcome is known. Otherwise it is in flight or parked.
	Settled bool
}

// index remembers ids in memory and exactly: for the dedupe window, and for as
// long as they are not settled. It is made of a few tables by time, so that the
// oldest can be dropped whole.
//
// Its memory is not the Go heap's (see Usage): free gives it back, and nobody
// may use the index after that.
type index struct {
	window  time.Duration
	tables  []*table // newest last
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
		t.free()
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
func (x *index) at(now time.Time) *table {
	x.expire(now)
	return x.current(now)
}

// current returns the table for now. The one before it is packed: nothing is
// added to it any more.
func (x *index) current(now time.Time) *table {
	n := len(x.tables)
	if n > 0 && now.Sub(x.tables[n-1].from) < x.window/tablesPerWindow {
		return x.tables[n-1]
	}
	if n > 0 {
		x.tables[n-1].pack()
	}
	t := newTable(now, x.usage)
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
		old.free()
	}
}

// keepSettled forgets all that is not settled.
func (x *index) keepSettled() {
	for i, old := range x.tables {
		x.tables[i] = newTable(old.from, x.usage)
		old.each(func(k send.Key, value uint64) {
			if value&settledFlag != 0 {
				x.tables[i].put(k, Mark{Origin: value, Settled: true})
			}
		})
		old.free()
	}
}

func (x *index) len() int {
	n := 0
	for _, t := range x.tables {
		n += t.used
	}
	return n
}
