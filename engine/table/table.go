// Package table holds hash tables for millions of small entries, outside of the
// Go heap: there, garbage may grow by as much as lives, and each entry would be
// paid for twice.
package table

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Key is a hash: its bytes are taken as they are.
type Key interface{ ~[8]byte | ~[16]byte }

// Table is a hash table with open addressing. The keys are hashes already, and
// their order is kept: so when it grows, it is read and written from one end to the
// other, and a chunk that was read is written to again. There never is more of it
// than its new size, and one chunk.
//
// Its memory is not the Go heap's: Free gives it back, and nobody may use the table
// after that. It is not safe for concurrent use.
type Table[K Key] struct {
	memory *Memory
	width  int // of a slot
	chunks []chunk[K]
	size   int // slots: a multiple of chunkSize, or those of one chunk that is smaller
	used   int
}

// An entry takes a tag and a slot. Four in five are used, and where the table has
// just grown, a fifth less; and a fortieth of each arena is left over. That is 40
// bytes at most for a key of 16 and a value of 8, which TestBytes holds.
const (
	packed    = 125     // slots that a table needs, in hundredths of what it holds
	firstSize = 256     // slots of a new table
	chunkSize = 1 << 12 // slots: 100 KB of memory, where one has 24 bytes
)

// New makes a table for values of so many bytes.
func New[K Key](m *Memory, value int) *Table[K] {
	var k K
	t := &Table[K]{memory: m, width: len(k) + value, size: firstSize}
	t.chunks = []chunk[K]{t.take(firstSize)}
	return t
}

func (t *Table[K]) take(slots int) chunk[K] {
	b, a := t.memory.take(slots*(1+t.width), slots == chunkSize)
	return chunk[K]{b[:slots], b[slots:], t.width, a}
}

func (t *Table[K]) give(c chunk[K]) { t.memory.give(c.tags[:cap(c.tags)], c.arena) }

// Free gives back all memory. The table must not be used any more.
func (t *Table[K]) Free() {
	for _, c := range t.chunks {
		t.give(c)
	}
	*t = Table[K]{}
}

// Len returns the number of entries.
func (t *Table[K]) Len() int { return t.used }

// home returns the chunk and the slot in it that the key would like to have.
func (t *Table[K]) home(k K) (n, at int) {
	high, _ := bits.Mul64(binary.LittleEndian.Uint64((*[8]byte)(unsafe.Pointer(&k))[:]), uint64(t.size))
	return int(high / chunkSize), int(high % chunkSize)
}

// find returns the key's slot, or the empty one that it may take.
func (t *Table[K]) find(k K) (c chunk[K], at int, found bool) {
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

// Get returns the key's value, nil where it has none. It is the table's own
// memory, to be read and written until the next Put, Pack, Keep or Free.
func (t *Table[K]) Get(k K) []byte {
	c, at, known := t.find(k)
	if !known {
		return nil
	}
	return c.value(at)
}

// Put returns the key's value as Get does, zeros where it is new.
func (t *Table[K]) Put(k K) []byte {
	c, at, found := t.find(k)
	if !found {
		if t.Full() {
			t.resize(max(t.size+t.size/4, min(2*t.size, chunkSize)), nil)
			c, at, _ = t.find(k)
		}
		t.used++
		c.set(at, k, nil)
	}
	return c.value(at)
}

// Full says whether the next new key makes the table grow.
func (t *Table[K]) Full() bool { return t.used >= t.size*100/packed }

// Pack gives back what a table has no use for that takes nothing more.
func (t *Table[K]) Pack() { t.resize(slotsFor(t.used), nil) }

// Keep forgets the entries that are not to stay, and gives their memory back.
func (t *Table[K]) Keep(stays func(value []byte) bool) {
	n := 0
	t.Each(func(_ K, value []byte) {
		if stays(value) {
			n++
		}
	})
	t.resize(max(firstSize, slotsFor(n)), stays)
}

func slotsFor(n int) int { return n*packed/100 + 1 }

// Each calls yield for every entry. It must not change which there are.
func (t *Table[K]) Each(yield func(k K, value []byte)) {
	for _, c := range t.chunks {
		c.each(func(at int) { yield(c.key(at), c.value(at)) })
	}
}
