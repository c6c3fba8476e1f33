package ledger

import (
	"encoding/binary"
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
type index struct {
	window time.Duration
	tables []*table // newest last
}

const tablesPerWindow = 8

func newIndex(window time.Duration) *index { return &index{window: window} }

// get looks in the newest table first: repeated ids are mostly recent.
func (x *index) get(k send.Key, now time.Time) (Mark, bool) {
	x.expire(now)
	for i := len(x.tables) - 1; i >= 0; i-- {
		if s := x.tables[i].find(k); s.value != 0 {
			return Mark{Origin: s.value &^ flags, Settled: s.value&settledFlag != 0}, true
		}
	}
	return Mark{}, false
}

// put adds the id, or changes its mark where it already stands.
func (x *index) put(k send.Key, m Mark, now time.Time) {
	x.expire(now)
	value := m.Origin&^flags | usedFlag
	if m.Settled {
		value |= settledFlag
	}
	for i := len(x.tables) - 1; i >= 0; i-- {
		if s := x.tables[i].find(k); s.value != 0 {
			s.value = value
			return
		}
	}
	x.current(now).insert(k, value)
}

// current returns the table for now.
func (x *index) current(now time.Time) *table {
	n := len(x.tables)
	if n > 0 && now.Sub(x.tables[n-1].from) < x.window/tablesPerWindow {
		return x.tables[n-1]
	}
	t := &table{from: now, slots: make([]slot, 1024)}
	x.tables = append(x.tables, t)
	return t
}

// expire drops the tables whose last id is past the window. What is not settled
// moves on: it may be parked for a year, and its id is taken all that time.
func (x *index) expire(now time.Time) {
	for len(x.tables) > 0 && now.Sub(x.tables[0].from) > x.window+x.window/tablesPerWindow {
		old := x.tables[0]
		x.tables = x.tables[1:]
		for _, s := range old.slots {
			if s.value != 0 && s.value&settledFlag == 0 {
				x.current(now).insert(s.key, s.value)
			}
		}
	}
}

func (x *index) len() int {
	n := 0
	for _, t := range x.tables {
		n += t.used
	}
	return n
}

// The two low bits of a slot's value; a hash of 62 bits is left for the origin.
const (
	settledFlag = 1
	usedFlag    = 2
	flags       = settledFlag | usedFlag
)

type slot struct {
	key   send.Key
	value uint64 // 0: empty
}

// table is an open-addressing hash set: 24 bytes a slot, at most three in four
// of them used. The keys are hashes already.
type table struct {
	from  time.Time
	slots []slot
	used  int
}

func (t *table) find(k send.Key) *slot {
	mask := len(t.slots) - 1
	for i := int(binary.LittleEndian.Uint64(k[:8])) & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.value == 0 || s.key == k {
			return s
		}
	}
}

func (t *table) insert(k send.Key, value uint64) {
	if t.used >= len(t.slots)/4*3 {
		old := t.slots
		t.slots = make([]slot, 2*len(old))
		for i := range old {
			if old[i].value != 0 {
				*t.find(old[i].key) = old[i]
			}
		}
	}
	*t.find(k) = slot{k, value}
	t.used++
}
