package ledger

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Usage is the memory of a ledger's dedupe index, and says how much there is. The
// zero value is ready to use, and safe for concurrent use.
type Usage struct {
	bytes, ids atomic.Int64

	mu     sync.Mutex
	most   int64
	arenas []*arena // with room
}

// Bytes returns the memory of all tables of the index. Nearly all of it is
// outside of the Go heap, so a bound on that (GOMEMLIMIT) does not know of it.
func (u *Usage) Bytes() int64 { return u.bytes.Load() }

// IDs returns how many ids the index held after the last batch of each shard.
func (u *Usage) IDs() int64 { return u.ids.Load() }

// arena is memory from the system, and not from the Go heap: there, garbage may
// grow by as much as lives, and each id would be paid for twice. It is as large
// as the pages that the processor has for large tables (of x86-64 and arm64): ids
// are all over theirs, and with small pages it would look up where each one is
// for as long as it takes to read it.
type arena struct {
	memory []byte
	room   [][]byte // of chunks
}

const (
	arenaSize  = 2 << 20
	chunkBytes = chunkSize * (1 + slotSize)
	arenaHolds = arenaSize / chunkBytes
)

// take returns a chunk that is empty. One that is smaller than others is in the
// Go heap, as all are where the system gives none.
func (u *Usage) take(slots int) chunk {
	u.mu.Lock()
	defer u.mu.Unlock()
	if slots < chunkSize {
		return u.onHeap(slots)
	}
	if len(u.arenas) == 0 {
		memory, err := mapped(arenaSize)
		if err != nil {
			return u.onHeap(slots)
		}
		a := &arena{memory: memory}
		for i := range arenaHolds {
			a.room = append(a.room, memory[i*chunkBytes:(i+1)*chunkBytes:(i+1)*chunkBytes])
		}
		u.arenas = append(u.arenas, a)
		u.add(arenaSize)
	}
	last := len(u.arenas) - 1
	a := u.arenas[last]
	n := len(a.room) - 1
	b := a.room[n]
	a.room = a.room[:n]
	if n == 0 {
		u.arenas = u.arenas[:last]
	}
	clear(b[:slots])
	return chunk{b[:slots], b[slots:], a}
}

func (u *Usage) onHeap(slots int) chunk {
	b := make([]byte, slots*(1+slotSize))
	u.add(len(b))
	return chunk{b[:slots], b[slots:], nil}
}

// give takes back what take returned. Nobody may look at it any more.
func (u *Usage) give(c chunk) {
	u.mu.Lock()
	defer u.mu.Unlock()
	b, a := c.tags[:cap(c.tags)], c.arena
	if a == nil {
		u.add(-len(b))
		return
	}
	a.room = append(a.room, b)
	switch len(a.room) {
	case 1:
		u.arenas = append(u.arenas, a)
	case arenaHolds:
		u.arenas = slices.DeleteFunc(u.arenas, func(other *arena) bool { return other == a })
		unmap(a.memory)
		u.add(-arenaSize)
	}
}

func (u *Usage) add(n int) { u.most = max(u.most, u.bytes.Add(int64(n))) }
