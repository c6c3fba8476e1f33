package table

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Memory is what tables take theirs from, and says how much there is. The zero
// value is ready to use, and safe for concurrent use.
type Memory struct {
	bytes atomic.Int64

	mu     sync.Mutex
	most   int64
	arenas map[int][]*arena // with room, by the bytes of their chunks
}

// Bytes returns the memory of all tables. Nearly all of it is outside of the Go
// heap, so a bound on that (GOMEMLIMIT) does not know of it.
func (m *Memory) Bytes() int64 { return m.bytes.Load() }

// Most returns the most that Bytes has been.
func (m *Memory) Most() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.most
}

// arena is memory from the system, and not from the Go heap. It is as large as the
// pages that the processor has for large tables (of x86-64 and arm64): keys are all
// over theirs, and with small pages it would look up where each one is for as long
// as it takes to read it.
type arena struct {
	memory []byte
	chunk  int      // bytes
	room   [][]byte // of chunks
}

// ArenaSize is how many bytes are taken from the system at a time. A chunk must not
// be larger: so a slot has at most 511 bytes.
const ArenaSize = 2 << 20

// take returns so many bytes whose tags are 0. Those of a chunk that is smaller than
// others are in the Go heap, as all are where the system gives none.
func (m *Memory) take(n int, whole bool) ([]byte, *arena) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !whole {
		return m.onHeap(n)
	}
	if len(m.arenas[n]) == 0 {
		memory, err := mapped(ArenaSize)
		if err != nil {
			return m.onHeap(n)
		}
		if m.arenas == nil {
			m.arenas = map[int][]*arena{}
		}
		m.arenas[n] = append(m.arenas[n], newArena(memory, n))
		m.add(ArenaSize)
	}
	last := len(m.arenas[n]) - 1
	a := m.arenas[n][last]
	left := len(a.room) - 1
	b := a.room[left]
	a.room = a.room[:left]
	if left == 0 {
		m.arenas[n] = m.arenas[n][:last]
	}
	clear(b[:chunkSize])
	return b, a
}

func newArena(memory []byte, chunk int) *arena {
	a := &arena{memory: memory, chunk: chunk}
	for i := range ArenaSize / chunk {
		a.room = append(a.room, memory[i*chunk:(i+1)*chunk:(i+1)*chunk])
	}
	return a
}

func (m *Memory) onHeap(n int) ([]byte, *arena) {
	m.add(n)
	return make([]byte, n), nil
}

// give takes back what take returned. Nobody may look at it any more.
func (m *Memory) give(b []byte, a *arena) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a == nil {
		m.add(-len(b))
		return
	}
	a.room = append(a.room, b)
	switch len(a.room) {
	case ArenaSize / a.chunk:
		m.arenas[a.chunk] = slices.DeleteFunc(m.arenas[a.chunk], func(other *arena) bool { return other == a })
		unmap(a.memory)
		m.add(-ArenaSize)
	case 1:
		m.arenas[a.chunk] = append(m.arenas[a.chunk], a)
	}
}

func (m *Memory) add(n int) { m.most = max(m.most, m.bytes.Add(int64(n))) }
