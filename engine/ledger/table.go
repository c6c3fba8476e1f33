package ledger

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/carillonhq/carillon/engine/send"
)

// The two low bits of a value are not the origin's, which is a hash.
const (
	settledFlag = 1
	flags       = 3
)

// table is a hash set of ids with open addressing. The keys are hashes already,
// and their order is kept: so when it grows, it is read and written from one end
// to the other, and a chunk that was read is written to again. There never is
// more of it than its new size, and one chunk.
type table struct {
	from   time.Time
	usage  *Usage
	chunks []chunk
	size   int // slots: a multiple of chunkSize, or those of one chunk that is smaller
	used   int
}

// An id takes a tag and a slot. Four in five are used, and where the table has
// just grown, a fifth less; and a fortieth of each arena is left over. That is 40
// bytes an id at most, which TestIndexBytes holds.
const (
	packed    = 125     // slots that a table needs, in hundredths of what it holds
	firstSize = 256     // slots of a new table
	chunkSize = 1 << 12 // slots: 100 KB of memory
)

func newTable(from time.Time, u *Usage) *table {
	t := &table{from: from, usage: u, size: firstSize}
	t.chunks = []chunk{u.take(firstSize)}
	return t
}

// free gives back all memory. The table must not be used any more.
func (t *table) free() {
	for _, c := range t.chunks {
		t.usage.give(c)
	}
	*t = table{}
}

// home returns the chunk and the slot in it that the key would like to have.
func (t *table) home(k send.Key) (n, at int) {
	high, _ := bits.Mul64(binary.LittleEndian.Uint64(k[:8]), uint64(t.size))
	return int(high / chunkSize), int(high % chunkSize)
}

// find returns the key's slot, or the empty one that it may take.
func (t *table) find(k send.Key) (c chunk, at int, found bool) {
	n, at := t.home(k)
	for {
		c = t.chunks[n]
		if at, found = c.look(k, at); at >= 0 {
			return c, at, found
		}
		if at, n = 0, n+1; n == len(t.chunks) {
			n = 0
		}
	}
}

func (t *table) get(k send.Key) (value uint64, known bool) {
	c, at, known := t.find(k)
	if known {
		value = c.value(at)
	}
	return value, known
}

func (t *table) put(k send.Key, m Mark) {
	value := m.Origin &^ flags
	if m.Settled {
		value |= settledFlag
	}
	c, at, found := t.find(k)
	if !found {
		if t.used >= t.size*100/packed {
			t.resize(max(t.size+t.size/4, min(2*t.size, chunkSize)))
			c, at, _ = t.find(k)
		}
		t.used++
	}
	c.set(at, k, value)
}

// pack gives back what a table has no use for that takes nothing more.
func (t *table) pack() { t.resize(t.used*packed/100 + 1) }

// each calls yield for every id.
func (t *table) each(yield func(k send.Key, value uint64)) {
	for _, c := range t.chunks {
		c.each(func(at int) { yield(c.key(at), c.value(at)) })
	}
}
