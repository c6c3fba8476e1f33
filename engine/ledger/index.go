package ledger

import (
	"encoding/binary"
	"math/bits"
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

func (x *index) get(k send.Key, now time.Time) (Mark, bool) {
	x.expire(now)
	value, known := x.find(k)
	return Mark{Origin: value &^ flags, Settled: value&settledFlag != 0}, known
}

// find looks in the newest table first: repeated ids are mostly recent.
func (x *index) find(k send.Key) (value uint64, known bool) {
	for i := len(x.tables) - 1; i >= 0; i-- {
		if at, found := x.tables[i].find(k); found {
			return x.tables[i].slots[at].value, true
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
		x.tables[n-1].resize(x.tables[n-1].used*packed/100 + 1)
	}
	t := &table{from: now}
	t.resize(1024)
	x.tables = append(x.tables, t)
	return t
}

// expire drops the tables whose last id is past the window. What is not settled
// moves on: it may be parked for a year, and its id is taken all that time.
func (x *index) expire(now time.Time) {
	for len(x.tables) > 0 && now.Sub(x.tables[0].from) > x.window+x.window/tablesPerWindow {
		old := x.tables[0]
		x.tables = x.tables[1:]
		for i, s := range old.slots {
			if old.tags[i] == 0 || s.value&settledFlag != 0 {
				continue
			}
			if _, known := x.find(s.key); !known { // by a newer table, which knows better
				x.current(now).put(s.key, Mark{Origin: s.value})
			}
		}
	}
}

// keepSettled forgets all that is not settled.
func (x *index) keepSettled() {
	for _, old := range x.tables {
		tags, slots := old.tags, old.slots
		old.tags, old.slots, old.used = nil, nil, 0
		old.resize(len(tags))
		for i, s := range slots {
			if tags[i] != 0 && s.value&settledFlag != 0 {
				old.put(s.key, Mark{Origin: s.value, Settled: true})
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

// The two low bits of a slot's value are not the origin's, which is a hash.
const (
	settledFlag = 1
	flags       = 3
)

type slot struct {
	key   send.Key
	value uint64
}

// table is an open-addressing hash set. The keys are hashes already. A tag is a
// byte of the key, so that an id that is not here, which is what most are, costs
// one line of the processor's cache. A slot takes 25 bytes, and at most four in
// five are used; as many in a table that is packed.
type table struct {
	from  time.Time
	tags  []byte // 0: the slot is empty
	slots []slot
	used  int
}

// packed is how many slots a table needs, in hundredths of what it holds.
const packed = 125

// find returns the key's slot, or the empty one that it may take.
func (t *table) find(k send.Key) (at int, found bool) {
	high, _ := bits.Mul64(binary.LittleEndian.Uint64(k[:8]), uint64(len(t.tags)))
	tag := tagOf(k)
	for at = int(high); ; {
		switch t.tags[at] {
		case 0:
			return at, false
		case tag:
			if t.slots[at].key == k {
				return at, true
			}
		}
		if at++; at == len(t.tags) {
			at = 0
		}
	}
}

func tagOf(k send.Key) byte { return max(1, k[8]) }

func (t *table) put(k send.Key, m Mark) {
	value := m.Origin &^ flags
	if m.Settled {
		value |= settledFlag
	}
	at, found := t.find(k)
	if !found {
		if t.used >= len(t.tags)*100/packed {
			t.resize(len(t.tags) * 2)
			at, _ = t.find(k)
		}
		t.used++
	}
	t.tags[at], t.slots[at] = tagOf(k), slot{k, value}
}

func (t *table) resize(slots int) {
	tags, had := t.tags, t.slots
	t.tags, t.slots = make([]byte, slots), make([]slot, slots)
	for i, tag := range tags {
		if tag != 0 {
			at, _ := t.find(had[i].key)
			t.tags[at], t.slots[at] = tag, had[i]
		}
	}
}
