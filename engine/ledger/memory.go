package ledger

import "sync/atomic"

// Usage is what the dedupe index of a ledger takes. The zero value is ready to
// use, and safe for concurrent use.
type Usage struct {
	bytes, ids atomic.Int64
	most       atomic.Int64 // of bytes, by one goroutine
}

// Bytes returns the memory of all tables of the index. Nearly all of it is
// outside of the Go heap, so a bound on that (GOMEMLIMIT) does not know of it.
func (u *Usage) Bytes() int64 { return u.bytes.Load() }

// IDs returns how many ids the index held after the last batch of each shard.
func (u *Usage) IDs() int64 { return u.ids.Load() }

// outside is from how many bytes on memory comes from the system, and not from
// the Go heap. There, garbage may grow by as much as lives: each id would be
// paid for twice.
const outside = 64 << 10

// take returns n bytes that are 0.
func (u *Usage) take(n int) []byte {
	if now := u.bytes.Add(int64(n)); now > u.most.Load() {
		u.most.Store(now)
	}
	if n >= outside {
		if b, err := mapped(n); err == nil {
			return b
		}
	}
	return make([]byte, n)
}

// give takes back what take returned. Nobody may look at it any more.
func (u *Usage) give(b []byte) {
	u.bytes.Add(-int64(len(b)))
	if len(b) >= outside {
		unmap(b)
	}
}
